/* t_fleet_store.c - a book's rows there and back, files of fleets, leases and checkpoints. */
#include "tests/unit/unit.h"

#include "fleet/book/interval.h"
#include "fleet/book/promise.h"
#include "fleet/store/yaml.h"
#include "tests/unit/fleet_book.h"
#include "tests/unit/fleet_dbs.h"

#include <stdio.h>

static sk_arena *arena(void)
{
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    assert_non_null(a);
    return a;
}

/* Fails unless two books have the same rows, ids left out. */
static void same_books(const flt_book *a, const flt_book *b)
{
    for (int k = 0; k < FLT_ROW_N; k++) {
        const flt_rows *r = flt_rows_of((flt_row_kind)k);
        size_t na, nb;
        const char *x = flt_rows_in(a, (flt_row_kind)k, &na);
        const char *y = flt_rows_in(b, (flt_row_kind)k, &nb);
        assert_int_equal(na, nb);
        for (size_t i = 0; i < na; i++) {
            const flt_field *which = NULL;
            if (!flt_row_same((flt_row_kind)k, x + i * r->size, y + i * r->size, &which))
                fail_msg("%s %zu differs in %s", r->name, i, which->name);
        }
    }
}

static const flt_step ramp[] = {{FLEET_T0 + 100, 7}, {FLEET_T0 + 200, 1}};
static const flt_step miles[] = {{FLEET_T0 + 300, 8}, {FLEET_T1, 900}};

/* The book of the tests with a reservation, steps, and what else is rare. */
static void rich_book(fleet_book *f)
{
    fleet_book_init(f);
    f->reservation[0] = (flt_reservation){1, 1, 2, 8, {FLEET_T0, FLEET_T1}};
    f->reservation[1] = (flt_reservation){2, 3, 0, 8, {FLEET_T0, FLEET_T1}};
    f->b.n_reservation = 2;
    f->commitment[1].ramp = ramp;
    f->commitment[1].n_ramp = 2;
    f->commitment[0].milestone = miles;
    f->commitment[0].n_milestone = 2;
    f->commitment[0].categories = 1U << FLT_SPOT | 1U << FLT_ON_DEMAND;
    f->workload[0].deadline = FLEET_T1;
    f->pool[1].state = FLT_POOL_DRAINING;
    f->pool[1].epoch = 3;
    f->provider[1].name = "az'ure \xE2\x82\xAC";
}

static void there_and_back(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    for (int kind = 0; (db = fleet_dbs_next(&kind));) {
        fleet_book f;
        flt_book got;
        sk_arena *a = arena();
        rich_book(&f);
        for (int k = 0; k < FLT_ROW_N; k++) {
            size_t n;
            char *row = (char *)flt_rows_in(&f.b, (flt_row_kind)k, &n);
            for (size_t i = 0; i < n; i++, row += flt_rows_of((flt_row_kind)k)->size) {
                flt_row_set_id(row, 0);
                assert_status_ok(flt_store_put(db, (flt_row_kind)k, row, &e), e);
                assert_int_equal(flt_row_id(row), i + 1);
            }
        }
        assert_status_ok(flt_store_read(db, a, &got, &e), e);
        same_books(&f.b, &got);
        assert_status_ok(flt_book_check(&got, &e), e);
        /* A change of a row, and of its steps. */
        f.commitment[1].n_ramp = 1;
        f.commitment[1].amount = 5;
        f.offer[3].valid.to = FLEET_T1;
        f.offer[0].priced = false;
        f.offer[0].price_micros = 0;
        assert_status_ok(flt_store_put(db, FLT_ROW_COMMITMENT, &f.commitment[1], &e), e);
        assert_status_ok(flt_store_put(db, FLT_ROW_OFFER, &f.offer[3], &e), e);
        assert_status_ok(flt_store_put(db, FLT_ROW_OFFER, &f.offer[0], &e), e);
        assert_status_ok(flt_store_read(db, a, &got, &e), e);
        same_books(&f.b, &got);
        /* What something refers to stays; ids are not given twice. */
        assert_status(flt_store_remove(db, FLT_ROW_CHIP, 1, &e), SK_E_INUSE, e, "stays");
        assert_status_ok(flt_store_remove(db, FLT_ROW_RESERVATION, 2, &e), e);
        assert_status(flt_store_remove(db, FLT_ROW_RESERVATION, 2, &e), SK_E_NOTFOUND, e, "no");
        f.reservation[1].id = 0;
        assert_status_ok(flt_store_put(db, FLT_ROW_RESERVATION, &f.reservation[1], &e), e);
        assert_int_equal(f.reservation[1].id, 3);
        sk_arena_free(a);
        flt_db_close(db);
    }
}

