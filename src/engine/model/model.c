/* model.c - opening a model file: check everything, then pack.
 *
 * Nothing of the file is believed: the shape is bounded before memory is asked for, every tensor is
 * checked by name, shape and type, and no weight may be NaN or infinite.
 */
#include "engine/model/model.h"

#include "base/file.h"
#include "engine/model/config_gguf.h"
#include "engine/model/cost.h"
#include "engine/model/packs.h"
#include "engine/model/weights.h"
#include "engine/token/vocab.h"

#include <assert.h>
#include <string.h>

/* Reads the tokenizer.  A kind this build lacks leaves the model usable by token ids alone. */
static sk_status open_vocab(eng_model *m, sk_err *e)
{
    sk_err why = SK_ERR_INIT;
    size_t n_tokens = 0;
    sk_status st = eng_gguf_arr_len(m->gguf, "tokenizer.ggml.tokens", &n_tokens, &why);
    if (!st && n_tokens != m->cfg.n_vocab)
        return sk_fail(e, SK_E_FORMAT, "the tokenizer has %zu tokens, token_embd.weight %u rows",
                       n_tokens, m->cfg.n_vocab);
    st = eng_vocab_from_gguf(m->gguf, &m->vocab, &why);
    if (st == SK_E_UNSUPPORTED) {
        m->vocab = NULL;
        m->vocab_err = why;
        return SK_OK;
    }
    if (st) return sk_fail(e, st, "%s", why.text);
    if (eng_vocab_size(m->vocab) != m->cfg.n_vocab)
        return sk_fail(e, SK_E_FORMAT, "the tokenizer has %zu tokens, token_embd.weight %u rows",
                       eng_vocab_size(m->vocab), m->cfg.n_vocab);
    const char *text = eng_vocab_chat_template(m->vocab);
    return eng_prompt_open(m->vocab, text, strlen(text), &m->prompt, e);
}

/* Fills in m from m->gguf; path may be NULL. */
static sk_status load(eng_exec *x, eng_model *m, const char *path, const eng_model_opts *o,
                      sk_err *e)
{
    m->arena = sk_arena_new(SK_MEM_WEIGHTS);
    if (!m->arena) return sk_fail(e, SK_E_NOMEM, "no memory for the model");
    sk_status st;
    if ((st = eng_config_read(m->gguf, &m->cfg, e)) ||
        (st = eng_weights_present(m->gguf, &m->cfg, e)) ||
        (st = eng_layout_build(&m->cfg, m->arena, &m->layout, e)) ||
        (st = eng_weights_check(m->gguf, &m->layout, e)) || (st = open_vocab(m, e)))
        return st;
    return eng_weights_load(x, m, o && o->no_repack ? ENG_WMAT_IN_PLACE : 0,
                            o && o->pack_cache ? path : NULL, e);
}

/* Wraps g, which is taken whatever happens, into a model. */
static sk_status open_gguf(eng_exec *x, eng_gguf *g, const char *path, const eng_model_opts *o,
                           eng_model **out, sk_err *e)
{
    eng_model *m = sk_calloc(SK_MEM_WEIGHTS, 1, sizeof(*m));
    if (!m) {
        eng_gguf_close(g);
        return sk_fail(e, SK_E_NOMEM, "no memory for the model");
    }
    m->gguf = g;
    eng_gguf_watch(g);
    sk_status st = load(x, m, path, o, e);
    if (eng_model_torn(m))
        st = sk_fail(e, SK_E_CORRUPT,
                     "the file was cut short while it was read: put a new file in "
                     "its place by renaming it, instead of writing over it");
    if (st) {
        eng_model_close(m);
        return st;
    }
    *out = m;
    return SK_OK;
}

sk_status eng_model_open(eng_exec *x, const char *path, eng_model **out, sk_err *e)
{
    return eng_model_open_opts(x, path, NULL, out, e);
}

sk_status eng_model_open_opts(eng_exec *x, const char *path, const eng_model_opts *o,
                              eng_model **out, sk_err *e)
{
    eng_gguf *g = NULL;
    if (o && o->no_repack && o->pack_cache)
        return sk_fail(e, SK_E_INVALID,
                       "without repacking there are no packed weights to keep in a file");
    sk_status st = eng_hf_is_folder(path) ? eng_hf_open(path, &g, e) : eng_gguf_open(path, &g, e);
    if (st) return st;
    sk_err why = SK_ERR_INIT;
    st = open_gguf(x, g, path, o, out, &why);
    return st ? sk_fail(e, st, "%s: %s", path, why.text) : SK_OK;
}

sk_status eng_model_open_bytes(eng_exec *x, const void *p, size_t n, eng_model **out, sk_err *e)
{
    eng_gguf *g = NULL;
    sk_status st = eng_gguf_open_bytes(p, n, &g, e);
    return st ? st : open_gguf(x, g, NULL, NULL, out, e);
}

bool eng_model_torn(const eng_model *m)
{
    return eng_gguf_torn(m->gguf) || eng_packs_torn(m);
}

