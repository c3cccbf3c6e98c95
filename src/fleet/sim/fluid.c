/* fluid.c - makes a fluid simulation, runs its buckets and adds up what came out. */
#include "fleet/sim/fluid.h"

#include "fleet/sim/cost.h"
#include "fleet/sim/decide.h"
#include "fleet/sim/fluid_state.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Buckets that replicas may take to start. */
enum { RING_MOST = 7 * 1440 + 1 };

static sk_status no_memory(sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory for a simulation");
}

const char *flt_stop_word(flt_stop s)
{
    static const char *const words[FLT_STOP_N] = {"outage",  "zone",          "spot",
                                                  "serving", "serving-early", "priority"};
    return words[s];
}

/* What the scenario says of a pool, or what holds without. */
static flt_sim_site site_of(const flt_scenario *s, const char *pool)
{
    for (size_t i = 0; i < s->n_site; i++)
        if (strcmp(s->site[i].pool, pool) == 0) return s->site[i];
    return flt_sim_site_unsaid(pool);
}

/* Requests a second of one chip: each takes its uncached input at the prefill rate and its output
 * at the decode rate. */
static double request_rate(const flt_fluid *f, const flt_chip *chip)
{
    const flt_scenario *s = f->s;
    const flt_demand *demand = &f->curve.d;
    double prefill = s->serve.prefill_rate > 0 ? s->serve.prefill_rate : chip->prefill_rate;
    double decode = s->serve.decode_rate > 0 ? s->serve.decode_rate : chip->decode_rate;
    double in = demand->input_tokens * (1 - demand->cached), out = demand->output_tokens;
    if (!(prefill > 0) || !(decode > 0)) return 0;
    double seconds = in / prefill + out / decode;
    return seconds > 0 ? 1 / seconds : 0;
}

/* Number of the zone of a pool; pools that name none have one of their own. */
static size_t zone_of(flt_fluid *f, const flt_pool *row, const char *provider)
{
    for (size_t i = 0; i < f->n_zone && *row->zone; i++)
        if (strcmp(f->zone_name[i], row->zone) == 0 && strcmp(f->zone_provider[i], provider) == 0)
            return i;
    size_t i = f->n_zone++;
    const double year = 365 * 86400.0;
    f->zone_name[i] = row->zone;
    f->zone_provider[i] = provider;
    f->zone[i] =
        flt_spell_make(f->s->zone_losses > 0 ? year / f->s->zone_losses : 0, f->s->zone_repair_s,
                       (uint64_t)f->s->seed, FLT_DRAW_ZONE, (uint32_t)i);
    return i;
}

static sk_status add_pool(flt_fluid *f, const flt_pool *row, sk_err *e)
{
    flt_sim_pool *p = &f->pool[f->n_pool];
    const flt_provider *provider = flt_book_provider(f->book, row->provider);
    p->row = row;
    p->chip = flt_book_chip(f->book, row->chip);
    if (!p->chip || !provider || row->nodes < 1 || row->chips_per_node < 1 ||
        row->nodes > INT64_C(100000000) / row->chips_per_node)
        return sk_fail(e, SK_E_INVALID,
                       "pool \"%s\" has no chip, no provider or no nodes, or more "
                       "than 100 million chips",
                       row->name);
    p->provider = provider->name;
    p->site = site_of(f->s, row->name);
    int category = flt_category_of(p->site.category);
    p->category = category < 0 ? FLT_ON_DEMAND : (flt_category)category;
    p->zone = zone_of(f, row, p->provider);
    p->rate = request_rate(f, p->chip);
    p->spot = flt_spell_make(p->site.spot_up_s, p->site.spot_down_s, (uint64_t)f->s->seed,
                             FLT_DRAW_SPOT, (uint32_t)f->n_pool);
    p->ring = sk_new_n(f->mem, int64_t, (size_t)f->ring_n);
    if (!p->ring) return no_memory(e);
    if (*p->site.spot_trace) {
        sk_status st = flt_availability_load(p->site.spot_trace, f->mem, &p->trace, e);
        if (st) return st;
    }
    p->sum = (flt_sim_pool_sum){.name = row->name,
                                .provider = provider->name,
                                .chip = p->chip->name,
                                .chips = row->nodes * row->chips_per_node};
    f->n_pool++;
    return SK_OK;
}

static int64_t pick_int(int64_t said, int64_t book, int64_t none)
{
    return said >= 0 ? said : book > 0 ? book : none;
}

static double pick(double said, double book, double none)
{
    return said >= 0 ? said : book > 0 ? book : none;
}

/* What is known of a training workload: what the scenario says (t may be NULL), then the book (w
 * too), then what is usual. */
