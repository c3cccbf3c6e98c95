/* plan_train.c - stoke fleet plan train: what a training run takes. */
#include "base/clock.h"
#include "base/json.h"
#include "cli/cmd.h"
#include "cli/fleet/plan.h"
#include "cli/fleet/store.h"
#include "cli/verbs.h"
#include "fleet/fleet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct plan_train_opts {
    double params, tokens, flops, peak, mfu, achieved;
    double failures, restart_s, every_s, write_s, days;
    int64_t chips, chips_per_node;
    const char *chip, *price, *budget, *currency, *db, *contract, *start;
    bool json;
} plan_train_opts;

#define NUM(name, value, deflt, help, field)                                                       \
    {                                                                                              \
        name, 0, SK_OPT_FLOAT, value, deflt, help, offsetof(plan_train_opts, field), 0, 1e300      \
    }

static const sk_opt rows[] = {
    {"", 0, SK_OPT_BOOL, NULL, NULL, "The model"},
    NUM("params", "N", "0", "parameters that a token passes; of a mixture of experts the active",
        params),
    NUM("tokens", "N", "0", "tokens to train on", tokens),
    NUM("flops", "N", "0", "FLOPs in all, instead of 6 * params * tokens", flops),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "The chips"},
    {"chips", 0, SK_OPT_INT, "N", "0",
     "chips; without it --deadline-days or --budget says how many",
     offsetof(plan_train_opts, chips), 0, 1e12},
    {"chip", 0, SK_OPT_STRING, "NAME", NULL,
     "their kind, which says the peak: h100, h800, h200, b200, gb200, a100, v100, mi300x, "
     "trainium, trainium2, trainium3, inferentia2, tpu-v5e, tpu-v5p",
     offsetof(plan_train_opts, chip)},
    NUM("peak", "FLOPS", "0", "peak of a chip a second, instead of the kind's", peak),
    {"mfu", 0, SK_OPT_FLOAT, "SHARE", "0",
     "share of the peak that is reached; recomputation is not counted",
     offsetof(plan_train_opts, mfu), 0, 1},
    NUM("achieved", "FLOPS", "0", "FLOPs a chip reaches a second, instead of peak and share",
        achieved),
    {"chips-per-node", 0, SK_OPT_INT, "N", "0",
     "chips that fail together; 0 means as usual for the kind, or 8",
     offsetof(plan_train_opts, chips_per_node), 0, 1e6},
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Failures"},
    NUM("failures-per-1000-node-days", "N", "0", "interruptions that 1,000 nodes meet in a day",
        failures),
    NUM("restart-s", "SECONDS", "300", "from an interruption until it computes again", restart_s),
    NUM("checkpoint-every-s", "SECONDS", "0", "time between checkpoints; 0 means what is best",
        every_s),
    NUM("checkpoint-write-s", "SECONDS", "30", "time that the run waits for one", write_s),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Money and time"},
    {"price-per-chip-hour", 0, SK_OPT_STRING, "AMOUNT", NULL, "what a chip costs an hour",
     offsetof(plan_train_opts, price)},
    {"currency", 0, SK_OPT_STRING, "CODE", "USD", "its currency, for the table",
     offsetof(plan_train_opts, currency)},
    NUM("deadline-days", "DAYS", "0", "the fewest nodes that end within so many days", days),
    {"budget", 0, SK_OPT_STRING, "AMOUNT", NULL, "the most nodes that cost no more than this",
     offsetof(plan_train_opts, budget)},
    {"", 0, SK_OPT_BOOL, NULL, NULL, "A fleet"},
    {"db", 0, SK_OPT_STRING, "FILE|URL", NULL,
     "a fleet, whose chips go before the known ones; without it none is asked",
     offsetof(plan_train_opts, db)},
    {"contract", 0, SK_OPT_STRING, "NAME", NULL,
     "how far the cost goes towards this contract of the fleet",
     offsetof(plan_train_opts, contract)},
    {"start", 0, SK_OPT_STRING, "DATE", NULL, "when the run begins, for that; now if not given",
     offsetof(plan_train_opts, start)},
    {"json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object", offsetof(plan_train_opts, json)},
    {0},
};

