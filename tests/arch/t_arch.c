/* t_arch.c - every architecture against llama.cpp: tests/arch/NAME.arch is made into a model, run
 * whole, in chunks and beside another sequence on every processor level of this machine, and
 * compared with the logits kept in NAME.f32 and the tokens in greedy.txt; or refused, as
 * refused.txt says.
 *
 * ARCH=NAME in the environment picks one case; ARCH_VERBOSE prints the distances.
 */
#include "tests/unit/unit.h"

#include "base/cpu.h"
#include "base/file.h"
#include "engine/engine.h"
#include "tests/arch/fixture.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>

/* Relative L2 distance allowed over the kept rows: float sums in another order; and where weights
 * are of a quantised type, whose products may round the activations to 8 bits. */
#define TOLERANCE 1e-4
#define TOLERANCE_QUANTISED 5e-2

enum { MAX_CASES = 128, N_GREEDY = 16, MAX_IDS = 256 };

/* A model being tried: what is expected of it, and the whole run to compare others with. */
typedef struct trial {
    const char *name;
    char refused[200]; /* a part of the sentence it is refused with; "": it must run */
    arch_case c;
    eng_exec *x;
    eng_model *m;
    eng_session *s;
    int32_t ids[MAX_IDS];
    size_t width;      /* of a row: n_vocab, or n_embd of an embedding */
    eng_want kind;     /* of rows */
    const float *want; /* [kept, width]; of an embedding also the mean over all rows */
    int32_t greedy[N_GREEDY];
    float *whole; /* [n_ids, width], of one step */
    double tolerance;
    sk_err e;
} trial;

/* Relative L2 distance of got from want; infinity where something is not finite. */
static double distance(const float *got, const float *want, size_t n)
{
    double d = 0, w = 0;
    for (size_t i = 0; i < n; i++) {
        d += ((double)got[i] - (double)want[i]) * ((double)got[i] - (double)want[i]);
        w += (double)want[i] * (double)want[i];
    }
    return isfinite(d) && w > 0 ? sqrt(d / w) : INFINITY;
}

static void open_session(trial *t)
{
    eng_session_opts o = {.n_slots = 2, .n_ctx = t->c.n_ctx, .max_step = 2 * t->c.n_ids};
    assert_status_ok(eng_session_open(t->x, t->m, &o, &t->s, &t->e), t->e);
}

/* Tokens first .. first + n - 1 of the sequence in slot 0; their logits. */
static const float *step(trial *t, size_t first, size_t n)
{
    eng_step_item item = {.slot = 0, .pos = first, .n = n, .ids = t->ids + first, .want = t->kind};
    assert_status_ok(eng_session_step(t->s, &item, 1, &t->e), t->e);
    return item.logits;
}

/* Fails unless rows first .. first + n - 1 are the bytes of the whole run. */
static void same_rows(const trial *t, const char *how, size_t first, size_t n, const float *got)
{
    const float *want = t->whole + first * t->width;
    if (memcmp(got, want, n * t->width * sizeof *got) == 0) return;
    double d = distance(got, want, n * t->width);
    print_error("%s: %s: other bytes than run whole (relative L2 %g)\n", t->name, how, d);
    fail();
}

static void whole(trial *t)
{
    size_t n_kept, nv = t->width;
    const size_t *kept = arch_kept(&n_kept);
    const float *got = step(t, 0, t->c.n_ids);
    memcpy(t->whole, got, t->c.n_ids * nv * sizeof *got);
    double all = 0, worst = 0;
    for (size_t i = 0; i < n_kept; i++) {
        double d = distance(got + kept[i] * nv, t->want + i * nv, nv);
        all += d * d / (double)n_kept;
        worst = d > worst ? d : worst;
    }
    all = sqrt(all);
    bool good = all < t->tolerance;
    if (!good || getenv("ARCH_VERBOSE"))
        print_error("%s: %s: relative L2 %.2e, worst row %.2e\n", t->name, sk_cpu_name(sk_cpu()),
                    all, worst);
    assert_true(good);
}

static size_t argmax(const float *v, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (v[i] > v[best]) best = i;
    return best;
}

/* The tokens that follow, each chosen as the likeliest and fed back. */
static void greedy(trial *t)
{
    const float *row = t->whole + (t->c.n_ids - 1) * t->c.n_vocab;
    for (size_t i = 0; i < N_GREEDY; i++) {
        size_t best = argmax(row, t->c.n_vocab);
        if (best != (size_t)t->greedy[i])
            print_error("%s: token %zu after the sequence\n", t->name, i);
        assert_int_equal(best, t->greedy[i]);
        t->ids[t->c.n_ids + i] = (int32_t)best;
        row = step(t, t->c.n_ids + i, 1);
    }
}

/* In chunks of `size`; single tokens only for the last quarter, which stands beyond every window.
 */
