// What the tests run inside containers: one behaviour per first argument.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int cat(void) {
    char buffer[65536];
    ssize_t count;
    while ((count = read(0, buffer, sizeof buffer)) > 0)
        for (ssize_t at = 0; at < count;) {
            ssize_t written = write(1, buffer + at, count - at);
            if (written < 0) return 1;
            at += written;
        }
    return count < 0;
}

// Everything a program finds around itself when it starts.
static int surroundings(int argc, char **argv) {
    for (int i = 0; i < argc; i++) printf("arg %s\n", argv[i]);
    for (char **entry = environ; *entry; entry++) printf("env %s\n", *entry);
    char cwd[4096];
    printf("cwd %s\n", getcwd(cwd, sizeof cwd));
    gid_t groups[64];
    int count = getgroups(64, groups);
    printf("user %d %d %d %d groups %d", getuid(), geteuid(), getgid(), getegid(), count);
    for (int i = 0; i < count; i++) printf(" %d", groups[i]);
    struct utsname name;
    uname(&name);
    printf("\npid %d host %s mask %o\n", getpid(), name.nodename, umask(0));
    for (int fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) != -1) printf("file %d\n", fd);
    for (int number = 1; number < 32; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL) printf("signal %d\n", number);
    }
    sigset_t blocked;
    sigprocmask(0, NULL, &blocked);
    for (int number = 1; number < 32; number++)
        if (sigismember(&blocked, number)) printf("blocked %d\n", number);
    return 0;
}

// What differs from run to run on a host of its own.
static int moment(void) {
    unsigned char bytes[32];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    printf("time %ld %ld.%09ld\n", (long)time(NULL), (long)now.tv_sec, now.tv_nsec);
    if (getrandom(bytes, 8, 0) != 8) return 1;
    memcpy(bytes + 8, (void *)getauxval(AT_RANDOM), 16);
    int fd = open("/dev/urandom", O_RDONLY);
    if (fd < 0 || read(fd, bytes + 24, 8) != 8) return perror("/dev/urandom"), 1;
    for (int i = 0; i < 32; i++) printf("%02x", bytes[i]);
    int local;
    printf("\naddress %p cpus %ld\n", (void *)&local, sysconf(_SC_NPROCESSORS_ONLN));
    fflush(stdout);
    if (fork() == 0) {
        sleep(3600);
        clock_gettime(CLOCK_REALTIME, &now);
        printf("an hour later %ld\n", (long)now.tv_sec);
        exit(0);
    }
    wait(NULL);
    return 0;
}

static int list(const char *path) {
    DIR *folder = opendir(path);
    if (!folder) return perror(path), 1;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.') printf("%s\n", entry->d_name);
    return 0;
}

static int show(const char *path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) return perror(path), 1;
    dup2(fd, 0);
    return cat();
}

static void *touch_memory(size_t bytes) {
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) memset(memory, 1, bytes);
    return memory;
}

static void *idle(void *unused) {
    pause();
    return unused;
}

