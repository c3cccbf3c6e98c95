/* bench_grammar.c - schemas with instances: what is enforced, and how long a mask takes.
 *
 * The definitions are those of MaskBench (guidance-ai/jsonschemabench): instances are written as
 * Python's json.dumps(ensure_ascii=False) does; the time of a token is that of its mask and of
 * taking it; percentiles are over all tokens of all schemas that were compiled.
 */
#include "cli/bench_grammar.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "engine/engine.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Most bytes of one file. */
#define FILE_MAX ((uint64_t)64 << 20)

/* What becomes of a schema. */
typedef enum fate { PASSES, REFUSED, WRONGLY_ACCEPTED, WRONGLY_REJECTED, FAILED, N_FATES } fate;

/* Times in microseconds. */
typedef struct times {
    float *us;
    size_t n, cap;
} times;

typedef struct gbench {
    eng_vocab *vocab;
    eng_tokentrie *trie;
    uint64_t *mask;
    times masks, compiles;
    size_t n_schemas, count[N_FATES];
} gbench;

static sk_status add_time(times *t, uint64_t us, sk_err *e)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 4096;
        float *p = sk_realloc(SK_MEM_MISC, t->us, cap * sizeof *p);
        if (!p) return sk_fail(e, SK_E_NOMEM, "no memory for %zu times", cap);
        t->us = p;
        t->cap = cap;
    }
    t->us[t->n++] = (float)us;
    return SK_OK;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* "name": {"mean": .., "p50": .., "p99": .., "max": ..} of sorted times. */
static void add_times(times *t, const char *name, bool json, sk_buf *out)
{
    double sum = 0;
    if (t->n) qsort(t->us, t->n, sizeof *t->us, by_value);
    for (size_t i = 0; i < t->n; i++)
        sum += t->us[i];
    double mean = t->n ? sum / (double)t->n : 0, most = t->n ? t->us[t->n - 1] : 0;
    double p50 = t->n ? t->us[t->n / 2] : 0, p99 = t->n ? t->us[t->n * 99 / 100] : 0;
    const char *form =
        json ? ",\"%s_us\":{\"n\":%zu,\"mean\":%.1f,\"p50\":%.0f,\"p99\":%.0f,\"max\":%.0f}"
             : "%-8s %zu, microseconds: mean %.1f, p50 %.0f, p99 %.0f, most %.0f\n";
    sk_buf_addf(out, form, name, t->n, mean, p50, p99, most);
}

/* ---- instances as Python writes them ---- */

static void write_number(sk_buf *b, double v)
{
    const double exact = 1e15;
    if (v == floor(v) && fabs(v) < exact)
        sk_buf_addf(b, "%.1f", v);
    else
        sk_json_add_num(b, v);
}

/* A test's value as Python's json.dumps writes it, with a space behind each comma and colon. */
static void write_value(sk_buf *b, json_t *v)
{
    const char *key;
    json_t *k;
    size_t i = 0;
    if (json_is_object(v)) {
        sk_buf_addc(b, '{');
        json_object_foreach(v, key, k)
        {
            if (i++) sk_buf_adds(b, ", ");
            sk_json_add_str(b, key, strlen(key));
            sk_buf_adds(b, ": ");
            write_value(b, k);
        }
        sk_buf_addc(b, '}');
    } else if (json_is_array(v)) {
        sk_buf_addc(b, '[');
        json_array_foreach(v, i, k)
        {
            if (i) sk_buf_adds(b, ", ");
            write_value(b, k);
        }
        sk_buf_addc(b, ']');
    } else if (json_is_string(v)) {
        sk_json_add_str(b, json_string_value(v), json_string_length(v));
    } else if (json_is_integer(v)) {
        sk_buf_addf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    } else if (json_is_real(v)) {
        write_number(b, json_real_value(v));
    } else {
        sk_buf_adds(b, json_is_null(v) ? "null" : json_is_true(v) ? "true" : "false");
    }
}

/* ---- one schema ---- */

/* Walks an instance; *taken: all its tokens. */
static sk_status walk(gbench *b, eng_grammar *g, const eng_ids *ids, bool *taken, sk_err *e)
{
    eng_matcher *m = NULL;
    sk_status st = eng_matcher_new(g, &m, e);
    *taken = true;
    for (size_t i = 0; i < ids->n && *taken && !st; i++) {
        int32_t id = ids->id[i];
        uint64_t t0 = sk_now_us();
        st = eng_matcher_mask(m, b->mask, e);
        *taken = !st && (b->mask[id >> 6] >> (id & 63) & 1);
        if (*taken) st = eng_matcher_accept(m, id, e);
        if (!st) st = add_time(&b->masks, sk_now_us() - t0, e);
    }
    eng_matcher_free(m);
    return st;
}

