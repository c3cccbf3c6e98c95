/* gguf.c - reading the directory of a GGUF.
 *
 * Everything is read through a cursor that refuses to pass the end.  A count is believed only as
 * far as the bytes left could hold that many of the smallest such thing; so what is allocated for a
 * count stays within a small multiple of the file.
 */
#include "engine/format/gguf.h"

#include "engine/format/gguf_type.h"
#include "engine/format/gguf_value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 0x46554747u /* "GGUF" */
enum { KEY_MAX = 65535, NAME_MAX_BYTES = 64, ARRAY_DEPTH = 4, ALIGN_DEFAULT = 32, ALIGN_MIN = 8 };
/* the least a key (length, one byte of name, type, value) and a tensor take, the tensor with its
 * place among the data (of which the last may have one byte only) */
enum { KEY_LEAST = 8 + 1 + 4 + 1, TENSOR_LEAST = 8 + 1 + 4 + 8 + 4 + 8 + ALIGN_MIN };

typedef struct cursor {
    const uint8_t *p;
    size_t len, pos;
    sk_err *e;
} cursor;

/* The next n bytes into out; SK_E_FORMAT past the end. */
static sk_status take(cursor *c, void *out, size_t n)
{
    assert(c->pos <= c->len);
    if (n > c->len - c->pos)
        return sk_fail(c->e, SK_E_FORMAT, "the file ends at byte %zu, inside its directory",
                       c->len);
    memcpy(out, c->p + c->pos, n);
    c->pos += n;
    return SK_OK;
}

/* A length-prefixed string, borrowed from the file. */
static sk_status take_str(cursor *c, eng_str *out)
{
    uint64_t n = 0;
    size_t at = c->pos;
    sk_status st = take(c, &n, sizeof n);
    if (st) return st;
    if (n > c->len - c->pos)
        return sk_fail(c->e, SK_E_FORMAT, "the string at byte %zu is longer than the file", at);
    *out = (eng_str){(const char *)c->p + c->pos, (size_t)n};
    c->pos += (size_t)n;
    return SK_OK;
}

/* Type and count of an array's elements, checked against what is left of the file. */
static sk_status take_array_head(cursor *c, uint32_t *elem, uint64_t *n)
{
    size_t at = c->pos;
    sk_status st = take(c, elem, sizeof *elem);
    if (!st) st = take(c, n, sizeof *n);
    if (st) return st;
    size_t least = eng_gguf_value_least(*elem);
    if (!least)
        return sk_fail(c->e, SK_E_FORMAT, "the array at byte %zu has the unknown type %" PRIu32, at,
                       *elem);
    if (*n > (c->len - c->pos) / least)
        return sk_fail(
            c->e, SK_E_FORMAT,
            "the array at byte %zu claims %" PRIu64 " elements, more than the file holds", at, *n);
    return SK_OK;
}

/* Checks that n bytes are 0 or 1. */
static sk_status check_bools(const cursor *c, const uint8_t *p, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (p[i] > 1)
            return sk_fail(c->e, SK_E_FORMAT, "the truth value at byte %zu is %u, not 0 or 1",
                           (size_t)(p + i - c->p), p[i]);
    return SK_OK;
}

/* Passes over the n elements of an array, arrays within it included, to the given depth. */
static sk_status skip_elements(cursor *c, uint32_t elem, uint64_t n, unsigned depth)
{
    size_t size = eng_gguf_value_bytes(elem);
    if (size) {
        const uint8_t *p = c->p + c->pos;
        c->pos += (size_t)n * size; /* fits: the count was checked with this size */
        assert(c->pos <= c->len);
        return elem == ENG_GGUF_BOOL ? check_bools(c, p, n) : SK_OK;
    }
    if (elem == ENG_GGUF_ARR && !depth)
        return sk_fail(c->e, SK_E_FORMAT, "arrays nested deeper than %d at byte %zu", ARRAY_DEPTH,
                       c->pos);
    sk_status st = SK_OK;
    for (uint64_t i = 0; i < n && !st; i++) {
        eng_str s;
        uint32_t inner;
        uint64_t count;
        if (elem == ENG_GGUF_STR) {
            st = take_str(c, &s);
            continue;
        }
        st = take_array_head(c, &inner, &count);
        if (!st) st = skip_elements(c, inner, count, depth - 1);
    }
    return st;
}

