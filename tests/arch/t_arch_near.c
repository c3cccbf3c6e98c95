/* t_arch_near.c - a cache whose windowed layers give back what they no longer see: the bytes of one
 * that keeps everything, over long sequences, chunks, company and shared beginnings, in less
 * memory.
 */
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/engine.h"
#include "engine/model/model.h"
#include "tests/arch/fixture.h"

#include <stdio.h>

enum { CTX = 1024, STEP = 48, SLOTS = 3, KINDS = 4, VOCAB = 96, ROUNDS = 60 };

typedef struct world {
    eng_exec *x;
    eng_model *m;
    sk_buf file;
    int32_t ids[KINDS][CTX];
    float *want[KINDS]; /* [CTX, VOCAB] of a session that keeps everything */
} world;

/* The description with a longer context. */
static void open_model(world *w, const char *name)
{
    sk_err e = SK_ERR_INIT;
    arch_case info;
    sk_buf text = SK_BUF_INIT, longer = SK_BUF_INIT;
    char path[256];
    snprintf(path, sizeof path, "tests/arch/%s.arch", name);
    assert_true(unit_read(path, &text));
    char *at = strstr(text.p, "\ncontext ");
    assert_non_null(at);
    sk_buf_add(&longer, text.p, (size_t)(at - text.p));
    sk_buf_addf(&longer, "\ncontext %d", CTX);
    sk_buf_adds(&longer, strchr(at + 1, '\n'));
    const char *copy = unit_path(unit_dir, "long.arch");
    unit_write(copy, longer.p, longer.len);
    assert_status_ok(arch_make(copy, ARCH_PLAIN, &info, &w->file, &e), e);
    assert_int_equal(info.n_vocab, VOCAB);
    assert_status_ok(eng_model_open_bytes(w->x, w->file.p, w->file.len, &w->m, &e), e);
    sk_buf_fini(&text);
    sk_buf_fini(&longer);
}

/* Sequences that begin alike for a while, and all their logits. */
static void make_sequences(world *w)
{
    sk_err e = SK_ERR_INIT;
    eng_session *s = NULL;
    eng_session_opts o = {.n_slots = 1, .n_ctx = CTX, .max_step = 100};
    static const size_t same[KINDS] = {0, 500, 130, 64};
    assert_status_ok(eng_session_open(w->x, w->m, &o, &s, &e), e);
    for (size_t k = 0; k < KINDS; k++) {
        w->want[k] = calloc((size_t)CTX * VOCAB, sizeof(float));
        for (size_t i = 0; i < CTX; i++)
            w->ids[k][i] =
                i < same[k] ? w->ids[0][i] : (int32_t)sk_rng_below(k, SK_RNG_TEST, i, VOCAB);
        for (size_t pos = 0; pos < CTX; pos += 100) {
            size_t n = CTX - pos < 100 ? CTX - pos : 100;
            eng_step_item it = {.pos = pos, .n = n, .ids = w->ids[k] + pos, .want = ENG_WANT_ALL};
            assert_status_ok(eng_session_step(s, &it, 1, &e), e);
            memcpy(w->want[k] + pos * VOCAB, it.logits, n * VOCAB * sizeof(float));
        }
    }
    eng_session_close(s);
}

typedef struct run {
    size_t kind, n, pos; /* tokens it is to become, and has; n 0: none */
} run;

static uint64_t draw(uint64_t *n, uint64_t below)
{
    return sk_rng_below(5, SK_RNG_TEST, (*n)++, below);
}

/* One more run in an empty slot, if there is room; how many tokens it found. */
static size_t begin(const world *w, eng_session *s, uint32_t slot, run *r, uint64_t *rnd)
{
    sk_err e = SK_ERR_INIT;
    *r = (run){.kind = draw(rnd, KINDS), .n = 2 + draw(rnd, CTX - 1)};
    size_t known = 1 + draw(rnd, r->n);
    sk_status st = eng_session_begin(s, slot, w->ids[r->kind], known, r->n, &r->pos, &e);
    if (!st) return r->pos;
    assert_int_equal(st, SK_E_BUSY);
    r->n = 0;
    return 0;
}

