/* t_ledger.c - the ledger: usage taken in, rated, added up and checked, whatever order it comes in
 * and wherever it is cut. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "fleet/ledger/close.h"
#include "fleet/ledger/report.h"
#include "fleet/ledger/usage_take.h"
#include "fleet/store/schema.h"
#include "tests/unit/fleet_book.h"
#include "tests/unit/fleet_dbs.h"
#include "tests/unit/fleet_ledger.h"
#include "tests/unit/fleet_rows.h"

#include <stdio.h>

enum { HOUR = 3600, DAY = 86400 };

/* ---- usage -------------------------------------------------------------------------------------
 */

static void good_rows(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    flt_db *db = ledger_new(&f, "good.db");
    sk_err e = SK_ERR_INIT;
    flt_taken n = {0};
    static const char rows[] = LEDGER_HEAD
        "k1,aws-us-east,train,16,2026-02-01T00:00:00Z,2026-02-01T03:00:00Z,"
        "2026-02-01T00:10:00Z,2026-02-01T03:00:00Z,on-demand,,p5.48xlarge\n"
        "k2,aws-us-east,,8,2026-02-01T00:00:00Z,2026-02-01T01:00:00+00:00,,,spot,,\n"
        "\"k,3\",azure-eastus,chat,8,2026-02-28T23:00:00Z,2026-03-01T01:30:00+00:30,,,,,\n";
    assert_status_ok(ledger_take(db, &f.b, rows, false, NULL, &n, &e), e);
    assert_int_equal(n.rows, 3);
    assert_int_equal(n.added, 3);
    assert_int_equal(n.twice + n.broken, 0);
    assert_int_equal(
        ledger_number(db, "SELECT chips * (used_to - used_from) FROM usage WHERE key = 'k,3'"),
        8 * 2 * HOUR);
    assert_int_equal(ledger_number(db, "SELECT category FROM usage WHERE key = 'k2'"), FLT_SPOT);
    assert_int_equal(ledger_number(db, "SELECT workload FROM usage WHERE key = 'k2'"), -1);
    /* Told again it is counted once; with other content it is broken. */
    sk_buf told = SK_BUF_INIT;
    static const char again[] =
        LEDGER_HEAD "k2,aws-us-east,,8,2026-02-01T00:00:00Z,2026-02-01T01:00:00Z,,,spot,,\n"
                    "k1,aws-us-east,train,8,2026-02-01T00:00:00Z,2026-02-01T03:00:00Z,,,,,\n"
                    "k4,aws-us-east,,8,2026-02-01T00:00:00Z,2026-02-01T01:00:00Z,,,,,\n"
                    "k4,aws-us-east,,8,2026-02-01T00:00:00Z,2026-02-01T01:00:00Z,,,,,\n";
    assert_status_ok(ledger_take(db, &f.b, again, false, &told, &n, &e), e);
    assert_int_equal(n.added, 1);
    assert_int_equal(n.twice, 2);
    assert_int_equal(n.broken, 1);
    assert_string_equal(told.p, "u.csv:3: key: \"k1\" is in the ledger with other content\n");
    assert_int_equal(ledger_number(db, "SELECT COUNT(*) FROM usage"), 4);
    sk_buf_fini(&told);
    flt_db_close(db);
}

/* Of rows with one key the first counts, wherever in a statement of many they stand; the others are
 * told as the same or as broken. */