/* The value of an array key; arrays of strings get their index. */
static sk_status take_array(eng_gguf *g, cursor *c, eng_gguf_slot *k)
{
    uint32_t elem;
    uint64_t n;
    sk_status st = take_array_head(c, &elem, &n);
    if (st) return st;
    if (elem != ENG_GGUF_STR) return skip_elements(c, elem, n, ARRAY_DEPTH - 1);
    const uint8_t **at = sk_new_n(g->mem, const uint8_t *, (size_t)n);
    if (!at) return sk_fail(c->e, SK_E_NOMEM, "no memory for %" PRIu64 " strings", n);
    for (uint64_t i = 0; i < n && !st; i++) {
        eng_str s;
        at[i] = c->p + c->pos;
        st = take_str(c, &s);
    }
    k->str = at;
    return st;
}

/* A key's value. */
static sk_status take_value(eng_gguf *g, cursor *c, eng_gguf_slot *k)
{
    uint32_t type;
    eng_str s;
    sk_status st = take(c, &type, sizeof type);
    if (st) return st;
    if (type == ENG_GGUF_ARR) return take_array(g, c, k);
    if (type == ENG_GGUF_STR) return take_str(c, &s);
    size_t size = eng_gguf_value_bytes(type);
    if (!size)
        return sk_fail(c->e, SK_E_FORMAT, "the key at byte %zu has the unknown type %" PRIu32,
                       (size_t)(k->at - c->p), type);
    uint8_t value[8];
    st = take(c, value, size);
    return st || type != ENG_GGUF_BOOL ? st : check_bools(c, c->p + c->pos - 1, 1);
}

/* One key with its value. */
static sk_status take_key(eng_gguf *g, cursor *c, eng_gguf_slot *k)
{
    eng_str name;
    size_t at = c->pos;
    k->at = c->p + at;
    sk_status st = take_str(c, &name);
    if (st) return st;
    if (!name.n || name.n > KEY_MAX || memchr(name.p, 0, name.n))
        return sk_fail(c->e, SK_E_FORMAT, "the key at byte %zu has no usable name", at);
    return take_value(g, c, k);
}

/* Order of two strings: bytes, then length. */
int eng_str_cmp(eng_str a, eng_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int d = n ? memcmp(a.p, b.p, n) : 0;
    return d ? d : (a.n > b.n) - (a.n < b.n);
}

static int by_key_name(const void *a, const void *b, void *arg)
{
    const eng_gguf *g = arg;
    return eng_str_cmp(eng_gguf_string_at(g->key[*(const uint32_t *)a].at),
                       eng_gguf_string_at(g->key[*(const uint32_t *)b].at));
}

static int by_tensor_name(const void *a, const void *b, void *arg)
{
    const eng_gguf *g = arg;
    return eng_str_cmp(g->tensor[*(const uint32_t *)a].name, g->tensor[*(const uint32_t *)b].name);
}

static int by_tensor_data(const void *a, const void *b, void *arg)
{
    const eng_gguf *g = arg;
    const void *x = g->tensor[*(const uint32_t *)a].data, *y = g->tensor[*(const uint32_t *)b].data;
    return ((uintptr_t)x > (uintptr_t)y) - ((uintptr_t)x < (uintptr_t)y);
}

/* The numbers 0..n-1 sorted by cmp, in the arena; NULL without memory. */
static uint32_t *sorted(eng_gguf *g, size_t n, int (*cmp)(const void *, const void *, void *))
{
    uint32_t *order = sk_new_n(g->mem, uint32_t, n);
    for (size_t i = 0; order && i < n; i++)
        order[i] = (uint32_t)i;
    if (order) qsort_r(order, n, sizeof *order, cmp, g);
    return order;
}

/* All keys, then their index; a name that comes twice is refused. */
static sk_status take_keys(eng_gguf *g, cursor *c, uint64_t n)
{
    if (n > (c->len - c->pos) / KEY_LEAST || n > UINT32_MAX)
        return sk_fail(c->e, SK_E_FORMAT, "it claims %" PRIu64 " keys, more than it holds", n);
    g->key = sk_new_n(g->mem, eng_gguf_slot, (size_t)n);
    if (!g->key) return sk_fail(c->e, SK_E_NOMEM, "no memory for %" PRIu64 " keys", n);
    g->n_keys = (size_t)n;
    for (size_t i = 0; i < g->n_keys; i++) {
        sk_status st = take_key(g, c, &g->key[i]);
        if (st) return st;
    }
    g->keys_end = c->p + c->pos;
    g->by_key = sorted(g, g->n_keys, by_key_name);
    if (!g->by_key) return sk_fail(c->e, SK_E_NOMEM, "no memory for %" PRIu64 " keys", n);
    for (size_t i = 1; i < g->n_keys; i++) {
        eng_str a = eng_gguf_string_at(g->key[g->by_key[i - 1]].at);
        eng_str b = eng_gguf_string_at(g->key[g->by_key[i]].at);
        if (eng_str_cmp(a, b) == 0)
            return sk_fail(c->e, SK_E_FORMAT, "the key %.*s comes twice", a.n < 80 ? (int)a.n : 80,
                           a.p);
    }
    return SK_OK;
}

