/* t_calib.c - importance matrices against sums spelled out, and what is refused. */
#include "tests/unit/unit.h"

#include "base/file.h"
#include "base/rng.h"
#include "engine/format/imatrix.h"
#include "engine/infer/windows.h"
#include "engine/model/model.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { N_TEXT = 2000, N_CTX = 64 };

typedef struct open_model {
    eng_exec *x;
    eng_model *m;
    char text[N_TEXT], path[64];
} open_model;

static void open_all(open_model *o, size_t threads)
{
    sk_err e = SK_ERR_INIT;
    assert_status_ok(eng_exec_open(threads, &o->x, &e), e);
    assert_status_ok(eng_model_open(o->x, "tests/golden/tiny.gguf", &o->m, &e), e);
    for (size_t i = 0; i < N_TEXT; i++)
        o->text[i] = "the in a\n"[sk_rng_below(1, SK_RNG_TEST, i, 9)];
    snprintf(o->path, sizeof o->path, "t_calib.%d.gguf", (int)getpid());
}

static void close_all(open_model *o)
{
    unlink(o->path);
    eng_model_close(o->m);
    eng_exec_close(o->x);
}

/* Sums of the squares of what the first layer's q reads: normed rows of the table of tokens. */
static void first_layer(const open_model *o, double *sum)
{
    sk_err e = SK_ERR_INIT;
    eng_windows w;
    size_t n = o->m->cfg.n_embd;
    const float *norm = o->m->layer[0].attn_norm.w;
    float row[256];
    assert_true(n <= 256);
    assert_status_ok(eng_windows_init(&w, o->m, N_CTX, o->text, N_TEXT, &e), e);
    for (size_t i = 0; i < w.n * N_CTX; i++) {
        int32_t id = i % N_CTX || w.bos < 0 ? w.ids.id[i] : w.bos;
        double square = 0;
        size_t at = (size_t)id * eng_dtype_bytes(o->m->embd_type, n);
        eng_dtype_to_f32(o->m->embd_type, (const char *)o->m->embd + at, row, n);
        for (size_t j = 0; j < n; j++)
            square += (double)row[j] * (double)row[j];
        double by = 1 / sqrt(square / (double)n + (double)o->m->cfg.rms_eps);
        for (size_t j = 0; j < n; j++)
            sum[j] += pow((double)row[j] * by * (double)norm[j], 2);
    }
    eng_windows_fini(&w);
}

/* Importance of the columns of a tensor in the file just written. */
static const float *find(const eng_imatrix *im, const char *name, size_t n)
{
    size_t got = 0;
    const float *v = eng_imatrix_find(im, (eng_str){name, strlen(name)}, &got);
    assert_non_null(v);
    assert_int_equal(got, n);
    return v;
}

static void as_spelled_out(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_buf first = SK_BUF_INIT;
    for (size_t threads = 1; threads <= 3; threads++) {
        open_model o;
        eng_calib got;
        eng_imatrix *im = NULL;
        sk_buf file = SK_BUF_INIT;
        double sum[256] = {0};
        open_all(&o, threads);
        size_t n = o.m->cfg.n_embd;
        eng_calib_opts co = {.n_ctx = N_CTX, .dataset = "some text"};
        assert_status_ok(eng_calibrate(o.x, o.m, o.text, N_TEXT, &co, o.path, &got, &e), e);
        assert_true(got.windows > 2 && got.tokens == got.windows * N_CTX && got.idle == 0);
        assert_status_ok(eng_imatrix_open(o.path, &im, &e), e);
        assert_int_equal(eng_imatrix_count(im), got.entries);
        assert_int_equal(got.entries, 7 * o.m->cfg.n_layer); /* q k v output gate up down */
        first_layer(&o, sum);
        const float *q = find(im, "blk.0.attn_q.weight", n);
        for (size_t j = 0; j < n; j++)
            assert_true(fabs((double)q[j] * (double)got.tokens - sum[j]) < 1e-5 * sum[j]);
        assert_memory_equal(q, find(im, "blk.0.attn_v.weight", n), n * sizeof *q);
        (void)find(im, "blk.1.ffn_down.weight", o.m->cfg.n_ff);
        eng_imatrix_close(im);
        assert_status_ok(sk_file_load(o.path, 1 << 24, &file, &e), e);
        if (threads == 1) sk_buf_add(&first, file.p, file.len);
        assert_int_equal(file.len, first.len);
        assert_memory_equal(file.p, first.p, file.len);
        sk_buf_fini(&file);
        close_all(&o);
    }
    sk_buf_fini(&first);
}

static sk_status calibrate_starved(void *arg, sk_err *e)
{
    const open_model *o = arg;
    eng_calib got = {.tokens = 7};
    eng_calib_opts co = {.n_ctx = N_CTX, .dataset = ""};
    sk_status st = eng_calibrate(o->x, o->m, o->text, N_TEXT, &co, o->path, &got, e);
    if (st) assert_int_equal(got.tokens, 7);
    if (st && !strstr(e->text, "is complete")) assert_int_not_equal(access(o->path, F_OK), 0);
    (void)unlink(o->path);
    return st;
}

/* Whatever goes wrong, there is no file; but where it is complete and only its folder can't be
 * synced, as the sentence says. */
static void refusals(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    open_model o;
    eng_calib got = {.tokens = 7};
    open_all(&o, 1);
    eng_calib_opts co = {.n_ctx = N_CTX, .dataset = ""};
    assert_status(eng_calibrate(o.x, o.m, "the", 3, &co, o.path, &got, &e), SK_E_INVALID, e,
                  "window");
    co.stop = unit_stop;
    assert_status(eng_calibrate(o.x, o.m, o.text, N_TEXT, &co, o.path, &got, &e), SK_E_STOPPED, e,
                  "");
    co.stop = NULL;
    assert_int_not_equal(access(o.path, F_OK), 0);
    unit_starve(calibrate_starved, &o, 400, UNIT_TOLD | UNIT_GROWS);
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
