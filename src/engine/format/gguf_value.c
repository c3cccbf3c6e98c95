/* gguf_value.c - the keys of an open GGUF: by name, by type, and as text for people. */
#include "engine/format/gguf_value.h"

#include "engine/format/gguf_type.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

size_t eng_gguf_n_keys(const eng_gguf *g)
{
    return g->n_keys;
}

eng_str eng_gguf_key_at(const eng_gguf *g, size_t i)
{
    assert(i < g->n_keys);
    return eng_gguf_string_at(g->key[i].at);
}

/* A length of 64 bits, then the bytes. */
eng_str eng_gguf_string_at(const uint8_t *p)
{
    uint64_t n;
    memcpy(&n, p, sizeof n);
    return (eng_str){(const char *)p + sizeof n, (size_t)n};
}

/* A copy of the fields of key i, which was checked when the file was opened. */
eng_gguf_key eng_gguf_key_read(const eng_gguf *g, size_t i)
{
    assert(i < g->n_keys);
    const eng_gguf_slot *s = &g->key[i];
    const uint8_t *end = i + 1 < g->n_keys ? s[1].at : g->keys_end;
    eng_gguf_key k = {.name = eng_gguf_string_at(s->at), .n = 1, .str = s->str};
    k.raw = (const uint8_t *)k.name.p + k.name.n + sizeof k.type;
    memcpy(&k.type, k.raw - sizeof k.type, sizeof k.type);
    k.raw_bytes = (size_t)(end - k.raw);
    k.val = k.raw;
    if (k.type == ENG_GGUF_STR) {
        memcpy(&k.n, k.raw, sizeof k.n);
        k.val += sizeof k.n;
    } else if (k.type == ENG_GGUF_ARR) {
        memcpy(&k.elem, k.raw, sizeof k.elem);
        memcpy(&k.n, k.raw + sizeof k.elem, sizeof k.n);
        k.val += sizeof k.elem + sizeof k.n;
    }
    return k;
}

