/* Tries to get at the host's clock around the supervisor. Prints the name of each way that is open. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static int tried;

static void expect(const char *name, long result, int error) {
    tried++;
    if (result != -1 || errno != error) printf("open: %s (%ld, %s)\n", name, result, strerrorname_np(errno));
}

/* The mappings of this process whose line has this text in it. */
static int mappings(const char *text, unsigned long *from, unsigned long *to) {
    char line[512];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        if (strstr(line, text) && ++found == 1) sscanf(line, "%lx-%lx", from, to);
    fclose(maps);
    return found;
}

int main(int count, char **arguments) {
    if (count > 1 && !strcmp(arguments[1], "int80")) {
        long seconds;
        __asm__ volatile("int $0x80" : "=a"(seconds) : "a"(13), "b"(0) : "memory");
        printf("open: int80 %ld\n", seconds);
        return 0;
    }
    if (count > 1 && !strcmp(arguments[1], "rdtsc")) {
        unsigned low, high;
        __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
        printf("open: rdtsc\n");
        return 0;
    }
    unsigned long from = 0, to = 0;
    tried++;
    if (mappings("[vvar", &from, &to)) printf("open: the kernel's clock pages\n");
    struct timex timex = {0};
    expect("adjtimex", syscall(SYS_adjtimex, &timex), EPERM);
    expect("clock_adjtime", syscall(SYS_clock_adjtime, CLOCK_REALTIME, &timex), EPERM);
    expect("clock_settime", syscall(SYS_clock_settime, CLOCK_REALTIME, &timex), EPERM);
    expect("settimeofday", syscall(SYS_settimeofday, &timex, NULL), EPERM);
    expect("ptrace", ptrace(PTRACE_TRACEME, 0, 0, 0), EPERM);
    expect("cycle counter on", prctl(PR_SET_TSC, PR_TSC_ENABLE), EPERM);
    expect("timer_create", syscall(SYS_timer_create, CLOCK_REALTIME, NULL, &from), ENOSYS);
    expect("io_uring", syscall(SYS_io_uring_setup, 1, &timex), ENOSYS);
    expect("aio", syscall(SYS_io_setup, 1, &timex), ENOSYS);
    expect("futex_waitv", syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0), ENOSYS);
    expect("futex_wait", syscall(455, NULL, 0, 0, 0, NULL, 0), ENOSYS);
    struct timespec soon = {1, 0};
    expect("mq_timedsend", syscall(SYS_mq_timedsend, 0, "", 0, 0, &soon), ENOSYS);
    expect("mq_timedreceive", syscall(SYS_mq_timedreceive, 0, &timex, 0, 0, &soon), ENOSYS);
    expect("recvmmsg", syscall(SYS_recvmmsg, 0, NULL, 0, 0, &soon), ENOSYS);
    expect("rseq", syscall(SYS_rseq, &timex, 32, 0, 0), ENOSYS);
    expect("x32", syscall(0x40000000 | SYS_clock_gettime, CLOCK_REALTIME, &timex), ENOSYS);
    expect("an open clock device", clock_gettime(((~0u) << 3) | 3, (struct timespec *)&timex), EINVAL);
    int on = 1, sockets[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets)) return 1;
    for (int option = 1; option < 70; option++)
        if (option == 29 || option == 35 || option == 37 || option == 63 || option == 64 || option == 65)
            expect("message times", setsockopt(sockets[0], SOL_SOCKET, option, &on, sizeof on), ENOPROTOOPT);
    expect("SIOCGSTAMP", ioctl(sockets[0], 0x8906, &timex), ENOTTY);
    expect("SIOCGSTAMP, new", ioctl(sockets[0], 0x80108906, &timex), ENOTTY);
    /* A process without a vDSO may ask for a new one, which nobody has replaced. */
    if (mappings("[vdso]", &from, &to) != 1 || munmap((void *)from, to - from)) return 1;
    for (int kind = 0x2001; kind <= 0x2003; kind++)
        expect("a new vDSO", syscall(SYS_arch_prctl, kind, from), EPERM);
    printf("tried %d\n", tried);
    return 0;
}
