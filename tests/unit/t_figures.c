/* t_figures.c - figures that the gate keeps: they come back to the last bit, nothing else passes
 * for them, they are used again only for the same model, data and settings, and the best of
 * versions before holds a new one to account.
 */
#include "tests/unit/unit.h"

#include "engine/eval/figures.h"
#include "engine/eval/gate_best.h"
#include "tests/unit/fixture_model.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DOCS = 24 };

/* Two files of documents that cost `bits` a byte, the second plus `more`. */
static eng_figures made(double bits, double more, size_t right)
{
    eng_figures f = {.n_ctx = 128,
                     .cut = 64,
                     .chat = true,
                     .shadow = {6, 1, 2, 3, true},
                     .n = 2,
                     .n_doc = {DOCS, DOCS},
                     .asked = 40,
                     .right = right};
    memset(f.model, 'a', SK_SHA256_HEX - 1);
    memset(f.data, 'b', SK_SHA256_HEX - 1);
    for (size_t i = 0; i < f.n; i++) {
        f.doc[i] = sk_calloc(SK_MEM_MISC, DOCS, sizeof *f.doc[i]);
        assert_non_null(f.doc[i]);
        for (size_t k = 0; k < DOCS; k++)
            f.doc[i][k] = (eng_held_doc){
                (bits + (i ? more : 0) + 1e-3 * (double)(k % 5)) * log(2) * 100, 30 + k, 100};
    }
    return f;
}

static void there_and_back(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT, again = SK_BUF_INIT;
    eng_figures f = made(1.3, 0.1, 30), g;
    sk_err e = SK_ERR_INIT;
    f.doc[0][3].nats = 0x1.921fb54442d18p+7;
    f.doc[1][4].nats = 5; /* no fraction: an integer in JSON */
    f.doc[1][5].bytes = (uint64_t)1 << 40;
    eng_figures_write(&f, &b);
    assert_status_ok(eng_figures_parse(b.p, b.len, &g, &e), e);
    for (size_t i = 0; i < f.n; i++)
        assert_memory_equal(f.doc[i], g.doc[i], DOCS * sizeof *f.doc[i]);
    assert_true(g.n_ctx == 128 && g.cut == 64 && g.chat && g.asked == 40 && g.right == 30);
    assert_memory_equal(&f.shadow, &g.shadow, sizeof f.shadow);
    assert_true(eng_figures_alike(&f, &g));
    eng_figures_write(&g, &again);
    assert_true(b.len == again.len && memcmp(b.p, again.p, b.len) == 0);
    /* every cut is refused */
    for (size_t n = 0; n + 2 < b.len; n += 1 + n / 40) {
        eng_figures none;
        assert_int_not_equal(eng_figures_parse(b.p, n, &none, &e), SK_OK);
    }
    g.doc[1][0].bytes++;
    assert_false(eng_figures_alike(&f, &g));
    assert_true(eng_figures_same_docs(&f, &g, 0) && !eng_figures_same_docs(&f, &g, 1));
    assert_false(eng_figures_same_docs(&f, &g, 2));
    f.doc[0][3].nats = NAN; /* good for nothing */
    sk_buf_reset(&b);
    eng_figures_write(&f, &b);
    assert_status(eng_figures_parse(b.p, b.len, &g, &e), SK_E_INVALID, e, "document 4");
    eng_figures_fini(&f);
    eng_figures_fini(&g);
    sk_buf_fini(&b);
    sk_buf_fini(&again);
}

static sk_status starved(void *arg, sk_err *e)
{
    eng_figures f;
    sk_status st = eng_figures_load(arg, &f, e);
    if (st) return st;
    st = eng_figures_save(arg, &f, e);
    eng_figures_fini(&f);
    return st;
}

static sk_status find_starved(void *arg, sk_err *e)
{
    eng_gate_best b;
    sk_status st = eng_gate_best_find(unit_dir, arg, &b, e);
    if (!st) assert_int_equal(b.versions, 1);
    if (!st) eng_gate_best_fini(&b);
    return st;
}

