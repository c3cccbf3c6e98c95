/* config_gguf.c - reading and writing the keys that describe a llama-like decoder.
 *
 * Key names: ggml's docs/gguf.md.  A key below the architecture's prefix that is not in the table
 * is refused: a model that computes something else than its file says is worse than none.
 */
#include "engine/model/config_gguf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What may stand under "llama." and what it must say. */
typedef enum key_rule {
    KEY_READ,   /* read by eng_config_read */
    KEY_INERT,  /* changes nothing the decoder computes */
    KEY_ZERO,   /* must be 0 (or false) */
    KEY_ONE,    /* must be 0 or 1: a factor or a flag that is on anyway */
    KEY_SCALING /* rope.scaling.type, checked by name */
} key_rule;

static const struct {
    const char *suffix;
    key_rule rule;
} known[] = {
    {"context_length", KEY_READ},
    {"embedding_length", KEY_READ},
    {"block_count", KEY_READ},
    {"feed_forward_length", KEY_READ},
    {"vocab_size", KEY_READ},
    {"attention.head_count", KEY_READ},
    {"attention.head_count_kv", KEY_READ},
    {"attention.key_length", KEY_READ},
    {"attention.value_length", KEY_READ},
    {"attention.layer_norm_rms_epsilon", KEY_READ},
    {"rope.freq_base", KEY_READ},
    {"rope.dimension_count", KEY_READ},
    {"tensor_data_layout", KEY_INERT},
    {"rope.scaling.original_context_length", KEY_INERT},
    {"rope.scaling.finetuned", KEY_INERT},
    {"expert_count", KEY_ZERO},
    {"expert_used_count", KEY_ZERO},
    {"attention.sliding_window", KEY_ZERO},
    {"attention.causal", KEY_ONE},
    {"rope.scale_linear", KEY_ONE},
    {"rope.scaling.factor", KEY_ONE},
    {"rope.scaling.attn_factor", KEY_ONE},
    {"rope.scaling.type", KEY_SCALING},
};

/* "llama.block_count" from "block_count"; the longest suffix of the table fits. */
static const char *full_key(const eng_config *cfg, const char *suffix, char key[96])
{
    int n = snprintf(key, 96, "%s.%s", cfg->arch, suffix);
    assert(n > 0 && n < 96);
    (void)n;
    return key;
}

static bool str_is(eng_str s, const char *lit)
{
    return s.n == strlen(lit) && !memcmp(s.p, lit, s.n);
}

/* The value of a numeric or boolean key as a double; false if it is neither. */
static bool number_of(const eng_gguf *g, const char *key, double *out)
{
    uint64_t u;
    bool b;
    if (!eng_gguf_f64(g, key, out, NULL)) return true;
    if (!eng_gguf_u64(g, key, &u, NULL)) {
        *out = (double)u;
        return true;
    }
    if (!eng_gguf_bool(g, key, &b, NULL)) {
        *out = b;
        return true;
    }
    return false;
}

/* Applies the rule of one known key. */
static sk_status check_rule(const eng_gguf *g, const char *key, key_rule rule, sk_err *e)
{
    double v = 0;
    eng_str s;
    switch (rule) {
    case KEY_READ:
    case KEY_INERT:
        return SK_OK;
    case KEY_SCALING:
        /* linear without a factor other than 1 (a key of its own) scales nothing */
        if (!eng_gguf_str(g, key, &s, NULL) && (str_is(s, "none") || str_is(s, "linear")))
            return SK_OK;
        return sk_fail(e, SK_E_UNSUPPORTED, "%s: this kind of RoPE scaling is not supported", key);
    case KEY_ZERO:
        if (number_of(g, key, &v) && v == 0) return SK_OK;
        return sk_fail(e, SK_E_UNSUPPORTED, "%s is set to %g; a model with it is not supported",
                       key, v);
    case KEY_ONE:
        if (number_of(g, key, &v) && (v == 1 || (v == 0 && strstr(key, ".rope.")))) return SK_OK;
        return sk_fail(e, SK_E_UNSUPPORTED, "%s is set to %g; only 1 is supported", key, v);
    }
    return sk_fail(e, SK_E_INTERNAL, "%s has no rule", key);
}

