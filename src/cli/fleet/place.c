/* place.c - stoke fleet place: who runs where, and why. */
#include "base/clock.h"
#include "base/json.h"
#include "cli/fleet/store.h"
#include "cli/fleet/table.h"
#include "cli/verbs.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct place_opts {
    cmd_common common;
    const char *db, *at;
    sk_opt_list demand;
    double headroom, failures, redo, move_gain, wan_gbps;
    bool json, explain;
} place_opts;

static const sk_opt rows[] = {
    CMD_FLEET_DB_ROW(place_opts),
    CMD_ROW(place_opts, "at", 0, SK_OPT_STRING, "DATE", NULL, "as of this time; now if not given",
            at, 0, NULL),
    {"demand", 0, SK_OPT_LIST, "NAME=N", NULL,
     "tokens a second that a service is expected to answer when a replica started now is up",
     offsetof(place_opts, demand)},
    {"headroom", 0, SK_OPT_FLOAT, "SHARE", "0.2", "kept free above that",
     offsetof(place_opts, headroom), 0, 100},
    {"failures-per-1000-node-days", 0, SK_OPT_FLOAT, "N", "0",
     "interruptions that 1,000 nodes of any pool meet in a day", offsetof(place_opts, failures), 0,
     1e6},
    {"redo", 0, SK_OPT_FLOAT, "SHARE", "0.1", "share of work on spot that is done twice",
     offsetof(place_opts, redo), 0, 0.99},
    {"move-gain", 0, SK_OPT_FLOAT, "SHARE", "0.2",
     "a run is moved for a score better by this; 0 means never", offsetof(place_opts, move_gain), 0,
     1},
    {"wan-gbps", 0, SK_OPT_FLOAT, "N", "100",
     "Gbit/s at which a checkpoint gets into or out of a pool", offsetof(place_opts, wan_gbps), 0,
     1e6},
    CMD_ROW(place_opts, "explain", 0, SK_OPT_BOOL, NULL, NULL,
            "print each pool's marginal price, and one line a candidate with its terms", explain, 0,
            NULL),
    CMD_FLEET_JSON_ROW(place_opts),
    CMD_COMMON_ROWS(place_opts),
    {0},
};

/* What a round is made of. */
typedef struct scene {
    flt_book book;
    flt_board board;
    flt_snap snap;
    flt_snap_price *price;
    sk_buf candidates;
} scene;

/* ---- the snapshot ---- */

/* "NAME=N" into a service's demand; that much is kept, too. */
static sk_status read_need(const place_opts *o, const flt_book *b, const char *text,
                           flt_snap_need *out, sk_err *e)
{
    const char *eq = strchr(text, '=');
    char name[128], *end = NULL;
    size_t n = eq ? (size_t)(eq - text) : 0;
    if (!n || n >= sizeof name)
        return sk_fail(e, SK_E_USAGE, "--demand wants NAME=N, not %s", text);
    memcpy(name, text, n);
    name[n] = 0;
    const flt_workload *w = flt_book_workload_named(b, name);
    if (!w) return sk_fail(e, SK_E_NOTFOUND, "--demand: there is no workload %s", name);
    double v = strtod(eq + 1, &end);
    if (end == eq + 1 || *end || !isfinite(v) || v < 0)
        return sk_fail(e, SK_E_USAGE, "--demand %s: %s is no number of tokens a second", name,
                       eq + 1);
    *out =
        (flt_snap_need){.workload = w->id, .demand = flt_serve_demand(v, o->headroom), .floor = v};
    out->keep = out->demand;
    return SK_OK;
}

static sk_status read_needs(const place_opts *o, scene *s, sk_arena *mem, sk_err *e)
{
    flt_snap_need *need = sk_new_n(mem, flt_snap_need, o->demand.n + 1);
    sk_status st = need ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory");
    for (size_t i = 0; !st && i < o->demand.n; i++)
        st = read_need(o, &s->book, o->demand.item[i], &need[i], e);
    s->snap.need = need;
    s->snap.n_need = o->demand.n;
    return st;
}

/* What runs, and when it was saved last. */
static sk_status read_runs(flt_db *db, scene *s, sk_arena *mem, sk_err *e)
{
    flt_placed *p = NULL;
    size_t n = 0;
    sk_status st = flt_placed_at(db, mem, s->snap.t, &p, &n, e);
    if (st) return st;
    flt_snap_run *run = sk_new_n(mem, flt_snap_run, n + 1);
    if (!run) return sk_fail(e, SK_E_NOMEM, "no memory for %zu placements", n);
    for (size_t i = 0; !st && i < n; i++) {
        flt_checkpoint c;
        run[i] = (flt_snap_run){.workload = p[i].workload,
                                .pool = p[i].pool,
                                .chips = p[i].chips,
                                .since = p[i].span.from};
        st = flt_checkpoint_last(db, mem, p[i].workload, &c, e);
        if (!st && c.step >= 0 && c.t <= s->snap.t) run[i].saved = c.t;
    }
    s->snap.run = run;
    s->snap.n_run = n;
    return st;
}

