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
    cpu_set_t cpus;
    int got = sched_getaffinity(0, sizeof cpus, &cpus);
    printf("cpus %d %d first %d", got, CPU_COUNT(&cpus), CPU_ISSET(0, &cpus));
    printf(" set %d", sched_setaffinity(0, sizeof cpus, &cpus));
    CPU_ZERO(&cpus);
    CPU_SET(9, &cpus);
    printf(" other %d\n", sched_setaffinity(0, sizeof cpus, &cpus));
    unsigned cpu = 9, node = 9;
    printf("cpu %d", sched_getcpu());
    syscall(SYS_getcpu, &cpu, &node, NULL);
    printf(" direct %u %u\n", cpu, node);

    unsigned char bytes[40];
    printf("getrandom %ld\n", (long)getrandom(bytes, 5, 0));
    hex("first", bytes, 5);
    printf("getrandom %ld\n", syscall(SYS_getrandom, bytes, sizeof bytes, GRND_NONBLOCK));
    hex("second", bytes, sizeof bytes);
    static unsigned char many[3 << 20];
    long got_many = getrandom(many, sizeof many, 0);
    printf("many %ld, zero after %d\n", got_many, !many[got_many] && !many[got_many + 1]);
    hex("last", many + got_many - 8, 8);
    void *bad = (void *)8;
    long refused[] = {
        syscall(SYS_getrandom, bad, 8, 0), syscall(SYS_getrandom, bytes, 8, 99), syscall(SYS_clock_gettime, 0, bad),
        syscall(SYS_clock_gettime, 0, NULL), syscall(SYS_gettimeofday, bad, NULL), syscall(SYS_time, bad),
        syscall(SYS_sysinfo, NULL), syscall(SYS_getrusage, 0, NULL), syscall(SYS_getrusage, 7, &usage),
        syscall(SYS_nanosleep, bad, NULL), syscall(SYS_times, bad), syscall(SYS_sched_getaffinity, 0, 7, &cpus),
        syscall(SYS_poll, NULL, 1, 1000), syscall(SYS_getitimer, 0, NULL), syscall(SYS_timerfd_gettime, 0, &usage),
        syscall(SYS_timerfd_settime, 99, 0, &usage, NULL)};
    int still = 0;
    for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++) still += refused[i] == -1;
    printf("refused %d of %lu\n", still, sizeof refused / sizeof *refused);
    hex("AT_RANDOM", (unsigned char *)getauxval(AT_RANDOM), 16);
    printf("stack %p\n", (void *)&bytes);
    return 0;
}
