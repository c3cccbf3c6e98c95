/* t_rate_random.c - rating over random fleets, contracts and usage: the books always balance.
 *
 * For each seed: used + unused = bought; applied + unmet = promised; effective = billed over the
 * life of what was bought; every second of usage rated once; and neither the order of rows, nor
 * cutting one in two, nor closing in many steps, nor rating closed time again changes a sum.
 */
#include "tests/unit/rate_case.h"
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "fleet/rate/exact.h"
#include "fleet/rate/intervals.h"

enum { SEEDS = 1500, MOST_USAGE = 40, DAY = 86400 };

typedef struct world {
    rate_case c;
    uint64_t seed, drawn;
    int64_t from, until;
    flt_step ramp[RATE_ROWS][2], milestone[RATE_ROWS][2];
    flt_usage usage[2 * MOST_USAGE];
    size_t n_usage;
} world;

/* ---- drawing a world ---- */

static int64_t pick(world *w, int64_t n)
{
    return (int64_t)sk_rng_below(w->seed, SK_RNG_TEST, w->drawn++, (uint64_t)n);
}

static bool chance(world *w, int percent)
{
    return pick(w, 100) < percent;
}

/* Between a and b: on the hour, the minute or any second. */
static int64_t moment(world *w, int64_t a, int64_t b)
{
    static const int64_t grain[] = {3600, 3600, 60, 1};
    int64_t g = grain[pick(w, 4)];
    if (b - a < g) return a;
    return a + pick(w, (b - a) / g) * g;
}

static sk_span some_term(world *w)
{
    int64_t a = chance(w, 60) ? w->from : moment(w, w->from, w->until - DAY);
    int64_t b = chance(w, 60) ? w->until : moment(w, a + 3600, w->until);
    return (sk_span){a, flt_most(b, a + 600)};
}

static void draw_prices(world *w, int64_t provider, int64_t chip)
{
    double price = (double)(1 + pick(w, 12000000)) / 1e6;
    flt_offer *o = rate_offer(&w->c, provider, chip, FLT_ON_DEMAND, price);
    if (chance(w, 50)) { /* it changes once */
        int64_t t = moment(w, w->from, w->until);
        o->valid.to = t;
        o = rate_offer(&w->c, provider, chip, FLT_ON_DEMAND, price * 0.9);
        o->valid.from = t;
    }
    (void)rate_offer(&w->c, provider, chip, FLT_SPOT, price / 3);
}

static void draw_supply(world *w)
{
    rate_case *c = &w->c;
    int64_t providers = 1 + pick(w, 2), chips = 1 + pick(w, 2), pools = 1 + pick(w, 4);
    for (int64_t i = 0; i < providers; i++)
        (void)rate_provider(c);
    for (int64_t i = 0; i < chips; i++)
        (void)rate_chip(c);
    for (int64_t p = 1; p <= providers; p++)
        for (int64_t k = 1; k <= chips; k++)
            draw_prices(w, p, k);
    for (int64_t i = 0; i < pools; i++)
        rate_pool(c, 1 + pick(w, providers), 1 + pick(w, chips))->region = i & 1 ? "west" : "east";
}

static void draw_continuous(world *w, int64_t contract)
{
    flt_kind kind = chance(w, 50) ? FLT_SPEND : FLT_USAGE;
    double amount = (double)pick(w, 100000) / 1000;
    if (chance(w, 50)) amount = (double)(int64_t)amount;
    flt_interval interval = chance(w, 70) ? FLT_HOURLY : (flt_interval)pick(w, FLT_INTERVAL_N);
    flt_commitment *c = rate_commitment(&w->c, contract, kind, FLT_CONTINUOUS, interval, amount);
    if (kind == FLT_USAGE) c->rate_micros = 1 + pick(w, 9000000);
    if (kind == FLT_SPEND) c->discount_ppm = pick(w, 900000);
}

