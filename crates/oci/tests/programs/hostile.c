// Tries one trick, named by the first argument, and says `works` or why it does not.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

// A trick returns 0 (or more) if it works, and -1 with errno set if not.
typedef int trick(const char *with);

// Files.
static int read_file(const char *path) {
    char byte;
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    if (fd < 0) return -1;
    ssize_t count = read(fd, &byte, 1);
    if (count == 0) errno = ENODATA;
    return count > 0 ? 0 : -1;
}
static int write_file(const char *path) {
    int fd = open(path, O_WRONLY);
    return fd < 0 ? -1 : (int)write(fd, "0", 1);
}
static int lower_own_oom_score(const char *unused) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);
    return fd < 0 ? -1 : (int)write(fd, "-1000", 5);
}
static int create_file(const char *path) { return open(path, O_WRONLY | O_CREAT | O_EXCL, 0600); }
static int remove_file(const char *path) { return unlink(path); }
static int open_device(const char *path) { return open(path, O_RDWR | O_NONBLOCK); }
static int open_by_handle(const char *path) {
    struct { struct file_handle handle; char bytes[128]; } handle = {.handle.handle_bytes = 128};
    int mount;
    if (name_to_handle_at(AT_FDCWD, path, &handle.handle, &mount, 0)) return -1;
    return open_by_handle_at(open(path, O_RDONLY), &handle.handle, O_RDONLY);
}
static int change_root(const char *path) { return chroot(path); }
static int pivot(const char *path) { return syscall(SYS_pivot_root, path, path); }
static int mount_proc(const char *path) { return mount("proc", path, "proc", 0, NULL); }
static int mount_tmpfs(const char *path) { return mount("tmpfs", path, "tmpfs", 0, NULL); }
static int mount_bind(const char *path) { return mount("/", path, NULL, MS_BIND, NULL); }
static int remount_writable(const char *path) { return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL); }
static int unmount(const char *path) { return umount2(path, MNT_DETACH); }
static int clone_tree(const char *path) { return syscall(SYS_open_tree, AT_FDCWD, path, 1 /* clone */); }
static int open_file_system(const char *kind) { return syscall(SYS_fsopen, kind, 0); }
static int make_device(const char *path, mode_t kind, dev_t device) {
    int made = mknod(path, kind | 0666, device);
    if (made == 0) unlink(path);
    return made;
}
static int make_block_device(const char *path) { return make_device(path, S_IFBLK, makedev(254, 0)); }
static int make_memory_device(const char *path) { return make_device(path, S_IFCHR, makedev(1, 1)); }

// Rights.
static int become_root(const char *unused) { return setuid(0); }
static int change_owner(const char *path) {
    close(open(path, O_CREAT | O_WRONLY, 0600));
    return chown(path, 12, 12);
}
static int take_capabilities(const char *unused) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct all[2] = {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}};
    // Kernels know fewer than 64 of them and refuse the others.
    all[1] = (struct __user_cap_data_struct){0xff, 0xff, 0xff};
    return syscall(SYS_capset, &header, all);
}
static int give_file_capabilities(const char *path) {
    close(open(path, O_CREAT | O_WRONLY, 0700));
    unsigned data[5] = {0x02000001, 1, 0, 0, 0};
    return setxattr(path, "security.capability", data, sizeof data, 0);
}
static int run_set_user_id(const char *path) {
    pid_t child = fork();
    if (child == 0) {
        execl(path, path, "am-root", NULL);
        _exit(9);
    }
    int status;
    waitpid(child, &status, 0);
    errno = EACCES;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}
static int am_root(const char *unused) { _exit(geteuid() != 0); }
static int raise_priority(const char *unused) { return setpriority(PRIO_PROCESS, 0, -20); }
static int run_in_real_time(const char *unused) {
    struct sched_param param = {.sched_priority = 50};
    return sched_setscheduler(0, SCHED_FIFO, &param);
}
static int raise_files(const char *unused) {
    struct rlimit limit = {1 << 20, 1 << 20};
    return setrlimit(RLIMIT_NOFILE, &limit);
}

// Namespaces.
static int unshare_user(const char *unused) { return unshare(CLONE_NEWUSER); }
static int unshare_mount(const char *unused) { return unshare(CLONE_NEWNS); }
static int unshare_net(const char *unused) { return unshare(CLONE_NEWNET); }
static int clone_namespace(long flags) {
    long child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    if (child > 0) waitpid(child, NULL, 0);
    return child > 0 ? 0 : -1;
}
static int clone_user(const char *unused) { return clone_namespace(CLONE_NEWUSER); }
static int clone_pid(const char *unused) { return clone_namespace(CLONE_NEWPID); }
static int clone_three(const char *unused) {
    unsigned long long args[8] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
    long child = syscall(SYS_clone3, args, sizeof args);
    if (child == 0) _exit(0);
    if (child > 0) waitpid(child, NULL, 0);
    return child > 0 ? 0 : -1;
}
static int join_namespace(const char *path) { return setns(open(path, O_RDONLY), 0); }

