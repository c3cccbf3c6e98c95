/* buy.c - what to buy: the question checked, solved, and the answer put into words and micro-units.
 */
#include "fleet/plan/buy.h"

#include "fleet/plan/buy_model.h"
#include "fleet/plan/glpk.h"

#include <math.h>
#include <string.h>

/* ---- the question ---- */

static sk_status check_offer(const flt_buy *b, const flt_buy_offer *o, sk_err *e)
{
    bool committed = o->category == FLT_BLOCK || o->category == FLT_RESERVED;
    if (o->price_micros < 0)
        return sk_fail(e, SK_E_INVALID, "offer %s: a price can't be negative", o->name);
    if (!(o->rate > 0) || !isfinite(o->rate))
        return sk_fail(e, SK_E_INVALID, "offer %s: its rate must be more than 0", o->name);
    if (o->chips_per_unit < 1 || o->min_units < 0 || o->limit_chips < 0)
        return sk_fail(e, SK_E_INVALID, "offer %s: counts of chips can't be negative", o->name);
    if (!(o->availability >= 0 && o->availability <= 1) || !(o->redo >= 0 && o->redo < 1))
        return sk_fail(e, SK_E_INVALID, "offer %s: availability and redo are shares", o->name);
    if (committed && (o->term_months < 1 || o->term_months > FLT_BUY_MONTHS))
        return sk_fail(e, SK_E_INVALID, "offer %s: a commitment has a term of 1 to %d months",
                       o->name, FLT_BUY_MONTHS);
    if (committed && (o->first < 0 || o->last >= b->months || o->first > o->last))
        return sk_fail(e, SK_E_INVALID, "offer %s: it can't begin within the plan's %d months",
                       o->name, b->months);
    return SK_OK;
}

static sk_status check_serve(const flt_buy *b, const flt_buy_serve *s, sk_err *e)
{
    for (int k = 0; k < b->months; k++)
        if (!(s->chips[k] >= 0) || !isfinite(s->chips[k]))
            return sk_fail(e, SK_E_INVALID, "serving %s: chips can't be negative", s->name);
    for (int h = 0; h < FLT_BUY_HOURS; h++)
        if (!(s->shape[h] >= 0 && s->shape[h] <= 1))
            return sk_fail(e, SK_E_INVALID, "serving %s: hours are shares of the peak", s->name);
    return SK_OK;
}

static sk_status check_train(const flt_buy *b, const flt_buy_train *t, sk_err *e)
{
    if (!(t->chip_hours >= 0) || !isfinite(t->chip_hours) || !(t->max_chips >= 0))
        return sk_fail(e, SK_E_INVALID, "training %s: chips can't be negative", t->name);
    if (t->from < 0 || t->until > b->months || t->from >= t->until)
        return sk_fail(e, SK_E_INVALID, "training %s: no month of the plan's %d is left for it",
                       t->name, b->months);
    return SK_OK;
}

/* Whoever filled b in: the model divides by these and counts with them. */
static sk_status check(const flt_buy *b, sk_err *e)
{
    sk_status st = SK_OK;
    if (b->months < 1 || b->months > FLT_BUY_MONTHS)
        return sk_fail(e, SK_E_INVALID, "a plan has 1 to %d months", FLT_BUY_MONTHS);
    if (!b->n_serve && !b->n_train)
        return sk_fail(e, SK_E_INVALID, "no demand: name something to serve or to train");
    for (size_t i = 0; !st && i < b->n_offer; i++)
        st = check_offer(b, &b->offer[i], e);
    for (size_t i = 0; !st && i < b->n_serve; i++)
        st = check_serve(b, &b->serve[i], e);
    for (size_t i = 0; !st && i < b->n_train; i++)
        st = check_train(b, &b->train[i], e);
    for (size_t i = 0; !st && i < b->n_spend; i++)
        if (b->spend[i].amount_micros < 0 || b->spend[i].interval_months < 1 ||
            b->spend[i].discount_ppm < 0 || b->spend[i].discount_ppm > FLT_PPM)
            st = sk_fail(e, SK_E_INVALID, "spend %s makes no sense", b->spend[i].name);
    for (size_t i = 0; !st && i < b->n_held; i++)
        if (!(b->held[i].chips >= 0) || !isfinite(b->held[i].chips))
            st = sk_fail(e, SK_E_INVALID, "held %s: chips can't be negative", b->held[i].name);
    return st;
}

