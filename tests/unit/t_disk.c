/* t_disk.c - pages on disk: files that are whole, damaged, too many; a thread that reads them for
 * whoever ordered; a cache that gets them back, also after a restart, and computes the same bytes,
 * while others go on.
 */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/infer/fetch.h"
#include "engine/infer/session.h"
#include "engine/infer/spill.h"
#include "tests/unit/fixture_model.h"

#include <dirent.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 3000, V = 288, N = 4 * ENG_KV_PAGE + 10 };

/* ---- files ---- */

static eng_spill_name name_of(unsigned i)
{
    eng_spill_name n;
    sk_sha256_of(&i, sizeof i, n.sha);
    return n;
}

static void fill(uint8_t *page, unsigned i)
{
    for (size_t k = 0; k < PAGE; k++)
        page[k] = (uint8_t)(i * 7 + k * 13);
}

static void put(eng_spill *s, unsigned i)
{
    uint8_t page[PAGE];
    eng_spill_name n = name_of(i);
    fill(page, i);
    eng_spill_put(s, &n, page, true);
}

/* True if page i is there, and then it must be whole. */
static bool get(eng_spill *s, unsigned i)
{
    uint8_t page[PAGE], want[PAGE];
    eng_spill_name n = name_of(i);
    if (!eng_spill_get(s, &n, page)) return false;
    fill(want, i);
    assert_memory_equal(page, want, PAGE);
    return true;
}

static eng_spill *open_spill(const char *dir, uint64_t most)
{
    sk_err e = SK_ERR_INIT;
    eng_spill *s = NULL;
    assert_status_ok(eng_spill_open(dir, most, PAGE, &s, &e), e);
    return s;
}

static void files(void **state)
{
    (void)state;
    char dir[512];
    snprintf(dir, sizeof dir, "%s/sub/folder", unit_tmpdir());
    sk_err e = SK_ERR_INIT;
    eng_spill *s = open_spill(dir, 1 << 20);
    for (unsigned i = 0; i < 40; i++)
        put(s, i);
    put(s, 3);
    eng_spill_close(s);
    assert_int_equal(unit_count_files(dir), 40);
    char left[600];
    snprintf(left, sizeof left, "%s/%064d.kvpage.tmp.4194304", dir, 7); /* of no process */
    unit_write(left, "x", 1);
    s = open_spill(dir, 1 << 20);
    assert_int_equal(unit_count_files(dir), 40);
    for (unsigned i = 0; i < 40; i++)
        assert_true(get(s, i));
    assert_false(get(s, 40));
    eng_spill_close(s);
    assert_status(eng_spill_open(dir, PAGE, PAGE, &s, &e), SK_E_INVALID, e, "3000 bytes");
    unit_write(unit_path(dir, "file"), "x", 1);
    assert_int_not_equal(eng_spill_open(unit_path(dir, "file"), 1 << 20, PAGE, &s, &e), SK_OK);
    eng_spill_close(NULL);
}

/* The path of page i. */
static const char *path(const char *dir, unsigned i)
{
    char hex[SK_SHA256_HEX + 10];
    eng_spill_name n = name_of(i);
    sk_sha256_hex(n.sha, hex);
    strcat(hex, ".kvpage");
    return unit_path(dir, hex);
}

/* Cut, longer, another byte, another's name: each is no page, and gone. */
static void damage(void **state)
{
    (void)state;
    char dir[512];
    snprintf(dir, sizeof dir, "%s/pages", unit_tmpdir());
    for (size_t at = 0; at < PAGE + 60; at += 97) {
        eng_spill *s = open_spill(dir, 1 << 20);
        put(s, 1);
        eng_spill_close(s);
        s = open_spill(dir, 1 << 20);
        char file[600];
        snprintf(file, sizeof file, "%s", path(dir, 1));
        sk_buf b = SK_BUF_INIT;
        assert_true(unit_read(file, &b));
        if (at % 3 == 0) {
            b.len = at < b.len ? at : b.len - 1;
        } else if (at % 3 == 1) {
            sk_buf_adds(&b, "more");
        } else {
            b.p[at < b.len ? at : b.len - 1] ^= 1;
        }
        unit_write(file, b.p, b.len);
        sk_buf_fini(&b);
        bool padding = at % 3 == 2 && at >= 52 && at < 56; /* says nothing */
        assert_int_equal(get(s, 1), padding);
        assert_int_equal(unit_count_files(dir), padding);
        eng_spill_close(s);
        (void)unlink(file);
    }
}