/* ---- files ------------------------------------------------------------------------------------
 */

/* Merges a text into the store. */
static sk_status import(flt_db *db, const char *text, flt_saved *saved, sk_err *e)
{
    sk_yaml *y = NULL;
    sk_status st = sk_yaml_parse("f.yaml", text, strlen(text), &y, e);
    if (!st) st = flt_yaml_import_doc(db, y, saved, e);
    sk_yaml_free(y);
    return st;
}

static size_t total(const size_t n[FLT_ROW_N])
{
    size_t sum = 0;
    for (int k = 0; k < FLT_ROW_N; k++)
        sum += n[k];
    return sum;
}

/* A book written as a file and read into an empty store is the same; a second time nothing. */
static void files_there_and_back(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    for (int kind = 0; (db = fleet_dbs_next(&kind));) {
        fleet_book f;
        flt_book got;
        flt_saved saved;
        sk_arena *a = arena();
        sk_buf text = SK_BUF_INIT, again = SK_BUF_INIT;
        rich_book(&f);
        f.pool[1].epoch = 0; /* what a file does not say */
        flt_yaml_write(&f.b, &text);
        assert_true(sk_buf_ok(&text));
        assert_status_ok(import(db, text.p, &saved, &e), e);
        assert_int_equal(total(saved.added), 2 + 2 + 3 + 6 + 2 + 2 + 2 + 2);
        assert_status_ok(flt_store_read(db, a, &got, &e), e);
        same_books(&f.b, &got);
        flt_yaml_write(&got, &again);
        assert_string_equal(text.p, again.p);
        assert_status_ok(import(db, text.p, &saved, &e), e);
        assert_int_equal(total(saved.added) + total(saved.changed), 0);
        sk_buf_fini(&text);
        sk_buf_fini(&again);
        sk_arena_free(a);
        flt_db_close(db);
    }
}

static const char small[] = "fleet: 1\n"
                            "providers: {aws: {kind: aws}}\n"
                            "chips: {h100: {memory: 80e9}}\n"
                            "pools:\n"
                            "  p: {provider: aws, chip: h100, nodes: 4, chips_per_node: 8}\n"
                            "offers:\n"
                            "  - {provider: aws, chip: h100, price: 6.88, from: 2026-01-01, "
                            "source: x}\n"
                            "contracts:\n"
                            "  c:\n"
                            "    provider: aws\n"
                            "    from: 2026-01-01\n"
                            "    term: 7y\n"
                            "    commitments:\n"
                            "      m: {spend: 7e6, interval: annual, discount: 0.3}\n"
                            "reservations:\n"
                            "  - {pool: p, chips: 8, commitment: c/m, from: 2026-02-01, to: "
                            "2026-03-01}\n";

