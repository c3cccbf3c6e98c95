/* ledger.c - stoke fleet ledger: rating, reports over charges, and whether the books balance. */
#include "cli/fleet/ledger.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/plot.h"
#include "base/progress.h"
#include "cli/fleet/store.h"
#include "cli/fleet/table.h"
#include "cli/verbs.h"
#include "fleet/fleet.h"

#include <inttypes.h>
#include <string.h>

typedef struct ledger_opts {
    cmd_common common;
    const char *db, *by, *month, *from, *to, *close, *plot;
    bool check, bills, json;
} ledger_opts;

static const sk_opt rows[] = {
    CMD_FLEET_DB_ROW(ledger_opts),
    CMD_ROW(ledger_opts, "by", 0, SK_OPT_STRING, "WHAT", "commitment", "what to add charges up by",
            by, 0, "provider contract commitment workload pool month category kind"),
    CMD_LEDGER_SPAN_ROWS(ledger_opts),
    CMD_ROW(ledger_opts, "bills", 0, SK_OPT_BOOL, NULL, NULL,
            "of imported bills instead of our own charges", bills, 0, NULL),
    CMD_ROW(ledger_opts, "plot", 0, SK_OPT_STRING, "FILE", NULL,
            "draw what was billed and what it was worth (effective), month by month, as SVG", plot,
            0, NULL),
    CMD_FLEET_JSON_ROW(ledger_opts),
    {"", 0, SK_OPT_BOOL, NULL, NULL, "Instead of a report", 0},
    CMD_ROW(ledger_opts, "close", 0, SK_OPT_STRING, "TIME", NULL,
            "rate all usage before this time, for good; late usage becomes corrections", close, 0,
            NULL),
    CMD_ROW(ledger_opts, "check", 0, SK_OPT_BOOL, NULL, NULL,
            "add everything up again and compare; exit code 65 if the books don't balance", check,
            0, NULL),
    CMD_COMMON_ROWS(ledger_opts),
    {0},
};

/* ---- shared ------------------------------------------------------------------------------------
 */

sk_status cmd_ledger_span(const char *month, const char *from, const char *to, sk_span *out,
                          sk_err *e)
{
    sk_span s = {SK_UTC_MIN, SK_UTC_END};
    if (month && (from || to))
        return sk_fail(e, SK_E_USAGE, "--month and --from/--to exclude each other");
    sk_status st =
        cmd_fleet_time(month ? "month" : "from", month ? month : from, s.from, &s.from, e);
    if (st) return st;
    if (month) s.to = sk_utc_add_months(s.from = sk_utc_month(s.from), 1);
    st = cmd_fleet_time("to", to, s.to, &s.to, e);
    if (st) return st;
    if (s.to <= s.from) return sk_fail(e, SK_E_USAGE, "--to is not after --from");
    *out = s;
    return SK_OK;
}

void cmd_ledger_json_int(sk_buf *b, bool first, const char *key, int64_t v)
{
    sk_buf_addf(b, "%s\"%s\":%" PRId64, first ? "" : ",", key, v);
}

void cmd_ledger_json_num(sk_buf *b, const char *key, double v)
{
    sk_buf_addf(b, ",\"%s\":", key);
    sk_json_add_num(b, v);
}

void cmd_ledger_json_str(sk_buf *b, bool first, const char *key, const char *v)
{
    sk_buf_addf(b, "%s\"%s\":", first ? "" : ",", key);
    sk_json_add_str(b, v, strlen(v));
}

/* ---- closing and checking ----------------------------------------------------------------------
 */

static void moved(void *arg, int64_t closed)
{
    char text[SK_UTC_TEXT];
    sk_utc_print_short(closed, text);
    sk_progress_set(arg, (uint64_t)(closed - SK_UTC_MIN), "%s", text);
}