static void want_of_memory(void **state)
{
    (void)state;
    char path[600];
    sk_err e = SK_ERR_INIT;
    eng_figures f = made(1.3, 0.1, 30);
    (void)snprintf(path, sizeof path, "%s/0001.json", unit_dir);
    assert_status_ok(eng_figures_save(path, &f, &e), e);
    unit_starve(starved, path, 2000, UNIT_TOLD | UNIT_STRIDES);
    unit_starve(find_starved, &f, 2000, UNIT_TOLD | UNIT_STRIDES);
    eng_figures_fini(&f);
}

static void put(const char *name, double bits, double more, size_t right)
{
    sk_err e = SK_ERR_INIT;
    eng_figures f = made(bits, more, right);
    assert_status_ok(eng_figures_save(unit_path(unit_dir, name), &f, &e), e);
    eng_figures_fini(&f);
}

/* The best of each file on its own, and of answers; what is of other data or no figures at all
 * counts for nothing. */
static void the_best(void **state)
{
    (void)state;
    eng_gate_best b;
    sk_err e = SK_ERR_INIT;
    eng_figures like = made(9, 0, 0), other = made(0.1, 0, 40);
    assert_status_ok(eng_gate_best_find("/no/such/folder", &like, &b, &e), e);
    assert_true(!b.versions && !b.doc[0] && !b.right);
    put("0001.json", 1.5, -0.5, 20);
    put("0002.json", 1.4, 0.1, 33);
    put("0003.json", 1.6, 0.1, 21);
    other.data[0] = 'c';
    assert_status_ok(eng_figures_save(unit_path(unit_dir, "0004.json"), &other, &e), e);
    other.data[0] = 'b';
    other.cut = 63;
    assert_status_ok(eng_figures_save(unit_path(unit_dir, "0005.json"), &other, &e), e);
    put("0007.json", 1.5, -0.5, 20); /* as good as the first */
    unit_write(unit_path(unit_dir, "0006.json"), "{}", 2);
    unit_write(unit_path(unit_dir, "0001.json.tmp.5"), "half", 4);
    assert_status_ok(eng_gate_best_find(unit_dir, &like, &b, &e), e);
    assert_int_equal(b.versions, 4);
    assert_int_equal(b.right, 33);
    assert_true(fabs(b.doc[0][0].nats - 1.4 * log(2) * 100) < 1e-9);
    assert_true(fabs(b.doc[1][0].nats - 1.0 * log(2) * 100) < 1e-9);
    eng_gate_best_fini(&b);
    eng_figures_fini(&like);
    eng_figures_fini(&other);
}

/* ---- whole decisions ---- */

typedef struct files {
    char text[600], talks[600], suite[600], good[600], bad[600], live[600], fresh[600], best[600];
    const char *valid[2];
} files;

static const char *in_dir(char *b, const char *name)
{
    (void)snprintf(b, 600, "%s/%s", unit_dir, name);
    return b;
}

static void write_model(const char *path, uint64_t seed)
{
    sk_err e = SK_ERR_INIT;
    eng_config c = fixture_config("qwen3");
    c.n_vocab = 288;
    assert_status_ok(fixture_model_twist(path, &c, seed, ENG_F32, NULL, &e), e);
}

static void write_texts(const files *f, int docs)
{
    sk_buf b = SK_BUF_INIT;
    for (int i = 0; i < docs; i++)
        sk_buf_addf(&b, "Document %d tells of %d things, and of a dog.\n<|endoftext|>\n", i, i * i);
    unit_write(f->text, b.p, b.len);
    sk_buf_reset(&b);
    for (int i = 0; i < docs; i++)
        sk_buf_addf(&b, "Talk %d: who is %d? It is me.\n<|endoftext|>\n", i, 7 * i);
    unit_write(f->talks, b.p, b.len);
    sk_buf_fini(&b);
}