/* Parts of a fleet that refer to what the store has; changes, and what is no change. */
static void files_in_parts(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    for (int kind = 0; (db = fleet_dbs_next(&kind));) {
        flt_saved s;
        assert_status_ok(import(db, small, &s, &e), e);
        assert_int_equal(fleet_dbs_ask(db, "SELECT amount FROM commitment"), 1000000000000);
        assert_int_equal(fleet_dbs_ask(db, "SELECT commitment FROM reservation"), 1);
        /* Another price on the same day is a contradiction, on another day a further row. */
        assert_status(import(db,
                             "fleet: 1\noffers:\n  - {provider: aws, chip: h100, price: 5, from: "
                             "2026-01-01, source: x}\n",
                             &s, &e),
                      SK_E_INVALID, e,
                      "f.yaml:3: there is this offer from that day already, with another price");
        assert_status_ok(import(db,
                                "fleet: 1\noffers:\n  - {provider: aws, chip: h100, price: 5, "
                                "from: 2026-07-01, source: x}\n",
                                &s, &e),
                         e);
        assert_int_equal(s.added[FLT_ROW_OFFER], 1);
        assert_int_equal(fleet_dbs_ask(db, "SELECT count(*) FROM offer"), 2);
        /* A pool that grew, a further promise. */
        assert_status_ok(import(db,
                                "fleet: 1\npools:\n  p: {provider: aws, chip: h100, nodes: 5, "
                                "chips_per_node: 8}\n  q: {provider: aws, chip: h100, nodes: 1, "
                                "chips_per_node: 4}\n",
                                &s, &e),
                         e);
        assert_int_equal(s.changed[FLT_ROW_POOL], 1);
        assert_int_equal(s.added[FLT_ROW_POOL], 1);
        /* A state that the file does not name stays; one that it does is a new epoch. */
        fleet_dbs_run(db, "UPDATE pool SET state = 'draining', epoch = 4 WHERE name = 'q'");
        assert_status_ok(import(db,
                                "fleet: 1\npools:\n  q: {provider: aws, chip: h100, nodes: 1, "
                                "chips_per_node: 4}\n",
                                &s, &e),
                         e);
        assert_int_equal(s.changed[FLT_ROW_POOL], 0);
        assert_status_ok(import(db,
                                "fleet: 1\npools:\n  q: {provider: aws, chip: h100, nodes: 1, "
                                "chips_per_node: 4, state: up}\n",
                                &s, &e),
                         e);
        assert_int_equal(fleet_dbs_ask(db, "SELECT epoch FROM pool WHERE name = 'q'"), 5);
        /* All or nothing. */
        assert_status(import(db,
                             "fleet: 1\nproviders: {b: {}}\npools:\n"
                             "  r: {provider: b, chip: h1000, nodes: 1, chips_per_node: 1}\n",
                             &s, &e),
                      SK_E_INVALID, e, "f.yaml:4: chip: there is no chip \"h1000\"");
        assert_int_equal(fleet_dbs_ask(db, "SELECT count(*) FROM provider"), 1);
        flt_db_close(db);
    }
}

#define CUT(term)                                                                                  \
    "fleet: 1\ncontracts:\n  c: {provider: aws, from: 2026-01-01, term: " term                     \
    ", commitments: {m: {spend_per_interval: 1e6, interval: annual, discount: 0.3}}}\n"

