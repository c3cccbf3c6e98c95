/* t_pages.c - pages of sequences and the tree of beginnings: a long random drive in which every
 * page has contents, so that a page given away, shared or evicted wrongly is seen; and the rules
 * one by one. */
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/infer/pages.h"

enum { T = ENG_PAGE_TOKENS, SLOTS = 8, PAGES = 40, MOST = 12, LEN = MOST * T, AHEAD = 100 };

/* A pool whose pages hold token ids, and what each slot's sequence should be. */
typedef struct rig {
    eng_pages *p;
    size_t window; /* of near pages; 0: there are none */
    int32_t page[PAGES][T];
    int32_t near[PAGES][T];
    int32_t ids[SLOTS][LEN];
    size_t len[SLOTS], goal[SLOTS]; /* tokens written, promised; goal 0: not begun */
    size_t n_copies, n_hits;
} rig;

static void copy(void *arg, bool near, uint32_t to, uint32_t from)
{
    rig *r = arg;
    int32_t(*pages)[T] = near ? r->near : r->page;
    assert_true(to < PAGES && from < PAGES && to != from);
    memcpy(pages[to], pages[from], sizeof pages[to]);
    r->n_copies += !near;
}

static void open_near(rig *r, size_t n_pages, bool prefix, size_t n_near, size_t window)
{
    sk_err e = SK_ERR_INIT;
    memset(r, 0, sizeof *r);
    r->window = window;
    eng_pages_opts o = {n_pages, SLOTS, MOST, prefix, copy, r, n_near, window, AHEAD};
    assert_status_ok(eng_pages_open(&o, &r->p, &e), e);
}

static void open_rig(rig *r, size_t n_pages, bool prefix)
{
    open_near(r, n_pages, prefix, 0, 0);
}

static eng_pages_seq seq(const rig *r, uint32_t slot, size_t n)
{
    return (eng_pages_seq){NULL, r->ids[slot], n};
}

/* What a slot's pages hold must be its sequence; near ones what its next token sees. */
static void check_slot(const rig *r, uint32_t slot)
{
    const uint32_t *list = eng_pages_list(r->p, slot), *near = eng_pages_near(r->p, slot);
    size_t n = r->len[slot];
    for (size_t i = 0; i < n; i++)
        assert_int_equal(r->page[list[i / T]][i % T], r->ids[slot][i]);
    for (size_t i = n + 1 > r->window ? n + 1 - r->window : 0; r->window && i < n; i++)
        assert_int_equal(r->near[near[i / T]][i % T], r->ids[slot][i]);
}

/* Writes the slot's tokens up to n, as a step does. */
static void write_to(rig *r, uint32_t slot, size_t n)
{
    size_t pos = r->len[slot];
    assert_true(eng_pages_lack(r->p, slot, pos, n - pos) <= eng_pages_spare(r->p));
    assert_true(eng_pages_near_lack(r->p, slot, pos, n - pos) <= eng_pages_near_spare(r->p));
    assert_true(eng_pages_reaches(r->p, slot, pos));
    eng_pages_own(r->p, slot, pos, n - pos);
    const uint32_t *list = eng_pages_list(r->p, slot), *near = eng_pages_near(r->p, slot);
    for (size_t i = pos; i < n; i++) {
        r->page[list[i / T]][i % T] = r->ids[slot][i];
        if (r->window) r->near[near[i / T]][i % T] = r->ids[slot][i];
    }
    r->len[slot] = n;
}

/* Begins a sequence of n known tokens that may become `all` long. */
static sk_status begin(rig *r, uint32_t slot, size_t n, size_t all)
{
    sk_err e = SK_ERR_INIT;
    eng_pages_seq s = seq(r, slot, n);
    size_t held = 0;
    sk_status st = eng_pages_begin(r->p, slot, &s, all, &held, &e);
    r->len[slot] = st ? 0 : held;
    r->goal[slot] = st ? 0 : all;
    assert_true(held < n);
    check_slot(r, slot);
    return st;
}

