// Stands in for an image's dynamic linker: the kernel starts it when the program is `/proc/self/exe`, which then is the
// supervisor's own executable. Without a C library, because the auxiliary vector describes another program.
static long call(long number, long first, long second, long third) {
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third)
                     : "rcx", "r11", "memory");
    return result;
}

void _start(void) {
    // Busy text would hide a missing right, so the owner's rights are tried as well.
    long opened = call(2 /* open */, (long)"/proc/self/exe", 2 /* read and write */, 0);
    long changed = call(90 /* chmod */, (long)"/proc/self/exe", 0777, 0);
    const char *text = opened >= 0 ? "opened" : changed >= 0 ? "changed" : opened == -13 && changed == -1 ? "refused" : "other";
    long length = 0;
    while (text[length]) length++;
    call(1 /* write */, 1, (long)text, length);
    call(231 /* exit_group */, 0, 0, 0);
    for (;;) {}
}
