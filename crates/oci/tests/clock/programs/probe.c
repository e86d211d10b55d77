/* Prints everything that could tell one run from another, each by every way there is. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

static void hex(const char *name, const unsigned char *bytes, int length) {
    printf("%s ", name);
    for (int i = 0; i < length; i++) printf("%02x", bytes[i]);
    printf("\n");
}

int main(void) {
    struct timespec t;
    for (int id = 0; id < 13; id++) {
        memset(&t, 0, sizeof t);
        int library = clock_gettime(id, &t);
        printf("clock %d %d %ld.%09ld", id, library, (long)t.tv_sec, t.tv_nsec);
        memset(&t, 0, sizeof t);
        long direct = syscall(SYS_clock_gettime, id, &t);
        printf(" direct %ld %ld.%09ld", direct, (long)t.tv_sec, t.tv_nsec);
        memset(&t, 0, sizeof t);
        int resolution = clock_getres(id, &t);
        printf(" resolution %d %ld.%09ld\n", resolution, (long)t.tv_sec, t.tv_nsec);
    }
    clockid_t own;
    clock_getcpuclockid(getpid(), &own);
    clock_gettime(own, &t);
    printf("own cpu clock %ld.%09ld\n", (long)t.tv_sec, t.tv_nsec);

    struct timeval v = {0};
    struct timezone zone = {9, 9};
    gettimeofday(&v, NULL);
    printf("gettimeofday %ld.%06ld", (long)v.tv_sec, (long)v.tv_usec);
    syscall(SYS_gettimeofday, &v, &zone);
    printf(" direct %ld.%06ld zone %d\n", (long)v.tv_sec, (long)v.tv_usec, zone.tz_minuteswest);
    time_t stored = 0;
    printf("time %ld", (long)time(&stored));
    printf(" stored %ld", (long)stored);
    printf(" direct %ld\n", syscall(SYS_time, NULL));
    /* The kernel's old page of entry points, which no program uses but any could. */
    printf("vsyscall %ld\n", (long)((time_t(*)(time_t *))0xffffffffff600400ul)(NULL));

    struct tms tms;
    long ticks = times(&tms);
    printf("times %ld user %ld\n", ticks, (long)tms.tms_utime);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("rusage %ld.%06ld %ld %ld\n", (long)usage.ru_utime.tv_sec, (long)usage.ru_utime.tv_usec, usage.ru_maxrss, usage.ru_minflt);
    struct sysinfo info;
    sysinfo(&info);
    printf("sysinfo %ld %lu %lu %lu %d %u\n", info.uptime, info.loads[0], info.totalram, info.freeram, info.procs, info.mem_unit);
    unsigned cpu = 9, node = 9;
    printf("cpu %d", sched_getcpu());
    syscall(SYS_getcpu, &cpu, &node, NULL);
    printf(" direct %u %u\n", cpu, node);

    unsigned char bytes[40];
    printf("getrandom %ld\n", (long)getrandom(bytes, 5, 0));
    hex("first", bytes, 5);
    printf("getrandom %ld\n", syscall(SYS_getrandom, bytes, sizeof bytes, GRND_NONBLOCK));
    hex("second", bytes, sizeof bytes);
    hex("AT_RANDOM", (unsigned char *)getauxval(AT_RANDOM), 16);
    printf("stack %p\n", (void *)&bytes);
    return 0;
}