static void draw_discontinuous(world *w, int64_t contract)
{
    flt_kind kind = chance(w, 70) ? FLT_SPEND : FLT_USAGE;
    double amount = (double)pick(w, 20000000) / 1000;
    flt_interval interval = (flt_interval)pick(w, FLT_INTERVAL_N);
    flt_commitment *c = rate_commitment(&w->c, contract, kind, FLT_DISCONTINUOUS, interval, amount);
    if (kind == FLT_USAGE) c->rate_micros = 1 + pick(w, 9000000);
    if (kind == FLT_SPEND) c->discount_ppm = pick(w, 600000);
    if (chance(w, 30)) c->overage_ppm = pick(w, 500000);
    c->shortfall = chance(w, 40) ? FLT_CARRY : FLT_CHARGE;
}

/* Term, ramp, milestones, payment, eligibility. */
static void draw_conditions(world *w, flt_commitment *c)
{
    size_t i = (size_t)c->id;
    c->term = some_term(w);
    if (chance(w, 40)) c->upfront_ppm = chance(w, 40) ? FLT_PPM : pick(w, FLT_PPM);
    if (chance(w, 40)) c->chip = 1 + pick(w, (int64_t)w->c.book.n_chip);
    if (chance(w, 20)) c->region = "west";
    if (chance(w, 30)) c->categories = 1U << FLT_ON_DEMAND | 1U << FLT_SPOT;
    if (chance(w, 30)) {
        w->ramp[i][0] = (flt_step){moment(w, w->from, w->until), pick(w, 30000000)};
        w->ramp[i][1] = (flt_step){w->ramp[i][0].t + DAY, pick(w, 50000000)};
        c->ramp = w->ramp[i];
        c->n_ramp = 2;
    }
    if (c->model == FLT_CONTINUOUS || chance(w, 70)) return;
    w->milestone[i][0] = (flt_step){moment(w, c->term.from, c->term.to), pick(w, 900000000)};
    w->milestone[i][1] = (flt_step){w->milestone[i][0].t + DAY, pick(w, 2000000000)};
    c->milestone = w->milestone[i];
    c->n_milestone = 2;
}

static void draw_contracts(world *w)
{
    rate_case *c = &w->c;
    for (int64_t n = pick(w, 4); n > 0; n--) {
        int64_t k = rate_contract(c, 1 + pick(w, (int64_t)c->book.n_provider),
                                  (sk_span){w->from, w->until});
        for (int64_t m = 1 + pick(w, 3); m > 0; m--) {
            if (chance(w, 50))
                draw_continuous(w, k);
            else
                draw_discontinuous(w, k);
            draw_conditions(w, &c->commitment[c->book.n_commitment - 1]);
        }
    }
    for (int64_t n = pick(w, 3); n > 0; n--) {
        int64_t commitment = pick(w, (int64_t)c->book.n_commitment + 1);
        (void)rate_reservation(c, 1 + pick(w, (int64_t)c->book.n_pool), commitment, pick(w, 64),
                               some_term(w));
    }
}

static void draw_usage(world *w)
{
    w->n_usage = (size_t)pick(w, MOST_USAGE);
    for (size_t i = 0; i < w->n_usage; i++) {
        int64_t a = moment(w, w->from, w->until - 60);
        int64_t length = chance(w, 70) ? 1 + pick(w, 7200) : 1 + pick(w, 3 * DAY);
        flt_usage u = rate_usage((int64_t)i + 1, 1 + pick(w, (int64_t)w->c.book.n_pool),
                                 pick(w, 65), a, flt_least(a + length, w->until));
        u.workload = 1 + pick(w, 3);
        if (chance(w, 25)) u.category = FLT_SPOT;
        if (chance(w, 10)) u.category = FLT_RESERVED;
        for (size_t k = 0; k < w->c.book.n_reservation; k++)
            if (w->c.reservation[k].pool == u.pool && chance(w, 30))
                u.reservation = w->c.reservation[k].id;
        w->usage[i] = u;
    }
}

static void draw(world *w, uint64_t seed)
{
    *w = (world){.seed = seed};
    rate_case_init(&w->c);
    w->from = rate_time("2026-01-30") + moment(w, 0, DAY);
    w->until = w->from + DAY * (1 + pick(w, 9)) + pick(w, 2) * 1234;
    draw_supply(w);
    draw_contracts(w);
    draw_usage(w);
}

