/* pattern.c - a regular expression looked for in a text. */
#include "base/pattern.h"

#include "base/mem.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <assert.h>
#include <pcre2.h>

/* Steps and KiB of memory that one match may take. */
enum { STEPS = 1000000, HEAP = 16384 };

/* PCRE2's memory comes from where all memory comes from. */
static void *take_memory(PCRE2_SIZE n, void *arg)
{
    (void)arg;
    return sk_alloc(SK_MEM_MISC, n);
}

static void give_memory(void *p, void *arg)
{
    (void)arg;
    sk_free(p);
}

static sk_status no_memory(sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory for a regular expression");
}

/* Without the compiler to machine code: a pattern is used once or twice. */
static sk_status compile(pcre2_general_context *gc, const char *pattern, pcre2_code **out,
                         sk_err *e)
{
    int err;
    PCRE2_SIZE at;
    PCRE2_UCHAR why[120];
    pcre2_compile_context *cc = pcre2_compile_context_create(gc);
    if (!cc) return no_memory(e);
    pcre2_code *c =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &err, &at, cc);
    pcre2_compile_context_free(cc);
    if (!c && err == PCRE2_ERROR_HEAP_FAILED) return no_memory(e);
    if (!c) {
        if (pcre2_get_error_message(err, why, sizeof why) < 0) why[0] = 0;
        return sk_fail(e, SK_E_INVALID, "a bad regular expression: %s, at byte %zu",
                       (const char *)why, (size_t)at);
    }
    *out = c;
    return SK_OK;
}

static sk_status match(pcre2_general_context *gc, const pcre2_code *c, const char *text, size_t n,
                       bool *found, sk_err *e)
{
    sk_status st = SK_OK;
    pcre2_match_data *md = pcre2_match_data_create(1, gc);
    pcre2_match_context *mc = pcre2_match_context_create(gc);
    if (md && mc) {
        pcre2_set_match_limit(mc, STEPS);
        pcre2_set_heap_limit(mc, HEAP);
        int rc = pcre2_match(c, (PCRE2_SPTR)text, n, 0, 0, md, mc);
        *found = rc >= 0;
        if (rc == PCRE2_ERROR_NOMEMORY) st = no_memory(e);
    } else {
        st = no_memory(e);
    }
    pcre2_match_context_free(mc);
    pcre2_match_data_free(md);
    return st;
}

/* text NULL: the pattern is compiled only. */
static sk_status run(const char *pattern, const char *text, size_t n, bool *found, sk_err *e)
{
    pcre2_code *c = NULL;
    assert(!text || found);
    pcre2_general_context *gc = pcre2_general_context_create(take_memory, give_memory, NULL);
    if (!gc) return no_memory(e);
    sk_status st = compile(gc, pattern, &c, e);
    if (!st && text) st = match(gc, c, text, n, found, e);
    pcre2_code_free(c);
    pcre2_general_context_free(gc);
    return st;
}

sk_status sk_pattern_check(const char *pattern, sk_err *e)
{
    return run(pattern, NULL, 0, NULL, e);
}

sk_status sk_pattern_find(const char *pattern, const char *text, size_t n, bool *found, sk_err *e)
{
    return run(pattern, text, n, found, e);
}
