/* t_gate.c - the promotion gate: each way to fail, ties, figures that are not numbers; and whole
 * decisions over tiny models. */
#include "tests/unit/unit.h"

#include "engine/engine.h"
#include "engine/eval/held.h"
#include "engine/eval/paired.h"
#include "engine/eval/shadow.h"
#include "engine/eval/verdict.h"
#include "tests/unit/fixture_model.h"

#include <math.h>
#include <stdio.h>

/* ---- two models on the same documents ---- */

enum { DOCS = 20 };

/* Documents of 100 bytes and about 8 bits a byte; the second model's cost differs by `less` bits a
 * byte, and by turns by `noise` more and less. */
static bool compare(double less, double noise, eng_paired *out)
{
    eng_held_doc a[DOCS], b[DOCS];
    for (size_t i = 0; i < DOCS; i++) {
        double bits = 8 + (double)(i % 7);
        double other = bits - less + (i % 2 ? noise : -noise);
        a[i] = (eng_held_doc){bits * log(2) * 100, 40, 100};
        b[i] = (eng_held_doc){other * log(2) * 100, 40, 100};
    }
    return eng_paired_compare(a, b, DOCS, out);
}

static void differences(void **state)
{
    (void)state;
    eng_paired p;
    assert_true(compare(0.5, 0, &p));
    assert_true(fabs(p.diff + 0.5) < 1e-12 && fabs(p.live - p.fresh - 0.5) < 1e-12);
    assert_true(fabs(p.low + 0.5) < 1e-9 && fabs(p.high + 0.5) < 1e-9 && p.n == DOCS);
    /* n = 20, s = 0.1 * sqrt(20 / 19): t(0.975, 19) = 2.0930, t s / sqrt(20) = 0.04802 */
    assert_true(compare(0.01, 0.1, &p));
    assert_true(fabs(p.high - p.diff - 0.04802) < 1e-5 && fabs(p.diff - p.low - 0.04802) < 1e-5);
    /* Documents of different sizes: the ratio of sums, not the mean of ratios. */
    eng_held_doc a[DOCS] = {{0}}, b[DOCS] = {{0}};
    for (size_t i = 0; i < DOCS; i++) {
        a[i] = (eng_held_doc){(double)(i + 1) * log(2), 1, i + 1};
        b[i] = (eng_held_doc){i ? a[i].nats : 0, 1, i + 1};
    }
    assert_true(eng_paired_compare(a, b, DOCS, &p));
    assert_true(fabs(p.diff + 1.0 / 210) < 1e-15);
    assert_false(eng_paired_compare(a, b, ENG_PAIRED_LEAST - 1, &p));
    b[3].nats = INFINITY;
    assert_true(eng_paired_compare(a, b, DOCS, &p) && isnan(p.diff) && isnan(p.high));
    b[3].nats = NAN;
    assert_true(eng_paired_compare(a, b, DOCS, &p) && isnan(p.diff));
    for (size_t i = 0; i < DOCS; i++)
        a[i].bytes = b[i].bytes = 0;
    assert_false(eng_paired_compare(a, b, DOCS, &p));
}

/* ---- verdicts ---- */

static bool better(double less, double noise, double margin, const char *part)
{
    eng_paired p;
    eng_gate_check c = {0};
    assert_true(compare(less, noise, &p));
    eng_verdict_better(&p, margin, &c);
    assert_true(c.tried);
    assert_contains(c.why, part);
    return c.ok;
}

