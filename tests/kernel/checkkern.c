/* checkkern.c - compares every kernel of every CPU level with its definition, as TAP; --bench times
 * them.
 *
 * Output is poisoned before a kernel runs and guarded on both sides; sizes go round the edges of
 * vectors and blocks; pointers are off by one element.  The seed is printed and can be set.
 */
#include "tests/kernel/ck.h"

#include "base/mem.h"
#include "base/rng.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POISON 0x7fe5a5a5u /* a NaN that no kernel makes */

void ck_case(ck *k, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(k->what, sizeof k->what, fmt, ap);
    va_end(ap);
    k->cases++;
}

void ck_fail(ck *k, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    k->bad = true;
    if (k->shown++ < 8) printf("# %s: %s\n", k->what, text);
}

float *ck_room(ck *k, size_t i, size_t n, size_t off)
{
    assert(i < CK_ROOMS);
    ck_room_state *r = &k->room[i];
    size_t words = n + off + 2 * (size_t)CK_GUARD;
    sk_free(r->base);
    *r = (ck_room_state){sk_alloc(SK_MEM_MISC, words * 4), n, off};
    if (!r->base) {
        (void)fprintf(stderr, "checkkern: out of memory\n");
        exit(71);
    }
    for (size_t j = 0; j < words; j++)
        r->base[j] = POISON;
    return (float *)(void *)(r->base + CK_GUARD + off);
}

uint16_t *ck_room16(ck *k, size_t i, size_t n, size_t off)
{
    return (uint16_t *)(void *)ck_room(k, i, (n + 1) / 2, off);
}

void ck_guards(ck *k)
{
    for (size_t i = 0; i < CK_ROOMS; i++) {
        const ck_room_state *r = &k->room[i];
        for (size_t j = 0; r->base && j < CK_GUARD; j++) {
            if (r->base[j] != POISON) ck_fail(k, "room %zu: written before its start", i);
            if (r->base[CK_GUARD + r->off + r->n + j] != POISON)
                ck_fail(k, "room %zu: written %zu words past its end", i, j);
        }
    }
}

float ck_rand(ck *k, float lo, float hi)
{
    double u = sk_rng_uniform(k->seed, SK_RNG_TEST, k->draws++);
    return (float)((double)lo + u * ((double)hi - (double)lo));
}

size_t ck_below(ck *k, size_t n)
{
    return (size_t)sk_rng_below(k->seed, SK_RNG_TEST, k->draws++, n);
}

void ck_fill(ck *k, float *x, size_t n, ck_kind kind)
{
    static const float top[CK_KINDS] = {2.0f, 1e-39f, 1e15f, 0, 0};
    float same = ck_rand(k, -3.0f, 3.0f);
    for (size_t i = 0; i < n; i++) {
        x[i] = kind == CK_ZERO ? 0 : same;
        if (top[kind] > 0) x[i] = ck_rand(k, -top[kind], top[kind]);
    }
}

void ck_same(ck *k, const char *what, const void *got, const void *want, size_t bytes)
{
    const unsigned char *g = got, *w = want;
    for (size_t i = 0; i < bytes; i++)
        if (g[i] != w[i]) {
            ck_fail(k, "%s: byte %zu of %zu differs", what, i, bytes);
            return;
        }
}

void ck_near(ck *k, const char *what, const float *got, const float *want, size_t n, double rel,
             double abs)
{
    for (size_t i = 0; i < n; i++) {
        double g = (double)got[i], w = (double)want[i];
        if (isnan(w) ? isnan(g) : g == w || fabs(g - w) <= rel * fabs(w) + abs) continue;
        ck_fail(k, "%s[%zu] = %.9g, not %.9g", what, i, g, w);
        return;
    }
}

/* Runs the checks of one file for the table in k. */
static void run_checks(ck *k, const ck_check *checks)
{
    for (const ck_check *c = checks; c->name; c++) {
        if (k->only && strcmp(k->only, c->name) != 0) continue;
        k->cases = 0;
        k->shown = 0;
        k->bad = false;
        c->fn(k);
        ck_guards(k);
        k->failed += k->bad;
        printf("%s %zu - %s %s (%zu cases)\n", k->bad ? "not ok" : "ok", ++k->number,
               sk_cpu_name(k->kern->level), c->name, k->cases);
        (void)fflush(stdout);
    }
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: checkkern [--cpu LEVEL] [--from LEVEL] [--seed N] [--only NAME] "
                          "[--bench]\n"
                          "  the highest and the lowest level to check: c, avx2, avx512, ..\n");
    return 2;
}

/* Reads the options; false if they are wrong.  *from: name of the lowest level. */
static bool options(int argc, char **argv, ck *k, const char **from, bool *bench)
{
    sk_err e = SK_ERR_INIT;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!strcmp(argv[i], "--bench")) {
            *bench = true;
            continue;
        }
        if (!value) return false;
        if (!strcmp(argv[i], "--cpu")) {
            if (sk_cpu_mask(value, &e)) {
                (void)fprintf(stderr, "checkkern: %s\n", e.text);
                return false;
            }
        } else if (!strcmp(argv[i], "--from")) {
            *from = value;
        } else if (!strcmp(argv[i], "--seed")) {
            k->seed = strtoull(value, NULL, 10);
        } else if (!strcmp(argv[i], "--only")) {
            k->only = value;
        } else {
            return false;
        }
        i++;
    }
    return true;
}

int main(int argc, char **argv)
{
    ck k = {.seed = (uint64_t)time(NULL), .ref = eng_kernels_at(SK_CPU_C)};
    bool bench = false, begun = false;
    const char *from = "c";
    if (!options(argc, argv, &k, &from, &bench)) return usage();
    sk_cpu_level best = sk_cpu();
    if (bench) return ck_bench(best, k.only);
    printf("# seed %" PRIu64 "\n", k.seed);
    for (int level = SK_CPU_C; level <= (int)best; level++) {
        sk_err e = SK_ERR_INIT;
        begun = begun || !strcmp(from, sk_cpu_name((sk_cpu_level)level));
        if (!begun || sk_cpu_mask(sk_cpu_name((sk_cpu_level)level), &e)) continue;
        k.kern = eng_kernels_at((sk_cpu_level)level);
        run_checks(&k, ck_rows_checks);
        run_checks(&k, ck_act_checks);
        run_checks(&k, ck_attn_checks);
        run_checks(&k, ck_tile_checks);
        run_checks(&k, ck_gemm_checks);
        run_checks(&k, ck_wmat_checks);
    }
    printf("1..%zu\n", k.number);
    for (size_t i = 0; i < CK_ROOMS; i++)
        sk_free(k.room[i].base);
    return k.failed ? 1 : 0;
}