/* A time in the future is refused: usage of it may still come, and what is closed is closed. */
static sk_status close_until(flt_db *db, const flt_book *book, const ledger_opts *o, sk_err *e)
{
    flt_closed done = {0};
    flt_close_opts c = {.moved = moved};
    char until[SK_UTC_TEXT];
    sk_status st = cmd_fleet_time("close", o->close, 0, &c.until, e);
    if (st) return st;
    if (c.until > sk_unix_s())
        return sk_fail(e, SK_E_USAGE, "--close %s is in the future: what is closed is closed",
                       o->close);
    sk_progress *p = sk_progress_new(stderr, o->common.quiet);
    c.arg = p;
    sk_progress_stage(p, "close", 0, 0);
    st = flt_ledger_close(db, book, &c, &done, e);
    sk_progress_free(p);
    if (st) return st;
    sk_utc_print_short(done.until, until);
    if (o->json)
        return cmd_outf(e,
                        "{\"closed\":%" PRId64 ",\"usage\":%" PRIu64 ",\"charges\":%" PRIu64
                        ",\"late\":%" PRIu64 ",\"corrections\":%" PRIu64 "}\n",
                        done.until, done.usage, done.charges, done.late, done.corrections);
    return cmd_outf(e,
                    "closed up to %s: %" PRIu64 " rows of usage, %" PRIu64 " charges; %" PRIu64
                    " late rows, %" PRIu64 " corrections\n",
                    until, done.usage, done.charges, done.late, done.corrections);
}

static void say_check(void *arg, const char *name, int64_t wrong, const char *first)
{
    sk_buf *b = arg;
    sk_buf_addf(b, "%-8s %s", wrong ? "WRONG" : "ok", name);
    if (wrong) sk_buf_addf(b, ": %" PRId64 " rows, the first: %s", wrong, first);
    sk_buf_addc(b, '\n');
}

static sk_status check(flt_db *db, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    size_t wrong;
    sk_status st = flt_ledger_audit(db, say_check, &b, &wrong, e);
    if (!st) st = cmd_out_buf(&b, e);
    sk_buf_fini(&b);
    if (!st && wrong)
        st = sk_fail(e, SK_E_CORRUPT, "the books don't balance: %zu checks failed", wrong);
    return st;
}

/* ---- reports -----------------------------------------------------------------------------------
 */

static void print_json(const flt_line *l, size_t n, sk_buf *b)
{
    sk_buf_addc(b, '[');
    for (size_t i = 0; i < n; i++) {
        sk_buf_adds(b, i ? ",\n{" : "{");
        cmd_ledger_json_str(b, true, "name", l[i].name);
        cmd_ledger_json_str(b, false, "currency", l[i].currency);
        cmd_ledger_json_int(b, false, "charges", l[i].n);
        cmd_ledger_json_int(b, false, "chip_hours_micros", l[i].quantity);
        cmd_ledger_json_int(b, false, "list_micros", l[i].list_micros);
        cmd_ledger_json_int(b, false, "contracted_micros", l[i].contracted_micros);
        cmd_ledger_json_int(b, false, "billed_micros", l[i].billed_micros);
        cmd_ledger_json_int(b, false, "effective_micros", l[i].effective_micros);
        sk_buf_addc(b, '}');
    }
    sk_buf_adds(b, "]\n");
}

static void add_line(cmd_table *t, const flt_line *l)
{
    const int64_t sums[] = {l->quantity, l->list_micros, l->contracted_micros, l->billed_micros,
                            l->effective_micros};
    cmd_table_add(t, l->name);
    for (int i = 0; i < 5; i++) {
        char text[FLT_MONEY_TEXT];
        flt_money_table(sums[i], text);
        cmd_table_add(t, text);
    }
    cmd_table_add(t, l->currency);
}

/* The table, with the sums of each currency below where there is one currency. */
static void print_table(const flt_line *l, size_t n, const char *by, sk_buf *b)
{
    static const char *const heads[] = {"chip-hours", "list",      "contracted",
                                        "billed",     "effective", "currency"};
    cmd_table t = CMD_TABLE(7);
    flt_line all = {.name = "all", .currency = n ? l[0].currency : ""};
    bool one = true;
    cmd_table_add(&t, by);
    for (int i = 0; i < 6; i++)
        cmd_table_add(&t, heads[i]);
    for (size_t i = 0; i < n; i++) {
        one = one && !strcmp(l[i].currency, all.currency);
        add_line(&t, &l[i]);
        all.quantity += l[i].quantity;
        all.list_micros += l[i].list_micros;
        all.contracted_micros += l[i].contracted_micros;
        all.billed_micros += l[i].billed_micros;
        all.effective_micros += l[i].effective_micros;
    }
    if (one && n > 1) add_line(&t, &all);
    cmd_table_end(&t, b);
}

