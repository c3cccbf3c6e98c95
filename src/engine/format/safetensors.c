/* safetensors.c - reading the directory of a safetensors file. */
#include "engine/format/safetensors.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The format's own bound of a header, and how deep its JSON nests. */
enum { HEADER_MAX = 100 * 1000 * 1000, JSON_DEPTH = 4, LENGTH_BYTES = 8 };

struct eng_st {
    sk_arena *mem;
    sk_map map; /* p is NULL when opened from bytes */
    size_t n;
    eng_st_tensor *tensor; /* sorted by name */
};

/* One row a type of the format: its name, our type, its bytes. */
static const struct {
    const char *name;
    eng_st_type type;
    unsigned bytes;
} types[] = {
    {"F32", ENG_ST_F32, 4},    {"F16", ENG_ST_F16, 2}, {"BF16", ENG_ST_BF16, 2},
    {"U8", ENG_ST_U8, 1},      {"F64", ENG_ST_F64, 8}, {"F8_E4M3", ENG_ST_F8, 1},
    {"F8_E5M2", ENG_ST_F8, 1}, {"I8", ENG_ST_INT, 1},  {"BOOL", ENG_ST_INT, 1},
    {"I16", ENG_ST_INT, 2},    {"U16", ENG_ST_INT, 2}, {"I32", ENG_ST_INT, 4},
    {"U32", ENG_ST_INT, 4},    {"I64", ENG_ST_INT, 8}, {"U64", ENG_ST_INT, 8},
    {"F8_E8M0", ENG_ST_F8, 1},
};

/* A number of the header that is a size: whole and not negative. */
static bool size_of(json_t *v, uint64_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0) return false;
    *out = (uint64_t)json_integer_value(v);
    return true;
}

/* The shape into t, the product of its dimensions into *n. */
static sk_status take_shape(json_t *shape, eng_st_tensor *t, uint64_t *n, sk_err *e)
{
    size_t dims = json_array_size(shape);
    if (!json_is_array(shape) || dims > ENG_ST_DIMS)
        return sk_fail(e, SK_E_FORMAT, "the shape of tensor %s is no list of up to %d sizes",
                       t->name, ENG_ST_DIMS);
    *n = 1;
    t->n_dims = (uint32_t)dims;
    for (size_t i = 0; i < dims; i++)
        if (!size_of(json_array_get(shape, i), &t->dim[i]) ||
            __builtin_mul_overflow(*n, t->dim[i], n))
            return sk_fail(e, SK_E_FORMAT, "the shape of tensor %s is no list of sizes", t->name);
    return SK_OK;
}

/* Where the data lies: begin and end within n_data bytes. */
static sk_status take_place(json_t *place, const char *name, uint64_t n_data, uint64_t at[2],
                            sk_err *e)
{
    if (json_array_size(place) != 2 || !size_of(json_array_get(place, 0), &at[0]) ||
        !size_of(json_array_get(place, 1), &at[1]) || at[0] > at[1] || at[1] > n_data)
        return sk_fail(e, SK_E_FORMAT, "the data_offsets of tensor %s do not lie inside the file",
                       name);
    return SK_OK;
}

/* One tensor's entry, checked against the n_data bytes at data. */
static sk_status take_tensor(json_t *v, const uint8_t *data, uint64_t n_data, eng_st_tensor *t,
                             sk_err *e)
{
    const char *dtype = json_string_value(json_object_get(v, "dtype"));
    size_t k = 0, n_types = sizeof types / sizeof *types;
    while (dtype && k < n_types && strcmp(types[k].name, dtype) != 0)
        k++;
    if (!dtype || k == n_types)
        return sk_fail(e, SK_E_FORMAT, "the tensor %s has the unknown dtype %.40s", t->name,
                       dtype ? dtype : "(none)");
    t->type = types[k].type;
    t->type_name = types[k].name;
    uint64_t n = 0, want = 0, at[2];
    sk_status st = take_shape(json_object_get(v, "shape"), t, &n, e);
    if (!st) st = take_place(json_object_get(v, "data_offsets"), t->name, n_data, at, e);
    if (st) return st;
    t->bytes = at[1] - at[0];
    if (__builtin_mul_overflow(n, (uint64_t)types[k].bytes, &want) || want != t->bytes)
        return sk_fail(e, SK_E_FORMAT, "the tensor %s has %llu bytes, its shape asks for %llu",
                       t->name, (unsigned long long)t->bytes, (unsigned long long)want);
    t->data = data + at[0];
    return SK_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const eng_st_tensor *)a)->name, ((const eng_st_tensor *)b)->name);
}