/* Refuses keys of the architecture that are unknown or ask for what is not there. */
static sk_status check_keys(const eng_gguf *g, const eng_config *cfg, sk_err *e)
{
    size_t prefix = strlen(cfg->arch);
    for (size_t i = 0; i < eng_gguf_n_keys(g); i++) {
        eng_str k = eng_gguf_key_at(g, i);
        if (k.n <= prefix + 1 || memcmp(k.p, cfg->arch, prefix) != 0 || k.p[prefix] != '.')
            continue;
        eng_str suffix = {k.p + prefix + 1, k.n - prefix - 1};
        size_t j = 0;
        while (j < sizeof(known) / sizeof(*known) && !str_is(suffix, known[j].suffix))
            j++;
        if (j == sizeof(known) / sizeof(*known))
            return sk_fail(e, SK_E_UNSUPPORTED,
                           "the key %.*s is not understood; it may change what the model computes",
                           k.n > 200 ? 200 : (int)k.n, k.p);
        char key[96];
        sk_status st = check_rule(g, full_key(cfg, known[j].suffix, key), known[j].rule, e);
        if (st) return st;
    }
    return SK_OK;
}

/* Reads an integer key into 32 bits.  Absent: deflt, or an error if deflt is 0. */
static sk_status read_u32(const eng_gguf *g, const eng_config *cfg, const char *suffix,
                          uint32_t deflt, uint32_t *out, sk_err *e)
{
    char key[96];
    uint64_t v = 0;
    sk_err why = SK_ERR_INIT;
    sk_status st = eng_gguf_u64(g, full_key(cfg, suffix, key), &v, &why);
    if (st == SK_E_NOTFOUND && deflt) {
        *out = deflt;
        return SK_OK;
    }
    if (st == SK_E_NOTFOUND) return sk_fail(e, SK_E_FORMAT, "the key %s is missing", key);
    if (st) return sk_fail(e, st, "%s", why.text);
    if (v > UINT32_MAX)
        return sk_fail(e, SK_E_FORMAT, "%s is %llu, which is far out of bounds", key,
                       (unsigned long long)v);
    *out = (uint32_t)v;
    return SK_OK;
}

/* Reads a float key; absent: deflt, or an error if deflt is 0. */
static sk_status read_f32(const eng_gguf *g, const eng_config *cfg, const char *suffix, float deflt,
                          float *out, sk_err *e)
{
    char key[96];
    double v = 0;
    sk_err why = SK_ERR_INIT;
    sk_status st = eng_gguf_f64(g, full_key(cfg, suffix, key), &v, &why);
    if (st == SK_E_NOTFOUND && deflt != 0.0f) {
        *out = deflt;
        return SK_OK;
    }
    if (st == SK_E_NOTFOUND) return sk_fail(e, SK_E_FORMAT, "the key %s is missing", key);
    if (st) return sk_fail(e, st, "%s", why.text);
    *out = (float)v;
    return SK_OK;
}

/* A key that, if present, must repeat what is known already. */
static sk_status check_same(const eng_gguf *g, const eng_config *cfg, const char *suffix,
                            uint32_t want, sk_err *e)
{
    uint32_t got = 0;
    sk_status st = read_u32(g, cfg, suffix, want, &got, e);
    if (st) return st;
    if (got != want)
        return sk_fail(e, SK_E_UNSUPPORTED, "%s.%s is %u where %u is expected; not supported",
                       cfg->arch, suffix, got, want);
    return SK_OK;
}

