/* cost.c - usage by the hour, its charges added up, and marginal prices. */
#include "fleet/sim/cost.h"

#include "fleet/rate/intervals.h"
#include "fleet/rate/marginal.h"
#include "fleet/rate/pace.h"
#include "fleet/rate/rate.h"

#include <math.h>
#include <string.h>

struct flt_cost {
    flt_rater *rater;
    int64_t from; /* of what is not yet rated */
    /* Thousandths of chip-seconds; a job's are of one pool: when it moves they are fed first. */
    int64_t serving[FLT_SIM_POOLS], training[FLT_SIM_PARTS];
    int training_pool[FLT_SIM_PARTS];
    bool priced[FLT_SIM_POOLS];
    flt_sim_pool_cost pool[FLT_SIM_POOLS];
    flt_sim_commitment commitment[FLT_SIM_COMMITMENTS];
    flt_sim_money total[FLT_SIM_CURRENCIES];
    size_t n_commitment, n_total;
    flt_fluid *f;
};

/* Adds, held at the ends of int64_t. */
static void add(int64_t *to, int64_t v)
{
    if (!flt_sum(*to, v, to)) *to = v > 0 ? INT64_MAX : INT64_MIN;
}

static void add_money(flt_sim_money *to, const flt_charge *c)
{
    add(&to->list, c->list_micros);
    add(&to->contracted, c->contracted_micros);
    add(&to->billed, c->billed_micros);
    add(&to->effective, c->effective_micros);
}

/* The sums of a currency; the last one takes what is too many. */
static flt_sim_money *total_of(flt_cost *c, const char *currency)
{
    for (size_t i = 0; i < c->n_total; i++)
        if (strcmp(c->total[i].currency, currency) == 0) return &c->total[i];
    if (c->n_total == FLT_SIM_CURRENCIES) return &c->total[FLT_SIM_CURRENCIES - 1];
    flt_sim_money *m = &c->total[c->n_total++];
    *m = (flt_sim_money){.currency = ""};
    /* Texts of a charge are good during the call only; the book's live on. */
    for (size_t i = 0; i < c->f->book->n_offer; i++)
        if (strcmp(c->f->book->offer[i].currency, currency) == 0)
            m->currency = c->f->book->offer[i].currency;
    for (size_t i = 0; i < c->f->book->n_contract; i++)
        if (strcmp(c->f->book->contract[i].currency, currency) == 0)
            m->currency = c->f->book->contract[i].currency;
    return m;
}

void flt_cost_egress(flt_fluid *f, const flt_sim_pool *from, int64_t micros)
{
    if (!micros) return;
    flt_sim_money *m = total_of(f->cost, from->row->currency);
    if (!*m->currency) m->currency = from->row->currency;
    add(&m->list, micros);
    add(&m->contracted, micros);
    add(&m->billed, micros);
    add(&m->effective, micros);
}

static flt_sim_commitment *commitment_of(flt_cost *c, int64_t id)
{
    for (size_t i = 0; i < c->n_commitment; i++)
        if (c->commitment[i].id == id) return &c->commitment[i];
    return NULL;
}

static sk_status on_charge(void *arg, const flt_charge *row, sk_err *e)
{
    flt_cost *c = arg;
    (void)e;
    flt_sim_commitment *m = commitment_of(c, row->commitment);
    add_money(total_of(c, row->currency), row);
    for (size_t i = 0; i < c->f->n_pool && row->kind == FLT_CHARGE_USAGE; i++)
        if (c->f->pool[i].row->id == row->pool) {
            add_money(&c->pool[i].money, row);
            c->pool[i].money.currency = c->f->pool[i].currency;
            add(&c->pool[i].by_paid[row->paid], row->effective_micros);
        }
    if (!m) return SK_OK;
    if (row->kind == FLT_CHARGE_USAGE) add(&m->used, row->effective_micros);
    if (row->kind == FLT_CHARGE_UNUSED) add(&m->unused, row->effective_micros);
    if (row->kind == FLT_CHARGE_PURCHASE) add(&m->bought, row->billed_micros);
    if (row->kind == FLT_CHARGE_SHORTFALL) add(&m->shortfall, row->billed_micros);
    return SK_OK;
}

