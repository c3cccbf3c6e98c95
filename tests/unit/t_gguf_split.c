/* t_gguf_split.c - models in several files: joined as one, and what is wrong with the others said;
 * then models built in memory, and saving what is open. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "engine/format/gguf_build.h"
#include "engine/format/gguf_type.h"

#include <stdio.h>

/* What a part says, where it may lie. */
typedef struct part {
    uint16_t no, count;
    int32_t n_tensors;
    const char *tensor; /* the one it has, NULL: none */
} part;

/* Writes a part to dir/m-NNNNN-of-00003.gguf, NNNNN being `as`. */
static void write_part(const char *dir, int as, part p)
{
    char name[64];
    sk_err e = SK_ERR_INIT;
    eng_gguf_writer *w = NULL;
    float x[8] = {(float)p.no, 1, 2, 3};
    snprintf(name, sizeof name, "m-%05d-of-00003.gguf", as);
    assert_status_ok(eng_gguf_create(unit_path(dir, name), &w, &e), e);
    eng_gguf_put_u32(w, "k", p.no);
    eng_gguf_put_value(w, "split.no", ENG_GGUF_U16, &p.no);
    eng_gguf_put_value(w, "split.count", ENG_GGUF_U16, &p.count);
    eng_gguf_put_value(w, "split.tensors.count", ENG_GGUF_I32, &p.n_tensors);
    if (p.tensor) {
        eng_gguf_add_tensor(w, p.tensor, ENG_F32, 2, 4, false);
        assert_status_ok(eng_gguf_write_f32(w, x, &e), e);
    }
    assert_status_ok(eng_gguf_commit(w, &e), e);
}

/* Three parts, the first without tensors, as llama.cpp's splitter may write them. */
static void write_model(const char *dir)
{
    write_part(dir, 1, (part){0, 3, 2, NULL});
    write_part(dir, 2, (part){1, 3, 2, "b"});
    write_part(dir, 3, (part){2, 3, 2, "a"});
}

static void joined(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    eng_gguf *g = NULL;
    uint64_t u = 9, misc = sk_mem_bytes(SK_MEM_MISC);
    write_model(dir);
    assert_status_ok(eng_gguf_open(unit_path(dir, "m-00001-of-00003.gguf"), &g, &e), e);
    assert_int_equal(eng_gguf_n_files(g), 3);
    assert_int_equal(eng_gguf_n_tensors(g), 2);
    assert_status_ok(eng_gguf_u64(g, "k", &u, &e), e);
    assert_int_equal(u, 0);
    const eng_gguf_tensor *a = eng_gguf_tensor_find(g, "a"), *b = eng_gguf_tensor_find(g, "b");
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(a->file, 2);
    assert_int_equal(b->file, 1);
    assert_true(*(const float *)a->data == 2 && *(const float *)b->data == 1);
    sk_buf one = SK_BUF_INIT;
    uint64_t all = 0;
    for (int i = 1; i <= 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "m-%05d-of-00003.gguf", i);
        assert_true(unit_read(unit_path(dir, name), &one));
        all += one.len;
    }
    assert_int_equal(eng_gguf_file_bytes(g), all);
    sk_buf_fini(&one);

    /* as one file: nothing of the split is left in it */
    assert_status_ok(eng_gguf_save(g, unit_path(dir, "one.gguf"), &e), e);
    eng_gguf_close(g);
    assert_status_ok(eng_gguf_open(unit_path(dir, "one.gguf"), &g, &e), e);
    assert_int_equal(eng_gguf_n_files(g), 1);
    assert_int_equal(eng_gguf_n_tensors(g), 2);
    assert_int_equal(eng_gguf_n_keys(g), 2); /* k and general.alignment */
    assert_true(*(const float *)eng_gguf_tensor_find(g, "a")->data == 2);
    eng_gguf_close(g);
    /* a part alone can be looked at */
    assert_status_ok(eng_gguf_open_one(unit_path(dir, "m-00002-of-00003.gguf"), &g, &e), e);
    assert_int_equal(eng_gguf_n_tensors(g), 1);
    eng_gguf_close(g);
    assert_int_equal(sk_mem_bytes(SK_MEM_MISC), misc);
    unit_rm_rf(dir);
}

