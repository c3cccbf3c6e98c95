/* t_dry.c - DRY against its definition, compared place by place; breakers. */
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/infer/dry.h"
#include "engine/infer/penalty.h"
#include "tests/unit/fixture_model.h"

#include <math.h>

enum { N_VOCAB = 6, N_MAX = 60 };

/* True if the breaker lies at ids[at ...] wholly inside the n. */
static bool lies_at(const eng_dry_entry *t, const int32_t *ids, size_t n, size_t at)
{
    if (ids[at] != t->head || at + t->n >= n) return false;
    return memcmp(ids + at + 1, t->tail, t->n * sizeof *t->tail) == 0;
}

/* The definition: for every earlier place the common length, counted one by one. */
static void reference(double *x, const eng_sample_opts *o, const int32_t *ids, size_t n)
{
    const eng_dry_breakers *b = o->dry_breakers;
    size_t most = n, allowed = (size_t)o->dry_allowed_length;
    size_t longest[N_VOCAB] = {0};
    bool found[N_VOCAB] = {0}, stop = false;
    if (n <= allowed) return;
    for (size_t at = n; b && !stop && at-- > 0;) {
        size_t covers = 0;
        for (size_t i = 0; i < b->n; i++)
            if (lies_at(&b->entry[i], ids, n, at) && b->entry[i].n + 1 > covers)
                covers = b->entry[i].n + 1;
        stop = covers > 0;
        if (stop) most = n - at - covers;
    }
    if (most < allowed) return;
    for (size_t end = 1; end < n; end++) { /* ids[end] followed ids[..end) */
        size_t len = 0;
        while (len < end && ids[end - 1 - len] == ids[n - 1 - len])
            len++;
        if (len > most) len = most;
        if (len < allowed) continue;
        found[ids[end]] = true;
        if (len > longest[ids[end]]) longest[ids[end]] = len;
    }
    for (size_t id = 0; id < N_VOCAB; id++) {
        for (size_t i = 0; b && i < b->n; i++)
            if (!b->entry[i].n && (size_t)b->entry[i].head == id) found[id] = false;
        if (found[id])
            x[id] -= o->dry_multiplier * pow(o->dry_base, (double)(longest[id] - allowed));
    }
}

static void as_defined(void **state)
{
    (void)state;
    eng_dry_entry entry[] = {{.head = 1, .n = 2, .tail = {2, 3}}, {.head = 4}, {.head = 4, .n = 1}};
    eng_dry_breakers breakers = {entry, 3, 3};
    size_t changed = 0;
    for (uint64_t round = 0; round < 3000; round++) {
        int32_t ids[N_MAX];
        size_t n = 1 + (size_t)sk_rng_below(1, SK_RNG_TEST, round, N_MAX - 1);
        size_t period = 2 + round % 9;
        for (size_t i = 0; i < n; i++) {
            bool repeat = i >= period && sk_rng_below(2, SK_RNG_TEST, round * N_MAX + i, 8);
            ids[i] = repeat ? ids[i - period]
                            : (int32_t)sk_rng_below(3, SK_RNG_TEST, round * N_MAX + i, 5);
        }
        eng_sample_opts o = {.dry_multiplier = 0.8, .dry_base = 1.3};
        o.dry_allowed_length = (int64_t)(round % 5);
        o.dry_last_n = round % 3 ? -1 : (int64_t)(round % 41);
        if (round % 2) o.dry_breakers = &breakers;
        float x[N_VOCAB] = {0};
        double want[N_VOCAB] = {0};
        uint32_t length[N_VOCAB] = {0}, z[N_MAX];
        size_t window = n;
        const int32_t *from = eng_penalty_window(ids, &window, o.dry_last_n);
        reference(want, &o, from, window);
        eng_dry_apply(x, N_VOCAB, &o, ids, n, length, z);
        for (size_t i = 0; i < N_VOCAB; i++) {
            assert_true(fabs((double)x[i] - want[i]) <= 1e-6 * fabs(want[i]));
            assert_int_equal(length[i], 0);
            changed += want[i] != 0;
        }
    }
    assert_true(changed > 1000);
}

/* a b c c b c y a b c: c would make 3 longer, y 2, b 1. */
static void example(void **state)
{
    (void)state;
    const int32_t ids[] = {0, 1, 2, 2, 1, 2, 3, 0, 1, 2};
    eng_sample_opts o = {
        .dry_multiplier = 1, .dry_base = 2, .dry_allowed_length = 1, .dry_last_n = -1};
    float x[N_VOCAB] = {0};
    uint32_t length[N_VOCAB] = {0}, z[10];
    eng_dry_apply(x, N_VOCAB, &o, ids, 10, length, z);
    assert_true(x[0] == 0 && x[1] == -1 && x[2] == -4 && x[3] == -2);
    /* a power that no float holds is bounded, the logit stays finite */
    int32_t same[1000] = {0};
    uint32_t z2[1000];
    o.dry_base = 100;
    x[0] = 0;
    eng_dry_apply(x, N_VOCAB, &o, same, 1000, length, z2);
    assert_true(isfinite(x[0]) && x[0] < -1e30f);
}

static const eng_dry_entry *entry_of(const eng_dry_breakers *b, int32_t head, size_t n)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->entry[i].head == head && b->entry[i].n == n) return &b->entry[i];
    return NULL;
}

static sk_status make_breakers(void *model, sk_err *e)
{
    const char *text[] = {"\n", "the", ""};
    eng_dry_breakers *b = NULL;
    sk_status st = eng_dry_breakers_new(model, text, 3, &b, e);
    assert_int_equal(st == SK_OK, b != NULL);
    eng_dry_breakers_free(b);
    return st;
}

static void breakers(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_exec *x = NULL;
    eng_model *m = NULL;
    eng_dry_breakers *b = NULL;
    assert_status_ok(eng_exec_open(1, &x, &e), e);
    assert_status_ok(eng_model_open(x, "tests/golden/tiny.gguf", &m, &e), e);
    const char *text[] = {"\n", "the", ""};
    assert_status_ok(eng_dry_breakers_new(m, text, 3, &b, &e), e);
    eng_ids ids = {0};
    assert_status_ok(eng_model_encode(m, "\n", 1, 0, &ids, &e), e);
    assert_non_null(entry_of(b, ids.id[0], 0));
    ids.n = 0;
    assert_status_ok(eng_model_encode(m, "t", 1, 0, &ids, &e), e);
    const eng_dry_entry *t = entry_of(b, ids.id[0], 1);
    if (!t) t = entry_of(b, ids.id[0], 2); /* however "he" is cut */
    assert_non_null(t);
    for (size_t i = 1; i < b->n; i++)
        assert_true(b->entry[i - 1].head <= b->entry[i].head);
    unit_starve(make_breakers, m, 1000, 0);
    eng_ids_fini(&ids);
    eng_dry_breakers_free(b);
    eng_model_close(m);
    eng_exec_close(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_defined),
        cmocka_unit_test(example),
        cmocka_unit_test(breakers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
