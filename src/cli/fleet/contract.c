/* contract.c - stoke fleet contract: what was promised to a provider. */
#include "cli/fleet/rows.h"
#include "cli/fleet/table.h"
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>

#define TEXT(name, value, help, member)                                                            \
    CMD_ROW(cmd_rows_opts, name, 0, SK_OPT_STRING, value, NULL, help, member, 0, NULL)
#define LIST(name, value, help, member)                                                            \
    CMD_ROW(cmd_rows_opts, name, 0, SK_OPT_LIST, value, NULL, help, member, 0, NULL)

static const sk_opt rows[] = {
    CMD_FIELD(0, "provider", "NAME", "with whom"),
    CMD_FIELD(1, "currency", "CODE", "USD if not given"),
    CMD_FIELD(2, "from", "DATE", "when it begins"),
    CMD_FIELD(3, "to", "DATE", "when it ends (or --term)"),
    TEXT("term", "TIME", "how long: 30d, 6mo, 7y", term),
    TEXT("at", "DATE", "when it ends after all (end)", at),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Its promise, one of", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
    TEXT("spend", "MONEY", "to be spent over the whole term", promise[0]),
    TEXT("spend-per-interval", "MONEY", "to be spent in each interval", promise[1]),
    TEXT("spend-hourly", "MONEY", "paid every hour, used or not", promise[2]),
    TEXT("chip-hours", "N", "to be used over the whole term", promise[3]),
    TEXT("chip-hours-per-interval", "N", "to be used in each interval", promise[4]),
    TEXT("chips", "N", "held all the time, used or not", promise[5]),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "More about it", 0, 0, 0, false, SK_COMPLETE_NONE, NULL},
    TEXT("commitment", "NAME", "its name within the contract; main if not given", commitment),
    CMD_FIELD(4, "interval", "WORD",
              "hourly, daily, weekly, monthly, quarterly, semi-annual, annual or full"),
    CMD_FIELD(5, "discount", "SHARE", "off the list price, such as 30%"),
    CMD_FIELD(6, "overage", "SHARE", "off the list price beyond it; --discount if not given"),
    CMD_FIELD(7, "rate", "MONEY", "of a promised chip-hour, instead of a discount"),
    CMD_FIELD(8, "upfront", "SHARE", "of the whole that is paid at the beginning"),
    CMD_FIELD(9, "shortfall", "WORD", "what is not used is charged, or carried: charge or carry"),
    TEXT("eligible-chip", "NAME", "only use of this chip counts", eligible_chip),
    TEXT("eligible-region", "NAME", "only use in this region counts", eligible_region),
    TEXT("eligible-sku", "NAME", "only use of this sku counts", eligible_sku),
    TEXT("eligible-category", "WORDS", "such as on-demand,spot; on-demand if not given",
         eligible_category),
    LIST("ramp", "DATE=N", "from that date on, this much instead", ramp),
    LIST("milestone", "DATE=N", "by that date, this much in all", milestone),
    CMD_FLEET_DB_ROW(cmd_rows_opts),
    CMD_FLEET_JSON_ROW(cmd_rows_opts),
    CMD_COMMON_ROWS(cmd_rows_opts),
    {0},
};

/* The words of flt_promise_word, in the order of the flags above. */
static const char *const words[CMD_ROWS_PROMISES] = {
    "spend", "spend_per_interval", "spend_hourly", "chip_hours", "chip_hours_per_interval", "chips",
};

typedef struct contract_job {
    const cmd_rows_opts *o;
    const char *name;
} contract_job;

/* ---- adding -----------------------------------------------------------------------------------
 */

/* A field of a kind from a text, where there is one. */
static sk_status set(flt_draft *d, flt_row_kind kind, const char *field, const char *text,
                     void *row, sk_err *e)
{
    const flt_field *f = flt_field_named(kind, field);
    return text ? flt_field_set(f, &d->book, d->a, text, row, e) : SK_OK;
}

static const char *flag(const cmd_rows_opts *o, const char *name)
{
    return cmd_rows_text(&cmd_fleet_contract_verb, o, name);
}

