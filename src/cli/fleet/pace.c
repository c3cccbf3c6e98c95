/* pace.c - stoke fleet pace: how commitments are doing. */
#include "base/file.h"
#include "base/json.h"
#include "base/plot.h"
#include "cli/cmd.h"
#include "cli/fleet/ledger.h"
#include "cli/fleet/store.h"
#include "cli/fleet/table.h"
#include "cli/verbs.h"
#include "fleet/fleet.h"

#include <inttypes.h>
#include <string.h>

typedef struct pace_opts {
    cmd_common common;
    const char *db, *at, *plot, *commitment;
    bool json;
} pace_opts;

static const sk_opt rows[] = {
    CMD_FLEET_DB_ROW(pace_opts),
    CMD_ROW(pace_opts, "at", 0, SK_OPT_STRING, "TIME", NULL,
            "as of the last closed time before this; default: all that is closed", at, 0, NULL),
    CMD_ROW(pace_opts, "commitment", 0, SK_OPT_STRING, "NAME", NULL,
            "this one only: a commitment's name, or contract/commitment", commitment, 0, NULL),
    CMD_ROW(pace_opts, "plot", 0, SK_OPT_STRING, "FILE", NULL,
            "draw what was drawn against what was promised, as SVG (of one commitment)", plot, 0,
            NULL),
    CMD_FLEET_JSON_ROW(pace_opts),
    CMD_COMMON_ROWS(pace_opts),
    {0},
};

/* Whether a standing is the one that --commitment names. */
static bool chosen(const flt_standing *s, const char *name)
{
    size_t n = strlen(s->contract->name);
    if (!name || !strcmp(name, s->commitment->name)) return true;
    return !strncmp(name, s->contract->name, n) && name[n] == '/' &&
           !strcmp(name + n + 1, s->commitment->name);
}

/* Drops what was not asked for. */
static size_t choose(flt_standing *s, size_t n, const char *name)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (chosen(&s[i], name)) s[k++] = s[i];
    return k;
}

/* Amounts are micro-units of what the commitment is of: money, or chip-hours. */
static void print_json(const flt_standing *s, size_t n, sk_buf *b)
{
    sk_buf_addc(b, '[');
    for (size_t i = 0; i < n; i++) {
        const flt_pace *p = &s[i].pace;
        sk_buf_adds(b, i ? ",\n{" : "{");
        cmd_ledger_json_str(b, true, "contract", s[i].contract->name);
        cmd_ledger_json_str(b, false, "commitment", s[i].commitment->name);
        cmd_ledger_json_str(b, false, "kind", flt_word_kind(s[i].commitment->kind));
        cmd_ledger_json_str(b, false, "model", flt_word_model(s[i].commitment->model));
        cmd_ledger_json_int(b, false, "at", p->t);
        cmd_ledger_json_int(b, false, "interval_from", p->interval.from);
        cmd_ledger_json_int(b, false, "interval_to", p->interval.to);
        cmd_ledger_json_int(b, false, "committed_micros", p->committed);
        cmd_ledger_json_int(b, false, "drawn_micros", p->drawn);
        cmd_ledger_json_int(b, false, "remaining_micros", p->remaining);
        cmd_ledger_json_int(b, false, "overage_micros", p->overage);
        cmd_ledger_json_num(b, "elapsed", p->elapsed);
        cmd_ledger_json_num(b, "pace", p->pace);
        cmd_ledger_json_num(b, "needed_an_hour_micros", p->needed);
        cmd_ledger_json_num(b, "forecast_an_hour_micros", s[i].forecast.mean);
        cmd_ledger_json_num(b, "p_shortfall", p->p_shortfall);
        cmd_ledger_json_int(b, false, "shortfall_micros", p->shortfall);
        cmd_ledger_json_num(b, "utilization", s[i].cover.utilization);
        cmd_ledger_json_num(b, "coverage", s[i].cover.coverage);
        sk_buf_addc(b, '}');
    }
    sk_buf_adds(b, "]\n");
}

static void add_money(cmd_table *t, int64_t micros)
{
    char text[FLT_MONEY_TEXT];
    flt_money_table(micros, text);
    cmd_table_add(t, text);
}

