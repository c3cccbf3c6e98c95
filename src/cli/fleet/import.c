/* import.c - stoke fleet import: usage, bills and price lists into the ledger. */
#include "base/clock.h"
#include "base/csv.h"
#include "base/json.h"
#include "base/progress.h"
#include "cli/cmd.h"
#include "cli/fleet/store.h"
#include "cli/fleet/table.h"
#include "cli/verbs.h"
#include "fleet/fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct import_opts {
    cmd_common common;
    const char *db, *rejects, *dates, *provider, *currency, *version, *source, *valid_from;
    int64_t most_told;
    bool strict, assume_utc, partial, reconcile, known_chips, json;
} import_opts;

static const sk_opt rows[] = {
    CMD_FLEET_DB_ROW(import_opts),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Broken rows", 0},
    CMD_ROW(import_opts, "strict", 0, SK_OPT_BOOL, NULL, NULL,
            "one broken row, or of a bill one that breaks a rule of FOCUS, and nothing is taken",
            strict, 0, NULL),
    CMD_ROW(import_opts, "rejects", 0, SK_OPT_STRING, "FILE", NULL,
            "keep broken rows in a CSV file, to be put right and imported", rejects, 0, NULL),
    CMD_ROW(import_opts, "most-told", 0, SK_OPT_INT, "N", "20",
            "broken rows to print; all are counted", most_told, 1e9, NULL),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Reading", 0},
    CMD_ROW(import_opts, "assume-utc", 0, SK_OPT_BOOL, NULL, NULL,
            "times without an offset from UTC are UTC", assume_utc, 0, NULL),
    CMD_ROW(import_opts, "dates", 0, SK_OPT_STRING, "HOW", "rfc3339",
            "dates of a bill; us also takes month/day/year", dates, 0, "rfc3339 us"),
    CMD_ROW(import_opts, "partial", 0, SK_OPT_BOOL, NULL, NULL,
            "a bill may lack columns that a whole FOCUS file has", partial, 0, NULL),
    CMD_ROW(import_opts, "focus-version", 0, SK_OPT_STRING, "V", "auto",
            "version of a bill; auto goes by its columns", version, 0, "auto 1.2 1.3 1.4"),
    CMD_ROW(import_opts, "provider", 0, SK_OPT_STRING, "NAME", NULL,
            "whose bill or price list it is, where the file does not say", provider, 0, NULL),
    CMD_ROW(import_opts, "currency", 0, SK_OPT_STRING, "CODE", NULL,
            "currency of what names none (a price list: USD)", currency, 0, NULL),
    CMD_ROW(import_opts, "source", 0, SK_OPT_STRING, "TEXT", NULL,
            "where a price list is from, kept with each offer; default: the file's name", source, 0,
            NULL),
    CMD_ROW(import_opts, "valid-from", 0, SK_OPT_STRING, "TIME", NULL,
            "when a price list's prices begin; default: the beginning of today", valid_from, 0,
            NULL),
    CMD_ROW(import_opts, "known-chips", 0, SK_OPT_BOOL, NULL, NULL,
            "pass over the rows of a price list whose accelerators the fleet does not have",
            known_chips, 0, NULL),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Comparing", 0},
    CMD_ROW(import_opts, "reconcile", 0, SK_OPT_BOOL, NULL, NULL,
            "compare bills with our own charges and take nothing: prints every difference, exit "
            "code 10 if there is one",
            reconcile, 0, NULL),
    CMD_FLEET_JSON_ROW(import_opts),
    CMD_COMMON_ROWS(import_opts),
    {0},
};

/* A run over some files. */
typedef struct import {
    const import_opts *o;
    flt_db *db;
    flt_book book;
    sk_arena *arena;
    sk_progress *progress;
    sk_buf out; /* what is printed at the end */
    size_t differences, files;
} import;

static void tell(void *arg, const char *sentence)
{
    const import *x = arg;
    if (!x->o->common.quiet) sk_progress_note(x->progress, "%s", sentence);
}

static void moved(void *arg, uint64_t bytes, uint64_t n)
{
    const import *x = arg;
    sk_progress_set(x->progress, bytes, "%" PRIu64 " rows", n);
}

static flt_take_opts take_opts(import *x)
{
    return (flt_take_opts){.strict = x->o->strict,
                           .assume_utc = x->o->assume_utc,
                           .now = sk_unix_s(),
                           .most_told = (uint64_t)x->o->most_told,
                           .rejects = x->o->rejects,
                           .tell = tell,
                           .moved = moved,
                           .arg = x};
}

