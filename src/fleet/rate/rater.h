/* rater.h - what a rater is made of.  Only for fleet/rate; rate.h is the way in.
 *
 * due.c knows commitments (flt_due), group.c what kinds of usage there are and what they cost
 * (flt_group), rows.c keeps usage until its slot is closed, pay.c settles who pays, rater.c walks
 * from slot to slot.
 */
#ifndef FLT_FLEET_RATE_RATER_H
#define FLT_FLEET_RATE_RATER_H

#include "fleet/rate/exact.h"
#include "fleet/rate/rate.h"

/* A commitment and where it stands. */
typedef struct flt_due {
    const flt_commitment *c;
    const flt_contract *contract;
    flt_balance b;
    int64_t rate; /* FLT_USAGE: micro-units of money a chip-hour, settled when the term begins */
    bool tied;    /* a reservation draws on it, and nothing else does */
    bool fresh;   /* its interval was opened at this border: what is due at its beginning is owed */
    int64_t cost; /* continuous: of the open interval, money */
    size_t next_milestone; /* discontinuous */
} flt_due;

/* A reservation. */
typedef struct flt_hold {
    const flt_reservation *row;
    flt_due *due; /* continuous commitment it draws on, NULL if it is paid elsewhere */
    bool inert;   /* of a discontinuous commitment: use of it is rated as any other */
    int64_t left; /* work that the slot leaves unused */
} flt_hold;

/* Usage that has one price. */
typedef struct flt_group {
    const flt_pool *pool;
    flt_category category;
    int64_t reservation; /* that the rows name, 0 none */
    const char *sku;     /* as the rows have it */
    /* As things are in the present stretch between borders: */
    unsigned stretch;
    bool priced;
    flt_tariff list, contracted;
    const char *sold_as; /* sku, or else that of the offer */
    const char *currency;
    uint32_t *deal; /* discontinuous commitments that it counts for, in their order */
    size_t n_deal;
    /* In the present slot: */
    int64_t rest;        /* work that nobody has paid yet */
    size_t first, n, at; /* its entries; the first that is not yet paid in full */
} flt_group;

/* A continuous commitment that may pay for a group. */
typedef struct flt_pair {
    uint32_t due, group, rank; /* rank: the group's place in the order of groups */
    flt_tariff price, list;
} flt_pair;

/* Usage that is not closed. */
typedef struct flt_open {
    sk_span span;
    int64_t workload, usage, chips; /* chips 0: buckets that were added up */
    int64_t work;                   /* of the whole span */
    uint64_t key;                   /* a hash of its key: only to tell rows apart */
    uint32_t group;
} flt_open;

/* The part of a row that falls into the slot. */
typedef struct flt_entry {
    uint32_t row;
    int64_t work, taken;
} flt_entry;

/* Where buckets of a group and workload are added up. */
typedef struct flt_cell {
    uint32_t group, row;
    int64_t workload;
    unsigned round; /* of rater.round, else it is void */
    int64_t from;   /* the slot it is for */
} flt_cell;

struct flt_rater {
    const flt_book *book;
    sk_arena *arena;
    int64_t now; /* all before is closed */
    sk_span slot;
    int64_t month; /* that the slot is billed in */
    const flt_sink *sink;
    int64_t n_charge;
    bool lenient; /* usage without a price is passed over */

    flt_due *due; /* as in the book */
    size_t n_due;
    uint32_t *ending; /* order in which intervals end: narrower first, then id */
    uint32_t *deal;   /* discontinuous ones: order in which usage is offered to them */
    size_t n_deal;
    int64_t *scratch, *drawn; /* n_due amounts each */

    flt_hold *hold; /* as in the book */
    size_t n_hold;
    int64_t *border; /* where prices, reservations, terms begin and end, and milestones are due */
    size_t n_border, next_border;
    unsigned stretch; /* number of the stretch between two borders */

    flt_group *group;
    size_t n_group, cap_group;
    uint32_t *order; /* of groups: pool, category, reservation, sku */
    flt_pair *pair;
    size_t n_pair, cap_pair;
    bool pairs_stale;

