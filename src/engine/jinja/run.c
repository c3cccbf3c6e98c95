/* run.c - limits and errors of a rendering. */
#include "engine/jinja/run.h"

#include "base/json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What is quoted from a template or a message may be cut inside a character: the sentence then ends
 * before it. */
sk_status(eng_jn_fail)(jn_run *r, sk_status st, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    text[sk_utf8_complete(text, strlen(text))] = 0;
    return sk_fail(r->e, st, "template line %d: %s", r->line, text);
}

sk_status(eng_jn_oom)(jn_run *r)
{
    if (r->mem.over)
        return eng_jn_fail(r, SK_E_TOOBIG, "it needs more than %llu bytes of memory",
                           (unsigned long long)r->mem.max);
    return sk_fail(r->e, SK_E_NOMEM, "no memory for the chat template");
}

/* Counting on past the limit is harmless: 64 bits don't overflow. */
sk_status eng_jn_step(jn_run *r, uint64_t n)
{
    r->steps += n;
    if (r->steps <= r->max_steps) return SK_OK;
    return eng_jn_fail(r, SK_E_TOOBIG, "it takes more than %llu steps",
                       (unsigned long long)r->max_steps);
}

/* Short texts are free: the node that handles them is a step. */
sk_status eng_jn_step_bytes(jn_run *r, size_t n)
{
    return eng_jn_step(r, n / 64);
}

/* A bound on the C stack as much as on the template. */
sk_status eng_jn_enter(jn_run *r)
{
    if (r->depth >= r->max_depth)
        return eng_jn_fail(r, SK_E_TOOBIG, "nested or recursive more than %d deep", r->max_depth);
    r->depth++;
    return SK_OK;
}

/* The counterpart of eng_jn_enter. */
void eng_jn_leave(jn_run *r)
{
    assert(r->depth > 0);
    r->depth--;
}