static sk_status on_applied(void *arg, const flt_applied *row, sk_err *e)
{
    flt_cost *c = arg;
    (void)e;
    flt_sim_commitment *m = commitment_of(c, row->commitment);
    if (m) add(&m->drawn, row->amount);
    return SK_OK;
}

/* The commitments that have a contract, as far as there is room. */
static void list_commitments(flt_cost *c)
{
    const flt_book *b = c->f->book;
    for (size_t i = 0; i < b->n_commitment && c->n_commitment < FLT_SIM_COMMITMENTS; i++) {
        const flt_commitment *m = &b->commitment[i];
        const flt_contract *con = flt_book_contract(b, m->contract);
        if (!con) continue;
        c->commitment[c->n_commitment++] = (flt_sim_commitment){.id = m->id,
                                                                .contract = con->name,
                                                                .name = m->name,
                                                                .currency = con->currency,
                                                                .kind = m->kind,
                                                                .model = m->model};
    }
}

/* The rater.  A simulation may begin in the middle of contracts: what was drawn before is taken to
 * have been drawn evenly, or the first months would look as if all of it were still to come. */
static sk_status open_rater(flt_cost *c, sk_err *e)
{
    const flt_book *b = c->f->book;
    int64_t start = c->f->s->start;
    flt_balance *had = sk_new_n(c->f->mem, flt_balance, b->n_commitment);
    size_t n = 0;
    if (b->n_commitment && !had) return sk_fail(e, SK_E_NOMEM, "no memory for a simulation");
    for (size_t i = 0; i < b->n_commitment; i++)
        if (b->commitment[i].term.from < start && start < b->commitment[i].term.to)
            flt_balance_even(&b->commitment[i], start, &had[n++]);
    return flt_rater_open(b, start, had, n, &c->rater, e);
}

sk_status flt_cost_new(flt_fluid *f, sk_err *e)
{
    flt_cost *c = sk_new(f->mem, flt_cost);
    if (!c) return sk_fail(e, SK_E_NOMEM, "no memory for a simulation");
    c->f = f;
    c->from = f->s->start;
    f->cost = c;
    list_commitments(c);
    for (size_t i = 0; i < f->n_pool; i++) {
        flt_sim_pool *p = &f->pool[i];
        const flt_offer *o = flt_usage_price(f->book, p->row, p->category, "", f->s->start);
        c->priced[i] = o && o->priced;
        /* Machines that nobody sells cost nothing here; what has no price can't be had. */
        p->price = c->priced[i] ? (double)o->price_micros / (double)FLT_MICRO : o ? INFINITY : 0;
        p->currency = o ? o->currency : "";
    }
    return open_rater(c, e);
}

void flt_cost_free(flt_cost *c)
{
    if (c) flt_rater_free(c->rater);
}

/* Id of the service that serves, 0 if the book has none. */
static int64_t service(const flt_book *b)
{
    for (size_t i = 0; i < b->n_workload; i++)
        if (b->workload[i].kind == FLT_SERVE) return b->workload[i].id;
    return 0;
}

/* One sum of chip-seconds into the rater. */
static sk_status feed(flt_cost *c, size_t pool, int64_t workload, int64_t until, int64_t *sum,
                      sk_err *e)
{
    const flt_sim_pool *p = &c->f->pool[pool];
    sk_span span = {c->from, until};
    sk_status st = SK_OK;
    if (*sum && c->priced[pool])
        st = flt_rater_bucket(c->rater, p->row->id, workload, p->category, span, *sum, e);
    *sum = 0;
    return st;
}

/* What one more chip-hour costs in each pool from now on; a pool whose price can't be said keeps
 * the one it had. */
static sk_status reprice(flt_cost *c, int64_t t, sk_err *e)
{
    flt_fluid *f = c->f;
    flt_load load[FLT_SIM_POOLS];
    flt_balance balance[FLT_SIM_COMMITMENTS];
    flt_present now = {.t = t, .load = load, .n_load = f->n_pool, .balance = balance};
    for (size_t i = 0; i < f->n_pool; i++) {
        const flt_sim_pool *p = &f->pool[i];
        load[i] = (flt_load){p->row->id, p->category, p->serving + p->training};
    }
    for (size_t i = 0; i < c->n_commitment; i++) {
        const flt_balance *b = flt_rater_balance(c->rater, c->commitment[i].id);
        if (b) balance[now.n_balance++] = *b;
    }
    flt_hour *hour = NULL;
    sk_status st = flt_hour_new(f->book, &now, &hour, e);
    for (size_t i = 0; i < f->n_pool && !st; i++) {
        flt_marginal m;
        flt_sim_pool *p = &f->pool[i];
        if (!c->priced[i]) continue;
        st = flt_marginal_price(hour, p->row->id, p->category, 0, &m, e);
        if (!st && isfinite(m.price)) p->price = m.price / (double)FLT_MICRO;
    }
    flt_hour_free(hour);
    return st;
}

