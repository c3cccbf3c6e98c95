/* events.c - requests one by one: arrival, prefill, first token, decode, and pools that go away. */
#include "fleet/sim/events.h"

#include "fleet/place/route.h"
#include "fleet/sim/arrivals.h"
#include "fleet/sim/fluid_state.h"
#include "fleet/sim/sessions.h"
#include "fleet/sim/wheel.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define SECOND 1e9
#define NONE UINT32_MAX
enum { TRIES_MOST = 3 };

typedef enum phase { FREE, PREFILL, SLOT, DECODE, LOST } phase;

/* A request in flight; free ones are chained by `next`. */
typedef struct request {
    int64_t arrived, first; /* first: when its first token came; -1: not yet */
    int64_t since;          /* DECODE: when it began; after a loss: when the silence began */
    uint32_t mark;          /* of its event: others of it are stale */
    uint32_t replica, input, output, sent, next;
    float tpot_ns;
    uint16_t pool;
    uint8_t phase, tries;
    bool silent; /* it lost its stream and has not sent anything since */
    bool hit;    /* its replica has its prefix */
} request;

typedef struct replica {
    int64_t free_at;                /* its prefill has done all it has by then */
    uint32_t wait_first, wait_last; /* requests that wait for a slot */
    int32_t active, load;           /* answers it gives; requests it has */
    uint16_t life;                  /* one more each time that it begins with nothing */
} replica;

/* Where a request goes. */
typedef struct target {
    uint32_t replica;
    uint16_t pool;
    bool hit;
} target;

typedef struct pool {
    replica *r;
    uint32_t n, room; /* that take requests; that there is memory for */
    flt_route_health health;
    double rate, prefill_ns, tpot_ns, rtt_s; /* of a replica; full batch */
    double price;                            /* a chip-second */
    double token_s, mean_s; /* chip-seconds of a token that is read, and of the mean answer */
    double answer_s;        /* after which a full replica has a slot free, in the mean */
    int32_t slots;
    bool gone;
} pool;

struct flt_events {
    flt_fluid *f;
    flt_wheel *wheel;
    flt_sessions talk;
    flt_arrivals in;
    flt_arrival next;
    pool pool[FLT_SIM_POOLS];
    request *req;
    uint32_t n_req, room_req, free_req;
    flt_route_budget budget;
    double slo_s, patience_s, floor; /* floor: time a token takes alone, of that in a full batch */
    int64_t end, timeout;            /* ns */
    int64_t from_bucket, bucket_ns, done; /* buckets that were run */
    bool no_memory;
    flt_event_sum sum;
};

/* What a replica of a pool can do: its chips are shared as the mean request needs them. */
static sk_status pool_make(flt_events *v, size_t i, sk_err *e)
{
    const flt_sim_pool *from = &v->f->pool[i];
    const flt_sim_serve *s = &v->f->s->serve;
    pool *p = &v->pool[i];
    double chips = (double)s->replica_chips, mean = v->f->curve.d.output_tokens;
    p->rtt_s = from->site.rtt_s;
    if (!(from->rate > 0)) return SK_OK;
    double pre = s->prefill_rate > 0 ? s->prefill_rate : from->chip->prefill_rate;
    double dec = s->decode_rate > 0 ? s->decode_rate : from->chip->decode_rate;
    p->token_s = 1 / pre;
    p->mean_s = mean / dec;
    double part = mean / dec * from->rate; /* of the chips' time, for decoding */
    p->rate = pre * chips * (1 - part);
    double tokens = dec * chips * part, slots = floor(tokens / s->user_rate);
    p->slots = slots < 1 ? 1 : slots > 1e9 ? 1000000000 : (int32_t)slots;
    p->answer_s = tokens > 0 ? mean / tokens : 0;
    p->prefill_ns = p->rate > 0 ? SECOND / p->rate : 0;
    p->tpot_ns = tokens > 0 ? p->slots / tokens * SECOND : 0;
    if (!(p->prefill_ns <= 1e15) || !(p->tpot_ns <= 1e15))
        return sk_fail(e, SK_E_INVALID, "pool \"%s\" is too slow for single requests",
                       from->row->name);
    return SK_OK;
}