static flt_sim_train complete(const flt_fluid *f, const flt_sim_train *t, const flt_workload *w)
{
    static const flt_workload nothing = {.kind = FLT_TRAIN};
    flt_sim_train own = t ? *t : flt_sim_train_unsaid();
    if (!w) w = &nothing;
    const flt_chip *chip = w->chip ? flt_book_chip(f->book, w->chip) : NULL;
    if (!*own.workload) own.workload = w->name;
    if (!*own.chip && chip) own.chip = chip->name;
    if (!*own.kind) own.kind = w->kind == FLT_BATCH ? "batch" : "train";
    own.min_chips = pick_int(own.min_chips, w->min_chips, 1);
    own.max_chips = pick_int(own.max_chips, w->max_chips, INT64_MAX / 4);
    if (own.max_chips < own.min_chips) own.max_chips = own.min_chips;
    if (own.priority == INT64_MIN) own.priority = w->priority;
    own.checkpoint_s = pick(own.checkpoint_s, (double)w->checkpoint_s, 1800);
    own.restart_s = pick(own.restart_s, (double)w->restart_s, 300);
    own.min_run_s = pick(own.min_run_s, (double)w->min_run_s, 0);
    own.write_s = pick(own.write_s, 0, 30);
    own.params = pick(own.params, 0, 0);
    own.mfu = pick(own.mfu, 0, 0.4);
    own.checkpoint_bytes = pick(own.checkpoint_bytes, w->checkpoint_bytes, 0);
    return own;
}

/* A training workload: a gang is one job somewhere, a batch one has a part in every pool. */
static sk_status add_job(flt_fluid *f, const flt_sim_train *t, const flt_workload *w, sk_err *e)
{
    flt_sim_train own = complete(f, t, w);
    bool gang = strcmp(own.kind, "batch") != 0;
    size_t parts = gang ? 1 : f->n_pool;
    if (f->n_work == FLT_SIM_JOBS || f->n_job + parts > FLT_SIM_PARTS)
        return sk_fail(e, SK_E_TOOBIG,
                       "more training workloads than a simulation has (%d, a batch "
                       "one in every pool)",
                       FLT_SIM_JOBS);
    for (size_t i = 0; i < parts; i++)
        f->job[f->n_job++] =
            (flt_sim_job){.t = own,
                          .id = w ? w->id : 0,
                          .number = f->n_work,
                          .rule = {own.checkpoint_s, own.write_s, own.restart_s, gang},
                          .home = gang ? -1 : (int)i,
                          .pool = -1,
                          .last_pool = -1,
                          .changed = -1e18};
    f->n_work++;
    return SK_OK;
}

/* The scenario's runs, then those of the book that it does not name. */
static sk_status add_jobs(flt_fluid *f, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t i = 0; i < f->s->n_train && !st; i++)
        st = add_job(f, &f->s->train[i], flt_book_workload_named(f->book, f->s->train[i].workload),
                     e);
    for (size_t i = 0; i < f->book->n_workload && !st; i++) {
        const flt_workload *w = &f->book->workload[i];
        bool named = w->kind == FLT_SERVE;
        for (size_t k = 0; k < f->s->n_train; k++)
            named = named || strcmp(f->s->train[k].workload, w->name) == 0;
        if (!named) st = add_job(f, NULL, w, e);
    }
    return st;
}

/* That what the scenario names is there. */
static sk_status check_names(const flt_fluid *f, sk_err *e)
{
    for (size_t i = 0; i < f->s->n_site; i++)
        if (!flt_book_pool_named(f->book, f->s->site[i].pool))
            return sk_fail(e, SK_E_INVALID, "the fleet has no pool \"%s\"", f->s->site[i].pool);
    for (size_t i = 0; i < f->s->n_outage; i++) {
        bool hit = false;
        for (size_t k = 0; k < f->n_pool; k++)
            hit =
                hit || flt_outage_hits(&f->s->outage[i], f->pool[k].row->name, f->pool[k].provider);
        if (!hit)
            return sk_fail(e, SK_E_INVALID, "outage: the fleet has no pool or provider \"%s\"",
                           f->s->outage[i].where);
    }
    return SK_OK;
}

