/* t_dpo.c - the loss of preferences and its gradient against finite differences in double; the
 * reading of pairs. */
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/model/trainable.h"
#include "engine/token/vocab_build.h"
#include "engine/train/dpo.h"
#include "tests/grad/model_ref.h"

#include <math.h>
#include <stdio.h>

enum { ROWS = 2, N_CTX = 20, VOCAB = 41, PAIRS = 3, SAMPLES = 12 };
static const double BETA = 0.7;

/* Places of the pairs: two in row 0, one in row 1. */
static const struct {
    size_t row;
    uint32_t start[2], end[2];
} places[PAIRS] = {{0, {0, 4}, {4, 9}}, {0, {9, 15}, {15, 20}}, {1, {0, 8}, {8, 13}}};

typedef struct fixture {
    eng_exec *x;
    sk_arena *mem;
    eng_config cfg;
    eng_layout l;
    eng_pass *pass;
    float *params, *grads, weight[ROWS * N_CTX];
    double *exact;
    int32_t ids[ROWS * N_CTX], target[ROWS * N_CTX], first[ROWS * N_CTX];
    eng_pref item[PAIRS];
    size_t row_first[ROWS + 1];
    eng_prefs prefs;
} fixture;

static void open_fixture(fixture *f)
{
    sk_err e = SK_ERR_INIT;
    f->cfg = (eng_config){.n_vocab = VOCAB,
                          .n_ctx = N_CTX,
                          .n_embd = 16,
                          .n_layer = 2,
                          .n_head = 2,
                          .n_kv_head = 1,
                          .head_dim = 8,
                          .n_ff = 24,
                          .rope_theta = 100.0f,
                          .tied = true};
    (void)snprintf(f->cfg.arch, sizeof(f->cfg.arch), "qwen3");
    assert_status_ok(eng_config_fresh(&f->cfg, &e), e);
    assert_non_null(f->mem = sk_arena_new(SK_MEM_TRAIN));
    assert_status_ok(eng_layout_build(&f->cfg, f->mem, &f->l, &e), e);
    f->params = sk_new_n(f->mem, float, f->l.n_floats);
    f->grads = sk_new_n(f->mem, float, f->l.n_floats);
    f->exact = sk_new_n(f->mem, double, f->l.n_floats);
    ref_draw(&f->l, f->params, f->exact);
    for (size_t i = 0; i < (size_t)ROWS * N_CTX; i++) {
        f->ids[i] = (int32_t)sk_rng_below(1, SK_RNG_TEST, i, VOCAB);
        f->target[i] = -1;
        f->first[i] = (int32_t)(i % N_CTX);
    }
    for (size_t k = 0; k < PAIRS; k++) {
        for (int w = 0; w < 2; w++)
            for (size_t i = places[k].start[w]; i < places[k].end[w]; i++) {
                size_t at = places[k].row * N_CTX + i;
                f->first[at] = (int32_t)places[k].start[w];
                /* the first two tokens are the prompt's */
                if (i >= places[k].start[w] + 2)
                    f->target[at] = (int32_t)sk_rng_below(2, SK_RNG_TEST, at, VOCAB);
            }
        f->item[k] = (eng_pref){.ref = {-9.0 - (double)k, -8.0 + 2 * (double)k}};
        memcpy(f->item[k].start, places[k].start, sizeof(places[k].start));
        memcpy(f->item[k].end, places[k].end, sizeof(places[k].end));
        f->row_first[places[k].row + 1] = k + 1;
    }
    f->prefs = (eng_prefs){f->item, f->row_first, PAIRS};
    eng_pass_plan plan = {
        .cfg = &f->cfg, .layout = &f->l, .prec = ENG_PREC_F32, .n_ctx = N_CTX, .rows = ROWS};
    assert_status_ok(eng_exec_open(2, &f->x, &e), e);
    assert_status_ok(eng_pass_open(f->x, &plan, &f->pass, &e), e);
    eng_pass_load(f->pass, f->params);
}

static void close_fixture(fixture *f)
{
    eng_pass_close(f->pass);
    eng_exec_close(f->x);
    sk_arena_free(f->mem);
}