/* The key of that name by halving. */
bool eng_gguf_key_find(const eng_gguf *g, const char *name, eng_gguf_key *out)
{
    eng_str want = {name, strlen(name)};
    for (size_t low = 0, high = g->n_keys; low < high;) {
        size_t mid = low + (high - low) / 2;
        int d = eng_str_cmp(want, eng_gguf_key_at(g, g->by_key[mid]));
        if (!d) {
            if (out) *out = eng_gguf_key_read(g, g->by_key[mid]);
            return true;
        }
        if (d < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return false;
}

typedef eng_gguf_number number;

static number signed_number(int64_t v)
{
    return (number){true, v < 0, (uint64_t)v, (double)v};
}

static number unsigned_number(uint64_t v)
{
    return (number){true, false, v, (double)v};
}

/* Reads the number of the given type at p (any alignment); the type is of fixed size. */
number eng_gguf_read_number(uint32_t type, const uint8_t *p)
{
    union {
        uint8_t u8;
        int8_t i8;
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        uint64_t u64;
        int64_t i64;
        float f32;
        double f64;
    } v;
    size_t n = eng_gguf_value_bytes(type);
    assert(n > 0 && n <= sizeof v);
    memcpy(&v, p, n);
    switch (type) {
    case ENG_GGUF_U16:
        return unsigned_number(v.u16);
    case ENG_GGUF_U32:
        return unsigned_number(v.u32);
    case ENG_GGUF_U64:
        return unsigned_number(v.u64);
    case ENG_GGUF_I8:
        return signed_number(v.i8);
    case ENG_GGUF_I16:
        return signed_number(v.i16);
    case ENG_GGUF_I32:
        return signed_number(v.i32);
    case ENG_GGUF_I64:
        return signed_number(v.i64);
    case ENG_GGUF_F32:
        return (number){false, v.f32 < 0, 0, (double)v.f32};
    case ENG_GGUF_F64:
        return (number){false, v.f64 < 0, 0, v.f64};
    default:
        return unsigned_number(v.u8); /* u8 and bool */
    }
}

/* The key if it is there; otherwise says so. */
static sk_status need_key(const eng_gguf *g, const char *name, eng_gguf_key *out, sk_err *e)
{
    return eng_gguf_key_find(g, name, out)
               ? SK_OK
               : sk_fail(e, SK_E_NOTFOUND, "the key %s is missing", name);
}

/* Says that a key (or an element) is not what was asked for. */
static sk_status wrong_type(const char *name, uint32_t type, const char *want, sk_err *e)
{
    return sk_fail(e, SK_E_FORMAT, "the key %s is of type %s where %s is needed", name,
                   eng_gguf_value_name(type), want);
}

/* True for types eng_gguf_read_number takes as numbers. */
static bool is_number(uint32_t type)
{
    return eng_gguf_value_bytes(type) && type != ENG_GGUF_BOOL;
}

/* A non-negative integer of any width. */
sk_status eng_gguf_u64(const eng_gguf *g, const char *key, uint64_t *out, sk_err *e)
{
    eng_gguf_key k;
    sk_status st = need_key(g, key, &k, e);
    if (st) return st;
    number v = is_number(k.type) ? eng_gguf_read_number(k.type, k.val) : (number){0};
    if (!v.is_int) return wrong_type(key, k.type, "an integer", e);
    if (v.negative) return sk_fail(e, SK_E_FORMAT, "the key %s is negative", key);
    *out = v.u;
    return SK_OK;
}

/* A float of either width. */
sk_status eng_gguf_f64(const eng_gguf *g, const char *key, double *out, sk_err *e)
{
    eng_gguf_key k;
    sk_status st = need_key(g, key, &k, e);
    if (st) return st;
    if (k.type != ENG_GGUF_F32 && k.type != ENG_GGUF_F64)
        return wrong_type(key, k.type, "a float", e);
    *out = eng_gguf_read_number(k.type, k.val).f;
    return SK_OK;
}

/* A truth value. */
sk_status eng_gguf_bool(const eng_gguf *g, const char *key, bool *out, sk_err *e)
{
    eng_gguf_key k;
    sk_status st = need_key(g, key, &k, e);
    if (st) return st;
    if (k.type != ENG_GGUF_BOOL) return wrong_type(key, k.type, "a truth value", e);
    *out = k.val[0] == 1;
    return SK_OK;
}

/* A string, borrowed from the file. */
sk_status eng_gguf_str(const eng_gguf *g, const char *key, eng_str *out, sk_err *e)
{
    eng_gguf_key k;
    sk_status st = need_key(g, key, &k, e);
    if (st) return st;
    if (k.type != ENG_GGUF_STR) return wrong_type(key, k.type, "a string", e);
    *out = (eng_str){(const char *)k.val, (size_t)k.n};
    return SK_OK;
}

/* The key, when it is an array that has an element i. */
static sk_status need_element(const eng_gguf *g, const char *name, size_t i, eng_gguf_key *out,
                              sk_err *e)
{
    sk_status st = need_key(g, name, out, e);
    if (st) return st;
    if (out->type != ENG_GGUF_ARR) return wrong_type(name, out->type, "an array", e);
    if (i >= out->n)
        return sk_fail(e, SK_E_FORMAT, "the key %s has %" PRIu64 " elements, number %zu is wanted",
                       name, out->n, i);
    return SK_OK;
}

/* Length of an array. */
sk_status eng_gguf_arr_len(const eng_gguf *g, const char *key, size_t *n, sk_err *e)
{
    eng_gguf_key k;
    sk_status st = need_key(g, key, &k, e);
    if (st) return st;
    if (k.type != ENG_GGUF_ARR) return wrong_type(key, k.type, "an array", e);
    *n = (size_t)k.n;
    return SK_OK;
}

/* Element of an array of strings, borrowed. */
sk_status eng_gguf_arr_str(const eng_gguf *g, const char *key, size_t i, eng_str *out, sk_err *e)
{
    eng_gguf_key k;
    sk_status st = need_element(g, key, i, &k, e);
    if (st) return st;
    if (k.elem != ENG_GGUF_STR) return wrong_type(key, k.elem, "an array of strings", e);
    *out = eng_gguf_string_at(k.str[i]);
    return SK_OK;
}

/* Element of an array of integers, or of truth values as 0 and 1. */
sk_status eng_gguf_arr_i64(const eng_gguf *g, const char *key, size_t i, int64_t *out, sk_err *e)
{
    eng_gguf_key k;
    sk_status st = need_element(g, key, i, &k, e);
    if (st) return st;
    if (k.elem == ENG_GGUF_BOOL) {
        *out = k.val[i] != 0;
        return SK_OK;
    }
    if (!is_number(k.elem) || k.elem == ENG_GGUF_F32 || k.elem == ENG_GGUF_F64)
        return wrong_type(key, k.elem, "an array of integers", e);
    number v = eng_gguf_read_number(k.elem, k.val + i * eng_gguf_value_bytes(k.elem));
    if (!v.negative && v.u > INT64_MAX)
        return sk_fail(e, SK_E_FORMAT, "the key %s: element %zu is too large", key, i);
    *out = (int64_t)v.u;
    return SK_OK;
}

/* Element of an array of floats. */
sk_status eng_gguf_arr_f64(const eng_gguf *g, const char *key, size_t i, double *out, sk_err *e)
{
    eng_gguf_key k;
    sk_status st = need_element(g, key, i, &k, e);
    if (st) return st;
    if (k.elem != ENG_GGUF_F32 && k.elem != ENG_GGUF_F64)
        return wrong_type(key, k.elem, "an array of floats", e);
    *out = eng_gguf_read_number(k.elem, k.val + i * eng_gguf_value_bytes(k.elem)).f;
    return SK_OK;
}

/* A string in quotes, control characters as escapes, cut when long: safe on a terminal. */
static void add_text(sk_buf *out, const char *p, size_t n)
{
    enum { SHOWN = 160 };
    size_t shown = n < SHOWN ? n : SHOWN;
    sk_buf_addc(out, '"');
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c == '\n')
            sk_buf_adds(out, "\\n");
        else if (c < 0x20 || c == 0x7f)
            sk_buf_addf(out, "\\x%02x", c);
        else
            sk_buf_addc(out, (char)c);
    }
    sk_buf_addc(out, '"');
    if (shown < n) sk_buf_addf(out, "... (%zu bytes)", n);
}