/* What the flags ask, as the planner takes it. */
static sk_status gather(const plan_train_opts *o, const flt_book *book, flt_train_plan_in *in,
                        sk_err *e)
{
    const flt_chip *c = NULL;
    const flt_known_chip *known = o->chip ? flt_known_chip_named(o->chip) : NULL;
    sk_status st = o->chip ? flt_plan_chip(book, o->chip, &c, e) : SK_OK;
    if (st) return st;
    if (!c && !(o->peak > 0) && !(o->achieved > 0))
        return sk_fail(e, SK_E_USAGE, "say --chip NAME, --peak FLOPS or --achieved FLOPS");
    if (!(o->achieved > 0) && !(o->mfu > 0))
        return sk_fail(e, SK_E_USAGE, "say --mfu, the share of the peak, or --achieved FLOPS");
    if (o->chips && (o->days > 0 || o->budget))
        return sk_fail(e, SK_E_USAGE,
                       "--chips says how many; then there is no --deadline-days "
                       "and no --budget");
    *in = (flt_train_plan_in){.params = o->params,
                              .tokens = o->tokens,
                              .flops = o->flops,
                              .peak_flops = o->peak > 0 ? o->peak
                                            : c         ? c->peak_bf16_flops
                                                        : 0,
                              .mfu = o->mfu,
                              .achieved_flops = o->achieved,
                              .chips = (double)o->chips,
                              .chips_per_node = o->chips_per_node ? o->chips_per_node
                                                : known           ? known->chips_per_node
                                                                  : 8};
    in->upkeep = (flt_upkeep){.failures_per_node_day = o->failures / 1000,
                              .restart_s = o->restart_s,
                              .checkpoint_every_s = o->every_s,
                              .checkpoint_write_s = o->write_s};
    return cmd_plan_price("price-per-chip-hour", o->price, -1, &in->price_micros, e);
}

/* A contract's commitments beside what the run costs while it runs. */
typedef struct toward {
    const flt_book *book;
    const flt_contract *contract;
    sk_span run;
    int64_t cost_micros;
} toward;

static sk_status find_contract(const plan_train_opts *o, const flt_book *book,
                               const flt_train_plan *p, toward *t, sk_err *e)
{
    *t = (toward){.book = book, .cost_micros = p->cost_micros};
    if (!o->contract) return SK_OK;
    t->contract = flt_book_contract_named(book, o->contract);
    if (!t->contract) return sk_fail(e, SK_E_NOTFOUND, "there is no contract %s", o->contract);
    if (p->cost_micros < 0) return sk_fail(e, SK_E_USAGE, "--contract needs --price-per-chip-hour");
    sk_status st = cmd_fleet_time("start", o->start, sk_unix_s(), &t->run.from, e);
    t->run.to = t->run.from + (int64_t)fmin(p->days * 86400, 1e10);
    return st;
}

/* What a commitment of money asks for while the run goes on. */
static int64_t asked(const toward *t, const flt_commitment *c)
{
    return flt_committed_until(c, t->run.to) - flt_committed_until(c, t->run.from);
}

/* Whether it is one of the contract's that cost counts for. */
static bool counts(const toward *t, const flt_commitment *c)
{
    return t->contract && c->contract == t->contract->id && c->kind == FLT_SPEND;
}

static void toward_table(sk_buf *b, const toward *t)
{
    for (size_t i = 0; i < t->book->n_commitment; i++) {
        const flt_commitment *c = &t->book->commitment[i];
        char name[96], text[FLT_MONEY_TEXT];
        if (!counts(t, c)) continue;
        int64_t due = asked(t, c);
        (void)snprintf(name, sizeof name, "%.40s/%.40s", t->contract->name, c->name);
        flt_money_table(due, text);
        if (due > 0)
            cmd_plan_line(b, name, "asks for %s %s meanwhile: pace %.2f by this run alone", text,
                          t->contract->currency, (double)t->cost_micros / (double)due);
        else
            cmd_plan_line(b, name, "asks for nothing meanwhile");
    }
}

static void toward_json(sk_buf *b, const toward *t)
{
    bool first = true;
    if (!t->contract) return;
    sk_buf_adds(b, ",\"contract\":[");
    for (size_t i = 0; i < t->book->n_commitment; i++) {
        const flt_commitment *c = &t->book->commitment[i];
        if (!counts(t, c)) continue;
        int64_t due = asked(t, c);
        sk_buf_adds(b, first ? "{\"commitment\":" : ",{\"commitment\":");
        sk_json_add_str(b, c->name, strlen(c->name));
        cmd_plan_micros(b, "committed_micros", due);
        cmd_plan_num(b, "pace", due > 0 ? (double)t->cost_micros / (double)due : NAN);
        sk_buf_addc(b, '}');
        first = false;
    }
    sk_buf_addc(b, ']');
}

static void add_json(sk_buf *b, const flt_train_plan *p, const toward *t)
{
    sk_buf_addc(b, '{');
    cmd_plan_num(b, "flops", p->flops);
    cmd_plan_num(b, "days", p->days);
    cmd_plan_num(b, "chip_hours", p->chip_hours);
    cmd_plan_num(b, "interruptions", p->interruptions);
    cmd_plan_num(b, "mtti_hours", p->mtti_hours);
    cmd_plan_num(b, "ettr", p->ettr);
    cmd_plan_micros(b, "cost_micros", p->cost_micros);
    cmd_plan_num(b, "productive_days", p->productive_days);
    cmd_plan_num(b, "chips", p->chips);
    cmd_plan_num(b, "nodes", p->nodes);
    cmd_plan_num(b, "achieved_flops", p->achieved_flops);
    cmd_plan_num(b, "checkpoint_every_s", p->checkpoint_every_s);
    cmd_plan_num(b, "best_checkpoint_s", p->best_checkpoint_s);
    cmd_plan_num(b, "best_ettr", p->best_ettr);
    toward_json(b, t);
    sk_buf_adds(b, "}\n");
}

