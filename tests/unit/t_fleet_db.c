/* t_fleet_db.c - the fleet's database: values, transactions, two writers, what is no fleet.
 *
 * Each test that says so runs on SQLite, and, where $FLEET_PG names an empty PostgreSQL database
 * (tests/cli/fleet_pg), on that too.
 */
#include "tests/unit/unit.h"

#include "fleet/store/schema.h"
#include "tests/unit/fleet_dbs.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A provider, a chip, a pool: what usage refers to. */
static void furnish(flt_db *db)
{
    fleet_dbs_run(
        db, "INSERT INTO provider(name, kind) VALUES ('aws', 'aws');"
            "INSERT INTO chip(name, peak_bf16, memory, bandwidth, prefill_rate, decode_rate, "
            "source) VALUES ('h100', 989e12, 80e9, 3e12, 0, 0, '');"
            "INSERT INTO pool(name, provider, chip, region, zone, engine, endpoint, nodes, "
            "chips_per_node, net_gbps, egress_micros, currency, state, epoch) VALUES ('p', 1, 1, "
            "'', '', 'sim', '', 4, 8, 0, 0, 'USD', 'up', 0);");
}

static const char usage_sql[] =
    "INSERT INTO usage(key, pool, workload, chips, used_from, used_to, useful_from, useful_to, "
    "category, reservation, sku) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, NULL, '') "
    "ON CONFLICT (key) DO NOTHING";

static sk_status add_usage(flt_stmt *s, const char *key, int64_t chips, int64_t *changed, sk_err *e)
{
    flt_bind_text(s, 1, key);
    flt_bind_int(s, 2, 1);
    flt_bind_null(s, 3);
    flt_bind_int(s, 4, chips);
    flt_bind_int(s, 5, 0);
    flt_bind_int(s, 6, 3600);
    return flt_stmt_run(s, changed, e);
}

static void values(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    for (int kind = 0; (db = fleet_dbs_next(&kind));) {
        fleet_dbs_run(
            db, "CREATE TABLE v (id INTEGER PRIMARY KEY, i BIGINT, x DOUBLE PRECISION, s TEXT)");
        flt_stmt *s;
        assert_status_ok(
            flt_db_prepare(db, "INSERT INTO v(s, id, i, x) VALUES ($4, $1, $2, $3)", &s, &e), e);
        static const int64_t ints[] = {0, -1, INT64_MAX, INT64_MIN, 4294967296};
        static const double nums[] = {0.1, -1e300, 5e-324, 0, 3};
        static const char *const texts[] = {"", "it's", "\xE2\x82\xAC", "a\nb", NULL};
        for (int k = 0; k < 5; k++) {
            int64_t changed = 0;
            flt_bind_int(s, 1, k);
            flt_bind_int(s, 2, ints[k]);
            flt_bind_num(s, 3, nums[k]);
            if (k == 1)
                flt_bind_textn(s, 4, "it's more", 4);
            else
                flt_bind_text(s, 4, texts[k]);
            assert_status_ok(flt_stmt_run(s, &changed, &e), e);
            assert_int_equal(changed, 1);
        }
        flt_stmt_free(s);
        assert_status_ok(
            flt_db_prepare(db, "SELECT i, x, s FROM v WHERE id >= $1 ORDER BY id", &s, &e), e);
        bool row;
        for (int round = 0; round < 2; round++) {
            flt_bind_int(s, 1, 0);
            for (int k = 0; k < 5; k++) {
                assert_status_ok(flt_stmt_step(s, &row, &e), e);
                assert_true(row);
                assert_true(flt_col_int(s, 0) == ints[k]);
                assert_true(flt_col_num(s, 1) == nums[k]);
                assert_string_equal(flt_col_text(s, 2), texts[k] ? texts[k] : "");
                assert_int_equal(flt_col_null(s, 2), !texts[k]);
                if (round == 0 && k == 2) flt_stmt_reset(s);
                if (round == 0 && k == 2) break;
            }
        }
        assert_status_ok(flt_stmt_step(s, &row, &e), e);
        assert_false(row);
        flt_stmt_free(s);
        assert_int_equal(fleet_dbs_ask(db, "SELECT i FROM v WHERE id = 99"), -77);
        assert_int_equal(fleet_dbs_ask(db, "SELECT MAX(i) FROM v WHERE id = 99"), -77);
        assert_int_equal(flt_db_exec(db, "SELEC", &e), SK_E_INTERNAL);
        flt_db_close(db);
    }
}

