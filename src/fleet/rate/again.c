/* again.c - rating closed time again, and what differs.
 *
 * Charges, the old ones negative, are sorted by what they are for; those for the same thing are
 * added up, and what does not come to nothing is a correction.
 */
#include "fleet/rate/rater.h"

#include <stdlib.h>
#include <string.h>

/* A charge with its sign, or what it reduces of a commitment. */
typedef struct record {
    flt_charge c;
    int64_t applied_to, amount; /* 0: the charge itself */
    size_t number;              /* keeps equal ones in order */
} record;

typedef struct list {
    record *at;
    size_t n, cap;
    sk_span span;
} list;

/* Appends a charge with its sign; or, with applied_to, what of it was applied to that commitment:
 * the record then has the charge only to be found by, and no money of its own. */
static sk_status push(list *l, const flt_charge *c, int sign, int64_t applied_to, int64_t amount,
                      sk_err *e)
{
    sk_status st = flt_rate_room(&l->at, &l->cap, l->n + 1, sizeof *l->at, e);
    if (st) return st;
    record *x = &l->at[l->n];
    *x = (record){*c, applied_to, sign * amount, l->n};
    l->n++;
    x->c.quantity = applied_to ? 0 : sign * c->quantity;
    x->c.list_micros = applied_to ? 0 : sign * c->list_micros;
    x->c.contracted_micros = applied_to ? 0 : sign * c->contracted_micros;
    x->c.billed_micros = applied_to ? 0 : sign * c->billed_micros;
    x->c.effective_micros = applied_to ? 0 : sign * c->effective_micros;
    return SK_OK;
}

/* ---- old rows ----------------------------------------------------------------------------------
 */

/* When rating the span again would bring the like of c: at its beginning, or for what comes at the
 * end of intervals, there. */
static bool belongs(sk_span s, const flt_charge *c)
{
    switch (c->kind) {
    case FLT_CHARGE_USAGE:
    case FLT_CHARGE_PURCHASE:
        return c->span.from >= s.from && c->span.from < s.to;
    case FLT_CHARGE_UNUSED:
    case FLT_CHARGE_SHORTFALL:
        return c->span.to > s.from && c->span.to <= s.to;
    default:
        return false;
    }
}