static void end(rig *r, uint32_t slot, bool keep)
{
    eng_pages_seq s = seq(r, slot, r->len[slot]);
    eng_pages_end(r->p, slot, keep && s.n ? &s : NULL);
    r->len[slot] = r->goal[slot] = 0;
}

/* The slot's tokens from `from` on become those of kind `k`; what is below stays. */
static void spell(rig *r, uint32_t slot, size_t from, uint64_t k)
{
    for (size_t i = from; i < LEN; i++)
        r->ids[slot][i] = (int32_t)sk_rng_below(k, SK_RNG_TEST, i, 1000);
}

/* ---- the drive ---- */

static uint64_t draw(uint64_t *n, uint64_t below)
{
    return sk_rng_below(77, SK_RNG_TEST, (*n)++, below);
}

/* A new sequence in an empty slot: one of few kinds, branching off another of few somewhere. */
static void drive_begin(rig *r, uint32_t slot, uint64_t *rnd)
{
    size_t all = 2 + draw(rnd, LEN - 1), n = 1 + draw(rnd, all);
    spell(r, slot, 0, draw(rnd, 3));
    spell(r, slot, draw(rnd, LEN), 3 + draw(rnd, 3));
    eng_pages_usage u = eng_pages_used(r->p);
    size_t near = r->window ? eng_pages_near_most(all, r->window, AHEAD) : 0;
    bool fits = near <= eng_pages_near_spare(r->p);
    sk_status st = begin(r, slot, n, all);
    if (st) assert_int_equal(st, SK_E_BUSY);
    size_t spare = u.all - u.held - u.promised;
    if ((all + T - 1) / T <= spare) assert_int_equal(st, fits ? SK_OK : SK_E_BUSY);
    if (!st && r->len[slot]) r->n_hits++;
}

/* A step of a slot that is under way, or its end. */
static void drive_slot(rig *r, uint32_t slot, uint64_t *rnd)
{
    uint64_t what = draw(rnd, 10);
    eng_pages_seq s = seq(r, slot, r->goal[slot]);
    if (what == 0 || r->len[slot] == r->goal[slot]) {
        end(r, slot, draw(rnd, 4) > 0);
        return;
    }
    if (what < 3 && r->len[slot] % T == 0)
        r->len[slot] = eng_pages_adopt(r->p, slot, &s, r->len[slot]);
    check_slot(r, slot);
    size_t left = r->goal[slot] - r->len[slot], some = 1 + draw(rnd, 100);
    write_to(r, slot, r->len[slot] + (some < left ? some : left));
    s.n = r->len[slot];
    if (what < 8) eng_pages_share(r->p, slot, &s);
}

static void drive(rig *r, size_t steps)
{
    uint64_t rnd = 0;
    size_t held = 0;
    for (size_t i = 0; i < steps; i++) {
        uint32_t slot = (uint32_t)draw(&rnd, SLOTS);
        if (r->goal[slot])
            drive_slot(r, slot, &rnd);
        else
            drive_begin(r, slot, &rnd);
        for (uint32_t s = 0; s < SLOTS; s++)
            check_slot(r, s);
        eng_pages_usage u = eng_pages_used(r->p);
        assert_true(u.held + u.promised <= u.all && u.held + u.kept <= u.all);
        held += u.held;
    }
    assert_true(held > steps * PAGES / 8 && r->n_copies > steps / 600 && r->n_hits > steps / 600);
    for (uint32_t s = 0; s < SLOTS; s++)
        end(r, s, false);
    eng_pages_usage u = eng_pages_used(r->p);
    assert_int_equal(u.held + u.promised, 0);
    eng_pages_forget(r->p, NULL);
    assert_int_equal(eng_pages_used(r->p).kept, 0);
    assert_int_equal(eng_pages_spare(r->p), PAGES);
    eng_pages_close(r->p);
}

static void holds_what_was_written(void **state)
{
    (void)state;
    rig r;
    open_rig(&r, PAGES, true);
    drive(&r, 60000);
}