/* Equation 7 over all pairs, in double. */
static double exact_loss(const fixture *f)
{
    double sum = 0;
    for (size_t k = 0; k < PAIRS; k++) {
        double l[2];
        for (int w = 0; w < 2; w++) {
            int32_t target[ROWS * N_CTX];
            for (size_t i = 0; i < (size_t)ROWS * N_CTX; i++) {
                size_t in = i % N_CTX;
                bool mine =
                    i / N_CTX == places[k].row && in >= places[k].start[w] && in < places[k].end[w];
                target[i] = mine ? f->target[i] : -1;
            }
            ref_batch b = {f->ids, target, f->first, ROWS, N_CTX};
            l[w] = -ref_loss(&f->cfg, &f->l, f->exact, &b, NULL) - f->item[k].ref[w];
        }
        sum -= log(1 / (1 + exp(-BETA * (l[0] - l[1]))));
    }
    return sum;
}

static void gradient_of_preferences(void **state)
{
    (void)state;
    fixture f = {0};
    open_fixture(&f);
    const size_t row[ROWS] = {0, 1};
    eng_batch b = {f.ids, f.target, f.first, ROWS};
    eng_dpo_batch d = {&f.prefs, row, &b, N_CTX, BETA, f.weight};
    eng_dpo_sum sum = {0};
    double nats[ROWS], want = exact_loss(&f);
    eng_dpo_run(f.pass, &d, 0.5f, f.grads, nats, &sum);
    assert_true(fabs(sum.loss - want) <= 1e-5 * want && fabs(nats[0] + nats[1] - want) <= 1e-5);
    assert_true(sum.n == PAIRS && sum.right <= PAIRS);
    for (size_t i = 0; i < f.l.n_params; i++) {
        const eng_param *p = &f.l.param[i];
        double err = 0, norm = 0;
        for (size_t s = 0; s < SAMPLES; s++) {
            size_t k = p->offset + sk_rng_below(5, SK_RNG_TEST, s, p->rows * p->cols);
            double at = f.exact[k];
            f.exact[k] = at + 1e-5;
            double up = exact_loss(&f);
            f.exact[k] = at - 1e-5;
            double slope = 0.5 * (up - exact_loss(&f)) / 2e-5;
            f.exact[k] = at;
            err += ((double)f.grads[k] - slope) * ((double)f.grads[k] - slope);
            norm += slope * slope;
        }
        if (!(sqrt(err) <= 3e-4 * sqrt(norm) + 1e-6))
            fail_msg("%s: relative error %.2e", p->name, sqrt(err / norm));
    }
    close_fixture(&f);
}

/* Against references from the model itself every pair has the loss log 2 and no margin; they are
 * kept in a file, which is refused for other data. */
static void references_are_the_model_itself(void **state)
{
    (void)state;
    fixture f = {0};
    sk_err e = SK_ERR_INIT;
    open_fixture(&f);
    const size_t row[ROWS] = {0, 1};
    const uint32_t crc[2] = {3, 4}, other[2] = {3, 5};
    eng_batch b = {f.ids, f.target, f.first, ROWS};
    eng_dpo_batch d = {&f.prefs, row, &b, N_CTX, BETA, f.weight};
    eng_dpo_sum sum = {0};
    double nats[ROWS];
    eng_prefs none = {0};
    eng_dpo_refer(f.pass, &d, &f.prefs);
    eng_dpo_run(f.pass, &d, 1, NULL, nats, &sum);
    assert_true(fabs(sum.loss - PAIRS * log(2.0)) < 1e-12 && sum.margin == 0.0);
    const char *path = unit_path(unit_dir, "reference.stk");
    eng_pref keep[PAIRS];
    memcpy(keep, f.item, sizeof(keep));
    assert_status_ok(eng_dpo_save(path, &f.prefs, &none, crc, &e), e);
    for (size_t k = 0; k < PAIRS; k++)
        f.item[k].ref[0] = f.item[k].ref[1] = 0;
    assert_status(eng_dpo_load(path, &f.prefs, &none, other, &e), SK_E_INVALID, e, "other pairs");
    assert_status_ok(eng_dpo_load(path, &f.prefs, &none, crc, &e), e);
    assert_memory_equal(keep, f.item, sizeof(keep));
    close_fixture(&f);
}

/* ---- reading ---- */

static sk_status load_with(const eng_vocab *v, const char *text, size_t n_ctx, eng_dataset *d,
                           eng_prefs *f, eng_prefs_stats *st, sk_err *e)
{
    const char *path = unit_path(unit_dir, "pairs.jsonl");
    unit_write(path, text, strlen(text));
    return eng_prefs_load(v, &path, 1, n_ctx, d, f, st, e);
}

static sk_status load(const char *text, size_t n_ctx, eng_dataset *d, eng_prefs *f,
                      eng_prefs_stats *st, sk_err *e)
{
    eng_vocab *v = tiny_vocab(320, NULL);
    sk_status got = load_with(v, text, n_ctx, d, f, st, e);
    eng_vocab_close(v);
    return got;
}