void eng_model_close(eng_model *m)
{
    if (!m) return;
    eng_weights_free(m);
    eng_prompt_close(&m->prompt);
    eng_vocab_close(m->vocab);
    eng_gguf_close(m->gguf);
    sk_arena_free(m->arena);
    sk_free(m);
}

/* Copies what people ask for; the strings stay the model's. */
void eng_model_get_info(const eng_model *m, eng_model_info *out)
{
    const eng_config *c = &m->cfg;
    eng_cost cost;
    eng_model_cost(m, &cost);
    *out = (eng_model_info){
        .arch = c->arch,
        .name = c->name,
        .dtype = eng_dtype_name(m->dtype),
        .n_params = m->layout.n_weights,
        .file_bytes = eng_gguf_file_bytes(m->gguf),
        .n_vocab = c->n_vocab,
        .n_ctx = c->n_ctx,
        .n_embd = c->n_embd,
        .n_layer = c->n_layer,
        .n_head = c->n_head,
        .n_kv_head = c->n_kv_head,
        .head_dim = c->head_dim,
        .n_ff = c->n_ff,
        .layer_weights = cost.layer_weights,
        .head_weights = cost.head_weights,
        .layer_bytes = cost.layer_bytes,
        .head_bytes = cost.head_bytes,
        .has_chat = m->vocab && !m->prompt.why.status,
        .encoder = c->encoder,
    };
}

/* ---- the tokenizer through the model ---- */

const eng_vocab *eng_model_vocab(const eng_model *m)
{
    return m->vocab;
}

/* The status that says why there is no tokenizer. */
static sk_status no_vocab(const eng_model *m, sk_err *e)
{
    assert(!m->vocab);
    return sk_fail(e, SK_E_UNSUPPORTED, "%s", m->vocab_err.text);
}

sk_status eng_model_encode(const eng_model *m, const char *text, size_t n, unsigned flags,
                           eng_ids *out, sk_err *e)
{
    return m->vocab ? eng_vocab_encode(m->vocab, text, n, flags, out, e) : no_vocab(m, e);
}

const char *eng_model_piece(const eng_model *m, int32_t id, size_t *n)
{
    if (m->vocab) return eng_vocab_piece(m->vocab, id, false, n);
    *n = 0;
    return "";
}

bool eng_model_adds_space(const eng_model *m)
{
    return m->vocab && eng_vocab_adds_space(m->vocab);
}

bool eng_model_is_end(const eng_model *m, int32_t id)
{
    return m->vocab && eng_vocab_is_end(m->vocab, id);
}

/* ---- conversations ---- */

/* The text's ids; the text is freed, whatever comes. */
static sk_status encode_prompt(const eng_model *m, sk_status st, eng_jinja_text *text, eng_ids *out,
                               sk_err *e)
{
    if (!st) st = eng_prompt_ids(m->vocab, text, out, e);
    eng_jinja_text_fini(text);
    return st;
}

sk_status eng_model_chat(const eng_model *m, const eng_chat_msg *msg, size_t n_msg, eng_ids *out,
                         sk_err *e)
{
    eng_jinja_text text = {SK_BUF_INIT, NULL, 0};
    if (!m->vocab) return no_vocab(m, e);
    sk_status st = eng_prompt_text(&m->prompt, m->vocab, NULL, msg, n_msg, NULL, &text, e);
    return encode_prompt(m, st, &text, out, e);
}

sk_status eng_model_chat_text(const eng_model *m, json_t *messages, const eng_chat_opts *o,
                              eng_jinja_text *out, sk_err *e)
{
    if (!m->vocab) return no_vocab(m, e);
    return eng_prompt_text(&m->prompt, m->vocab, messages, NULL, 0, o, out, e);
}

sk_status eng_model_chat_json(const eng_model *m, json_t *messages, const eng_chat_opts *o,
                              eng_ids *out, sk_err *e)
{
    eng_jinja_text text = {SK_BUF_INIT, NULL, 0};
    sk_status st = eng_model_chat_text(m, messages, o, &text, e);
    return encode_prompt(m, st, &text, out, e);
}

sk_status eng_model_set_template(eng_model *m, const char *text, size_t n, sk_err *e)
{
    eng_prompt p = {NULL, SK_ERR_INIT};
    if (!m->vocab) return no_vocab(m, e);
    if (!n) return sk_fail(e, SK_E_INVALID, "the chat template is empty");
    sk_status st = eng_prompt_open(m->vocab, text, n, &p, e);
    if (!st && p.why.status) st = sk_fail(e, p.why.status, "%s", p.why.text);
    if (st) {
        eng_prompt_close(&p);
        return st;
    }
    eng_prompt_close(&m->prompt);
    m->prompt = p;
    return SK_OK;
}

sk_status eng_model_load_template(eng_model *m, const char *path, sk_err *e)
{
    enum { MAX_BYTES = 8 << 20 };
    sk_buf b = SK_BUF_INIT;
    sk_status st = sk_file_load(path, MAX_BYTES, &b, e);
    if (!st) {
        st = eng_model_set_template(m, b.p, b.len, e);
        if (st) (void)sk_while(e, "%s", path);
    }
    sk_buf_fini(&b);
    return st;
}