/* The same where some layers see a window, with hardly enough near pages and with many. */
static void holds_what_is_near(void **state)
{
    (void)state;
    static const size_t windows[] = {1, 20, 64, 65, 130, 200, 2000};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        size_t most = eng_pages_near_most(LEN, windows[i], AHEAD);
        rig r;
        open_near(&r, PAGES, true, most * 4 > 30 ? 31 : most * 4, windows[i]);
        drive(&r, 12000);
        open_near(&r, PAGES, true, PAGES, windows[i]);
        drive(&r, 12000);
    }
}

/* ---- rule by rule ---- */

/* What a window does not see is given back, and a beginning is shared where its near pages are. */
static void gives_back_what_is_not_near(void **state)
{
    (void)state;
    rig r;
    sk_err e = SK_ERR_INIT;
    open_near(&r, PAGES, true, 7, 70); /* of which a slot has 4 at most */
    assert_int_equal(eng_pages_near_most(LEN, 70, AHEAD), 4);
    spell(&r, 0, 0, 1);
    assert_int_equal(begin(&r, 0, LEN, LEN), SK_OK);
    assert_int_equal(eng_pages_near_spare(r.p), 2);
    spell(&r, 1, 0, 2);
    assert_int_equal(begin(&r, 1, 3 * T, 3 * T), SK_E_BUSY);
    assert_int_equal(begin(&r, 1, 2 * T, 2 * T), SK_OK);
    end(&r, 1, false);
    for (size_t n = 50; n < LEN; n += 50) {
        eng_pages_seq s = seq(&r, 0, n);
        write_to(&r, 0, n);
        check_slot(&r, 0);
        eng_pages_share(r.p, 0, &s);
    }
    assert_false(eng_pages_reaches(r.p, 0, 5 * T));
    size_t len = r.len[0]; /* 11 pages and more */
    end(&r, 0, true);
    memcpy(r.ids[1], r.ids[0], sizeof r.ids[1]);
    assert_int_equal(begin(&r, 1, LEN, LEN), SK_OK);
    assert_int_equal(r.len[1], len);
    check_slot(&r, 1);
    end(&r, 1, false);
    assert_int_equal(begin(&r, 1, 11 * T + 1, 11 * T + 1), SK_OK);
    assert_int_equal(r.len[1], 11 * T);
    check_slot(&r, 1);
    end(&r, 1, false);
    /* a short beginning: its near pages went to others, so that it is computed again */
    assert_int_equal(begin(&r, 1, 3 * T + 1, 3 * T + 1), SK_OK);
    assert_true(r.len[1] < 3 * T);
    write_to(&r, 1, 3 * T);
    end(&r, 1, true);
    assert_int_equal(begin(&r, 1, 3 * T + 1, 3 * T + 1), SK_OK);
    assert_int_equal(r.len[1], 3 * T);
    eng_pages_close(r.p);
    eng_pages_opts o = {PAGES, 1, MOST, true, copy, &r, 3, 70, AHEAD};
    assert_status_ok(eng_pages_open(&o, &r.p, &e), e);
    eng_pages_seq s = seq(&r, 0, 1);
    size_t held;
    assert_int_equal(eng_pages_begin(r.p, 0, &s, LEN, &held, &e), SK_E_TOOBIG);
    assert_int_equal(eng_pages_begin(r.p, 0, &s, 2 * T, &held, &e), SK_OK);
    eng_pages_close(r.p);
}

/* A second sequence takes full pages by sharing, and the rest by copying. */
static void shares_and_copies(void **state)
{
    (void)state;
    rig r;
    open_rig(&r, PAGES, true);
    spell(&r, 0, 0, 1);
    assert_int_equal(begin(&r, 0, 3 * T, 3 * T), SK_OK);
    write_to(&r, 0, 2 * T + 40);
    end(&r, 0, true);
    assert_int_equal(eng_pages_used(r.p).kept, 3);
    spell(&r, 1, 0, 1);
    spell(&r, 1, 2 * T + 20, 2);
    assert_int_equal(begin(&r, 1, 3 * T, 4 * T), SK_OK);
    assert_int_equal(r.len[1], 2 * T + 20);
    assert_int_equal(r.n_copies, 1);
    spell(&r, 2, 0, 1); /* the last token is never taken */
    assert_int_equal(begin(&r, 2, 2 * T, 2 * T), SK_OK);
    assert_int_equal(r.len[2], 2 * T - 1);
    assert_int_equal(eng_pages_used(r.p).held, 2 + 1 + 1);
    write_to(&r, 1, 4 * T);
    write_to(&r, 2, 2 * T);
    for (uint32_t s = 0; s < 3; s++)
        check_slot(&r, s);
    eng_pages_close(r.p);
}

