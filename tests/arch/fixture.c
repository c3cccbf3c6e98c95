/* fixture.c - reading a description and writing the GGUF it describes. */
#include "tests/arch/fixture.h"

#include "base/file.h"
#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 128, MAX_LETS = 48, ALIGN = 32, MXFP4 = 39, MXFP4_BLOCK = 32 };

/* Numbers of GGUF's value types. */
enum { T_U32 = 4, T_I32 = 5, T_F32 = 6, T_BOOL = 7, T_STR = 8, T_ARR = 9 };

typedef struct let {
    char name[24];
    size_t value;
} let;

/* A description being read: one line's words, and the three parts of the file as they grow. */
typedef struct maker {
    const char *path;
    unsigned line;
    unsigned flags;
    char *word[MAX_WORDS];
    size_t n_words;
    let lets[MAX_LETS];
    size_t n_lets, n_layers;
    bool has_vocab; /* tokenizer keys are among the lines */
    sk_buf keys, table, data;
    uint64_t n_keys, n_tensors;
    arch_case *c;
    sk_err *e;
} maker;

static sk_status bad(maker *m, const char *what)
{
    const char *word = m->n_words ? m->word[0] : "";
    return sk_fail(m->e, SK_E_FORMAT, "%s:%u: %s: %s", m->path, m->line, word, what);
}

static void add_u32(sk_buf *b, uint32_t v)
{
    sk_buf_add(b, &v, sizeof v);
}

static void add_u64(sk_buf *b, uint64_t v)
{
    sk_buf_add(b, &v, sizeof v);
}

static void add_str(sk_buf *b, const char *s)
{
    add_u64(b, strlen(s));
    sk_buf_add(b, s, strlen(s));
}

/* The name of a key and its type; a name with a leading slash is whole, others get "ARCH." before.
 */
static void begin_key(maker *m, const char *name, uint32_t type)
{
    char full[128];
    if (*name == '/')
        snprintf(full, sizeof full, "%s", name + 1);
    else
        snprintf(full, sizeof full, "%s.%s", m->c->arch, name);
    add_str(&m->keys, full);
    add_u32(&m->keys, type);
    m->n_keys++;
}

static void put_u32(maker *m, const char *name, uint32_t v)
{
    begin_key(m, name, T_U32);
    add_u32(&m->keys, v);
}

static void put_str(maker *m, const char *name, const char *v)
{
    begin_key(m, name, T_STR);
    add_str(&m->keys, v);
}

/* A number, or the value of a `let`. */
static sk_status number(maker *m, const char *w, size_t *out)
{
    for (size_t i = 0; i < m->n_lets; i++) {
        if (strcmp(m->lets[i].name, w) == 0) {
            *out = m->lets[i].value;
            return SK_OK;
        }
    }
    char *end;
    *out = (size_t)strtoull(w, &end, 10);
    return *end || end == w ? bad(m, "a number or the name of one is missing") : SK_OK;
}

static void set_let(maker *m, const char *name, size_t value)
{
    if (m->n_lets == MAX_LETS) return;
    let *l = &m->lets[m->n_lets++];
    snprintf(l->name, sizeof l->name, "%s", name);
    l->value = value;
}

/* One value of the type named by `kind` ("u32", "f32", ...). */
static sk_status add_value(maker *m, const char *kind, const char *w)
{
    size_t n;
    if (strncmp(kind, "f32", 3) == 0) {
        float f = strtof(w, NULL);
        sk_buf_add(&m->keys, &f, sizeof f);
        return SK_OK;
    }
    if (strncmp(kind, "bool", 4) == 0) {
        sk_buf_addc(&m->keys, strcmp(w, "true") == 0);
        return SK_OK;
    }
    if (strncmp(kind, "str", 3) == 0) {
        add_str(&m->keys, w);
        return SK_OK;
    }
    sk_status st = number(m, w, &n);
    if (!st) add_u32(&m->keys, (uint32_t)n);
    return st;
}

/* What the test has to know of a key's line. */
static void note_key(maker *m)
{
    m->has_vocab |= strcmp(m->word[1], "/tokenizer.ggml.model") == 0;
    if (strcmp(m->word[1], "attention.causal") == 0)
        m->c->both_ways = strcmp(m->word[2], "false") == 0;
    if (strcmp(m->word[1], "pooling_type") == 0)
        m->c->pooling = (size_t)strtoull(m->word[2], NULL, 10);
}

