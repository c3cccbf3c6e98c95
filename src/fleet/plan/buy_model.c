/* buy_model.c - a question of what to buy as a mixed integer program. */
#include "fleet/plan/buy_model.h"

#include <math.h>
#include <string.h>

#define NO_COL SIZE_MAX

size_t flt_buy_slot(const flt_buy_model *m, size_t i, int month, int level)
{
    return (i * (size_t)m->b->months + (size_t)month) * (size_t)m->levels + (size_t)level;
}

double flt_buy_days(const flt_buy *b, int month)
{
    int64_t from = sk_utc_add_months(b->start, month), to = sk_utc_add_months(b->start, month + 1);
    return (double)(to - from) / 86400;
}

double flt_buy_term_hours(const flt_buy *b, const flt_buy_offer *o, int month)
{
    int64_t from = sk_utc_add_months(b->start, month);
    return (double)(sk_utc_add_months(b->start, month + o->term_months) - from) / 3600;
}

double flt_buy_need(const flt_buy_model *m, int month, int level)
{
    double sum = 0;
    for (size_t i = 0; i < m->b->n_serve; i++)
        sum += m->b->serve[i].chips[month] * m->b->serve[i].shape[m->hour_of[level]];
    return sum;
}

/* Hours of the day that are alike for every service become one level. */
static void make_levels(flt_buy_model *m)
{
    for (int h = 0; h < FLT_BUY_HOURS; h++) {
        int l = 0;
        for (; l < m->levels; l++) {
            bool same = true;
            for (size_t i = 0; i < m->b->n_serve; i++)
                same &= m->b->serve[i].shape[h] == m->b->serve[i].shape[m->hour_of[l]];
            if (same) break;
        }
        if (l == m->levels) {
            m->hour_of[l] = h;
            m->weight[l] = 0;
            m->levels++;
        }
        m->weight[l]++;
        m->level_of[h] = l;
    }
}

static bool committed(const flt_buy_offer *o)
{
    return o->category == FLT_BLOCK || o->category == FLT_RESERVED;
}

/* Chips of the demand that can be of use at once: a bound for what is bought. */
static double most_useful(const flt_buy_model *m)
{
    double serve = 0, train = 0;
    for (int k = 0; k < m->b->months; k++)
        for (int l = 0; l < m->levels; l++)
            serve = fmax(serve, flt_buy_need(m, k, l));
    for (size_t i = 0; i < m->b->n_train; i++) {
        const flt_buy_train *t = &m->b->train[i];
        double all = t->chip_hours / 24; /* in a day */
        train += t->max_chips > 0 ? fmin(all, t->max_chips) : all;
    }
    return serve + train;
}

/* ---- columns ---- */

/* Units of commitments; with a least number, a switch: least * y <= x <= most * y. */
static void commit_cols(flt_buy_model *m, flt_buy_goal goal, double useful)
{
    const flt_buy *b = m->b;
    for (size_t j = 0; j < b->n_offer; j++)
        for (int k = 0; k < b->months; k++) {
            const flt_buy_offer *o = &b->offer[j];
            size_t *at = &m->commit[j * (size_t)b->months + (size_t)k];
            *at = NO_COL;
            if (!committed(o) || k < o->first || k > o->last || goal == FLT_BUY_BY_THE_HOUR)
                continue;
            double most = ceil(useful / o->rate / (double)o->chips_per_unit);
            if (most < (double)o->min_units) most = (double)o->min_units;
            if (o->limit_chips)
                most = fmin(most, floor((double)o->limit_chips / (double)o->chips_per_unit));
            double cost = (double)o->chips_per_unit * (double)o->price_micros / 1e6 *
                          flt_buy_term_hours(b, o, k);
            *at = flt_lp_col(m->lp, goal == FLT_BUY_CHEAPEST ? cost : 0, most, true);
            if (o->min_units <= 1 || most < (double)o->min_units) {
                if (most < (double)o->min_units) *at = NO_COL; /* its column stays, unused */
                continue;
            }
            size_t y = flt_lp_col(m->lp, 0, 1, true);
            flt_lp_row(m->lp, FLT_AT_LEAST, 0);
            flt_lp_term(m->lp, *at, 1);
            flt_lp_term(m->lp, y, -(double)o->min_units);
            flt_lp_row(m->lp, FLT_AT_MOST, 0);
            flt_lp_term(m->lp, *at, 1);
            flt_lp_term(m->lp, y, -most);
        }
}