static void first_counts(void **state)
{
    (void)state;
    enum { KEYS = 500, ROWS = 1000 };
    fleet_book f;
    fleet_book_init(&f);
    flt_db *db;
    for (int kind = 0; (db = fleet_dbs_next(&kind));) {
        int chips[KEYS] = {0};
        fleet_rows_put(db, &f.b);
        for (int file = 0; file < 3; file++) {
            uint64_t added = 0, twice = 0, broken = 0;
            sk_err e = SK_ERR_INIT;
            flt_taken n = {0};
            sk_buf b = SK_BUF_INIT;
            sk_buf_adds(&b, LEDGER_HEAD);
            for (int i = 0; i < ROWS; i++) {
                int k = ((i < 181 ? i : (i - 181) * i) + file * 31) % KEYS, c = 1 + i % 11 / 9;
                sk_buf_addf(&b, "m%d,aws-us-east,,%d,2026-02-01T00:00:00Z,", k, c);
                sk_buf_adds(&b, "2026-02-01T01:00:00Z,,,,,\n");
                added += !chips[k];
                twice += chips[k] == c;
                broken += chips[k] && chips[k] != c;
                if (!chips[k]) chips[k] = c;
            }
            assert_status_ok(ledger_take(db, &f.b, b.p, false, NULL, &n, &e), e);
            assert_int_equal(n.added, added);
            assert_int_equal(n.twice, twice);
            assert_int_equal(n.broken, broken);
            sk_buf_fini(&b);
        }
        int64_t sum = 0;
        for (int k = 0; k < KEYS; k++)
            sum += chips[k];
        assert_int_equal(ledger_number(db, "SELECT CAST(SUM(chips) AS BIGINT) FROM usage"), sum);
        flt_db_close(db);
    }
}

static void bad_row(flt_db *db, const flt_book *book, const char *row, const char *why)
{
    sk_err e = SK_ERR_INIT;
    flt_taken n = {0};
    sk_buf in = SK_BUF_INIT, told = SK_BUF_INIT;
    sk_buf_addf(
        &in, LEDGER_HEAD "%s\nok,aws-us-east,,1,2026-02-01T00:00:00Z,2026-02-01T01:00:00Z,,,,,\n",
        row);
    assert_status_ok(ledger_take(db, book, in.p, false, &told, &n, &e), e);
    assert_int_equal(n.broken, 1);
    assert_int_equal(n.added + n.twice, 1);
    assert_contains(told.p, why);
    assert_contains(told.p, "u.csv:2: ");
    sk_buf_fini(&in);
    sk_buf_fini(&told);
}