/* "u32 NAME VALUE", or "u32s NAME VALUE..." for an array; likewise i32, f32, bool, str. */
static sk_status key_line(maker *m)
{
    static const struct {
        const char *name;
        uint32_t type;
    } kinds[] = {{"u32", T_U32}, {"i32", T_I32}, {"f32", T_F32}, {"bool", T_BOOL}, {"str", T_STR}};
    const char *w = m->word[0];
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        size_t len = strlen(kinds[k].name);
        bool array = w[len] == 's' && !w[len + 1];
        if (strncmp(w, kinds[k].name, len) != 0 || (w[len] && !array)) continue;
        if (m->n_words < 3 || (!array && m->n_words != 3))
            return bad(m, "wants a name and a value");
        begin_key(m, m->word[1], array ? T_ARR : kinds[k].type);
        if (array) {
            add_u32(&m->keys, kinds[k].type);
            add_u64(&m->keys, m->n_words - 2);
        }
        note_key(m);
        sk_status st = SK_OK;
        for (size_t i = 2; !st && i < m->n_words; i++)
            st = add_value(m, w, m->word[i]);
        return st;
    }
    return bad(m, "not a word of the language");
}

/* FNV-1a over the name, begun at the seed: what keeps the tensors' random numbers apart. */
static uint64_t name_seed(uint64_t seed, const char *name)
{
    uint64_t h = 0xcbf29ce484222325u ^ seed;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    return h;
}

static bool ends(const char *s, const char *tail)
{
    size_t n = strlen(s), t = strlen(tail);
    return n >= t && strcmp(s + n - t, tail) == 0;
}

/* What is being written: its shape (innermost first) and the range of its values. */
typedef struct tensor {
    char name[64];
    size_t dim[4], n_dims, n;
    double lo, hi;
    bool mxfp4;
} tensor;

/* The range that suits the name: gains near 1, small biases, embeddings of variance 1, matrices of
 * variance 1 / n_in. */
static void default_range(tensor *t)
{
    t->hi = sqrt(3.0 / (double)t->dim[0]);
    if (strstr(t->name, "_embd.weight") || strstr(t->name, "token_types")) t->hi = 1.7;
    if (ends(t->name, ".bias")) t->hi = 0.3;
    t->lo = -t->hi;
    if (ends(t->name, "norm.weight") || ends(t->name, "norm_2.weight")) {
        t->lo = 0.7;
        t->hi = 1.3;
    }
}

/* A tensor as random MXFP4 blocks: a shared exponent and 32 codes of 4 bits; in floats where plain
 * is asked for.  Layout: the OCP Microscaling specification 1.0, packed as ggml does (the low
 * halves of the 16 bytes are elements 0..15). */
static void add_mxfp4(maker *m, const tensor *t, uint64_t seed)
{
    static const float value[8] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
    for (size_t b = 0; b < t->n / MXFP4_BLOCK; b++) {
        unsigned char block[1 + MXFP4_BLOCK / 2] = {0};
        float plain[MXFP4_BLOCK];
        block[0] = (unsigned char)(122 + sk_rng_below(seed, SK_RNG_TEST, b, 3));
        for (size_t i = 0; i < MXFP4_BLOCK; i++) {
            unsigned code = (unsigned)sk_rng_below(seed, SK_RNG_INIT, b * MXFP4_BLOCK + i, 16);
            float v = ldexpf(value[code & 7], block[0] - 127);
            plain[i] = code & 8 ? -v : v;
            block[1 + i % 16] |= (unsigned char)(i < 16 ? code : code << 4);
        }
        if (m->flags & ARCH_PLAIN)
            sk_buf_add(&m->data, plain, sizeof plain);
        else
            sk_buf_add(&m->data, block, sizeof block);
    }
}

static void add_floats(maker *m, const tensor *t, uint64_t seed)
{
    for (size_t i = 0; i < t->n; i++) {
        double u = sk_rng_uniform(seed, SK_RNG_INIT, i);
        float v = (float)(t->lo + (t->hi - t->lo) * u);
        sk_buf_add(&m->data, &v, sizeof v);
    }
}

static void add_zeros(maker *m, const tensor *t)
{
    bool blocks = t->mxfp4 && !(m->flags & ARCH_PLAIN);
    size_t n = blocks ? t->n / MXFP4_BLOCK * (1 + MXFP4_BLOCK / 2) : t->n * sizeof(float);
    if (!sk_buf_reserve(&m->data, n)) return;
    memset(m->data.p + m->data.len, 0, n);
    m->data.len += n;
}