static void rate(world *w, const flt_usage *u, size_t n)
{
    sk_err e = SK_ERR_INIT;
    if (rate_run(&w->c, u, n, w->from, w->until, &e))
        fail_msg("seed %llu: %s", (unsigned long long)w->seed, e.text);
}

/* ---- what must hold ---- */

#define holds(w, condition)                                                                        \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("seed %llu: %s does not hold", (unsigned long long)(w)->seed, #condition);    \
    } while (0)

static void check_continuous(const world *w, const flt_commitment *c)
{
    rate_sum used = {0}, unused = rate_total(&w->c, FLT_CHARGE_UNUSED, c->id);
    rate_sum bought = rate_total(&w->c, FLT_CHARGE_PURCHASE, c->id);
    for (size_t i = 0; i < w->c.n_row; i++) {
        const flt_charge *x = &w->c.row[i];
        if (x->kind != FLT_CHARGE_USAGE || x->commitment != c->id) continue;
        holds(w, x->billed_micros == 0 && x->paid <= FLT_PAID_CONTINUOUS);
        used.n++;
        used.effective += x->effective_micros;
        used.quantity += x->quantity;
    }
    holds(w, used.effective + unused.effective == bought.billed);
    holds(w, unused.billed == 0 && bought.effective == 0);
    if (c->kind == FLT_SPEND) return;
    /* Chip-hours are rounded by usage row, so that here each may be a millionth off. */
    int64_t off = used.quantity + unused.quantity - bought.quantity;
    holds(w, off <= (int64_t)used.n && -off <= (int64_t)used.n);
    holds(w, bought.quantity == flt_committed_total(c));
}

static void check_discontinuous(const world *w, const flt_commitment *c)
{
    rate_sum unmet = rate_total(&w->c, FLT_CHARGE_SHORTFALL, c->id);
    int64_t missing = c->kind == FLT_SPEND ? unmet.list : unmet.quantity;
    holds(w, rate_applied(&w->c, c->id) + missing == flt_committed_total(c));
}

static void check_contract(const world *w, int64_t id)
{
    int64_t billed = 0, effective = 0;
    for (size_t i = 0; i < w->c.book.n_commitment; i++) {
        if (w->c.commitment[i].contract != id) continue;
        rate_sum s = rate_total(&w->c, FLT_CHARGE_KIND_N, w->c.commitment[i].id);
        billed += s.billed;
        effective += s.effective;
    }
    holds(w, billed == effective);
}

static void check_usage(const world *w)
{
    for (size_t i = 0; i < w->n_usage; i++) {
        const flt_usage *u = &w->usage[i];
        int64_t quantity = 0;
        for (size_t k = 0; k < w->c.n_row; k++) {
            const flt_charge *x = &w->c.row[k];
            if (x->usage != u->id) continue;
            quantity += x->quantity;
            holds(w, x->span.from >= u->span.from && x->span.to <= u->span.to);
            holds(w, x->list_micros >= 0 && x->billed_micros >= 0 && x->effective_micros >= 0);
        }
        holds(w, quantity == flt_quantity(u->chips * sk_span_seconds(u->span) * FLT_MILLI));
    }
}

/* What there was, so that nothing of all this holds for want of cases. */
typedef struct seen {
    size_t paid[FLT_PAID_NONE + 1], kind[FLT_CHARGE_KIND_N], prepaid, applied;
} seen;

static void count_seen(const world *w, seen *s)
{
    for (size_t i = 0; i < w->c.n_row; i++) {
        const flt_charge *x = &w->c.row[i];
        s->paid[x->paid]++;
        s->kind[x->kind]++;
        s->prepaid += x->paid == FLT_PAID_NEGOTIATED && x->billed_micros < x->effective_micros;
    }
    s->applied += w->c.n_applied;
}

static void check_seen(const seen *s)
{
    for (int i = 0; i <= FLT_PAID_NONE; i++)
        assert_true(s->paid[i] > 1000);
    for (int i = 0; i <= FLT_CHARGE_SHORTFALL; i++)
        assert_true(s->kind[i] > 1000);
    assert_true(s->prepaid > 1000 && s->applied > 1000);
}