/* Opens the model in dir, which must fail so; nothing is kept. */
static void refused(const char *dir, const char *name, sk_status want, const char *says)
{
    sk_err e = SK_ERR_INIT;
    eng_gguf *g = NULL;
    uint64_t misc = sk_mem_bytes(SK_MEM_MISC);
    assert_status(eng_gguf_open(unit_path(dir, name), &g, &e), want, e, says);
    assert_null(g);
    assert_int_equal(sk_mem_bytes(SK_MEM_MISC), misc);
}

static void bad_parts(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir(), *first = "m-00001-of-00003.gguf";
    write_model(dir);
    refused(dir, "m-00002-of-00003.gguf", SK_E_INVALID, "file 2 of 3; open the first");
    static const struct {
        part p;
        sk_status st;
        const char *says;
    } c[] = {
        {{1, 3, 2, "a"}, SK_E_FORMAT, "not 3 of 3"},
        {{2, 4, 2, "a"}, SK_E_FORMAT, "file 3 of 4"},
        {{2, 3, 5, "a"}, SK_E_FORMAT, "with 5 tensors"},
        {{2, 3, 2, "b"}, SK_E_FORMAT, "b comes twice"},
        {{2, 3, 2, NULL}, SK_E_FORMAT, "2 tensors promised, 1"},
        {{7, 3, 2, "a"}, SK_E_FORMAT, "file 7 of 3"},
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        write_part(dir, 3, c[i].p);
        refused(dir, first, c[i].st, c[i].says);
    }
    unit_rm_rf(unit_path(dir, "m-00003-of-00003.gguf"));
    refused(dir, first, SK_E_NOTFOUND, "file 3 of 3");
    unit_write(unit_path(dir, "m-00003-of-00003.gguf"), "GGUF", 4);
    refused(dir, first, SK_E_FORMAT, "m-00003-of-00003.gguf");
    /* named otherwise, the others can't be found */
    assert_int_equal(rename(unit_path(dir, first), unit_path(dir, "m.gguf")), 0);
    refused(dir, "m.gguf", SK_E_FORMAT, "NAME-00001-of-00003.gguf");
    unit_rm_rf(dir);
}

static sk_status open_starved(void *path, sk_err *e)
{
    eng_gguf *g = NULL;
    sk_status st = eng_gguf_open(path, &g, e);
    assert_int_equal(st == SK_OK, g != NULL);
    eng_gguf_close(g);
    return st;
}

/* Opening with each allocation failing. */
static void split_without_memory(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    char path[512];
    write_model(dir);
    snprintf(path, sizeof path, "%s", unit_path(dir, "m-00001-of-00003.gguf"));
    unit_starve(open_starved, path, 200, 0);
    unit_rm_rf(dir);
}

/* ---- in memory ---- */

static int drops;

static void drop(void *p)
{
    drops++;
    sk_free(p);
}

/* Keys of every kind, tensors of three types and shapes. */
static sk_status build(eng_gguf **out, sk_err *e)
{
    static const float x[24] = {1, 2, 3};
    static const uint8_t q[2 * 18] = {1};
    static const eng_str words[] = {{"one", 3}, {"", 0}};
    eng_gguf_writer *w = NULL;
    sk_status st = eng_gguf_build(&w, e);
    if (st) return st;
    int32_t *mine = sk_alloc(SK_MEM_MISC, 64);
    if (mine) {
        memset(mine, 0, 64);
        (void)eng_gguf_build_own(w, mine, drop);
    }
    eng_gguf_put_str(w, "general.architecture", "test", 4);
    eng_gguf_put_value(w, "u64", ENG_GGUF_U64, &(uint64_t){1ull << 63});
    eng_gguf_put_value(w, "f64", ENG_GGUF_F64, &(double){0.1});
    eng_gguf_put_strs(w, "words", words, 2);
    eng_gguf_put_array(w, "u16s", ENG_GGUF_U16, (const uint16_t[]){7, 65535}, 2);
    eng_gguf_build_tensor(w, "z", 0, 3, (const uint64_t[]){4, 3, 2}, x);
    eng_gguf_build_tensor(w, "q", ENG_Q4_0, 2, (const uint64_t[]){32, 2}, q);
    if (mine) eng_gguf_build_tensor(w, "i", 26, 1, (const uint64_t[]){16}, mine); /* I32 */
    return eng_gguf_build_open(w, out, e);
}