static void add_tensor(maker *m, const tensor *t)
{
    uint64_t seed = name_seed(m->c->seed, t->name);
    while (m->data.len % ALIGN)
        sk_buf_addc(&m->data, 0);
    add_str(&m->table, t->name);
    add_u32(&m->table, (uint32_t)t->n_dims);
    for (size_t i = 0; i < t->n_dims; i++)
        add_u64(&m->table, t->dim[i]);
    add_u32(&m->table, t->mxfp4 && !(m->flags & ARCH_PLAIN) ? MXFP4 : 0);
    add_u64(&m->table, m->data.len);
    m->n_tensors++;
    m->c->has_quantised |= t->mxfp4;
    if (m->flags & ARCH_ZEROS)
        add_zeros(m, t);
    else if (t->mxfp4)
        add_mxfp4(m, t, seed);
    else
        add_floats(m, t, seed);
}

/* The words after a tensor's dimensions: "gain G" times the range, "in LO HI" the range itself,
 * "mxfp4" the type. */
static sk_status tensor_options(maker *m, size_t i, tensor *t)
{
    while (i < m->n_words) {
        if (strcmp(m->word[i], "gain") == 0 && i + 1 < m->n_words) {
            double g = strtod(m->word[i + 1], NULL);
            t->lo *= g;
            t->hi *= g;
            i += 2;
        } else if (strcmp(m->word[i], "in") == 0 && i + 2 < m->n_words) {
            t->lo = strtod(m->word[i + 1], NULL);
            t->hi = strtod(m->word[i + 2], NULL);
            i += 3;
        } else if (strcmp(m->word[i], "mxfp4") == 0) {
            t->mxfp4 = true;
            i++;
        } else {
            return bad(m, "an option that is none");
        }
    }
    return t->mxfp4 && t->dim[0] % MXFP4_BLOCK ? bad(m, "rows are no whole blocks") : SK_OK;
}

/* "tensor NAME DIM... [options]", dimensions innermost first. */
static sk_status tensor_line(maker *m, const char *name)
{
    tensor t = {.n = 1};
    size_t i = 2, ignored;
    snprintf(t.name, sizeof t.name, "%s", name);
    for (; i < m->n_words && t.n_dims < 4; i++) {
        const char *w = m->word[i];
        if (strcmp(w, "gain") == 0 || strcmp(w, "in") == 0 || strcmp(w, "mxfp4") == 0) break;
        sk_status st = number(m, w, &t.dim[t.n_dims]);
        if (st) return st;
        t.n *= t.dim[t.n_dims++];
    }
    if (!t.n_dims || number(m, m->word[2], &ignored)) return bad(m, "no dimensions");
    default_range(&t);
    sk_status st = tensor_options(m, i, &t);
    if (!st) add_tensor(m, &t);
    return st;
}

/* A tensor of some layers: "blk.*.X" all of them, "blk.A-B.X" from A to B, "blk.A-.X" from A on. */
static sk_status tensor_lines(maker *m)
{
    if (m->n_words < 3) return bad(m, "wants a name and dimensions");
    const char *name = m->word[1], *dot = strncmp(name, "blk.", 4) ? NULL : strchr(name + 4, '.');
    size_t first = 0, last = m->n_layers - 1;
    char each[64];
    if (!dot) return tensor_line(m, name);
    if (name[4] != '*') {
        char *end;
        first = last = (size_t)strtoull(name + 4, &end, 10);
        if (*end == '-')
            last = end[1] == '.' ? m->n_layers - 1 : (size_t)strtoull(end + 1, &end, 10);
    }
    for (size_t l = first; l <= last; l++) {
        snprintf(each, sizeof each, "blk.%zu%s", l, dot);
        sk_status st = tensor_line(m, each);
        if (st) return st;
    }
    return SK_OK;
}

/* Lines that set what the rest leans on: a number, and the key it is too. */
enum { VOCAB, LAYERS, CONTEXT, TOKENS, SEED, LET, SETTINGS };
static const struct {
    const char *word, *key;
} settings[SETTINGS] = {{"vocab", "vocab_size"},
                        {"layers", "block_count"},
                        {"context", "context_length"},
                        {"tokens", NULL},
                        {"seed", NULL},
                        {"let", NULL}};

