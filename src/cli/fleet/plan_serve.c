/* plan_serve.c - stoke fleet plan serve: what a service takes. */
#include "cli/cmd.h"
#include "cli/fleet/plan.h"
#include "cli/verbs.h"
#include "fleet/fleet.h"

#include <string.h>

typedef struct plan_serve_opts {
    flt_serve_plan_in in; /* numbers are read into it */
    double chip_memory;
    const char *chip, *price, *ask_input, *ask_cached, *ask_output, *currency;
    bool json;
} plan_serve_opts;

#define NUM(name, value, deflt, help, field)                                                       \
    {                                                                                              \
        name, 0, SK_OPT_FLOAT, value, deflt, help, offsetof(plan_serve_opts, field), 0, 1e300      \
    }
#define SHARE(name, deflt, help, field, lo)                                                        \
    {                                                                                              \
        name, 0, SK_OPT_FLOAT, "SHARE", deflt, help, offsetof(plan_serve_opts, field), lo, 1       \
    }
#define TEXT(name, value, deflt, help, field)                                                      \
    {                                                                                              \
        name, 0, SK_OPT_STRING, value, deflt, help, offsetof(plan_serve_opts, field)               \
    }

static const sk_opt rows[] = {
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Demand"},
    NUM("input-tokens-per-day", "N", "0", "tokens of prompts a day, cached ones among them",
        in.input_tokens_per_day),
    NUM("output-tokens-per-day", "N", "0", "tokens of answers a day", in.output_tokens_per_day),
    NUM("users", "N", "0", "users a day, where tokens a day are not known", in.users),
    NUM("prompts-per-day", "N", "1", "prompts of a user a day", in.prompts_per_day),
    NUM("input-tokens", "N", "0", "tokens of a prompt", in.input_tokens),
    NUM("output-tokens", "N", "0", "tokens of an answer", in.output_tokens),
    SHARE("cached", "0", "share of the prompts' tokens that the prefix cache has", in.cached, 0),
    NUM("peak-to-mean", "N", "0", "the demand's peak over its mean", in.peak_to_mean),
    NUM("peak-nodes", "N", "0", "nodes that are held for the peak, instead", in.peak_nodes),
    {"headroom", 0, SK_OPT_FLOAT, "SHARE", "0", "kept free above the peak: 0.2 is a fifth more",
     offsetof(plan_serve_opts, in.headroom), 0, 100},
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Supply"},
    NUM("prefill-rate", "N", "0", "tokens of prompts a node reads a second, cached ones counted",
        in.prefill_rate),
    SHARE("rate-cached", "-1",
          "share of cached tokens when that rate was measured; -1 means as planned", in.rate_cached,
          -1),
    NUM("decode-rate", "N", "0", "tokens of answers a node writes a second", in.decode_rate),
    {"chips-per-node", 0, SK_OPT_INT, "N", "8", "chips of a node",
     offsetof(plan_serve_opts, in.chips_per_node), 1, 1e6},
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Memory"},
    NUM("layers", "N", "0", "layers of the model; 0: memory is not planned", in.kv.layers),
    NUM("kv-heads", "N", "8", "heads of keys and values", in.kv.kv_heads),
    NUM("head-dim", "N", "128", "elements of a head", in.kv.head_dim),
    NUM("kv-latent", "N", "0", "elements a token and layer, of models with latent attention",
        in.kv.latent),
    NUM("kv-bytes", "N", "2", "bytes of an element", in.kv.bytes_per_element),
    NUM("mean-context", "N", "0", "tokens that an answer under way holds", in.mean_context),
    NUM("tpot-s", "SECONDS", "0", "time a token that users are promised: 0.05 is 20 a second",
        in.tpot_s),
    NUM("weights-bytes", "N", "0", "bytes of the weights on a node", in.weights_bytes),
    TEXT("chip", "NAME", NULL, "kind of the chips, which says their memory", chip),
    NUM("chip-memory", "BYTES", "0", "memory of a chip, instead of the kind's", chip_memory),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Money"},
    TEXT("price-per-chip-hour", "AMOUNT", NULL, "what a chip costs an hour", price),
    TEXT("ask-input", "AMOUNT", NULL, "what users pay for a million tokens of prompts", ask_input),
    TEXT("ask-cached", "AMOUNT", NULL, "for a million of those from the cache", ask_cached),
    TEXT("ask-output", "AMOUNT", NULL, "for a million tokens of answers", ask_output),
    TEXT("currency", "CODE", "USD", "the currency, for the table", currency),
    {"json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object", offsetof(plan_serve_opts, json)},
    {0},
};

