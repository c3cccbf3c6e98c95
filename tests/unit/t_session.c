/* t_session.c - sessions: what is refused, and that batching, chunking, threads and rewinding
 * change no byte. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/infer/kv.h"
#include "engine/infer/session.h"
#include "tests/unit/fixture_model.h"

#include <math.h>
#include <stdio.h>

enum { N = 90, V = 288, SLOTS = 8 };

/* A model in a folder of its own, and ids of SLOTS sequences. */
typedef struct world {
    char dir[256], path[300];
    eng_exec *x;
    eng_model *m;
    int32_t ids[SLOTS][N];
    eng_dtype kv_type;
} world;

static void open_world(world *w, const char *arch, eng_dtype dtype, size_t threads)
{
    sk_err e = SK_ERR_INIT;
    eng_config c = fixture_config(arch);
    c.n_ff = 600; /* more than a block of the matrix product */
    w->kv_type = ENG_F32;
    snprintf(w->dir, sizeof w->dir, "%s", unit_tmpdir());
    snprintf(w->path, sizeof w->path, "%s/m.gguf", w->dir);
    assert_status_ok(fixture_model_write(w->path, &c, 3, dtype, &e), e);
    assert_status_ok(eng_exec_open(threads, &w->x, &e), e);
    assert_status_ok(eng_model_open(w->x, w->path, &w->m, &e), e);
    for (size_t s = 0; s < SLOTS; s++)
        for (size_t i = 0; i < N; i++)
            w->ids[s][i] = (int32_t)sk_rng_below(s, SK_RNG_TEST, i, V);
}

static void close_world(world *w)
{
    eng_model_close(w->m);
    eng_exec_close(w->x);
    unit_rm_rf(w->dir);
}

static eng_session *open_session(const world *w, size_t slots, size_t n_ctx, size_t max_step)
{
    sk_err e = SK_ERR_INIT;
    eng_session *s = NULL;
    eng_session_opts o = {slots, n_ctx, max_step, w->kv_type};
    assert_status_ok(eng_session_open(w->x, w->m, &o, &s, &e), e);
    return s;
}

static void step(eng_session *s, eng_step_item *it, size_t n)
{
    sk_err e = SK_ERR_INIT;
    assert_status_ok(eng_session_step(s, it, n, &e), e);
}

/* Logits [N, V] of sequence `seq` in chunks of `chunk`. */
static void in_chunks(const world *w, size_t seq, size_t chunk, float *out)
{
    eng_session *s = open_session(w, 1, N, chunk);
    for (size_t pos = 0; pos < N; pos += chunk) {
        eng_step_item it = {.pos = pos, .ids = w->ids[seq] + pos, .want = ENG_WANT_ALL};
        it.n = N - pos < chunk ? N - pos : chunk;
        step(s, &it, 1);
        memcpy(out + pos * V, it.logits, it.n * V * sizeof *out);
    }
    eng_session_close(s);
}

/* Logits of sequence 0 among SLOTS that move at different paces, items in changing order. */
static void in_company(const world *w, float *out)
{
    eng_session *s = open_session(w, SLOTS, N, 64);
    size_t pos[SLOTS] = {0};
    for (size_t round = 0; pos[0] < N; round++) {
        eng_step_item it[SLOTS];
        size_t n = 0, mine = 0;
        for (size_t i = 0; i < SLOTS; i++) {
            size_t slot = (i + round) % SLOTS, want = 1 + (slot * 5 + round) % 8;
            if (slot && pos[slot] + want > N) pos[slot] = 0; /* begins again */
            size_t left = N - pos[slot];
            if (!slot) mine = n;
            it[n++] = (eng_step_item){.slot = (uint32_t)slot,
                                      .pos = pos[slot],
                                      .n = want < left ? want : left,
                                      .ids = w->ids[slot] + pos[slot],
                                      .want = slot ? (eng_want)((slot + round) % 3) : ENG_WANT_ALL};
        }
        step(s, it, n);
        memcpy(out + pos[0] * V, it[mine].logits, it[mine].n * V * sizeof *out);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(!it[i].logits, it[i].want == ENG_WANT_NONE);
            pos[it[i].slot] += it[i].n;
        }
    }
    eng_session_close(s);
}

