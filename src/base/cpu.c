/* cpu.c - asks the processor by cpuid and the operating system by xgetbv; on AArch64 the kernel
 * tells (getauxval). */
#include "base/cpu.h"

#include "base/log.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#define LEVELS "auto, c, avx2, avx512, avx512vnni, avx512bf16, amx"
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#define LEVELS "auto, c, neon, dotprod, i8mm"
#else
#define LEVELS "auto, c"
#endif

enum { LEVEL_UNREAD = -1 };

static const char *const level_names[SK_CPU_N] = {
    "c", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx", "neon", "dotprod", "i8mm"};

/* The level in use; LEVEL_UNREAD until the first question. */
static atomic_int level_now = LEVEL_UNREAD;

#if defined(__x86_64__)
/* Bits of cpuid leaf 1 ecx, leaf 7.0 ebx and ecx, leaf 7.1 eax; and of XCR0 (Intel SDM vol. 2 and
 * 1, 13.3). */
enum {
    L1_FMA = 1 << 12,
    L1_OSXSAVE = 1 << 27,
    L1_F16C = 1 << 29,
    L7_AVX2 = 1 << 5,
    L7_AVX512F = 1 << 16,
    L7_AVX512DQ = 1 << 17,
    L7_AVX512BW = 1 << 30,
    L7C_VNNI = 1 << 11,
    L71_BF16 = 1 << 5,
    L7D_AMX = 1 << 22 | 1 << 24 | 1 << 25, /* bf16, tiles, int8 */
    XCR0_YMM = 0x06,
    XCR0_ZMM = 0xe6,
    XCR0_TILE = 0x60000
};
#define L7_AVX512VL (1u << 31)

/* The state components the operating system saves. */
static unsigned xcr0(void)
{
    unsigned lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    (void)hi;
    return lo;
}

/* True when all bits of want are in have. */
static bool has(unsigned have, unsigned want)
{
    return (have & want) == want;
}

/* Asks the operating system for the tile registers (Linux, Documentation/arch/x86/xstate.rst). */
static bool may_use_tiles(void)
{
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

/* The best level of this machine. */
static sk_cpu_level detect(void)
{
    unsigned a, b, c, d, c1, b7, c7, d7;
    if (!__get_cpuid(1, &a, &b, &c1, &d) || !has(c1, L1_FMA | L1_OSXSAVE | L1_F16C))
        return SK_CPU_C;
    unsigned os = xcr0();
    if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7)) return SK_CPU_C;
    if (!has(os, XCR0_YMM) || !has(b7, L7_AVX2)) return SK_CPU_C;
    unsigned want = L7_AVX512F | L7_AVX512DQ | L7_AVX512BW | L7_AVX512VL;
    if (!has(os, XCR0_ZMM) || !has(b7, want)) return SK_CPU_AVX2;
    if (!has(c7, L7C_VNNI)) return SK_CPU_AVX512;
    if (a < 1 || !__get_cpuid_count(7, 1, &a, &b, &c, &d)) return SK_CPU_AVX512VNNI;
    if (!has(a, L71_BF16)) return SK_CPU_AVX512VNNI;
    return has(d7, L7D_AMX) && has(os, XCR0_TILE) && may_use_tiles() ? SK_CPU_AMX
                                                                     : SK_CPU_AVX512BF16;
}
#elif defined(__aarch64__)
/* The best level of this machine; NEON is part of AArch64. */
static sk_cpu_level detect(void)
{
    if (!(getauxval(AT_HWCAP) & HWCAP_ASIMDDP)) return SK_CPU_NEON;
    return getauxval(AT_HWCAP2) & HWCAP2_I8MM ? SK_CPU_I8MM : SK_CPU_DOTPROD;
}
#else
/* Elsewhere only the reference kernels exist. */
static sk_cpu_level detect(void)
{
    return SK_CPU_C;
}
#endif

/* Levels of two kinds of processor follow each other in the enumeration. */
bool sk_cpu_includes(sk_cpu_level a, sk_cpu_level b)
{
    return b == SK_CPU_C || (b <= a && (a >= SK_CPU_NEON) == (b >= SK_CPU_NEON));
}

/* The best level of this machine, mask disregarded. */
sk_cpu_level sk_cpu_best(void)
{
    return detect();
}

/* Level by name into *out ("auto": the best); false if unknown. */
static bool level_parse(const char *name, sk_cpu_level *out)
{
    if (strcmp(name, "auto") == 0) {
        *out = sk_cpu_best();
        return true;
    }
    for (int i = 0; i < SK_CPU_N; i++) {
        if (strcmp(name, level_names[i]) != 0) continue;
        *out = (sk_cpu_level)i;
        return true;
    }
    return false;
}

/* The level that STOKE_CPU asks for, no better than the best; with a warning where it can't be had.
 */
static sk_cpu_level level_from_env(void)
{
    sk_cpu_level best = sk_cpu_best(), want = best;
    const char *name = getenv("STOKE_CPU");
    if (!name || !*name) return best;
    if (!level_parse(name, &want))
        sk_log(SK_LOG_WARN, "STOKE_CPU=%s is not a level (" LEVELS "): using %s", name,
               level_names[best]);
    else if (!sk_cpu_includes(best, want))
        sk_log(SK_LOG_WARN, "STOKE_CPU=%s: this machine has no %s: using %s", name, name,
               level_names[best]);
    return sk_cpu_includes(best, want) ? want : best;
}

/* The level in use. */
sk_cpu_level sk_cpu(void)
{
    int now = atomic_load_explicit(&level_now, memory_order_relaxed);
    if (now == LEVEL_UNREAD) {
        int level = (int)level_from_env();
        if (atomic_compare_exchange_strong(&level_now, &now, level)) now = level;
    }
    assert(now >= 0 && now < SK_CPU_N);
    return (sk_cpu_level)now;
}

/* Name of a level. */
const char *sk_cpu_name(sk_cpu_level level)
{
    return (unsigned)level < SK_CPU_N ? level_names[level] : "unknown";
}

/* Sets the mask by name. */
sk_status sk_cpu_mask(const char *name, sk_err *e)
{
    sk_cpu_level want;
    if (!level_parse(name, &want))
        return sk_fail(e, SK_E_INVALID, "unknown CPU level '%s': use one of " LEVELS, name);
    if (!sk_cpu_includes(sk_cpu_best(), want))
        return sk_fail(e, SK_E_UNSUPPORTED, "this machine has no %s: its best level is %s", name,
                       level_names[sk_cpu_best()]);
    atomic_store(&level_now, (int)want);
    return SK_OK;
}