static const char *or_none(const char *text)
{
    return text ? text : "";
}

static flt_bill_opts bill_opts(import *x)
{
    flt_dates dates = !strcmp(x->o->dates, "us") ? FLT_DATES_US
                      : x->o->assume_utc         ? FLT_DATES_ASSUME_UTC
                                                 : FLT_DATES_RFC;
    return (flt_bill_opts){.take = take_opts(x),
                           .version = flt_focus_version(x->o->version),
                           .dates = dates,
                           .partial = x->o->partial,
                           .provider = or_none(x->o->provider),
                           .currency = or_none(x->o->currency)};
}

/* ---- what is said ------------------------------------------------------------------------------
 */

/* The line about a file: as JSON one object. */
static void say(import *x, const char *file, const char *form, const flt_taken *n)
{
    if (!x->o->json) {
        sk_buf_addf(&x->out,
                    "%s: %s, %" PRIu64 " rows: %" PRIu64 " new, %" PRIu64 " told before, %" PRIu64
                    " broken\n",
                    file, form, n->rows, n->added, n->twice, n->broken);
        return;
    }
    sk_buf_addf(&x->out, "%s{\"file\":", x->files++ ? ",\n" : "");
    sk_json_add_str(&x->out, file, strlen(file));
    sk_buf_addf(&x->out,
                ",\"form\":\"%s\",\"rows\":%" PRIu64 ",\"new\":%" PRIu64 ",\"twice\":%" PRIu64
                ",\"broken\":%" PRIu64 "}",
                form, n->rows, n->added, n->twice, n->broken);
}

/* Rules that a bill breaks, where people read. */
static void say_findings(import *x, const flt_bill_findings *f)
{
    if (x->o->json) return;
    if (f->rounded)
        sk_buf_addf(&x->out, "  %" PRIu64 " values were rounded to a millionth\n", f->rounded);
    if (!f->n) return;
    sk_buf_addf(&x->out, "  rules of FOCUS that it breaks:\n");
    for (int r = 0; r < FLT_FR_N; r++)
        for (int c = 0; c < f->set->n; c++)
            if (f->count[r][c])
                sk_buf_addf(&x->out, "  %8" PRIu64 "  %-28s %s\n", f->count[r][c],
                            f->set->column[c].name, flt_focus_rule_text((flt_focus_rule)r));
}

static const char *commitment_name(const import *x, int64_t id, char *out, size_t cap)
{
    const flt_commitment *m = flt_book_commitment(&x->book, id);
    const flt_contract *k = m ? flt_book_contract(&x->book, m->contract) : NULL;
    (void)snprintf(out, cap, "%s%s%s", k ? k->name : "-", k ? "/" : "", k ? m->name : "");
    return out;
}

/* One difference as a row of the table. */
static void add_difference(const import *x, cmd_table *t, const flt_difference *d)
{
    const flt_provider *p = flt_book_provider(&x->book, d->provider);
    const flt_pool *pool = flt_book_pool(&x->book, d->pool);
    char month[SK_UTC_TEXT], name[160], money[3][FLT_MONEY_TEXT], hours[2][FLT_MONEY_TEXT];
    sk_utc_print(d->billing, month);
    month[7] = 0;
    flt_money_table(d->bill_micros, money[0]);
    flt_money_table(d->our_micros, money[1]);
    flt_money_table(d->bill_micros - d->our_micros, money[2]);
    flt_money_print(d->bill_quantity, hours[0]);
    flt_money_print(d->our_quantity, hours[1]);
    cmd_table_add(t, month);
    cmd_table_add(t, p ? p->name : "-");
    cmd_table_add(t, pool ? pool->name : "-");
    cmd_table_add(t, commitment_name(x, d->commitment, name, sizeof name));
    cmd_table_add(t, flt_word_charge(d->kind));
    for (int i = 0; i < 3; i++)
        cmd_table_add(t, money[i]);
    cmd_table_add(t, hours[0]);
    cmd_table_add(t, hours[1]);
}

/* Where a file's bill and our charges differ: a table of a file for people, one more member of the
 * list of all files in JSON. */