static sk_status number_line(maker *m, size_t which)
{
    bool is_let = which == LET;
    size_t n = 0;
    if (m->n_words != (is_let ? 3 : 2)) return bad(m, "wants one value");
    sk_status st = number(m, m->word[m->n_words - 1], &n);
    if (st) return st;
    set_let(m, is_let ? m->word[1] : m->word[0], n);
    if (settings[which].key) put_u32(m, settings[which].key, (uint32_t)n);
    if (which == VOCAB) m->c->n_vocab = n;
    if (which == LAYERS) m->n_layers = n;
    if (which == CONTEXT) m->c->n_ctx = n;
    if (which == TOKENS) m->c->n_ids = n;
    if (which == SEED) m->c->seed = n;
    return SK_OK;
}

/* The other settings. *known is false for a line that is none. */
static sk_status setting_line(maker *m, bool *known)
{
    const char *w = m->word[0];
    *known = true;
    if (strcmp(w, "arch") == 0 && m->n_words == 2) {
        snprintf(m->c->arch, sizeof m->c->arch, "%s", m->word[1]);
        put_str(m, "/general.architecture", m->word[1]);
        return SK_OK;
    }
    if (strcmp(w, "embeds") == 0) {
        m->c->embeds = true;
        return SK_OK;
    }
    for (size_t i = 0; i < SETTINGS; i++)
        if (strcmp(w, settings[i].word) == 0) return number_line(m, i);
    *known = false;
    return SK_OK;
}

/* One line, which is cut into words in place. */
static sk_status read_line(maker *m, char *text)
{
    bool known;
    char *hash = strchr(text, '#'), *save = NULL;
    if (hash) *hash = 0;
    m->n_words = 0;
    for (char *w = strtok_r(text, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
        if (m->n_words == MAX_WORDS) return bad(m, "too many words");
        m->word[m->n_words++] = w;
    }
    if (!m->n_words) return SK_OK;
    sk_status st = setting_line(m, &known);
    if (st || known) return st;
    return strcmp(m->word[0], "tensor") == 0 ? tensor_lines(m) : key_line(m);
}

/* The whole file: header, keys, table, data. */
static sk_status put_together(maker *m, sk_buf *out)
{
    size_t start = out->len;
    if (!m->has_vocab) put_str(m, "/tokenizer.ggml.model", "no_vocab");
    sk_buf_add(out, "GGUF", 4);
    add_u32(out, 3);
    add_u64(out, m->n_tensors);
    add_u64(out, m->n_keys);
    sk_buf_add(out, m->keys.p, m->keys.len);
    sk_buf_add(out, m->table.p, m->table.len);
    while ((out->len - start) % ALIGN)
        sk_buf_addc(out, 0);
    sk_buf_add(out, m->data.p, m->data.len);
    bool ok = sk_buf_ok(&m->keys) && sk_buf_ok(&m->table) && sk_buf_ok(&m->data) && sk_buf_ok(out);
    return ok ? SK_OK : sk_fail(m->e, SK_E_NOMEM, "no memory for a fixture");
}

sk_status arch_make(const char *path, unsigned flags, arch_case *info, sk_buf *out, sk_err *e)
{
    *info = (arch_case){.n_vocab = 0, .n_ids = 120, .n_ctx = 0, .seed = 1};
    maker m = {.path = path, .flags = flags, .c = info, .e = e};
    sk_buf text = SK_BUF_INIT;
    sk_status st = sk_file_load(path, 1 << 20, &text, e);
    sk_buf_addc(&text, 0);
    for (char *p = text.p, *next; !st && p && *p; p = next) {
        next = strchr(p, '\n');
        if (next) *next++ = 0;
        m.line++;
        st = read_line(&m, p);
        if (!next) break;
    }
    if (!st && out) st = put_together(&m, out);
    sk_buf_fini(&text);
    sk_buf_fini(&m.keys);
    sk_buf_fini(&m.table);
    sk_buf_fini(&m.data);
    return st;
}

int32_t arch_id(const arch_case *c, size_t i)
{
    return (int32_t)sk_rng_below(c->seed, SK_RNG_TEST, i, c->n_vocab);
}

const size_t *arch_kept(size_t *n)
{
    static const size_t kept[] = {0, 1, 5, 23, 24, 25, 47, 63, 64, 95, 118, 119};
    *n = sizeof kept / sizeof *kept;
    return kept;
}