static sk_status build_starved(void *arg, sk_err *e)
{
    (void)arg;
    eng_gguf *g = NULL;
    sk_status st = build(&g, e);
    assert_int_equal(st == SK_OK, g != NULL);
    eng_gguf_close(g);
    return st;
}

static void built(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    eng_gguf *g = NULL, *f = NULL;
    uint64_t misc = sk_mem_bytes(SK_MEM_MISC), u = 0;
    drops = 0;
    assert_status_ok(build(&g, &e), e);
    assert_int_equal(eng_gguf_n_files(g), 0);
    assert_status_ok(eng_gguf_u64(g, "u64", &u, &e), e);
    assert_true(u == 1ull << 63);
    const eng_gguf_tensor *q = eng_gguf_tensor_find(g, "q");
    assert_int_equal(q->bytes, 36);
    assert_int_equal(q->n_dims, 2);
    /* saved and read back it is the same, but for the alignment's key */
    assert_status_ok(eng_gguf_save(g, unit_path(dir, "b.gguf"), &e), e);
    assert_status_ok(eng_gguf_open(unit_path(dir, "b.gguf"), &f, &e), e);
    assert_int_equal(eng_gguf_n_keys(f), eng_gguf_n_keys(g) + 1);
    sk_buf a = SK_BUF_INIT, b = SK_BUF_INIT;
    for (size_t i = 0; i < eng_gguf_n_keys(g); i++) {
        eng_gguf_key_text(g, i, &a);
        eng_gguf_key_text(f, i, &b);
    }
    assert_string_equal(a.p, b.p);
    for (size_t i = 0; i < 3; i++) {
        const eng_gguf_tensor *s = eng_gguf_tensor_at(g, i), *t = eng_gguf_tensor_at(f, i);
        assert_int_equal(s->bytes, t->bytes);
        assert_memory_equal(s->data, t->data, s->bytes);
        assert_memory_equal(s->dim, t->dim, sizeof s->dim);
        assert_int_equal(s->type, t->type);
    }
    sk_buf_fini(&a);
    sk_buf_fini(&b);
    eng_gguf_close(f);
    assert_int_equal(drops, 0);
    eng_gguf_close(g);
    assert_int_equal(drops, 1);
    assert_int_equal(sk_mem_bytes(SK_MEM_MISC), misc);
    unit_rm_rf(dir);
}

/* Mistakes and missing memory: said, and what was given is dropped once. */
static void not_built(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_gguf_writer *w = NULL;
    eng_gguf *g = NULL;
    uint64_t misc = sk_mem_bytes(SK_MEM_MISC);
    drops = 0;
    assert_status_ok(eng_gguf_build(&w, &e), e);
    assert_true(eng_gguf_build_own(w, sk_alloc(SK_MEM_MISC, 1), drop));
    eng_gguf_build_tensor(w, "half", ENG_Q4_K, 1, (const uint64_t[]){128}, "");
    assert_status(eng_gguf_build_open(w, &g, &e), SK_E_INTERNAL, e, "half: no possible");
    assert_int_equal(drops, 1);
    assert_status_ok(eng_gguf_build(&w, &e), e);
    assert_true(eng_gguf_build_own(w, sk_alloc(SK_MEM_MISC, 1), drop));
    eng_gguf_abort(w);
    assert_int_equal(drops, 2);
    assert_int_equal(sk_mem_bytes(SK_MEM_MISC), misc);
    unit_starve(build_starved, NULL, 200, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined),
        cmocka_unit_test(bad_parts),
        cmocka_unit_test(split_without_memory),
        cmocka_unit_test(built),
        cmocka_unit_test(not_built),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