static void same_bytes_of(const char *arch, eng_dtype dtype, eng_dtype kv_type)
{
    static float want[N * V], got[N * V];
    for (size_t threads = 1; threads <= 3; threads++) {
        world w;
        open_world(&w, arch, dtype, threads);
        w.kv_type = kv_type;
        if (threads == 1) in_chunks(&w, 0, N, want);
        const size_t chunk[] = {1, 3, 17, 64, N};
        for (size_t i = 0; i < 5; i++) {
            memset(got, 0, sizeof got);
            in_chunks(&w, 0, chunk[i], got);
            assert_memory_equal(got, want, sizeof want);
        }
        memset(got, 0, sizeof got);
        in_company(&w, got);
        assert_memory_equal(got, want, sizeof want);
        close_world(&w);
    }
}

static void same_bytes_f32(void **state)
{
    (void)state;
    same_bytes_of("qwen3", ENG_F32, ENG_F32);
    same_bytes_of("llama", ENG_F32, ENG_F32);
}

static void same_bytes_bf16(void **state)
{
    (void)state;
    same_bytes_of("qwen3", ENG_BF16, ENG_F32);
    same_bytes_of("llama", ENG_BF16, ENG_F32);
}

static void same_bytes_of_caches(void **state)
{
    (void)state;
    same_bytes_of("qwen3", ENG_F32, ENG_F16);
    same_bytes_of("llama", ENG_F32, ENG_BF16);
    same_bytes_of("qwen3", ENG_F32, ENG_Q8_0);
}

/* Smaller types lose little: relative L2 distance of the logits from those of floats.  (Seen: 5e-4,
 * 4e-3, 9e-3.) */
static void lossy_caches(void **state)
{
    (void)state;
    static float want[N * V], got[N * V];
    const struct {
        eng_dtype type;
        double most;
    } kept[] = {{ENG_F16, 1e-3}, {ENG_BF16, 8e-3}, {ENG_Q8_0, 16e-3}};
    world w;
    open_world(&w, "qwen3", ENG_F32, 1);
    in_chunks(&w, 0, N, want);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        double apart = 0, all = 0;
        w.kv_type = kept[i].type;
        in_chunks(&w, 0, N, got);
        for (size_t j = 0; j < (size_t)N * V; j++) {
            apart += ((double)got[j] - (double)want[j]) * ((double)got[j] - (double)want[j]);
            all += (double)want[j] * (double)want[j];
        }
        double far = sqrt(apart / all);
        print_message("%s: %.2g\n", eng_dtype_name(kept[i].type), far);
        assert_true(far > 0 && far < kept[i].most);
    }
    close_world(&w);
}

static void refused_caches(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_session *s = NULL;
    world w;
    open_world(&w, "llama", ENG_F32, 1);
    eng_session_opts o = {1, 8, 8, ENG_Q4_0};
    assert_status(eng_session_open(w.x, w.m, &o, &s, &e), SK_E_INVALID, e, "Q8_0");
    close_world(&w);
}

static void wants(void **state)
{
    (void)state;
    static float all[N * V];
    world w;
    open_world(&w, "qwen3", ENG_F32, 1);
    in_chunks(&w, 2, N, all);
    eng_session *s = open_session(&w, 1, N, N);
    eng_step_item it = {.n = 50, .ids = w.ids[2], .want = ENG_WANT_NONE};
    step(s, &it, 1);
    assert_null(it.logits);
    assert_int_equal(eng_session_len(s, 0), 50);
    it = (eng_step_item){.pos = 50, .n = 40, .ids = w.ids[2] + 50, .want = ENG_WANT_LAST};
    step(s, &it, 1);
    assert_memory_equal(it.logits, all + (N - 1) * V, V * sizeof *all);
    step(s, NULL, 0);
    eng_session_close(s);
    close_world(&w);
}

/* Going back forgets what came later, and nothing of it shows. */
static void rewinding(void **state)
{
    (void)state;
    static float all[N * V];
    world w;
    open_world(&w, "llama", ENG_F32, 2);
    in_chunks(&w, 1, N, all);
    eng_session *s = open_session(&w, 2, N, N);
    eng_step_item it = {.slot = 1, .n = N, .ids = w.ids[0]};
    step(s, &it, 1);
    it = (eng_step_item){.slot = 1, .n = 30, .ids = w.ids[1]};
    step(s, &it, 1);
    assert_int_equal(eng_session_len(s, 1), 30);
    assert_int_equal(eng_session_len(s, 0), 0);
    it = (eng_step_item){.slot = 1, .pos = 10, .n = 5, .ids = w.ids[1] + 10, .want = ENG_WANT_ALL};
    step(s, &it, 1);
    assert_memory_equal(it.logits, all + 10 * V, 5 * V * sizeof *all);
    sk_err e = SK_ERR_INIT;
    it = (eng_step_item){.slot = 1, .pos = 16, .n = 1, .ids = w.ids[1]};
    assert_status(eng_session_step(s, &it, 1, &e), SK_E_INVALID, e, "position 16");
    eng_session_close(s);
    close_world(&w);
}

