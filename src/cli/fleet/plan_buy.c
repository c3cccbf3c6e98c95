/* plan_buy.c - stoke fleet plan buy: what to buy, from whom, when. */
#include "base/json.h"
#include "cli/cmd.h"
#include "cli/fleet/plan.h"
#include "cli/fleet/store.h"
#include "cli/verbs.h"
#include "fleet/fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct plan_buy_opts {
    const char *demand, *db, *chip;
    sk_opt_list also;
    int64_t seconds;
    bool json, hourly;
} plan_buy_opts;

static const sk_opt rows[] = {
    {"demand", 'd', SK_OPT_STRING, "FILE", NULL,
     "what is needed and what is offered, YAML (docs/format/plan.md)",
     offsetof(plan_buy_opts, demand), .required = true, .complete = SK_COMPLETE_FILE},
    {"db", 0, SK_OPT_STRING, "FILE|URL", NULL,
     "a fleet, whose on-demand offers and contracts are added; with --chip",
     offsetof(plan_buy_opts, db)},
    {"chip", 0, SK_OPT_STRING, "NAME", NULL, "the kind of chip of those that the demand counts in",
     offsetof(plan_buy_opts, chip)},
    {"also", 0, SK_OPT_LIST, "NAME[=RATE]", NULL,
     "a further kind of the fleet's chips, and how many of --chip one does the work of; if not "
     "given, what the figure says by which it compares worst",
     offsetof(plan_buy_opts, also)},
    {"seconds", 0, SK_OPT_INT, "N", "60", "time the solver may take, twice at most",
     offsetof(plan_buy_opts, seconds), 1, 3600},
    {"hourly", 0, SK_OPT_BOOL, NULL, NULL, "show what is used by the hour for each month",
     offsetof(plan_buy_opts, hourly)},
    {"json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object", offsetof(plan_buy_opts, json)},
    {0},
};

/* "2027-03", the month-th of the plan. */
static const char *month_of(const flt_buy *b, int month, char out[SK_UTC_TEXT])
{
    sk_utc_print(sk_utc_add_months(b->start, month), out);
    out[7] = 0;
    return out;
}

static const char *name_of(const flt_buy *b, const flt_buy_row *r)
{
    return r->what == FLT_BUY_PROMISE ? b->spend[r->of].name : b->offer[r->of].name;
}

static const char *provider_of(const flt_buy *b, const flt_buy_row *r)
{
    return r->what == FLT_BUY_PROMISE ? b->spend[r->of].provider : b->offer[r->of].provider;
}

static void json_row(sk_buf *out, const flt_buy *b, const flt_buy_row *r, bool first)
{
    static const char *const what[] = {"commit", "hourly", "promise"};
    char when[SK_UTC_TEXT];
    const char *name = name_of(b, r), *from = provider_of(b, r);
    sk_buf_addf(out, "%s{\"what\":\"%s\",\"offer\":", first ? "" : ",", what[r->what]);
    sk_json_add_str(out, name, strlen(name));
    sk_buf_adds(out, ",\"provider\":");
    sk_json_add_str(out, from, strlen(from));
    sk_buf_addf(out, ",\"month\":\"%s\",\"units\":%" PRId64, month_of(b, r->month, when), r->units);
    cmd_plan_num(out, "chips", r->chips);
    cmd_plan_num(out, "chip_hours", r->chip_hours);
    cmd_plan_micros(out, "cost_micros", r->cost_micros);
    if (r->under != SIZE_MAX) {
        sk_buf_adds(out, ",\"under\":");
        sk_json_add_str(out, b->spend[r->under].name, strlen(b->spend[r->under].name));
    }
    sk_buf_addc(out, '}');
}

static void add_json(sk_buf *out, const flt_buy *b, const flt_buy_answer *a, const char *currency)
{
    sk_buf_addc(out, '{');
    cmd_plan_micros(out, "cost_micros", a->cost_micros);
    cmd_plan_micros(out, "on_demand_micros", a->on_demand_micros);
    sk_buf_addf(out, ",\"currency\":\"%s\",\"proven\":%s,\"buy\":[", currency,
                a->proven ? "true" : "false");
    for (size_t i = 0; i < a->n_row; i++)
        json_row(out, b, &a->row[i], !i);
    sk_buf_adds(out, "]}\n");
}

