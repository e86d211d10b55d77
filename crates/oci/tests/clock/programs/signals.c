/* Takes random bytes and waits while another process sends signals without pause; prints the bytes and the time. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int signals;
static void on_signal(int signal) { signals += signal == SIGUSR1; }

int main(int count, char **arguments) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    pid_t sender = 0, own = getpid();
    if (count > 1 && !strcmp(arguments[1], "flood") && (sender = fork()) == 0)
        for (;;) kill(own, SIGUSR1);
    uint64_t sum = 0, part;
    for (int i = 0; i < 300; i++) {
        if (getrandom(&part, 8, 0) != 8) return 1;
        sum = sum * 31 + part;
    }
    /* Each of these may be cut short by a signal, and is then tried again for what is left. */
    struct timespec left = {0, 30000000}, t;
    while (nanosleep(&left, &left) && errno == EINTR) {}
    if (sender) kill(sender, SIGKILL), waitpid(sender, NULL, 0);
    clock_gettime(CLOCK_MONOTONIC, &t);
    printf("%016lx %d\n", sum, t.tv_sec > 86400 || t.tv_nsec >= 30000000);
    fprintf(stderr, "%s\n", sender == 0 || signals > 50 ? "" : "few signals came");
    return 0;
}