/* ---- shared pages ---- */

/* Begins ids [n] in a slot and steps what it does not hold yet; every row must be as in `want`. */
static void continue_shared(eng_session *s, uint32_t slot, const int32_t *ids, size_t n,
                            size_t held, const float *want)
{
    sk_err e = SK_ERR_INIT;
    size_t got = SIZE_MAX;
    assert_status_ok(eng_session_begin(s, slot, ids, n, n, &got, &e), e);
    assert_int_equal(got, held);
    assert_int_equal(eng_session_len(s, slot), held);
    eng_step_item it = {.slot = slot, .pos = held, .n = n - held, .ids = ids + held};
    it.want = ENG_WANT_ALL;
    step(s, &it, 1);
    assert_memory_equal(it.logits, want + held * V, (n - held) * V * sizeof *want);
}

/* What others computed, whole pages and a copied part of one, gives the bytes of computing it. */
static void same_bytes_of_shared(void **state)
{
    (void)state;
    static float want[N * V], other[N * V];
    const eng_dtype kept[] = {ENG_F32, ENG_F16, ENG_Q8_0};
    for (size_t k = 0; k < sizeof kept / sizeof *kept; k++) {
        world w;
        open_world(&w, "qwen3", ENG_F32, 2);
        w.kv_type = kept[k];
        memcpy(w.ids[1], w.ids[0], 80 * sizeof w.ids[1][0]);
        in_chunks(&w, 0, N, want);
        in_chunks(&w, 1, N, other);
        eng_session_opts o = {4, N, N, w.kv_type, NULL, 0, true};
        eng_session *s = NULL;
        sk_err e = SK_ERR_INIT;
        assert_status_ok(eng_session_open(w.x, w.m, &o, &s, &e), e);
        continue_shared(s, 0, w.ids[0], N, 0, want);
        eng_session_share(s, 0, w.ids[0], N);
        continue_shared(s, 1, w.ids[0], N, 64, want);
        eng_session_end(s, 0, w.ids[0], N);
        continue_shared(s, 2, w.ids[1], N, 80, other);
        continue_shared(s, 3, w.ids[0], N, N - 1, want);
        eng_kv_usage u = eng_session_kv_usage(s);
        assert_true(u.pages == 8 && u.held == 1 + 3 && u.kept == 1 && u.promised == 0);
        for (uint32_t i = 1; i < 4; i++)
            eng_session_end(s, i, w.ids[0], 0);
        eng_session_forget(s, NULL);
        continue_shared(s, 1, w.ids[0], N, 0, want);
        eng_session_close(s);
        close_world(&w);
    }
}

/* A cache smaller than all slots: promised, refused now, refused for good, taken without asking. */
static void smaller_cache(void **state)
{
    (void)state;
    world w;
    size_t held;
    sk_err e = SK_ERR_INIT;
    eng_session *s = NULL;
    open_world(&w, "llama", ENG_F32, 1);
    eng_session_opts o = {2, 90, 16, ENG_F32, NULL, 65, true};
    assert_status_ok(eng_session_open(w.x, w.m, &o, &s, &e), e);
    assert_status_ok(eng_session_begin(s, 0, w.ids[0], 5, 64, &held, &e), e);
    assert_int_equal(eng_session_extend(s, 0, 91), SK_E_INVALID);
    assert_status_ok(eng_session_extend(s, 0, 65), e);
    assert_status(eng_session_begin(s, 1, w.ids[1], 1, 1, &held, &e), SK_E_BUSY, e, "full");
    eng_step_item it = {.slot = 1, .n = 1, .ids = w.ids[1]};
    assert_status(eng_session_step(s, &it, 1, &e), SK_E_NOMEM, e, "0 pages free");
    it.slot = 0;
    step(s, &it, 1);
    eng_session_end(s, 0, w.ids[1], 1);
    assert_status(eng_session_begin(s, 2, w.ids[1], 1, 1, &held, &e), SK_E_INVALID, e, "slot 2");
    assert_status(eng_session_begin(s, 0, w.ids[1], 2, 1, &held, &e), SK_E_INVALID, e, "at most");
    assert_status(eng_session_begin(s, 0, w.ids[1], 1, 91, &held, &e), SK_E_INVALID, e, "at most");
    eng_session_close(s);
    o.kv_tokens = 64;
    assert_status_ok(eng_session_open(w.x, w.m, &o, &s, &e), e);
    assert_status(eng_session_begin(s, 0, w.ids[0], 1, 65, &held, &e), SK_E_TOOBIG, e, "64");
    eng_session_close(s);
    close_world(&w);
}