// Other processes.
static int with_child(long (*act)(pid_t)) {
    pid_t child = fork();
    if (child == 0)
        for (;;) pause();
    long result = act(child);
    int error = errno;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    errno = error;
    return result < 0 ? -1 : 0;
}
static long attach(pid_t child) { return ptrace(PTRACE_ATTACH, child, 0, 0); }
static int trace_child(const char *unused) { return with_child(attach); }
static int be_traced(const char *unused) { return ptrace(PTRACE_TRACEME, 0, 0, 0); }
static long read_word(pid_t child) {
    static long word;
    struct iovec here = {&word, sizeof word}, there = {&word, sizeof word};
    return process_vm_readv(child, &here, 1, &there, 1, 0);
}
static int read_child_memory(const char *unused) { return with_child(read_word); }
static long compare(pid_t child) { return syscall(SYS_kcmp, getpid(), child, 1, 0, 0); }
static int compare_with_child(const char *unused) { return with_child(compare); }
static long take_file(pid_t child) { return syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, child, 0), 0, 0); }
static int take_file_of_child(const char *unused) { return with_child(take_file); }
static int signal_process(const char *pid) { return kill(atoi(pid), 0); }
static int see_processes(const char *unused) {
    DIR *folder = opendir("/proc");
    if (!folder) return -1;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (atoi(entry->d_name) > 0 && atoi(entry->d_name) != getpid()) return 0;
    errno = ESRCH;
    return -1;
}

// The kernel.
static int load_bpf(const char *unused) {
    struct { unsigned type, key, value, entries; char rest[100]; } map = {2 /* array */, 4, 4, 1};
    return syscall(SYS_bpf, 0 /* create a map */, &map, sizeof map);
}
static int count_performance(const char *unused) {
    struct { unsigned type, size; unsigned long config; char rest[112]; } attributes = {1 /* software */, 128, 0};
    return syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
}
static int add_key(const char *unused) { return syscall(SYS_add_key, "user", "trick", "x", 1, -2 /* process */); }
static int request_key(const char *unused) { return syscall(SYS_request_key, "user", "trick", NULL, -2); }
static int join_keyring(const char *unused) { return syscall(SYS_keyctl, 1 /* join */, NULL); }
static int handle_faults(const char *unused) { return syscall(SYS_userfaultfd, O_CLOEXEC); }
static int set_up_ring(const char *unused) {
    char parameters[120] = {0};
    return syscall(SYS_io_uring_setup, 4, parameters);
}
static int secret_memory(const char *unused) { return syscall(SYS_memfd_secret, 0); }
static int watch_files(const char *unused) { return syscall(SYS_fanotify_init, 0, O_RDONLY); }
static int load_module(const char *unused) { return syscall(SYS_init_module, "", 0, ""); }
static int load_kernel(const char *unused) { return syscall(SYS_kexec_load, 0, 0, NULL, 0); }
static int disable_restart_keys(const char *unused) { return syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL); }
static int swap_on(const char *path) { return swapon(path, 0); }
static int account(const char *path) { return acct(path); }
static int read_kernel_log(const char *unused) {
    char buffer[64];
    return klogctl(3 /* read all */, buffer, sizeof buffer);
}
static int execute_readable(const char *unused) { return personality(READ_IMPLIES_EXEC); }
static int set_clock(const char *unused) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return clock_settime(CLOCK_REALTIME, &now);
}
static int set_time_of_day(const char *unused) {
    struct timeval now;
    gettimeofday(&now, NULL);
    return settimeofday(&now, NULL);
}
static int adjust_clock(const char *unused) {
    struct timex change = {.modes = ADJ_OFFSET};
    return adjtimex(&change);
}
static int set_host_name(const char *name) { return sethostname(name, strlen(name)); }
static int message_queue(const char *unused) { return syscall(SYS_mq_open, "trick", O_CREAT | O_RDWR, 0600, NULL); }
static int type_into_terminal(const char *unused) { return ioctl(0, TIOCSTI, "x"); }
static int move_pages_of_all(const char *unused) { return syscall(SYS_migrate_pages, 0, 64, NULL, NULL); }
#ifdef __x86_64__
static int input_output_ports(const char *unused) { return syscall(SYS_iopl, 3); }
static int local_descriptors(const char *unused) {
    char buffer[16];
    return syscall(SYS_modify_ldt, 0 /* read */, buffer, sizeof buffer);
}
static int call_x32(const char *unused) { return syscall(0x40000000 | SYS_getpid); }
static int call_32_bit(const char *unused) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid */) : "r8", "r9", "r10", "r11", "memory");
    errno = -result;
    return result > 0 ? 0 : -1;
}
#endif