/* Whether offer j can be had by the hour under spend `under` - 1 (0: without one). */
static bool by_the_hour(const flt_buy *b, flt_buy_goal goal, size_t under, size_t j)
{
    const flt_buy_offer *o = &b->offer[j];
    if (under)
        return o->category == FLT_ON_DEMAND &&
               strcmp(o->provider, b->spend[under - 1].provider) == 0 &&
               (goal != FLT_BUY_BY_THE_HOUR || b->spend[under - 1].is_signed);
    return o->category == FLT_ON_DEMAND || (o->category == FLT_SPOT && goal != FLT_BUY_BY_THE_HOUR);
}

/* Chips by the hour.  Under a promise they cost nothing themselves: the promise does (paid). */
static void hourly_cols(flt_buy_model *m, flt_buy_goal goal, double useful)
{
    const flt_buy *b = m->b;
    for (size_t u = 0; u <= b->n_spend; u++)
        for (size_t j = 0; j < b->n_offer; j++)
            for (int k = 0; k < b->months; k++)
                for (int l = 0; l < m->levels; l++) {
                    const flt_buy_offer *o = &b->offer[j];
                    size_t *at = &m->hourly[flt_buy_slot(m, u * b->n_offer + j, k, l)];
                    *at = NO_COL;
                    if (!by_the_hour(b, goal, u, j)) continue;
                    double most = useful / o->rate * 2;
                    if (o->limit_chips) most = (double)o->limit_chips;
                    if (o->category == FLT_SPOT) most *= o->availability;
                    double cost = (double)o->price_micros / 1e6 * m->weight[l] * flt_buy_days(b, k);
                    *at =
                        flt_lp_col(m->lp, goal == FLT_BUY_LEAST_SHORT || u ? 0 : cost, most, false);
                }
}

/* Chips of training runs in their months. */
static void train_cols(flt_buy_model *m)
{
    const flt_buy *b = m->b;
    for (size_t i = 0; i < b->n_train; i++)
        for (int k = 0; k < b->months; k++)
            for (int l = 0; l < m->levels; l++) {
                const flt_buy_train *t = &b->train[i];
                size_t at = flt_buy_slot(m, i, k, l);
                bool may = k >= t->from && k < t->until;
                m->firm[at] = may ? flt_lp_col(m->lp, 0, INFINITY, false) : NO_COL;
                m->spot[at] = may && t->spot ? flt_lp_col(m->lp, 0, INFINITY, false) : NO_COL;
            }
}

/* What stays unmet, in chip-hours; of a training run rather than of serving. */
static void short_cols(flt_buy_model *m, flt_buy_goal goal)
{
    bool some = goal == FLT_BUY_LEAST_SHORT;
    for (int k = 0; k < m->b->months; k++)
        for (int l = 0; l < m->levels; l++)
            m->short_serve[flt_buy_slot(m, 0, k, l)] =
                some ? flt_lp_col(m->lp, 1000 * m->weight[l] * flt_buy_days(m->b, k), INFINITY,
                                  false)
                     : NO_COL;
    for (size_t i = 0; i < m->b->n_train; i++)
        m->short_train[i] = some ? flt_lp_col(m->lp, 1, INFINITY, false) : NO_COL;
}

/* ---- rows ---- */

static void term(flt_buy_model *m, size_t col, double factor)
{
    if (col != NO_COL) flt_lp_term(m->lp, col, factor);
}

