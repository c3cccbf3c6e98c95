/* sim_json.c - the result of a simulation for machines. */
#include "base/json.h"
#include "cli/fleet/sim.h"

#include <inttypes.h>
#include <string.h>

/* ,"key": before a value; the first of an object has no comma. */
static void key(sk_buf *b, const char *name)
{
    if (b->len && b->p[b->len - 1] != '{' && b->p[b->len - 1] != '[') sk_buf_addc(b, ',');
    sk_json_add_str(b, name, strlen(name));
    sk_buf_addc(b, ':');
}

static void text(sk_buf *b, const char *name, const char *v)
{
    key(b, name);
    sk_json_add_str(b, v, strlen(v));
}

static void whole(sk_buf *b, const char *name, int64_t v)
{
    key(b, name);
    sk_buf_addf(b, "%" PRId64, v);
}

static void number(sk_buf *b, const char *name, double v)
{
    key(b, name);
    sk_json_add_num(b, v);
}

/* The next element of a list. */
static void next(sk_buf *b)
{
    if (b->p && b->p[b->len - 1] == '}') sk_buf_addc(b, ',');
    sk_buf_addc(b, '{');
}

static void serving(const flt_sim_sum *s, sk_buf *b)
{
    double asked = s->asked > 0 ? (double)s->asked : 1;
    key(b, "serving");
    sk_buf_addc(b, '{');
    whole(b, "asked", s->asked);
    whole(b, "served", s->served);
    whole(b, "refused", s->refused);
    whole(b, "waiting", s->waiting);
    whole(b, "in_time", s->in_time);
    number(b, "served_share", (double)s->served / asked);
    number(b, "slo_attainment", (double)s->in_time / asked);
    number(b, "input_tokens", (double)s->served * s->input_tokens);
    number(b, "output_tokens", (double)s->served * s->output_tokens);
    sk_buf_addc(b, '}');
}

static void jobs(const flt_sim_sum *s, sk_buf *b)
{
    key(b, "training");
    sk_buf_addc(b, '[');
    for (size_t i = 0; i < s->n_job; i++) {
        const flt_sim_job_sum *j = &s->job[i];
        next(b);
        text(b, "workload", j->name);
        number(b, "held_chip_s", j->held);
        number(b, "useful_chip_s", j->useful);
        number(b, "lost_chip_s", j->lost);
        number(b, "writing_chip_s", j->writing);
        number(b, "restarting_chip_s", j->restarting);
        number(b, "waiting_s", j->waiting_s);
        number(b, "ettr", j->ettr);
        number(b, "mfu_days", j->mfu_days);
        number(b, "tokens", j->tokens);
        whole(b, "interruptions", j->interruptions);
        whole(b, "resizes", j->resizes);
        whole(b, "moves", j->moves);
        number(b, "copying_s", j->copying_s);
        whole(b, "egress_micros", j->egress);
        number(b, "done_s", j->done_s);
        sk_buf_addc(b, '}');
    }
    sk_buf_addc(b, ']');
}

static void money(const flt_sim_money *m, sk_buf *b)
{
    text(b, "currency", m->currency ? m->currency : "");
    whole(b, "list_micros", m->list);
    whole(b, "contracted_micros", m->contracted);
    whole(b, "billed_micros", m->billed);
    whole(b, "effective_micros", m->effective);
}

static void pools(const flt_sim_sum *s, sk_buf *b)
{
    key(b, "pools");
    sk_buf_addc(b, '[');
    for (size_t i = 0; i < s->n_pool; i++) {
        const flt_sim_pool_sum *p = &s->pool[i];
        next(b);
        text(b, "pool", p->name);
        text(b, "provider", p->provider);
        text(b, "chip", p->chip);
        whole(b, "chips", p->chips);
        whole(b, "capacity_chip_s", p->capacity);
        whole(b, "serving_chip_s", p->serving);
        whole(b, "training_chip_s", p->training);
        whole(b, "idle_chip_s", p->idle);
        whole(b, "down_chip_s", p->down);
        money(&s->pool_cost[i].money, b);
        sk_buf_addc(b, '}');
    }
    sk_buf_addc(b, ']');
}