static void what_has_to_get_better(void **state)
{
    (void)state;
    assert_true(better(0.5, 0.01, 0.001, "bits per byte"));
    assert_false(better(-0.5, 0.01, 0.001, "not better by 0.001"));
    assert_false(better(0, 0, 0.001, "not better"));
    assert_false(better(0, 0, 0, "not better")); /* a tie is none, also without a margin */
    assert_false(better(0.0005, 0, 0.001, "not better by 0.001"));
    assert_true(better(0.0005, 0, 0, "bits per byte"));
    assert_false(better(0.02, 0.1, 0.001, "chance"));
    assert_true(better(0.06, 0.1, 0.001, "bits per byte"));
    eng_gate_check c = {0};
    eng_paired nan = {8, NAN, NAN, NAN, NAN, DOCS};
    eng_verdict_better(&nan, 0.001, &c);
    assert_true(c.tried && !c.ok);
    assert_contains(c.why, "finite");
    eng_paired half = {8, 7, -1, NAN, NAN, DOCS}; /* no interval: no proof */
    eng_verdict_better(&half, 0.001, &c);
    assert_false(c.ok);
}

static bool no_worse(double less, double noise)
{
    eng_paired p;
    eng_gate_check c = {0};
    assert_true(compare(less, noise, &p));
    eng_verdict_no_worse(&p, 0.001, "talks", &c);
    assert_contains(c.why, "talks: ");
    return c.ok;
}

static void what_must_not_get_worse(void **state)
{
    (void)state;
    assert_true(no_worse(0.5, 0));
    assert_true(no_worse(0, 0));
    assert_true(no_worse(-0.0009, 0));
    assert_false(no_worse(-0.002, 0));
    assert_true(no_worse(-0.002, 0.1)); /* it may be chance */
    eng_gate_check c = {0};
    eng_paired nan = {8, NAN, NAN, NAN, NAN, DOCS};
    eng_verdict_no_worse(&nan, 0.001, "talks", &c);
    assert_false(c.ok);
}

static void answers_and_sessions(void **state)
{
    (void)state;
    const struct {
        size_t live, fresh, slack;
        bool ok;
    } row[] = {{30, 30, 0, true},  {30, 31, 0, true}, {30, 29, 0, false}, {30, 29, 1, true},
               {30, 28, 1, false}, {0, 0, 0, true},   {2, 0, 5, true},    {40, 0, 39, false}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        eng_gate_check c = {0};
        eng_verdict_answers(row[i].live, row[i].fresh, 40, row[i].slack, &c);
        assert_true(c.tried && c.ok == row[i].ok);
    }
    const eng_shadow live = {.asked = 6, .empty = 1, .endless = 4, .ended = 3, .finite = true};
    eng_shadow s = live;
    eng_gate_check c = {0};
    eng_verdict_session(&live, &s, &c);
    assert_true(c.ok);
    s.empty = 3; /* half is not most */
    eng_verdict_session(&live, &s, &c);
    assert_true(c.ok);
    s.endless = 5;
    eng_verdict_session(&live, &s, &c);
    assert_false(c.ok);
    assert_contains(c.why, "without end");
    s = live;
    s.empty = 4;
    eng_verdict_session(&live, &s, &c);
    assert_false(c.ok);
    assert_contains(c.why, "empty");
    s = live;
    s.finite = false;
    eng_verdict_session(&live, &s, &c);
    assert_false(c.ok);
    assert_contains(c.why, "finite");
}

/* Nothing is promoted that was not compared; one failed check is enough. */
static void the_sum_of_it(void **state)
{
    (void)state;
    eng_gate g = {.promote = false};
    assert_false(eng_verdict_promotes(&g));
    for (int i = 0; i < ENG_GATE_N; i++)
        eng_verdict_set(&g.check[i], true, "%s", eng_gate_what_name((eng_gate_what)i));
    assert_true(eng_verdict_promotes(&g));
    assert_string_equal(eng_gate_why(&g), "text");
    g.check[ENG_GATE_ANSWERS].tried = false;
    assert_true(eng_verdict_promotes(&g));
    g.check[ENG_GATE_TEXT].tried = false;
    assert_false(eng_verdict_promotes(&g));
    for (int i = 0; i < ENG_GATE_N; i++) {
        for (int j = 0; j < ENG_GATE_N; j++)
            eng_verdict_set(&g.check[j], j != i, "%d", j);
        assert_false(eng_verdict_promotes(&g));
        assert_int_equal(eng_gate_why(&g)[0], '0' + i);
    }
    assert_string_equal(eng_gate_what_name(ENG_GATE_N), "?");
}