/* --from, --to or --term into a span that has a beginning already. */
static sk_status set_span(const cmd_rows_opts *o, sk_span *term, sk_err *e)
{
    sk_status st = cmd_fleet_time("from", flag(o, "from"), term->from, &term->from, e);
    if (!st) st = cmd_fleet_time("to", flag(o, "to"), term->to, &term->to, e);
    if (!st && o->term && flag(o, "to")) return sk_fail(e, SK_E_USAGE, "say either --term or --to");
    if (!st && o->term && sk_utc_after(term->from, o->term, &term->to, e))
        return sk_while(e, "--term");
    return st;
}

/* DATE=N pairs, in the arena. */
static sk_status read_steps(flt_draft *d, const char *name, const sk_opt_list *list,
                            const flt_step **out, size_t *n, sk_err *e)
{
    flt_step *s = sk_new_n(d->a, flt_step, list->n);
    if (!s) return sk_fail(e, SK_E_NOMEM, "no memory for the fleet");
    for (size_t i = 0; i < list->n; i++) {
        const char *text = list->item[i], *sign = strchr(text, '=');
        if (!sign) return sk_fail(e, SK_E_USAGE, "--%s %.60s: it is DATE=NUMBER", name, text);
        if (sk_utc_parse(text, (size_t)(sign - text), SK_UTC_ASSUMED, &s[i].t, e) ||
            flt_money_parse(sign + 1, strlen(sign + 1), &s[i].amount, NULL, e))
            return sk_while(e, "--%s", name);
    }
    *out = list->n ? s : NULL;
    *n = list->n;
    return SK_OK;
}

static sk_status set_eligible(flt_draft *d, const cmd_rows_opts *o, flt_commitment *c, sk_err *e)
{
    sk_status st = set(d, FLT_ROW_COMMITMENT, "chip", o->eligible_chip, c, e);
    if (!st) st = set(d, FLT_ROW_COMMITMENT, "region", o->eligible_region, c, e);
    if (!st) st = set(d, FLT_ROW_COMMITMENT, "sku", o->eligible_sku, c, e);
    if (!st) st = set(d, FLT_ROW_COMMITMENT, "categories", o->eligible_category, c, e);
    return st;
}

/* The promise that was told, NULL if none; two are one too many. */
static sk_status which_promise(const cmd_rows_opts *o, const char **word, const char **text,
                               sk_err *e)
{
    *word = *text = NULL;
    for (size_t i = 0; i < CMD_ROWS_PROMISES; i++) {
        if (!o->promise[i]) continue;
        if (*word)
            return sk_fail(e, SK_E_USAGE,
                           "a commitment makes one promise; a second one is added to the contract "
                           "by --commitment NAME");
        *word = words[i];
        *text = o->promise[i];
    }
    return SK_OK;
}

/* The terms come before the promise, which is checked against them: a sum over the term must fall
 * into whole intervals. */
static sk_status add_commitment(flt_draft *d, const cmd_rows_opts *o, const flt_contract *k,
                                sk_err *e)
{
    static const char *const plain[] = {"interval", "discount", "overage",
                                        "rate",     "upfront",  "shortfall"};
    const char *word, *text;
    int64_t contract = k->id;
    sk_span term = k->term;
    void *row;
    sk_status st = which_promise(o, &word, &text, e);
    if (st || !word) return st;
    st = flt_draft_add(d, FLT_ROW_COMMITMENT, &row, e);
    if (st) return st;
    flt_commitment *c = row;
    c->contract = contract;
    c->term = term;
    st = set(d, FLT_ROW_COMMITMENT, "name", o->commitment ? o->commitment : "main", c, e);
    for (size_t i = 0; i < sizeof plain / sizeof *plain && !st; i++)
        st = set(d, FLT_ROW_COMMITMENT, plain[i], flag(o, plain[i]), c, e);
    if (!st) st = set_eligible(d, o, c, e);
    if (!st) st = set_span(o, &c->term, e);
    if (!st) st = flt_promise_set(c, word, text, flag(o, "interval") != NULL, e);
    if (!st) st = read_steps(d, "ramp", &o->ramp, &c->ramp, &c->n_ramp, e);
    if (!st) st = read_steps(d, "milestone", &o->milestone, &c->milestone, &c->n_milestone, e);
    return st ? st : flt_book_check_commitment(&d->book, c, e);
}