/* ---- solving ---- */

/* Builds and solves for a goal; *value has a place for each column of m.  The program is freed. */
static sk_status solve(const flt_buy *b, flt_buy_goal goal, sk_arena *mem, flt_buy_model *m,
                       double **value, bool *proven, sk_err *e)
{
    sk_status st = flt_buy_model_make(b, goal, mem, m, e);
    if (st) return st;
    double *v = sk_new_n(mem, double, flt_lp_cols(m->lp) + 1);
    if (!v) st = sk_fail(e, SK_E_NOMEM, "no memory for a plan of %d months", b->months);
    if (!st) st = flt_glpk_solve(m->lp, b->seconds > 0 ? b->seconds : 60, v, proven, e);
    flt_lp_free(m->lp);
    m->lp = NULL;
    if (!st) *value = v;
    return st;
}

static void month_text(const flt_buy *b, int month, char out[SK_UTC_TEXT])
{
    sk_utc_print(sk_utc_add_months(b->start, month), out);
    out[7] = 0; /* "2027-03" */
}

/* Says which demand stays unmet in the answer that leaves least so; SK_OK if none does. */
static sk_status say_short(const flt_buy_model *m, const double *v, sk_err *e)
{
    const flt_buy *b = m->b;
    char when[SK_UTC_TEXT];
    for (int k = 0; k < b->months; k++)
        for (int l = 0; l < m->levels; l++) {
            double miss = v[m->short_serve[flt_buy_slot(m, 0, k, l)]];
            double need = flt_buy_need(m, k, l);
            if (miss <= 1e-6 * fmax(1, need)) continue;
            month_text(b, k, when);
            return sk_fail(e, SK_E_INVALID,
                           "serving %s%s needs %.6g chips in %s at %02d:00: %.6g of them are not "
                           "to be had",
                           b->n_serve == 1 ? b->serve[0].name : "", b->n_serve == 1 ? "" : "all",
                           need, when, m->hour_of[l], miss);
        }
    for (size_t i = 0; i < b->n_train; i++) {
        double miss = v[m->short_train[i]];
        if (miss <= 1e-6 * fmax(1, b->train[i].chip_hours)) continue;
        month_text(b, b->train[i].until, when);
        return sk_fail(e, SK_E_INVALID,
                       "training %s can't be done before %s: %.6g of its %.6g chip-hours are not "
                       "to be had",
                       b->train[i].name, when, miss, b->train[i].chip_hours);
    }
    return SK_OK;
}

/* Nothing was found: because nothing can be, or for want of time? */
static sk_status why_not(const flt_buy *b, sk_arena *mem, sk_status st, sk_err *e)
{
    flt_buy_model m;
    double *v;
    bool proven;
    sk_err other = SK_ERR_INIT;
    if (solve(b, FLT_BUY_LEAST_SHORT, mem, &m, &v, &proven, &other)) return st;
    sk_status said = say_short(&m, v, e);
    return said ? said : st;
}

/* ---- the answer ---- */

typedef struct list {
    flt_buy_row *row;
    size_t n;
    int64_t cost;
} list;

static void add(list *l, flt_buy_row row, double cost)
{
    row.cost_micros = flt_micros_of(cost);
    l->cost += row.cost_micros;
    l->row[l->n++] = row;
}

static void add_commits(const flt_buy_model *m, const double *v, list *l)
{
    const flt_buy *b = m->b;
    for (int k = 0; k < b->months; k++)
        for (size_t j = 0; j < b->n_offer; j++) {
            size_t at = m->commit[j * (size_t)b->months + (size_t)k];
            const flt_buy_offer *o = &b->offer[j];
            int64_t units = at == SIZE_MAX ? 0 : llround(v[at]);
            if (units <= 0) continue;
            flt_buy_row r = {.what = FLT_BUY_COMMIT, .of = j, .under = SIZE_MAX, .month = k};
            r.units = units;
            r.chips = (double)(units * o->chips_per_unit);
            r.chip_hours = r.chips * flt_buy_term_hours(b, o, k);
            add(l, r, r.chip_hours * (double)o->price_micros / 1e6);
        }
}