static void in_chunks(trial *t, size_t size)
{
    char how[32];
    snprintf(how, sizeof how, "in chunks of %zu", size);
    for (size_t at = 0, n; at < t->c.n_ids; at += n) {
        n = size == 1 && at < t->c.n_ids * 3 / 4 ? t->c.n_ids * 3 / 4 : size;
        n = t->c.n_ids - at < n ? t->c.n_ids - at : n;
        same_rows(t, how, at, n, step(t, at, n));
    }
}

/* In slot 1, with another sequence of another length in slot 0. */
static void beside_another(trial *t)
{
    const size_t chunk = t->c.both_ways ? t->c.n_ids : 40;
    int32_t other[MAX_IDS];
    for (size_t i = 0; i < t->c.n_ids; i++)
        other[i] = t->ids[t->c.n_ids - 1 - i];
    for (size_t at = 0; at < t->c.n_ids; at += chunk) {
        size_t n = t->c.n_ids - at < chunk ? t->c.n_ids - at : chunk;
        eng_step_item item[2] = {
            {.slot = 0, .pos = at / 2, .n = n / 2, .ids = other + at / 2, .want = t->kind},
            {.slot = 1, .pos = at, .n = n, .ids = t->ids + at, .want = t->kind}};
        assert_status_ok(eng_session_step(t->s, item, 2, &t->e), t->e);
        same_rows(t, "beside another sequence", at, n, item[1].logits);
    }
}

/* The vector of the whole sequence under each pooling, and the one the file asks for. */
static void pooled(trial *t)
{
    const float *last = t->whole + (t->c.n_ids - 1) * t->width;
    size_t n_kept;
    arch_kept(&n_kept);
    const float *mean = t->want + n_kept * t->width;
    const float *want[] = {t->c.pooling == 1   ? mean
                           : t->c.pooling == 2 ? t->whole
                                               : last,
                           mean, t->whole, last};
    eng_embedder *d;
    float v[256];
    assert_true(t->width <= 256);
    assert_status_ok(eng_embedder_open(t->x, t->m, &d, &t->e), t->e);
    for (int p = ENG_POOL_AUTO; p <= ENG_POOL_LAST; p++) {
        sk_status st = eng_embedder_run(d, t->ids, t->c.n_ids, (eng_pooling)p, false, v, &t->e);
        assert_status_ok(st, t->e);
        assert_true(distance(v, want[p], t->width) < t->tolerance);
    }
    assert_status_ok(eng_embedder_run(d, t->ids, 3, ENG_POOL_AUTO, true, v, &t->e), t->e);
    double sq = 0;
    for (size_t i = 0; i < t->width; i++)
        sq += (double)v[i] * (double)v[i];
    assert_true(fabs(sq - 1) < 1e-5);
    eng_embedder_close(d);
}

/* Quantised weights as they lie in the file. */
static void not_repacked(trial *t, const char *model)
{
    const eng_model_opts o = {.no_repack = true};
    eng_session_close(t->s);
    eng_model_close(t->m);
    assert_status_ok(eng_model_open_opts(t->x, model, &o, &t->m, &t->e), t->e);
    open_session(t);
    same_rows(t, "without repacking", 0, t->c.n_ids, step(t, 0, t->c.n_ids));
}

/* One model on the processor level that is set; other chunks and company only where `all`. */
static void run_level(trial *t, const char *model, bool all)
{
    assert_status_ok(eng_exec_open(all ? 2 : 1, &t->x, &t->e), t->e);
    assert_status_ok(eng_model_open(t->x, model, &t->m, &t->e), t->e);
    eng_model_info info;
    eng_model_get_info(t->m, &info);
    assert_int_equal(t->width, t->c.embeds ? info.n_embd : info.n_vocab);
    open_session(t);
    whole(t);
    if (t->c.embeds) pooled(t);
    if (!t->c.embeds && !t->c.has_quantised) greedy(t);
    if (all && !t->c.both_ways) {
        in_chunks(t, 1);
        in_chunks(t, 7);
        in_chunks(t, 64);
    }
    if (all) beside_another(t);
    if (t->c.has_quantised) not_repacked(t, model);
    eng_session_close(t->s);
    eng_model_close(t->m);
    eng_exec_close(t->x);
}

/* Fails unless opening the model fails for the reason refused.txt names. */
static void refused(trial *t, const char *model)
{
    assert_status_ok(eng_exec_open(1, &t->x, &t->e), t->e);
    sk_status st = eng_model_open(t->x, model, &t->m, &t->e);
    if (!st) print_error("%s: is not refused any more: strike its line\n", t->name);
    assert_status(st, SK_E_UNSUPPORTED, t->e, t->refused);
    eng_exec_close(t->x);
}

/* What follows "NAME " on a line of a list in tests/arch, into text (cut to fit); false if no line
 * begins so. */