static void bad_rows(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    flt_db *db = ledger_new(&f, "bad.db");
#define SPAN "2026-02-01T00:00:00Z,2026-02-01T01:00:00Z"
    bad_row(db, &f.b, "k,nowhere,,1," SPAN ",,,,,", "pool: \"nowhere\" is no pool of this fleet");
    bad_row(db, &f.b, "k,aws-us-east,x,1," SPAN ",,,,,", "workload: \"x\" is no workload");
    bad_row(db, &f.b, ",aws-us-east,,1," SPAN ",,,,,", "key: \"\" is empty");
    bad_row(db, &f.b, "k,aws-us-east,,0," SPAN ",,,,,", "chips: \"0\" is not more than 0");
    bad_row(db, &f.b, "k,aws-us-east,,-8," SPAN ",,,,,", "chips: \"-8\" is not a whole number");
    bad_row(db, &f.b, "k,aws-us-east,,8.5," SPAN ",,,,,", "not a whole number");
    bad_row(db, &f.b, "k,aws-us-east,,1,2026-02-01T01:00:00Z,2026-02-01T00:00:00Z,,,,,",
            "did a clock go back?");
    bad_row(db, &f.b, "k,aws-us-east,,1,2026-02-01T00:00:00Z,2027-02-01T01:00:00Z,,,,,",
            "in the future");
    bad_row(db, &f.b, "k,aws-us-east,,1,2024-02-01T00:00:00Z,2026-02-01T01:00:00Z,,,,,",
            "over a year");
    bad_row(db, &f.b, "k,aws-us-east,,1,2026-02-01T00:00:00,2026-02-01T01:00:00Z,,,,,",
            "from: \"2026-02-01T00:00:00\" has no offset from UTC: --assume-utc");
    bad_row(db, &f.b, "k,aws-us-east,,1,2026-02-30T00:00:00Z,2026-02-01T01:00:00Z,,,,,", "from: ");
    bad_row(db, &f.b, "k,aws-us-east,,1," SPAN ",,,free,,", "category: \"free\" is none of");
    bad_row(db, &f.b, "k,aws-us-east,,1," SPAN ",,,,77,", "reservation: \"77\" is no reservation");
    bad_row(db, &f.b, "k,aws-us-east,,1," SPAN ",2026-02-01T00:00:00Z,,,,", "no other end");
    bad_row(db, &f.b, "k,aws-us-east,,1," SPAN ",2026-01-31T00:00:00Z,2026-02-01T01:00:00Z,,,",
            "are not within");
    bad_row(db, &f.b, "k,aws-us-east,,1", "only 4 fields");
    bad_row(db, &f.b, "k\x01,aws-us-east,,1," SPAN ",,,,,", "control characters");
    /* Strict: nothing of a file with one broken row. */
    sk_err e = SK_ERR_INIT;
    flt_taken n = {0};
    static const char rows[] =
        LEDGER_HEAD "s1,aws-us-east,,1," SPAN ",,,,,\ns2,aws-us-east,,x," SPAN
                    ",,,,,\ns3,aws-us-east,,1," SPAN ",,,,,\n";
    assert_status(ledger_take(db, &f.b, rows, true, NULL, &n, &e), SK_E_FORMAT, e,
                  "nothing was taken: 1 broken row, the first u.csv:3: chips: \"x\"");
    assert_int_equal(n.rows, 3);
    assert_int_equal(n.added, 0);
    assert_int_equal(ledger_number(db, "SELECT COUNT(*) FROM usage"), 1);
    /* Headers. */
    assert_status(ledger_take(db, &f.b, "key,pool,chips,from\n", false, NULL, &n, &e), SK_E_FORMAT,
                  e, "to: the header has no such column");
    assert_status(ledger_take(db, &f.b, "key,pool,chips,from,to,colour\n", false, NULL, &n, &e),
                  SK_E_FORMAT, e, "1 of its columns are not known");
    flt_db_close(db);
}

/* Offsets say which of the hours is meant that a clock shows twice or jumps over; a leap second is
 * the second after it. */
static void clock_changes(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    flt_db *db = ledger_new(&f, "clocks.db");
    sk_err e = SK_ERR_INIT;
    flt_taken n = {0};
    static const char rows[] =
        "key,pool,chips,from,to\n"
        "twice,aws-us-east,1,2024-11-03T01:30:00-04:00,2024-11-03T01:30:00-05:00\n"
        "never,aws-us-east,1,2024-03-10T01:30:00-05:00,2024-03-10T03:30:00-04:00\n"
        "leap,aws-us-east,1,2016-12-31T23:59:59Z,2016-12-31T23:59:60Z\n"
        "leap-there,aws-us-east,1,2016-12-31T18:59:60-05:00,2017-01-01T00:01:00Z\n"
        "back,aws-us-east,1,2024-11-03T01:30:00-05:00,2024-11-03T01:30:00-04:00\n"
        "nothing,aws-us-east,1,2016-12-31T23:59:60Z,2017-01-01T00:00:00Z\n"
        "leap-not,aws-us-east,1,2016-12-31T23:59:60-05:00,2017-01-01T06:00:00Z\n";
    sk_buf told = SK_BUF_INIT;
    assert_status_ok(ledger_take(db, &f.b, rows, false, &told, &n, &e), e);
    assert_int_equal(n.added, 4);
    assert_contains(told.p, "u.csv:6: to: ");
    assert_contains(told.p, "u.csv:7: to: ");
    assert_contains(told.p, "u.csv:8: from: ");
#define SECONDS(key) "SELECT used_to - used_from FROM usage WHERE key = '" key "'"
    assert_int_equal(ledger_number(db, SECONDS("twice")), HOUR);
    assert_int_equal(ledger_number(db, SECONDS("never")), HOUR);
    assert_int_equal(ledger_number(db, SECONDS("leap")), 1);
    assert_int_equal(ledger_number(db, SECONDS("leap-there")), 60);
    sk_buf_fini(&told);
    flt_db_close(db);
}

