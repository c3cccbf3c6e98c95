/* status.c - stoke fleet status: what there is, at a glance. */
#include "base/clock.h"
#include "cli/fleet/store.h"
#include "cli/fleet/table.h"
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>

typedef struct status_opts {
    cmd_common common;
    const char *db, *at;
    bool json, yaml;
} status_opts;

static const sk_opt rows[] = {
    CMD_FLEET_DB_ROW(status_opts),
    CMD_ROW(status_opts, "at", 0, SK_OPT_STRING, "DATE", NULL, "as of this time; now if not given",
            at, 0, NULL),
    CMD_ROW(status_opts, "yaml", 0, SK_OPT_BOOL, NULL, NULL,
            "print the whole fleet as a file that `stoke fleet import` reads", yaml, 0, NULL),
    CMD_FLEET_JSON_ROW(status_opts),
    CMD_COMMON_ROWS(status_opts),
    {0},
};

/* What is shown, and as of when. */
typedef struct view {
    const flt_book *b;
    const char *name;
    int64_t t, usage, charges;
} view;

static bool holds(sk_span s, int64_t t)
{
    return s.from <= t && t < s.to;
}

static long long chips_of(const flt_pool *p)
{
    return p->nodes * p->chips_per_node;
}

/* Micro-units of a chip-hour on demand in a pool; -1 if there is no price. */
static int64_t price_of(const view *v, const flt_pool *p, const char **currency)
{
    const flt_offer *o = flt_book_price(v->b, p->provider, p->chip, p->region, FLT_ON_DEMAND, v->t);
    *currency = o ? o->currency : "";
    return o && o->priced ? o->price_micros : -1;
}

/* What a commitment asks for in the interval that holds at t, or in the nearest one. */
static int64_t asked(const flt_commitment *c, int64_t t)
{
    sk_span s = {t, t};
    int64_t last = c->term.to - 1;
    if (c->model == FLT_DISCONTINUOUS)
        (void)flt_interval_at(c, t < c->term.from ? c->term.from : t < last ? t : last, &s, NULL);
    return flt_interval_rate(c, s.from);
}

/* ---- for people -------------------------------------------------------------------------------
 */

static void heads(cmd_table *t, const char *const *h)
{
    for (size_t i = 0; i < t->columns; i++)
        cmd_table_add(t, h[i]);
}

/* A line for each pool, with the price on demand of its chips at the time that is asked for; one
 * that has no offer then has none, which is no price of zero. */
static void pools(const view *v, sk_buf *out)
{
    static const char *const h[] = {"pool",  "provider",  "region", "chip",
                                    "chips", "on demand", "",       "state"};
    cmd_table t = CMD_TABLE(sizeof h / sizeof *h);
    heads(&t, h);
    for (size_t i = 0; i < v->b->n_pool; i++) {
        const flt_pool *p = &v->b->pool[i];
        char money[FLT_MONEY_TEXT] = "-";
        const char *currency;
        int64_t price = price_of(v, p, &currency);
        if (price >= 0) flt_money_table(price, money);
        cmd_table_add(&t, p->name);
        cmd_table_add(&t, flt_book_provider(v->b, p->provider)->name);
        cmd_table_add(&t, p->region);
        cmd_table_add(&t, flt_book_chip(v->b, p->chip)->name);
        cmd_table_addf(&t, "%lld", chips_of(p));
        cmd_table_add(&t, money);
        cmd_table_add(&t, price >= 0 ? currency : "");
        cmd_table_add(&t, flt_word_pool_state(p->state));
    }
    cmd_table_end(&t, out);
}

/* Only those whose term holds at the time that is asked for, with what they ask of that very
 * time. */
static void commitments(const view *v, sk_buf *out)
{
    static const char *const h[] = {"commitment", "model",    "now asks for", "of",
                                    "per",        "discount", "until"};
    cmd_table t = CMD_TABLE(sizeof h / sizeof *h);
    heads(&t, h);
    for (size_t i = 0; i < v->b->n_commitment; i++) {
        const flt_commitment *c = &v->b->commitment[i];
        const flt_contract *k = flt_book_contract(v->b, c->contract);
        char money[FLT_MONEY_TEXT], until[SK_UTC_TEXT];
        if (!holds(c->term, v->t)) continue;
        flt_money_table(asked(c, v->t), money);
        sk_utc_print_short(c->term.to, until);
        cmd_table_addf(&t, "%s/%s", k->name, c->name);
        cmd_table_add(&t, flt_word_model(c->model));
        cmd_table_add(&t, money);
        cmd_table_add(&t, c->kind == FLT_SPEND         ? k->currency
                          : c->model == FLT_CONTINUOUS ? "chips"
                                                       : "chip-hours");
        cmd_table_add(&t, c->model == FLT_CONTINUOUS ? "hourly" : flt_word_interval(c->interval));
        cmd_table_addf(&t, "%g%%", (double)c->discount_ppm / 1e4);
        cmd_table_add(&t, until);
    }
    sk_buf_addc(out, '\n');
    size_t before = out->len;
    cmd_table_end(&t, out);
    if (out->len == before) sk_buf_adds(out, "no commitment holds now\n");
}

static void workloads(const view *v, sk_buf *out)
{
    static const char *const h[] = {"workload", "kind", "chip", "chips", "priority"};
    cmd_table t = CMD_TABLE(sizeof h / sizeof *h);
    heads(&t, h);
    for (size_t i = 0; i < v->b->n_workload; i++) {
        const flt_workload *w = &v->b->workload[i];
        const flt_chip *c = flt_book_chip(v->b, w->chip);
        cmd_table_add(&t, w->name);
        cmd_table_add(&t, flt_word_work_kind(w->kind));
        cmd_table_add(&t, c ? c->name : "any");
        cmd_table_addf(&t, "%lld to %lld", (long long)w->min_chips, (long long)w->max_chips);
        cmd_table_addf(&t, "%lld", (long long)w->priority);
    }
    if (v->b->n_workload) sk_buf_addc(out, '\n');
    cmd_table_end(&t, out);
}