/* What is paid for an offer by the hour in a month, the discount taken off. */
static double hourly_cost(const flt_buy *b, size_t j, size_t u, double chip_hours)
{
    double price = (double)b->offer[j].price_micros / 1e6;
    if (u) price *= 1 - (double)b->spend[u - 1].discount_ppm / 1e6;
    return chip_hours * price;
}

/* Hourly use of an offer in a month, all levels together. */
static flt_buy_row hourly(const flt_buy_model *m, const double *v, size_t u, size_t j, int k)
{
    flt_buy_row r = {.what = FLT_BUY_HOURLY, .of = j, .under = u ? u - 1 : SIZE_MAX, .month = k};
    for (int l = 0; l < m->levels; l++) {
        size_t at = m->hourly[flt_buy_slot(m, u * m->b->n_offer + j, k, l)];
        if (at == SIZE_MAX || v[at] < 1e-6) continue;
        r.chips = fmax(r.chips, v[at]);
        r.chip_hours += v[at] * m->weight[l] * flt_buy_days(m->b, k);
    }
    return r;
}

static void add_hourly(const flt_buy_model *m, const double *v, list *l)
{
    const flt_buy *b = m->b;
    for (int k = 0; k < b->months; k++)
        for (size_t u = 0; u <= b->n_spend; u++)
            for (size_t j = 0; j < b->n_offer; j++) {
                flt_buy_row r = hourly(m, v, u, j, k);
                if (r.chip_hours > 0) add(l, r, hourly_cost(b, j, u, r.chip_hours));
            }
}

/* A promise's row is what of it no use is made of: the rest is in the hourly rows. */
static void add_promises(const flt_buy_model *m, const double *v, list *l)
{
    const flt_buy *b = m->b;
    for (int k = 0; k < b->months; k++)
        for (size_t s = 0; s < b->n_spend; s++) {
            const flt_buy_spend *p = &b->spend[s];
            size_t at = m->paid[s * (size_t)b->months + (size_t)k];
            double used = 0, amount = (double)p->amount_micros / 1e6;
            if (at == SIZE_MAX || (!p->is_signed && v[at] < amount * (1 - 1e-6)) || v[at] <= 0)
                continue;
            for (int q = k; q < k + p->interval_months && q < b->months; q++)
                for (size_t j = 0; j < b->n_offer; j++)
                    used += hourly_cost(b, j, s + 1, hourly(m, v, s + 1, j, q).chip_hours);
            flt_buy_row r = {.what = FLT_BUY_PROMISE, .of = s, .under = SIZE_MAX, .month = k};
            add(l, r, fmax(0, amount - used));
        }
}

static sk_status put(const flt_buy_model *m, const double *v, sk_arena *mem, flt_buy_answer *a,
                     sk_err *e)
{
    const flt_buy *b = m->b;
    size_t months = (size_t)b->months;
    list l = {sk_new_n(mem, flt_buy_row, months * (b->n_offer * (b->n_spend + 2) + b->n_spend) + 1),
              0, 0};
    if (!l.row) return sk_fail(e, SK_E_NOMEM, "no memory for a plan of %d months", b->months);
    add_commits(m, v, &l);
    add_promises(m, v, &l);
    add_hourly(m, v, &l);
    a->row = l.row;
    a->n_row = l.n;
    a->cost_micros = l.cost;
    return SK_OK;
}

sk_status flt_buy_solve(const flt_buy *b, sk_arena *mem, flt_buy_answer *out, sk_err *e)
{
    flt_buy_answer a = {.proven = false}, plain = {.proven = false};
    flt_buy_model m;
    double *v;
    bool proven;
    sk_err other = SK_ERR_INIT;
    sk_status st = check(b, e);
    if (st) return st;
    st = solve(b, FLT_BUY_CHEAPEST, mem, &m, &v, &a.proven, e);
    if (st == SK_E_INVALID || st == SK_E_AGAIN) return why_not(b, mem, st, e);
    if (!st) st = put(&m, v, mem, &a, e);
    if (st) return st;
    st = solve(b, FLT_BUY_BY_THE_HOUR, mem, &m, &v, &proven, &other);
    if (!st) st = put(&m, v, mem, &plain, &other);
    if (st == SK_E_NOMEM) return sk_fail(e, st, "%s", other.text);
    a.on_demand_micros = st ? -1 : plain.cost_micros;
    *out = a;
    return SK_OK;
}