/* Two that compute the same at once: the later one's pages are given back. */
static void joins_equal_pages(void **state)
{
    (void)state;
    rig r;
    open_rig(&r, PAGES, true);
    for (uint32_t s = 0; s < 2; s++) {
        spell(&r, s, 0, 1);
        assert_int_equal(begin(&r, s, 4 * T, 4 * T), SK_OK);
        write_to(&r, s, 2 * T);
    }
    assert_int_equal(eng_pages_used(r.p).held, 4);
    for (uint32_t s = 0; s < 2; s++) {
        eng_pages_seq q = seq(&r, s, 2 * T);
        eng_pages_share(r.p, s, &q);
    }
    assert_int_equal(eng_pages_used(r.p).held, 2);
    eng_pages_seq q = seq(&r, 0, 4 * T);
    write_to(&r, 1, 3 * T);
    eng_pages_share(r.p, 1, &(eng_pages_seq){NULL, r.ids[1], 3 * T});
    assert_int_equal(eng_pages_adopt(r.p, 0, &q, 2 * T), 3 * T);
    eng_pages_close(r.p);
}

/* Different weights (tags) share nothing. */
static void keeps_tags_apart(void **state)
{
    (void)state;
    rig r;
    size_t held = 9;
    sk_err e = SK_ERR_INIT;
    open_rig(&r, PAGES, true);
    spell(&r, 0, 0, 1);
    assert_int_equal(begin(&r, 0, 3 * T, 3 * T), SK_OK);
    write_to(&r, 0, 3 * T);
    end(&r, 0, true);
    eng_pages_seq s = {&r, r.ids[0], 3 * T};
    assert_status_ok(eng_pages_begin(r.p, 1, &s, 3 * T, &held, &e), e);
    assert_int_equal(held, 0);
    eng_pages_forget(r.p, &r);
    assert_int_equal(eng_pages_used(r.p).kept, 3);
    eng_pages_close(r.p);
}

/* Promises: what is too much now is refused now; what is promised is there whatever others do. */
static void promises(void **state)
{
    (void)state;
    rig r;
    sk_err e = SK_ERR_INIT;
    size_t held;
    open_rig(&r, 10, true);
    for (uint32_t s = 0; s < 4; s++)
        spell(&r, s, 0, s);
    assert_int_equal(begin(&r, 0, 1, 6 * T), SK_OK);
    assert_int_equal(begin(&r, 1, 1, 5 * T), SK_E_BUSY);
    assert_int_equal(begin(&r, 1, 1, 4 * T), SK_OK);
    assert_int_equal(begin(&r, 2, 1, 1), SK_E_BUSY);
    assert_int_equal(eng_pages_lack(r.p, 2, 0, 1), 1);
    assert_int_equal(eng_pages_spare(r.p), 0);
    write_to(&r, 1, 4 * T);
    end(&r, 1, true); /* kept, but free for others */
    assert_int_equal(begin(&r, 2, 1, 4 * T), SK_OK);
    write_to(&r, 2, 4 * T);
    write_to(&r, 0, 6 * T);
    check_slot(&r, 0);
    eng_pages_seq s = seq(&r, 3, 1);
    assert_status(eng_pages_begin(r.p, 3, &s, 11 * T, &held, &e), SK_E_TOOBIG, e,
                  "KV cache of 640");
    eng_pages_close(r.p);
}

/* Among beginnings of equal worth the one unused for longest goes; leaves go before what they
 * stand on; what somebody holds stays. */