/* Bytes of a tensor from its type and dimensions. */
static sk_status tensor_bytes(const cursor *c, eng_gguf_tensor *t, size_t i)
{
    uint32_t per, size;
    eng_gguf_block(t->type, &per, &size);
    if (!per)
        return sk_fail(c->e, SK_E_UNSUPPORTED,
                       "tensor %zu (%.*s) has type %" PRIu32 ", which this version does not know",
                       i, (int)t->name.n, t->name.p, t->type);
    uint64_t n = 1;
    for (unsigned d = 0; d < 4; d++)
        if (!t->dim[d] || __builtin_mul_overflow(n, t->dim[d], &n))
            return sk_fail(c->e, SK_E_FORMAT, "tensor %zu (%.*s) has no possible shape", i,
                           (int)t->name.n, t->name.p);
    if (t->dim[0] % per)
        return sk_fail(c->e, SK_E_FORMAT,
                       "tensor %zu (%.*s): rows of %" PRIu64 " are no whole blocks of %s", i,
                       (int)t->name.n, t->name.p, t->dim[0], eng_gguf_type_name(t->type));
    if (__builtin_mul_overflow(n / per, size, &t->bytes))
        return sk_fail(c->e, SK_E_FORMAT, "tensor %zu (%.*s) has no possible shape", i,
                       (int)t->name.n, t->name.p);
    return SK_OK;
}

/* Keys out of memory: those of a GGUF that is built. */
sk_status eng_gguf_read_keys(eng_gguf *g, const void *p, size_t len, uint64_t n, sk_err *e)
{
    cursor c = {p, len, 0, e};
    return take_keys(g, &c, n);
}

/* Sorts the tensors' names. */
sk_status eng_gguf_index_tensors(eng_gguf *g, sk_err *e)
{
    g->by_tensor = sorted(g, g->n_tensors, by_tensor_name);
    if (!g->by_tensor) return sk_fail(e, SK_E_NOMEM, "no memory for %zu tensors", g->n_tensors);
    for (size_t i = 1; i < g->n_tensors; i++) {
        eng_str a = g->tensor[g->by_tensor[i - 1]].name, b = g->tensor[g->by_tensor[i]].name;
        if (eng_str_cmp(a, b) == 0)
            return sk_fail(e, SK_E_FORMAT, "the tensor %.*s comes twice", (int)a.n, a.p);
    }
    return SK_OK;
}

/* One row of the tensor table.  Its offset goes to *offset: where the data starts is not known yet.
 */
static sk_status take_tensor(cursor *c, size_t i, eng_gguf_tensor *t, uint64_t *offset)
{
    sk_status st = take_str(c, &t->name);
    if (st) return st;
    if (!t->name.n || t->name.n > NAME_MAX_BYTES || memchr(t->name.p, 0, t->name.n))
        return sk_fail(c->e, SK_E_FORMAT, "tensor %zu has no usable name", i);
    st = take(c, &t->n_dims, sizeof t->n_dims);
    if (st) return st;
    if (t->n_dims < 1 || t->n_dims > 4)
        return sk_fail(c->e, SK_E_FORMAT,
                       "tensor %zu (%.*s) has %" PRIu32 " dimensions, not 1 to 4", i,
                       (int)t->name.n, t->name.p, t->n_dims);
    for (unsigned d = 0; d < 4; d++) {
        t->dim[d] = 1;
        if (d < t->n_dims && !st) st = take(c, &t->dim[d], sizeof t->dim[d]);
    }
    if (!st) st = take(c, &t->type, sizeof t->type);
    if (!st) st = take(c, offset, sizeof *offset);
    return st ? st : tensor_bytes(c, t, i);
}

/* The alignment of tensor data: general.alignment, or 32. */
static sk_status alignment(const eng_gguf *g, uint64_t *out, sk_err *e)
{
    *out = ALIGN_DEFAULT;
    if (!eng_gguf_key_find(g, "general.alignment", NULL)) return SK_OK;
    sk_status st = eng_gguf_u64(g, "general.alignment", out, e);
    if (st) return st;
    if (*out < ALIGN_MIN || *out > UINT32_MAX || (*out & (*out - 1)))
        return sk_fail(e, SK_E_FORMAT,
                       "general.alignment is %" PRIu64 ", not a power of two from 8", *out);
    return SK_OK;
}

