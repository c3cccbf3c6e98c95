/* imatrix.c - reading importance matrices.  Nothing in the file is believed: counts and lengths are
 * checked against the bytes that are there. */
#include "engine/format/imatrix.h"

#include "base/file.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    eng_str name;
    size_t n;
    float *value;
} entry;

struct eng_imatrix {
    sk_arena *mem;
    entry *entry; /* sorted by name */
    size_t n;
};

/* Checks values after the division. */
static sk_status check_values(const entry *t, sk_err *e)
{
    for (size_t i = 0; i < t->n; i++)
        if (!isfinite(t->value[i]) || t->value[i] < 0)
            return sk_fail(e, SK_E_FORMAT, "the entry of %.*s has a value that is no importance",
                           (int)(t->name.n < 100 ? t->name.n : 100), t->name.p);
    return SK_OK;
}

/* ---- the GGUF form ---- */

static const char sums_end[] = ".in_sum2", counts_end[] = ".counts";

/* True when s ends in `end`. */
static bool ends_in(eng_str s, const char *end)
{
    size_t n = strlen(end);
    return s.n > n && memcmp(s.p + s.n - n, end, n) == 0;
}

/* The tensor of counts that belongs to one of sums. */
static const eng_gguf_tensor *counts_of(const eng_gguf *g, eng_str base)
{
    char name[128];
    if (base.n + sizeof counts_end > sizeof name) return NULL;
    memcpy(name, base.p, base.n);
    memcpy(name + base.n, counts_end, sizeof counts_end);
    return eng_gguf_tensor_find(g, name);
}

/* One entry out of its two tensors. */
static sk_status take_sums(eng_imatrix *m, const eng_gguf *g, const eng_gguf_tensor *sums,
                           sk_err *e)
{
    eng_str base = {sums->name.p, sums->name.n - (sizeof sums_end - 1)};
    const eng_gguf_tensor *counts = counts_of(g, base);
    if (!counts || sums->type != ENG_F32 || counts->type != ENG_F32)
        return sk_fail(e, SK_E_FORMAT, "%.*s has no counts beside it, or is not of F32",
                       (int)sums->name.n, sums->name.p);
    size_t n = sums->bytes / 4, n_counts = counts->bytes / 4;
    if (n % n_counts)
        return sk_fail(e, SK_E_FORMAT, "%.*s: %zu sums for %zu counts", (int)sums->name.n,
                       sums->name.p, n, n_counts);
    entry *t = &m->entry[m->n++];
    t->name = (eng_str){sk_arena_strndup(m->mem, base.p, base.n), base.n};
    t->n = n;
    t->value = sk_arena_alloc(m->mem, n * sizeof(float));
    if (!t->name.p || !t->value) return sk_fail(e, SK_E_NOMEM, "no memory for %zu values", n);
    const float *sum = sums->data, *count = counts->data;
    size_t each = n / n_counts;
    for (size_t i = 0; i < n; i++)
        t->value[i] = count[i / each] > 0 ? sum[i] / count[i / each] : 1;
    return check_values(t, e);
}

static sk_status take_gguf(eng_imatrix *m, const eng_gguf *g, sk_err *e)
{
    size_t n = eng_gguf_n_tensors(g);
    m->entry = sk_new_n(m->mem, entry, n);
    if (!m->entry) return sk_fail(e, SK_E_NOMEM, "no memory for %zu entries", n);
    for (size_t i = 0; i < n; i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_at(g, i);
        sk_status st = ends_in(t->name, sums_end) ? take_sums(m, g, t, e) : SK_OK;
        if (st) return st;
    }
    return m->n ? SK_OK
                : sk_fail(e, SK_E_FORMAT,
                          "a GGUF without a tensor NAME.in_sum2 is no importance "
                          "matrix");
}

/* ---- the .dat form ---- */

typedef struct cursor {
    const uint8_t *p;
    size_t len, pos;
} cursor;

/* The next whole number; false at the end or when it is below `least`. */
static bool take_int(cursor *c, int32_t least, int32_t *v)
{
    if (c->len - c->pos < sizeof *v) return false;
    memcpy(v, c->p + c->pos, sizeof *v);
    c->pos += sizeof *v;
    return *v >= least;
}