static void say_reconciled(import *x, const char *file, const flt_reconciled *r)
{
    static const char *const heads[] = {"month", "provider", "pool",       "commitment", "kind",
                                        "bill",  "ours",     "difference", "bill h",     "our h"};
    cmd_table t = CMD_TABLE(10);
    if (!x->o->json) {
        sk_buf_addf(&x->out, "%s: %zu sums agree, %zu differ\n", file, r->same, r->n);
        for (size_t i = 0; i < 10; i++)
            cmd_table_add(&t, heads[i]);
        for (size_t i = 0; i < r->n; i++)
            add_difference(x, &t, &r->line[i]);
        cmd_table_end(&t, &x->out);
        return;
    }
    sk_buf_addf(&x->out, "%s{\"file\":", x->files++ ? ",\n" : "");
    sk_json_add_str(&x->out, file, strlen(file));
    sk_buf_addf(&x->out, ",\"same\":%zu,\"differences\":[", r->same);
    for (size_t i = 0; i < r->n; i++) {
        const flt_difference *d = &r->line[i];
        char month[SK_UTC_TEXT];
        sk_utc_print(d->billing, month);
        sk_buf_addf(&x->out,
                    "%s{\"month\":\"%.7s\",\"provider\":%" PRId64 ",\"pool\":%" PRId64
                    ",\"commitment\":%" PRId64 ",\"kind\":\"%s\",\"bill_micros\":%" PRId64
                    ",\"our_micros\":%" PRId64 ",\"bill_quantity\":%" PRId64
                    ",\"our_quantity\":%" PRId64 "}",
                    i ? "," : "", month, d->provider, d->pool, d->commitment,
                    flt_word_charge(d->kind), d->bill_micros, d->our_micros, d->bill_quantity,
                    d->our_quantity);
    }
    sk_buf_adds(&x->out, "]}");
}

/* ---- a file ------------------------------------------------------------------------------------
 */

static sk_status import_usage(import *x, const char *file, sk_csv *c, sk_err *e)
{
    flt_taken n = {0};
    flt_take_opts o = take_opts(x);
    sk_status st = flt_usage_take(x->db, &x->book, c, &o, &n, e);
    if (!st) say(x, file, "usage", &n);
    return st;
}

static sk_status import_bill(import *x, const char *file, sk_csv *c, sk_err *e)
{
    flt_taken n = {0};
    flt_bill_opts o = bill_opts(x);
    if (x->o->reconcile) {
        flt_reconciled r;
        sk_status st = flt_bill_reconcile(x->db, &x->book, c, &o, x->arena, &r, e);
        if (st) return st;
        x->differences += r.n;
        say_reconciled(x, file, &r);
        return SK_OK;
    }
    flt_bill_findings *f = sk_new(x->arena, flt_bill_findings);
    if (!f) return sk_fail(e, SK_E_NOMEM, "no memory to read a bill");
    sk_status st = flt_bill_take(x->db, &x->book, c, &o, &n, f, e);
    if (st) return st;
    say(x, file, "FOCUS bill", &n);
    say_findings(x, f);
    return SK_OK;
}

static sk_status import_prices(import *x, const char *file, sk_csv *c, sk_err *e)
{
    flt_taken n = {0};
    flt_catalog_opts o = {.take = take_opts(x),
                          .provider = or_none(x->o->provider),
                          .source = x->o->source ? x->o->source : file,
                          .currency = or_none(x->o->currency),
                          .known_chips_only = x->o->known_chips};
    sk_status st =
        cmd_fleet_time("valid-from", x->o->valid_from, sk_utc_day(sk_unix_s()), &o.valid_from, e);
    if (!st) st = flt_catalog_take(x->db, &x->book, c, &o, &n, e);
    if (!st) say(x, file, "price list", &n);
    return st;
}

/* By what the header says. */
static sk_status import_csv(import *x, const char *file, sk_csv *c, sk_err *e)
{
    const flt_focus_set *set = flt_focus_is(c);
    if (set == &flt_focus_cost_set) return import_bill(x, file, c, e);
    if (x->o->reconcile) return sk_fail(e, SK_E_USAGE, "%s is no bill to reconcile", file);
    if (flt_usage_is(c)) return import_usage(x, file, c, e);
    if (flt_catalog_is(c)) return import_prices(x, file, c, e);
    if (set)
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "%s is a list of contract commitments; `stoke fleet contract` writes them",
                       file);
    return sk_fail(e, SK_E_FORMAT,
                   "%s: its header is neither that of usage (key, pool, chips, from, to) nor of a "
                   "FOCUS bill (BilledCost, ChargePeriodStart) nor of a price list "
                   "(AcceleratorName, AcceleratorCount, Price)",
                   file);
}