static void causes(const flt_sim_sum *s, sk_buf *b)
{
    key(b, "interruptions");
    sk_buf_addc(b, '{');
    for (size_t i = 0; i < s->n_cause; i++)
        whole(b, s->cause[i], s->by_cause[i]);
    for (int i = 0; i < FLT_STOP_N; i++)
        whole(b, flt_stop_word((flt_stop)i), s->by_stop[i]);
    sk_buf_addc(b, '}');
}

static void costs(const flt_sim_sum *s, sk_buf *b)
{
    key(b, "money");
    sk_buf_addc(b, '[');
    for (size_t i = 0; i < s->n_total; i++) {
        next(b);
        money(&s->total[i], b);
        sk_buf_addc(b, '}');
    }
    sk_buf_addc(b, ']');
    key(b, "commitments");
    sk_buf_addc(b, '[');
    for (size_t i = 0; i < s->n_commitment; i++) {
        const flt_sim_commitment *c = &s->commitment[i];
        next(b);
        text(b, "contract", c->contract);
        text(b, "commitment", c->name);
        text(b, "currency", c->currency);
        text(b, "kind", flt_word_kind(c->kind));
        text(b, "model", flt_word_model(c->model));
        whole(b, "used_micros", c->used);
        whole(b, "unused_micros", c->unused);
        whole(b, "bought_micros", c->bought);
        whole(b, "shortfall_micros", c->shortfall);
        whole(b, "drawn", c->drawn);
        whole(b, "due", c->due);
        number(b, "pace", c->pace);
        whole(b, "remaining", c->remaining);
        whole(b, "expected_shortfall", c->expected_shortfall);
        whole(b, "overage", c->overage);
        sk_buf_addc(b, '}');
    }
    sk_buf_addc(b, ']');
}

/* Percentiles in seconds. */
static void hist(sk_buf *b, const char *name, const flt_hist *h)
{
    key(b, name);
    sk_buf_addc(b, '{');
    whole(b, "n", (int64_t)h->n);
    number(b, "mean", flt_hist_mean(h));
    number(b, "p50", flt_hist_at(h, 0.5));
    number(b, "p90", flt_hist_at(h, 0.9));
    number(b, "p99", flt_hist_at(h, 0.99));
    sk_buf_addc(b, '}');
}

static void slice(const flt_event_sum *v, sk_buf *b)
{
    key(b, "events");
    sk_buf_addc(b, '{');
    number(b, "seconds", v->seconds);
    whole(b, "events", (int64_t)v->events);
    whole(b, "asked", (int64_t)v->asked);
    whole(b, "answered", (int64_t)v->answered);
    whole(b, "in_flight", (int64_t)v->in_flight);
    whole(b, "refused", (int64_t)v->refused);
    whole(b, "failed", (int64_t)v->failed);
    whole(b, "retried", (int64_t)v->retried);
    whole(b, "resumed", (int64_t)v->resumed);
    whole(b, "in_time", (int64_t)v->in_time);
    if (v->again) {
        whole(b, "continued", (int64_t)v->again);
        whole(b, "prefix_hits", (int64_t)v->hits);
        whole(b, "prefix_gone", (int64_t)v->stale);
        whole(b, "prompt_tokens", (int64_t)v->tokens);
        whole(b, "cached_tokens", (int64_t)v->cached);
    }
    hist(b, "ttft_s", &v->ttft);
    hist(b, "tpot_s", &v->tpot);
    hist(b, "slot_wait_s", &v->slot);
    hist(b, "gap_s", &v->gap);
    sk_buf_addc(b, '}');
}

void cmd_sim_json(const flt_scenario *s, const flt_sim_sum *sum, const flt_event_sum *v,
                  sk_buf *out)
{
    char start[SK_UTC_TEXT];
    sk_utc_print(sum->start, start);
    sk_buf_addc(out, '{');
    text(out, "scenario", s->name);
    text(out, "start", start);
    whole(out, "seconds", sum->seconds);
    whole(out, "seed", s->seed);
    serving(sum, out);
    jobs(sum, out);
    pools(sum, out);
    costs(sum, out);
    causes(sum, out);
    if (v) slice(v, out);
    sk_buf_addc(out, '}');
}