static int compare_ids(const void *a, const void *b)
{
    const flt_charge *const *x = a, *const *y = b;
    return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

/* By bisection; NULL for an applied row whose charge is of another span. */
static const flt_charge *find_charge(const flt_charge *const *by_id, size_t n, int64_t id)
{
    size_t a = 0, b = n;
    while (a < b) {
        size_t m = (a + b) / 2;
        if (by_id[m]->id < id)
            a = m + 1;
        else
            b = m;
    }
    return a < n && by_id[a]->id == id ? by_id[a] : NULL;
}

/* The old charges of the span, negative, and what they reduced. */
static sk_status take_old(list *l, const flt_again *a, sk_err *e)
{
    const flt_charge **by_id = sk_alloc(SK_MEM_MISC, (a->n_old + 1) * sizeof *by_id);
    if (!by_id) return sk_fail(e, SK_E_NOMEM, "no memory for %zu charges", a->n_old);
    sk_status st = SK_OK;
    size_t n = 0;
    for (size_t i = 0; i < a->n_old && !st; i++) {
        if (!belongs(a->span, &a->old[i])) continue;
        by_id[n++] = &a->old[i];
        st = push(l, &a->old[i], -1, 0, 0, e);
    }
    if (n) qsort(by_id, n, sizeof *by_id, compare_ids);
    for (size_t i = 0; i < a->n_applied && !st; i++) {
        const flt_applied *p = &a->applied[i];
        const flt_charge *c = find_charge(by_id, n, p->charge);
        if (c) st = push(l, c, -1, p->commitment, p->amount, e);
    }
    sk_free(by_id);
    return st;
}

/* ---- new rows ----------------------------------------------------------------------------------
 */

typedef struct taker {
    list *l;
    flt_charge last;
} taker;

static sk_status take_charge(void *arg, const flt_charge *c, sk_err *e)
{
    taker *t = arg;
    t->last = *c;
    return push(t->l, c, 1, 0, 0, e);
}

static sk_status take_applied(void *arg, const flt_applied *a, sk_err *e)
{
    taker *t = arg;
    return push(t->l, &t->last, 1, a->commitment, a->amount, e);
}

/* What a fresh rater makes of the span with all usage that is known now. */
static sk_status take_new(list *l, const flt_book *book, const flt_again *a, sk_err *e)
{
    flt_rater *r;
    sk_status st = flt_rater_open(book, a->span.from, a->balance, a->n_balance, &r, e);
    if (st) return st;
    for (size_t i = 0; i < a->n_usage && !st; i++)
        if (sk_span_shared(a->usage[i].span, a->span)) st = flt_rows_add(r, &a->usage[i], true, e);
    taker t = {.l = l};
    flt_sink sink = {take_charge, take_applied, &t};
    if (!st) st = flt_rater_close(r, a->span.to, &sink, e);
    flt_rater_free(r);
    return st;
}

/* ---- what differs ------------------------------------------------------------------------------
 */

#define BY(field)                                                                                  \
    if (a->field != b->field) return a->field < b->field ? -1 : 1

/* By what the charge is for. */
static int compare_for(const flt_charge *a, const flt_charge *b)
{
    BY(span.from);
    BY(span.to);
    BY(kind);
    BY(pool);
    BY(category);
    BY(workload);
    BY(usage);
    BY(paid);
    BY(commitment);
    BY(provider);
    return strcmp(a->currency, b->currency);
}

/* A charge comes before what was applied of it; records of one thing keep their order. */
static int compare_records(const void *pa, const void *pb)
{
    const record *a = pa, *b = pb;
    int c = compare_for(&a->c, &b->c);
    if (c) return c;
    BY(applied_to);
    return a->number < b->number ? -1 : a->number > b->number;
}

/* Adds up the records from i on that are of one charge (or one application of it); *next is the
 * first that is not.  Overflow is none: each is a sum of rows that were. */
static record add_up(const list *l, size_t i, size_t *next)
{
    record sum = l->at[i];
    for (i++; i < l->n; i++) {
        const record *x = &l->at[i];
        if (compare_for(&sum.c, &x->c) || x->applied_to != sum.applied_to) break;
        sum.amount += x->amount;
        sum.c.quantity += x->c.quantity;
        sum.c.list_micros += x->c.list_micros;
        sum.c.contracted_micros += x->c.contracted_micros;
        sum.c.billed_micros += x->c.billed_micros;
        sum.c.effective_micros += x->c.effective_micros;
    }
    *next = i;
    return sum;
}

static bool is_nothing(const record *x)
{
    return !x->amount && !x->c.quantity && !x->c.list_micros && !x->c.contracted_micros &&
           !x->c.billed_micros && !x->c.effective_micros;
}

/* Numbers a correction and hands it on. */
static sk_status emit_charge(flt_charge *c, int64_t id, const flt_sink *sink, sk_err *e)
{
    c->id = id;
    c->correction = true;
    return sink->charge ? sink->charge(sink->arg, c, e) : SK_OK;
}

/* Goes through the sorted records charge by charge; an application that changed under a charge that
 * did not brings a correction of nothing to hang on. */
static sk_status emit_differences(const list *l, const flt_sink *sink, sk_err *e)
{
    sk_status st = SK_OK;
    int64_t id = 0;
    bool emitted = false;
    for (size_t i = 0; i < l->n && !st;) {
        record sum = add_up(l, i, &i);
        bool nothing = is_nothing(&sum);
        if (!sum.applied_to) emitted = false;
        if (nothing) continue;
        if (!emitted) st = emit_charge(&sum.c, ++id, sink, e);
        emitted = true;
        if (st || !sum.applied_to || !sink->applied) continue;
        flt_applied a = {id, sum.applied_to, sum.amount, sum.c.span.from};
        st = sink->applied(sink->arg, &a, e);
    }
    return st;
}

sk_status flt_rate_again(const flt_book *book, const flt_again *a, const flt_sink *sink, sk_err *e)
{
    if (a->span.to < a->span.from)
        return sk_fail(e, SK_E_INVALID, "the span to rate again ends before it begins");
    list l = {.span = a->span};
    sk_status st = take_old(&l, a, e);
    if (!st) st = take_new(&l, book, a, e);
    if (!st && l.n) qsort(l.at, l.n, sizeof *l.at, compare_records);
    if (!st) st = emit_differences(&l, sink, e);
    sk_free(l.at);
    return st;
}