/* Broken rows are kept in a file that can be put right and imported. */
static void rejects(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    flt_db *db = ledger_new(&f, "rejects.db");
    sk_err e = SK_ERR_INIT;
    flt_taken n = {0};
    char path[600];
    (void)snprintf(path, sizeof path, "%s", unit_path(unit_dir, "rejects.csv"));
    static const char rows[] =
        "key,pool,chips,from,to\r\nr1,\"aws-us-east\",1," SPAN "\r\nr2,none,1," SPAN
        "\r\nr3,\"a\"b,1," SPAN "\nr1,aws-us-east,2," SPAN;
    ledger_text t = {rows, sizeof rows - 1};
    sk_csv *c;
    sk_buf got = SK_BUF_INIT;
    const flt_take_opts o = {.now = FLEET_T1, .rejects = path};
    assert_status_ok(sk_csv_open_source("u.csv", ledger_give, &t, &c, &e), e);
    assert_status_ok(flt_usage_take(db, &f.b, c, &o, &n, &e), e);
    sk_csv_close(c);
    assert_int_equal(n.broken, 3);
    assert_true(unit_read(path, &got));
    assert_string_equal(got.p, "key,pool,chips,from,to\nr2,none,1," SPAN "\r\nr3,\"a\"b,1," SPAN
                               "\nr1,aws-us-east,2," SPAN "\n");
    sk_buf_fini(&got);
    flt_db_close(db);
}

/* ---- rating ------------------------------------------------------------------------------------
 */

#define SUMS                                                                                       \
    "SELECT CAST(SUM(effective_micros) AS BIGINT) * 7 + CAST(SUM(list_micros) AS BIGINT) * 3 + "   \
    "CAST(SUM(billed_micros) AS BIGINT) FROM charge"

/* What comes out does not depend on where time is cut, nor on the order usage came in. */
static void same_charges(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    const int64_t end = 1770552000; /* 2026-02-08T12:00Z */
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    flt_taken n;
    flt_closed done;
    flt_db *whole = ledger_new(&f, "whole.db"), *cut = ledger_new(&f, "cut.db");
    ledger_week(&b, 1, 0);
    assert_status_ok(ledger_take(whole, &f.b, b.p, false, NULL, &n, &e), e);
    ledger_closes(whole, &f.b, end, 0, &done);
    assert_int_equal(done.until, end);
    assert_true(done.stretches == 2);
    ledger_balanced(whole);
    assert_status_ok(ledger_take(cut, &f.b, b.p, false, NULL, &n, &e), e);
    ledger_closes(cut, &f.b, FLEET_T0 + 33 * DAY + 5 * HOUR, 20, &done);
    assert_true(done.stretches > 4);
    ledger_closes(cut, &f.b, end, 50, &done);
    ledger_balanced(cut);
    assert_int_equal(ledger_number(whole, SUMS), ledger_number(cut, SUMS));
    assert_int_equal(ledger_number(whole, "SELECT CAST(SUM(amount) AS BIGINT) FROM applied"),
                     ledger_number(cut, "SELECT CAST(SUM(amount) AS BIGINT) FROM applied"));
    assert_int_equal(ledger_number(whole, "SELECT COUNT(*) FROM rating_open"), 0);
    ledger_closes(cut, &f.b, end, 50, &done); /* nothing is left to do */
    assert_int_equal(done.stretches, 0);
    flt_db_close(whole);
    flt_db_close(cut);
    sk_buf_fini(&b);
}