static void endless_answers(void **state)
{
    (void)state;
    int32_t id[100];
    for (int32_t cycle = 1; cycle <= 20; cycle++) {
        for (int32_t i = 0; i < 100; i++)
            id[i] = i < 40 ? i : i % cycle;
        assert_true(eng_shadow_is_endless(id, 100) == (cycle <= ENG_SHADOW_CYCLE));
        assert_false(eng_shadow_is_endless(id, ENG_SHADOW_TAIL - 1));
    }
    id[99] = 1000;
    assert_false(eng_shadow_is_endless(id, 100));
}

/* ---- whole decisions ---- */

typedef struct files {
    char text[600], talks[600], suite[600], good[600], bad[600], other[600], nan[600], cut[600];
    const char *valid[2];
} files;

static const char *in_dir(char *b, const char *name)
{
    (void)snprintf(b, 600, "%s/%s", unit_dir, name);
    return b;
}

static void write_model(const char *path, uint64_t seed, uint32_t n_vocab, const fixture_twist *t)
{
    sk_err e = SK_ERR_INIT;
    eng_config c = fixture_config("qwen3");
    c.n_vocab = n_vocab;
    assert_status_ok(fixture_model_twist(path, &c, seed, ENG_F32, t, &e), e);
}

/* Documents and conversations, a suite, and models: of two random ones one is better, it is to be
 * seen which. */
static void make(files *f)
{
    const fixture_twist poison = {.poison = "blk.1.ffn_up.weight", .value = NAN};
    sk_buf b = SK_BUF_INIT;
    for (int i = 0; i < 24; i++)
        sk_buf_addf(&b, "Document %d tells of %d things, and of a dog.\n<|endoftext|>\n", i, i * i);
    unit_write(in_dir(f->text, "valid.txt"), b.p, b.len);
    sk_buf_reset(&b);
    for (int i = 0; i < 12; i++)
        sk_buf_addf(&b,
                    "{\"messages\":[{\"role\":\"user\",\"content\":\"say %d\"},{\"role\":"
                    "\"assistant\",\"content\":\"%d it is\"}]}\n",
                    i, i);
    unit_write(in_dir(f->talks, "talks.jsonl"), b.p, b.len);
    static const char suite[] = "{\"prompt\":\"a\",\"accept\":{\"regex\":\"x*\"}}\n"
                                "{\"prompt\":\"b\",\"accept\":{\"contains\":\"nowhere at all\"}}\n";
    unit_write(in_dir(f->suite, "answers.jsonl"), suite, sizeof suite - 1);
    write_model(in_dir(f->good, "good.gguf"), 1, 288, NULL);
    write_model(in_dir(f->bad, "bad.gguf"), 2, 288, NULL);
    write_model(in_dir(f->other, "other.gguf"), 1, 300, NULL);
    write_model(in_dir(f->nan, "nan.gguf"), 1, 288, &poison);
    assert_true(unit_read(f->good, &b));
    unit_write(in_dir(f->cut, "cut.gguf"), b.p, b.len - b.len / 4);
    sk_buf_fini(&b);
    f->valid[0] = f->text;
    f->valid[1] = f->talks;
}

static eng_gate_opts options(const files *f)
{
    return (eng_gate_opts){.valid = f->valid,
                           .n_valid = 1,
                           .answers = f->suite,
                           .margin = 0.001,
                           .slack = 0,
                           .n_ctx = 64,
                           .n_answer = 4};
}

static eng_gate judge(const char *live, const char *fresh, const eng_gate_opts *o, size_t threads)
{
    eng_exec *x;
    eng_gate g;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(eng_exec_open(threads, &x, &e), e);
    assert_status_ok(eng_gate_run(x, live, fresh, o, &g, &e), e);
    eng_exec_close(x);
    return g;
}