    flt_open *row;
    size_t n_row, cap_row, next_row; /* rows before next_row have begun */
    bool sorted;
    uint32_t *active; /* rows that have begun and not ended */
    size_t n_active, cap_active;
    flt_entry *entry, *mixed;
    size_t cap_entry, cap_mixed;
    flt_cell *cell;
    size_t n_cell, cap_cell;
    unsigned round;
    sk_span add_slot; /* that the last bucket fell into */
    int64_t known_workload;
    uint32_t last_group;
};

/* Makes room for n elements of `size` bytes in *p. */
sk_status flt_rate_room(void *p, size_t *cap, size_t n, size_t size, sk_err *e);

/* ---- due.c ---- */

/* Settles d's contract and rate. */
sk_status flt_due_init(const flt_book *book, const flt_commitment *c, flt_due *d, sk_err *e);

/* Puts d where it stood (b), or at the beginning (NULL) of the interval that holds t, if one that
 * began before t does. */
void flt_due_set(flt_due *d, const flt_balance *b, int64_t t);

/* At the border r->now: unused and unmet parts of intervals that end, milestones. */
sk_status flt_due_end(flt_rater *r, sk_err *e);

/* At the border r->now: opens intervals and charges what is due at their beginning. */
sk_status flt_due_begin(flt_rater *r, sk_err *e);

/* What amount b of d's unit costs once `before` was drawn; sums of neighbours are exact. */
int64_t flt_due_money(const flt_due *d, int64_t before, int64_t amount);

/* What is left in the open interval. */
static inline int64_t flt_due_left(const flt_due *d)
{
    return flt_most(0, d->b.committed - d->b.drawn);
}

/* Whether d's term holds t. */
static inline bool flt_due_active(const flt_due *d, int64_t t)
{
    return t >= d->c->term.from && t < d->c->term.to;
}

/* Draws `amount` from a discontinuous d, of which `money` is to be billed; returns how much of that
 * is prepaid. */
int64_t flt_due_draw(flt_due *d, int64_t amount, int64_t money);

/* ---- group.c ---- */

/* The group of some usage, made if there is none. */
sk_status flt_group_of(flt_rater *r, const flt_pool *pool, flt_category category,
                       int64_t reservation, const char *sku, uint32_t *out, sk_err *e);

/* Brings g up to date with the stretch that holds t. */
sk_status flt_group_price(flt_rater *r, flt_group *g, int64_t t, sk_err *e);

/* Brings r->pair up to date. */
sk_status flt_group_pairs(flt_rater *r, sk_err *e);

/* Whether due d may pay for usage like g's at t, and at what price. */
bool flt_group_pair(const flt_rater *r, const flt_due *d, const flt_group *g, int64_t t,
                    flt_tariff *price);

/* The price of a chip-hour, as flt_usage_price but for a place instead of a pool. */
const flt_offer *flt_price_of(const flt_book *book, int64_t provider, int64_t chip,
                              const char *region, flt_category category, const char *sku,
                              int64_t t);

/* ---- rows.c ---- */

/* Like flt_rater_add; with `clip`, what begins before r->now is cut off instead of refused. */
sk_status flt_rows_add(flt_rater *r, const flt_usage *u, bool clip, sk_err *e);

/* Sorts rows that came since the last time. */
void flt_rows_sort(flt_rater *r);

/* Parts of rows that fall into r->slot, by group, in order. */
sk_status flt_rows_collect(flt_rater *r, sk_err *e);

/* Work of a row before time t. */
int64_t flt_rows_work(const flt_open *o, int64_t t);

/* Drops rows that end with the slot; the rest stays. */
void flt_rows_passed(flt_rater *r);

/* Makes the rows that are left the only ones. */
void flt_rows_pack(flt_rater *r);

/* ---- pay.c ---- */

/* Settles who pays for what was collected. */
sk_status flt_pay_slot(flt_rater *r, sk_err *e);

/* Numbers a charge and hands it on; what it reduces follows. */
sk_status flt_pay_emit(flt_rater *r, flt_charge *c, sk_err *e);
sk_status flt_pay_applied(flt_rater *r, const flt_due *d, int64_t amount, int64_t t, sk_err *e);

/* ---- rater.c ---- */

/* The slot that holds t (not before r->now): its hour, cut at the borders around t. */
sk_span flt_rater_slot(const flt_rater *r, int64_t t);

#endif