/* Puts every tensor in its place behind the table; none may pass the end or cover another. */
static sk_status place_tensors(eng_gguf *g, const cursor *c, const uint64_t *offset)
{
    uint64_t align;
    sk_status st = alignment(g, &align, c->e);
    if (st || !g->n_tensors) return st;
    uint64_t start = (c->pos + align - 1) & ~(align - 1);
    for (size_t i = 0; i < g->n_tensors; i++) {
        eng_gguf_tensor *t = &g->tensor[i];
        if (offset[i] % align)
            return sk_fail(c->e, SK_E_FORMAT,
                           "tensor %zu (%.*s): its offset is no multiple of %" PRIu64, i,
                           (int)t->name.n, t->name.p, align);
        if (start > c->len || offset[i] > c->len - start || t->bytes > c->len - start - offset[i])
            return sk_fail(c->e, SK_E_FORMAT,
                           "tensor %zu (%.*s) passes the end of the file: is it cut short?", i,
                           (int)t->name.n, t->name.p);
        t->data = c->p + start + offset[i];
    }
    uint32_t *order = sorted(g, g->n_tensors, by_tensor_data);
    if (!order) return sk_fail(c->e, SK_E_NOMEM, "no memory for %zu tensors", g->n_tensors);
    for (size_t i = 1; i < g->n_tensors; i++) {
        const eng_gguf_tensor *a = &g->tensor[order[i - 1]], *b = &g->tensor[order[i]];
        if ((const uint8_t *)a->data + a->bytes > (const uint8_t *)b->data)
            return sk_fail(c->e, SK_E_FORMAT, "tensors %.*s and %.*s overlap", (int)a->name.n,
                           a->name.p, (int)b->name.n, b->name.p);
    }
    return SK_OK;
}

/* All tensors, then their index. */
static sk_status take_tensors(eng_gguf *g, cursor *c, uint64_t n)
{
    if (n > (c->len - c->pos + ALIGN_MIN - 1) / TENSOR_LEAST || n > UINT32_MAX)
        return sk_fail(c->e, SK_E_FORMAT, "it claims %" PRIu64 " tensors, more than it holds", n);
    g->tensor = sk_new_n(g->mem, eng_gguf_tensor, (size_t)n);
    uint64_t *offset = sk_new_n(g->mem, uint64_t, (size_t)n);
    if (!g->tensor || !offset)
        return sk_fail(c->e, SK_E_NOMEM, "no memory for %" PRIu64 " tensors", n);
    g->n_tensors = (size_t)n;
    sk_status st = SK_OK;
    for (size_t i = 0; i < g->n_tensors && !st; i++)
        st = take_tensor(c, i, &g->tensor[i], &offset[i]);
    if (st) return st;
    st = eng_gguf_index_tensors(g, c->e);
    if (st) return st;
    return place_tensors(g, c, offset);
}

/* The whole directory. */
static sk_status take_all(eng_gguf *g, const void *p, size_t len, sk_err *e)
{
    cursor c = {p, len, 0, e};
    uint32_t magic;
    uint64_t n_tensors, n_keys;
    if (c.len < sizeof magic || take(&c, &magic, sizeof magic) || magic != MAGIC)
        return sk_fail(e, SK_E_FORMAT, "not a GGUF file");
    sk_status st = take(&c, &g->version, sizeof g->version);
    if (st) return st;
    if (g->version && !(g->version & 0xffff))
        return sk_fail(e, SK_E_UNSUPPORTED, "a big-endian GGUF; convert it to little-endian");
    if (g->version < 2 || g->version > 3)
        return sk_fail(e, SK_E_UNSUPPORTED, "GGUF version %" PRIu32 ": versions 2 and 3 are read",
                       g->version);
    st = take(&c, &n_tensors, sizeof n_tensors);
    if (!st) st = take(&c, &n_keys, sizeof n_keys);
    if (!st) st = take_keys(g, &c, n_keys);
    if (!st) st = take_tensors(g, &c, n_tensors);
    return st;
}

/* Reads the directory of the len bytes at p.  map (may be NULL) belongs to the object on success.
 */