/* Firm chips there are in a slot: at least what serving and training have. */
static void firm_row(flt_buy_model *m, int k, int l)
{
    const flt_buy *b = m->b;
    double held = 0;
    for (size_t i = 0; i < b->n_held; i++)
        if (k >= b->held[i].from && k < b->held[i].until) held += b->held[i].chips;
    flt_lp_row(m->lp, FLT_AT_LEAST, flt_buy_need(m, k, l) - held);
    for (size_t j = 0; j < b->n_offer; j++) {
        const flt_buy_offer *o = &b->offer[j];
        for (int from = k - o->term_months + 1; committed(o) && from <= k; from++)
            if (from >= 0)
                term(m, m->commit[j * (size_t)b->months + (size_t)from],
                     o->rate * (double)o->chips_per_unit);
        for (size_t u = 0; u <= b->n_spend && o->category == FLT_ON_DEMAND; u++)
            term(m, m->hourly[flt_buy_slot(m, u * b->n_offer + j, k, l)], o->rate);
    }
    for (size_t i = 0; i < b->n_train; i++)
        term(m, m->firm[flt_buy_slot(m, i, k, l)], -1);
    term(m, m->short_serve[flt_buy_slot(m, 0, k, l)], 1);
}

static void spot_row(flt_buy_model *m, int k, int l)
{
    const flt_buy *b = m->b;
    flt_lp_row(m->lp, FLT_AT_LEAST, 0);
    for (size_t j = 0; j < b->n_offer; j++)
        if (b->offer[j].category == FLT_SPOT)
            term(m, m->hourly[flt_buy_slot(m, j, k, l)], b->offer[j].rate * (1 - b->offer[j].redo));
    for (size_t i = 0; i < b->n_train; i++)
        term(m, m->spot[flt_buy_slot(m, i, k, l)], -1);
}

/* Of an offer no more is had than there is, whatever discount it comes with. */
static void limit_rows(flt_buy_model *m, int k, int l)
{
    const flt_buy *b = m->b;
    for (size_t j = 0; j < b->n_offer; j++) {
        const flt_buy_offer *o = &b->offer[j];
        if (!o->limit_chips || o->category != FLT_ON_DEMAND || !b->n_spend) continue;
        flt_lp_row(m->lp, FLT_AT_MOST, (double)o->limit_chips);
        for (size_t u = 0; u <= b->n_spend; u++)
            term(m, m->hourly[flt_buy_slot(m, u * b->n_offer + j, k, l)], 1);
    }
}

/* A commitment's units that are held at once keep to its limit too. */
static void held_rows(flt_buy_model *m, int k)
{
    const flt_buy *b = m->b;
    for (size_t j = 0; j < b->n_offer; j++) {
        const flt_buy_offer *o = &b->offer[j];
        if (!committed(o) || !o->limit_chips) continue;
        flt_lp_row(m->lp, FLT_AT_MOST, (double)o->limit_chips);
        for (int from = k - o->term_months + 1; from <= k; from++)
            if (from >= 0)
                term(m, m->commit[j * (size_t)b->months + (size_t)from], (double)o->chips_per_unit);
    }
}

/* A run's chip-hours by its deadline, and its most chips at once. */
static void train_rows(flt_buy_model *m)
{
    const flt_buy *b = m->b;
    for (size_t i = 0; i < b->n_train; i++) {
        const flt_buy_train *t = &b->train[i];
        flt_lp_row(m->lp, FLT_AT_LEAST, t->chip_hours);
        for (int k = 0; k < b->months; k++)
            for (int l = 0; l < m->levels; l++) {
                size_t at = flt_buy_slot(m, i, k, l);
                double hours = m->weight[l] * flt_buy_days(b, k);
                term(m, m->firm[at], hours);
                term(m, m->spot[at], hours);
            }
        term(m, m->short_train[i], 1);
        for (int k = t->from; k < t->until && t->max_chips > 0; k++)
            for (int l = 0; l < m->levels; l++) {
                flt_lp_row(m->lp, FLT_AT_MOST, t->max_chips);
                term(m, m->firm[flt_buy_slot(m, i, k, l)], 1);
                term(m, m->spot[flt_buy_slot(m, i, k, l)], 1);
            }
    }
}

/* A promise: in each interval at least its amount is paid, or what is used at its discount if that
 * is more; one that is not signed is a switch for all of its intervals. */