/* A pool's replicas are now n: new ones are empty, those over it finish what they have. */
static bool pool_size(pool *p, uint32_t n)
{
    if (n > p->room) {
        uint32_t room = n + n / 4 + 8;
        replica *r = sk_realloc(SK_MEM_MISC, p->r, room * sizeof *r);
        if (!r) return false;
        for (uint32_t i = p->room; i < room; i++)
            r[i] = (replica){0, NONE, NONE, 0, 0, 0};
        p->r = r;
        p->room = room;
    }
    for (uint32_t i = p->n; i < n; i++)
        p->r[i].life++;
    p->n = n;
    return true;
}

/* A cleared request, NONE without memory. */
static uint32_t request_new(flt_events *v)
{
    if (v->free_req != NONE) {
        uint32_t id = v->free_req;
        v->free_req = v->req[id].next;
        return id;
    }
    if (v->n_req == v->room_req) {
        uint32_t room = v->room_req ? 2 * v->room_req : 1024;
        request *r = room < NONE / 2 ? sk_realloc(SK_MEM_MISC, v->req, room * sizeof *r) : NULL;
        if (!r) {
            v->no_memory = true;
            return NONE;
        }
        v->req = r;
        v->room_req = room;
    }
    v->req[v->n_req].mark = 0;
    return v->n_req++;
}

static void request_end(flt_events *v, uint32_t id)
{
    request *q = &v->req[id];
    q->phase = FREE;
    q->mark++;
    q->next = v->free_req;
    v->free_req = id;
}

/* The next thing that happens to a request. */
static void later(flt_events *v, uint32_t id, int64_t t)
{
    if (!flt_wheel_add(v->wheel, (flt_event){t, id, v->req[id].mark})) v->no_memory = true;
}

/* Numbers for picking replicas out of one drawn one (Knuth's 64-bit congruential generator). */
static inline uint32_t pick(uint64_t *x, uint32_t n)
{
    *x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*x >> 32) * n >> 32);
}

/* Whether pool i takes requests, as the gateway sees it.  One that cools is probed when its time
 * is over. */
static bool usable(flt_events *v, size_t i, int64_t now)
{
    pool *p = &v->pool[i];
    if (!p->n || !(p->rate > 0)) return false;
    if (p->health.state != FLT_ROUTE_COOLING) return true;
    if (!flt_route_may(&p->health, now)) return false;
    if (p->gone)
        flt_route_failed(&p->health, now);
    else
        flt_route_succeeded(&p->health);
    return !p->gone;
}

static flt_route_option option_of(const pool *p, uint32_t r, double tokens, int64_t now)
{
    const replica *at = &p->r[r];
    double wait = at->free_at > now ? (double)(at->free_at - now) / SECOND : 0;
    /* Who finds more there than there are slots waits for one of them. */
    double over = at->load >= p->slots ? (at->load - p->slots + 1) * p->answer_s : 0;
    return (flt_route_option){.wait_s = fmax(wait, over),
                              .rate = p->rate,
                              .rtt_s = p->rtt_s,
                              .price = p->price * (tokens * p->token_s + p->mean_s),
                              .tokens = tokens,
                              .active = at->load};
}

/* Picks a replica for a prompt of which `tokens` have to be read, `fewer` where its prefix is
 * (held; NULL: nowhere in particular); false where no pool takes it, or none before its patience
 * ends. */
static bool route(flt_events *v, uint64_t x, double tokens, const flt_held *held, double fewer,
                  int64_t now, target *to)
{
    flt_route_option o[FLT_SIM_POOLS + 1];
    target at[FLT_SIM_POOLS + 1];
    size_t n = 0;
    for (size_t i = 0; i < v->f->n_pool; i++) {
        const pool *p = &v->pool[i];
        if (!usable(v, i, now)) continue;
        uint32_t a = pick(&x, p->n), b = pick(&x, p->n);
        flt_route_option oa = option_of(p, a, tokens, now), ob = option_of(p, b, tokens, now);
        bool first = flt_route_better(&oa, &ob);
        o[n] = first ? oa : ob;
        at[n++] = (target){first ? a : b, (uint16_t)i, false};
        if (!held || held->pool != i) continue;
        o[n] = option_of(p, held->replica, fewer, now);
        at[n++] = (target){held->replica, (uint16_t)i, true};
    }
    if (!n) return false;
    /* Half of the goal is left for what can't be foreseen. */
    size_t best = flt_route_choose(o, n, v->slo_s / 2);
    if (flt_route_ttft(&o[best]) > v->patience_s) return false;
    *to = at[best];
    return true;
}