static sk_status open_view(const void *p, size_t len, const sk_map *map, eng_gguf **out, sk_err *e)
{
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    eng_gguf *g = mem ? sk_new(mem, eng_gguf) : NULL;
    sk_status st = SK_E_NOMEM;
    if (!g || !(g->map = sk_new(mem, sk_map))) {
        sk_fail(e, st, "no memory to read it");
        goto free_arena;
    }
    g->mem = mem;
    g->len = len;
    st = take_all(g, p, len, e);
    if (st) goto free_arena;
    g->n_files = 1;
    if (map) *g->map = *map;
    *out = g;
    return SK_OK;
free_arena:
    sk_arena_free(mem);
    return st;
}

/* One file alone. */
sk_status eng_gguf_open_one(const char *path, eng_gguf **out, sk_err *e)
{
    sk_map map;
    sk_status st = sk_map_open(path, &map, e);
    if (st) return st;
    st = open_view(map.p, map.len, &map, out, e);
    if (st) {
        sk_map_close(&map);
        (void)sk_while(e, "%s", path);
    }
    return st;
}

/* The same over n bytes in memory. */
sk_status eng_gguf_open_bytes(const void *p, size_t n, eng_gguf **out, sk_err *e)
{
    assert(p || !n);
    return open_view(p, n, NULL, out, e);
}

/* Closes the files; NULL is allowed. */
void eng_gguf_close(eng_gguf *g)
{
    if (!g) return;
    for (size_t i = g->n_owned; i-- > 0;)
        g->owned[i].drop(g->owned[i].p);
    for (size_t i = 0; i < g->n_files; i++)
        if (g->map[i].p) sk_map_close(&g->map[i]);
    sk_arena_free(g->mem);
}

uint32_t eng_gguf_version(const eng_gguf *g)
{
    return g->version;
}

uint64_t eng_gguf_file_bytes(const eng_gguf *g)
{
    return g->len;
}

size_t eng_gguf_n_files(const eng_gguf *g)
{
    return g->n_files;
}

size_t eng_gguf_n_tensors(const eng_gguf *g)
{
    return g->n_tensors;
}

const eng_gguf_tensor *eng_gguf_tensor_at(const eng_gguf *g, size_t i)
{
    assert(i < g->n_tensors);
    return &g->tensor[i];
}

/* The tensor of that name by halving, NULL if there is none. */
const eng_gguf_tensor *eng_gguf_tensor_find(const eng_gguf *g, const char *name)
{
    eng_str want = {name, strlen(name)};
    for (size_t low = 0, high = g->n_tensors; low < high;) {
        size_t mid = low + (high - low) / 2;
        const eng_gguf_tensor *t = &g->tensor[g->by_tensor[mid]];
        int d = eng_str_cmp(want, t->name);
        if (!d) return t;
        if (d < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

/* Data that was made in memory, or given as bytes, is in no mapping. */
static bool is_mapped(const eng_gguf *g, const eng_gguf_tensor *t)
{
    uintptr_t p = (uintptr_t)t->data;
    if (t->file >= g->n_files) return false;
    const sk_map *m = &g->map[t->file];
    uintptr_t from = (uintptr_t)m->p;
    return m->p && p >= from && p - from <= m->len && t->bytes <= m->len - (p - from);
}

void eng_gguf_rest(const eng_gguf *g, const eng_gguf_tensor *t)
{
    if (is_mapped(g, t)) sk_map_rest(t->data, t->bytes);
}

bool eng_gguf_fetch(const eng_gguf *g, const eng_gguf_tensor *t, size_t at, size_t n)
{
    if (!is_mapped(g, t)) return false;
    const sk_map *m = &g->map[t->file];
    size_t from = (size_t)((const uint8_t *)t->data - m->p);
    size_t left = at < m->len - from ? m->len - from - at : 0;
    if (left) sk_map_read((const char *)t->data + at, n < left ? n : left);
    return left > n;
}

void eng_gguf_watch(const eng_gguf *g)
{
    for (size_t i = 0; i < g->n_files; i++)
        if (g->map[i].p) sk_map_watch(&g->map[i]);
    for (size_t i = 0; i < g->n_owned; i++)
        if (g->owned[i].guard) g->owned[i].guard->watch(g->owned[i].p);
}

bool eng_gguf_torn(const eng_gguf *g)
{
    for (size_t i = 0; i < g->n_files; i++)
        if (g->map[i].p && sk_map_torn(&g->map[i])) return true;
    for (size_t i = 0; i < g->n_owned; i++)
        if (g->owned[i].guard && g->owned[i].guard->torn(g->owned[i].p)) return true;
    return false;
}
