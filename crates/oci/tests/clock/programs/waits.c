/* Waits in every way there is, and prints what each returned and how far the clock moved. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct timespec started;

static struct timespec now(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return t;
}

static struct timespec in(clockid_t id, long seconds) {
    struct timespec t = now(id);
    t.tv_sec += seconds;
    return t;
}

static void begin(void) { started = now(CLOCK_MONOTONIC); }

static void end(const char *name, long result) {
    int error = errno;
    struct timespec t = now(CLOCK_MONOTONIC);
    long ns = (t.tv_sec - started.tv_sec) * 1000000000L + t.tv_nsec - started.tv_nsec;
    printf("%s: %ld%s%s, %ld.%09ld s\n", name, result, result < 0 ? " " : "",
           result < 0 ? strerrorname_np(error) : "", ns / 1000000000, ns % 1000000000);
    fflush(stdout);
}

static int alarms;
static void on_alarm(int signal) { alarms += signal == SIGALRM; }

static void sleeps(void) {
    struct timespec hour = {3600, 0}, tiny = {0, 1}, wrong = {0, 1000000000}, later;
    begin(), end("nanosleep", nanosleep(&hour, NULL));
    begin(), end("nanosleep, 1 ns", nanosleep(&tiny, NULL));
    begin(), end("nanosleep, invalid", nanosleep(&wrong, NULL));
    begin(), later = in(CLOCK_REALTIME, 100);
    end("clock_nanosleep to a wall time", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &later, NULL));
    begin(), end("clock_nanosleep to a past time", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &hour, NULL));
    begin(), end("clock_nanosleep, no such clock", -clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &hour, NULL));
}

static void polls(void) {
    int pipe_ends[2];
    if (pipe(pipe_ends)) return;
    struct pollfd polled = {pipe_ends[0], POLLIN, POLLIN};
    struct timespec two = {2, 0};
    struct timeval three = {3, 0};
    begin(), end("poll", poll(&polled, 1, 60000));
    printf("revents %d\n", polled.revents);
    begin(), end("poll, no wait", poll(&polled, 1, 0));
    begin(), end("ppoll", ppoll(&polled, 1, &two, NULL));
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pipe_ends[0], &set);
    begin(), end("select", select(pipe_ends[0] + 1, &set, NULL, NULL, &three));
    printf("still set %d\n", FD_ISSET(pipe_ends[0], &set));
    FD_SET(pipe_ends[0], &set);
    begin(), end("pselect", pselect(pipe_ends[0] + 1, &set, NULL, NULL, &two, NULL));
    printf("still set %d\n", FD_ISSET(pipe_ends[0], &set));
    int epoll = epoll_create1(0);
    struct epoll_event event = {EPOLLIN, {0}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, pipe_ends[0], &event);
    begin(), end("epoll_wait", epoll_wait(epoll, &event, 1, 4000));
    begin(), end("epoll_pwait2", syscall(SYS_epoll_pwait2, epoll, &event, 1, &two, NULL, 8));
    if (write(pipe_ends[1], "x", 1) != 1) return;
    begin(), end("poll, ready", poll(&polled, 1, 60000));
    begin(), end("epoll_wait, ready", epoll_wait(epoll, &event, 1, 4000));
}

static void locks(void) {
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    struct timespec later;
    begin(), later = in(CLOCK_REALTIME, 5);
    end("sem_timedwait", sem_timedwait(&semaphore, &later));
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    pthread_mutex_lock(&mutex);
    begin(), later = in(CLOCK_REALTIME, 6);
    end("pthread_cond_timedwait, wall", pthread_cond_timedwait(&condition, &mutex, &later));
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_t monotonic;
    pthread_cond_init(&monotonic, &attributes);
    begin(), later = in(CLOCK_MONOTONIC, 7);
    end("pthread_cond_timedwait, monotonic", pthread_cond_timedwait(&monotonic, &mutex, &later));
    begin(), later = in(CLOCK_REALTIME, 8);
    end("pthread_mutex_timedlock", pthread_mutex_timedlock(&mutex, &later));
    uint32_t word = 1;
    struct timespec nine = {9, 0};
    begin(), end("futex", syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, &nine, NULL, 0));
    begin(), end("futex, changed", syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 2, &nine, NULL, 0));
    sigset_t signals;
    sigemptyset(&signals), sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    begin(), end("sigtimedwait", sigtimedwait(&signals, NULL, &nine));
    int id = semget(IPC_PRIVATE, 1, 0600);
    struct sembuf take = {0, -1, 0};
    begin(), end("semtimedop", semtimedop(id, &take, 1, &nine));
    semctl(id, 0, IPC_RMID);
}

static void timers(void) {
    signal(SIGALRM, on_alarm);
    begin(), alarm(10);
    printf("alarm before: %u\n", alarm(20));
    end("pause", pause());
    struct timespec hour = {3600, 0}, left;
    begin(), alarm(5);
    end("nanosleep, interrupted", nanosleep(&hour, &left));
    printf("left %ld.%09ld, alarms %d\n", (long)left.tv_sec, left.tv_nsec, alarms);
    struct itimerval each = {{2, 0}, {1, 500000}}, rest, none = {{0, 0}, {0, 0}};
    begin(), setitimer(ITIMER_REAL, &each, NULL);
    for (int i = 0; i < 3; i++) pause();
    getitimer(ITIMER_REAL, &rest);
    end("three ticks", setitimer(ITIMER_REAL, &none, NULL));
    printf("rest %ld.%06ld each %ld, alarms %d\n", (long)rest.it_value.tv_sec, (long)rest.it_value.tv_usec,
           (long)rest.it_interval.tv_sec, alarms);
    begin(), end("cpu timer", setitimer(ITIMER_PROF, &each, NULL));

    uint64_t count = 0;
    int fd = timerfd_create(CLOCK_MONOTONIC, 0), wall = timerfd_create(CLOCK_REALTIME, 0);
    struct itimerspec set = {{0, 0}, {30, 0}}, got;
    begin(), timerfd_settime(fd, 0, &set, NULL), timerfd_gettime(fd, &got);
    end("timer", read(fd, &count, 8));
    printf("count %lu, was %ld\n", count, (long)got.it_value.tv_sec);
    begin(), set.it_value = in(CLOCK_REALTIME, 40);
    timerfd_settime(wall, TFD_TIMER_ABSTIME, &set, NULL);
    struct pollfd polled = {wall, POLLIN, 0};
    end("timer at a wall time", poll(&polled, 1, -1));
    set = (struct itimerspec){{7, 0}, {1, 0}};
    begin(), timerfd_settime(fd, 0, &set, NULL);
    for (int i = 0; i < 3; i++)
        if (read(fd, &count, 8) != 8) return;
    end("timer, three times", 0);
    begin(), close(fd), polled.fd = wall;
    if (read(wall, &count, 8) != 8) return;
    end("poll, timer closed", poll(&polled, 1, 30000));
}

static void loops(void) {
    begin();
    struct timespec until = in(CLOCK_MONOTONIC, 1), t;
    do t = now(CLOCK_MONOTONIC);
    while (t.tv_sec < until.tv_sec || (t.tv_sec == until.tv_sec && t.tv_nsec < until.tv_nsec));
    end("loop on the clock", 0);
    begin();
    until = in(CLOCK_REALTIME, 0);
    do syscall(SYS_clock_gettime, CLOCK_REALTIME, &t);
    while (t.tv_sec == until.tv_sec && t.tv_nsec < until.tv_nsec + 20000000);
    end("loop on the system call", 0);
}

static void children(void) {
    int ends[2], status;
    struct rusage usage = {.ru_maxrss = 5};
    if (pipe(ends)) return;
    begin();
    pid_t child = fork();
    if (child == 0) {
        sleep(5);
        if (write(ends[1], "x", 1) != 1) _exit(1);
        sleep(5);
        _exit(3);
    }
    struct pollfd polled = {ends[0], POLLIN, 0};
    end("poll for a child", poll(&polled, 1, 60000));
    begin(), end("wait4 for a child", wait4(child, &status, 0, &usage) == child);
    printf("status %d, used %ld.%06ld, %ld\n", WEXITSTATUS(status), (long)usage.ru_utime.tv_sec,
           (long)usage.ru_utime.tv_usec, usage.ru_maxrss);
}

/* A thread waits for a flag without sleeping: nothing but giving up on "all are asleep" ends this. */
static volatile int flag;
static void *sets_flag(void *unused) {
    usleep(1000);
    flag = 1;
    return unused;
}

static void spin(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, sets_flag, NULL);
    while (!flag) {}
    pthread_join(thread, NULL);
    printf("done\n");
}

/* Sixteen threads start to poll at once, each a second longer than the one before. */
static struct timespec woke[16];
static void *polls_alone(void *argument) {
    long index = (struct timespec *)argument - woke;
    poll(NULL, 0, (index + 1) * 1000);
    woke[index] = now(CLOCK_MONOTONIC);
    return NULL;
}

static void crowd(void) {
    pthread_t threads[16];
    for (int i = 15; i >= 0; i--) pthread_create(&threads[i], NULL, polls_alone, &woke[i]);
    for (int i = 0; i < 16; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 16; i++) printf("%ld.%09ld s\n", (long)woke[i].tv_sec - 86400, woke[i].tv_nsec);
}

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "";
    if (!strcmp(what, "sleeps")) sleeps();
    if (!strcmp(what, "polls")) polls();
    if (!strcmp(what, "locks")) locks();
    if (!strcmp(what, "timers")) timers();
    if (!strcmp(what, "loops")) loops();
    if (!strcmp(what, "children")) children();
    if (!strcmp(what, "spin")) spin();
    if (!strcmp(what, "crowd")) crowd();
    return 0;
}