/* Rows of the book into pools and jobs. */
static sk_status build(flt_fluid *f, sk_err *e)
{
    sk_status st = SK_OK;
    double ring = ceil(f->s->serve.start_s / f->dt);
    if (ring >= RING_MOST)
        return sk_fail(e, SK_E_INVALID, "replicas start in %d buckets at most", RING_MOST - 1);
    if (!f->book->n_pool || f->book->n_pool > FLT_SIM_POOLS)
        return sk_fail(e, SK_E_INVALID, "the fleet has %zu pools; a simulation has 1 to %d",
                       f->book->n_pool, FLT_SIM_POOLS);
    f->ring_n = (int64_t)ring + 1;
    for (size_t i = 0; i < f->book->n_pool && !st; i++)
        st = add_pool(f, &f->book->pool[i], e);
    if (!st) st = add_jobs(f, e);
    if (!st) st = check_names(f, e);
    if (!st) st = flt_cost_new(f, e);
    if (!st) st = flt_decide_new(f, e);
    return st;
}

/* Seconds of a point of the plots: as few as FLT_SIM_POINTS allow, but whole days, or a part that a
 * day is a multiple of (of three hours at most), or the plots would show beats of the two. */
static double point_seconds(const flt_fluid *f)
{
    const double day = 86400;
    double least = fmax(ceil((double)f->n_bucket / FLT_SIM_POINTS), 1) * f->dt;
    if (least > day / 8) return ceil(least / day) * day;
    double parts = floor(day / least);
    while (parts > 8 && fmod(day / f->dt, parts) > 0)
        parts--;
    return fmod(day / f->dt, parts) > 0 ? least : day / parts;
}

/* The curve of demand: by time of day, or as the trace has it. */
static sk_status make_demand(flt_fluid *f, sk_err *e)
{
    flt_demand d = f->s->demand;
    flt_demand_make(&f->curve, &d, f->s->start);
    if (!*f->s->trace) return SK_OK;
    sk_status st = flt_trace_load(f->s->trace, f->mem, &f->trace, e);
    if (st) return st;
    d.input_tokens = f->trace.input;
    d.output_tokens = f->trace.output;
    f->curve.d = d;
    double *rate = sk_new_n(f->mem, double, f->trace.minutes);
    if (!rate) return no_memory(e);
    for (size_t i = 0; i < f->trace.minutes; i++)
        rate[i] = f->trace.rate[i] * f->s->scale;
    f->curve.minute = rate;
    f->curve.n_minute = f->trace.minutes;
    return SK_OK;
}

sk_status flt_fluid_new(const flt_scenario *s, const flt_book *book, flt_fluid **out, sk_err *e)
{
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    flt_fluid *f = mem ? sk_new(mem, flt_fluid) : NULL;
    if (!f) {
        sk_arena_free(mem);
        return no_memory(e);
    }
    f->s = s;
    f->book = book;
    f->mem = mem;
    f->dt = (double)s->bucket_s;
    f->n_bucket = (int64_t)ceil(s->days * 86400 / f->dt - 1e-9);
    if (f->n_bucket < 1) f->n_bucket = 1;
    f->point_s = point_seconds(f);
    sk_status st = make_demand(f, e);
    if (!st) st = build(f, e);
    if (st) {
        flt_fluid_free(f);
        return st;
    }
    *out = f;
    return SK_OK;
}

void flt_fluid_free(flt_fluid *f)
{
    if (!f) return;
    flt_decide_free(f->decide);
    flt_cost_free(f->cost);
    sk_arena_free(f->mem);
}

int64_t flt_fluid_buckets(const flt_fluid *f)
{
    return f->n_bucket;
}

int64_t flt_fluid_done(const flt_fluid *f)
{
    return f->bucket;
}

/* Ends the point of the plots that is being made. */
static void end_point(flt_fluid *f)
{
    if (f->sum.n_point == FLT_SIM_POINTS || !(f->now_s > 0)) return;
    flt_sim_point *p = &f->sum.point[f->sum.n_point++], *n = &f->now;
    double s = f->now_s;
    *p = (flt_sim_point){(double)(f->bucket + 1) * f->dt / 86400,
                         n->needed / s,
                         n->serving / s,
                         n->training / s,
                         n->idle / s,
                         n->down / s,
                         n->asked / s,
                         n->served / s};
    flt_cost_point(f);
    *n = (flt_sim_point){0};
    f->now_s = 0;
}

/* Where the chips are for this bucket. */
static void count_chips(flt_fluid *f)
{
    double rate = 0, chips = 0;
    int64_t s = f->s->bucket_s;
    for (size_t i = 0; i < f->n_pool; i++) {
        flt_sim_pool *p = &f->pool[i];
        int64_t idle = flt_sim_idle(p), down = p->sum.chips - p->live;
        assert(idle >= 0 && down >= 0 && p->serving >= p->starting && p->starting >= 0);
        p->sum.capacity += p->sum.chips * s;
        p->sum.serving += p->serving * s;
        p->sum.training += p->training * s;
        p->sum.idle += idle * s;
        p->sum.down += down * s;
        f->now.serving += (double)p->serving * f->dt;
        f->now.training += (double)p->training * f->dt;
        f->now.idle += (double)idle * f->dt;
        f->now.down += (double)down * f->dt;
        rate += p->rate * (double)p->sum.chips;
        chips += p->rate > 0 ? (double)p->sum.chips : 0;
    }
    int64_t t = f->s->start + (int64_t)flt_sim_now(f);
    if (rate > 0) f->now.needed += flt_demand_rate(&f->curve, t) * f->dt * chips / rate;
    f->now_s += f->dt;
}