static sk_status add_contract(flt_draft *d, const contract_job *job, sk_err *e)
{
    void *row;
    sk_status st = cmd_rows_missing(&cmd_fleet_contract_verb, job->o, FLT_ROW_CONTRACT, e);
    if (!st) st = flt_draft_add(d, FLT_ROW_CONTRACT, &row, e);
    if (st) return st;
    flt_contract *c = row;
    st = set(d, FLT_ROW_CONTRACT, "name", job->name, c, e);
    if (!st) st = set(d, FLT_ROW_CONTRACT, "provider", flag(job->o, "provider"), c, e);
    if (!st) st = set(d, FLT_ROW_CONTRACT, "currency", flag(job->o, "currency"), c, e);
    if (!st) st = set_span(job->o, &c->term, e);
    if (!st) st = flt_book_check_contract(&d->book, c, e);
    return st ? st : add_commitment(d, job->o, c, e);
}

/* A contract with its promise; or, where there is one of that name, a further promise of it. */
static sk_status add(flt_draft *d, flt_db *db, void *arg, sk_err *e)
{
    const contract_job *job = arg;
    (void)db;
    const flt_contract *k = flt_book_contract_named(&d->book, job->name);
    if (!k) return add_contract(d, job, e);
    if (!job->o->commitment)
        return sk_fail(e, SK_E_INVALID,
                       "there is a contract \"%.64s\" already; a further promise of it has a name: "
                       "--commitment NAME",
                       job->name);
    if (flag(job->o, "provider") || flag(job->o, "currency"))
        return sk_fail(e, SK_E_USAGE, "provider and currency are the contract's already");
    return add_commitment(d, job->o, k, e);
}

/* ---- ending and removing ----------------------------------------------------------------------
 */

static sk_status no_such(const char *name, sk_err *e)
{
    return sk_fail(e, SK_E_NOTFOUND,
                   "there is no contract \"%.64s\"; `stoke fleet contract list` shows them", name);
}

/* Ends a contract before its time, and its commitments with it; those that would begin later go. */
static sk_status end(flt_draft *d, flt_db *db, void *arg, sk_err *e)
{
    const contract_job *job = arg;
    const flt_contract *old = flt_book_contract_named(&d->book, job->name);
    int64_t at;
    if (!old) return no_such(job->name, e);
    if (!job->o->at) return sk_fail(e, SK_E_USAGE, "say when it ends: --at DATE");
    sk_status st = cmd_fleet_time("at", job->o->at, 0, &at, e);
    if (st) return st;
    flt_contract *k = flt_draft_edit(d, FLT_ROW_CONTRACT, old);
    if (at > k->term.to) return sk_fail(e, SK_E_INVALID, "the contract ends before that already");
    k->term.to = at;
    for (size_t i = 0; i < d->book.n_commitment && !st; i++) {
        const flt_commitment *row = &d->book.commitment[i];
        if (row->contract != k->id || row->term.to <= at) continue;
        if (row->term.from >= at)
            return sk_fail(e, SK_E_INVALID,
                           "its commitment \"%s\" begins only then; remove it first: contract "
                           "remove %s/%s",
                           row->name, k->name, row->name);
        flt_promise_end(flt_draft_edit(d, FLT_ROW_COMMITMENT, row), at);
    }
    (void)db;
    return st ? st : flt_book_check(&d->book, e);
}