static void table_row(sk_buf *out, const flt_buy *b, const flt_buy_row *r, const char *when)
{
    char cost[FLT_MONEY_TEXT], how[64], term[24];
    flt_money_table(r->cost_micros, cost);
    (void)snprintf(term, sizeof term, "%d months",
                   r->what == FLT_BUY_COMMIT ? b->offer[r->of].term_months
                                             : b->spend[r->of].interval_months);
    if (r->what == FLT_BUY_COMMIT)
        (void)snprintf(how, sizeof how, "%.0f chips, %s", r->chips, term);
    else if (r->what == FLT_BUY_PROMISE)
        (void)snprintf(how, sizeof how, "unused part, %s", term);
    else
        (void)snprintf(how, sizeof how, "by the hour, up to %.0f chips%s%s", r->chips,
                       r->under == SIZE_MAX ? "" : ", ",
                       r->under == SIZE_MAX ? "" : b->spend[r->under].name);
    sk_buf_addf(out, "%-10s %-10s %-20s %-44s %14.0f %18s\n", when, provider_of(b, r),
                name_of(b, r), how, r->chip_hours, cost);
}

/* Adds a later month's hourly use to the first row of the same offer and discount. */
static void sum_up(flt_buy_row *into, const flt_buy_row *r)
{
    into->chip_hours += r->chip_hours;
    into->cost_micros += r->cost_micros;
    if (r->chips > into->chips) into->chips = r->chips;
}

/* Rows of hourly use, each offer's months together. */
static void hourly_sums(sk_buf *out, const flt_buy *b, const flt_buy_answer *a)
{
    for (size_t i = 0; i < a->n_row; i++) {
        flt_buy_row r = a->row[i];
        bool first = r.what == FLT_BUY_HOURLY;
        for (size_t k = 0; first && k < i; k++)
            first = a->row[k].what != FLT_BUY_HOURLY || a->row[k].of != r.of ||
                    a->row[k].under != r.under;
        if (!first) continue;
        for (size_t k = i + 1; k < a->n_row; k++)
            if (a->row[k].what == FLT_BUY_HOURLY && a->row[k].of == r.of &&
                a->row[k].under == r.under)
                sum_up(&r, &a->row[k]);
        table_row(out, b, &r, "all months");
    }
}

/* Purchases by the hour are many and small: without --hourly they are one line an offer. */
static void add_table(sk_buf *out, const plan_buy_opts *o, const flt_buy *b,
                      const flt_buy_answer *a, const char *currency)
{
    char text[FLT_MONEY_TEXT], when[SK_UTC_TEXT];
    sk_buf_addf(out, "%-10s %-10s %-20s %-44s %14s %18s\n", "when", "from", "offer", "what",
                "chip-hours", currency);
    for (size_t i = 0; i < a->n_row; i++)
        if (a->row[i].what != FLT_BUY_HOURLY || o->hourly)
            table_row(out, b, &a->row[i], month_of(b, a->row[i].month, when));
    if (!o->hourly) hourly_sums(out, b, a);
    flt_money_table(a->cost_micros, text);
    sk_buf_addf(out, "in all %s %s%s", text, currency,
                a->proven ? "" : " (the best that was found in time)");
    if (a->on_demand_micros > 0) {
        flt_money_table(a->on_demand_micros, text);
        sk_buf_addf(out, "; all by the hour %s, %.1f %% more", text,
                    ((double)a->on_demand_micros / (double)a->cost_micros - 1) * 100);
    } else if (a->on_demand_micros < 0) {
        sk_buf_adds(out, "; by the hour alone the demand can't be met");
    }
    sk_buf_addc(out, '\n');
}

static sk_status find_chip(const flt_book *k, const char *name, const flt_chip **out, sk_err *e)
{
    *out = flt_book_chip_named(k, name);
    return *out ? SK_OK : sk_fail(e, SK_E_NOTFOUND, "the fleet has no chip %.64s", name);
}

/* NAME or NAME=RATE; `unit` is the chip that the demand counts in. */
static sk_status read_kind(const flt_book *k, const flt_chip *unit, const char *text, sk_arena *mem,
                           flt_buy_kind *out, sk_err *e)
{
    const char *sign = strchr(text, '=');
    char *end = NULL;
    char *name = sk_arena_strndup(mem, text, sign ? (size_t)(sign - text) : strlen(text));
    if (!name) return sk_fail(e, SK_E_NOMEM, "no memory for a plan");
    sk_status st = find_chip(k, name, &out->chip, e);
    if (st) return st;
    out->rate = sign ? strtod(sign + 1, &end) : flt_buy_rate(out->chip, unit);
    if (sign && (end == sign + 1 || *end || !(out->rate > 0 && out->rate <= 1e6)))
        return sk_fail(e, SK_E_USAGE, "--also %.64s: the rate is a number over 0", text);
    if (out->rate > 0) return SK_OK;
    return sk_fail(e, SK_E_INVALID,
                   "nothing known of both compares %.64s with %.64s: say --also %.64s=RATE", name,
                   unit->name, name);
}