static void print_people(const view *v, sk_buf *out)
{
    const flt_book *b = v->b;
    char at[SK_UTC_TEXT];
    sk_utc_print_short(v->t, at);
    sk_buf_addf(out,
                "%s at %s: %zu providers, %zu kinds of chips, %zu pools, %zu offers, %zu "
                "contracts, %zu workloads; %lld rows of usage, %lld charges\n\n",
                v->name, at, b->n_provider, b->n_chip, b->n_pool, b->n_offer, b->n_contract,
                b->n_workload, (long long)v->usage, (long long)v->charges);
    pools(v, out);
    commitments(v, out);
    workloads(v, out);
}

/* ---- for machines -----------------------------------------------------------------------------
 */

static void pools_json(const view *v, sk_buf *out)
{
    for (size_t i = 0; i < v->b->n_pool; i++) {
        const flt_pool *p = &v->b->pool[i];
        const char *currency;
        int64_t price = price_of(v, p, &currency);
        sk_buf_adds(out, i ? ",{\"pool\":" : "{\"pool\":");
        flt_row_json(v->b, FLT_ROW_POOL, p, out);
        sk_buf_addf(out, ",\"chips\":%lld,\"price_micros\":", chips_of(p));
        if (price >= 0)
            sk_buf_addf(out, "%lld}", (long long)price);
        else
            sk_buf_adds(out, "null}");
    }
}

static void commitments_json(const view *v, sk_buf *out)
{
    const char *sep = "";
    for (size_t i = 0; i < v->b->n_commitment; i++) {
        const flt_commitment *c = &v->b->commitment[i];
        if (!holds(c->term, v->t)) continue;
        sk_buf_addf(out, "%s{\"now\":%lld,\"commitment\":", sep, (long long)asked(c, v->t));
        flt_row_json(v->b, FLT_ROW_COMMITMENT, c, out);
        sk_buf_addc(out, '}');
        sep = ",";
    }
}

/* The same as the tables have, and how many rows there are of every kind; ids and names as
 * flt_row_json writes them everywhere. */
static void print_json(const view *v, sk_buf *out)
{
    const flt_book *b = v->b;
    char at[SK_UTC_TEXT];
    sk_utc_print(v->t, at);
    sk_buf_adds(out, "{\"db\":");
    sk_json_add_str(out, v->name, strlen(v->name));
    sk_buf_addf(out, ",\"at\":\"%s\"", at);
    for (int k = 0; k < FLT_ROW_N; k++) {
        size_t n;
        (void)flt_rows_in(b, (flt_row_kind)k, &n);
        sk_buf_addf(out, ",\"n_%s\":%zu", flt_rows_of((flt_row_kind)k)->plural, n);
    }
    sk_buf_addf(out, ",\"usage\":%lld,\"charges\":%lld,\"pools\":[", (long long)v->usage,
                (long long)v->charges);
    pools_json(v, out);
    sk_buf_adds(out, "],\"commitments\":[");
    commitments_json(v, out);
    sk_buf_adds(out, "],\"workloads\":[");
    for (size_t i = 0; i < b->n_workload; i++) {
        if (i) sk_buf_addc(out, ',');
        flt_row_json(b, FLT_ROW_WORKLOAD, &b->workload[i], out);
    }
    sk_buf_adds(out, "]}\n");
}

/* ---- the verb ---------------------------------------------------------------------------------
 */

/* The whole fleet as of one moment. */
static sk_status look(flt_db *db, sk_arena *a, flt_book *b, view *v, sk_err *e)
{
    sk_status st = flt_db_begin_read(db, e);
    if (!st) st = flt_store_load(db, a, b, e);
    if (!st) st = flt_db_int(db, "SELECT count(*) FROM usage", 0, &v->usage, e);
    if (!st) st = flt_db_int(db, "SELECT count(*) FROM charge", 0, &v->charges, e);
    flt_db_rollback(db);
    return st;
}

/* The verb.  Text is written only when all is read and the database is closed, so that a slow
 * reader of ours holds no transaction open. */
static sk_status status(int argc, char **argv, sk_err *e)
{
    status_opts o = {0};
    bool done;
    flt_db *db;
    flt_book b;
    sk_buf out = SK_BUF_INIT;
    sk_status st = cmd_parse(&cmd_fleet_status_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    view v = {.b = &b};
    st = cmd_fleet_time("at", o.at, sk_unix_s(), &v.t, e);
    if (!st) st = cmd_fleet_open(o.db, &db, e);
    if (st) return st;
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    v.name = flt_db_name(db);
    st = a ? look(db, a, &b, &v, e) : sk_fail(e, SK_E_NOMEM, "no memory for the fleet");
    if (!st && o.yaml)
        flt_yaml_write(&b, &out);
    else if (!st && o.json)
        print_json(&v, &out);
    else if (!st)
        print_people(&v, &out);
    sk_arena_free(a);
    flt_db_close(db);
    return st ? st : cmd_out_buf(&out, e);
}

const cmd_verb cmd_fleet_status_verb = {
    {"fleet-status", "what there is, at a glance", "", 0, 0,
     "Pools with their prices on demand, the commitments that hold and what they ask for now, "
     "workloads. With --yaml the whole fleet as a file.",
     "stoke fleet status\n  three tables\n"
     "stoke fleet status --yaml >copy.yaml\n  all of it but the ledger, to be imported elsewhere\n",
     rows},
    status};