/* Arithmetic of the bucket; less than none where work was lost. */
static void count_work(const flt_fluid *f, flt_sim_job *j)
{
    int pool = j->pool >= 0 ? j->pool : j->last_pool;
    if (pool < 0) return;
    j->useful_flops += (j->j.useful - j->counted) * f->pool[pool].chip->peak_bf16_flops * j->t.mfu;
    j->counted = j->j.useful;
}

/* A workload that has its tokens ends, in all its parts. */
static void end_job(flt_fluid *f, size_t number)
{
    double flops = 0, goal = 0;
    for (size_t i = 0; i < f->n_job; i++) {
        const flt_sim_job *j = &f->job[i];
        if (j->number != number) continue;
        flops += j->useful_flops;
        goal = j->done_s > 0 ? 0 : 6 * j->t.params * j->t.tokens;
    }
    if (!(goal > 0) || flops < goal) return;
    for (size_t i = 0; i < f->n_job; i++) {
        flt_sim_job *j = &f->job[i];
        if (j->number != number) continue;
        j->done_s = j->j.at;
        if (j->pool >= 0) flt_sim_job_set(f, j, 0, true);
    }
}

sk_status flt_fluid_run(flt_fluid *f, int64_t n, sk_err *e)
{
    sk_status st = SK_OK;
    for (; !st && n > 0 && f->bucket < f->n_bucket; n--, f->bucket++) {
        flt_sim_supply(f);
        flt_sim_decide(f);
        count_chips(f);
        st = flt_cost_bucket(f, e);
        flt_sim_serve_bucket(f);
        flt_sim_fail(f);
        for (size_t i = 0; i < f->n_job; i++)
            count_work(f, &f->job[i]);
        for (size_t i = 0; i < f->n_work; i++)
            end_job(f, i);
        if (f->now_s >= f->point_s - 1e-6 || f->bucket + 1 == f->n_bucket) end_point(f);
    }
    return st;
}

/* Adds what a job, or a part of one, came to. */
static void add_job_sum(const flt_fluid *f, const flt_sim_job *j, flt_sim_job_sum *to)
{
    int pool = j->pool >= 0 ? j->pool : j->last_pool;
    double peak = pool >= 0 ? f->pool[pool].chip->peak_bf16_flops : 0;
    to->name = j->t.workload;
    to->held += j->j.held;
    to->useful += j->j.useful;
    to->lost += j->j.lost;
    to->writing += j->j.writing;
    to->restarting += j->j.restarting;
    to->waiting_s += j->home < 0 ? j->waiting_s : 0;
    to->ettr = to->held > 0 ? to->useful / to->held : 0;
    to->mfu_days += peak > 0 ? j->useful_flops / peak / 86400 : 0;
    to->tokens += j->t.params > 0 ? j->useful_flops / (6 * j->t.params) : 0;
    to->interruptions += j->j.interruptions;
    to->resizes += j->j.resizes;
    to->moves += j->moves;
    to->copying_s += j->copying_s;
    to->egress += (int64_t)fmin(j->egress, 9e18);
    to->done_s = fmax(to->done_s, j->done_s);
}

const flt_sim_sum *flt_fluid_sum(flt_fluid *f)
{
    flt_sim_sum *s = &f->sum;
    s->start = f->s->start;
    s->seconds = f->bucket * f->s->bucket_s;
    s->waiting = f->waiting;
    s->input_tokens = f->curve.d.input_tokens;
    s->output_tokens = f->curve.d.output_tokens;
    for (size_t i = 0; i < f->n_pool; i++)
        s->pool[i] = f->pool[i].sum;
    for (size_t i = 0; i < f->n_work; i++)
        s->job[i] = (flt_sim_job_sum){0};
    for (size_t i = 0; i < f->n_job; i++)
        add_job_sum(f, &f->job[i], &s->job[f->job[i].number]);
    for (size_t i = 0; i < f->s->n_cause; i++)
        s->cause[i] = f->s->cause[i].name;
    flt_cost_sum(f, s);
    s->n_pool = f->n_pool;
    s->n_job = f->n_work;
    s->n_cause = f->s->n_cause;
    return s;
}