/* One instance: PASSES, or what is wrong with the schema. */
static sk_status try_test(gbench *b, eng_grammar *g, json_t *test, fate *out, sk_err *e)
{
    sk_buf text = SK_BUF_INIT;
    eng_ids ids = {NULL, 0, 0};
    bool taken = false, valid = json_is_true(json_object_get(test, "valid"));
    write_value(&text, json_object_get(test, "data"));
    sk_status st = sk_buf_ok(&text) ? eng_vocab_encode(b->vocab, text.p, text.len, 0, &ids, e)
                                    : sk_fail(e, SK_E_NOMEM, "no memory for an instance");
    if (!st) st = walk(b, g, &ids, &taken, e);
    *out = taken == valid ? PASSES : valid ? WRONGLY_REJECTED : WRONGLY_ACCEPTED;
    eng_ids_fini(&ids);
    sk_buf_fini(&text);
    return st;
}

/* Compiles a schema and tries its instances up to the first that is treated wrongly. */
static fate try_schema(gbench *b, json_t *file, sk_err *e)
{
    eng_grammar *g = NULL;
    json_t *tests = json_object_get(file, "tests"), *test;
    size_t i;
    fate f = PASSES;
    char *text = json_dumps(json_object_get(file, "schema"), JSON_ENCODE_ANY);
    if (!text) return (void)sk_fail(e, SK_E_INVALID, "no schema"), FAILED;
    uint64_t t0 = sk_now_us();
    sk_status st = eng_grammar_open_schema(b->trie, text, strlen(text), NULL, &g, e);
    uint64_t us = sk_now_us() - t0;
    sk_free(text);
    if (st) return st == SK_E_NOMEM ? FAILED : REFUSED;
    st = add_time(&b->compiles, us, e);
    json_array_foreach(tests, i, test)
    {
        if (!st && f == PASSES) st = try_test(b, g, test, &f, e);
    }
    eng_grammar_close(g);
    return st ? FAILED : f;
}

/* One file of the suite.  Only what ends the whole bench is an error here; a schema that is refused
 * or wrongly judged is counted, and named in a line. */
static sk_status try_file(gbench *b, const char *folder, const char *name, sk_err *e)
{
    static const char *const word[N_FATES] = {"passes", "refused", "wrongly accepted",
                                              "wrongly rejected", "failed"};
    sk_buf path = SK_BUF_INIT, text = SK_BUF_INIT, line = SK_BUF_INIT;
    sk_err own = SK_ERR_INIT;
    json_error_t why;
    sk_buf_addf(&path, "%s/%s", folder, name);
    sk_status st = sk_buf_ok(&path) ? sk_file_load(path.p, FILE_MAX, &text, e)
                                    : sk_fail(e, SK_E_NOMEM, "no memory");
    json_t *file = st ? NULL : json_loadb(text.p ? text.p : "", text.len, JSON_ALLOW_NUL, &why);
    fate f = file ? try_schema(b, file, &own) : FAILED;
    json_decref(file);
    if (!st) {
        b->n_schemas++;
        b->count[f]++;
        if (f != PASSES)
            sk_buf_addf(&line, "%s: %s%s%s\n", name, word[f], own.text[0] ? ": " : "", own.text);
        if (line.len) st = cmd_out_buf(&line, e);
    }
    sk_buf_fini(&path);
    sk_buf_fini(&text);
    sk_buf_fini(&line);
    return st;
}

static int is_json(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return n > 5 && !strcmp(d->d_name + n - 5, ".json");
}

/* ---- the whole ---- */

static void report(gbench *b, bool json, sk_buf *out)
{
    const char *form =
        json ? "{\"schemas\":%zu,\"passing\":%zu,\"refused\":%zu,\"wrongly_accepted\":%zu,"
               "\"wrongly_rejected\":%zu,\"failed\":%zu"
             : "schemas  %zu: %zu pass, %zu refused, %zu wrongly accepted, %zu wrongly "
               "rejected, %zu failed\n";
    sk_buf_addf(out, form, b->n_schemas, b->count[PASSES], b->count[REFUSED],
                b->count[WRONGLY_ACCEPTED], b->count[WRONGLY_REJECTED], b->count[FAILED]);
    add_times(&b->masks, "masks", json, out);
    add_times(&b->compiles, "compile", json, out);
    if (json) sk_buf_adds(out, "}\n");
}

/* In the order of names, so that two runs compare line by line. */
sk_status cmd_bench_grammar_run(const char *model, const char *folder, bool json, sk_buf *out,
                                sk_err *e)
{
    gbench b = {0};
    struct dirent **list = NULL;
    sk_status st = eng_vocab_load(model, &b.vocab, e);
    if (!st) st = eng_tokentrie_new(b.vocab, &b.trie, e);
    if (!st && !(b.mask = sk_calloc(SK_MEM_MISC, eng_tokentrie_words(b.trie), 8)))
        st = sk_fail(e, SK_E_NOMEM, "no memory for a mask");
    int n = st ? 0 : scandir(folder, &list, is_json, alphasort);
    if (n < 0) st = sk_fail_errno(e, errno, "cannot read the folder %s", folder);
    for (int i = 0; i < n; i++) {
        if (!st && cmd_stopped(NULL)) st = cmd_stopped_err(e);
        if (!st) st = try_file(&b, folder, list[i]->d_name, e);
        free(list[i]);
    }
    free(list);
    if (!st) report(&b, json, out);
    sk_free(b.masks.us);
    sk_free(b.compiles.us);
    sk_free(b.mask);
    eng_tokentrie_free(b.trie);
    eng_vocab_close(b.vocab);
    return st;
}