/* A contract with all its commitments, or one commitment (CONTRACT/COMMITMENT). */
static sk_status removal(flt_draft *d, flt_db *db, void *arg, sk_err *e)
{
    const contract_job *job = arg;
    const flt_contract *k = flt_book_contract_named(&d->book, job->name);
    const flt_commitment *one = flt_row_named(&d->book, FLT_ROW_COMMITMENT, job->name);
    sk_status st = SK_OK;
    if (!k && one) return flt_store_remove(db, FLT_ROW_COMMITMENT, one->id, e);
    if (!k) return no_such(job->name, e);
    for (size_t i = 0; i < d->book.n_commitment && !st; i++)
        if (d->book.commitment[i].contract == k->id)
            st = flt_store_remove(db, FLT_ROW_COMMITMENT, d->book.commitment[i].id, e);
    return st ? st : flt_store_remove(db, FLT_ROW_CONTRACT, k->id, e);
}

/* ---- showing ----------------------------------------------------------------------------------
 */

/* A row for each commitment: a contract without one promises nothing. */
static void add_lines(const flt_book *b, const flt_contract *k, cmd_table *t)
{
    char amount[FLT_MONEY_TEXT], from[SK_UTC_TEXT], to[SK_UTC_TEXT];
    const flt_provider *p = flt_book_provider(b, k->provider);
    for (size_t i = 0; i < b->n_commitment; i++) {
        const flt_commitment *c = &b->commitment[i];
        if (c->contract != k->id) continue;
        cmd_table_add(t, k->name);
        cmd_table_add(t, p ? p->name : "");
        cmd_table_add(t, c->name);
        cmd_table_add(t, flt_word_model(c->model));
        flt_money_table(c->amount, amount);
        cmd_table_add(t, amount);
        cmd_table_add(t, c->kind == FLT_SPEND         ? k->currency
                         : c->model == FLT_CONTINUOUS ? "chips"
                                                      : "chip-hours");
        cmd_table_add(t, c->model == FLT_CONTINUOUS ? "hourly" : flt_word_interval(c->interval));
        cmd_table_addf(t, "%g%%", (double)c->discount_ppm / 1e4);
        sk_utc_print_short(c->term.from, from);
        sk_utc_print_short(c->term.to, to);
        cmd_table_add(t, from);
        cmd_table_add(t, to);
    }
}

static sk_status list_people(const cmd_rows_opts *o, sk_err *e)
{
    static const char *const heads[] = {"contract", "provider", "commitment", "model", "amount",
                                        "of",       "per",      "discount",   "from",  "to"};
    sk_arena *a;
    flt_book b;
    sk_buf out = SK_BUF_INIT;
    sk_status st = cmd_fleet_book(o->db, &a, &b, e);
    if (st) return st;
    cmd_table t = CMD_TABLE(sizeof heads / sizeof *heads);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        cmd_table_add(&t, heads[i]);
    for (size_t i = 0; i < b.n_contract; i++)
        add_lines(&b, &b.contract[i], &t);
    if (!b.n_contract) sk_buf_adds(&out, "no contracts yet\n");
    cmd_table_end(&t, &out);
    sk_arena_free(a);
    return cmd_out_buf(&out, e);
}

/* The contract's fields, then its commitments each as an object. */
static void contract_json(const flt_book *b, const flt_contract *k, sk_buf *out)
{
    const char *sep = "";
    flt_row_json(b, FLT_ROW_CONTRACT, k, out);
    if (out->len) out->len--; /* the closing brace comes later */
    sk_buf_adds(out, ",\"commitments\":[");
    for (size_t i = 0; i < b->n_commitment; i++) {
        if (b->commitment[i].contract != k->id) continue;
        sk_buf_adds(out, sep);
        flt_row_json(b, FLT_ROW_COMMITMENT, &b->commitment[i], out);
        sep = ",";
    }
    sk_buf_adds(out, "]}");
}