/* Terms that something was charged by, and where usage was, stay as they are; ends may move. */
static void settled(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "pools:\n  p: {provider: own, chip: h100, nodes: 4, chips_per_node: 8}\n",
        "contracts:\n  c: {provider: aws, from: 2026-01-02, term: 7y}\n",
        "contracts:\n  c: {provider: aws, from: 2026-01-01, term: 7y, commitments: {m: {spend: "
        "8e6, interval: annual, discount: 0.3}}}\n",
        "contracts:\n  c: {provider: aws, from: 2026-01-01, term: 7y, commitments: {m: {spend: "
        "7e6, interval: annual, discount: 0.3, ramp: [{from: 2027-01-01, amount: 1}]}}}\n",
    };
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    for (int kind = 0; (db = fleet_dbs_next(&kind));) {
        flt_saved s;
        sk_buf text = SK_BUF_INIT;
        assert_status_ok(import(db, small, &s, &e), e);
        assert_status_ok(import(db, "fleet: 1\nproviders: {own: {kind: own}}\n", &s, &e), e);
        fleet_dbs_run(db, "INSERT INTO usage(key, pool, chips, used_from, used_to, useful_from, "
                          "useful_to, category, sku) VALUES ('a', 1, 8, 0, 3600, 0, 0, 0, '');"
                          "INSERT INTO charge(kind, correction, paid, category, charge_from, "
                          "charge_to, billing, commitment, quantity, list_micros, "
                          "contracted_micros, billed_micros, effective_micros, currency) VALUES "
                          "(0,0,2,0,0,3600,0,1,1,1,1,1,1,'USD')");
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            sk_buf_reset(&text);
            sk_buf_addf(&text, "fleet: 1\n%s", bad[i]);
            assert_status(import(db, text.p, &s, &e), SK_E_INUSE, e, "is in the ledger already");
        }
        assert_status_ok(import(db,
                                "fleet: 1\npools:\n  p: {provider: aws, chip: h100, nodes: 6, "
                                "chips_per_node: 8}\ncontracts:\n  c: {provider: aws, from: "
                                "2026-01-01, term: 8y, commitments: {m: {spend_per_interval: 1e6, "
                                "interval: annual, discount: 0.3}}}\n",
                                &s, &e),
                         e);
        assert_int_equal(s.changed[FLT_ROW_COMMITMENT], 1);
        /* Rated until 2030: an end before that neither comes nor goes, one behind it does. */
        fleet_dbs_run(db, "DELETE FROM rating_state");
        fleet_dbs_run(db, "INSERT INTO rating_state(one, closed) VALUES (1, 1893456000)");
        assert_status(import(db, CUT("3y"), &s, &e), SK_E_INUSE, e,
                      "\"m\": all until 2030-01-01 is rated already, so its end can't move");
        assert_status_ok(import(db, CUT("5y"), &s, &e), e);
        fleet_dbs_run(db, "UPDATE rating_state SET closed = 2000000000");
        assert_status(import(db, CUT("9y"), &s, &e), SK_E_INUSE, e, "add another that goes on");
        sk_buf_fini(&text);
        flt_db_close(db);
    }
}

/* A file, and how the sentence that refuses it begins. */
typedef struct bad_file {
    const char *text, *part;
} bad_file;

#define HEAD "fleet: 1\nproviders: {a: {}}\nchips: {h100: {}}\n"
#define DEAL HEAD "contracts:\n  c:\n    provider: a\n    from: 2026-01-01\n"

