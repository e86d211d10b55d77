//! The system calls that are stopped: data, and its translation to the kernel's filter language.
//!
//! The filter stands beside the container's own: of stacked filters the strictest answer wins, and what is allowed here
//! is the weakest. It grows with every program a process becomes or starts and cannot be taken off.

use super::window;

const ARCHITECTURE: u32 = 0xc000_003e; // AUDIT_ARCH_X86_64
const OTHER_ABI: u32 = 0x4000_0000; // the x32 ABI's bit in a call's number

/// What happens to a call whose conditions hold.
#[derive(Clone, Copy, Debug)]
enum Action {
    /// The supervisor answers.
    Notify,
    /// It fails with this error number.
    Fail(i32),
}

/// A condition on a call's argument (by position).
#[derive(Clone, Copy, Debug)]
enum Condition {
    /// The low half of the argument, masked, is one of these.
    OneOf(usize, u32, &'static [u32]),
    /// Seen as an `int`, it is above zero.
    Positive(usize),
    /// It is an address, and not one of the window's page.
    Address(usize),
}

struct Rule {
    call: i64,
    conditions: &'static [Condition],
    action: Action,
}

const fn rule(call: i64, conditions: &'static [Condition], action: Action) -> Rule {
    Rule { call, conditions, action }
}

const fn notify(call: i64) -> Rule {
    rule(call, &[], Action::Notify)
}

/// A wait with a timeout.
const fn timed(call: i64, conditions: &'static [Condition]) -> Rule {
    rule(call, conditions, Action::Notify)
}

/// Not there: programs have another way, which they then take.
const fn absent(call: i64, conditions: &'static [Condition]) -> Rule {
    rule(call, conditions, Action::Fail(libc::ENOSYS))
}

const fn refused(call: i64, conditions: &'static [Condition]) -> Rule {
    rule(call, conditions, Action::Fail(libc::EPERM))
}

const FUTEX_COMMAND: u32 = 0x7f;
/// FUTEX_WAIT, LOCK_PI, WAIT_BITSET, WAIT_REQUEUE_PI, LOCK_PI2: the commands with a timeout.
const FUTEX_WAITS: &[u32] = &[0, 6, 9, 11, 13];
/// ARCH_MAP_VDSO_X32, _32, _64: a process may map a fresh vDSO, which would tell the host's time.
const MAP_VDSO: &[u32] = &[0x2001, 0x2002, 0x2003];
/// SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMPING, old and new: the host's time comes with a message.
const STAMP_OPTIONS: &[u32] = &[29, 35, 37, 63, 64, 65];
/// SIOCGSTAMP and SIOCGSTAMPNS, old and new.
const STAMP_REQUESTS: &[u32] = &[0x8906, 0x8907, 0x8010_8906, 0x8010_8907];
const ANY_HALF: u32 = u32::MAX;

const RULES: &[Rule] = &[
    // Programs: each needs its vDSO replaced before its first instruction.
    notify(libc::SYS_execve),
    notify(libc::SYS_execveat),
    // Reads of the time, of randomness and of what would tell how long something took.
    notify(libc::SYS_clock_gettime),
    notify(libc::SYS_gettimeofday),
    notify(libc::SYS_time),
    notify(libc::SYS_clock_getres),
    notify(libc::SYS_getrandom),
    notify(libc::SYS_times),
    notify(libc::SYS_sysinfo),
    notify(libc::SYS_getrusage),
    notify(libc::SYS_getcpu),
    notify(libc::SYS_sched_getaffinity),
    notify(libc::SYS_sched_setaffinity),
    rule(libc::SYS_wait4, &[Condition::Address(3)], Action::Notify),
    rule(libc::SYS_waitid, &[Condition::Address(4)], Action::Notify),
    // Waits for time to pass.
    notify(libc::SYS_nanosleep),
    notify(libc::SYS_clock_nanosleep),
    timed(libc::SYS_poll, &[Condition::Positive(2)]),
    timed(libc::SYS_ppoll, &[Condition::Address(2)]),
    timed(libc::SYS_select, &[Condition::Address(4)]),
    timed(libc::SYS_pselect6, &[Condition::Address(4)]),
    timed(libc::SYS_epoll_wait, &[Condition::Positive(3)]),
    timed(libc::SYS_epoll_pwait, &[Condition::Positive(3)]),
    timed(libc::SYS_epoll_pwait2, &[Condition::Address(3)]),
    timed(libc::SYS_rt_sigtimedwait, &[Condition::Address(2)]),
    timed(libc::SYS_semtimedop, &[Condition::Address(3)]),
    timed(libc::SYS_futex, &[Condition::OneOf(1, FUTEX_COMMAND, FUTEX_WAITS), Condition::Address(3)]),
    // Timers.
    notify(libc::SYS_alarm),
    notify(libc::SYS_setitimer),
    notify(libc::SYS_getitimer),
    notify(libc::SYS_timerfd_settime),
    notify(libc::SYS_timerfd_gettime),
    absent(libc::SYS_timer_create, &[]),
    // Waits with another way in every program that uses them.
    absent(libc::SYS_futex_waitv, &[]),
    absent(FUTEX_WAIT_CALL, &[]),
    absent(libc::SYS_mq_timedsend, &[Condition::Address(4)]),
    absent(libc::SYS_mq_timedreceive, &[Condition::Address(4)]),
    absent(libc::SYS_recvmmsg, &[Condition::Address(4)]),
    absent(libc::SYS_io_setup, &[]),
    absent(libc::SYS_io_uring_setup, &[]),
    // The kernel would write the number of the cpu into the program's memory.
    absent(libc::SYS_rseq, &[]),
    // Ways around the replaced functions, or to the kernel's own clocks.
    refused(libc::SYS_ptrace, &[]),
    refused(libc::SYS_arch_prctl, &[Condition::OneOf(0, ANY_HALF, MAP_VDSO)]),
    refused(libc::SYS_prctl, &[Condition::OneOf(0, ANY_HALF, &[libc::PR_SET_TSC as u32])]),
    refused(libc::SYS_adjtimex, &[]),
    refused(libc::SYS_clock_adjtime, &[]),
    refused(libc::SYS_clock_settime, &[]),
    refused(libc::SYS_settimeofday, &[]),
    rule(
        libc::SYS_setsockopt,
        &[Condition::OneOf(1, ANY_HALF, &[libc::SOL_SOCKET as u32]), Condition::OneOf(2, ANY_HALF, STAMP_OPTIONS)],
        Action::Fail(libc::ENOPROTOOPT),
    ),
    rule(libc::SYS_ioctl, &[Condition::OneOf(1, ANY_HALF, STAMP_REQUESTS)], Action::Fail(libc::ENOTTY)),
];

/// `futex_wait` of Linux 6.7, which the C library's table of numbers does not have yet.
const FUTEX_WAIT_CALL: i64 = 455;

/// The whole filter.
pub(super) fn program() -> Vec<libc::sock_filter> {
    let mut code = vec![
        load(ARCHITECTURE_OFFSET),
        jump_if_equal(ARCHITECTURE, 1, 0),
        give(libc::SECCOMP_RET_KILL_PROCESS),
        load(CALL_OFFSET),
        instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, OTHER_ABI, 0, 1),
        give(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
    ];
    for rule in RULES {
        code.extend(compile(rule));
    }
    code.push(give(libc::SECCOMP_RET_ALLOW));
    code
}

const CALL_OFFSET: u32 = 0;
const ARCHITECTURE_OFFSET: u32 = 4;

fn low_half(argument: usize) -> u32 {
    16 + 8 * argument as u32
}

/// A rule's instructions; whatever does not match falls through to the next rule.
fn compile(rule: &Rule) -> Vec<libc::sock_filter> {
    let action = match rule.action {
        Action::Notify => libc::SECCOMP_RET_USER_NOTIF,
        Action::Fail(error) => libc::SECCOMP_RET_ERRNO | error as u32,
    };
    // Built from the end, so that each part knows how far it is to the end of the rule.
    let mut code = vec![give(action)];
    for condition in rule.conditions.iter().rev() {
        let part = compile_condition(condition, code.len());
        code.splice(0..0, part);
    }
    let length = code.len();
    code.splice(0..0, [load(CALL_OFFSET), jump_if_equal(rule.call as u32, 0, length)]);
    code
}

/// Instructions that go on to the next one if the condition holds and leave the rule, `rest` instructions after them,
/// if not.
fn compile_condition(condition: &Condition, rest: usize) -> Vec<libc::sock_filter> {
    match *condition {
        Condition::OneOf(argument, mask, values) => {
            let mut code =
                vec![load(low_half(argument)), instruction(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, mask, 0, 0)];
            for (index, value) in values.iter().enumerate() {
                let left = values.len() - index - 1;
                code.push(jump_if_equal(*value, left, if left == 0 { rest } else { 0 }));
            }
            code
        }
        Condition::Positive(argument) => vec![
            load(low_half(argument)),
            instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 1 << 31, rest + 1, 0),
            jump_if_equal(0, rest, 0),
        ],
        Condition::Address(argument) => vec![
            load(low_half(argument) + 4),
            jump_if_equal((window::ADDRESS >> 32) as u32, 0, 2),
            // In the window's four gigabytes, whose low half starts at zero: an address of ours if in the page.
            load(low_half(argument)),
            instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, window::PAGE as u32, 3, rest + 3),
            // Elsewhere: anything but null.
            jump_if_equal(0, 0, 2),
            load(low_half(argument)),
            jump_if_equal(0, rest, 0),
        ],
    }
}

fn load(offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0, 0)
}

fn give(action: u32) -> libc::sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, action, 0, 0)
}

fn jump_if_equal(value: u32, then: usize, otherwise: usize) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, then, otherwise)
}

fn instruction(code: u32, value: u32, then: usize, otherwise: usize) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: then as u8, jf: otherwise as u8, k: value }
}