static void make(files *f)
{
    static const char suite[] = "{\"prompt\":\"a\",\"accept\":{\"regex\":\"x*\"}}\n"
                                "{\"prompt\":\"b\",\"accept\":{\"contains\":\"nowhere at all\"}}\n";
    (void)in_dir(f->text, "valid.txt");
    (void)in_dir(f->talks, "talks.txt");
    write_texts(f, DOCS);
    unit_write(in_dir(f->suite, "answers.jsonl"), suite, sizeof suite - 1);
    write_model(in_dir(f->good, "good.gguf"), 1);
    (void)in_dir(f->bad, "bad.gguf");
    (void)in_dir(f->live, "live.figures");
    (void)in_dir(f->fresh, "fresh.figures");
    assert_int_equal(mkdir(in_dir(f->best, "best"), 0755), 0);
    f->valid[0] = f->text;
    f->valid[1] = f->talks;
}

static eng_gate_opts options(const files *f)
{
    return (eng_gate_opts){.valid = f->valid,
                           .n_valid = 2,
                           .answers = f->suite,
                           .margin = 0.001,
                           .worse = 8,
                           .n_ctx = 64,
                           .n_answer = 4,
                           .figures = f->live,
                           .new_figures = f->fresh,
                           .best_worse = 8,
                           .best_slack = 8};
}

static eng_gate judge(const char *live, const char *fresh, const eng_gate_opts *o)
{
    eng_exec *x;
    eng_gate g;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(eng_exec_open(1, &x, &e), e);
    assert_status_ok(eng_gate_run(x, live, fresh, o, &g, &e), e);
    eng_exec_close(x);
    return g;
}

/* Makes `bad` a model over which `good` is promoted. */
static eng_gate order(files *f, const eng_gate_opts *o)
{
    for (uint64_t seed = 2; seed < 40; seed++) {
        write_model(f->bad, seed);
        (void)unlink(f->live);
        eng_gate g = judge(f->bad, f->good, o);
        if (g.promote) return g;
    }
    fail_msg("no model is worse");
    return (eng_gate){.promote = false};
}

/* All but `kept` is as it was. */
static void same(const eng_gate *a, const eng_gate *b)
{
    assert_true(a->promote == b->promote && a->live_bpb == b->live_bpb &&
                a->new_bpb == b->new_bpb && a->low == b->low && a->high == b->high);
    assert_true(a->documents == b->documents && a->live_right == b->live_right);
    for (int i = 0; i < ENG_GATE_N; i++)
        assert_string_equal(a->check[i].why, b->check[i].why);
}

static void used_again(void **state)
{
    (void)state;
    files f;
    make(&f);
    eng_gate_opts o = options(&f), plain = o;
    eng_gate first = order(&f, &o);
    assert_false(first.kept);
    eng_gate g = judge(f.bad, f.good, &o);
    assert_true(g.kept);
    same(&first, &g);
    plain.figures = plain.new_figures = NULL;
    g = judge(f.bad, f.good, &plain);
    assert_false(g.kept);
    same(&first, &g);
    /* what passed is the live one next: its figures are those of its own measurement */
    sk_buf a = SK_BUF_INIT, b = SK_BUF_INIT;
    o.figures = f.fresh;
    o.new_figures = NULL;
    g = judge(f.good, f.bad, &o);
    assert_true(g.kept && !g.promote && g.live_bpb == first.new_bpb);
    assert_true(unit_read(f.fresh, &a));
    (void)unlink(f.fresh);
    eng_gate h = judge(f.good, f.bad, &o);
    assert_false(h.kept);
    same(&g, &h);
    assert_true(unit_read(f.fresh, &b));
    assert_string_equal(a.p, b.p);
    /* one that does not pass leaves none */
    o.figures = f.live;
    o.new_figures = in_dir(f.suite, "none.figures");
    o.answers = NULL;
    g = judge(f.good, f.bad, &o);
    assert_true(!g.promote && access(f.suite, F_OK) != 0);
    sk_buf_fini(&a);
    sk_buf_fini(&b);
}