/* Prices and the chip's memory into o->in. */
static sk_status gather(plan_serve_opts *o, sk_err *e)
{
    const flt_chip *c = NULL;
    flt_serve_plan_in *in = &o->in;
    if (!(in->prefill_rate > 0) || !(in->decode_rate > 0))
        return sk_fail(e, SK_E_USAGE,
                       "say --prefill-rate and --decode-rate, tokens a second of a "
                       "node as measured");
    sk_status st = o->chip ? flt_plan_chip(NULL, o->chip, &c, e) : SK_OK;
    if (!st) st = cmd_plan_price("price-per-chip-hour", o->price, -1, &in->price_micros, e);
    if (!st) st = cmd_plan_price("ask-input", o->ask_input, 0, &in->ask_input_micros, e);
    if (!st) st = cmd_plan_price("ask-cached", o->ask_cached, 0, &in->ask_cached_micros, e);
    if (!st) st = cmd_plan_price("ask-output", o->ask_output, 0, &in->ask_output_micros, e);
    if (st) return st;
    double memory = o->chip_memory > 0 ? o->chip_memory : c ? c->memory_bytes : 0;
    in->node_memory_bytes = memory * (double)in->chips_per_node;
    if (in->kv.layers > 0 && (!(in->mean_context > 0) || !(in->tpot_s > 0)))
        return sk_fail(e, SK_E_USAGE, "to plan memory, say --mean-context and --tpot-s too");
    return SK_OK;
}

/* Every figure of the plan, those too that nobody asked for: a reader in another program finds all
 * keys, whatever was given. */
static void add_json(sk_buf *b, const flt_serve_plan *p)
{
    sk_buf_addc(b, '{');
    cmd_plan_num(b, "nodes", p->nodes);
    cmd_plan_micros(b, "cost_per_day_micros", p->cost_per_day_micros);
    cmd_plan_num(b, "prefill_nodes", p->prefill_nodes);
    cmd_plan_num(b, "decode_nodes", p->decode_nodes);
    cmd_plan_num(b, "prefill_rate", p->prefill_rate);
    cmd_plan_num(b, "input_tokens_per_day", p->input_tokens_per_day);
    cmd_plan_num(b, "output_tokens_per_day", p->output_tokens_per_day);
    cmd_plan_num(b, "peak_nodes", p->peak_nodes);
    cmd_plan_num(b, "training_share", p->training_share);
    cmd_plan_num(b, "node_hours_left", p->node_hours_left);
    cmd_plan_micros(b, "peak_cost_per_day_micros", p->peak_cost_per_day_micros);
    cmd_plan_micros(b, "cost_per_million_micros", p->cost_per_million_micros);
    cmd_plan_micros(b, "cost_per_million_out_micros", p->cost_per_million_out_micros);
    cmd_plan_micros(b, "revenue_per_day_micros", p->revenue_per_day_micros);
    cmd_plan_num(b, "margin", p->margin);
    cmd_plan_num(b, "answers_under_way", p->answers_under_way);
    cmd_plan_num(b, "kv_bytes_per_answer", p->kv_bytes_per_answer);
    cmd_plan_num(b, "kv_bytes", p->kv_bytes);
    cmd_plan_num(b, "kv_nodes", p->kv_nodes);
    sk_buf_adds(b, "}\n");
}

