//! The code that replaces the vDSO's functions: it answers from the [`Window`](crate::clock::window) of its process.
//!
//! Written once as assembly, copied into each program from this executable. It uses absolute addresses of the window
//! only, so it runs wherever it is copied to; it keeps to the C calling convention and touches no stack. Each read
//! takes one from the window's allowance; when that is spent, or for a clock it does not know, the stub makes the system
//! call, which the supervisor answers.

use std::arch::global_asm;

use crate::clock::window;

/// A function of the vDSO and the offset of its replacement in [`stubs`].
#[derive(Clone, Copy, Debug)]
pub(in crate::clock) struct Stub {
    /// The symbol's name, without the prefix `__vdso_`.
    pub name: &'static str,
    pub offset: u64,
}

unsafe extern "C" {
    static vouch_stubs: u8;
    static vouch_stub_clock_gettime: u8;
    static vouch_stub_gettimeofday: u8;
    static vouch_stub_time: u8;
    static vouch_stub_clock_getres: u8;
    static vouch_stub_getcpu: u8;
    static vouch_stub_getrandom: u8;
    static vouch_stubs_end: u8;
}

/// The replacements' code and where each starts in it.
pub(in crate::clock) fn stubs() -> (&'static [u8], [Stub; 6]) {
    let start = &raw const vouch_stubs;
    let length = (&raw const vouch_stubs_end).addr() - start.addr();
    // SAFETY: the assembly below lays these labels around its code, which stays in this executable for good.
    let code = unsafe { std::slice::from_raw_parts(start, length) };
    let stub = |name, label: *const u8| Stub { name, offset: (label.addr() - start.addr()) as u64 };
    let table = [
        stub("clock_gettime", &raw const vouch_stub_clock_gettime),
        stub("gettimeofday", &raw const vouch_stub_gettimeofday),
        stub("time", &raw const vouch_stub_time),
        stub("clock_getres", &raw const vouch_stub_clock_getres),
        stub("getcpu", &raw const vouch_stub_getcpu),
        stub("getrandom", &raw const vouch_stub_getrandom),
    ];
    (code, table)
}

global_asm!(
    ".pushsection .rodata.vouch_stubs, \"a\"",
    // Of this library alone, but not of one object file: an optimised build refers to them from others.
    ".globl vouch_stubs",
    ".hidden vouch_stubs",
    ".globl vouch_stub_clock_gettime",
    ".hidden vouch_stub_clock_gettime",
    ".globl vouch_stub_gettimeofday",
    ".hidden vouch_stub_gettimeofday",
    ".globl vouch_stub_time",
    ".hidden vouch_stub_time",
    ".globl vouch_stub_clock_getres",
    ".hidden vouch_stub_clock_getres",
    ".globl vouch_stub_getcpu",
    ".hidden vouch_stub_getcpu",
    ".globl vouch_stub_getrandom",
    ".hidden vouch_stub_getrandom",
    ".globl vouch_stubs_end",
    ".hidden vouch_stubs_end",
    ".balign 16",
    "vouch_stubs:",
    // int clock_gettime(clockid_t clock [edi], struct timespec *answer [rsi])
    "vouch_stub_clock_gettime:",
    "movabs r8, {window}",
    "sub qword ptr [r8 + {reads_left}], 1",
    "jle 8f",
    "cmp edi, 31",
    "ja 8f",
    "mov rax, [r8 + {elapsed}]",
    "mov ecx, {wall_clocks}",
    "bt ecx, edi",
    "jc 2f",
    "mov ecx, {monotonic_clocks}",
    "bt ecx, edi",
    "jc 3f",
    "mov ecx, {cpu_clocks}",
    "bt ecx, edi",
    "jc 4f",
    "8:",
    "mov eax, 228",
    "syscall",
    "ret",
    "2:",
    "add rax, [r8 + {wall_origin}]",
    "jmp 4f",
    "3:",
    "add rax, [r8 + {monotonic_origin}]",
    "4:",
    "xor edx, edx",
    "mov ecx, 1000000000",
    "div rcx",
    "mov [rsi], rax",
    "mov [rsi + 8], rdx",
    "xor eax, eax",
    "ret",
    // int gettimeofday(struct timeval *answer [rdi], struct timezone *zone [rsi])
    ".balign 16",
    "vouch_stub_gettimeofday:",
    "movabs r8, {window}",
    "sub qword ptr [r8 + {reads_left}], 1",
    "jle 8f",
    "test rdi, rdi",
    "jz 2f",
    "mov rax, [r8 + {elapsed}]",
    "add rax, [r8 + {wall_origin}]",
    "xor edx, edx",
    "mov ecx, 1000000000",
    "div rcx",
    "mov [rdi], rax",
    "mov rax, rdx",
    "xor edx, edx",
    "mov ecx, 1000",
    "div rcx",
    "mov [rdi + 8], rax",
    "2:",
    "test rsi, rsi",
    "jz 3f",
    "mov qword ptr [rsi], 0",
    "3:",
    "xor eax, eax",
    "ret",
    "8:",
    "mov eax, 96",
    "syscall",
    "ret",
    // time_t time(time_t *answer [rdi])
    ".balign 16",
    "vouch_stub_time:",
    "movabs r8, {window}",
    "sub qword ptr [r8 + {reads_left}], 1",
    "jle 8f",
    "mov rax, [r8 + {elapsed}]",
    "add rax, [r8 + {wall_origin}]",
    "xor edx, edx",
    "mov ecx, 1000000000",
    "div rcx",
    "test rdi, rdi",
    "jz 2f",
    "mov [rdi], rax",
    "2:",
    "ret",
    "8:",
    "mov eax, 201",
    "syscall",
    "ret",
    // int clock_getres(clockid_t clock [edi], struct timespec *answer [rsi])
    ".balign 16",
    "vouch_stub_clock_getres:",
    "mov eax, 229",
    "syscall",
    "ret",
    // int getcpu(unsigned *cpu [rdi], unsigned *node [rsi], void *unused)
    ".balign 16",
    "vouch_stub_getcpu:",
    "xor eax, eax",
    "test rdi, rdi",
    "jz 2f",
    "mov [rdi], eax",
    "2:",
    "test rsi, rsi",
    "jz 3f",
    "mov [rsi], eax",
    "3:",
    "ret",
    // ssize_t getrandom(...): "not there" (-ENOSYS), upon which callers make the system call
    ".balign 16",
    "vouch_stub_getrandom:",
    "mov rax, -38",
    "ret",
    "vouch_stubs_end:",
    ".popsection",
    window = const window::ADDRESS,
    elapsed = const window::ELAPSED,
    reads_left = const window::READS_LEFT,
    wall_origin = const window::WALL_ORIGIN,
    monotonic_origin = const window::MONOTONIC_ORIGIN,
    wall_clocks = const window::WALL_CLOCKS,
    monotonic_clocks = const window::MONOTONIC_CLOCKS,
    cpu_clocks = const window::CPU_CLOCKS,
);