static void balances(void **state)
{
    (void)state;
    static world w;
    seen all = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        draw(&w, seed);
        rate(&w, w.usage, w.n_usage);
        for (size_t i = 0; i < w.c.book.n_commitment; i++) {
            const flt_commitment *c = &w.c.commitment[i];
            if (c->model == FLT_CONTINUOUS)
                check_continuous(&w, c);
            else
                check_discontinuous(&w, c);
        }
        for (size_t i = 0; i < w.c.book.n_contract; i++)
            check_contract(&w, w.c.contract[i].id);
        check_usage(&w);
        count_seen(&w, &all);
        rate_case_free(&w.c);
    }
    check_seen(&all);
}

/* ---- what must not matter ---- */

/* The results of a run, kept to compare with. */
typedef struct kept {
    flt_charge *row;
    flt_applied *applied;
    size_t n_row, n_applied;
} kept;

static kept keep(rate_case *c)
{
    kept k = {c->row, c->applied, c->n_row, c->n_applied};
    c->row = NULL;
    c->applied = NULL;
    c->n_row = c->n_applied = c->cap_row = c->cap_applied = 0;
    return k;
}

static void drop(kept *k)
{
    sk_free(k->row);
    sk_free(k->applied);
}

static void check_same(const world *w, const kept *k)
{
    holds(w, w->c.n_row == k->n_row && w->c.n_applied == k->n_applied);
    for (size_t i = 0; i < k->n_row; i++) {
        flt_charge a = w->c.row[i], b = k->row[i];
        holds(w, a.id == b.id && a.kind == b.kind && a.paid == b.paid && a.usage == b.usage);
        holds(w, a.span.from == b.span.from && a.span.to == b.span.to);
        holds(w, a.commitment == b.commitment && a.quantity == b.quantity);
        holds(w, a.list_micros == b.list_micros && a.contracted_micros == b.contracted_micros);
        holds(w, a.billed_micros == b.billed_micros && a.effective_micros == b.effective_micros);
    }
    for (size_t i = 0; i < k->n_applied; i++)
        holds(w, !memcmp(&w->c.applied[i], &k->applied[i], sizeof *k->applied));
}

static void order_of_rows(void **state)
{
    (void)state;
    static world w;
    for (uint64_t seed = 0; seed < SEEDS / 3; seed++) {
        draw(&w, seed);
        rate(&w, w.usage, w.n_usage);
        kept k = keep(&w.c);
        flt_usage mixed[MOST_USAGE];
        for (size_t i = 0; i < w.n_usage; i++)
            mixed[i] = w.usage[sk_rng_permute(seed, SK_RNG_TEST, w.n_usage, i)];
        rate(&w, mixed, w.n_usage);
        check_same(&w, &k);
        drop(&k);
        rate_case_free(&w.c);
    }
}

/* Sums by kind, payer, commitment, pool and category. */
static bool alike(const flt_charge *a, const flt_charge *b)
{
    return a->kind == b->kind && a->paid == b->paid && a->commitment == b->commitment &&
           a->pool == b->pool && a->category == b->category;
}

static rate_sum sum_like(const flt_charge *row, size_t n, const flt_charge *like)
{
    rate_sum s = {0};
    for (size_t i = 0; i < n; i++) {
        if (!alike(&row[i], like)) continue;
        s.n++;
        s.quantity += row[i].quantity;
        s.list += row[i].list_micros;
        s.contracted += row[i].contracted_micros;
        s.billed += row[i].billed_micros;
        s.effective += row[i].effective_micros;
    }
    return s;
}

/* Sums of money are the same to the last micro-unit; chip-hours are rounded once a row. */
static void check_sums(const world *w, const flt_charge *row, size_t n, const kept *k)
{
    for (size_t i = 0; i < n; i++) {
        rate_sum a = sum_like(row, n, &row[i]), b = sum_like(k->row, k->n_row, &row[i]);
        holds(w, a.list == b.list && a.contracted == b.contracted);
        holds(w, a.billed == b.billed && a.effective == b.effective);
        holds(w, llabs(a.quantity - b.quantity) <= (int64_t)(n + k->n_row));
    }
}

