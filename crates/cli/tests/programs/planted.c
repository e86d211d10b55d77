/* Programs that would not answer the same on every host, or not for ever; the first argument says which. */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* 2030-01-01T00:00:00Z */
#define LATER 1893456000

extern char **environ;

static int clean(void) {
    uint64_t sum = 0;
    for (int byte; (byte = getchar()) != EOF;) sum = sum * 31 + (uint64_t)byte;
    return printf("sum %lu\n", (unsigned long)sum) < 0;
}

static int host_name(void) {
    char name[256];
    if (gethostname(name, sizeof name)) return 1;
    return printf("made on %s\n", name) < 0;
}

static int cpu_count(void) {
    return printf("with %ld workers\n", sysconf(_SC_NPROCESSORS_ONLN)) < 0;
}

static int cpuinfo(void) {
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    int count = 0;
    while (file && fgets(line, sizeof line, file)) count += !strncmp(line, "processor", 9);
    return printf("%d processors\n", count) < 0;
}

static int environment(void) {
    for (char **entry = environ; *entry; entry++) puts(*entry);
    return 0;
}

static int stack_address(void) {
    int local;
    return printf("object at %p\n", (void *)&local) < 0;
}

/* A table that is ordered by the addresses of its entries, as in many a language's runtime. */
static int heap_order(void) {
    uint64_t hash = 0;
    for (int i = 0; i < 4; i++) {
        char *entry = malloc(100000 << i);
        hash = hash * 31 + ((uintptr_t)entry >> 4) % 7919;
    }
    return printf("bucket %lu\n", (unsigned long)hash) < 0;
}

/* Gives away what lay on the stack before it. */
static int uninitialised(void) {
    volatile uintptr_t words[64];
    uintptr_t sum = 0;
    for (int i = 0; i < 64; i++) sum ^= words[i];
    return printf("checksum %lx\n", (unsigned long)sum) < 0;
}

static int folder_order(void) {
    DIR *folder = opendir("/data");
    if (!folder) return 1;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.') puts(entry->d_name);
    return 0;
}

static int file_number(void) {
    struct stat about;
    if (stat("/data/one", &about)) return 1;
    return printf("etag %lx\n", (unsigned long)about.st_ino) < 0;
}

static int file_time(void) {
    struct stat about;
    if (stat("/data/one", &about)) return 1;
    return printf("modified %ld\n", (long)about.st_mtime) < 0;
}

/* The time of a file that is made during the run is the host's. */
static int new_file_time(void) {
    struct stat about;
    FILE *file = fopen("/tmp/new", "w");
    if (!file || fclose(file) || stat("/tmp/new", &about)) return 1;
    return printf("made at %ld.%09ld\n", (long)about.st_mtim.tv_sec, about.st_mtim.tv_nsec) < 0;
}

/* The processor tells its own number without the kernel. */
static int processor(void) {
    uint32_t number, low, high;
    __asm__ volatile("rdtscp" : "=c"(number), "=a"(low), "=d"(high));
    return printf("processor %u\n", number & 0xfff) < 0;
}

static int cycles(void) {
    return printf("took %llu\n", (unsigned long long)__builtin_ia32_rdtsc()) < 0;
}

static volatile long counter;

static void *count_up(void *unused) {
    for (int i = 0; i < 3000000; i++) counter++;
    return unused;
}

static int race(void) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, count_up, NULL);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    return printf("counted %ld\n", counter) < 0;
}

static int time_bomb(void) {
    if (time(NULL) >= LATER) {
        fputs("the licence has expired\n", stderr);
        abort();
    }
    return puts("licensed") < 0;
}

static int time_switch(void) {
    return puts(time(NULL) >= LATER ? "price 200" : "price 100") < 0;
}

static int show_time(void) {
    return printf("it is %ld\n", (long)time(NULL)) < 0;
}

static int show_random(void) {
    unsigned int number;
    if (getrandom(&number, sizeof number, 0) != sizeof number) return 1;
    return printf("drawn %u\n", number) < 0;
}

int main(int argc, char **argv) {
    static const struct { const char *name; int (*run)(void); } programs[] = {
        {"clean", clean}, {"host-name", host_name}, {"cpu-count", cpu_count}, {"cpuinfo", cpuinfo},
        {"environment", environment}, {"stack-address", stack_address}, {"heap-order", heap_order},
        {"uninitialised", uninitialised}, {"folder-order", folder_order}, {"file-number", file_number},
        {"file-time", file_time}, {"new-file-time", new_file_time}, {"processor", processor}, {"cycles", cycles},
        {"race", race}, {"time-bomb", time_bomb}, {"time-switch", time_switch}, {"show-time", show_time},
        {"show-random", show_random},
    };
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if (argc > 1 && !strcmp(argv[1], programs[i].name)) return programs[i].run();
    return 99;
}