/* Usage that comes after its time was closed ends in the same sums, by corrections. */
static void late_usage(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    const int64_t end = 1770552000;
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    flt_taken n;
    flt_closed done;
    flt_db *whole = ledger_new(&f, "whole2.db"), *late = ledger_new(&f, "late.db");
    ledger_week(&b, 1, 0);
    assert_status_ok(ledger_take(whole, &f.b, b.p, false, NULL, &n, &e), e);
    ledger_closes(whole, &f.b, end, 0, &done);
    ledger_week(&b, 2, 0);
    assert_status_ok(ledger_take(late, &f.b, b.p, false, NULL, &n, &e), e);
    ledger_closes(late, &f.b, 1770552000 - 3 * DAY, 40, &done);
    ledger_week(&b, 2, 1);
    assert_status_ok(ledger_take(late, &f.b, b.p, false, NULL, &n, &e), e);
    assert_true(ledger_number(late, "SELECT COUNT(*) FROM rating_late") > 100);
    ledger_closes(late, &f.b, end, 60, &done);
    assert_true(done.late > 100);
    assert_true(done.corrections > 100);
    assert_int_equal(ledger_number(late, "SELECT COUNT(*) FROM rating_late"), 0);
    ledger_balanced(late);
    assert_int_equal(ledger_number(whole, SUMS), ledger_number(late, SUMS));
    assert_int_equal(ledger_number(whole, "SELECT CAST(SUM(amount) AS BIGINT) FROM applied"),
                     ledger_number(late, "SELECT CAST(SUM(amount) AS BIGINT) FROM applied"));
    flt_db_close(whole);
    flt_db_close(late);
    sk_buf_fini(&b);
}

/* ---- reports -----------------------------------------------------------------------------------
 */

static void reports(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    flt_taken n;
    flt_closed done;
    flt_line *line;
    size_t lines;
    flt_db *db = ledger_new(&f, "report.db");
    ledger_week(&b, 1, 0);
    assert_status_ok(ledger_take(db, &f.b, b.p, false, NULL, &n, &e), e);
    ledger_closes(db, &f.b, 1770552000, 0, &done);
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    int64_t all = ledger_number(db, "SELECT CAST(SUM(effective_micros) AS BIGINT) FROM charge");
    for (int by = 0; by < FLT_BY_N; by++) {
        int64_t sum = 0;
        assert_int_equal(flt_by_of(flt_word_by((flt_by)by)), by);
        assert_status_ok(flt_ledger_report(db, &f.b, (flt_by)by, FLT_OURS,
                                           (sk_span){SK_UTC_MIN, SK_UTC_END}, a, &line, &lines, &e),
                         e);
        assert_true(lines > 0);
        for (size_t i = 0; i < lines; i++) {
            sum += line[i].effective_micros;
            assert_true(line[i].name[0]);
            assert_string_equal(line[i].currency, "USD");
        }
        assert_int_equal(sum, all);
    }
    assert_int_equal(flt_by_of("colour"), -1);
    flt_standing *s;
    size_t standings;
    assert_status_ok(flt_ledger_pace(db, &f.b, SK_UTC_END, a, &s, &standings, &e), e);
    assert_int_equal(standings, 2);
    assert_true(s[0].pace.drawn > 0);
    assert_int_equal(s[0].pace.drawn,
                     ledger_number(db, "SELECT CAST(SUM(amount) AS BIGINT) FROM applied"));
    assert_true(s[0].forecast.mean > 0);
    assert_true(s[1].cover.utilization > 0 && s[1].cover.utilization < 1);
    flt_drawdown *d;
    size_t days;
    assert_status_ok(flt_ledger_drawdown(db, s[0].commitment, a, &d, &days, &e), e);
    assert_true(days >= 7);
    assert_int_equal(d[days - 1].drawn, s[0].pace.drawn);
    sk_arena_free(a);
    flt_db_close(db);
    sk_buf_fini(&b);
}