static const bad_file bad[] = {
    {"a: 1\n", "f.yaml:1: this is no fleet"},
    {"fleet: 2\n", "f.yaml:1: this form"},
    {"fleet: 1\nbrokers: {}\n", "f.yaml:2: a fleet has no \"brokers\""},
    {"fleet: 1\nproviders: []\n", "f.yaml:2: providers is a table of names"},
    {"fleet: 1\noffers: {}\n", "f.yaml:2: offers is a list"},
    {"fleet: 1\nproviders:\n  aws: 7\n", "f.yaml:3: a provider is a table"},
    {"fleet: 1\nproviders:\n  aws:\n    color: red\n",
     "f.yaml:4: a provider has no \"color\"; it has name, kind"},
    {"fleet: 1\nproviders:\n  aws:\n    kind: [aws]\n", "f.yaml:4: kind is one value"},
    {"fleet: 1\nproviders:\n  \"\":\n    kind: aws\n", "f.yaml:3: a provider needs a name"},
    {"fleet: 1\nchips:\n  h: {memory: -1}\n", "f.yaml:3: chip \"h\": the memory is -1"},
    {"fleet: 1\nchips:\n  h: {memory: 1e999}\n", "f.yaml:3"},
    {HEAD "pools:\n  p: {provider: a, chip: h100, nodes: 1}\n",
     "f.yaml:5: this pool has no \"chips_per_node\""},
    {HEAD "pools:\n  p: {provider: a, chip: h100, nodes: 1.5, chips_per_node: 1}\n",
     "f.yaml:5: nodes: 1.5 is no whole number"},
    {HEAD "pools:\n  p: {provider: a, chip: h100, nodes: 1, chips_per_node: 1, epoch: 3}\n",
     "f.yaml:5: a pool has no \"epoch\""},
    {HEAD "pools:\n  p: {provider: a, chip: h100, nodes: 1, chips-per-node: 1}\n",
     "f.yaml:5: a pool has no \"chips-per-node\""},
    {HEAD "offers:\n  - {provider: a, chip: h100, price: 1, from: 2026-01-01}\n",
     "f.yaml:5: this offer has no \"source\""},
    {HEAD "offers:\n  - {provider: a, chip: h100, price: 1, from: 2026-02-30, source: x}\n",
     "f.yaml:5: from"},
    {HEAD "offers:\n  - {provider: a, chip: h100, price: -1, from: 2026-01-01, source: x}\n",
     "the price is negative"},
    {HEAD "offers:\n  - {provider: a, chip: h100, price: 0.0000001, from: 2026-01-01, "
          "source: x}\n",
     "f.yaml:5: price: 0.0000001 is too exact"},
    {HEAD "offers:\n  - {provider: a, chip: h100, price: 1, chips_per_unit: 12, from: "
          "2026-01-01, source: x}\n",
     "f.yaml:5: offer of a for h100 (on-demand) from 2026-01-01: chips per unit is 12"},
    {HEAD "offers:\n  - {provider: a, chip: h100, price: 1, from: 2026-01-01, source: x}\n"
          "  - {provider: a, chip: h100, price: 2, from: 2026-01-01, source: x}\n",
     "f.yaml:6: this offer is given twice, with another price"},
    {HEAD "offers:\n  - {provider: a, chip: h100, price: 1, from: 2026-01-01, source: x}\n"
          "  - {provider: a, chip: h100, price: 2, currency: EUR, from: 2026-02-01, source: x}\n",
     "f.yaml:6: offer of a"},
    {HEAD "contracts:\n  c: {provider: a, from: 2026-01-01}\n", "this contract has no \"to\""},
    {HEAD "contracts:\n  c: {provider: a, from: 2026-01-01, to: 2027-01-01, term: 1y}\n",
     "either term or to"},
    {HEAD "contracts:\n  c: {provider: a, from: 2026-01-01, term: soon}\n", "f.yaml:5"},
    {DEAL "    term: 1y\n    commitments: 7\n", "f.yaml:9: commitments is a table"},
    {DEAL "    term: 1y\n    commitments:\n      m: {discount: 3%}\n",
     "f.yaml:10: this commitment promises nothing"},
    {DEAL "    term: 1y\n    commitments:\n      m: {spend: 1, chips: 2}\n",
     "f.yaml:10: chips besides spend: a commitment has one"},
    {DEAL "    term: 1y\n    commitments:\n      m: {spend_per_interval: 1}\n",
     "f.yaml:10: spend_per_interval needs an interval"},
    {DEAL "    term: 18mo\n    commitments:\n      m: {spend: 1, interval: annual}\n",
     "f.yaml:10: spend: the term is no whole number of annual intervals"},
    {DEAL "    term: 1y\n    commitments:\n      m: {spend: 1, discount: 101%}\n",
     "f.yaml:10: discount: \"101%\" is no share"},
    {DEAL "    term: 1y\n    commitments:\n      m: {spend: much}\n", "f.yaml:10: spend: \"much\""},
    {DEAL "    term: 1y\n    commitments:\n      m: {spend: 1, to: 2028-01-01}\n",
     "f.yaml:10: commitment \"m\" of \"c\": its term is not within its contract's"},
    {DEAL
     "    term: 1y\n    commitments:\n      m: {spend_hourly: 1}\n      n: {spend_hourly: 2}\n",
     "f.yaml:11: commitment \"n\" of \"c\" overlaps \"m\""},
    {DEAL "    term: 1y\n    commitments:\n      m:\n        spend_hourly: 1\n        ramp:\n"
          "          - {by: 2026-02-01, amount: 3}\n",
     "f.yaml:13: a step is {from: DATE, amount: NUMBER}"},
    {DEAL "    term: 1y\n    commitments:\n      m:\n        spend_hourly: 1\n        ramp: 7\n",
     "f.yaml:12: ramp is a list"},
    {DEAL "    term: 1y\n    commitments:\n      m: {spend_hourly: 1, categories: \"spot,new\"}\n",
     "f.yaml:10: categories: \"new\" is none of"},
    {HEAD "workloads:\n  w: {kind: sleep, max_chips: 1}\n",
     "f.yaml:5: kind: \"sleep\" is none of train, serve, batch"},
    {HEAD "workloads:\n  w: {kind: train, max_chips: 1, restart: often}\n", "f.yaml:5: restart"},
};

