/* serve.c - what a service takes. */
#include "fleet/plan/serve.h"

#include "fleet/money/money.h"

#include <math.h>

#define DAY 86400.0

double flt_kv_bytes_per_token(const flt_kv_shape *s)
{
    double elements = s->latent > 0 ? s->latent : 2 * s->kv_heads * s->head_dim;
    return s->layers * elements * s->bytes_per_element;
}

/* v is a number in [lo, hi]. */
static sk_status within(double v, double lo, double hi, const char *what, sk_err *e)
{
    if (v >= lo && v <= hi && isfinite(v)) return SK_OK;
    if (isinf(hi))
        return sk_fail(e, SK_E_INVALID, "%s must be at least %.3g, it is %.15g", what, lo, v);
    return sk_fail(e, SK_E_INVALID, "%s must be from %.3g to %.3g, it is %.15g", what, lo, hi, v);
}

/* The least rate of tokens that is one. */
#define SOME 1e-9

/* Whether demand and rates are numbers that make sense. */
static sk_status check(const flt_serve_plan_in *in, sk_err *e)
{
    const struct {
        double v, lo, hi;
        const char *what;
    } row[] = {
        {in->input_tokens_per_day, 0, INFINITY, "input tokens a day"},
        {in->output_tokens_per_day, 0, INFINITY, "output tokens a day"},
        {in->users, 0, INFINITY, "the number of users"},
        {in->prompts_per_day, 0, INFINITY, "prompts a user and day"},
        {in->input_tokens, 0, INFINITY, "tokens of a prompt"},
        {in->output_tokens, 0, INFINITY, "tokens of an answer"},
        {in->cached, 0, 1, "the share of cached tokens"},
        {in->rate_cached, -1, 1, "the share of cached tokens of the rate"},
        {in->prefill_rate, SOME, INFINITY, "the prefill rate of a node"},
        {in->decode_rate, SOME, INFINITY, "the decode rate of a node"},
        {in->headroom, 0, 100, "the headroom"},
        {in->tpot_s, 0, INFINITY, "the time a token"},
        {in->mean_context, 0, INFINITY, "the mean context"},
        {in->peak_nodes, 0, INFINITY, "the nodes of the peak"},
        {in->weights_bytes, 0, INFINITY, "the bytes of the weights"},
        {in->node_memory_bytes, 0, INFINITY, "the memory of a node"},
    };
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < sizeof row / sizeof *row; i++)
        st = within(row[i].v, row[i].lo, row[i].hi, row[i].what, e);
    if (!st && in->peak_to_mean != 0)
        st = within(in->peak_to_mean, 1, INFINITY, "the peak over the mean", e);
    if (!st && (in->ask_input_micros | in->ask_cached_micros | in->ask_output_micros) < 0)
        st = sk_fail(e, SK_E_INVALID, "what users pay can't be negative");
    if (!st && in->chips_per_node < 1) st = sk_fail(e, SK_E_INVALID, "a node has at least 1 chip");
    if (!st && in->cached < 1 && in->rate_cached >= 1)
        st = sk_fail(e, SK_E_INVALID,
                     "a prefill rate that was measured with every token cached says nothing of "
                     "those that are not");
    return st;
}

/* Tokens a day, from whichever was given. */
static sk_status demand(const flt_serve_plan_in *in, flt_serve_plan *p, sk_err *e)
{
    p->input_tokens_per_day = in->input_tokens_per_day;
    p->output_tokens_per_day = in->output_tokens_per_day;
    if (p->input_tokens_per_day == 0 && p->output_tokens_per_day == 0) {
        double prompts = in->users * in->prompts_per_day;
        p->input_tokens_per_day = prompts * in->input_tokens;
        p->output_tokens_per_day = prompts * in->output_tokens;
    }
    if (p->input_tokens_per_day + p->output_tokens_per_day > 0) return SK_OK;
    return sk_fail(e, SK_E_INVALID,
                   "no demand: give tokens a day, or users, prompts a day and tokens of each");
}

/* Memory: answers under way are tokens a second times seconds a token (Little's law), each holds
 * its context. */