/* Figures that a person reads; those nobody asked for are left out. */
static void add_table(sk_buf *b, const plan_serve_opts *o, const flt_serve_plan *p)
{
    cmd_plan_line(b, "prompts", "%.4g tokens a day, %.1f %% from the cache",
                  p->input_tokens_per_day, o->in.cached * 100);
    cmd_plan_line(b, "answers", "%.4g tokens a day", p->output_tokens_per_day);
    cmd_plan_line(b, "nodes to read prompts", "%.2f at %.6g tokens/s", p->prefill_nodes,
                  p->prefill_rate);
    cmd_plan_line(b, "nodes to write answers", "%.2f at %.6g tokens/s", p->decode_nodes,
                  o->in.decode_rate);
    if (p->answers_under_way > 0)
        cmd_plan_line(b, "answers under way", "%.0f on average", p->answers_under_way);
    if (p->kv_bytes > 0)
        cmd_plan_line(b, "keys and values", "%.4g GB an answer, %.4g TB in all",
                      p->kv_bytes_per_answer / 1e9, p->kv_bytes / 1e12);
    if (p->kv_nodes > 0)
        cmd_plan_line(b, "nodes for that memory", "%.2f%s", p->kv_nodes,
                      p->kv_nodes > p->decode_nodes ? "  (more than speed needs: memory decides)"
                                                    : "  (fits beside)");
    cmd_plan_line(b, "nodes", "%.2f busy on average", p->nodes);
    if (p->peak_nodes > 0) {
        cmd_plan_line(b, "nodes for the peak", "%.2f", p->peak_nodes);
        cmd_plan_line(b, "left for training", "%.1f %% of their hours, %.0f node-hours a day",
                      p->training_share * 100, p->node_hours_left);
    }
    cmd_plan_money(b, "cost a day", p->cost_per_day_micros, o->currency);
    cmd_plan_money(b, "all nodes of the peak", p->peak_cost_per_day_micros, o->currency);
    cmd_plan_money(b, "a million tokens", p->cost_per_million_micros, o->currency);
    cmd_plan_money(b, "a million answered", p->cost_per_million_out_micros, o->currency);
    cmd_plan_money(b, "revenue a day", p->revenue_per_day_micros, o->currency);
    if (p->revenue_per_day_micros >= 0 && p->cost_per_day_micros > 0)
        cmd_plan_line(b, "margin over cost", "%.0f %%", p->margin * 100);
}

static sk_status plan_serve(int argc, char **argv, sk_err *e)
{
    plan_serve_opts o = {.json = false};
    flt_serve_plan p;
    bool done;
    sk_status st = cmd_parse(&cmd_fleet_plan_serve_verb, argc, argv, &o, NULL, NULL, &done, e);
    if (st || done) return st;
    st = gather(&o, e);
    if (!st) st = flt_serve_plan_make(&o.in, &p, e);
    if (st) return st;
    sk_buf b = SK_BUF_INIT;
    if (o.json)
        add_json(&b, &p);
    else
        add_table(&b, &o, &p);
    return cmd_out_buf(&b, e);
}

const cmd_verb cmd_fleet_plan_serve_verb = {
    {"fleet-plan-serve", "nodes, memory and cost of a service", "", 0, 0,
     "From tokens a day, or users and their prompts, and the measured rates of a node to the nodes "
     "that are busy on average, those to hold for the peak, what training may have between the "
     "peaks, the memory of keys and values, and what a day and a million tokens cost.\n\n"
     "Nodes are those busy on average, not rounded, and a day's cost is theirs; the nodes of the "
     "peak are whole. A prefill rate counts cached tokens, as it is usually published: it holds "
     "for the share of hits it was measured at (--rate-cached). docs/format/plan.md has the "
     "formulas.",
     "stoke fleet plan serve --input-tokens-per-day 608e9 --cached 0.563 --output-tokens-per-day "
     "168e9 --prefill-rate 73700 --decode-rate 14800 --price-per-chip-hour 2 --peak-nodes 278\n"
     "  a day of DeepSeek's service\n"
     "stoke fleet plan serve --users 1e6 --prompts-per-day 5 --input-tokens 1155 --output-tokens "
     "211 --prefill-rate 73700 --decode-rate 14800 --peak-to-mean 1.5 --headroom 0.2\n"
     "  a million users\n",
     rows},
    plan_serve};