/* Sizes and constants by key. */
static sk_status read_sizes(const eng_gguf *g, eng_config *c, sk_err *e)
{
    sk_status st;
    if ((st = read_u32(g, c, "context_length", 0, &c->n_ctx, e)) ||
        (st = read_u32(g, c, "embedding_length", 0, &c->n_embd, e)) ||
        (st = read_u32(g, c, "block_count", 0, &c->n_layer, e)) ||
        (st = read_u32(g, c, "feed_forward_length", 0, &c->n_ff, e)) ||
        (st = read_u32(g, c, "attention.head_count", 0, &c->n_head, e)))
        return st;
    if (!c->n_head || !c->n_embd)
        return sk_fail(e, SK_E_FORMAT, "%s.attention.head_count or embedding_length is 0", c->arch);
    uint32_t per_head = c->n_embd / c->n_head;
    if ((st = read_u32(g, c, "attention.head_count_kv", c->n_head, &c->n_kv_head, e)) ||
        (st = read_u32(g, c, "attention.key_length", per_head, &c->head_dim, e)) ||
        (st = check_same(g, c, "attention.value_length", c->head_dim, e)) ||
        (st = check_same(g, c, "rope.dimension_count", c->head_dim, e)) ||
        (st = check_same(g, c, "vocab_size", c->n_vocab, e)) ||
        (st = read_f32(g, c, "attention.layer_norm_rms_epsilon", 0, &c->rms_eps, e)))
        return st;
    return read_f32(g, c, "rope.freq_base", 10000.0f, &c->rope_theta, e);
}

/* Copies a string of the file into a field of n bytes; too long: cut (names) or refused. */
static bool copy_str(eng_str s, char *to, size_t n, bool cut)
{
    if (s.n >= n && !cut) return false;
    size_t len = s.n < n ? s.n : n - 1;
    memcpy(to, s.p, len);
    to[len] = 0;
    return strlen(to) == len;
}

/* Architecture first (all other keys bear its name), then the tensors, then the keys. */
sk_status eng_config_read(const eng_gguf *g, eng_config *out, sk_err *e)
{
    eng_config c = {0};
    eng_str s;
    sk_status st = eng_gguf_str(g, "general.architecture", &s, NULL);
    if (st)
        return sk_fail(e, SK_E_FORMAT,
                       "the key general.architecture is missing; this file holds no model");
    if (!copy_str(s, c.arch, sizeof(c.arch), false))
        return sk_fail(e, SK_E_UNSUPPORTED, "the name of the architecture is longer than %zu bytes",
                       sizeof(c.arch) - 1);
    if ((st = eng_config_family(&c, e))) return st;
    if (!eng_gguf_str(g, "general.name", &s, NULL)) (void)copy_str(s, c.name, sizeof(c.name), true);
    const eng_gguf_tensor *embd = eng_gguf_tensor_find(g, "token_embd.weight");
    if (!embd) return sk_fail(e, SK_E_FORMAT, "the tensor token_embd.weight is missing");
    if (embd->dim[1] > UINT32_MAX)
        return sk_fail(e, SK_E_FORMAT, "token_embd.weight has too many rows");
    c.n_vocab = (uint32_t)embd->dim[1];
    c.tied = !eng_gguf_tensor_find(g, "output.weight");
    if ((st = check_keys(g, &c, e)) || (st = read_sizes(g, &c, e))) return st;
    sk_err why = SK_ERR_INIT;
    if (eng_config_check(&c, &why)) return sk_fail(e, SK_E_FORMAT, "%s", why.text);
    *out = c;
    return SK_OK;
}

/* The same keys as llama.cpp's converters write. */
void eng_config_put(const eng_config *c, eng_gguf_writer *w)
{
    char key[96];
    eng_gguf_put_str(w, "general.architecture", c->arch, strlen(c->arch));
    if (c->name[0]) eng_gguf_put_str(w, "general.name", c->name, strlen(c->name));
    const struct {
        const char *suffix;
        uint32_t value;
    } row[] = {
        {"context_length", c->n_ctx},
        {"embedding_length", c->n_embd},
        {"block_count", c->n_layer},
        {"feed_forward_length", c->n_ff},
        {"vocab_size", c->n_vocab},
        {"attention.head_count", c->n_head},
        {"attention.head_count_kv", c->n_kv_head},
        {"attention.key_length", c->head_dim},
        {"attention.value_length", c->head_dim},
        {"rope.dimension_count", c->head_dim},
    };
    for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
        eng_gguf_put_u32(w, full_key(c, row[i].suffix, key), row[i].value);
    eng_gguf_put_f32(w, full_key(c, "attention.layer_norm_rms_epsilon", key), c->rms_eps);
    eng_gguf_put_f32(w, full_key(c, "rope.freq_base", key), c->rope_theta);
}
