/* Eight threads at once read the clock and take random bytes; prints what each saw, in the order of their start. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

static struct saw {
    uint64_t random;
    struct timespec last;
    int went_back;
} saw[8];

static void *look(void *argument) {
    struct saw *mine = argument;
    struct timespec t, before = {0, 0};
    for (int i = 0; i < 400; i++) {
        clock_gettime(CLOCK_REALTIME, &t);
        mine->went_back |= t.tv_sec < before.tv_sec || (t.tv_sec == before.tv_sec && t.tv_nsec < before.tv_nsec);
        before = t;
        uint64_t part;
        if (i % 40 == 0 && getrandom(&part, 8, 0) == 8) mine->random = mine->random * 31 + part;
    }
    mine->last = t;
    return NULL;
}

int main(void) {
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, look, &saw[i]);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        printf("%016lx %ld.%09ld %d\n", saw[i].random, (long)saw[i].last.tv_sec, saw[i].last.tv_nsec, saw[i].went_back);
    }
    return 0;
}
