/* fixture_model.c - tiny models with random weights for tests. */
#include "tests/unit/fixture_model.h"

#include "base/mem.h"
#include "base/rng.h"
#include "engine/model/config_gguf.h"
#include "engine/token/chat.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

eng_config fixture_config(const char *arch)
{
    eng_config c = {.n_vocab = 288,
                    .n_ctx = 96,
                    .n_embd = 48,
                    .n_layer = 2,
                    .n_head = 4,
                    .n_kv_head = 2,
                    .head_dim = 16,
                    .n_ff = 80,
                    .rms_eps = 1e-5f,
                    .rope_theta = 10000.0f,
                    .tied = true};
    snprintf(c.arch, sizeof c.arch, "%s", arch);
    snprintf(c.name, sizeof c.name, "fixture");
    sk_status st = eng_config_family(&c, NULL);
    assert(!st || strcmp(arch, "unknown") == 0);
    (void)st;
    return c;
}

void fixture_param(const eng_param *p, uint64_t seed, float *out)
{
    size_t n = p->rows * p->cols;
    double scale = p->is_matrix ? sqrt(3.0 / (double)p->cols) : 0.3;
    for (size_t i = 0; i < n; i++) {
        double u = sk_rng_uniform(seed, SK_RNG_INIT, p->offset + i) * 2 - 1;
        out[i] = (float)(p->is_matrix ? u * scale : 1 + u * scale);
    }
}

/* UTF-8 of what GPT-2's table shows for a byte: printable Latin-1 as itself, the others in order
 * from U+0100. */
static size_t shown_byte(unsigned b, char out[3])
{
    unsigned cp = b, next = 256;
    for (unsigned i = 0; i <= b; i++) {
        bool prints = (i >= '!' && i <= '~') || (i >= 0xa1 && i <= 0xac) || i >= 0xae;
        cp = prints ? i : next++;
    }
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    out[0] = (char)(0xc0 | cp >> 6);
    out[1] = (char)(0x80 | (cp & 0x3f));
    return 2;
}

void fixture_put_vocab(eng_gguf_writer *w, size_t n)
{
    static const char *const merge[] = {"t h",          "th e",       "i n", "e r",
                                        "\xc4\xa0 the", "\xc4\xa0 a", "o n", "\xc4\xa0 in"};
    static const char *const merged[] = {"th",          "the",       "in", "er",
                                         "\xc4\xa0the", "\304\240a", "on", "\xc4\xa0in"};
    static const char *const special[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
    enum { N_MERGES = sizeof merge / sizeof *merge };
    assert(n >= FIXTURE_VOCAB_MIN && n <= 4096);
    static char bytes[256][3], unused[4096][16];
    eng_str token[4096], pair[N_MERGES];
    int32_t type[4096];
    for (size_t i = 0; i < n; i++) {
        type[i] = 1;
        if (i < 256) {
            token[i] = (eng_str){bytes[i], shown_byte((unsigned)i, bytes[i])};
        } else if (i < 256 + N_MERGES) {
            token[i] = (eng_str){merged[i - 256], strlen(merged[i - 256])};
        } else if (i >= n - 3) {
            token[i] = (eng_str){special[i - (n - 3)], strlen(special[i - (n - 3)])};
            type[i] = 3;
        } else {
            snprintf(unused[i], sizeof unused[i], "[unused%zu]", i);
            token[i] = (eng_str){unused[i], strlen(unused[i])};
            type[i] = 5;
        }
    }
    for (size_t i = 0; i < N_MERGES; i++)
        pair[i] = (eng_str){merge[i], strlen(merge[i])};
    eng_gguf_put_str(w, "tokenizer.ggml.model", "gpt2", 4);
    eng_gguf_put_str(w, "tokenizer.ggml.pre", "qwen2", 5);
    eng_gguf_put_strs(w, "tokenizer.ggml.tokens", token, n);
    eng_gguf_put_i32s(w, "tokenizer.ggml.token_type", type, n);
    eng_gguf_put_strs(w, "tokenizer.ggml.merges", pair, N_MERGES);
    eng_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", (uint32_t)n - 3);
    eng_gguf_put_u32(w, "tokenizer.ggml.eos_token_id", (uint32_t)n - 1);
    eng_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", false);
    eng_gguf_put_str(w, "tokenizer.chat_template", eng_chat_template_chatml,
                     strlen(eng_chat_template_chatml));
}

static bool named(const char *name, const eng_param *p)
{
    return name && strcmp(name, p->name) == 0;
}

/* The shape a parameter is declared with. */
static void shape(const eng_param *p, const fixture_twist *t, size_t *rows, size_t *cols)
{
    *rows = p->rows - (p->is_matrix && named(t->shorten, p));
    *cols = p->cols - (!p->is_matrix && named(t->shorten, p));
}

/* The data of all tensors in the layout's order. */
static sk_status write_params(eng_gguf_writer *w, const eng_layout *l, uint64_t seed,
                              const fixture_twist *t, sk_err *e)
{
    const float extra = 1;
    for (size_t i = 0; i < l->n_params; i++) {
        const eng_param *p = &l->param[i];
        if (named(t->skip, p)) continue;
        float *v = sk_alloc(SK_MEM_MISC, p->rows * p->cols * sizeof *v);
        if (!v) return sk_fail(e, SK_E_NOMEM, "no memory for a fixture");
        fixture_param(p, seed, v);
        if (named(t->poison, p)) v[p->rows * p->cols / 2] = t->value;
        sk_status st = eng_gguf_write_f32(w, v, e);
        sk_free(v);
        if (st) return st;
    }
    return t->extra ? eng_gguf_write_f32(w, &extra, e) : SK_OK;
}

sk_status fixture_model_twist(const char *path, const eng_config *cfg, uint64_t seed,
                              eng_dtype dtype, const fixture_twist *twist, sk_err *e)
{
    const fixture_twist none = {0}, *t = twist ? twist : &none;
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    eng_layout l;
    eng_gguf_writer *w = NULL;
    sk_status st = a ? eng_layout_build(cfg, a, &l, e) : SK_E_NOMEM;
    if (!st) st = eng_gguf_create(path, &w, e);
    if (st) goto free_arena;
    eng_config_put(cfg, w);
    fixture_put_vocab(w, cfg->n_vocab);
    if (t->keys) t->keys(w);
    for (size_t i = 0; i < l.n_params; i++) {
        const eng_param *p = &l.param[i];
        size_t rows, cols;
        shape(p, t, &rows, &cols);
        if (!named(t->skip, p))
            eng_gguf_add_tensor(w, p->name, p->is_matrix ? dtype : ENG_F32, rows, cols,
                                !p->is_matrix);
    }
    if (t->extra) eng_gguf_add_tensor(w, t->extra, ENG_F32, 1, 1, true);
    st = write_params(w, &l, seed, t, e);
    if (st)
        eng_gguf_abort(w);
    else
        st = eng_gguf_commit(w, e);
free_arena:
    sk_arena_free(a);
    return st;
}

sk_status fixture_model_write(const char *path, const eng_config *cfg, uint64_t seed,
                              eng_dtype dtype, sk_err *e)
{
    return fixture_model_twist(path, cfg, seed, dtype, NULL, e);
}
