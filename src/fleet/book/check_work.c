/* check_work.c - checks of reservations and workloads. */
#include "fleet/book/check.h"

#include <stdio.h>
#include <string.h>

enum {
    WHAT = FLT_NAME_MAX + 96, /* bytes of a row's name in a sentence */
    MAX_CHIPS = 1000000000,
    MAX_SECONDS = 1000000000
};

/* Chips of the pool that reservations other than `row` hold at t. */
static int64_t held_at(const flt_book *b, const flt_reservation *row, int64_t t)
{
    int64_t held = 0;
    for (size_t i = 0; i < b->n_reservation; i++) {
        const flt_reservation *r = &b->reservation[i];
        if (r->pool == row->pool && r->id != row->id && t >= r->term.from && t < r->term.to)
            held += r->chips;
    }
    return held;
}

/* The most that is held in row's term besides row: it is reached where one begins. */
static int64_t held_most(const flt_book *b, const flt_reservation *row)
{
    int64_t most = held_at(b, row, row->term.from);
    for (size_t i = 0; i < b->n_reservation; i++) {
        const flt_reservation *r = &b->reservation[i];
        if (r->pool != row->pool || r->term.from < row->term.from || r->term.from >= row->term.to)
            continue;
        int64_t held = held_at(b, row, r->term.from);
        if (held > most) most = held;
    }
    return most;
}

/* That the commitment which pays for it can. */
static sk_status check_payer(const flt_book *b, const char *what, const flt_reservation *row,
                             const flt_pool *pool, sk_err *e)
{
    const flt_commitment *c = flt_book_commitment(b, row->commitment);
    const flt_contract *k = c ? flt_book_contract(b, c->contract) : NULL;
    if (!k) return sk_fail(e, SK_E_INVALID, "%s: the commitment that pays is not known", what);
    if (k->provider != pool->provider)
        return sk_fail(e, SK_E_INVALID,
                       "%s: the commitment \"%s\" that pays is of another provider", what, c->name);
    if (row->term.from < c->term.from || row->term.to > c->term.to)
        return sk_fail(e, SK_E_INVALID,
                       "%s: its term is not within that of the commitment \"%s\" that pays", what,
                       c->name);
    return SK_OK;
}

sk_status flt_book_check_reservation(const flt_book *b, const flt_reservation *row, sk_err *e)
{
    char what[WHAT], from[SK_UTC_TEXT];
    const flt_pool *pool = flt_book_pool(b, row->pool);
    sk_utc_print_short(row->term.from, from);
    (void)snprintf(what, sizeof what, "reservation in \"%s\" from %s", pool ? pool->name : "?",
                   from);
    if (!pool) return sk_fail(e, SK_E_INVALID, "%s: its pool is not known; add it first", what);
    sk_status st = flt_check_span(what, row->term, e);
    if (!st) st = flt_check_range(what, "the number of chips", row->chips, 1, MAX_CHIPS, e);
    if (!st && row->commitment) st = check_payer(b, what, row, pool, e);
    if (st) return st;
    int64_t has = pool->nodes * pool->chips_per_node, held = held_most(b, row);
    if (row->chips + held > has)
        return sk_fail(e, SK_E_INVALID,
                       "%s: %lld chips besides %lld that are reserved already are more than the "
                       "pool's %lld",
                       what, (long long)row->chips, (long long)held, (long long)has);
    return SK_OK;
}

/* How many chips, and how they may be taken away. */
static sk_status check_chips(const char *what, const flt_workload *row, sk_err *e)
{
    sk_status st = flt_check_range(what, "the most chips", row->max_chips, 1, MAX_CHIPS, e);
    if (!st) st = flt_check_range(what, "the fewest chips", row->min_chips, 0, MAX_CHIPS, e);
    if (st) return st;
    if (row->min_chips > row->max_chips)
        return sk_fail(e, SK_E_INVALID, "%s needs %lld chips and may have %lld", what,
                       (long long)row->min_chips, (long long)row->max_chips);
    return SK_OK;
}

static sk_status check_times(const char *what, const flt_workload *row, sk_err *e)
{
    sk_status st =
        flt_check_range(what, "the time between checkpoints", row->checkpoint_s, 0, MAX_SECONDS, e);
    if (!st) st = flt_check_range(what, "the time to restart", row->restart_s, 0, MAX_SECONDS, e);
    if (!st) st = flt_check_range(what, "the shortest run", row->min_run_s, 0, MAX_SECONDS, e);
    if (!st) st = flt_check_range(what, "the deadline", row->deadline, 0, SK_UTC_END, e);
    return st;
}

static sk_status check_sizes(const char *what, const flt_workload *row, sk_err *e)
{
    sk_status st = flt_check_size(what, "the memory", row->memory_bytes, e);
    if (!st) st = flt_check_size(what, "the checkpoint's size", row->checkpoint_bytes, e);
    if (!st) st = flt_check_size(what, "the time to the first token", row->slo_ttft_s, e);
    if (!st) st = flt_check_size(what, "the time per token", row->slo_tpot_s, e);
    return st;
}

sk_status flt_book_check_workload(const flt_book *b, const flt_workload *row, sk_err *e)
{
    char what[WHAT];
    sk_status st = flt_check_name("workload", row->name, e);
    if (st) return st;
    (void)snprintf(what, sizeof what, "workload \"%s\"", row->name);
    const flt_workload *same = flt_book_workload_named(b, row->name);
    if (same && same->id != row->id)
        return sk_fail(e, SK_E_INVALID, "there is a %s already; choose another name", what);
    if (row->chip && !flt_book_chip(b, row->chip))
        return sk_fail(e, SK_E_INVALID, "%s: its chip is not known; add it first", what);
    st = flt_check_range(what, "the kind", (int64_t)row->kind, 0, FLT_BATCH, e);
    if (!st) st = flt_check_text(what, "the model", row->model, e);
    if (!st) st = check_chips(what, row, e);
    if (!st) st = check_times(what, row, e);
    if (!st) st = check_sizes(what, row, e);
    return st;
}