static sk_status memory(const flt_serve_plan_in *in, flt_serve_plan *p, sk_err *e)
{
    if (in->tpot_s > 0) p->answers_under_way = p->output_tokens_per_day / DAY * in->tpot_s;
    if (!(in->kv.layers > 0)) return SK_OK;
    double each = flt_kv_bytes_per_token(&in->kv);
    sk_status st = within(each, SOME, INFINITY, "the bytes of keys and values a token", e);
    if (st) return st;
    p->kv_bytes_per_answer = each * in->mean_context;
    p->kv_bytes = p->kv_bytes_per_answer * p->answers_under_way;
    if (!(in->node_memory_bytes > 0)) return SK_OK;
    double room = in->node_memory_bytes - in->weights_bytes;
    if (!(room > 0))
        return sk_fail(e, SK_E_INVALID,
                       "the weights (%.4g bytes) leave no room in a node's memory (%.4g bytes)",
                       in->weights_bytes, in->node_memory_bytes);
    p->kv_nodes = p->kv_bytes / room;
    return SK_OK;
}

/* Micro-units of `nodes` nodes for a day. */
static int64_t day_cost(const flt_serve_plan_in *in, double nodes)
{
    return flt_micros_of(nodes * (double)in->chips_per_node * 24 * (double)in->price_micros / 1e6);
}

static void cost(const flt_serve_plan_in *in, flt_serve_plan *p)
{
    p->cost_per_day_micros = p->peak_cost_per_day_micros = -1;
    p->cost_per_million_micros = p->cost_per_million_out_micros = -1;
    if (in->price_micros < 0) return;
    p->cost_per_day_micros = day_cost(in, p->nodes);
    double day = (double)p->cost_per_day_micros, out = p->output_tokens_per_day;
    p->cost_per_million_micros = flt_micros_of(day / (p->input_tokens_per_day + out));
    if (out > 0) p->cost_per_million_out_micros = flt_micros_of(day / out);
    if (p->peak_nodes > 0) p->peak_cost_per_day_micros = day_cost(in, p->peak_nodes);
}

/* What users pay a day, and what stays of it for each unit of cost. */
static void revenue(const flt_serve_plan_in *in, flt_serve_plan *p)
{
    p->revenue_per_day_micros = -1;
    if (!in->ask_input_micros && !in->ask_cached_micros && !in->ask_output_micros) return;
    double hit = p->input_tokens_per_day * in->cached;
    double v = hit * (double)in->ask_cached_micros +
               (p->input_tokens_per_day - hit) * (double)in->ask_input_micros +
               p->output_tokens_per_day * (double)in->ask_output_micros;
    p->revenue_per_day_micros = flt_micros_of(v / 1e12);
    if (p->cost_per_day_micros > 0)
        p->margin = (double)p->revenue_per_day_micros / (double)p->cost_per_day_micros - 1;
}

/* Nodes for the peak and what they have left on average. */
static sk_status peak(const flt_serve_plan_in *in, flt_serve_plan *p, sk_err *e)
{
    if (in->peak_nodes > 0)
        p->peak_nodes = in->peak_nodes;
    else if (in->peak_to_mean > 0)
        p->peak_nodes = ceil(p->nodes * in->peak_to_mean * (1 + in->headroom));
    if (!(p->peak_nodes > 0)) return SK_OK;
    if (p->peak_nodes < p->nodes)
        return sk_fail(e, SK_E_INVALID, "%.6g nodes are fewer than the %.6g busy on average",
                       p->peak_nodes, p->nodes);
    p->training_share = 1 - p->nodes / p->peak_nodes;
    p->node_hours_left = (p->peak_nodes - p->nodes) * 24;
    return SK_OK;
}

/* Nodes for prompts and nodes for answers are planned apart and added, as if they were; an answer's
 * also hold its cache, so the larger of both needs counts. */
sk_status flt_serve_plan_make(const flt_serve_plan_in *in, flt_serve_plan *out, sk_err *e)
{
    flt_serve_plan p = {.nodes = 0};
    sk_status st = check(in, e);
    if (!st) st = demand(in, &p, e);
    if (!st) st = memory(in, &p, e);
    if (st) return st;
    /* A node computes rate * (1 - hits) tokens a second: that is what stays when hits change. */
    double at = in->rate_cached < 0 ? in->cached : in->rate_cached;
    p.prefill_rate =
        at == in->cached ? in->prefill_rate : in->prefill_rate * (1 - at) / (1 - in->cached);
    p.prefill_nodes = p.input_tokens_per_day / DAY / p.prefill_rate;
    p.decode_nodes = p.output_tokens_per_day / DAY / in->decode_rate;
    p.nodes = p.prefill_nodes + fmax(p.decode_nodes, p.kv_nodes);
    st = peak(in, &p, e);
    if (st) return st;
    cost(in, &p);
    revenue(in, &p);
    *out = p;
    return SK_OK;
}
