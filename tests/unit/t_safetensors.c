/* t_safetensors.c - the tensor files of Hugging Face folders: what is written is read back, and
 * what lies about itself is refused. */
#include "tests/unit/unit.h"

#include "engine/format/safetensors.h"

/* A file of the given header text and n_data bytes of data, in b. */
static void make(sk_buf *b, const char *head, size_t n_data)
{
    uint64_t len = strlen(head);
    sk_buf_reset(b);
    sk_buf_add(b, &len, sizeof len);
    sk_buf_adds(b, head);
    for (size_t i = 0; i < n_data; i++)
        sk_buf_addc(b, (char)i);
    assert_true(sk_buf_ok(b));
}

/* Opens such a file and expects this refusal. */
static void refused(const char *head, size_t n_data, const char *part)
{
    sk_buf b = SK_BUF_INIT;
    eng_st *s = NULL;
    sk_err e = SK_ERR_INIT;
    make(&b, head, n_data);
    assert_status(eng_st_open_bytes(b.p, b.len, &s, &e), SK_E_FORMAT, e, part);
    sk_buf_fini(&b);
}

static void reads_what_it_wrote(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "m.safetensors");
    const eng_st_decl decl[] = {{"b.weight", ENG_F32, 2, {2, 3}}, {"a.bias", ENG_BF16, 1, {4}}};
    const float w[6] = {1, -2, 3, -4, 5, -6};
    const uint16_t v[4] = {1, 2, 3, 4};
    eng_st_writer *out = NULL;
    eng_st *s = NULL;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(eng_st_create(path, decl, 2, &out, &e), e);
    assert_status_ok(eng_st_write(out, w, sizeof w, &e), e);
    assert_status_ok(eng_st_write(out, v, sizeof v, &e), e);
    assert_status_ok(eng_st_commit(out, &e), e);
    assert_status_ok(eng_st_open(path, &s, &e), e);
    assert_int_equal(eng_st_n(s), 2);
    assert_string_equal(eng_st_at(s, 0)->name, "a.bias");
    const eng_st_tensor *t = eng_st_find(s, "b.weight");
    assert_non_null(t);
    assert_int_equal(t->type, ENG_ST_F32);
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->dim[0], 2);
    assert_int_equal(t->dim[1], 3);
    assert_memory_equal(t->data, w, sizeof w);
    assert_null(eng_st_find(s, "c"));
    eng_st_close(s);
    unit_rm_rf(dir);
}

/* A commit before all is written leaves nothing. */
static void is_whole_or_not_there(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "m.safetensors");
    const eng_st_decl decl = {"w", ENG_F32, 1, {4}};
    eng_st_writer *out = NULL;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(eng_st_create(path, &decl, 1, &out, &e), e);
    assert_status(eng_st_commit(out, &e), SK_E_INTERNAL, e, "declared");
    assert_int_equal(unit_count_files(dir), 0);
    unit_rm_rf(dir);
}

static void refuses_liars(void **state)
{
    (void)state;
    refused("[]", 0, "no JSON object");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "asks for 8");
    refused("{\"a\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype F99");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 4, "inside");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "sizes");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "sizes");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],"
            "\"data_offsets\":[0,0]}}",
            0, "sizes");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
            "list of up to");
    refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
            "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}",
            6, "overlaps");
    refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}", 4, "hole");
    refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 4, "belong to none");
    refused("{\"a\":1,\"a\":2}", 0, "no JSON");
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    make(&b, "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4);
    for (size_t n = 0; n < b.len; n++) {
        eng_st *s = NULL;
        sk_err e = SK_ERR_INIT;
        assert_int_equal(eng_st_open_bytes(b.p, n, &s, &e), SK_E_FORMAT);
        assert_true(e.text[0]);
    }
    sk_buf_fini(&b);
}

static sk_status open_starved(void *buf, sk_err *e)
{
    const sk_buf *b = buf;
    eng_st *s = NULL;
    sk_status st = eng_st_open_bytes(b->p, b->len, &s, e);
    eng_st_close(s);
    return st;
}

/* Each allocation fails once: an error, nothing leaked. */
static void survives_lack_of_memory(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    make(&b, "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4);
    unit_starve(open_starved, &b, 200, UNIT_TOLD);
    sk_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_wrote),     cmocka_unit_test(is_whole_or_not_there),
        cmocka_unit_test(refuses_liars),           cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
