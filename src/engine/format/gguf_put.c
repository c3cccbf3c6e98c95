/* gguf_put.c - the keys of a GGUF that is being written.
 *
 * They are collected as the bytes that will stand in the file.  A put that cannot be done is
 * remembered and reported by the call that writes or commits, so that a caller can put freely.
 */
#include "engine/format/gguf_writer.h"

#include "base/mem.h"
#include "engine/format/gguf_type.h"
#include "engine/format/gguf_value.h"

#include <assert.h>
#include <string.h>

eng_gguf_writer *eng_gguf_writer_new(void)
{
    return sk_calloc(SK_MEM_MISC, 1, sizeof(eng_gguf_writer));
}

/* Frees the writer but not its file. */
void eng_gguf_writer_free(eng_gguf_writer *w)
{
    for (size_t i = w->owned.len / sizeof(eng_gguf_owned); i-- > 0;) {
        eng_gguf_owned o;
        memcpy(&o, w->owned.p + i * sizeof o, sizeof o);
        o.drop(o.p);
    }
    sk_buf_fini(&w->owned);
    sk_buf_fini(&w->keys);
    sk_buf_fini(&w->names);
    sk_buf_fini(&w->tensors);
    sk_free(w);
}

/* Remembers the first failure. */
void eng_gguf_writer_fail(eng_gguf_writer *w, const char *what, const char *name)
{
    assert(what && name);
    if (w->st) return;
    w->st = sk_fail(&w->err, SK_E_INTERNAL, "%s: %s", name, what);
}

/* Whether a name of that kind was used.  Names are few (thousands at most), so a list will do. */
static bool known_name(const eng_gguf_writer *w, char kind, const char *name, size_t n)
{
    const char *p = w->names.p, *end = p ? p + w->names.len : p;
    for (size_t len; p && p < end; p += len + 1) {
        len = strlen(p);
        if (p[0] == kind && len == n + 1 && memcmp(p + 1, name, n) == 0) return true;
    }
    return false;
}

/* True when the name is new; remembers it. */
bool eng_gguf_writer_name(eng_gguf_writer *w, char kind, const char *name, size_t n)
{
    if (known_name(w, kind, name, n)) return false;
    sk_buf_addc(&w->names, kind);
    sk_buf_add(&w->names, name, n);
    sk_buf_addc(&w->names, 0);
    return true;
}

/* Whether all went well so far. */
sk_status eng_gguf_writer_check(eng_gguf_writer *w, sk_err *e)
{
    if (!w->st && (!sk_buf_ok(&w->keys) || !sk_buf_ok(&w->names) || !sk_buf_ok(&w->tensors) ||
                   !sk_buf_ok(&w->owned)))
        w->st = sk_fail(&w->err, SK_E_NOMEM, "no memory for the keys and the table of the file");
    if (w->st && e) *e = w->err;
    return w->st;
}

static void add_u32(sk_buf *b, uint32_t v)
{
    sk_buf_add(b, &v, sizeof v);
}

static void add_u64(sk_buf *b, uint64_t v)
{
    sk_buf_add(b, &v, sizeof v);
}

static void add_str(sk_buf *b, const char *s, size_t n)
{
    add_u64(b, n);
    sk_buf_add(b, s, n);
}

/* Begins a key of the given type; false when it cannot be put. */
static bool begin_key(eng_gguf_writer *w, const char *key, size_t n, uint32_t type)
{
    if (w->begun || !n)
        eng_gguf_writer_fail(
            w, w->begun ? "a key after the first tensor's data" : "a key without a name", key);
    else if (!eng_gguf_writer_name(w, 'k', key, n))
        eng_gguf_writer_fail(w, "the key is written twice", key);
    if (w->st) return false;
    add_str(&w->keys, key, n);
    add_u32(&w->keys, type);
    w->n_keys++;
    return true;
}

void eng_gguf_put_value(eng_gguf_writer *w, const char *key, uint32_t type, const void *v)
{
    size_t size = eng_gguf_value_bytes(type);
    if (!size)
        eng_gguf_writer_fail(w, "a value that is not of fixed size", key);
    else if (begin_key(w, key, strlen(key), type))
        sk_buf_add(&w->keys, v, size);
}

void eng_gguf_put_u32(eng_gguf_writer *w, const char *key, uint32_t v)
{
    eng_gguf_put_value(w, key, ENG_GGUF_U32, &v);
}

void eng_gguf_put_f32(eng_gguf_writer *w, const char *key, float v)
{
    eng_gguf_put_value(w, key, ENG_GGUF_F32, &v);
}

void eng_gguf_put_bool(eng_gguf_writer *w, const char *key, bool v)
{
    eng_gguf_put_value(w, key, ENG_GGUF_BOOL, &(uint8_t){v ? 1 : 0});
}

void eng_gguf_put_str(eng_gguf_writer *w, const char *key, const char *s, size_t n)
{
    if (begin_key(w, key, strlen(key), ENG_GGUF_STR)) add_str(&w->keys, s, n);
}

/* Begins an array of n elements. */
static bool begin_array(eng_gguf_writer *w, const char *key, uint32_t elem, size_t n)
{
    if (!begin_key(w, key, strlen(key), ENG_GGUF_ARR)) return false;
    add_u32(&w->keys, elem);
    add_u64(&w->keys, n);
    return true;
}

void eng_gguf_put_array(eng_gguf_writer *w, const char *key, uint32_t elem, const void *v, size_t n)
{
    size_t size = eng_gguf_value_bytes(elem);
    assert(v || !n);
    if (!size)
        eng_gguf_writer_fail(w, "elements that are not of fixed size", key);
    else if (begin_array(w, key, elem, n))
        sk_buf_add(&w->keys, v, n * size);
}

void eng_gguf_put_strs(eng_gguf_writer *w, const char *key, const eng_str *s, size_t n)
{
    if (!begin_array(w, key, ENG_GGUF_STR, n)) return;
    for (size_t i = 0; i < n; i++)
        add_str(&w->keys, s[i].p, s[i].n);
}

void eng_gguf_put_i32s(eng_gguf_writer *w, const char *key, const int32_t *v, size_t n)
{
    eng_gguf_put_array(w, key, ENG_GGUF_I32, v, n);
}

void eng_gguf_put_f32s(eng_gguf_writer *w, const char *key, const float *v, size_t n)
{
    eng_gguf_put_array(w, key, ENG_GGUF_F32, v, n);
}

/* Whether a key speaks of the layout of the file it stands in. */
static bool about_layout(eng_str name)
{
    static const char align[] = "general.alignment";
    static const char *const begins[] = {"split.", "stoke.layout."};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        size_t n = strlen(begins[i]);
        if (name.n >= n && memcmp(name.p, begins[i], n) == 0) return true;
    }
    return name.n == sizeof align - 1 && memcmp(name.p, align, name.n) == 0;
}

/* Copies one key of an open GGUF, unless it was put before. */
static void copy_key(eng_gguf_writer *w, const eng_gguf *g, size_t i)
{
    const eng_gguf_key k = eng_gguf_key_read(g, i);
    if (about_layout(k.name) || known_name(w, 'k', k.name.p, k.name.n)) return;
    if (begin_key(w, k.name.p, k.name.n, k.type)) sk_buf_add(&w->keys, k.raw, k.raw_bytes);
}

void eng_gguf_copy_keys(eng_gguf_writer *w, const eng_gguf *g)
{
    for (size_t i = 0; i < g->n_keys; i++)
        copy_key(w, g, i);
}