/* Where a prompt's conversation is, if it goes on with one; counts what becomes of it. */
static const flt_held *held_by(flt_events *v, uint64_t random, flt_held *copy)
{
    const flt_held *h = v->talk.again ? flt_sessions_draw(&v->talk, random) : NULL;
    if (!h) return NULL;
    v->sum.again++;
    const pool *p = &v->pool[h->pool];
    if (h->replica >= p->n || p->r[h->replica].life != h->life) {
        v->sum.stale++;
        return NULL;
    }
    *copy = *h;
    return copy;
}

/* A prompt is sent to be read there. */
static void keep_talk(flt_events *v, uint32_t input, const target *to)
{
    if (!v->talk.again) return;
    v->sum.hits += to->hit;
    v->sum.tokens += input;
    v->sum.cached += to->hit ? (uint64_t)(input * v->talk.share) : 0;
    flt_sessions_keep(&v->talk,
                      (flt_held){to->replica, to->pool, v->pool[to->pool].r[to->replica].life});
}

/* Sends a request to the replica it was routed to; from a pool that is gone nothing comes back. */
static void send(flt_events *v, uint32_t id, int64_t now)
{
    request *q = &v->req[id];
    pool *p = &v->pool[q->pool];
    if (p->gone) {
        q->phase = LOST;
        later(v, id, now + v->timeout);
        return;
    }
    replica *r = &p->r[q->replica];
    int64_t start = r->free_at > now ? r->free_at : now;
    double cached = q->sent || !q->hit ? 0 : v->talk.share; /* a resumed one is read as a whole */
    r->load++;
    r->free_at = start + (int64_t)((q->input * (1 - cached) + q->sent) * p->prefill_ns);
    q->phase = PREFILL;
    later(v, id, r->free_at);
}

/* An answer begins to stream. */
static void decode(flt_events *v, uint32_t id, int64_t now)
{
    request *q = &v->req[id];
    pool *p = &v->pool[q->pool];
    replica *r = &p->r[q->replica];
    r->active++;
    double full = (double)r->active / p->slots;
    q->tpot_ns = (float)(p->tpot_ns * (v->floor + (1 - v->floor) * full));
    q->phase = DECODE;
    q->since = now;
    later(v, id, now + (int64_t)((double)q->tpot_ns * (q->output - q->sent)));
}

/* The prompt has been read: the first token, or after a loss the next one. */
static void prefilled(flt_events *v, uint32_t id, int64_t now)
{
    request *q = &v->req[id];
    pool *p = &v->pool[q->pool];
    replica *r = &p->r[q->replica];
    if (q->first < 0) {
        int64_t ttft = now - q->arrived + (int64_t)(p->rtt_s * SECOND);
        flt_hist_add(&v->sum.ttft, ttft);
        v->sum.in_time += (double)ttft <= v->slo_s * SECOND;
        q->first = now;
    } else if (q->silent) {
        flt_hist_add(&v->sum.gap, now - q->since);
    }
    q->silent = false;
    if (p->health.state == FLT_ROUTE_SUSPECT) flt_route_succeeded(&p->health);
    if (r->active < p->slots) {
        flt_hist_add(&v->sum.slot, 0);
        decode(v, id, now);
        return;
    }
    q->phase = SLOT;
    q->since = now;
    q->next = NONE;
    if (r->wait_last != NONE)
        v->req[r->wait_last].next = id;
    else
        r->wait_first = id;
    r->wait_last = id;
}

/* An answer is whole: its slot goes to who has waited longest. */
static void answered(flt_events *v, uint32_t id, int64_t now)
{
    request *q = &v->req[id];
    replica *r = &v->pool[q->pool].r[q->replica];
    r->active--;
    r->load--;
    v->sum.answered++;
    v->sum.by_pool[q->pool]++;
    if (q->output) flt_hist_add(&v->sum.tpot, (now - q->first) / q->output);
    request_end(v, id);
    uint32_t waits = r->wait_first;
    if (waits == NONE) return;
    r->wait_first = v->req[waits].next;
    if (r->wait_first == NONE) r->wait_last = NONE;
    flt_hist_add(&v->sum.slot, now - v->req[waits].since);
    decode(v, waits, now);
}