/* What the schema itself refuses, whoever writes. */
static void constraints(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "INSERT INTO provider(name, kind) VALUES ('aws', 'aws')",
        "INSERT INTO provider(name, kind) VALUES ('', 'aws')",
        "INSERT INTO provider(name, kind) VALUES ('x', 'ibm')",
        "DELETE FROM provider",
        "UPDATE pool SET chip = 7",
        "UPDATE pool SET nodes = -1",
        "INSERT INTO usage(key, pool, chips, used_from, used_to, useful_from, useful_to, category, "
        "sku) VALUES ('b', 9, 1, 0, 1, 0, 0, 0, '')",
        "INSERT INTO usage(key, pool, chips, used_from, used_to, useful_from, useful_to, category, "
        "sku) VALUES ('b', 1, 0, 0, 1, 0, 0, 0, '')",
        "INSERT INTO usage(key, pool, chips, used_from, used_to, useful_from, useful_to, category, "
        "sku) VALUES ('b', 1, 1, 1, 1, 0, 0, 0, '')",
        "INSERT INTO usage(key, pool, chips, used_from, used_to, useful_from, useful_to, category, "
        "sku) VALUES ('b', 1, 1, 0, 1, 0, 2, 0, '')",
        "INSERT INTO usage(key, pool, chips, used_from, used_to, useful_from, useful_to, category, "
        "sku) VALUES ('b', 1, 'many', 0, 1, 0, 0, 0, '')",
        "UPDATE usage SET chips = 2",
        "DELETE FROM usage",
        "DELETE FROM event",
        "UPDATE charge SET billed_micros = 0",
        "DELETE FROM charge WHERE id = 1",
        "DELETE FROM applied",
    };
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    for (int kind = 0; (db = fleet_dbs_next(&kind));) {
        furnish(db);
        fleet_dbs_run(
            db, "INSERT INTO usage(key, pool, chips, used_from, used_to, useful_from, useful_to, "
                "category, sku) VALUES ('a', 1, 8, 0, 3600, 0, 1800, 0, '');"
                "INSERT INTO event(t, kind, detail) VALUES (0, 'x', '');"
                "INSERT INTO charge(kind, correction, paid, category, charge_from, charge_to, "
                "billing, usage, quantity, list_micros, contracted_micros, billed_micros, "
                "effective_micros, currency) VALUES (0,0,3,0,0,3600,0,1,8000000,1,1,1,1,'USD');"
                "INSERT INTO contract(provider, name, currency, term_from, term_to) VALUES "
                "(1,'c','USD',0,1);"
                "INSERT INTO commitment(contract, name, kind, model, fulfilment, amount, "
                "discount_ppm, rate_micros, upfront_ppm, overage_ppm, region, sku, categories, "
                "shortfall, term_from, term_to) VALUES (1,'m','spend','continuous','hourly',1,0,0,"
                "0,-1,'','',0,'charge',0,1);"
                "INSERT INTO applied(charge, commitment, amount, t) VALUES (1,1,1,0);");
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
            if (flt_db_exec(db, bad[i], &e) != SK_E_INVALID)
                fail_msg("%s: %s (%s)", flt_db_name(db), bad[i], e.text);
        assert_status(flt_db_exec(db, "DELETE FROM usage", &e), SK_E_INVALID, e,
                      "rows of usage are never changed: put it right by a further row");
        assert_int_equal(fleet_dbs_ask(db, "SELECT chips FROM usage"), 8);
        assert_int_equal(fleet_dbs_ask(db, "SELECT count(*) FROM charge"), 1);
        flt_db_close(db);
    }
}

static sk_status half_done(flt_db *db, void *arg, sk_err *e)
{
    sk_status st = flt_db_exec(db, "INSERT INTO provider(name, kind) VALUES ('x', 'own')", e);
    if (st) return st;
    return ++*(int *)arg < 3 ? sk_fail(e, SK_E_BUSY, "again") : sk_fail(e, SK_E_IO, "no more");
}

static sk_status done(flt_db *db, void *arg, sk_err *e)
{
    sk_status st = flt_db_exec(db, "INSERT INTO provider(name, kind) VALUES ('x', 'own')", e);
    if (st) return st;
    return ++*(int *)arg < 3 ? sk_fail(e, SK_E_BUSY, "again") : SK_OK;
}