/* A value of a fixed size at p. */
static void add_scalar(sk_buf *out, uint32_t type, const uint8_t *p)
{
    number v = eng_gguf_read_number(type, p);
    if (type == ENG_GGUF_BOOL)
        sk_buf_adds(out, v.u ? "true" : "false");
    else if (!v.is_int)
        sk_buf_addf(out, "%.9g", v.f);
    else if (v.negative)
        sk_buf_addf(out, "%" PRId64, (int64_t)v.u);
    else
        sk_buf_addf(out, "%" PRIu64, v.u);
}

/* The value as a person reads it; of an array the first elements and the number of them. */
void eng_gguf_key_text(const eng_gguf *g, size_t i, sk_buf *out)
{
    enum { SHOWN = 8 };
    const eng_gguf_key k = eng_gguf_key_read(g, i);
    if (k.type == ENG_GGUF_STR) {
        add_text(out, (const char *)k.val, (size_t)k.n);
        return;
    }
    if (k.type != ENG_GGUF_ARR) {
        add_scalar(out, k.type, k.val);
        return;
    }
    size_t size = eng_gguf_value_bytes(k.elem);
    sk_buf_addc(out, '[');
    for (uint64_t j = 0; j < k.n && j < SHOWN && k.elem != ENG_GGUF_ARR; j++) {
        if (j) sk_buf_adds(out, ", ");
        if (k.elem == ENG_GGUF_STR) {
            eng_str s = eng_gguf_string_at(k.str[j]);
            add_text(out, s.p, s.n);
        } else
            add_scalar(out, k.elem, k.val + j * size);
    }
    if (k.n > SHOWN || k.elem == ENG_GGUF_ARR)
        sk_buf_adds(out, k.elem == ENG_GGUF_ARR ? "..." : ", ...");
    sk_buf_addf(out, "] (%" PRIu64 " %s)", k.n, eng_gguf_value_name(k.elem));
}
