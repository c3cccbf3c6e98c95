/* sessions.c - which prompts go on with what another one began. */
#include "fleet/sim/sessions.h"

#include "base/mem.h"

#include <math.h>

enum { FEWEST = 16, MOST = 1 << 27 };

sk_status flt_sessions_make(flt_sessions *s, const flt_demand *d, double rate, sk_err *e)
{
    *s = (flt_sessions){.share = d->cached};
    if (!(d->turns > 1)) return SK_OK;
    double again = (d->turns - 1) / d->turns, n = ceil(2 * d->pause_s * rate);
    if (n > MOST)
        return sk_fail(e, SK_E_TOOBIG,
                       "demand.pause: %.3g prompts in two pauses are more than %d to be kept", n,
                       MOST);
    s->again = (uint32_t)fmin(again * 0x1p32, UINT32_MAX);
    s->share = fmin(d->cached / again, 1);
    s->room = n > FEWEST ? (size_t)n : FEWEST;
    s->ring = sk_calloc(SK_MEM_MISC, s->room, sizeof *s->ring);
    return s->ring ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for %.3g prompts", n);
}

void flt_sessions_fini(flt_sessions *s)
{
    sk_free(s->ring);
    s->ring = NULL;
}

/* Bits of their own out of those that also route the prompt (the finalizer of S. Vigna's
 * splitmix64). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

const flt_held *flt_sessions_draw(const flt_sessions *s, uint64_t random)
{
    uint64_t x = mix(random);
    if (!s->there || (uint32_t)x >= s->again) return NULL;
    return &s->ring[(x >> 32) * s->there >> 32];
}

void flt_sessions_keep(flt_sessions *s, flt_held where)
{
    s->ring[s->at++] = where;
    if (s->there < s->at) s->there = s->at;
    if (s->at == s->room) s->at = 0;
}
