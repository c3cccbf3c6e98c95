/* rollup.c - a hash table of sums. */
#include "fleet/ledger/rollup.h"

#include "base/mem.h"
#include "base/utc.h"
#include "fleet/money/money.h"

#include <string.h>

void flt_rollup_fini(flt_rollup *r)
{
    sk_free(r->cell);
    sk_free(r->slot);
    *r = (flt_rollup){.n = 0};
}

void flt_rollup_reset(flt_rollup *r)
{
    r->n = 0;
    if (r->slot) memset(r->slot, 0, r->n_slot * sizeof *r->slot);
}

/* Over the numbers of a key, which hold all that tells keys apart but for the currency. */
static size_t hash(const flt_cell_key *k)
{
    const int64_t part[] = {k->day,  k->provider, k->commitment, k->workload, k->pool,
                            k->kind, k->paid,     k->category,   k->billing};
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        h = (h ^ (uint64_t)part[i]) * 0x9e3779b97f4a7c15u;
    return (size_t)(h ^ h >> 29);
}

/* Where the key's cell is, or would be. */
static size_t seek(const flt_rollup *r, const flt_cell_key *k)
{
    size_t i = hash(k) & (r->n_slot - 1);
    while (r->slot[i] && memcmp(&r->cell[r->slot[i] - 1].key, k, sizeof *k) != 0)
        i = (i + 1) & (r->n_slot - 1);
    return i;
}

/* Room for twice as many cells. */
static bool grow(flt_rollup *r)
{
    size_t cap = r->cap ? r->cap * 2 : 64;
    flt_cell *cell = sk_realloc(SK_MEM_MISC, r->cell, cap * sizeof *cell);
    if (!cell) return false;
    r->cell = cell;
    uint32_t *slot = sk_calloc(SK_MEM_MISC, cap * 2, sizeof *slot);
    if (!slot) return false;
    sk_free(r->slot);
    r->slot = slot;
    r->n_slot = cap * 2;
    r->cap = cap;
    for (size_t i = 0; i < r->n; i++)
        r->slot[seek(r, &r->cell[i].key)] = (uint32_t)i + 1;
    return true;
}

/* The key is cleared as a whole first, padding too, since cells are found by its bytes.  Room is
 * made before the search, which growing would make worthless. */
sk_status flt_rollup_add(flt_rollup *r, const flt_charge *c, int64_t origin, sk_err *e)
{
    flt_cell_key k;
    memset(&k, 0, sizeof k);
    k.day = sk_utc_day(c->span.from);
    k.origin = origin;
    k.provider = c->provider;
    k.commitment = c->commitment;
    k.workload = c->workload;
    k.pool = c->pool;
    k.kind = (int64_t)c->kind;
    k.paid = (int64_t)c->paid;
    k.category = (int64_t)c->category;
    k.billing = c->billing;
    memcpy(k.currency, c->currency, strnlen(c->currency, sizeof k.currency - 1));
    if (r->n == r->cap && !grow(r)) return sk_fail(e, SK_E_NOMEM, "no memory for sums");
    size_t i = seek(r, &k);
    if (!r->slot[i]) {
        r->cell[r->n] = (flt_cell){.key = k};
        r->slot[i] = (uint32_t)++r->n;
    }
    flt_cell *x = &r->cell[r->slot[i] - 1];
    x->n++;
    bool ok = flt_sum(x->quantity, c->quantity, &x->quantity) &&
              flt_sum(x->list_micros, c->list_micros, &x->list_micros) &&
              flt_sum(x->contracted_micros, c->contracted_micros, &x->contracted_micros) &&
              flt_sum(x->billed_micros, c->billed_micros, &x->billed_micros) &&
              flt_sum(x->effective_micros, c->effective_micros, &x->effective_micros);
    return ok ? SK_OK : sk_fail(e, SK_E_TOOBIG, "the sum of a day's charges does not fit");
}