static void fails(const files *f, const char *fresh, eng_gate_what what, const char *part)
{
    eng_gate_opts o = options(f);
    eng_gate g = judge(f->good, fresh, &o, 1);
    assert_false(g.promote);
    assert_contains(eng_gate_why(&g), part);
    for (int i = 0; i < ENG_GATE_N; i++) {
        assert_int_equal(g.check[i].tried, i <= (int)what);
        assert_int_equal(g.check[i].ok, i < (int)what);
    }
}

/* Makes `bad` a model that predicts worse than `good`, in whose answers nothing else is found
 * wanting; g: good is live, h: bad is. */
static void order(files *f, eng_gate *g, eng_gate *h)
{
    eng_gate_opts o = options(f);
    for (uint64_t seed = 2; seed < 40; seed++) {
        write_model(f->bad, seed, 288, NULL);
        *g = judge(f->good, f->bad, &o, 1);
        *h = judge(f->bad, f->good, &o, 1);
        if (!g->promote && h->promote && g->check[ENG_GATE_TEXT].tried) return;
    }
    fail_msg("no model is worse");
}

static void decisions(void **state)
{
    (void)state;
    files f;
    make(&f);
    eng_gate_opts o = options(&f);
    eng_gate g, h;
    order(&f, &g, &h);
    assert_true(h.promote && !g.promote);
    assert_true(h.new_bpb < h.live_bpb - 0.001 && h.high < 0 && h.documents == 24);
    assert_true(h.live_bpb == g.new_bpb && h.new_bpb == g.live_bpb);
    assert_true(h.answers == 2 && h.live_right == 1 && h.new_right == 1);
    fails(&f, f.bad, ENG_GATE_TEXT, "not better");
    fails(&f, f.good, ENG_GATE_TEXT, "not better");
    fails(&f, f.other, ENG_GATE_TOKENIZER, "tokens");
    fails(&f, f.nan, ENG_GATE_WEIGHTS, "blk.1.ffn_up.weight");
    fails(&f, f.cut, ENG_GATE_FILE, "cut.gguf");
    fails(&f, f.text, ENG_GATE_FILE, "valid.txt");
    /* The same to the last bit, whatever the threads. */
    eng_gate k = judge(f.bad, f.good, &o, 3);
    assert_true(k.promote && k.live_bpb == h.live_bpb && k.new_bpb == h.new_bpb);
    assert_true(k.low == h.low && k.high == h.high);
    /* Conversations, as the first file and as another. */
    o.n_valid = 2;
    g = judge(f.good, f.good, &o, 1);
    assert_false(g.promote);
    o.valid = (const char *const[]){f.talks, f.text};
    g = judge(f.bad, f.good, &o, 1);
    h = judge(f.good, f.bad, &o, 1);
    assert_true(g.documents == 12 && !(g.promote && h.promote));
    assert_true(g.live_bpb == h.new_bpb);
}

/* Text is cut at the context, and taken evenly where there is too much of it. */
static void documents(void **state)
{
    (void)state;
    files f;
    eng_exec *x;
    eng_model *m;
    eng_held *all, *part, *pieces;
    sk_err e = SK_ERR_INIT;
    make(&f);
    assert_status_ok(eng_exec_open(1, &x, &e), e);
    assert_status_ok(eng_model_open(x, f.good, &m, &e), e);
    assert_status_ok(eng_held_open(m, f.text, 90, 0, &all, &e), e);
    assert_status_ok(eng_held_open(m, f.text, 90, 24 * 45 / 2, &part, &e), e);
    assert_status_ok(eng_held_open(m, f.text, 8, 0, &pieces, &e), e);
    assert_int_equal(eng_held_n(all), 24);
    assert_in_range(eng_held_n(part), 9, 15);
    assert_int_equal(eng_held_n(pieces), 24);
    eng_held_doc a[24], p[24], c[24];
    const eng_held_opts o = {.arg = NULL};
    assert_status_ok(eng_held_run(x, m, all, &o, a, &e), e);
    assert_status_ok(eng_held_run(x, m, part, &o, p, &e), e);
    assert_status_ok(eng_held_run(x, m, pieces, &o, c, &e), e);
    size_t found = 0;
    for (size_t i = 0; i < 24; i++) {
        assert_true(a[i].bytes >= 44 && isfinite(a[i].nats) && a[i].nats > 0);
        /* cut or not, all bytes of a document are counted */
        assert_true(c[i].bytes == a[i].bytes && c[i].tokens == a[i].tokens);
        assert_true(c[i].nats != a[i].nats);
        if (found < eng_held_n(part)) found += p[found].nats == a[i].nats;
    }
    assert_int_equal(found, eng_held_n(part)); /* alone or in company: the same figures */
    eng_held_close(all);
    eng_held_close(part);
    eng_held_close(pieces);
    eng_model_close(m);
    eng_exec_close(x);
}