/* Cuts each row in two, by time or by chips. */
static size_t cut_rows(world *w, flt_usage *out)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_usage; i++) {
        flt_usage a = w->usage[i], b = a;
        if (chance(w, 50)) {
            a.chips = pick(w, a.chips + 1);
            b.chips -= a.chips;
        } else {
            a.span.to = b.span.from = a.span.from + pick(w, sk_span_seconds(a.span) + 1);
        }
        b.id += 1000;
        out[n++] = a;
        out[n++] = b;
    }
    return n;
}

static void cuts_of_rows(void **state)
{
    (void)state;
    static world w;
    for (uint64_t seed = 0; seed < SEEDS / 3; seed++) {
        draw(&w, seed);
        rate(&w, w.usage, w.n_usage);
        kept k = keep(&w.c);
        flt_usage cut[2 * MOST_USAGE];
        size_t n = cut_rows(&w, cut);
        rate(&w, cut, n);
        check_sums(&w, w.c.row, w.c.n_row, &k);
        kept other = keep(&w.c);
        check_sums(&w, k.row, k.n_row, &other);
        drop(&k);
        drop(&other);
        rate_case_free(&w.c);
    }
}

/* Rows without id and key are added up before they are rated. */
static void buckets(void **state)
{
    (void)state;
    static world w;
    for (uint64_t seed = 0; seed < SEEDS / 3; seed++) {
        draw(&w, seed);
        rate(&w, w.usage, w.n_usage);
        kept k = keep(&w.c);
        for (size_t i = 0; i < w.n_usage; i++)
            w.usage[i].id = 0;
        rate(&w, w.usage, w.n_usage);
        check_sums(&w, w.c.row, w.c.n_row, &k);
        drop(&k);
        rate_case_free(&w.c);
    }
}

/* Closing some hours at a time, rows added as they begin. */
static void steps(void **state)
{
    (void)state;
    static world w;
    for (uint64_t seed = 0; seed < SEEDS / 5; seed++) {
        draw(&w, seed);
        rate(&w, w.usage, w.n_usage);
        kept k = keep(&w.c);
        sk_err e = SK_ERR_INIT;
        flt_rater *r = NULL;
        flt_sink sink = rate_sink(&w.c);
        assert_status_ok(flt_rater_new(&w.c.book, w.from, &r, &e), e);
        size_t added = 0;
        flt_usage u[MOST_USAGE];
        memcpy(u, w.usage, sizeof u);
        for (int64_t t = w.from; t < w.until;) {
            int64_t next = flt_least(w.until, sk_utc_hour(t) + 3600 * (1 + pick(&w, 30)));
            for (size_t i = 0; i < w.n_usage; i++) {
                if (u[i].span.from < t || u[i].span.from >= next) continue;
                assert_status_ok(flt_rater_add(r, &u[i], &e), e);
                added++;
            }
            assert_status_ok(flt_rater_close(r, next, &sink, &e), e);
            holds(&w, flt_rater_closed(r) == next);
            t = next;
        }
        flt_rater_free(r);
        holds(&w, added == w.n_usage);
        check_same(&w, &k);
        drop(&k);
        rate_case_free(&w.c);
    }
}

/* A rater for some hours, then another from its balances, with the rows that were open. */
static void one_stretch(world *w, flt_balance *b, sk_span s, const flt_sink *sink)
{
    sk_err e = SK_ERR_INIT;
    flt_rater *r = NULL;
    size_t n = s.from > w->from ? w->c.book.n_commitment : 0;
    assert_status_ok(flt_rater_open(&w->c.book, s.from, b, n, &r, &e), e);
    for (size_t i = 0; i < w->n_usage; i++)
        if (sk_span_shared(w->usage[i].span, s))
            assert_status_ok(flt_rater_resume(r, &w->usage[i], &e), e);
    assert_status_ok(flt_rater_close(r, s.to, sink, &e), e);
    for (size_t i = 0; i < w->c.book.n_commitment; i++)
        b[i] = *flt_rater_balance(r, w->c.commitment[i].id);
    flt_rater_free(r);
}