/* The same rows, rating, corrections, sums and checks on every kind of database there is. */
static void every_database(void **state)
{
    (void)state;
    fleet_book f;
    fleet_book_init(&f);
    flt_db *db;
    int64_t sums[2] = {0, 0};
    int runs = 0;
    sk_buf b = SK_BUF_INIT;
    for (int kind = 0; (db = fleet_dbs_next(&kind)) && runs < 2; runs++) {
        sk_err e = SK_ERR_INIT;
        flt_taken n;
        flt_closed done;
        fleet_rows_put(db, &f.b);
        ledger_week(&b, 2, 0);
        assert_status_ok(ledger_take(db, &f.b, b.p, false, NULL, &n, &e), e);
        assert_status_ok(ledger_take(db, &f.b, b.p, false, NULL, &n, &e), e);
        assert_int_equal(n.twice, n.rows);
        ledger_closes(db, &f.b, 1770552000 - 3 * DAY, 40, &done);
        ledger_week(&b, 2, 1);
        assert_status_ok(ledger_take(db, &f.b, b.p, true, NULL, &n, &e), e);
        assert_int_equal(n.added, n.rows);
        ledger_closes(db, &f.b, 1770552000, 60, &done);
        assert_true(done.corrections > 100);
        ledger_balanced(db);
        sums[runs] = ledger_number(db, SUMS);
        sk_arena *a = sk_arena_new(SK_MEM_MISC);
        flt_line *line;
        flt_standing *s;
        size_t lines;
        for (int by = 0; by < FLT_BY_N; by++)
            assert_status_ok(flt_ledger_report(db, &f.b, (flt_by)by, FLT_OURS,
                                               (sk_span){SK_UTC_MIN, SK_UTC_END}, a, &line, &lines,
                                               &e),
                             e);
        assert_status_ok(flt_ledger_pace(db, &f.b, SK_UTC_END, a, &s, &lines, &e), e);
        assert_int_equal(lines, 2);
        sk_arena_free(a);
        flt_db_close(db);
    }
    assert_true(runs >= 1);
    if (runs == 2) assert_int_equal(sums[0], sums[1]);
    sk_buf_fini(&b);
}

/* A fleet's file, and the book in it. */
typedef struct starved {
    fleet_book f;
    sk_buf image;
} starved;

static sk_status work_starved(void *arg, sk_err *e)
{
    const starved *x = arg;
    const fleet_book *f = &x->f;
    const char *path = unit_path(unit_dir, "starved.db");
    flt_db *db;
    flt_taken n;
    flt_closed done;
    ledger_text t = {LEDGER_HEAD "k,aws-us-east,train,8," SPAN ",,,,,\nx,none,,8," SPAN ",,,,,\n",
                     0};
    sk_csv *c;
    const flt_take_opts o = {.now = FLEET_T1};
    const flt_close_opts until = {.until = FLEET_T0 + 33 * DAY};
    t.n = strlen(t.p);
    unit_write(path, x->image.p, x->image.len);
    sk_status st = flt_store_open(path, &db, e);
    if (st) return st;
    st = sk_csv_open_source("u.csv", ledger_give, &t, &c, e);
    if (!st) {
        st = flt_usage_take(db, &f->b, c, &o, &n, e);
        sk_csv_close(c);
    }
    if (!st) st = flt_ledger_close(db, &f->b, &until, &done, e);
    flt_db_close(db);
    return st;
}

/* Each allocation of taking and rating can fail: an error, and nothing held. */
static void out_of_memory(void **state)
{
    (void)state;
    starved x = {.image = SK_BUF_INIT};
    fleet_book_init(&x.f);
    flt_db_close(ledger_new(&x.f, "image.db"));
    assert_true(unit_read(unit_path(unit_dir, "image.db"), &x.image));
    unit_starve(work_starved, &x, 3000, UNIT_STRIDES);
    sk_buf_fini(&x.image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good_rows, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(first_counts, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(bad_rows, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(clock_changes, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(rejects, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(same_charges, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(late_usage, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(reports, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(every_database, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(out_of_memory, unit_dir_make, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