static void transactions(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    for (int kind = 0; (db = fleet_dbs_next(&kind));) {
        int tries = 0;
        assert_status(flt_db_do(db, half_done, &tries, &e), SK_E_IO, e, "no more");
        assert_int_equal(tries, 3);
        assert_int_equal(fleet_dbs_ask(db, "SELECT count(*) FROM provider"), 0);
        tries = 0;
        assert_status_ok(flt_db_do(db, done, &tries, &e), e);
        assert_int_equal(tries, 3);
        assert_int_equal(fleet_dbs_ask(db, "SELECT count(*) FROM provider"), 1);
        flt_db_rollback(db);
        /* A reader sees one state, whatever is committed meanwhile. */
        flt_db *other;
        assert_status_ok(flt_store_open(fleet_dbs_where(db), &other, &e), e);
        assert_status_ok(flt_db_begin_read(other, &e), e);
        assert_int_equal(fleet_dbs_ask(other, "SELECT count(*) FROM provider"), 1);
        fleet_dbs_run(db, "INSERT INTO provider(name, kind) VALUES ('y', 'own')");
        assert_int_equal(fleet_dbs_ask(other, "SELECT count(*) FROM provider"), 1);
        assert_status_ok(flt_db_commit(other, &e), e);
        assert_int_equal(fleet_dbs_ask(other, "SELECT count(*) FROM provider"), 2);
        flt_db_close(other);
        flt_db_close(db);
    }
}

/* ---- two processes ----------------------------------------------------------------------------
 */

enum { ROUNDS = 40, ROWS = 25 };

typedef struct writer {
    flt_stmt *s;
    int who, round;
    int64_t added;
} writer;

/* Rows that both write ("both-...") and rows of its own. */
static sk_status one_round(flt_db *db, void *arg, sk_err *e)
{
    writer *w = arg;
    sk_status st = flt_db_prepare(db, usage_sql, &w->s, e);
    w->added = 0;
    for (int i = 0; !st && i < ROWS; i++) {
        char key[32];
        int64_t n = 0;
        (void)snprintf(key, sizeof key, "%s-%d-%d",
                       i % 2    ? "both"
                       : w->who ? "one"
                                : "two",
                       w->round, i);
        st = add_usage(w->s, key, i + 1, &n, e);
        w->added += n;
    }
    if (w->s) flt_stmt_free(w->s);
    w->s = NULL;
    return st;
}

/* Returns how many rows it added as 8 bytes on the pipe. */
static void write_rounds(const char *where, int who, int pipe_end)
{
    flt_db *db;
    sk_err e = SK_ERR_INIT;
    writer w = {.who = who};
    int64_t total = 0;
    sk_status st = flt_store_open(where, &db, &e);
    for (w.round = 0; !st && w.round < ROUNDS; w.round++) {
        st = flt_db_do(db, one_round, &w, &e);
        total += w.added;
    }
    if (st) (void)fprintf(stderr, "writer %d: %s\n", who, e.text);
    if (!st) flt_db_close(db);
    _exit(st || write(pipe_end, &total, sizeof total) != sizeof total);
}

static void two_writers(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    for (int kind = 0; (db = fleet_dbs_next(&kind));) {
        furnish(db);
        const char *where = fleet_dbs_where(db);
        int ends[2], status;
        flt_db_close(db);
        assert_int_equal(pipe(ends), 0);
        pid_t child[2];
        for (int i = 0; i < 2; i++) {
            child[i] = fork();
            if (child[i] == 0) write_rounds(where, i, ends[1]);
            assert_true(child[i] > 0);
        }
        int64_t sum = 0, added;
        for (int i = 0; i < 2; i++) {
            assert_int_equal(waitpid(child[i], &status, 0), child[i]);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
            assert_int_equal(read(ends[0], &added, sizeof added), sizeof added);
            sum += added;
        }
        (void)close(ends[0]);
        (void)close(ends[1]);
        assert_status_ok(flt_store_open(where, &db, &e), e);
        int own = (ROWS + 1) / 2 * ROUNDS, both = ROWS / 2 * ROUNDS;
        assert_int_equal(fleet_dbs_ask(db, "SELECT count(*) FROM usage"), 2 * own + both);
        assert_int_equal(sum, 2 * own + both);
        assert_int_equal(fleet_dbs_ask(db, "SELECT count(DISTINCT key) FROM usage"),
                         2 * own + both);
        flt_db_close(db);
    }
}

/* ---- what is no fleet -------------------------------------------------------------------------
 */

static sk_status try_open(const char *where, sk_err *e)
{
    flt_db *db = NULL;
    sk_status st = flt_store_open(where, &db, e);
    flt_db_close(db);
    return st;
}

static sk_status try_create(const char *where, sk_err *e)
{
    flt_db *db = NULL;
    sk_status st = flt_store_create(where, &db, e);
    flt_db_close(db);
    return st;
}