static void new_raters(void **state)
{
    (void)state;
    static world w;
    for (uint64_t seed = 0; seed < SEEDS / 5; seed++) {
        draw(&w, seed);
        rate(&w, w.usage, w.n_usage);
        kept k = keep(&w.c);
        flt_balance b[RATE_ROWS];
        flt_sink sink = rate_sink(&w.c);
        size_t charges = 0, applied = 0;
        for (int64_t t = w.from; t < w.until;) {
            int64_t next = flt_least(w.until, sk_utc_hour(t) + 3600 * (1 + pick(&w, 30)));
            one_stretch(&w, b, (sk_span){t, next}, &sink);
            /* Numbers begin anew with each rater. */
            for (size_t i = charges; i < w.c.n_row; i++)
                w.c.row[i].id += (int64_t)charges;
            for (; applied < w.c.n_applied; applied++)
                w.c.applied[applied].charge += (int64_t)charges;
            charges = w.c.n_row;
            t = next;
        }
        check_same(&w, &k);
        drop(&k);
        rate_case_free(&w.c);
    }
}

/* ---- rating again ---- */

/* Old rows and corrections, added up by what they are for, are what rating everything gives. */
static void check_again(world *w, const kept *all)
{
    holds(w, w->c.n_row == 0 || w->c.row != NULL);
    check_sums(w, w->c.row, w->c.n_row, all);
    for (size_t i = 0; i < w->c.book.n_commitment; i++) {
        int64_t id = w->c.commitment[i].id, want = 0;
        for (size_t k = 0; k < all->n_applied; k++)
            if (all->applied[k].commitment == id) want += all->applied[k].amount;
        holds(w, rate_applied(&w->c, id) == want);
    }
}

static void late_rows(void **state)
{
    (void)state;
    static world w;
    for (uint64_t seed = 0; seed < SEEDS / 3; seed++) {
        draw(&w, seed);
        rate(&w, w.usage, w.n_usage);
        kept all = keep(&w.c);
        size_t early = (size_t)pick(&w, (int64_t)w.n_usage + 1);
        rate(&w, w.usage, early);
        kept old = keep(&w.c);
        /* The old rows are in the results, so that corrections come behind them. */
        flt_sink sink = rate_sink(&w.c);
        sk_err e = SK_ERR_INIT;
        for (size_t i = 0; i < old.n_row; i++)
            assert_status_ok(sink.charge(sink.arg, &old.row[i], &e), e);
        for (size_t i = 0; i < old.n_applied; i++)
            assert_status_ok(sink.applied(sink.arg, &old.applied[i], &e), e);
        flt_again a = {.span = {w.from, w.until},
                       .usage = w.usage,
                       .n_usage = w.n_usage,
                       .old = old.row,
                       .n_old = old.n_row,
                       .applied = old.applied,
                       .n_applied = old.n_applied};
        assert_status_ok(flt_rate_again(&w.c.book, &a, &sink, &e), e);
        for (size_t i = old.n_row; i < w.c.n_row; i++)
            holds(&w, w.c.row[i].correction);
        check_again(&w, &all);
        if (early == w.n_usage) holds(&w, w.c.n_row == old.n_row);
        drop(&all);
        drop(&old);
        rate_case_free(&w.c);
    }
}

/* A part of the time, from kept balances: without late rows nothing is corrected. */
static void again_from_balances(void **state)
{
    (void)state;
    static world w;
    for (uint64_t seed = 0; seed < SEEDS / 5; seed++) {
        draw(&w, seed);
        sk_err e = SK_ERR_INIT;
        flt_rater *r = NULL;
        flt_balance b[RATE_ROWS];
        flt_sink sink = rate_sink(&w.c);
        int64_t middle = sk_utc_hour(w.from + (w.until - w.from) / 2);
        assert_status_ok(flt_rater_new(&w.c.book, w.from, &r, &e), e);
        for (size_t i = 0; i < w.n_usage; i++)
            assert_status_ok(flt_rater_add(r, &w.usage[i], &e), e);
        assert_status_ok(flt_rater_close(r, middle, &sink, &e), e);
        for (size_t i = 0; i < w.c.book.n_commitment; i++)
            b[i] = *flt_rater_balance(r, w.c.commitment[i].id);
        assert_status_ok(flt_rater_close(r, w.until, &sink, &e), e);
        flt_rater_free(r);
        flt_again a = {.span = {middle, w.until},
                       .balance = b,
                       .n_balance = w.c.book.n_commitment,
                       .usage = w.usage,
                       .n_usage = w.n_usage,
                       .old = w.c.row,
                       .n_old = w.c.n_row,
                       .applied = w.c.applied,
                       .n_applied = w.c.n_applied};
        kept k = keep(&w.c);
        sink = rate_sink(&w.c);
        assert_status_ok(flt_rate_again(&w.c.book, &a, &sink, &e), e);
        holds(&w, w.c.n_row == 0 && w.c.n_applied == 0);
        drop(&k);
        rate_case_free(&w.c);
    }
}