/* All contracts as JSON, or (name) one. */
static sk_status print_json(const cmd_rows_opts *o, const char *name, sk_err *e)
{
    sk_arena *a;
    flt_book b;
    sk_buf out = SK_BUF_INIT;
    const char *sep = "";
    sk_status st = cmd_fleet_book(o->db, &a, &b, e);
    if (st) return st;
    if (name && !flt_book_contract_named(&b, name)) st = no_such(name, e);
    if (!name) sk_buf_adds(&out, "{\"contracts\":[");
    for (size_t i = 0; i < b.n_contract; i++) {
        if (name && strcmp(name, b.contract[i].name) != 0) continue;
        sk_buf_adds(&out, sep);
        contract_json(&b, &b.contract[i], &out);
        sep = ",";
    }
    sk_buf_adds(&out, name ? "\n" : "]}\n");
    sk_arena_free(a);
    if (!st) return cmd_out_buf(&out, e);
    sk_buf_fini(&out);
    return st;
}

/* A contract as its file has it: the clearest there is. */
static sk_status show(const cmd_rows_opts *o, const char *name, sk_err *e)
{
    sk_arena *a;
    flt_book b;
    sk_buf out = SK_BUF_INIT;
    if (o->json) return print_json(o, name, e);
    sk_status st = cmd_fleet_book(o->db, &a, &b, e);
    if (st) return st;
    const flt_contract *k = flt_book_contract_named(&b, name);
    if (!k) st = no_such(name, e);
    flt_book one = b;
    one.contract = k;
    one.n_contract = k ? 1 : 0;
    if (k) flt_yaml_write_kind(&one, FLT_ROW_CONTRACT, &out);
    sk_arena_free(a);
    if (!st) return cmd_out_buf(&out, e);
    sk_buf_fini(&out);
    return st;
}

/* ---- the verb ---------------------------------------------------------------------------------
 */

typedef struct deed {
    const char *word, *past;
    cmd_rows_change fn;
} deed;

static const deed deeds[] = {
    {"add", "added", add}, {"end", "ended", end}, {"remove", "removed", removal}};

/* The verb.  `list` alone needs no name; the deeds that change something are a table, so that each
 * is done in one transaction and told in the same words. */
static sk_status contract(int argc, char **argv, sk_err *e)
{
    cmd_rows_opts o = {0};
    sk_opt_list args = {.n = 0};
    bool done;
    sk_status st = cmd_parse(&cmd_fleet_contract_verb, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    const char *word = args.n ? args.item[0] : "list";
    if (!strcmp(word, "list")) return o.json ? print_json(&o, NULL, e) : list_people(&o, e);
    if (args.n < 2 && strcmp(word, "add") != 0)
        return sk_fail(e, SK_E_USAGE, "say which contract: %.40s NAME", word);
    if (args.n < 2) return sk_fail(e, SK_E_USAGE, "name the new contract: add NAME");
    contract_job job = {&o, args.item[1]};
    if (!strcmp(word, "show")) return show(&o, job.name, e);
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
        if (strcmp(word, deeds[i].word) != 0) continue;
        st = cmd_rows_do(o.db, deeds[i].fn, &job, e);
        return st ? st : cmd_rows_say(&o, e, "%s contract %s", deeds[i].past, job.name);
    }
    return sk_fail(e, SK_E_USAGE, "\"%.40s\" is none of list, add, show, end, remove", word);
}

const cmd_verb cmd_fleet_contract_verb = {
    {"fleet-contract", "what was promised to a provider",
     "[list | add NAME | show NAME | end NAME | remove NAME]", 0, 2,
     "Contracts and their commitments. A commitment by the hour (--spend-hourly, --chips) is lost "
     "where it is not used: reservations, savings plans, capacity blocks. One over a wider "
     "interval "
     "(--spend, --chip-hours) is drawn down, and what is left at the interval's end is charged, or "
     "carried into the next: EDP, MACC. Without a word it lists them. `add` with the name of a "
     "contract there is adds a further commitment to it.",
     "stoke fleet contract add aws-edp --provider aws --spend 38e9 --from 2026-01-01 --term 7y \\\n"
     "    --interval annual --discount 30%\n"
     "  38 thousand million over seven years, a seventh each year\n"
     "stoke fleet contract add azure-plan --provider azure --spend-hourly 500 --from 2026-01-01 "
     "\\\n"
     "    --term 1y --discount 45% --eligible-chip h100\n"
     "  500 an hour for a year, used or not\n",
     rows},
    contract};