static int by_data(const void *a, const void *b)
{
    const eng_st_tensor *x = a, *y = b;
    if (x->data != y->data) return (uintptr_t)x->data < (uintptr_t)y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* All data is some tensor's, and of one only: sorted by place, each begins where the one before
 * ends. */
static sk_status check_cover(eng_st *s, const uint8_t *data, uint64_t n_data, sk_err *e)
{
    uint64_t end = 0;
    qsort(s->tensor, s->n, sizeof *s->tensor, by_data);
    for (size_t i = 0; i < s->n; i++) {
        uint64_t at = (uint64_t)((const uint8_t *)s->tensor[i].data - data);
        if (at != end)
            return sk_fail(e, SK_E_FORMAT, "the tensor %s %s", s->tensor[i].name,
                           at < end ? "overlaps another one" : "leaves a hole before it");
        end = at + s->tensor[i].bytes;
    }
    if (end != n_data)
        return sk_fail(e, SK_E_FORMAT, "%llu bytes behind the last tensor belong to none",
                       (unsigned long long)(n_data - end));
    return SK_OK;
}

/* The entries of the header; __metadata__ holds words for people. */
static sk_status take_header(eng_st *s, json_t *head, const uint8_t *data, uint64_t n_data,
                             sk_err *e)
{
    const char *key;
    json_t *v;
    s->tensor = sk_new_n(s->mem, eng_st_tensor, json_object_size(head) + 1);
    if (!s->tensor) return sk_fail(e, SK_E_NOMEM, "no memory for the list of tensors");
    json_object_foreach(head, key, v)
    {
        if (!strcmp(key, "__metadata__")) continue;
        eng_st_tensor *t = &s->tensor[s->n];
        t->name = sk_arena_strndup(s->mem, key, strlen(key));
        if (!t->name) return sk_fail(e, SK_E_NOMEM, "no memory for the names of tensors");
        sk_status st = take_tensor(v, data, n_data, t, e);
        if (st) return st;
        s->n++;
    }
    sk_status st = check_cover(s, data, n_data, e);
    if (!st && s->n) qsort(s->tensor, s->n, sizeof *s->tensor, by_name);
    return st;
}

/* The length, the JSON, the tensors. */
static sk_status take_file(eng_st *s, const uint8_t *p, size_t n, sk_err *e)
{
    uint64_t head_bytes = 0;
    if (n < LENGTH_BYTES)
        return sk_fail(e, SK_E_FORMAT, "the file is shorter than a safetensors header");
    memcpy(&head_bytes, p, LENGTH_BYTES);
    if (head_bytes > n - LENGTH_BYTES || head_bytes > HEADER_MAX)
        return sk_fail(e, SK_E_FORMAT,
                       "the header claims %llu bytes; the file has %zu, and %d is the most",
                       (unsigned long long)head_bytes, n, HEADER_MAX);
    json_t *head = NULL;
    sk_err why = SK_ERR_INIT;
    sk_status st =
        sk_json_parse((const char *)p + LENGTH_BYTES, (size_t)head_bytes, JSON_DEPTH, &head, &why);
    if (st)
        return sk_fail(e, st == SK_E_INVALID ? SK_E_FORMAT : st, "the header is no JSON: %s",
                       why.text);
    size_t at = LENGTH_BYTES + (size_t)head_bytes;
    st = json_is_object(head) ? take_header(s, head, p + at, n - at, e)
                              : sk_fail(e, SK_E_FORMAT, "the header is no JSON object");
    json_decref(head);
    return st;
}

sk_status eng_st_open_bytes(const void *p, size_t n, eng_st **out, sk_err *e)
{
    sk_arena *mem = sk_arena_new(SK_MEM_WEIGHTS);
    eng_st *s = mem ? sk_new(mem, eng_st) : NULL;
    if (!s) {
        sk_arena_free(mem);
        return sk_fail(e, SK_E_NOMEM, "no memory to open a safetensors file");
    }
    s->mem = mem;
    sk_status st = take_file(s, p, n, e);
    if (st) {
        sk_arena_free(mem);
        return st;
    }
    *out = s;
    return SK_OK;
}

sk_status eng_st_open(const char *path, eng_st **out, sk_err *e)
{
    sk_map map;
    sk_err why = SK_ERR_INIT;
    sk_status st = sk_map_open(path, &map, e);
    if (st) return st;
    st = eng_st_open_bytes(map.p, map.len, out, &why);
    if (st) {
        sk_map_close(&map);
        return sk_fail(e, st, "%s: %s", path, why.text);
    }
    (*out)->map = map;
    return SK_OK;
}

void eng_st_watch(const eng_st *s, bool on)
{
    if (s->map.p && on)
        sk_map_watch(&s->map);
    else if (s->map.p)
        sk_map_unwatch(&s->map);
}

bool eng_st_torn(const eng_st *s)
{
    return s->map.p && sk_map_torn(&s->map);
}

void eng_st_close(eng_st *s)
{
    if (!s) return;
    if (s->map.p) sk_map_close(&s->map);
    sk_arena_free(s->mem);
}

size_t eng_st_n(const eng_st *s)
{
    return s->n;
}

const eng_st_tensor *eng_st_at(const eng_st *s, size_t i)
{
    assert(i < s->n);
    return &s->tensor[i];
}

const eng_st_tensor *eng_st_find(const eng_st *s, const char *name)
{
    const eng_st_tensor want = {.name = name};
    return s->n ? bsearch(&want, s->tensor, s->n, sizeof want, by_name) : NULL;
}