/* Pools that may still run something: leases that have not ended. */
static sk_status read_leases(flt_db *db, scene *s, sk_arena *mem, sk_err *e)
{
    flt_snap_lease *lease = sk_new_n(mem, flt_snap_lease, s->book.n_workload + 1);
    sk_status st = lease ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory");
    for (size_t w = 0; !st && w < s->book.n_workload; w++) {
        flt_lease l;
        st = flt_lease_get(db, mem, s->book.workload[w].id, &l, e);
        if (!st && l.epoch > 0)
            lease[s->snap.n_lease++] =
                (flt_snap_lease){.workload = l.workload, .pool = l.pool, .until = l.expires};
    }
    s->snap.lease = lease;
    return st;
}

/* What will be drawn of commitments an hour: what was of late, as the ledger has it; of those that
 * it has nothing of, nothing. */
static sk_status read_forecasts(flt_db *db, scene *s, sk_arena *mem, sk_err *e)
{
    flt_standing *p = NULL;
    size_t n = 0;
    struct flt_expected *x = sk_new_n(mem, struct flt_expected, s->book.n_commitment + 1);
    if (!x) return sk_fail(e, SK_E_NOMEM, "no memory");
    sk_status st = flt_ledger_pace(db, &s->book, s->snap.t, mem, &p, &n, e);
    for (size_t i = 0; !st && i < s->book.n_commitment; i++) {
        x[i].commitment = s->book.commitment[i].id;
        for (size_t k = 0; k < n; k++)
            if (p[k].commitment->id == x[i].commitment) x[i].forecast = p[k].forecast;
    }
    s->snap.expected = x;
    s->snap.n_expected = s->book.n_commitment;
    return st;
}

/* All of it as of one moment. */
static sk_status gather(const place_opts *o, flt_db *db, scene *s, sk_arena *mem, sk_err *e)
{
    flt_balance *balance = NULL;
    sk_status st = flt_db_begin_read(db, e);
    if (st) return st;
    st = flt_store_load(db, mem, &s->book, e);
    s->snap.book = &s->book;
    s->snap.failures_per_node_day = o->failures / 1000;
    s->snap.redo = o->redo;
    s->snap.wan_gbps = o->wan_gbps;
    if (!st) st = read_needs(o, s, mem, e);
    if (!st) st = read_runs(db, s, mem, e);
    if (!st) st = read_leases(db, s, mem, e);
    if (!st) st = flt_ledger_balances(db, mem, s->snap.t, &balance, &s->snap.n_balance, NULL, e);
    s->snap.balance = balance;
    if (!st) st = read_forecasts(db, s, mem, e);
    flt_db_rollback(db);
    return st;
}

/* ---- what came of it ---- */

static const char *workload_of(const scene *s, size_t w)
{
    return w == FLT_NONE ? "" : s->book.workload[w].name;
}

/* Hears a candidate. */
static void hear(void *arg, const flt_candidate *c)
{
    scene *s = arg;
    flt_candidate_print(c, workload_of(s, c->want), s->book.pool[c->site].name,
                        s->board.site[c->site].category, &s->candidates);
}

/* Pools with what their next chip costs. */
static void price_table(const scene *s, sk_buf *out)
{
    cmd_table t = CMD_TABLE(8);
    static const char *const h[] = {"pool",           "chips", "used",      "paid",
                                    "next chip-hour", "",      "shortfall", "because"};
    for (size_t i = 0; i < 8; i++)
        cmd_table_add(&t, h[i]);
    for (size_t i = 0; i < s->board.n_site; i++) {
        const flt_site *p = &s->board.site[i];
        const flt_marginal *m = &s->price[i].beyond;
        int64_t used = 0;
        for (size_t w = 0; w < s->board.n_want; w++)
            used += flt_board_cell(&s->board, w, i)->before;
        cmd_table_add(&t, s->book.pool[i].name);
        cmd_table_addf(&t, "%" PRId64, p->chips);
        cmd_table_addf(&t, "%" PRId64, used);
        cmd_table_addf(&t, "%" PRId64, p->paid);
        if (isinf(p->price))
            cmd_table_add(&t, "-");
        else
            cmd_table_addf(&t, "%.4f", p->price / 1e6);
        cmd_table_add(&t, m->currency ? m->currency : "");
        cmd_table_addf(&t, "%.0f %%", m->p_shortfall * 100);
        cmd_table_add(&t, flt_why_text(m->why));
    }
    cmd_table_end(&t, out);
    sk_buf_addc(out, '\n');
}

