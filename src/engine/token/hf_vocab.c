/* hf_vocab.c - what was read of a folder's tokenizer, put into a GGUF. */
#include "engine/token/hf_vocab.h"

#include "engine/format/gguf_type.h"
#include "engine/token/hf_read.h"

#include <string.h>

#define KEY(name) "tokenizer.ggml." name

/* tokenizer.model with the added tokens beside it, up to the layout. */
static sk_status read_model_file(eng_hf_read *r, const char *folder, eng_str spm)
{
    sk_status st = eng_hf_read_spm(r, spm.p, spm.n);
    if (!st) st = eng_hf_read_more_tokens(r, folder);
    return st ? st : eng_hf_read_lay_out(r);
}

/* tokenizer.json from the beginning: what was read of the other file is dropped. */
static sk_status read_json_instead(eng_hf_read *r, const char *folder, sk_err *e)
{
    eng_str json;
    const size_t n_vocab = r->n_vocab;
    eng_hf_read_fini(r);
    sk_status st = eng_hf_read_init(r, n_vocab, e);
    if (!st) st = eng_hf_read_file(r, folder, "tokenizer.json", &json);
    if (!st && !json.p) st = sk_fail(e, SK_E_NOTFOUND, "%s/tokenizer.json is gone", folder);
    return st ? st : eng_hf_read_json(r, json.p, json.n);
}

/* Reads the folder's tokenizer.model or tokenizer.json.  A tokenizer.model that is none (some
 * models have another file of that name) does not matter when there is a tokenizer.json. */
static sk_status read_folder(eng_hf_read *r, const char *folder)
{
    eng_str spm, json;
    sk_err *e = r->e, why = SK_ERR_INIT;
    sk_status st = eng_hf_read_file(r, folder, "tokenizer.model", &spm);
    if (!st) st = eng_hf_read_file(r, folder, "tokenizer.json", &json);
    if (st) return st;
    if (!spm.p && !json.p)
        return sk_fail(e, SK_E_NOTFOUND, "%s has neither tokenizer.json nor tokenizer.model",
                       folder);
    if (!spm.p) return eng_hf_read_json(r, json.p, json.n);
    r->e = &why;
    st = read_model_file(r, folder, spm);
    r->e = e;
    if (!st) return SK_OK;
    if (st != SK_E_FORMAT || !json.p) return sk_fail(e, st, "%s", why.text);
    return read_json_instead(r, folder, e);
}

/* The merges as strings, in r->mem. */
static sk_status merge_strings(eng_hf_read *r, eng_str **out, size_t *n)
{
    const size_t *end = (const void *)r->merge_ends.p;
    *n = r->merge_ends.len / sizeof *end;
    *out = sk_new_n(r->mem, eng_str, *n);
    if (!*out) return eng_hf_read_no_memory(r);
    for (size_t i = 0, from = 0; i < *n; from = end[i++])
        (*out)[i] = (eng_str){r->merges.p + from, end[i] - from};
    return SK_OK;
}

/* A truth value that is known. */
static void put_flag(struct eng_gguf_writer *w, const char *key, int v)
{
    if (v >= 0) eng_gguf_put_bool(w, key, v > 0);
}

/* Puts all keys into w.  What the folder does not say (-1) is not put, so that the reader's own
 * defaults hold. */
sk_status eng_hf_read_put(eng_hf_read *r, struct eng_gguf_writer *w)
{
    eng_str *merge;
    size_t n_merges;
    sk_status st = merge_strings(r, &merge, &n_merges);
    if (st) return st;
    eng_gguf_put_str(w, KEY("model"), r->model, strlen(r->model));
    eng_gguf_put_str(w, KEY("pre"), r->pre, strlen(r->pre));
    eng_gguf_put_strs(w, KEY("tokens"), r->token, r->n);
    eng_gguf_put_i32s(w, KEY("token_type"), r->type, r->n);
    if (r->scores) eng_gguf_put_f32s(w, KEY("scores"), r->score, r->n);
    bool bpe = strcmp(r->model, "gpt2") == 0 || strcmp(r->model, "gemma4") == 0;
    if (bpe) eng_gguf_put_strs(w, KEY("merges"), merge, n_merges);
    for (int k = 0; k < ENG_ROLE_N; k++)
        if (r->role[k] >= 0 && (size_t)r->role[k] < r->n)
            eng_gguf_put_u32(w, eng_token_role_key((eng_token_role)k), (uint32_t)r->role[k]);
    put_flag(w, KEY("add_bos_token"), r->add_bos);
    put_flag(w, KEY("add_eos_token"), r->add_eos);
    put_flag(w, KEY("add_space_prefix"), r->space_prefix);
    put_flag(w, KEY("remove_extra_whitespaces"), r->merge_spaces);
    put_flag(w, KEY("normalizer.lowercase"), r->lower);
    put_flag(w, KEY("normalizer.strip_accents"), r->strip_accents);
    put_flag(w, "tokenizer.stoke.ignore_merges", r->ignore_merges);
    if (r->any_strip) eng_gguf_put_i32s(w, "tokenizer.stoke.strip", r->strip, r->n);
    if (r->charsmap.n)
        eng_gguf_put_array(w, KEY("precompiled_charsmap"), ENG_GGUF_U8, r->charsmap.p,
                           r->charsmap.n);
    if (r->chat_template.n)
        eng_gguf_put_str(w, "tokenizer.chat_template", r->chat_template.p, r->chat_template.n);
    return SK_OK;
}

/* Puts the keys for the folder's tokenizer into w. */
sk_status eng_hf_vocab_put(const char *folder, struct eng_gguf_writer *w, size_t n_vocab, sk_err *e)
{
    eng_hf_read r;
    sk_status st = eng_hf_read_init(&r, n_vocab, e);
    if (!st) st = read_folder(&r, folder);
    if (!st) st = eng_hf_read_config(&r, folder);
    if (!st) st = eng_hf_read_put(&r, w);
    eng_hf_read_fini(&r);
    return st;
}