/* Never more bytes than there may be; what was used least recently goes. */
static void bounded(void **state)
{
    (void)state;
    char dir[512];
    snprintf(dir, sizeof dir, "%s/pages", unit_tmpdir());
    eng_spill *s = open_spill(dir, 20 * PAGE);
    for (unsigned i = 0; i < 18; i++)
        put(s, i);
    eng_spill_close(s);
    assert_int_equal(unit_count_files(dir), 18);
    for (unsigned i = 0; i < 18; i++) {
        const struct timespec then[2] = {{1000 + i, 0}, {1000 + i, 0}};
        assert_int_equal(utimensat(AT_FDCWD, path(dir, i), then, 0), 0);
    }
    s = open_spill(dir, 20 * PAGE);
    assert_true(get(s, 0));
    for (unsigned i = 18; i < 24; i++)
        put(s, i);
    eng_spill_close(s);
    assert_in_range(unit_count_files(dir), 15, 19);
    s = open_spill(dir, 20 * PAGE);
    assert_true(get(s, 0));
    assert_false(get(s, 1));
    assert_true(get(s, 23));
    eng_spill_close(s);
}

/* ---- orders ---- */

static void on_news(void *arg)
{
    assert_int_equal(sem_post(arg), 0);
}

/* Orders the pages from `first` on for a slot. */
static void order(eng_fetch *f, uint32_t slot, unsigned first, size_t n)
{
    eng_spill_name name[64];
    for (unsigned i = 0; i < n; i++)
        name[i] = name_of(first + i);
    assert_true(eng_fetch_order(f, slot, name, n));
}

/* Takes all pages of a slot's order, which are those from `first` on; how many came. */
static unsigned take_all(eng_fetch *f, uint32_t slot, unsigned first, sem_t *news)
{
    uint8_t want[PAGE];
    unsigned n = 0;
    for (bool more = true; more;) {
        void *page = eng_fetch_take(f, slot, &more);
        if (!page && more) assert_int_equal(sem_wait(news), 0);
        if (!page) continue;
        fill(want, first + n++);
        assert_memory_equal(page, want, PAGE);
        sk_free(page);
    }
    return n;
}

/* Orders of two slots, one that ends early, one that is replaced, one that is cancelled and one
 * that nobody takes to its end. */
static void orders(void **state)
{
    (void)state;
    char dir[512];
    sem_t news;
    bool more = true;
    snprintf(dir, sizeof dir, "%s/pages", unit_tmpdir());
    sk_err e = SK_ERR_INIT;
    eng_fetch *f = NULL;
    eng_spill *s = open_spill(dir, 1 << 20);
    for (unsigned i = 0; i < 40; i++)
        put(s, i);
    eng_spill_close(s);
    s = open_spill(dir, 1 << 20);
    assert_int_equal(sem_init(&news, 0, 0), 0);
    assert_status_ok(eng_fetch_open(s, PAGE, 3, &f, &e), e);
    eng_fetch_listen(f, on_news, &news);
    assert_null(eng_fetch_take(f, 0, &more));
    assert_false(more);
    order(f, 0, 0, 20);
    order(f, 2, 30, 20); /* of which ten are there */
    assert_int_equal(take_all(f, 2, 30, &news), 10);
    assert_int_equal(take_all(f, 0, 0, &news), 20);
    order(f, 1, 0, 40);
    order(f, 1, 5, 30);
    assert_int_equal(take_all(f, 1, 5, &news), 30);
    order(f, 1, 0, 40);
    eng_fetch_cancel(f, 1);
    assert_null(eng_fetch_take(f, 1, &more));
    assert_false(more);
    order(f, 0, 50, 1);
    assert_int_equal(take_all(f, 0, 50, &news), 0);
    order(f, 0, 0, 40);
    assert_int_equal(sem_wait(&news), 0);
    eng_fetch_listen(f, NULL, NULL);
    eng_fetch_close(f);
    eng_fetch_close(NULL);
    eng_spill_close(s);
    (void)sem_destroy(&news);
}

/* ---- a cache ---- */

typedef struct world {
    char dir[512], disk[600];
    eng_exec *x;
    eng_model *m;
    int32_t ids[3][N];
    float *want; /* logits behind the first sequence */
    sem_t news;  /* of what is read */
} world;

/* A session whose cache holds as many sequences as it has slots. */
static eng_session *open_slots(world *w, bool disk, size_t n_slots)
{
    sk_err e = SK_ERR_INIT;
    eng_session *s = NULL;
    eng_session_opts o = {.n_slots = n_slots,
                          .n_ctx = N,
                          .max_step = N,
                          .kv_tokens = n_slots * 5 * ENG_KV_PAGE,
                          .prefix = true,
                          .prefix_disk = disk ? w->disk : NULL,
                          .prefix_disk_most = 1 << 24};
    assert_status_ok(eng_session_open(w->x, w->m, &o, &s, &e), e);
    eng_session_listen(s, on_news, &w->news);
    return s;
}

static eng_session *open_session(world *w, bool disk)
{
    return open_slots(w, disk, 1);
}