/* Figures that a person reads; those of failures only where there are any. */
static void add_table(sk_buf *b, const flt_train_plan_in *in, const flt_train_plan *p,
                      const plan_train_opts *o)
{
    cmd_plan_line(b, "FLOPs", "%.3e%s", p->flops,
                  in->flops > 0 ? "" : "  (6 * params * tokens, recomputation not counted)");
    cmd_plan_line(b, "chips", "%.0f on %.0f nodes, %.4g TFLOP/s each", p->chips, p->nodes,
                  p->achieved_flops / 1e12);
    cmd_plan_line(b, "days if nothing failed", "%.2f", p->productive_days);
    if (in->upkeep.failures_per_node_day > 0) {
        cmd_plan_line(b, "time to interruption", "%.2f h", p->mtti_hours);
        cmd_plan_line(b, "checkpoint every", "%.0f s, written in %.4g s; back after %.4g s",
                      p->checkpoint_every_s, in->upkeep.checkpoint_write_s, in->upkeep.restart_s);
        if (in->upkeep.checkpoint_every_s > 0)
            cmd_plan_line(b, "best would be every", "%.0f s, ETTR %.4f", p->best_checkpoint_s,
                          p->best_ettr);
        cmd_plan_line(b, "interruptions", "%.0f", p->interruptions);
    }
    cmd_plan_line(b, "productive time (ETTR)", "%.4f", p->ettr);
    cmd_plan_line(b, "days", "%.2f%s", p->days, p->ettr < 1 ? "  (with the time lost)" : "");
    cmd_plan_line(b, "chip-hours", "%.0f", p->chip_hours);
    cmd_plan_money(b, "cost", p->cost_micros, o->currency);
}

/* Works out and prints; book is empty without --db. */
static sk_status answer(const plan_train_opts *o, const flt_book *book, sk_err *e)
{
    flt_train_plan_in in;
    flt_train_plan p;
    toward t;
    int64_t budget;
    sk_status st = cmd_plan_price("budget", o->budget, 0, &budget, e);
    if (!st) st = gather(o, book, &in, e);
    if (!st)
        st = o->chips ? flt_train_plan_make(&in, &p, e)
                      : flt_train_plan_chips(&in, o->days, budget, &p, e);
    if (!st) st = find_contract(o, book, &p, &t, e);
    if (st) return st;
    sk_buf b = SK_BUF_INIT;
    if (o->json) {
        add_json(&b, &p, &t);
    } else {
        add_table(&b, &in, &p, o);
        toward_table(&b, &t);
    }
    return cmd_out_buf(&b, e);
}

static sk_status plan_train(int argc, char **argv, sk_err *e)
{
    plan_train_opts o = {0};
    flt_book book = {.n_chip = 0};
    sk_arena *mem = NULL;
    bool done;
    sk_status st = cmd_parse(&cmd_fleet_plan_train_verb, argc, argv, &o, NULL, NULL, &done, e);
    if (st || done) return st;
    if (o.contract && !o.db) return sk_fail(e, SK_E_USAGE, "--contract needs --db, a fleet");
    if (o.db) st = cmd_fleet_book(o.db, &mem, &book, e);
    if (!st) st = answer(&o, &book, e);
    sk_arena_free(mem);
    return st;
}

const cmd_verb cmd_fleet_plan_train_verb = {
    {"fleet-plan-train", "days, failures and cost of a training run", "", 0, 0,
     "From the sizes of a model and its data to FLOPs (6 for each parameter and token), days on a "
     "number of chips, interruptions and cost; or back, from a deadline or a budget to the number "
     "of chips.\n\n"
     "Days are those on the wall: with a rate of failures given, the productive days over the "
     "expected share of productive time (ETTR, arXiv 2410.21680); without one nothing is lost. "
     "Without --checkpoint-every-s the interval that loses least is taken. "
     "docs/format/plan.md has the formulas and what they make of published runs.",
     "stoke fleet plan train --params 405e9 --tokens 15.6e12 --chips 16384 --chip h100 --mfu 0.40 "
     "--failures-per-1000-node-days 3.8 --price-per-chip-hour 2\n"
     "  a run of Llama 3.1's size\n"
     "stoke fleet plan train --params 7e9 --tokens 2e12 --chip trainium2 --mfu 0.35 "
     "--deadline-days 30\n"
     "  how many chips it needs for a month\n",
     rows},
    plan_train};
