/* The cases of the driver test kit as one static program; its first argument says which. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static uint8_t counter;

static void echo(void) {
    char buffer[65536];
    for (ssize_t got; (got = read(0, buffer, sizeof buffer)) > 0;)
        for (ssize_t done = 0; done < got;) {
            ssize_t wrote = write(1, buffer + done, got - done);
            if (wrote < 0) exit(1);
            done += wrote;
        }
}

static int recurse(int depth) {
    volatile char frame[1024];
    memset((char *)frame, depth, sizeof frame);
    return recurse(depth + 1) + frame[depth % 1024];
}

static void grow(void) {
    uint32_t pages = 0;
    for (char *page; (page = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED; pages++)
        memset(page, 1, 65536);
    fwrite(&pages, sizeof pages, 1, stdout);
}

static void observe(void) {
    uint64_t now = time(0);
    uint8_t random[16];
    struct timespec monotonic;
    if (getrandom(random, sizeof random, 0) != sizeof random) exit(1);
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    uint64_t nanoseconds = monotonic.tv_sec * 1000000000ull + monotonic.tv_nsec;
    fwrite(&now, sizeof now, 1, stdout);
    fwrite(random, sizeof random, 1, stdout);
    fwrite(&nanoseconds, sizeof nanoseconds, 1, stdout);
}

int main(int count, char **arguments) {
    const char *name = count > 1 ? arguments[1] : "";
    if (!strcmp(name, "echo")) echo();
    else if (!strcmp(name, "count")) { counter++; fwrite(&counter, 1, 1, stdout); }
    else if (!strcmp(name, "trap")) __builtin_trap();
    else if (!strcmp(name, "fail")) return 3;
    else if (!strcmp(name, "spin")) for (volatile int i = 0;; i++) {}
    else if (!strcmp(name, "grow")) grow();
    else if (!strcmp(name, "recurse")) return recurse(0);
    else if (!strcmp(name, "observe")) observe();
    else return 64;
    return 0;
}