/* A pair stands whole in its row; only the answers have targets; what is useless is left out. */
static void pairs_are_read(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_dataset d;
    eng_prefs f;
    eng_prefs_stats st;
    assert_status_ok(
        load("{\"prompt\":\"hi\",\"chosen\":\"yes\",\"rejected\":\"no\"}\n"
             "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
             "\"content\":\"b\"},{\"role\":\"user\",\"content\":\"c\"}],"
             "\"chosen\":{\"role\":\"assistant\",\"content\":\"x\"},"
             "\"rejected\":[{\"role\":\"assistant\",\"content\":\"yz\"}]}\n"
             "{\"prompt\":\"hi\",\"chosen\":\"same\",\"rejected\":\"same\"}\n",
             200, &d, &f, &st, &e),
        e);
    assert_true(f.n == 2 && st.n_read == 3 && st.n_equal == 1 && st.n_long == 0);
    assert_true(f.first[0] == 0 && f.first[d.n_rows] == 2);
    for (size_t k = 0; k < 2; k++)
        for (int w = 0; w < 2; w++) {
            size_t n = 0;
            for (size_t i = f.item[k].start[w]; i < f.item[k].end[w]; i++) {
                assert_true(d.first[i] == (int32_t)f.item[k].start[w]);
                n += d.target[i] >= 0;
            }
            assert_true(n >= 2 && n < f.item[k].end[w] - f.item[k].start[w]);
        }
    eng_dataset_fini(&d);
    eng_prefs_fini(&f);
}

static void bad_lines_are_named(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_dataset d;
    eng_prefs f;
    eng_prefs_stats st;
    static const struct {
        const char *line, *word;
    } bad[] = {
        {"{\"prompt\":\"hi\",\"chosen\":\"yes\"}\n", "rejected"},
        {"{\"chosen\":\"yes\",\"rejected\":\"no\"}\n", "messages"},
        {"{\"prompt\":\"hi\",\"chosen\":{\"role\":\"user\",\"content\":\"x\"},"
         "\"rejected\":\"no\"}\n",
         "assistant"},
        {"{\"prompt\":\"hi\"", ":1"},
        {"[1]\n", "object"},
        {"", "no pair"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_status(load(bad[i].line, 200, &d, &f, &st, &e), SK_E_INVALID, e, bad[i].word);
    assert_status(
        load("{\"prompt\":\"hi\",\"chosen\":\"yes\",\"rejected\":\"no\"}\n", 8, &d, &f, &st, &e),
        SK_E_INVALID, e, "longer --context");
}

/* A template that writes nothing but the contents makes no token, or one, of an empty prompt and a
 * short answer: no place in a row, where only what follows a token can be learned. */
static void answers_without_a_place_are_refused(void **state)
{
    (void)state;
    static const char template[] = "{% for m in messages %}{{ m['content'] }}{% endfor %}";
    static const char *const bad[] = {
        "{\"prompt\":\"\",\"chosen\":\"\",\"rejected\":\"not at all\"}\n",
        "{\"prompt\":\"\",\"chosen\":\"not at all\",\"rejected\":\"\"}\n",
        "{\"prompt\":\"\",\"chosen\":\"y\",\"rejected\":\"not at all\"}\n",
    };
    eng_vocab *v = tiny_vocab(320, NULL), *w = NULL;
    eng_vocab_parts parts;
    eng_dataset d;
    eng_prefs f;
    eng_prefs_stats st;
    sk_err e = SK_ERR_INIT;
    eng_vocab_get_parts(v, &parts);
    parts.chat_template = (eng_str){template, sizeof(template) - 1};
    assert_status_ok(eng_vocab_new(&parts, &w, &e), e);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_status(load_with(w, bad[i], 200, &d, &f, &st, &e), SK_E_INVALID, e, ":1: ");
    assert_status_ok(load_with(w, "{\"prompt\":\"\",\"chosen\":\"at all\",\"rejected\":\"not\"}\n",
                               200, &d, &f, &st, &e),
                     e);
    assert_int_equal(f.n, 1);
    eng_dataset_fini(&d);
    eng_prefs_fini(&f);
    eng_vocab_close(w);
    eng_vocab_close(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_of_preferences),
        cmocka_unit_test_setup_teardown(references_are_the_model_itself, unit_dir_make,
                                        unit_dir_remove),
        cmocka_unit_test_setup_teardown(pairs_are_read, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(bad_lines_are_named, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(answers_without_a_place_are_refused, unit_dir_make,
                                        unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