/* A row for each workload and pool with chips before or after. */
static void result_table(const scene *s, sk_buf *out)
{
    cmd_table t = CMD_TABLE(6);
    static const char *const h[] = {"workload", "pool", "chips", "from", "what", "for"};
    for (size_t i = 0; i < 6; i++)
        cmd_table_add(&t, h[i]);
    for (size_t w = 0; w < s->board.n_want; w++) {
        bool any = false;
        for (size_t p = 0; p < s->board.n_site; p++) {
            const flt_cell *c = flt_board_cell(&s->board, w, p);
            if (!c->chips && !c->before) continue;
            any = true;
            cmd_table_add(&t, workload_of(s, w));
            cmd_table_add(&t, s->book.pool[p].name);
            cmd_table_addf(&t, "%" PRId64, c->chips);
            cmd_table_addf(&t, "%" PRId64, c->before);
            cmd_table_addf(&t, "%s%s", flt_cause_text(c->cause),
                           c->early ? " within its minimum run time" : "");
            cmd_table_add(&t, workload_of(s, c->by));
        }
        if (any) continue;
        cmd_table_add(&t, workload_of(s, w));
        cmd_table_add(&t, "-");
        cmd_table_add(&t, "0");
        cmd_table_add(&t, "0");
        cmd_table_add(&t, s->book.workload[w].kind == FLT_SERVE ? "nothing asked, or no room"
                                                                : "waits");
        cmd_table_add(&t, "");
    }
    cmd_table_end(&t, out);
}

static void add_text(sk_buf *out, const char *key, const char *text)
{
    sk_buf_addf(out, "%s\"%s\":", out->p[out->len - 1] == '{' ? "" : ",", key);
    sk_json_add_str(out, text, strlen(text));
}

static void result_json(const scene *s, sk_buf *out)
{
    bool first = true;
    sk_buf_addf(out, "{\"t\":%" PRId64 ",\"placements\":[", s->board.t);
    for (size_t w = 0; w < s->board.n_want; w++)
        for (size_t p = 0; p < s->board.n_site; p++) {
            const flt_cell *c = flt_board_cell(&s->board, w, p);
            if (!c->chips && !c->before) continue;
            sk_buf_adds(out, first ? "{" : ",{");
            first = false;
            add_text(out, "workload", workload_of(s, w));
            add_text(out, "pool", s->book.pool[p].name);
            sk_buf_addf(out, ",\"chips\":%" PRId64 ",\"before\":%" PRId64, c->chips, c->before);
            add_text(out, "what", flt_cause_text(c->cause));
            if (c->by != FLT_NONE) add_text(out, "for", workload_of(s, c->by));
            if (c->early) sk_buf_adds(out, ",\"early\":true");
            sk_buf_addf(out, ",\"lost_chip_s\":%.0f}", c->lost_chip_s);
        }
    sk_buf_adds(out, "]}\n");
}

static sk_status show(const place_opts *o, scene *s, sk_err *e)
{
    sk_buf out = SK_BUF_INIT;
    const flt_place_ear ear = {hear, s};
    s->board.move_gain = o->move_gain;
    if (o->explain && !o->json) price_table(s, &out);
    flt_place_round(&s->board, o->explain ? &ear : NULL);
    if (o->json) {
        result_json(s, &out);
    } else {
        if (s->candidates.len) {
            sk_buf_add(&out, s->candidates.p, s->candidates.len);
            sk_buf_addc(&out, '\n');
        }
        result_table(s, &out);
    }
    out.oom |= !sk_buf_ok(&s->candidates);
    return cmd_out_buf(&out, e);
}

static sk_status place_in(const place_opts *o, sk_arena *mem, sk_err *e)
{
    scene s = {.candidates = SK_BUF_INIT};
    flt_db *db;
    sk_status st = cmd_fleet_time("at", o->at, sk_unix_s(), &s.snap.t, e);
    if (!st) st = cmd_fleet_open(o->db, &db, e);
    if (st) return st;
    st = gather(o, db, &s, mem, e);
    flt_db_close(db);
    if (!st) st = flt_snap_board(&s.snap, mem, &s.board, &s.price, e);
    if (st) return st;
    st = show(o, &s, e);
    flt_board_fini(&s.board);
    sk_buf_fini(&s.candidates);
    return st;
}

static sk_status place(int argc, char **argv, sk_err *e)
{
    place_opts o = {.json = false};
    bool done;
    sk_status st = cmd_parse(&cmd_fleet_place_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    st = mem ? place_in(&o, mem, e) : sk_fail(e, SK_E_NOMEM, "no memory for a placement");
    sk_arena_free(mem);
    return st;
}

const cmd_verb cmd_fleet_place_verb = {
    {"fleet-place", "who runs where, and why", "", 0, 0,
     "One round of placement over the fleet as it is: pools and their states, what runs, last "
     "checkpoints, leases, and where commitments stand. It prints what would run where; nothing is "
     "started and nothing is written.\n\n"
     "A chip's price is the marginal one: nothing inside what is paid already, less while a "
     "commitment is behind its pace, the list price beyond. Services get what --demand says, with "
     "headroom; training takes what they leave. Where too few chips are free they come from lower "
     "priorities: first what those have above their least number, then whole runs, those first "
     "that lose least since their last checkpoint, none within its minimum run time but as a last "
     "resort: when a service would else have less than --demand, without the headroom. "
     "docs/guide/fleet.md has an example, src/fleet/place/place.h the rule in full.",
     "stoke fleet place --demand chat=90000\n  what would run where\n"
     "stoke fleet place --demand chat=90000 --explain\n  and why: one line a candidate\n",
     rows},
    place};