static void evicts_what_is_worth_least(void **state)
{
    (void)state;
    rig r;
    open_rig(&r, 6, true);
    for (uint32_t s = 0; s < 3; s++) { /* three beginnings of two pages */
        spell(&r, s, 0, s);
        assert_int_equal(begin(&r, s, 2 * T, 2 * T), SK_OK);
        write_to(&r, s, 2 * T);
        end(&r, s, true);
    }
    assert_int_equal(begin(&r, 0, 2 * T, 2 * T), SK_OK); /* the first is used again */
    assert_int_equal(r.len[0], 2 * T - 1);
    spell(&r, 3, 0, 9);
    assert_int_equal(begin(&r, 3, 2 * T, 2 * T), SK_OK);
    write_to(&r, 3, 2 * T);
    assert_int_equal(begin(&r, 1, T + 1, T + 1), SK_OK); /* it has gone */
    assert_int_equal(r.len[1], 0);
    end(&r, 1, false);
    assert_int_equal(begin(&r, 2, T + 1, T + 1), SK_OK); /* of this the second page has */
    assert_int_equal(r.len[2], T);
    eng_pages_close(r.p);
}

/* A slot that goes back into pages it shares writes into copies. */
static void goes_back(void **state)
{
    (void)state;
    rig r;
    open_rig(&r, PAGES, true);
    spell(&r, 0, 0, 1);
    assert_int_equal(begin(&r, 0, 4 * T, 4 * T), SK_OK);
    write_to(&r, 0, 3 * T + 5);
    eng_pages_seq s = seq(&r, 0, r.len[0]);
    eng_pages_share(r.p, 0, &s);
    memcpy(r.ids[1], r.ids[0], sizeof r.ids[1]);
    assert_int_equal(begin(&r, 1, 4 * T, 4 * T), SK_OK);
    assert_int_equal(r.len[1], 3 * T);
    r.len[0] = T + 10;
    spell(&r, 0, T + 10, 2);
    write_to(&r, 0, 2 * T + 1);
    check_slot(&r, 0);
    check_slot(&r, 1);
    assert_int_equal(r.n_copies, 1);
    eng_pages_close(r.p);
}

/* Without the tree nothing is shared or kept. */
static void works_without_a_tree(void **state)
{
    (void)state;
    rig r;
    open_rig(&r, PAGES, false);
    for (uint32_t s = 0; s < 2; s++) {
        spell(&r, s, 0, 1);
        assert_int_equal(begin(&r, s, 2 * T, 3 * T), SK_OK);
        assert_int_equal(r.len[s], 0);
        write_to(&r, s, 3 * T);
        eng_pages_seq q = seq(&r, s, 3 * T);
        eng_pages_share(r.p, s, &q);
        assert_int_equal(eng_pages_adopt(r.p, s, &q, T), T);
    }
    assert_int_equal(eng_pages_used(r.p).held, 6);
    end(&r, 0, true);
    end(&r, 1, true);
    assert_int_equal(eng_pages_spare(r.p), PAGES);
    eng_pages_close(r.p);
}

static sk_status open_starved(void *arg, sk_err *e)
{
    (void)arg;
    eng_pages *p = NULL;
    eng_pages_opts o = {PAGES, SLOTS, MOST, true, copy, NULL, PAGES, 100, AHEAD};
    sk_status st = eng_pages_open(&o, &p, e);
    assert_int_equal(st == SK_OK, p != NULL);
    eng_pages_close(p);
    return st;
}

static void without_memory(void **state)
{
    (void)state;
    unit_starve(open_starved, NULL, 20, UNIT_TOLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_what_was_written),
        cmocka_unit_test(holds_what_is_near),
        cmocka_unit_test(gives_back_what_is_not_near),
        cmocka_unit_test(shares_and_copies),
        cmocka_unit_test(joins_equal_pages),
        cmocka_unit_test(keeps_tags_apart),
        cmocka_unit_test(promises),
        cmocka_unit_test(evicts_what_is_worth_least),
        cmocka_unit_test(goes_back),
        cmocka_unit_test(works_without_a_tree),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
