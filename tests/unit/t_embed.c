/* t_embed.c - vectors of texts: what a step of states gives, what is refused, no memory.  That they
 * are right is checked in tests/arch.
 */
#include "tests/unit/unit.h"

#include "engine/infer/session.h"
#include "engine/model/model.h"
#include "tests/arch/fixture.h"

enum { MAX_EMBD = 64 };

/* A model of tests/arch in memory, and its sequence. */
typedef struct world {
    sk_buf file;
    arch_case c;
    eng_exec *x;
    eng_model *m;
    int32_t ids[256];
} world;

static void open_world(world *w, const char *description)
{
    sk_err e = SK_ERR_INIT;
    w->file = (sk_buf)SK_BUF_INIT;
    assert_status_ok(arch_make(description, ARCH_PLAIN, &w->c, &w->file, &e), e);
    assert_status_ok(eng_exec_open(2, &w->x, &e), e);
    sk_status st = eng_model_open_bytes(w->x, w->file.p, w->file.len, &w->m, &e);
    assert_status_ok(st, e);
    for (size_t i = 0; i < 256; i++)
        w->ids[i] = arch_id(&w->c, i);
}

static void close_world(world *w)
{
    eng_model_close(w->m);
    eng_exec_close(w->x);
    sk_buf_fini(&w->file);
}

/* A text of many tokens after one of few: the room grows, the vector of the first stays. */
static void texts_are_alone(void **state)
{
    static const char *const of[] = {"tests/arch/bert.arch", "tests/arch/qwen3-embed.arch"};
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        world w;
        sk_err e = SK_ERR_INIT;
        eng_embedder *d;
        float first[MAX_EMBD], again[MAX_EMBD], other[MAX_EMBD];
        open_world(&w, of[k]);
        assert_status_ok(eng_embedder_open(w.x, w.m, &d, &e), e);
        for (int p = ENG_POOL_AUTO; p <= ENG_POOL_LAST; p++) {
            eng_pooling pool = (eng_pooling)p;
            assert_status_ok(eng_embedder_run(d, w.ids, 5, pool, true, first, &e), e);
            assert_status_ok(eng_embedder_run(d, w.ids + 1, 158, pool, true, other, &e), e);
            assert_status_ok(eng_embedder_run(d, w.ids, 5, pool, true, again, &e), e);
            assert_memory_equal(first, again, sizeof first);
            assert_memory_not_equal(first, other, sizeof first);
        }
        eng_embedder_close(d);
        close_world(&w);
    }
}

static void refusals(void **state)
{
    (void)state;
    world w;
    sk_err e = SK_ERR_INIT;
    eng_embedder *d;
    float v[MAX_EMBD];
    open_world(&w, "tests/arch/bert.arch");
    assert_status_ok(eng_embedder_open(w.x, w.m, &d, &e), e);
    sk_status st = eng_embedder_run(d, w.ids, 0, ENG_POOL_AUTO, true, v, &e);
    assert_status(st, SK_E_INVALID, e, "no tokens");
    st = eng_embedder_run(d, w.ids, 161, ENG_POOL_AUTO, true, v, &e);
    assert_status(st, SK_E_TOOBIG, e, "the model takes 160");
    w.ids[3] = 96;
    st = eng_embedder_run(d, w.ids, 5, ENG_POOL_AUTO, true, v, &e);
    assert_status(st, SK_E_INVALID, e, "token id 96");
    ((eng_model *)w.m)->cfg.pooling = 4;
    st = eng_embedder_run(d, w.ids, 3, ENG_POOL_AUTO, true, v, &e);
    assert_status(st, SK_E_UNSUPPORTED, e, "ranks texts");
    assert_status_ok(eng_embedder_run(d, w.ids, 3, ENG_POOL_CLS, true, v, &e), e);
    eng_embedder_close(d);
    close_world(&w);
}

/* What a session of an encoder is asked in vain, and what no step mixes. */
static void steps(void **state)
{
    (void)state;
    world w;
    sk_err e = SK_ERR_INIT;
    eng_session *s;
    eng_session_opts o = {.n_slots = 2, .n_ctx = 20, .max_step = 40};
    open_world(&w, "tests/arch/bert.arch");
    assert_status_ok(eng_session_open(w.x, w.m, &o, &s, &e), e);
    eng_step_item it = {.n = 4, .ids = w.ids, .want = ENG_WANT_LAST};
    assert_status(eng_session_step(s, &it, 1, &e), SK_E_UNSUPPORTED, e, "vectors of texts");
    it.want = ENG_WANT_STATES;
    assert_status_ok(eng_session_step(s, &it, 1, &e), e);
    it.pos = 4;
    assert_status(eng_session_step(s, &it, 1, &e), SK_E_INVALID, e, "as a whole");
    eng_session_close(s);
    close_world(&w);

    open_world(&w, "tests/arch/qwen3-embed.arch");
    assert_status_ok(eng_session_open(w.x, w.m, &o, &s, &e), e);
    eng_step_item two[2] = {{.slot = 0, .n = 4, .ids = w.ids, .want = ENG_WANT_STATES},
                            {.slot = 1, .n = 4, .ids = w.ids, .want = ENG_WANT_LAST}};
    assert_status(eng_session_step(s, two, 2, &e), SK_E_INVALID, e, "either logits or states");
    two[1].want = ENG_WANT_STATES;
    assert_status_ok(eng_session_step(s, two, 2, &e), e);
    assert_memory_equal(two[0].logits, two[1].logits, 4 * MAX_EMBD * sizeof(float));
    eng_session_close(s);
    close_world(&w);
}

/* Whatever failed, the next text comes out of what could be opened. */
static sk_status embed_starved(void *arg, sk_err *e)
{
    const world *w = arg;
    float v[MAX_EMBD];
    eng_embedder *d = NULL;
    sk_err later = SK_ERR_INIT;
    sk_status st = eng_embedder_open(w->x, w->m, &d, e);
    if (!st) st = eng_embedder_run(d, w->ids, 9, ENG_POOL_AUTO, true, v, e);
    if (st) assert_contains(e->text, "memory");
    unit_starve_end();
    if (d) assert_status_ok(eng_embedder_run(d, w->ids, 9, ENG_POOL_AUTO, true, v, &later), later);
    eng_embedder_close(d);
    return st;
}

/* The nth allocation fails, n from 1 until all goes well: nothing is lost. */
static void no_memory(void **state)
{
    (void)state;
    world w;
    open_world(&w, "tests/arch/bert.arch");
    unit_starve(embed_starved, &w, 100, UNIT_GROWS);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts_are_alone),
                                       cmocka_unit_test(refusals), cmocka_unit_test(steps),
                                       cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