/* A fleet written down: providers, pools, prices, contracts. */
static sk_status import_yaml(import *x, const char *file, sk_err *e)
{
    flt_saved saved = {0};
    flt_taken n = {0};
    if (x->o->reconcile) return sk_fail(e, SK_E_USAGE, "%s is no bill to reconcile", file);
    sk_status st = flt_yaml_import(x->db, file, &saved, e);
    for (size_t k = 0; k < FLT_ROW_N; k++) {
        n.added += saved.added[k];
        n.twice += saved.changed[k];
    }
    if (st) return st;
    if (x->o->json) {
        n.rows = n.added + n.twice;
        say(x, file, "fleet", &n);
    } else {
        sk_buf_addf(&x->out, "%s: fleet, %" PRIu64 " rows new, %" PRIu64 " changed\n", file,
                    n.added, n.twice);
    }
    return SK_OK;
}

static bool ends_in(const char *file, const char *with)
{
    size_t n = strlen(file), k = strlen(with);
    return n >= k && !strcmp(file + n - k, with);
}

static sk_status import_file(import *x, const char *file, sk_err *e)
{
    sk_csv *c;
    if (ends_in(file, ".yaml") || ends_in(file, ".yml")) return import_yaml(x, file, e);
    sk_status st = sk_csv_open(file, &c, e);
    if (st) return st;
    sk_progress_stage(x->progress, file, sk_csv_size(c), 0);
    st = import_csv(x, file, c, e);
    sk_progress_end(x->progress);
    sk_csv_close(c);
    return st;
}

static sk_status import_all(import *x, const sk_opt_list *files, sk_err *e)
{
    sk_status st = SK_OK;
    if (x->o->json) sk_buf_addc(&x->out, '[');
    for (size_t i = 0; !st && i < files->n; i++) {
        st = flt_store_read(x->db, x->arena, &x->book, e);
        if (!st) st = import_file(x, files->item[i], e);
    }
    if (x->o->json) sk_buf_adds(&x->out, "]\n");
    if (st) return st;
    st = cmd_out_buf(&x->out, e);
    if (!st && x->differences)
        st = sk_fail(e, SK_E_KEEP, "%zu sum%s of the bill differ%s from ours", x->differences,
                     x->differences == 1 ? "" : "s", x->differences == 1 ? "s" : "");
    return st;
}

static sk_status run(int argc, char **argv, sk_err *e)
{
    import_opts o = {.json = false};
    sk_opt_list args = {.n = 0};
    bool done;
    sk_status st = cmd_parse(&cmd_fleet_import_verb, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    if (o.rejects && args.n > 1)
        return sk_fail(e, SK_E_USAGE, "--rejects is for one file at a time");
import x = {.o = & o, .arena = sk_arena_new(SK_MEM_MISC) };
    if (!x.arena) return sk_fail(e, SK_E_NOMEM, "no memory to import");
    st = cmd_fleet_open(o.db, &x.db, e);
    if (!st) {
        x.progress = sk_progress_new(stderr, o.common.quiet);
        st = import_all(&x, &args, e);
        sk_progress_free(x.progress);
        flt_db_close(x.db);
    }
    sk_buf_fini(&x.out);
    sk_arena_free(x.arena);
    return st;
}

const cmd_verb cmd_fleet_import_verb = {
    {"fleet-import", "take usage, bills and price lists in", "FILE...", 1, 255,
     "Reads fleets (.yaml, docs/format/fleet.md) and CSV files (also zstd or gzip, - is standard "
     "input), whose form it tells by the header: "
     "usage (docs/format/ledger.md), a bill in FOCUS form, or a price list as SkyPilot's "
     "catalogues are. Each row counts once, however often it is told: usage by its key, a bill by "
     "its rows. Broken rows are printed with their line and left out; --strict takes nothing of a "
     "file that has one. Usage becomes charges by `stoke fleet ledger --close`.",
     "stoke fleet import usage.csv.zst --rejects broken.csv\n"
     "  takes usage, and keeps what is broken\n"
     "stoke fleet import invoice.csv --reconcile\n"
     "  compares a bill with our own charges\n"
     "stoke fleet import vms.csv --provider aws --known-chips\n"
     "  takes a price list\n",
     rows},
    run};