/* Anything that decides what is measured makes it be measured again, and is kept then. */
static void measured_again(void **state)
{
    (void)state;
    files f;
    char other[600];
    make(&f);
    eng_gate_opts o = options(&f);
    (void)order(&f, &o);
    o.margin = 0.002; /* these decide, and measure nothing */
    o.worse = o.best_worse = 7;
    o.slack = 1;
    assert_true(judge(f.bad, f.good, &o).kept);
    o.n_ctx = 32;
    assert_false(judge(f.bad, f.good, &o).kept);
    assert_true(judge(f.bad, f.good, &o).kept);
    o.n_answer = 5;
    assert_false(judge(f.bad, f.good, &o).kept);
    o.most = 600;
    assert_false(judge(f.bad, f.good, &o).kept);
    o.answers = NULL;
    assert_false(judge(f.bad, f.good, &o).kept);
    o.n_valid = 1;
    assert_false(judge(f.bad, f.good, &o).kept);
    assert_true(judge(f.bad, f.good, &o).kept);
    write_texts(&f, DOCS + 1); /* the data */
    assert_false(judge(f.bad, f.good, &o).kept);
    assert_true(judge(f.bad, f.good, &o).kept);
    write_model(in_dir(other, "other.gguf"), 77); /* the model */
    assert_false(judge(other, f.good, &o).kept);
    assert_true(judge(other, f.good, &o).kept);
    unit_write(f.live, "{\"format\":1", 11); /* the file itself */
    assert_false(judge(other, f.good, &o).kept);
    assert_true(judge(other, f.good, &o).kept);
    o.figures = "/no/such/folder/figures"; /* it can't be kept: no matter */
    assert_false(judge(other, f.good, &o).kept);
}

/* Each round loses less than one round may, and the sum is held against the best all the same: a
 * version whose second file was `less` bits a byte better than the candidate's. */
static eng_gate against(const files *f, const eng_gate_opts *o, double less, size_t right)
{
    eng_figures best;
    sk_err e = SK_ERR_INIT;
    char path[620];
    assert_status_ok(eng_figures_load(f->fresh, &best, &e), e);
    for (size_t k = 0; k < best.n_doc[1]; k++)
        best.doc[1][k].nats -= less * log(2) * (double)best.doc[1][k].bytes;
    best.right = right;
    (void)snprintf(path, sizeof path, "%s/0007.json", f->best);
    assert_status_ok(eng_figures_save(path, &best, &e), e);
    eng_figures_fini(&best);
    return judge(f->bad, f->good, o);
}

static void slow_loss(void **state)
{
    (void)state;
    files f;
    make(&f);
    eng_gate_opts o = options(&f);
    (void)order(&f, &o);
    o.best = f.best;
    o.new_figures = NULL;
    assert_int_equal(judge(f.bad, f.good, &o).best, 0);
    o.best_worse = 0.02;
    o.best_slack = 3;
    eng_gate g = against(&f, &o, 0.019, 1);
    assert_true(g.promote && g.best == 1);
    g = against(&f, &o, 0.021, 1);
    assert_false(g.promote);
    assert_true(g.check[ENG_GATE_TEXT].tried && !g.check[ENG_GATE_TEXT].ok);
    assert_contains(eng_gate_why(&g), "talks.txt, of the best version yet: ");
    assert_contains(eng_gate_why(&g), "worse by over 0.02");
    o.best_worse = 0.03;
    assert_true(against(&f, &o, 0.021, 4).promote);
    g = against(&f, &o, 0.021, 5); /* right of it: 1 */
    assert_false(g.promote);
    assert_contains(eng_gate_why(&g), "of the best version yet 5");
    assert_true(against(&f, &o, -1, 0).promote); /* worse than it was: no matter */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test_setup_teardown(want_of_memory, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(the_best, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(used_again, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(measured_again, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(slow_loss, unit_dir_make, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