/* No answer came in time: elsewhere, as far as tries and the budget go.  Streams that broke off are
 * no retries: their users have waited already. */
static void timed_out(flt_events *v, uint32_t id, int64_t now)
{
    request *q = &v->req[id];
    flt_route_failed(&v->pool[q->pool].health, now);
    bool begun = q->first >= 0, again = ++q->tries <= TRIES_MOST;
    if (again && !begun) again = flt_route_spend(&v->budget);
    flt_draw d = flt_draw_at((uint64_t)v->f->s->seed, FLT_DRAW_ROUTE, q->tries, v->sum.events);
    double tokens = (double)q->input + q->sent;
    target to;
    if (!again || !route(v, flt_draw_u64(&d), tokens, NULL, 0, now, &to)) {
        v->sum.failed++;
        request_end(v, id);
        return;
    }
    q->pool = to.pool;
    q->replica = to.replica;
    q->hit = !v->talk.again;
    v->sum.retried += !begun;
    v->sum.resumed += begun;
    send(v, id, now);
}

/* A request comes in. */
static void arrive(flt_events *v, const flt_arrival *a)
{
    flt_held copy;
    const flt_held *held = held_by(v, a->random, &copy);
    target to;
    v->sum.asked++;
    flt_route_earn(&v->budget);
    double fewer = a->input * (1 - v->talk.share), tokens = v->talk.again ? a->input : fewer;
    if (!route(v, a->random, tokens, held, fewer, a->t, &to)) {
        v->sum.refused++;
        return;
    }
    keep_talk(v, a->input, &to);
    uint32_t id = request_new(v);
    if (id == NONE) return;
    request *q = &v->req[id];
    *q = (request){.arrived = a->t,
                   .first = -1,
                   .mark = q->mark + 1,
                   .replica = to.replica,
                   .input = a->input,
                   .output = a->output,
                   .next = NONE,
                   .pool = to.pool,
                   .hit = to.hit || !v->talk.again};
    send(v, id, a->t);
}

static void happen(flt_events *v, const flt_event *e)
{
    request *q = &v->req[e->id];
    if (q->mark != e->mark) return;
    v->sum.events++;
    switch ((phase)q->phase) {
    case PREFILL:
        prefilled(v, e->id, e->t);
        return;
    case DECODE:
        answered(v, e->id, e->t);
        return;
    case LOST:
        timed_out(v, e->id, e->t);
        return;
    case FREE:
    case SLOT:
        assert(0);
        return;
    }
}

/* A pool has gone: what was in it is lost, and noticed when its time is up. */
static void lose_pool(flt_events *v, size_t i, int64_t now)
{
    pool *p = &v->pool[i];
    p->gone = true;
    for (uint32_t id = 0; id < v->n_req; id++) {
        request *q = &v->req[id];
        if (q->pool != i || q->phase == FREE || q->phase == LOST) continue;
        if (q->phase == DECODE && q->tpot_ns > 0) {
            double sent = (double)(now - q->since) / (double)q->tpot_ns + q->sent;
            q->sent = sent < q->output ? (uint32_t)sent : q->output;
        }
        if (q->first >= 0 && !q->silent) q->since = now;
        q->silent = q->first >= 0;
        q->phase = LOST;
        q->mark++;
        later(v, id, now + v->timeout);
    }
    for (uint32_t k = 0; k < p->room; k++)
        p->r[k] = (replica){now, NONE, NONE, 0, 0, (uint16_t)(p->r[k].life + 1)};
}

/* What the fluid simulation says of the pools for the bucket that begins now. */
static sk_status take_over(flt_events *v, int64_t now, sk_err *e)
{
    sk_status st = flt_fluid_run(v->f, 1, e);
    for (size_t i = 0; i < v->f->n_pool && !st; i++) {
        const flt_sim_pool *from = &v->f->pool[i];
        bool gone = !flt_sim_reached(from);
        if (gone && !v->pool[i].gone) lose_pool(v, i, now);
        if (gone) continue; /* the gateway still believes in its replicas */
        v->pool[i].gone = false;
        v->pool[i].price = from->price / 3600;
        int64_t n = (from->serving - from->starting) / v->f->s->serve.replica_chips;
        if (!pool_size(&v->pool[i], (uint32_t)n)) v->no_memory = true;
    }
    return st;
}