static void what_cannot_be_judged(void **state)
{
    (void)state;
    files f;
    make(&f);
    eng_exec *x;
    eng_gate g;
    sk_err e = SK_ERR_INIT;
    eng_gate_opts o = options(&f);
    assert_status_ok(eng_exec_open(1, &x, &e), e);
    assert_status(eng_gate_run(x, f.cut, f.good, &o, &g, &e), SK_E_FORMAT, e, "cut.gguf");
    assert_status(eng_gate_run(x, f.good, "/no/such", &o, &g, &e), SK_E_NOTFOUND, e, "/no/such");
    o.valid = (const char *const[]){"/no/such.txt"};
    assert_status(eng_gate_run(x, f.good, f.bad, &o, &g, &e), SK_E_NOTFOUND, e, "/no/such.txt");
    o.valid = (const char *const[]){f.suite};
    assert_status(eng_gate_run(x, f.good, f.bad, &o, &g, &e), SK_E_INVALID, e, "answers.jsonl:1");
    o = options(&f);
    o.answers = f.talks;
    assert_status(eng_gate_run(x, f.good, f.bad, &o, &g, &e), SK_E_FORMAT, e, "accept");
    o.answers = NULL;
    o.n_valid = 0;
    assert_status(eng_gate_run(x, f.good, f.bad, &o, &g, &e), SK_E_INVALID, e, "held-out");
    o = options(&f);
    o.margin = NAN;
    assert_status(eng_gate_run(x, f.good, f.bad, &o, &g, &e), SK_E_INVALID, e, "margin");
    o = options(&f);
    o.stop = unit_stop;
    assert_status(eng_gate_run(x, f.good, f.bad, &o, &g, &e), SK_E_STOPPED, e, "stopped");
    const char few[] = "one\n<|endoftext|>\ntwo\n";
    unit_write(f.talks, few, sizeof few - 1);
    o = options(&f);
    char txt[600];
    unit_write(in_dir(txt, "few.txt"), few, sizeof few - 1);
    o.valid = (const char *const[]){txt};
    assert_status(eng_gate_run(x, f.good, f.bad, &o, &g, &e), SK_E_INVALID, e, "2 documents");
    eng_exec_close(x);
}

static sk_status attempt(void *arg, sk_err *e)
{
    const files *f = arg;
    eng_exec *x;
    eng_gate g;
    eng_gate_opts o = options(f);
    o.n_valid = 2;
    sk_status st = eng_exec_open(1, &x, e);
    if (st) return st;
    st = eng_gate_run(x, f->bad, f->good, &o, &g, e);
    eng_exec_close(x);
    return st;
}

static void want_of_memory(void **state)
{
    (void)state;
    files f;
    make(&f);
    unit_starve(attempt, &f, 20000, UNIT_GROWS | UNIT_STRIDES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences),
        cmocka_unit_test(what_has_to_get_better),
        cmocka_unit_test(what_must_not_get_worse),
        cmocka_unit_test(answers_and_sessions),
        cmocka_unit_test(the_sum_of_it),
        cmocka_unit_test(endless_answers),
        cmocka_unit_test_setup_teardown(decisions, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(documents, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(what_cannot_be_judged, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(want_of_memory, unit_dir_make, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