static void wrong_files(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    const char *p = unit_path(unit_dir, "w.db");
    assert_status(try_open(p, &e), SK_E_NOTFOUND, e, "`stoke fleet init` makes one");
    assert_false(access(p, F_OK) == 0);
    assert_status(try_open(unit_dir, &e), SK_E_INVALID, e, "is a folder");
    assert_status(try_create(unit_dir, &e), SK_E_INVALID, e, "is a folder");
    assert_status(try_open("/dev/null", &e), SK_E_INVALID, e, "no plain file");
    assert_status(try_create("/nonexistent/x.db", &e), SK_E_NOTFOUND, e, "No such file");
    assert_status(try_open("mysql://x", &e), SK_E_UNSUPPORTED, e, "postgresql://");
    unit_write(p, "no database at all, but some text that is long enough to be looked at", 69);
    assert_status(try_open(p, &e), SK_E_FORMAT, e, "no fleet, and no SQLite file");
    assert_status(try_create(p, &e), SK_E_FORMAT, e, "no fleet, and no SQLite file");
    /* An empty file is none yet, and may become one. */
    unit_write(p, "", 0);
    assert_status(try_open(p, &e), SK_E_NOTFOUND, e, "there is no fleet in it");
    assert_status_ok(try_create(p, &e), e);
    assert_status(try_create(p, &e), SK_E_INUSE, e, "there is a fleet already");
    assert_status_ok(try_open(p, &e), e);
}

static void other_programs(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    const char *p = unit_path(unit_dir, "o.db");
    sk_buf before = SK_BUF_INIT, after = SK_BUF_INIT;
    flt_db *db;
    assert_status_ok(flt_db_open(p, true, &db, &e), e);
    fleet_dbs_run(db, "PRAGMA journal_mode = DELETE; CREATE TABLE precious (x)");
    flt_db_close(db);
    assert_true(unit_read(p, &before));
    assert_status(try_open(p, &e), SK_E_FORMAT, e, "another program");
    assert_status(try_create(p, &e), SK_E_FORMAT, e, "another program");
    assert_true(unit_read(p, &after));
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.p, after.p, after.len);
    sk_buf_fini(&before);
    sk_buf_fini(&after);
}

static void newer(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    for (int kind = 0; (db = fleet_dbs_next(&kind));) {
        fleet_dbs_run(db, "INSERT INTO migration(number, name) VALUES (99, 'later')");
        const char *where = fleet_dbs_where(db);
        flt_db_close(db);
        assert_status(try_open(where, &e), SK_E_UNSUPPORTED, e,
                      "was written by a newer program (its tables are number 99");
    }
}

/* Whatever bytes of the file are spoiled: an error or sound rows, never a crash. */
static void damaged(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_buf whole = SK_BUF_INIT;
    int kind = 0, bad = 0;
    flt_db *db = fleet_dbs_next(&kind);
    const char *p = unit_path(unit_dir, "d.db"), *from = fleet_dbs_where(db);
    furnish(db);
    flt_db_close(db);
    assert_true(unit_read(from, &whole));
    for (size_t at = 0; at < whole.len; at += 1487) {
        char saved[64];
        size_t n = whole.len - at < sizeof saved ? whole.len - at : sizeof saved;
        memcpy(saved, whole.p + at, n);
        memset(whole.p + at, 0xa5, n);
        unit_write(p, whole.p, whole.len);
        memcpy(whole.p + at, saved, n);
        db = NULL;
        sk_status st = flt_store_open(p, &db, &e);
        if (!st) st = flt_db_exec(db, "SELECT count(*) FROM usage; SELECT * FROM pool", &e);
        flt_db_close(db);
        bad += st != SK_OK;
        assert_true(!st || e.text[0]);
    }
    assert_true(bad > 3);
    unit_write(p, whole.p, whole.len / 2);
    assert_int_not_equal(try_open(p, &e), SK_OK);
    sk_buf_fini(&whole);
}

static void passwords(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    static const char *const urls[] = {
        "postgresql://joe:s3cret@/x?host=/nonexistent",
        "postgresql://joe@/x?host=/nonexistent&password=s3cret",
    };
    for (size_t i = 0; i < 2; i++) {
        assert_status(try_open(urls[i], &e), SK_E_IO, e, "postgresql://joe");
        assert_null(strstr(e.text, "s3cret"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),       cmocka_unit_test(constraints),
        cmocka_unit_test(transactions), cmocka_unit_test(two_writers),
        cmocka_unit_test(wrong_files),  cmocka_unit_test(other_programs),
        cmocka_unit_test(newer),        cmocka_unit_test(damaged),
        cmocka_unit_test(passwords),
    };
    return cmocka_run_group_tests_name("fleet_db", tests, unit_dir_make, unit_dir_remove);
}
