/* t_ppl.c - perplexity against the procedure spelled out over whole logits. */
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/engine.h"
#include "engine/infer/ppl.h"

#include <math.h>

enum { N_TEXT = 2000 };

typedef struct open_model {
    eng_exec *x;
    eng_model *m;
    eng_model_info info;
    char text[N_TEXT];
} open_model;

static void open_all(open_model *o, size_t threads)
{
    sk_err e = SK_ERR_INIT;
    assert_status_ok(eng_exec_open(threads, &o->x, &e), e);
    assert_status_ok(eng_model_open(o->x, "tests/golden/tiny.gguf", &o->m, &e), e);
    eng_model_get_info(o->m, &o->info);
    for (size_t i = 0; i < N_TEXT; i++)
        o->text[i] = "the in a\n"[sk_rng_below(1, SK_RNG_TEST, i, 9)];
    o->text[N_TEXT - 1] = '\n';
}

static void close_all(open_model *o)
{
    eng_model_close(o->m);
    eng_exec_close(o->x);
}

/* One window at a time, one token at a time, libm's functions. */
static void reference(open_model *o, size_t n_ctx, double *ppl, double *bits, uint64_t *tokens)
{
    sk_err e = SK_ERR_INIT;
    eng_ids ids = {0};
    eng_session *s = NULL;
    eng_session_opts so = {.n_slots = 1, .n_ctx = n_ctx, .max_step = 1};
    assert_status_ok(eng_model_encode(o->m, o->text, N_TEXT - 1, ENG_TOK_ADD, &ids, &e), e);
    assert_status_ok(eng_session_open(o->x, o->m, &so, &s, &e), e);
    double nll = 0, bytes = 0;
    size_t n = 0;
    for (size_t w = 0; (w + 1) * n_ctx <= ids.n; w++)
        for (size_t i = 0; i + 1 < n_ctx; i++) {
            const int32_t *id = ids.id + w * n_ctx + i;
            eng_step_item it = {.pos = i, .n = 1, .ids = id, .want = ENG_WANT_LAST};
            assert_status_ok(eng_session_step(s, &it, 1, &e), e);
            if (i < n_ctx / 2) continue;
            double top = -INFINITY, sum = 0;
            size_t len;
            for (size_t j = 0; j < o->info.n_vocab; j++)
                top = fmax(top, (double)it.logits[j]);
            for (size_t j = 0; j < o->info.n_vocab; j++)
                sum += exp((double)it.logits[j] - top);
            nll += log(sum) + top - (double)it.logits[id[1]];
            (void)eng_model_piece(o->m, id[1], &len);
            bytes += (double)len;
            n++;
        }
    *ppl = exp(nll / (double)n);
    *bits = nll / log(2) / bytes;
    *tokens = n;
    eng_session_close(s);
    eng_ids_fini(&ids);
}

static void as_spelled_out(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    const size_t contexts[] = {16, 33, 96};
    for (size_t i = 0; i < 3; i++) {
        eng_ppl first = {0};
        for (size_t threads = 1; threads <= 3; threads++) {
            open_model o;
            double ppl, bits;
            uint64_t tokens;
            eng_ppl got;
            open_all(&o, threads);
            eng_ppl_opts po = {.n_ctx = contexts[i]};
            assert_status_ok(eng_perplexity(o.x, o.m, o.text, N_TEXT, &po, &got, &e), e);
            reference(&o, contexts[i], &ppl, &bits, &tokens);
            assert_int_equal(got.tokens, tokens);
            assert_true(fabs(got.perplexity - ppl) < 1e-9 * ppl);
            assert_true(fabs(got.bits_per_byte - bits) < 1e-9 * bits);
            assert_true(got.error > 0 && got.error < got.perplexity);
            if (threads == 1) first = got;
            assert_true(first.perplexity == got.perplexity); /* to the last bit */
            close_all(&o);
        }
    }
}

static size_t n_told;

static void told(void *arg, size_t done, size_t total, const eng_ppl *sofar)
{
    (void)arg;
    assert_true((done == 0) == (sofar == NULL) && done <= total);
    n_told++;
}

static sk_status measure_starved(void *arg, sk_err *e)
{
    const open_model *o = arg;
    eng_ppl got = {.tokens = 7};
    eng_ppl_opts po = {.n_ctx = 96, .progress = told};
    sk_status st = eng_perplexity(o->x, o->m, o->text, N_TEXT, &po, &got, e);
    if (st) assert_int_equal(got.tokens, 7);
    return st;
}

static void refusals(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    open_model o;
    eng_ppl got = {.tokens = 7};
    open_all(&o, 1);
    eng_ppl_opts po = {.n_ctx = 96, .progress = told};
    assert_status(eng_perplexity(o.x, o.m, "the", 3, &po, &got, &e), SK_E_INVALID, e, "window");
    assert_status(eng_perplexity(o.x, o.m, "", 0, &po, &got, &e), SK_E_INVALID, e, "window");
    po.n_ctx = 3;
    assert_status(eng_perplexity(o.x, o.m, o.text, N_TEXT, &po, &got, &e), SK_E_INVALID, e, "3");
    po.n_ctx = (size_t)o.info.n_ctx + 1;
    assert_status(eng_perplexity(o.x, o.m, o.text, N_TEXT, &po, &got, &e), SK_E_INVALID, e,
                  "model");
    po.n_ctx = 96;
    po.stop = unit_stop;
    assert_status(eng_perplexity(o.x, o.m, o.text, N_TEXT, &po, &got, &e), SK_E_STOPPED, e, "");
    assert_int_equal(got.tokens, 7);
    unit_starve(measure_starved, &o, 200, UNIT_TOLD | UNIT_GROWS);
    assert_true(n_told > 2);
    close_all(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_spelled_out),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