/* The arrivals and events before `until`, in the order of their times. */
static void go_on(flt_events *v, int64_t until)
{
    while (!v->no_memory) {
        flt_event e;
        int64_t stop = v->next.t < until ? v->next.t : until;
        if (flt_wheel_next(v->wheel, stop, &e)) {
            happen(v, &e);
        } else if (v->next.t < until && !flt_wheel_lost(v->wheel)) {
            v->sum.events++;
            arrive(v, &v->next);
            flt_arrivals_next(&v->in, &v->next);
        } else {
            return;
        }
    }
}

sk_status flt_events_new(flt_fluid *fluid, const flt_event_rule *rule, flt_events **out, sk_err *e)
{
    const flt_scenario *s = fluid->s;
    int64_t first = (int64_t)floor(rule->from_s / fluid->dt + 1e-9);
    if (!(rule->from_s >= 0) || !(rule->for_s > 0) || first < fluid->bucket ||
        first + ceil(rule->for_s / fluid->dt - 1e-9) > (double)fluid->n_bucket)
        return sk_fail(e, SK_E_INVALID, "the slice is not within the scenario's days");
    flt_events *v = sk_calloc(SK_MEM_MISC, 1, sizeof *v);
    if (!v || !(v->wheel = flt_wheel_new())) {
        sk_free(v);
        return sk_fail(e, SK_E_NOMEM, "no memory for a simulation");
    }
    v->f = fluid;
    v->free_req = NONE;
    v->slo_s = s->serve.slo_s;
    v->patience_s = s->serve.patience_s + s->serve.slo_s;
    v->floor = s->serve.tpot_floor;
    v->timeout = (int64_t)(s->serve.timeout_s * SECOND);
    v->bucket_ns = s->bucket_s * (int64_t)SECOND;
    v->end = (int64_t)(rule->for_s * SECOND);
    v->from_bucket = first;
    sk_status st = flt_fluid_run(fluid, first - fluid->bucket, e);
    double rate = flt_demand_rate(&fluid->curve, s->start + first * s->bucket_s);
    if (!st) st = flt_sessions_make(&v->talk, &fluid->curve.d, rate, e);
    for (size_t i = 0; i < fluid->n_pool && !st; i++)
        st = pool_make(v, i, e);
    if (st) {
        flt_events_free(v);
        return st;
    }
    flt_arrivals_make(&v->in, fluid, first);
    flt_arrivals_next(&v->in, &v->next);
    /* A tenth of what a minute asks may be asked again. */
    v->budget = (flt_route_budget){0.1, fmax(6 * rate, 10), fmax(6 * rate, 10)};
    *out = v;
    return SK_OK;
}

void flt_events_free(flt_events *v)
{
    if (!v) return;
    for (size_t i = 0; i < FLT_SIM_POOLS; i++)
        sk_free(v->pool[i].r);
    sk_free(v->req);
    flt_sessions_fini(&v->talk);
    flt_wheel_free(v->wheel);
    sk_free(v);
}

sk_status flt_events_run(flt_events *v, sk_err *e)
{
    int64_t now = v->done * v->bucket_ns, until = now + v->bucket_ns;
    if (flt_events_ended(v)) return SK_OK;
    sk_status st = take_over(v, now, e);
    if (st) return st;
    go_on(v, until < v->end ? until : v->end);
    v->done++;
    if (v->no_memory || flt_wheel_lost(v->wheel))
        return sk_fail(e, SK_E_NOMEM, "no memory for the requests in flight");
    return SK_OK;
}

bool flt_events_ended(const flt_events *v)
{
    return v->done * v->bucket_ns >= v->end;
}

const flt_event_sum *flt_events_sum(flt_events *v)
{
    int64_t t = v->done * v->bucket_ns;
    v->sum.seconds = (double)(t < v->end ? t : v->end) / SECOND;
    v->sum.in_flight = v->sum.asked - v->sum.answered - v->sum.refused - v->sum.failed;
    return &v->sum;
}