static void promise(flt_buy_model *m, flt_buy_goal goal, size_t s, double dearest)
{
    const flt_buy *b = m->b;
    const flt_buy_spend *p = &b->spend[s];
    double amount = (double)p->amount_micros / 1e6, keep = 1 - (double)p->discount_ppm / 1e6;
    bool there = goal != FLT_BUY_BY_THE_HOUR || p->is_signed;
    size_t y = NO_COL;
    if (there && !p->is_signed) y = flt_lp_col(m->lp, 0, 1, true);
    for (int k = 0; k < b->months; k++) {
        size_t *at = &m->paid[s * (size_t)b->months + (size_t)k];
        *at = NO_COL;
        if (!there || k % p->interval_months) continue;
        double cost = goal == FLT_BUY_LEAST_SHORT ? 0 : 1;
        *at = flt_lp_col(m->lp, cost, fmax(dearest, amount), false);
        flt_lp_row(m->lp, FLT_AT_LEAST, y == NO_COL ? amount : 0);
        flt_lp_term(m->lp, *at, 1);
        term(m, y, -amount);
        if (y != NO_COL) {
            flt_lp_row(m->lp, FLT_AT_MOST, 0);
            flt_lp_term(m->lp, *at, 1);
            flt_lp_term(m->lp, y, -fmax(dearest, amount));
        }
        flt_lp_row(m->lp, FLT_AT_LEAST, 0);
        flt_lp_term(m->lp, *at, 1);
        for (int q = k; q < k + p->interval_months && q < b->months; q++)
            for (size_t j = 0; j < b->n_offer; j++)
                for (int l = 0; l < m->levels; l++)
                    term(m, m->hourly[flt_buy_slot(m, (s + 1) * b->n_offer + j, q, l)],
                         -keep * (double)b->offer[j].price_micros / 1e6 * m->weight[l] *
                             flt_buy_days(b, q));
    }
}

/* More than this nobody pays in all: every useful chip at the dearest price. */
static double dearest(const flt_buy_model *m, double useful)
{
    double price = 0, hours = 0;
    for (size_t j = 0; j < m->b->n_offer; j++)
        price = fmax(price, (double)m->b->offer[j].price_micros / 1e6 / m->b->offer[j].rate);
    for (int k = 0; k < m->b->months; k++)
        hours += 24 * flt_buy_days(m->b, k);
    return price * hours * useful;
}

/* Arrays of columns. */
static bool make_room(flt_buy_model *m, sk_arena *mem)
{
    const flt_buy *b = m->b;
    size_t months = (size_t)b->months, slots = months * (size_t)m->levels;
    m->commit = sk_new_n(mem, size_t, b->n_offer * months + 1);
    m->hourly = sk_new_n(mem, size_t, (b->n_spend + 1) * b->n_offer * slots + 1);
    m->paid = sk_new_n(mem, size_t, b->n_spend * months + 1);
    m->firm = sk_new_n(mem, size_t, b->n_train * slots + 1);
    m->spot = sk_new_n(mem, size_t, b->n_train * slots + 1);
    m->short_serve = sk_new_n(mem, size_t, slots);
    m->short_train = sk_new_n(mem, size_t, b->n_train + 1);
    m->lp = flt_lp_new();
    return m->commit && m->hourly && m->paid && m->firm && m->spot && m->short_serve &&
           m->short_train && m->lp;
}

/* All columns come before the rows, which refer to them by number.  The program grows with months
 * times levels. */
sk_status flt_buy_model_make(const flt_buy *b, flt_buy_goal goal, sk_arena *mem, flt_buy_model *m,
                             sk_err *e)
{
    flt_buy_model v = {.b = b};
    make_levels(&v);
    if (!make_room(&v, mem)) {
        flt_lp_free(v.lp);
        return sk_fail(e, SK_E_NOMEM, "no memory for a plan of %d months", b->months);
    }
    double useful = most_useful(&v);
    commit_cols(&v, goal, useful);
    hourly_cols(&v, goal, useful);
    train_cols(&v);
    short_cols(&v, goal);
    for (int k = 0; k < b->months; k++) {
        held_rows(&v, k);
        for (int l = 0; l < v.levels; l++) {
            firm_row(&v, k, l);
            spot_row(&v, k, l);
            limit_rows(&v, k, l);
        }
    }
    train_rows(&v);
    for (size_t s = 0; s < b->n_spend; s++)
        promise(&v, goal, s, dearest(&v, useful));
    *m = v;
    return SK_OK;
}
