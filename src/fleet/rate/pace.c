/* pace.c - how a commitment is doing. */
#include "fleet/rate/pace.h"

#include "fleet/rate/exact.h"
#include "fleet/rate/intervals.h"

#include <math.h>

/* Phi by erfc, which is exact in the tails. */
double flt_normal_below(double x, double mean, double spread)
{
    if (!(spread > 0)) return x > mean ? 1 : 0;
    return 0.5 * erfc(-(x - mean) / (spread * sqrt(2.0)));
}

/* E(rest - X, 0 at least) of a normal X. */
static double expected_rest(double rest, double mean, double spread)
{
    if (!(spread > 0)) return rest > mean ? rest - mean : 0;
    double z = (rest - mean) / spread;
    double density = exp(-0.5 * z * z) / sqrt(2.0 * acos(-1.0));
    return (rest - mean) * flt_normal_below(rest, mean, spread) + spread * density;
}

/* What is promised in the interval and drawn of it.  A balance of an earlier interval says only
 * what it carries over. */
static void take_balance(const flt_commitment *c, const flt_balance *b, flt_pace *p)
{
    p->committed = flt_interval_amount(c, p->t);
    if (!b) return;
    p->overage = b->overage;
    if (b->interval.from == p->interval.from && b->interval.to == p->interval.to) {
        p->committed = b->committed;
        p->drawn = b->drawn;
    } else if (c->shortfall == FLT_CARRY && c->model == FLT_DISCONTINUOUS &&
               b->interval.to <= p->interval.from && sk_span_seconds(b->interval)) {
        p->committed += flt_most(0, b->committed - b->drawn);
    }
}

/* The rate so far; before there is one, what is due. */
static flt_forecast so_far(const flt_pace *p)
{
    double hours = (double)(p->t - p->interval.from) / FLT_HOUR;
    double all = (double)sk_span_seconds(p->interval) / FLT_HOUR;
    return (flt_forecast){hours > 0 ? (double)p->drawn / hours : (double)p->committed / all, 0};
}

/* From t to the interval's end at the forecast.  E(shortfall) is held to what is left at most: the
 * normal also has a part below 0. */
static void look_ahead(flt_pace *p, flt_forecast f)
{
    double hours = (double)(p->interval.to - p->t) / FLT_HOUR, rest = (double)p->remaining;
    p->needed = rest / hours;
    p->days_to_exhaustion = -1;
    if (!p->remaining) {
        p->exhausted = p->t;
        p->days_to_exhaustion = 0;
        return;
    }
    p->p_shortfall = flt_normal_below(rest, f.mean * hours, f.spread * hours);
    p->shortfall = (int64_t)llround(
        fmin(rest, fmax(0, expected_rest(rest, f.mean * hours, f.spread * hours))));
    if (f.mean * hours < rest) return;
    p->days_to_exhaustion = rest / f.mean / 24;
    p->exhausted = p->t + (int64_t)llround(rest / f.mean * FLT_HOUR);
}

void flt_pace_at(const flt_commitment *c, const flt_balance *b, int64_t t, const flt_forecast *f,
                 flt_pace *out)
{
    *out = (flt_pace){.commitment = c->id, .t = t, .days_to_exhaustion = -1};
    for (size_t i = 0; i < c->n_milestone && !out->milestone.t; i++) {
        if (c->milestone[i].t <= t) continue;
        out->milestone = c->milestone[i];
        out->milestone_unmet = flt_most(0, out->milestone.amount - (b ? b->met : 0));
    }
    if (!flt_interval_at(c, t, &out->interval, NULL)) return;
    take_balance(c, b, out);
    int64_t seconds = sk_span_seconds(out->interval), past = t - out->interval.from;
    out->committed_so_far = flt_part(out->committed, 0, past, seconds);
    out->remaining = flt_most(0, out->committed - out->drawn);
    out->elapsed = (double)past / (double)seconds;
    double due = (double)out->committed * out->elapsed;
    out->pace = due > 0 ? (double)out->drawn / due : 1;
    look_ahead(out, f ? *f : so_far(out));
}

/* What of the upfront payment is left once `met` was drawn.  Chip-hours without a rate of their own
 * have a price that only the book knows: none is left then. */
static int64_t prepaid_left(const flt_commitment *c, int64_t met)
{
    int64_t paid = 0, total = flt_committed_total(c);
    if (c->kind == FLT_USAGE && (!flt_muldiv(total, c->rate_micros, FLT_MICRO, &total) ||
                                 !flt_muldiv(met, c->rate_micros, FLT_MICRO, &met)))
        return 0;
    (void)flt_muldiv(total, c->upfront_ppm, FLT_PPM, &paid);
    return flt_most(0, paid - met);
}

void flt_balance_even(const flt_commitment *c, int64_t t, flt_balance *out)
{
    sk_span s;
    *out = (flt_balance){.commitment = c->id};
    if (c->model == FLT_DISCONTINUOUS) {
        out->met = flt_committed_until(c, t);
        if (t > c->term.from) out->prepaid = prepaid_left(c, out->met);
    }
    /* At a border nothing is open yet. */
    if (!flt_interval_at(c, t, &s, NULL) || s.from == t) return;
    out->interval = s;
    out->committed = flt_interval_amount(c, t);
    out->drawn = flt_part(out->committed, 0, t - s.from, s.to - s.from);
    if (c->model == FLT_CONTINUOUS && c->kind == FLT_USAGE) out->quantity = out->drawn;
}

/* ---- utilization and coverage ------------------------------------------------------------------
 */

/* Whether a usage charge is of what c is for. */
static bool is_eligible(const flt_book *book, const flt_commitment *c, const flt_charge *row)
{
    if (row->commitment == c->id) return true;
    const flt_pool *pool = flt_book_pool(book, row->pool);
    if (!pool) return false;
    const flt_offer *o =
        *c->sku ? flt_usage_price(book, pool, row->category, "", row->span.from) : NULL;
    return flt_eligible(book, c, pool, row->category, o ? o->sku : "");
}

/* Any reservation or continuous commitment covers; of negotiated prices only c's own does. */
static void cover_usage(const flt_commitment *c, const flt_charge *row, flt_cover *out)
{
    bool held = row->paid == FLT_PAID_RESERVATION || row->paid == FLT_PAID_CONTINUOUS;
    bool drew = row->commitment == c->id && row->paid == FLT_PAID_NEGOTIATED;
    out->eligible += row->quantity;
    out->eligible_list += row->list_micros;
    if (held && row->commitment == c->id) out->used += row->effective_micros;
    if (!held && !drew) return;
    out->covered += row->quantity;
    out->covered_list += row->list_micros;
}

static double share(int64_t part, int64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 1;
}

void flt_cover_add(const flt_book *book, const flt_commitment *c, const flt_charge *row, size_t n,
                   flt_cover *out)
{
    for (size_t i = 0; i < n; i++) {
        if (row[i].kind == FLT_CHARGE_USAGE && is_eligible(book, c, &row[i]))
            cover_usage(c, &row[i], out);
        else if (row[i].kind == FLT_CHARGE_UNUSED && row[i].commitment == c->id)
            out->unused += row[i].effective_micros;
    }
    out->bought = out->used + out->unused;
    out->utilization = share(out->used, out->bought);
    out->coverage = share(out->covered, out->eligible);
}
