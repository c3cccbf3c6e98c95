/* outage.h - providers that fail by script: what happens to which pools, from when to when.
 *
 *     aws-us-east@day12+15h            from 12 days after the beginning, for 15 hours
 *     aws@day12.5+15h:no-launch        all pools of a provider
 *     *@2026-10-20T07:00Z+2h:silent    all pools
 *
 * no-launch: what runs lives, nothing can be started there (a control plane is down, as us-east-1's
 * was for nearly 15 hours on 19 and 20 October 2025).  silent: it can't be reached; inside, all
 * goes on.  gone (the default): what ran there is lost.
 */
#ifndef FLT_FLEET_SIM_OUTAGE_H
#define FLT_FLEET_SIM_OUTAGE_H

#include "base/mem.h"
#include "base/status.h"
#include "base/utc.h"
#include "fleet/book/book.h"

#include <stddef.h>
#include <stdint.h>

typedef struct flt_outage {
    const char *where; /* name of a pool or a provider, or "*"; in the caller's arena */
    sk_span span;
    flt_pool_state kind; /* FLT_POOL_NO_LAUNCH, FLT_POOL_SILENT or FLT_POOL_GONE */
} flt_outage;

/* Reads one; days count from `start`.  Text into mem.  SK_E_INVALID says what is wrong. */
sk_status flt_outage_parse(const char *text, int64_t start, sk_arena *mem, flt_outage *out,
                           sk_err *e);

/* Whether it is about a pool of that name and provider. */
bool flt_outage_hits(const flt_outage *o, const char *pool, const char *provider);

#endif
