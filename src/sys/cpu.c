/* sys/cpu.c - processor features, asked for without a system call. */
#include "sys/cpu.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

#define LEAF1_ECX_SSSE3 (1u << 9)
#define LEAF1_ECX_SSE41 (1u << 19)
#define LEAF7_EBX_SHA (1u << 29)

bool cpu_has_sha256(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & LEAF1_ECX_SSSE3) || !(c & LEAF1_ECX_SSE41))
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & LEAF7_EBX_SHA);
}

#elif defined(__aarch64__)
#include <sys/auxv.h>

#define HWCAP_BIT_SHA2 (1ul << 6) /* asm/hwcap.h */

bool cpu_has_sha256(void) {
    return (getauxval(AT_HWCAP) & HWCAP_BIT_SHA2) != 0;
}

#else

bool cpu_has_sha256(void) {
    return false;
}

#endif