static void bad_files(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    int kind = 0;
    flt_db *db = fleet_dbs_next(&kind);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        flt_saved s;
        sk_status st = import(db, bad[i].text, &s, &e);
        if (!st) fail_msg("accepted: %s", bad[i].text);
        assert_contains(e.text, bad[i].part);
    }
    assert_int_equal(fleet_dbs_ask(db, "SELECT count(*) FROM provider"), 0);
    flt_db_close(db);
}

static sk_status read_starved(void *arg, sk_err *e)
{
    static const flt_book none;
    sk_yaml *y = NULL;
    flt_draft d;
    sk_buf text = SK_BUF_INIT;
    (void)arg;
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    if (!a) return sk_fail(e, SK_E_NOMEM, "no memory");
    sk_status st = sk_yaml_parse("f.yaml", small, strlen(small), &y, e);
    if (!st) st = flt_draft_begin(&d, &none, a, e);
    if (!st) st = flt_yaml_merge(y, &d, e);
    if (!st) {
        flt_yaml_write(&d.book, &text);
        st = unit_starved_buf(&text, e);
    }
    sk_yaml_free(y);
    sk_arena_free(a);
    return st;
}

static void no_memory(void **state)
{
    (void)state;
    (void)unit_starve(read_starved, NULL, 5000, 0);
}

static void promises(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_commitment c = {.term = {FLEET_T0, FLEET_T1}, .interval = FLT_MONTHLY};
    assert_int_equal(flt_interval_count(&c), 12);
    assert_status_ok(flt_promise_set(&c, "spend", "1200", true, &e), e);
    assert_int_equal(c.amount, 100 * FLT_MICRO);
    assert_string_equal(flt_promise_said(&c), "spend_per_interval");
    c.interval = FLT_WEEKLY;
    assert_int_equal(flt_interval_count(&c), 53);
    assert_int_equal(flt_promise_set(&c, "spend", "1200", true, NULL), SK_E_INVALID);
    c.interval = FLT_HOURLY;
    assert_int_equal(flt_interval_count(&c), 8760);
    assert_status_ok(flt_promise_set(&c, "chips", "8", false, &e), e);
    assert_int_equal(c.kind, FLT_USAGE);
    assert_int_equal(c.model, FLT_CONTINUOUS);
    c.term = (sk_span){SK_UTC_END - 4000000, SK_UTC_END};
    c.interval = FLT_MONTHLY;
    assert_true(flt_interval_count(&c) < 4);
}

/* ---- what runs --------------------------------------------------------------------------------
 */