/* ---- what can't be ---- */

static int64_t extreme(world *w)
{
    static const int64_t ends[] = {INT64_MIN,
                                   INT64_MAX,
                                   -1,
                                   0,
                                   1,
                                   FLT_PPM + 1,
                                   SK_UTC_MIN,
                                   SK_UTC_END,
                                   INT64_C(1) << 40,
                                   INT64_C(1) << 53,
                                   INT64_MAX / 3600};
    return ends[pick(w, sizeof ends / sizeof *ends)];
}

static void spoil_commitment(world *w, flt_commitment *c)
{
    int64_t *const field[] = {&c->amount,      &c->discount_ppm, &c->rate_micros, &c->upfront_ppm,
                              &c->overage_ppm, &c->term.from,    &c->term.to,     &c->contract};
    *field[pick(w, sizeof field / sizeof *field)] = extreme(w);
    if (chance(w, 10)) c->interval = FLT_INTERVAL_N;
    if (c->n_ramp && chance(w, 30)) w->ramp[c->id][pick(w, 2)].amount = extreme(w);
    if (c->n_milestone && chance(w, 30)) w->milestone[c->id][pick(w, 2)].t = extreme(w);
}

static void spoil(world *w)
{
    const flt_book *b = &w->c.book;
    if (b->n_commitment && chance(w, 60))
        spoil_commitment(w, &w->c.commitment[pick(w, (int64_t)b->n_commitment)]);
    flt_offer *o = &w->c.offer[pick(w, (int64_t)b->n_offer)];
    int64_t *const price[] = {&o->price_micros, &o->valid.from, &o->valid.to};
    if (chance(w, 30)) *price[pick(w, 3)] = extreme(w);
    if (b->n_reservation && chance(w, 30)) {
        flt_reservation *v = &w->c.reservation[pick(w, (int64_t)b->n_reservation)];
        int64_t *const field[] = {&v->chips, &v->term.from, &v->term.to, &v->commitment};
        *field[pick(w, 4)] = extreme(w);
    }
    if (!w->n_usage || chance(w, 50)) return;
    flt_usage *u = &w->usage[pick(w, (int64_t)w->n_usage)];
    int64_t *const field[] = {&u->chips, &u->span.from, &u->span.to, &u->pool, &u->reservation};
    *field[pick(w, 5)] = extreme(w);
}

/* Rows and books that can't be are refused or rated; nothing is worse than that.  (Under
 * sanitizers this also says that no sum wraps.) */
static void extremes(void **state)
{
    (void)state;
    static world w;
    size_t refused = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        sk_err e = SK_ERR_INIT;
        draw(&w, seed);
        spoil(&w);
        sk_status st = rate_run(&w.c, w.usage, w.n_usage, w.from, w.until, &e);
        holds(&w, st == SK_OK || (st == e.status && *e.text));
        refused += st != SK_OK;
        rate_case_free(&w.c);
    }
    assert_true(refused > SEEDS / 4 && refused < SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(balances),     cmocka_unit_test(order_of_rows),
        cmocka_unit_test(cuts_of_rows), cmocka_unit_test(buckets),
        cmocka_unit_test(steps),        cmocka_unit_test(new_raters),
        cmocka_unit_test(late_rows),    cmocka_unit_test(again_from_balances),
        cmocka_unit_test(extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