/* ---- refusals ---- */

static void bad_options(void **state)
{
    (void)state;
    world w;
    open_world(&w, "llama", ENG_F32, 1);
    const struct {
        eng_session_opts o;
        const char *says;
    } bad[] = {
        {{0, 8, 8}, "slots"},       {{1u << 17, 8, 8}, "slots"},   {{1, 0, 8}, "context"},
        {{1, 97, 8}, "model has"},  {{1, SIZE_MAX, 8}, "context"}, {{1, 8, 0}, "step"},
        {{1, 8, SIZE_MAX}, "step"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sk_err e = SK_ERR_INIT;
        eng_session *s = (eng_session *)&w;
        assert_status(eng_session_open(w.x, w.m, &bad[i].o, &s, &e), SK_E_INVALID, e, bad[i].says);
        assert_ptr_equal(s, &w);
    }
    eng_session *s = open_session(&w, 3, 65, 4); /* whole pages of 64 tokens, two each */
    size_t page = 64 * 2 * 2 * 2 * 16 * sizeof(float), apart = 64 * 16 * sizeof(float);
    assert_int_equal(eng_session_kv_bytes(s), 3 * 2 * (page + apart));
    eng_session_close(s);
    eng_session_close(NULL);
    close_world(&w);
}

/* Each bad item alone and beside a good one: refused, and nothing has changed. */
static void bad_items(void **state)
{
    (void)state;
    world w;
    open_world(&w, "llama", ENG_F32, 1);
    eng_session *s = open_session(&w, 3, 40, 16);
    eng_step_item it = {.slot = 0, .n = 10, .ids = w.ids[0]};
    step(s, &it, 1);
    const int32_t low[] = {1, -1}, high[] = {1, V}, lowest[] = {INT32_MIN};
    const struct {
        eng_step_item it;
        sk_status st;
        const char *says;
    } bad[] = {
        {{.slot = 3, .n = 1, .ids = low}, SK_E_INVALID, "slot 3"},
        {{.slot = UINT32_MAX, .n = 1, .ids = low}, SK_E_INVALID, "slot"},
        {{.slot = 0, .n = 0, .ids = low}, SK_E_INVALID, "without tokens"},
        {{.slot = 0, .n = 1, .ids = NULL}, SK_E_INVALID, "without tokens"},
        {{.slot = 0, .pos = 11, .n = 1, .ids = low}, SK_E_INVALID, "position 11"},
        {{.slot = 2, .pos = SIZE_MAX, .n = 1, .ids = low}, SK_E_INVALID, "position"},
        {{.slot = 0, .pos = 10, .n = SIZE_MAX, .ids = low}, SK_E_INVALID, "context"},
        {{.slot = 0, .pos = 10, .n = SIZE_MAX - 9, .ids = low}, SK_E_INVALID, "context"},
        {{.slot = 0, .pos = 10, .n = 31, .ids = w.ids[0]}, SK_E_INVALID, "context"},
        {{.slot = 0, .n = 2, .ids = low}, SK_E_INVALID, "token id -1"},
        {{.slot = 0, .n = 2, .ids = high}, SK_E_INVALID, "token id 288"},
        {{.slot = 0, .n = 1, .ids = lowest}, SK_E_INVALID, "token id"},
        {{.slot = 0, .n = 1, .ids = high, .want = (eng_want)9}, SK_E_INVALID, "logits"},
        {{.slot = 1, .n = 17, .ids = w.ids[0]}, SK_E_TOOBIG, "16 tokens"},
        {{.slot = 2, .n = 1, .ids = high}, SK_E_INVALID, "twice"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sk_err e = SK_ERR_INIT;
        const float *mark = (const float *)&w;
        eng_step_item two[2] = {
            {.slot = 2, .n = 4, .ids = w.ids[2], .want = ENG_WANT_LAST, .logits = mark}, bad[i].it};
        two[1].logits = mark;
        assert_status(eng_session_step(s, two, 2, &e), bad[i].st, e, bad[i].says);
        assert_ptr_equal(two[0].logits, mark);
        assert_ptr_equal(two[1].logits, mark);
        assert_int_equal(eng_session_step(s, two, 2, NULL), bad[i].st);
        assert_int_equal(eng_session_len(s, 0), 10);
        assert_int_equal(eng_session_len(s, 1), 0);
        assert_int_equal(eng_session_len(s, 2), 0);
    }
    /* together too many, each alone fine */
    sk_err e = SK_ERR_INIT;
    eng_step_item two[2] = {{.slot = 1, .n = 9, .ids = w.ids[1]},
                            {.slot = 2, .n = 8, .ids = w.ids[2]}};
    assert_status(eng_session_step(s, two, 2, &e), SK_E_TOOBIG, e, "16 tokens");
    two[1].n = 7;
    step(s, two, 2);
    /* a full context takes no more */
    it = (eng_step_item){.slot = 0, .pos = 10, .n = 15, .ids = w.ids[0]};
    step(s, &it, 1);
    it.pos = 25;
    step(s, &it, 1);
    it = (eng_step_item){.slot = 0, .pos = 40, .n = 1, .ids = w.ids[0]};
    assert_status(eng_session_step(s, &it, 1, &e), SK_E_INVALID, e, "context of 40");
    eng_session_close(s);
    close_world(&w);
}

static sk_status open_starved(void *arg, sk_err *e)
{
    const world *w = arg;
    eng_session_opts o = {2, 40, 16};
    eng_session *s = NULL;
    sk_status st = eng_session_open(w->x, w->m, &o, &s, e);
    assert_int_equal(st == SK_OK, s != NULL);
    if (st) assert_contains(e->text, "memory");
    eng_session_close(s);
    return st;
}

/* Every allocation of opening fails once: a clean refusal, nothing kept. */
static void without_memory(void **state)
{
    (void)state;
    world w;
    open_world(&w, "qwen3", ENG_F32, 1);
    uint64_t scratch = sk_mem_bytes(SK_MEM_SCRATCH);
    assert_true(unit_starve(open_starved, &w, 100, UNIT_TOLD | UNIT_GROWS) >= 5);
    assert_true(sk_mem_bytes(SK_MEM_SCRATCH) <= scratch + (1u << 20)); /* exec's own stays */
    /* a step allocates only for the first ALL, and says so */
    eng_session *s = open_session(&w, 2, 40, 16);
    sk_err e = SK_ERR_INIT;
    eng_step_item it = {.n = 16, .ids = w.ids[0], .want = ENG_WANT_ALL};
    sk_fault_plan(SK_FAULT_ALLOC, 1, true);
    sk_status st = eng_session_step(s, &it, 1, &e);
    it.want = ENG_WANT_LAST;
    sk_status last = eng_session_step(s, &it, 1, NULL);
    unsigned long calls = sk_fault_count(SK_FAULT_ALLOC);
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    assert_status(st, SK_E_NOMEM, e, "logits");
    assert_int_equal(last, SK_OK);
    assert_int_equal(calls, 1);
    it.want = ENG_WANT_ALL;
    step(s, &it, 1);
    eng_session_close(s);
    close_world(&w);
}

/* Sizes that no machine has, and products that overflow. */
static void too_large(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_config c = fixture_config("llama");
    eng_kv *kv = NULL;
    c.n_layer = c.n_kv_head = c.n_head = c.head_dim = 1024;
    eng_kv_opts many = {.n_slots = 1u << 16, .n_ctx = 1u << 22},
                one = {.n_slots = 1, .n_ctx = 1u << 20};
    assert_status(eng_kv_open(&c, &many, &kv, &e), SK_E_NOMEM, e, "KV cache");
    assert_status(eng_kv_open(&c, &one, &kv, &e), SK_E_NOMEM, e, "KV cache");
    assert_null(kv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes_f32),
        cmocka_unit_test(same_bytes_bf16),
        cmocka_unit_test(same_bytes_of_caches),
        cmocka_unit_test(lossy_caches),
        cmocka_unit_test(refused_caches),
        cmocka_unit_test(wants),
        cmocka_unit_test(rewinding),
        cmocka_unit_test(same_bytes_of_shared),
        cmocka_unit_test(smaller_cache),
        cmocka_unit_test(bad_options),
        cmocka_unit_test(bad_items),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