/* One entry: length and name, calls, number of values, values. */
static sk_status take_entry(eng_imatrix *m, cursor *c, sk_err *e)
{
    int32_t len, calls, n;
    size_t at = c->pos;
    bool ok = take_int(c, 1, &len) && (size_t)len <= c->len - c->pos;
    const char *name = (const char *)c->p + c->pos;
    if (ok) c->pos += (size_t)len;
    ok = ok && take_int(c, 0, &calls) && take_int(c, 1, &n) &&
         (size_t)n <= (c->len - c->pos) / sizeof(float);
    if (!ok)
        return sk_fail(e, SK_E_FORMAT, "neither a GGUF nor an old importance matrix (byte %zu)",
                       at);
    entry *t = &m->entry[m->n++];
    t->name = (eng_str){sk_arena_strndup(m->mem, name, (size_t)len), (size_t)len};
    t->n = (size_t)n;
    t->value = sk_arena_alloc(m->mem, t->n * sizeof(float));
    if (!t->name.p || !t->value) return sk_fail(e, SK_E_NOMEM, "no memory for %zu values", t->n);
    memcpy(t->value, c->p + c->pos, t->n * sizeof(float));
    c->pos += t->n * sizeof(float);
    for (size_t i = 0; i < t->n && calls > 0; i++)
        t->value[i] /= (float)calls;
    return check_values(t, e);
}

static sk_status take_dat(eng_imatrix *m, const void *p, size_t len, sk_err *e)
{
    enum { ENTRY_LEAST = 4 + 1 + 4 + 4 + 4 };
    cursor c = {p, len, 0};
    int32_t n;
    if (!take_int(&c, 1, &n) || (size_t)n > len / ENTRY_LEAST)
        return sk_fail(e, SK_E_FORMAT, "neither a GGUF nor an old importance matrix");
    m->entry = sk_new_n(m->mem, entry, (size_t)n);
    if (!m->entry) return sk_fail(e, SK_E_NOMEM, "no memory for %" PRId32 " entries", n);
    for (int32_t i = 0; i < n; i++) {
        sk_status st = take_entry(m, &c, e);
        if (st) return st;
    }
    return SK_OK;
}

/* ---- both ---- */

static int by_name(const void *a, const void *b)
{
    return eng_str_cmp(((const entry *)a)->name, ((const entry *)b)->name);
}

/* Sorts the entries; a name that comes twice refuses the file. */
static sk_status sort(eng_imatrix *m, sk_err *e)
{
    qsort(m->entry, m->n, sizeof *m->entry, by_name);
    for (size_t i = 1; i < m->n; i++)
        if (by_name(&m->entry[i - 1], &m->entry[i]) == 0)
            return sk_fail(e, SK_E_FORMAT, "the entry of %.*s comes twice",
                           (int)(m->entry[i].name.n < 100 ? m->entry[i].name.n : 100),
                           m->entry[i].name.p);
    return SK_OK;
}

/* Reads either form. */
static sk_status take_all(eng_imatrix *m, const void *p, size_t n, sk_err *e)
{
    if (n < 4 || memcmp(p, "GGUF", 4) != 0) return take_dat(m, p, n, e);
    eng_gguf *g = NULL;
    sk_status st = eng_gguf_open_bytes(p, n, &g, e);
    if (st) return st;
    st = take_gguf(m, g, e);
    eng_gguf_close(g);
    return st;
}

sk_status eng_imatrix_open_bytes(const void *p, size_t n, eng_imatrix **out, sk_err *e)
{
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    eng_imatrix *m = mem ? sk_new(mem, eng_imatrix) : NULL;
    if (!m) {
        sk_arena_free(mem);
        return sk_fail(e, SK_E_NOMEM, "no memory for an importance matrix");
    }
    m->mem = mem;
    sk_status st = take_all(m, p, n, e);
    if (!st) st = sort(m, e);
    if (st) {
        sk_arena_free(mem);
        return st;
    }
    *out = m;
    return SK_OK;
}

sk_status eng_imatrix_open(const char *path, eng_imatrix **out, sk_err *e)
{
    sk_map map;
    sk_status st = sk_map_open(path, &map, e);
    if (st) return st;
    st = eng_imatrix_open_bytes(map.p, map.len, out, e);
    sk_map_close(&map);
    return st ? sk_while(e, "%s", path) : SK_OK;
}

void eng_imatrix_close(eng_imatrix *m)
{
    if (m) sk_arena_free(m->mem);
}

size_t eng_imatrix_count(const eng_imatrix *m)
{
    return m->n;
}

/* By halving. */
const float *eng_imatrix_find(const eng_imatrix *m, eng_str name, size_t *n)
{
    for (size_t low = 0, high = m->n; low < high;) {
        size_t mid = low + (high - low) / 2;
        int d = eng_str_cmp(name, m->entry[mid].name);
        if (!d) {
            *n = m->entry[mid].n;
            return m->entry[mid].value;
        }
        if (d < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}