/* A step of all slots under way, each with some tokens, whose logits must be the known ones. */
static void step(const world *w, eng_session *s, run *r, uint64_t *rnd)
{
    sk_err e = SK_ERR_INIT;
    eng_step_item it[SLOTS];
    size_t n = 0;
    for (uint32_t i = 0; i < SLOTS; i++) {
        size_t some = 1 + draw(rnd, STEP / SLOTS);
        if (!r[i].n) continue;
        if (some > r[i].n - r[i].pos) some = r[i].n - r[i].pos;
        it[n++] = (eng_step_item){.slot = i,
                                  .pos = r[i].pos,
                                  .n = some,
                                  .ids = w->ids[r[i].kind] + r[i].pos,
                                  .want = ENG_WANT_ALL};
    }
    assert_status_ok(eng_session_step(s, it, n, &e), e);
    for (size_t i = 0; i < n; i++) {
        run *q = &r[it[i].slot];
        assert_memory_equal(it[i].logits, w->want[q->kind] + q->pos * VOCAB,
                            it[i].n * VOCAB * sizeof(float));
        q->pos += it[i].n;
        eng_session_share(s, it[i].slot, w->ids[q->kind], q->pos);
        if (q->pos < q->n) continue;
        eng_session_end(s, it[i].slot, w->ids[q->kind], q->pos);
        q->n = 0;
    }
}

static void same_bytes_in_less(world *w, const char *name, size_t kv_tokens)
{
    sk_err e = SK_ERR_INIT;
    eng_session *s = NULL;
    eng_session_opts o = {
        .n_slots = SLOTS, .n_ctx = CTX, .max_step = STEP, .kv_tokens = kv_tokens, .prefix = true};
    open_model(w, name);
    make_sequences(w);
    uint64_t with = 0, without = 0, rnd = 0;
    assert_status_ok(eng_session_kv_need(w->m, &o, &with, &e), e);
    o.prefix = false;
    assert_status_ok(eng_session_kv_need(w->m, &o, &without, &e), e);
    assert_true(with * 10 < without * 9);
    o.prefix = true;
    assert_status_ok(eng_session_open(w->x, w->m, &o, &s, &e), e);
    assert_true(eng_session_kv_bytes(s) == with);
    run r[SLOTS] = {{0}};
    size_t found = 0, begun = 0;
    while (begun < ROUNDS) {
        for (uint32_t i = 0; i < SLOTS; i++) {
            if (r[i].n) continue;
            found += begin(w, s, i, &r[i], &rnd) > 0;
            begun += r[i].n > 0;
        }
        step(w, s, r, &rnd);
    }
    assert_true(found > 5);
    /* back to where windowed layers cannot look any more */
    for (uint32_t i = 0; i < SLOTS; i++)
        eng_session_end(s, i, NULL, 0);
    for (size_t pos = 0; pos < 960; pos += STEP) {
        eng_step_item it = {.pos = pos, .n = STEP, .ids = w->ids[0] + pos, .want = ENG_WANT_NONE};
        assert_status_ok(eng_session_step(s, &it, 1, &e), e);
    }
    eng_step_item it = {.pos = 300, .n = 1, .ids = w->ids[0] + 300, .want = ENG_WANT_NONE};
    assert_status(eng_session_step(s, &it, 1, &e), SK_E_INVALID, e, "given back");
    eng_session_close(s);
    eng_model_close(w->m);
    for (size_t k = 0; k < KINDS; k++)
        free(w->want[k]);
    sk_buf_fini(&w->file);
}

static void near_caches(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    world w = {.file = SK_BUF_INIT};
    assert_status_ok(eng_exec_open(2, &w.x, &e), e);
    same_bytes_in_less(&w, "gemma3", 0);
    same_bytes_in_less(&w, "gemma3", 1536);
    same_bytes_in_less(&w, "cohere2", 0);
    eng_exec_close(w.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(near_caches, unit_dir_make, unit_dir_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