// The bombs go on until something gives way, and then say what.
static int bomb(const char *kind) {
    char block[65536] = {1};
    long count = 0;
    if (!strcmp(kind, "memory"))
        for (;; count++) touch_memory(1 << 20);
    if (!strcmp(kind, "child-memory")) {
        // The first process outlives the one that is killed.
        if (fork() == 0)
            for (;;) touch_memory(1 << 20);
        int status;
        wait(&status);
        return 0;
    }
    if (!strcmp(kind, "shared-memory"))
        for (;; count++) {
            int id = shmget(IPC_PRIVATE, 1 << 20, 0600);
            char *memory = shmat(id, NULL, 0);
            if (memory == (void *)-1) break;
            memset(memory, 1, 1 << 20);
            shmdt(memory);
        }
    if (!strcmp(kind, "memory-file")) {
        int fd = memfd_create("bomb", 0);
        while (write(fd, block, sizeof block) > 0) count++;
    }
    if (!strcmp(kind, "sockets"))
        for (int pair[2]; socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0; count++) {
            while (write(pair[0], block, sizeof block) > 0);
            while (write(pair[1], block, sizeof block) > 0);
        }
    if (!strcmp(kind, "pipes"))
        for (int pair[2]; pipe2(pair, O_NONBLOCK) == 0; count++) {
            fcntl(pair[1], F_SETPIPE_SZ, 1 << 20);
            while (write(pair[1], block, sizeof block) > 0);
        }
    if (!strcmp(kind, "processes"))
        // Every process makes more of them; the first goes on when it can make none.
        for (;;) {
            pid_t pid = fork();
            if (pid < 0 && getpid() == 1) break;
            count++;
        }
    if (!strcmp(kind, "threads"))
        for (pthread_t thread; pthread_create(&thread, NULL, idle, NULL) == 0; count++);
    if (!strcmp(kind, "zombies"))
        for (pid_t pid; (pid = fork()) >= 0; count++)
            if (pid == 0) _exit(0);
    if (!strcmp(kind, "files"))
        for (char name[64];; count++) {
            snprintf(name, sizeof name, "/tmp/%ld", count);
            if (mknod(name, S_IFREG | 0600, 0)) break;
        }
    if (!strcmp(kind, "bytes")) {
        int fd = open("/tmp/bomb", O_WRONLY | O_CREAT, 0600);
        while (write(fd, block, sizeof block) > 0) count++;
    }
    if (!strcmp(kind, "shm-bytes")) {
        int fd = open("/dev/shm/bomb", O_WRONLY | O_CREAT, 0600);
        while (write(fd, block, sizeof block) > 0) count++;
    }
    if (!strcmp(kind, "dev-bytes")) {
        int fd = open("/dev/bomb", O_WRONLY | O_CREAT, 0600);
        while (write(fd, block, sizeof block) > 0) count++;
    }
    if (!strcmp(kind, "descriptors"))
        while (dup(0) >= 0) count++;
    if (!strcmp(kind, "output"))
        for (;;)
            if (write(1, block, sizeof block) < 0) return 1;
    if (!strcmp(kind, "errors"))
        for (; count < 1000; count++)
            if (write(2, block, sizeof block) < 0) return 1;
    printf("%ld, then: %s\n", count, strerror(errno));
    return 0;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    const char *with = argc > 2 ? argv[2] : "";
    if (!strcmp(what, "cat")) return cat();
    if (!strcmp(what, "surroundings")) return surroundings(argc, argv);
    if (!strcmp(what, "moment")) return moment();
    if (!strcmp(what, "list")) return list(with);
    if (!strcmp(what, "show")) return show(with);
    if (!strcmp(what, "bomb")) return bomb(with);
    if (!strcmp(what, "exit")) return fprintf(stderr, "leaving with %s\n", with), atoi(with);
    if (!strcmp(what, "crash")) return *(volatile int *)8;
    if (!strcmp(what, "abort")) abort();
    if (!strcmp(what, "ignore-input")) return puts("ignored") < 0;
    if (!strcmp(what, "write")) {
        for (long left = atol(with); left > 0; left--) putchar('x');
        return 0;
    }
    if (!strcmp(what, "reopen")) {
        int fd = open("/dev/stdout", O_WRONLY);
        if (fd < 0) return perror("/dev/stdout"), 1;
        return write(fd, "reopened", 8) != 8;
    }
    if (!strcmp(what, "linger")) {
        // A descendant that has left session and parent keeps the output open.
        signal(SIGTERM, SIG_IGN);
        if (fork() == 0) {
            setsid();
            if (fork() == 0)
                for (;;) pause();
            _exit(0);
        }
        wait(NULL);
        return puts("done") < 0;
    }
    if (!strcmp(what, "sleep")) {
        for (;;) pause();
    }
    fprintf(stderr, "unknown behaviour `%s`\n", what);
    return 99;
}
