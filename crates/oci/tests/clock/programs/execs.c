/* Starts itself in every way there is; whatever is started prints the time that it sees. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *own;
static char *shown[] = {"execs", "show", NULL};

static void show(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    unsigned char *random = (unsigned char *)getauxval(AT_RANDOM);
    printf("%ld.%09ld %02x%02x%02x%02x\n", (long)t.tv_sec, t.tv_nsec, random[0], random[1], random[2], random[3]);
}

static void *from_thread(void *unused) {
    execv(own, shown);
    return unused;
}

static int copy_of_self(void) {
    char block[65536];
    int from = open(own, O_RDONLY), to = memfd_create("copy", 0);
    ssize_t size;
    while ((size = read(from, block, sizeof block)) > 0)
        if (write(to, block, size) != size) exit(1);
    close(from);
    return to;
}

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "";
    own = realpath("/proc/self/exe", NULL);
    pid_t child = 0;
    setbuf(stdout, NULL);
    if (!strcmp(what, "show")) {
        show();
        return 0;
    }
    if (!strcmp(what, "chain")) {
        int left = atoi(arguments[2]);
        show();
        char next[12];
        snprintf(next, sizeof next, "%d", left - 1);
        char *chain[] = {"execs", "chain", next, NULL};
        if (left > 0) execv(own, chain);
        return left;
    }
    if (!strcmp(what, "thread")) {
        pthread_t thread;
        pthread_create(&thread, NULL, from_thread, NULL);
        for (;;) pause();
    }
    if (!strcmp(what, "failing")) {
        int first = execv("/nowhere/at/all", shown);
        int first_error = errno;
        int second = execv("/proc", shown);
        printf("%d %s, %d %s\n", first, strerrorname_np(first_error), second, strerrorname_np(errno));
        execv(own, shown);
    }
    if (!strcmp(what, "memory")) fexecve(copy_of_self(), shown, environ);
    if (!strcmp(what, "vfork") && (child = vfork()) == 0) {
        execv(own, shown);
        _exit(1);
    }
    if (!strcmp(what, "spawn")) posix_spawn(&child, own, NULL, NULL, shown, environ);
    if (!strcmp(what, "untraced")) {
        child = syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, NULL, NULL, NULL, NULL);
        if (child == 0) execv(own, shown);
    }
    if (!strcmp(what, "clone3")) {
        struct clone_args how = {.exit_signal = SIGCHLD, .flags = CLONE_UNTRACED};
        child = syscall(SYS_clone3, &how, sizeof how);
        if (child == 0) execv(own, shown);
    }
    /* Half of the children are killed, each a little later in its life. */
    if (!strcmp(what, "storm")) {
        int killed = 0, status;
        for (int i = 0; i < 200; i++) {
            if ((child = fork()) == 0) {
                freopen("/dev/null", "w", stdout);
                execv(own, shown);
            }
            for (volatile int pause = (i / 2) * 3000; pause > 0; pause--) {}
            if (i % 2) kill(child, SIGKILL);
            if (waitpid(child, &status, 0) != child) return 1;
            killed += WIFSIGNALED(status);
        }
        printf("%s\n", killed <= 100 ? "ok" : "too many were killed");
        return 0;
    }
    int status = 0;
    if (child > 0) waitpid(child, &status, 0);
    return status;
}