static bool line_of(const char *name, const char *list, char *text, size_t size)
{
    sk_buf b = SK_BUF_INIT;
    char key[80];
    assert_true(unit_read(unit_path("tests/arch", list), &b));
    sk_buf_addc(&b, 0);
    snprintf(key, sizeof key, "\n%s ", name);
    const char *p = strstr(b.p, key);
    if (p) {
        p += strlen(key);
        snprintf(text, size, "%.*s", (int)strcspn(p, "\n"), p);
    }
    sk_buf_fini(&b);
    return p != NULL;
}

/* The N_GREEDY tokens of a case in greedy.txt. */
static void read_greedy(trial *t)
{
    char text[256], *p = text;
    if (!line_of(t->name, "greedy.txt", text, sizeof text)) {
        print_error("%s: not in greedy.txt\n", t->name);
        fail();
    }
    for (size_t i = 0; i < N_GREEDY; i++)
        t->greedy[i] = (int32_t)strtol(p, &p, 10);
}

/* The model written to a file and tried; plain as in arch_make. */
static void try_case(trial *t, const char *description, bool plain)
{
    sk_buf file = SK_BUF_INIT;
    char dir[256], model[300];
    snprintf(dir, sizeof dir, "%s", unit_tmpdir());
    snprintf(model, sizeof model, "%s/m.gguf", dir);
    assert_status_ok(arch_make(description, plain ? ARCH_PLAIN : 0, &t->c, &file, &t->e), t->e);
    unit_write(model, file.p, file.len);
    sk_buf_fini(&file);
    assert_true(t->c.n_ids + N_GREEDY <= MAX_IDS && t->c.n_ids + N_GREEDY <= t->c.n_ctx);
    for (size_t i = 0; i < t->c.n_ids; i++)
        t->ids[i] = arch_id(&t->c, i);
    t->tolerance = t->c.has_quantised && !plain ? TOLERANCE_QUANTISED : TOLERANCE;
    t->c.has_quantised &= !plain;
    if (t->refused[0]) {
        refused(t, model);
    } else {
        t->whole = malloc(t->c.n_ids * t->width * sizeof *t->whole);
        assert_non_null(t->whole);
        for (int level = SK_CPU_C; level <= (int)sk_cpu_best(); level++) {
            assert_status_ok(sk_cpu_mask(sk_cpu_name((sk_cpu_level)level), &t->e), t->e);
            run_level(t, model, level == (int)sk_cpu_best());
        }
        assert_status_ok(sk_cpu_mask("auto", &t->e), t->e);
        free(t->whole);
    }
    unit_rm_rf(dir);
}

static void architecture(void **state)
{
    trial t = {.name = *state, .e = SK_ERR_INIT};
    sk_buf want = SK_BUF_INIT;
    char path[128];
    size_t n_kept;
    arch_kept(&n_kept);
    snprintf(path, sizeof path, "tests/arch/%s.f32", t.name);
    assert_true(unit_read(path, &want));
    t.want = (const float *)(const void *)want.p;
    line_of(t.name, "refused.txt", t.refused, sizeof t.refused);
    snprintf(path, sizeof path, "tests/arch/%s.arch", t.name);
    assert_status_ok(arch_make(path, ARCH_PLAIN, &t.c, NULL, &t.e), t.e);
    t.kind = t.c.embeds ? ENG_WANT_STATES : ENG_WANT_ALL;
    t.width = want.len / sizeof(float) / (n_kept + t.c.embeds);
    assert_true(t.c.embeds || t.width == t.c.n_vocab);
    assert_int_equal(want.len, (n_kept + t.c.embeds) * t.width * sizeof(float));
    if (!t.c.embeds) read_greedy(&t);
    bool twice = t.c.has_quantised && !t.refused[0];
    try_case(&t, path, true);
    if (twice) try_case(&t, path, false);
    sk_buf_fini(&want);
}

static int by_name(const void *a, const void *b)
{
    const struct CMUnitTest *x = a, *y = b;
    return strcmp(x->name, y->name);
}

int main(void)
{
    static char name[MAX_CASES][64];
    struct CMUnitTest tests[MAX_CASES];
    const char *only = getenv("ARCH");
    size_t n = 0;
    DIR *d = opendir("tests/arch");
    if (!d) return 1;
    for (struct dirent *f; n < MAX_CASES && (f = readdir(d));) {
        size_t len = strlen(f->d_name);
        if (len < 6 || len > 60 || strcmp(f->d_name + len - 5, ".arch") != 0) continue;
        memcpy(name[n], f->d_name, len - 5);
        if (only && strcmp(only, name[n]) != 0) {
            name[n][0] = 0;
            memset(name[n], 0, sizeof name[n]);
            continue;
        }
        tests[n] = (struct CMUnitTest){name[n], architecture, NULL, NULL, name[n]};
        n++;
    }
    closedir(d);
    qsort(tests, n, sizeof *tests, by_name);
    return _cmocka_run_group_tests("arch", tests, n, NULL, NULL);
}