/* A continuous commitment is told by what is used of it, a discontinuous one by its pace. */
static void print_table(const flt_standing *s, size_t n, sk_buf *b)
{
    static const char *const heads[] = {"commitment", "until",   "committed", "drawn",
                                        "remaining",  "pace",    "shortfall", "likely",
                                        "used",       "coverage"};
    cmd_table t = CMD_TABLE(10);
    for (int i = 0; i < 10; i++)
        cmd_table_add(&t, heads[i]);
    for (size_t i = 0; i < n; i++) {
        const flt_pace *p = &s[i].pace;
        bool pool = s[i].commitment->model == FLT_DISCONTINUOUS;
        char until[SK_UTC_TEXT];
        sk_utc_print_short(p->interval.to, until);
        cmd_table_addf(&t, "%s/%s", s[i].contract->name, s[i].commitment->name);
        cmd_table_add(&t, until);
        add_money(&t, p->committed);
        add_money(&t, p->drawn);
        add_money(&t, p->remaining);
        if (pool) {
            cmd_table_addf(&t, "%.2f", p->pace);
            add_money(&t, p->shortfall);
            cmd_table_addf(&t, "%.0f%%", p->p_shortfall * 100);
            cmd_table_add(&t, "-");
        } else {
            cmd_table_add(&t, "-");
            cmd_table_add(&t, "-");
            cmd_table_add(&t, "-");
            cmd_table_addf(&t, "%.1f%%", s[i].cover.utilization * 100);
        }
        cmd_table_addf(&t, "%.1f%%", s[i].cover.coverage * 100);
    }
    cmd_table_end(&t, b);
}

/* Drawn, day by day, against what is promised by then. */
static sk_status plot(flt_db *db, const flt_standing *s, const char *path, sk_arena *a, sk_err *e)
{
    flt_drawdown *d;
    size_t n;
    sk_buf b = SK_BUF_INIT;
    const flt_commitment *c = s->commitment;
    sk_status st = flt_ledger_drawdown(db, c, a, &d, &n, e);
    if (st) return st;
    double *x = sk_new_n(a, double, n + 2), *y = sk_new_n(a, double, n + 2),
           *line = sk_new_n(a, double, n + 2);
    if (!x || !y || !line) return sk_fail(e, SK_E_NOMEM, "no memory for a plot");
    for (size_t i = 0; i < n; i++) {
        x[i] = (double)(d[i].day - c->term.from) / 86400;
        y[i] = (double)d[i].drawn / 1e6;
        line[i] = (double)d[i].committed / 1e6;
    }
    const sk_series series[] = {{"drawn", x, y, n}, {"committed", x, line, n}};
    sk_plot_svg(series, 2, c->name, "days since it began",
                c->kind == FLT_SPEND ? s->contract->currency : "chip-hours", &b);
    st = sk_buf_ok(&b) ? sk_file_replace(path, b.p, b.len, e)
                       : sk_fail(e, SK_E_NOMEM, "no memory for a plot");
    sk_buf_fini(&b);
    return st;
}

/* Where each commitment stands as of --at: without it, at the end of all that is rated.  A name
 * that nothing answers to is an error, no empty table; a picture holds one commitment. */
static sk_status show(flt_db *db, const pace_opts *o, sk_arena *a, sk_err *e)
{
    flt_book book;
    flt_standing *s;
    size_t n;
    int64_t at;
    sk_buf b = SK_BUF_INIT;
    sk_status st = flt_store_read(db, a, &book, e);
    if (!st) st = cmd_fleet_time("at", o->at, SK_UTC_END, &at, e);
    if (!st) st = flt_ledger_pace(db, &book, at, a, &s, &n, e);
    if (st) return st;
    n = choose(s, n, o->commitment);
    if (o->commitment && !n)
        return sk_fail(e, SK_E_NOTFOUND, "no commitment %s that runs and is rated", o->commitment);
    if (o->plot && n != 1)
        return sk_fail(e, SK_E_USAGE, "--plot draws one commitment: --commitment NAME says which");
    if (o->json)
        print_json(s, n, &b);
    else if (n)
        print_table(s, n, &b);
    else
        sk_buf_adds(&b, "nothing is rated; `stoke fleet ledger --close TIME` does it\n");
    st = cmd_out_buf(&b, e);
    return st || !o->plot ? st : plot(db, &s[0], o->plot, a, e);
}

static sk_status run(int argc, char **argv, sk_err *e)
{
    pace_opts o = {.db = NULL};
    bool done;
    flt_db *db;
    sk_status st = cmd_parse(&cmd_fleet_pace_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    if (!a) return sk_fail(e, SK_E_NOMEM, "no memory for a report");
    st = cmd_fleet_open(o.db, &db, e);
    if (!st) {
        st = show(db, &o, a, e);
        flt_db_close(db);
    }
    sk_arena_free(a);
    return st;
}

const cmd_verb cmd_fleet_pace_verb = {
    {"fleet-pace", "how commitments are doing", "", 0, 0,
     "For each commitment that runs: what is promised in its open interval, what was drawn of it, "
     "the pace (drawn / committed x elapsed share: below 1 a shortfall is ahead), the shortfall "
     "expected at the interval's end if the last four weeks go on, and how likely one is. Of "
     "continuous commitments the share that is used, and of all the share of eligible usage that "
     "commitments pay. As of the time up to which usage is rated.",
     "stoke fleet pace\n  all of them\n"
     "stoke fleet pace --commitment aws-edp/spend --plot drawdown.svg\n"
     "  one of them, drawn\n",
     rows},
    run};