// The network and what else processes share.
static int make_raw_socket(const char *unused) { return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); }
static int make_packet_socket(const char *unused) { return socket(AF_PACKET, SOCK_RAW, 0); }
static int make_netlink_socket(const char *unused) { return socket(AF_NETLINK, SOCK_RAW, 0); }
static int make_vsock_socket(const char *unused) { return socket(40 /* AF_VSOCK */, SOCK_STREAM, 0); }
static int make_crypto_socket(const char *unused) { return socket(AF_ALG, SOCK_SEQPACKET, 0); }
static int address(const char *text, struct sockaddr_in *address) {
    char host[64] = {0};
    const char *colon = strchr(text, ':');
    memcpy(host, text, colon - text);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(colon + 1))};
    return inet_pton(AF_INET, host, &address->sin_addr);
}
static int connect_tcp(const char *text) {
    struct sockaddr_in to;
    address(text, &to);
    return connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof to);
}
static int send_udp(const char *text) {
    struct sockaddr_in to;
    address(text, &to);
    return sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (struct sockaddr *)&to, sizeof to);
}
static int abstract_socket(const char *name, int listen_on_it) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path + 1, name, sizeof to.sun_path - 2);
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (!listen_on_it) return connect(fd, (struct sockaddr *)&to, length);
    return bind(fd, (struct sockaddr *)&to, length) || listen(fd, 1);
}
static int connect_abstract(const char *name) { return abstract_socket(name, 0); }
static int connect_path(const char *path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path, path, sizeof to.sun_path - 1);
    return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof to);
}
static int make_shared_memory(const char *key) { return shmget(atoi(key), 4096, IPC_CREAT | 0666) < 0 ? -1 : 0; }
static int find_shared_memory(const char *key) { return shmget(atoi(key), 4096, 0) < 0 ? -1 : 0; }
static int remove_shared_memory(const char *key) { return shmctl(shmget(atoi(key), 4096, 0), IPC_RMID, NULL); }

// Leaves something for other containers to find, and stays.
static int hold_secrets(const char *key) {
    int memory = make_shared_memory(key), socket = abstract_socket(key, 1);
    int file = create_file("/dev/shm/secret");
    write(file, "secret", 6);
    if (memory || socket || file < 0) return -1;
    file = create_file("/tmp/secret");
    write(file, "secret", 6);
    for (;;) pause();
}

#define TRICK(name) {#name, name}
static const struct { const char *name; trick *act; } TRICKS[] = {
    TRICK(read_file), TRICK(write_file), TRICK(lower_own_oom_score), TRICK(create_file), TRICK(remove_file),
    TRICK(open_device), TRICK(open_by_handle), TRICK(change_root), TRICK(pivot), TRICK(mount_proc), TRICK(mount_tmpfs),
    TRICK(mount_bind), TRICK(remount_writable), TRICK(unmount), TRICK(clone_tree), TRICK(open_file_system),
    TRICK(make_block_device), TRICK(make_memory_device), TRICK(become_root), TRICK(change_owner),
    TRICK(take_capabilities), TRICK(give_file_capabilities), TRICK(run_set_user_id), TRICK(raise_priority),
    TRICK(run_in_real_time), TRICK(raise_files), TRICK(unshare_user), TRICK(unshare_mount), TRICK(unshare_net),
    TRICK(clone_user), TRICK(clone_pid), TRICK(clone_three), TRICK(join_namespace), TRICK(trace_child),
    TRICK(be_traced), TRICK(read_child_memory), TRICK(compare_with_child), TRICK(take_file_of_child),
    TRICK(signal_process), TRICK(see_processes), TRICK(load_bpf), TRICK(count_performance), TRICK(add_key),
    TRICK(request_key), TRICK(join_keyring), TRICK(handle_faults), TRICK(set_up_ring), TRICK(secret_memory),
    TRICK(watch_files), TRICK(load_module), TRICK(load_kernel), TRICK(disable_restart_keys), TRICK(swap_on),
    TRICK(account), TRICK(read_kernel_log), TRICK(execute_readable), TRICK(set_clock), TRICK(set_time_of_day),
    TRICK(adjust_clock), TRICK(set_host_name), TRICK(message_queue), TRICK(type_into_terminal),
    TRICK(move_pages_of_all), TRICK(make_raw_socket), TRICK(make_packet_socket), TRICK(make_netlink_socket),
    TRICK(make_vsock_socket), TRICK(make_crypto_socket), TRICK(connect_tcp), TRICK(send_udp), TRICK(connect_abstract),
    TRICK(connect_path), TRICK(make_shared_memory), TRICK(find_shared_memory), TRICK(remove_shared_memory),
    TRICK(hold_secrets),
#ifdef __x86_64__
    TRICK(input_output_ports), TRICK(local_descriptors), TRICK(call_x32), TRICK(call_32_bit),
#endif
};

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "am-root")) am_root("");
    for (size_t i = 0; argc > 1 && i < sizeof TRICKS / sizeof *TRICKS; i++)
        if (!strcmp(TRICKS[i].name, argv[1])) {
            errno = 0;
            puts(TRICKS[i].act(argc > 2 ? argv[2] : "") >= 0 ? "works" : strerror(errno));
            return 0;
        }
    puts("no such trick");
    return 9;
}