/* Takes all that is being read for slot 0: how many tokens it holds then. */
static size_t arrive(eng_session *s, world *w, const int32_t *ids)
{
    size_t held = 0;
    for (bool more = true; more;) {
        size_t had = held;
        held = eng_session_arrive(s, 0, ids, 1, &more);
        assert_true(held >= had && held - had <= ENG_KV_PAGE + had % ENG_KV_PAGE);
        if (more && held == had) assert_int_equal(sem_wait(&w->news), 0);
    }
    return held;
}

/* Runs sequence i to its end; how many of its tokens were there. */
static size_t run(eng_session *s, world *w, size_t i, float *logits)
{
    sk_err e = SK_ERR_INIT;
    size_t held = 0;
    assert_status_ok(eng_session_begin(s, 0, w->ids[i], N, N, &held, &e), e);
    if (eng_session_fetch(s, 0, w->ids[i], N)) held = arrive(s, w, w->ids[i]);
    eng_step_item it = {.pos = held, .n = N - held, .ids = w->ids[i] + held, .want = ENG_WANT_LAST};
    assert_status_ok(eng_session_step(s, &it, 1, &e), e);
    if (logits) memcpy(logits, it.logits, V * sizeof *logits);
    eng_session_end(s, 0, w->ids[i], N);
    return held;
}

static void open_world(world *w)
{
    sk_err e = SK_ERR_INIT;
    eng_config c = fixture_config("llama");
    c.n_ctx = 512;
    snprintf(w->dir, sizeof w->dir, "%s", unit_tmpdir());
    snprintf(w->disk, sizeof w->disk, "%s/disk", w->dir);
    const char *file = unit_path(w->dir, "m.gguf");
    assert_status_ok(fixture_model_write(file, &c, 3, ENG_F32, &e), e);
    assert_status_ok(eng_exec_open(1, &w->x, &e), e);
    assert_status_ok(eng_model_open(w->x, file, &w->m, &e), e);
    for (size_t s = 0; s < 3; s++)
        for (size_t i = 0; i < N; i++)
            w->ids[s][i] = (int32_t)sk_rng_below(s, SK_RNG_TEST, i, V);
    w->want = malloc(V * sizeof *w->want);
    assert_int_equal(sem_init(&w->news, 0, 0), 0);
    eng_session *s = open_session(w, false);
    assert_int_equal(run(s, w, 0, w->want), 0);
    eng_session_close(s);
}

static void close_world(world *w)
{
    free(w->want);
    eng_model_close(w->m);
    eng_exec_close(w->x);
    (void)sem_destroy(&w->news);
    unit_rm_rf(w->dir);
}

/* Does something to each file of the folder. */
static void each_file(const char *dir, void (*fn)(const char *path))
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));) {
        char file[900];
        if (*e->d_name == '.') continue;
        snprintf(file, sizeof file, "%s/%s", dir, e->d_name);
        fn(file);
    }
    closedir(d);
}

static void spoil(const char *file)
{
    sk_buf b = SK_BUF_INIT;
    assert_true(unit_read(file, &b));
    b.p[b.len / 2] ^= 4;
    unit_write(file, b.p, b.len);
    sk_buf_fini(&b);
}

static void read_back(void **state)
{
    (void)state;
    world w;
    float got[V];
    open_world(&w);
    eng_session *s = open_session(&w, true);
    assert_int_equal(run(s, &w, 0, got), 0);
    assert_memory_equal(got, w.want, sizeof got);
    eng_session_close(s); /* all is written */
    assert_int_equal(unit_count_files(w.disk), 4);
    s = open_session(&w, true);
    assert_int_equal(run(s, &w, 0, got), 4 * ENG_KV_PAGE);
    assert_memory_equal(got, w.want, sizeof got);
    (void)run(s, &w, 1, NULL); /* takes the pages of the first */
    (void)run(s, &w, 2, NULL);
    assert_int_equal(run(s, &w, 0, got), 4 * ENG_KV_PAGE);
    assert_memory_equal(got, w.want, sizeof got);
    eng_session_close(s);
    close_world(&w);
}

static void make_fifo(const char *file)
{
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkfifo(file, 0600), 0);
}

/* Whoever waits for the fifo, or is about to, reads something that is no page. */
static int fifo[8];
static size_t n_fifos;

static void answer_fifo(const char *file)
{
    char no_page[100] = {0};
    assert_true(n_fifos < sizeof fifo / sizeof *fifo);
    int fd = fifo[n_fifos++] = open(file, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, no_page, sizeof no_page), sizeof no_page);
}

/* The disk never answers: another slot is stepped to its end meanwhile, and the slot that waits may
 * stop waiting, too. */