/* The chip that the demand counts in, then the others; each once. */
static sk_status read_kinds(const plan_buy_opts *o, const flt_book *k, sk_arena *mem,
                            flt_buy_kind *kind, sk_err *e)
{
    sk_status st = find_chip(k, o->chip, &kind[0].chip, e);
    kind[0].rate = 1;
    for (size_t i = 0; i < o->also.n && !st; i++) {
        st = read_kind(k, kind[0].chip, o->also.item[i], mem, &kind[i + 1], e);
        for (size_t j = 0; j <= i && !st; j++)
            if (kind[j].chip == kind[i + 1].chip)
                st = sk_fail(e, SK_E_USAGE, "the chip %.64s is named twice", kind[j].chip->name);
    }
    return st;
}

/* Adds what the fleet offers, if one is named; its book is to be kept as long as b. */
static sk_status add_fleet(const plan_buy_opts *o, flt_buy *b, const char *currency,
                           sk_arena **book, sk_arena *mem, sk_err *e)
{
    flt_book k;
    if (!o->db) return SK_OK;
    sk_status st = cmd_fleet_book(o->db, book, &k, e);
    if (st) return st;
    flt_buy_kind *kind = sk_new_n(mem, flt_buy_kind, o->also.n + 1);
    if (!kind) return sk_fail(e, SK_E_NOMEM, "no memory for a plan");
    st = read_kinds(o, &k, mem, kind, e);
    if (st) return st;
    for (size_t i = 0; i < k.n_offer; i++)
        for (size_t j = 0; j <= o->also.n; j++)
            if (k.offer[i].chip == kind[j].chip->id && strcmp(k.offer[i].currency, currency) != 0)
                return sk_fail(e, SK_E_INVALID, "the fleet's prices are in %s, the demand's in %s",
                               k.offer[i].currency, currency);
    return flt_buy_add_book(b, &k, kind, o->also.n + 1, mem, e);
}

/* Reads, solves, prints; all of it lives in mem. */
static sk_status answer(const plan_buy_opts *o, const sk_yaml *y, sk_arena *mem, sk_err *e)
{
    flt_buy b;
    flt_buy_answer a;
    const char *currency;
    sk_arena *book = NULL;
    sk_buf out = SK_BUF_INIT;
    sk_status st = flt_buy_read(y, mem, &b, &currency, e);
    if (st) return st;
    b.seconds = (int)o->seconds;
    st = add_fleet(o, &b, currency, &book, mem, e);
    if (!st) st = flt_buy_solve(&b, mem, &a, e);
    if (!st && o->json)
        add_json(&out, &b, &a, currency);
    else if (!st)
        add_table(&out, o, &b, &a, currency);
    sk_arena_free(book);
    return st ? st : cmd_out_buf(&out, e);
}

static sk_status plan_buy(int argc, char **argv, sk_err *e)
{
    plan_buy_opts o = {0};
    sk_yaml *y = NULL;
    bool done;
    sk_status st = cmd_parse(&cmd_fleet_plan_buy_verb, argc, argv, &o, NULL, NULL, &done, e);
    if (st || done) return st;
    if (!o.db != !o.chip) return sk_fail(e, SK_E_USAGE, "--db and --chip belong together");
    if (o.also.n && !o.db) return sk_fail(e, SK_E_USAGE, "--also needs --db and --chip");
    st = sk_yaml_load(o.demand, &y, e);
    if (st) return st;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    st = mem ? answer(&o, y, mem, e) : sk_fail(e, SK_E_NOMEM, "no memory for a plan");
    sk_arena_free(mem);
    sk_yaml_free(y);
    return st;
}

const cmd_verb cmd_fleet_plan_buy_verb = {
    {"fleet-plan-buy", "what to buy, from whom, when", "", 0, 0,
     "From a demand (chips to serve by month and hour, chip-hours to train with a deadline) and a "
     "set of offers (by the hour, spot, commitments of months, promises of money) to the cheapest "
     "mix, and what the same costs by the hour alone. What is there already, chips that are held "
     "and contracts that are signed, counts as paid.\n\n"
     "The mix is found by GLPK, an existing solver, whose program glpsol has to be installed "
     "(Debian package glpk-utils); its answer is checked against the demand before it is printed. "
     "A commitment costs its whole term, also what lies beyond the plan's last month: plan as many "
     "months as the longest term. docs/format/plan.md has the form of the file.",
     "stoke fleet plan buy --demand demand.yaml\n  a table of what to buy when\n"
     "stoke fleet plan buy --demand demand.yaml --json\n  the same for a program\n"
     "stoke fleet plan buy --demand demand.yaml --db fleet.db --chip h100 --also trainium2=0.6\n"
     "  from what the fleet has of two kinds of chips\n",
     rows},
    plan_buy};