static void leases(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    for (int kind = 0; (db = fleet_dbs_next(&kind));) {
        sk_arena *a = arena();
        flt_saved s;
        flt_lease l;
        flt_checkpoint c, last;
        assert_status_ok(import(db, small, &s, &e), e);
        assert_status_ok(
            import(db, "fleet: 1\nworkloads:\n  w: {kind: train, max_chips: 8}\n", &s, &e), e);
        assert_status_ok(flt_lease_get(db, a, 1, &l, &e), e);
        assert_int_equal(l.epoch, 0);
        assert_status_ok(flt_lease_take(db, &(flt_lease){1, 1, 1, "one", 100}, &e), e);
        assert_status(flt_lease_take(db, &(flt_lease){1, 1, 1, "two", 200}, &e), SK_E_INUSE, e,
                      "\"one\" holds the lease, in epoch 1");
        assert_status_ok(flt_lease_renew(db, &(flt_lease){1, 1, 1, "one", 300}, &e), e);
        assert_status_ok(flt_lease_take(db, &(flt_lease){1, 2, 1, "two", 200}, &e), e);
        assert_status(flt_lease_renew(db, &(flt_lease){1, 1, 1, "one", 400}, &e), SK_E_INUSE, e,
                      "\"two\" holds the lease, in epoch 2");
        assert_status_ok(flt_lease_get(db, a, 1, &l, &e), e);
        assert_string_equal(l.holder, "two");
        assert_int_equal(l.expires, 200);
        assert_int_equal(flt_lease_take(db, &(flt_lease){9, 1, 1, "one", 1}, &e), SK_E_INVALID);
        /* A trainer of an epoch that is over may not publish. */
        assert_status_ok(flt_checkpoint_last(db, a, 1, &last, &e), e);
        assert_int_equal(last.step, -1);
        c = (flt_checkpoint){1, 500, 7, 2, "s3://x/500", "ab", 50};
        assert_status_ok(flt_checkpoint_put(db, &c, &e), e);
        c.epoch = 1;
        c.step = 900;
        assert_status(flt_checkpoint_put(db, &c, &e), SK_E_INUSE, e, "epoch 2");
        assert_status_ok(flt_checkpoint_last(db, a, 1, &last, &e), e);
        assert_int_equal(last.step, 500);
        assert_string_equal(last.uri, "s3://x/500");
        sk_arena_free(a);
        flt_db_close(db);
    }
}

static void places(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    for (int kind = 0; (db = fleet_dbs_next(&kind));) {
        sk_arena *a = arena();
        flt_saved s;
        flt_placed p = {0, 1, 1, 8, {100, SK_UTC_END}, "cheapest"}, *got;
        flt_replica r = {0, 1, 1, "v1", "loading", ""}, *all;
        size_t n = 0;
        assert_status_ok(import(db, small, &s, &e), e);
        assert_status_ok(
            import(db, "fleet: 1\nworkloads:\n  w: {kind: serve, max_chips: 8}\n", &s, &e), e);
        assert_status_ok(flt_placed_put(db, &p, &e), e);
        assert_int_equal(p.id, 1);
        assert_status_ok(flt_placed_at(db, a, 99, &got, &n, &e), e);
        assert_int_equal(n, 0);
        p.span.to = 200;
        assert_status_ok(flt_placed_put(db, &p, &e), e);
        assert_status_ok(flt_placed_at(db, a, 199, &got, &n, &e), e);
        assert_int_equal(n, 1);
        assert_string_equal(got[0].reason, "cheapest");
        assert_status_ok(flt_placed_at(db, a, 200, &got, &n, &e), e);
        assert_int_equal(n, 0);
        assert_status_ok(flt_replica_put(db, &r, &e), e);
        r.state = "up";
        r.endpoint = "http://h:1";
        assert_status_ok(flt_replica_put(db, &r, &e), e);
        assert_status_ok(flt_replica_all(db, a, &all, &n, &e), e);
        assert_int_equal(n, 1);
        assert_string_equal(all[0].state, "up");
        assert_status_ok(flt_event_add(db, 5, 1, 0, "outage", "no answer", &e), e);
        assert_int_equal(fleet_dbs_ask(db, "SELECT pool FROM event WHERE workload IS NULL"), 1);
        sk_arena_free(a);
        flt_db_close(db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back), cmocka_unit_test(files_there_and_back),
        cmocka_unit_test(files_in_parts), cmocka_unit_test(settled),
        cmocka_unit_test(bad_files),      cmocka_unit_test(no_memory),
        cmocka_unit_test(promises),       cmocka_unit_test(leases),
        cmocka_unit_test(places),
    };
    return cmocka_run_group_tests_name("fleet_store", tests, unit_dir_make, unit_dir_remove);
}