static void others_go_on(void **state)
{
    (void)state;
    world w;
    float got[V];
    bool more = false;
    size_t held = 0;
    sk_err e = SK_ERR_INIT;
    open_world(&w);
    eng_session *s = open_session(&w, true);
    (void)run(s, &w, 0, NULL);
    eng_session_close(s);
    each_file(w.disk, make_fifo);
    s = open_slots(&w, true, 2);
    assert_status_ok(eng_session_begin(s, 0, w.ids[0], N, N, &held, &e), e);
    assert_true(eng_session_fetch(s, 0, w.ids[0], N));
    assert_status_ok(eng_session_begin(s, 1, w.ids[1], N, N, &held, &e), e);
    for (size_t i = 0; i < N; i++) {
        eng_step_item it = {.slot = 1, .pos = i, .n = 1, .ids = w.ids[1] + i};
        assert_status_ok(eng_session_step(s, &it, 1, &e), e);
        assert_int_equal(eng_session_arrive(s, 0, w.ids[0], 1, &more), 0);
        assert_true(more);
    }
    eng_step_item it = {.slot = 0, .n = N, .ids = w.ids[0], .want = ENG_WANT_LAST};
    assert_status_ok(eng_session_step(s, &it, 1, &e), e);
    assert_memory_equal(it.logits, w.want, sizeof got);
    assert_int_equal(eng_session_arrive(s, 0, w.ids[0], 1, &more), N);
    assert_false(more);
    eng_session_end(s, 0, NULL, 0);
    eng_session_end(s, 1, NULL, 0);
    each_file(w.disk, answer_fifo);
    eng_session_close(s);
    while (n_fifos)
        assert_int_equal(close(fifo[--n_fifos]), 0);
    close_world(&w);
}

/* What is damaged is computed again, and the next time it is whole. */
static void damaged_pages(void **state)
{
    (void)state;
    world w;
    float got[V];
    open_world(&w);
    eng_session *s = open_session(&w, true);
    (void)run(s, &w, 0, NULL);
    eng_session_close(s);
    each_file(w.disk, spoil);
    s = open_session(&w, true);
    assert_int_equal(run(s, &w, 0, got), 0);
    assert_memory_equal(got, w.want, sizeof got);
    assert_int_equal(unit_count_files(w.disk), 3); /* the first was looked at, and removed */
    eng_session_close(s);
    close_world(&w);
}

/* Other numbers in the cache are other pages. */
static void other_types(void **state)
{
    (void)state;
    world w;
    sk_err e = SK_ERR_INIT;
    open_world(&w);
    eng_session *s = open_session(&w, true);
    (void)run(s, &w, 0, NULL);
    eng_session_close(s);
    eng_session_opts o = {.n_slots = 1,
                          .n_ctx = N,
                          .max_step = N,
                          .kv_type = ENG_F16,
                          .prefix = true,
                          .prefix_disk = w.disk,
                          .prefix_disk_most = 1 << 24};
    assert_status_ok(eng_session_open(w.x, w.m, &o, &s, &e), e);
    eng_session_listen(s, on_news, &w.news);
    assert_int_equal(run(s, &w, 0, NULL), 0);
    eng_session_close(s);
    o.prefix_disk_most = 10;
    assert_status(eng_session_open(w.x, w.m, &o, &s, &e), SK_E_INVALID, e, "more than 10");
    close_world(&w);
}

static sk_status attempt(void *arg, sk_err *e)
{
    world *w = arg;
    eng_session *s = NULL;
    float got[V];
    eng_session_opts o = {.n_slots = 1,
                          .n_ctx = N,
                          .max_step = N,
                          .prefix = true,
                          .prefix_disk = w->disk,
                          .prefix_disk_most = 1 << 24};
    sk_status st = eng_session_open(w->x, w->m, &o, &s, e);
    if (st) return st;
    eng_session_listen(s, on_news, &w->news);
    (void)run(s, w, 0, got);
    assert_memory_equal(got, w->want, sizeof got);
    eng_session_close(s);
    return SK_OK;
}

/* Whatever has no memory, a session opens or says so, and its answers stay the same. */
static void out_of_memory(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    for (unsigned long nth = 1; nth < 60; nth++) {
        sk_err e = SK_ERR_INIT;
        sk_fault_plan(SK_FAULT_ALLOC, nth, false);
        sk_status st = attempt(&w, &e);
        sk_fault_plan(SK_FAULT_ALLOC, 0, false);
        assert_true(st == SK_OK || st == SK_E_NOMEM);
    }
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),         cmocka_unit_test(damage),
        cmocka_unit_test(bounded),       cmocka_unit_test(orders),
        cmocka_unit_test(read_back),     cmocka_unit_test(others_go_on),
        cmocka_unit_test(damaged_pages), cmocka_unit_test(other_types),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