/* Effective cost of each month of the three largest lines and of the rest, in thousands. */
static sk_status plot(flt_db *db, const flt_book *book, const ledger_opts *o, sk_span span,
                      sk_arena *a, sk_err *e)
{
    flt_line *month;
    size_t n;
    sk_buf b = SK_BUF_INIT;
    flt_origin origin = o->bills ? FLT_BILLED : FLT_OURS;
    sk_status st = flt_ledger_report(db, book, FLT_BY_MONTH, origin, span, a, &month, &n, e);
    if (st) return st;
    double *x = sk_new_n(a, double, n + 2), *y = sk_new_n(a, double, n + 2),
           *billed = sk_new_n(a, double, n + 2);
    if (!x || !y || !billed) return sk_fail(e, SK_E_NOMEM, "no memory for a plot");
    for (size_t i = 0; i < n; i++) {
        sk_civil c = sk_utc_civil(month[i].key);
        x[i] = c.year + (c.month - 1) / 12.0;
        y[i] = (double)month[i].effective_micros / 1e6;
        billed[i] = (double)month[i].billed_micros / 1e6;
    }
    const sk_series s[] = {{"effective cost", x, y, n}, {"billed cost", x, billed, n}};
    sk_plot_svg(s, 2, "cost by billing month", "year", n ? month[0].currency : "", &b);
    st = sk_buf_ok(&b) ? sk_file_replace(o->plot, b.p, b.len, e)
                       : sk_fail(e, SK_E_NOMEM, "no memory for a plot");
    sk_buf_fini(&b);
    return st;
}

/* What the charges of the span add up to, ours or those of bills.  The picture comes last: it may
 * fail on its file when the figures are out already. */
static sk_status report(flt_db *db, const flt_book *book, const ledger_opts *o, sk_arena *a,
                        sk_err *e)
{
    flt_line *l;
    size_t n;
    sk_span span;
    sk_buf b = SK_BUF_INIT;
    sk_status st = cmd_ledger_span(o->month, o->from, o->to, &span, e);
    if (!st)
        st = flt_ledger_report(db, book, (flt_by)flt_by_of(o->by), o->bills ? FLT_BILLED : FLT_OURS,
                               span, a, &l, &n, e);
    if (st) return st;
    if (o->json)
        print_json(l, n, &b);
    else if (n)
        print_table(l, n, o->by, &b);
    else
        sk_buf_adds(&b, "no charges; `stoke fleet ledger --close TIME` rates usage\n");
    st = cmd_out_buf(&b, e);
    return st || !o->plot ? st : plot(db, book, o, span, a, e);
}

/* The verb: rates, checks or reports, the first of them that was asked for; the book is read once
 * for all three. */
static sk_status run(int argc, char **argv, sk_err *e)
{
    ledger_opts o = {.db = NULL};
    bool done;
    flt_db *db;
    flt_book book;
    sk_status st = cmd_parse(&cmd_fleet_ledger_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    if (!a) return sk_fail(e, SK_E_NOMEM, "no memory for a report");
    st = cmd_fleet_open(o.db, &db, e);
    if (!st) {
        st = flt_store_read(db, a, &book, e);
        if (!st && o.close)
            st = close_until(db, &book, &o, e);
        else if (!st && o.check)
            st = check(db, e);
        else if (!st)
            st = report(db, &book, &o, a, e);
        flt_db_close(db);
    }
    sk_arena_free(a);
    return st;
}

const cmd_verb cmd_fleet_ledger_verb = {
    {"fleet-ledger", "rate usage, report what was spent, check the books", "", 0, 0,
     "Without further flags: what our charges add up to. List cost is at public prices, contracted "
     "after negotiated discounts, billed what invoices will say, effective what it comes to with "
     "what was paid up front spread over its use. --close turns usage into charges; it can be run "
     "again and again, and ended at any time.",
     "stoke fleet ledger --close 2026-12-01\n  rates everything before December\n"
     "stoke fleet ledger --by workload --month 2026-11\n  what November's workloads cost\n"
     "stoke fleet ledger --check\n  compares all sums with the rows they are of\n",
     rows},
    run};