/* Rates what was used up to `end`. */
static sk_status rate_hour(flt_fluid *f, int64_t end, sk_err *e)
{
    flt_cost *c = f->cost;
    const flt_sink sink = {on_charge, on_applied, c};
    int64_t serve = service(f->book);
    sk_status st = SK_OK;
    for (size_t i = 0; i < f->n_pool && !st; i++)
        st = feed(c, i, serve, end, &c->serving[i], e);
    for (size_t i = 0; i < f->n_job && !st; i++)
        st = feed(c, (size_t)c->training_pool[i], f->job[i].id, end, &c->training[i], e);
    if (!st) st = flt_rater_close(c->rater, end, &sink, e);
    c->from = end;
    return st ? st : reprice(c, end, e);
}

sk_status flt_cost_bucket(flt_fluid *f, sk_err *e)
{
    flt_cost *c = f->cost;
    int64_t s = f->s->bucket_s, end = f->s->start + (f->bucket + 1) * s;
    sk_status st = SK_OK;
    for (size_t i = 0; i < f->n_pool; i++)
        c->serving[i] += f->pool[i].serving * s * 1000;
    for (size_t i = 0; i < f->n_job && !st; i++) {
        const flt_sim_job *j = &f->job[i];
        if (j->pool < 0) continue;
        if (j->pool != c->training_pool[i])
            st = feed(c, (size_t)c->training_pool[i], j->id, end, &c->training[i], e);
        c->training_pool[i] = j->pool;
        c->training[i] += j->j.chips * s * 1000;
    }
    bool same = sk_utc_hour(end) == sk_utc_hour(c->from) && f->bucket + 1 < f->n_bucket;
    return st || same ? st : rate_hour(f, end, e);
}

/* How a commitment stands at t. */
static void pace_of(const flt_cost *c, flt_sim_commitment *m, int64_t t)
{
    const flt_commitment *row = flt_book_commitment(c->f->book, m->id);
    const flt_balance *b = flt_rater_balance(c->rater, m->id);
    flt_pace pace;
    m->due = flt_committed_until(row, c->from) - flt_committed_until(row, c->f->s->start);
    if (!b) return;
    flt_pace_at(row, b, t, NULL, &pace);
    m->pace = pace.pace;
    m->remaining = pace.remaining;
    m->expected_shortfall = pace.shortfall;
    m->overage = pace.overage;
}

void flt_cost_sum(const flt_fluid *f, flt_sim_sum *out)
{
    const flt_cost *c = f->cost;
    for (size_t i = 0; i < f->n_pool; i++)
        out->pool_cost[i] = c->pool[i];
    for (size_t i = 0; i < c->n_commitment; i++) {
        out->commitment[i] = c->commitment[i];
        pace_of(c, &out->commitment[i], c->from - 1);
    }
    for (size_t i = 0; i < c->n_total; i++)
        out->total[i] = c->total[i];
    out->n_commitment = c->n_commitment;
    out->n_total = c->n_total;
}

void flt_cost_point(flt_fluid *f)
{
    flt_cost *c = f->cost;
    flt_sim_sum *s = &f->sum;
    size_t at = s->n_point - 1, k = 0;
    for (size_t i = 0; i < c->n_commitment && k < FLT_SIM_CURVES; i++) {
        if (c->commitment[i].model != FLT_DISCONTINUOUS) continue;
        const flt_commitment *row = flt_book_commitment(f->book, c->commitment[i].id);
        int64_t due = flt_committed_until(row, c->from) - flt_committed_until(row, f->s->start);
        s->curve[k].commitment = i;
        s->curve[k].drawn[at] = (double)c->commitment[i].drawn / (double)FLT_MICRO;
        s->curve[k++].due[at] = (double)due / (double)FLT_MICRO;
    }
    s->n_curve = k;
}
