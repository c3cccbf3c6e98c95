/* vocab_save.c - a vocabulary to the tokenizer.ggml.* keys of a GGUF, and tokenizer files. */
#include "engine/token/vocab.h"

#include "base/file.h"
#include "base/mem.h"
#include "engine/format/gguf.h"
#include "engine/format/gguf_build.h"
#include "engine/format/gguf_type.h"
#include "engine/token/bytemap.h"
#include "engine/token/hf_vocab.h"
#include "engine/token/pretok.h"
#include "engine/token/vocab_build.h"

#include <string.h>

#define KEY(name) "tokenizer.ggml." name

/* True when normal tokens are written in GPT-2's characters. */
static bool bytes_mapped(const eng_vocab_parts *p)
{
    eng_pretok_traits traits = {0};
    sk_err ignored = SK_ERR_INIT;
    if (p->kind != ENG_VOCAB_BPE) return false;
    (void)eng_pretok_find(p->pretok, &traits, &ignored);
    return !traits.chars;
}

/* Appends a text with U+2581 for each space. */
static void store_spaces(eng_str s, sk_buf *b)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == ' ')
            sk_buf_adds(b, "\342\226\201");
        else
            sk_buf_addc(b, s.p[i]);
}

/* The tokens' strings as a file has them, one behind the other in b; str[i] into b.  False
 * without memory.  Places in b are noted only when it is complete, since it moves while it
 * grows. */
static bool store_tokens(const eng_vocab_parts *p, sk_buf *b, eng_str *str)
{
    const bool mapped = bytes_mapped(p);
    for (size_t i = 0; i < p->n; i++) {
        size_t from = b->len;
        uint8_t t = p->type[i];
        if (t == ENG_TOKEN_BYTE)
            sk_buf_addf(b, "<0x%02X>", (unsigned)(unsigned char)p->text[i].p[0]);
        else if (t == ENG_TOKEN_NORMAL && mapped)
            eng_bytemap_write(p->text[i].p, p->text[i].n, b);
        else if (!mapped && (t == ENG_TOKEN_NORMAL || t == ENG_TOKEN_UNUSED))
            store_spaces(p->text[i], b);
        else
            sk_buf_add(b, p->text[i].p, p->text[i].n);
        str[i].n = b->len - from;
    }
    if (!sk_buf_ok(b) || !sk_buf_reserve(b, 1)) return false;
    const char *at = b->p;
    for (size_t i = 0; i < p->n; at += str[i++].n)
        str[i].p = at;
    return true;
}

/* The merges' strings "a b", likewise. */
static bool store_merges(const eng_vocab_parts *p, const eng_str *token, sk_buf *b, eng_str *str)
{
    for (size_t i = 0; i < p->n_merges; i++) {
        eng_str left = token[p->merge[i].a], right = token[p->merge[i].b];
        sk_buf_add(b, left.p, left.n);
        sk_buf_addc(b, ' ');
        sk_buf_add(b, right.p, right.n);
        str[i].n = left.n + 1 + right.n;
    }
    if (!sk_buf_ok(b) || !sk_buf_reserve(b, 1)) return false;
    const char *at = b->p;
    for (size_t i = 0; i < p->n_merges; at += str[i++].n)
        str[i].p = at;
    return true;
}

/* The name of the kind in a GGUF. */
static const char *model_name(const eng_vocab_parts *p)
{
    static const char *const names[] = {[ENG_VOCAB_BPE] = "gpt2",
                                        [ENG_VOCAB_SPM] = "llama",
                                        [ENG_VOCAB_UGM] = "t5",
                                        [ENG_VOCAB_WPM] = "bert"};
    bool gemma = p->kind == ENG_VOCAB_BPE && strcmp(p->pretok, "gemma4") == 0;
    return gemma ? p->pretok : names[p->kind];
}

/* The keys that are no lists.  Keys that the kind has no use for are left out rather than
 * written as false: another program may take their being there for a sign. */
static void put_rest(const eng_vocab_parts *p, eng_gguf_writer *w)
{
    for (int k = 0; k < ENG_ROLE_N; k++)
        if (p->role[k] >= 0)
            eng_gguf_put_u32(w, eng_token_role_key((eng_token_role)k), (uint32_t)p->role[k]);
    eng_gguf_put_bool(w, KEY("add_bos_token"), p->add_bos > 0);
    if (p->add_eos || p->kind == ENG_VOCAB_UGM)
        eng_gguf_put_bool(w, KEY("add_eos_token"), p->add_eos > 0);
    if (p->kind == ENG_VOCAB_SPM || p->kind == ENG_VOCAB_UGM)
        eng_gguf_put_bool(w, KEY("add_space_prefix"), p->space_prefix > 0);
    if (p->kind == ENG_VOCAB_UGM)
        eng_gguf_put_bool(w, KEY("remove_extra_whitespaces"), p->merge_spaces);
    if (p->kind == ENG_VOCAB_WPM) {
        eng_gguf_put_bool(w, KEY("add_sep_token"), p->add_sep > 0);
        eng_gguf_put_bool(w, KEY("normalizer.lowercase"), p->lower);
        eng_gguf_put_bool(w, KEY("normalizer.strip_accents"), p->strip_accents);
    }
    if (p->charsmap.n)
        eng_gguf_put_array(w, KEY("precompiled_charsmap"), ENG_GGUF_U8, p->charsmap.p,
                           p->charsmap.n);
    eng_pretok_traits traits = {.whole = false};
    sk_err ignored = SK_ERR_INIT;
    if (p->pretok && !eng_pretok_find(p->pretok, &traits, &ignored) && traits.whole != p->whole)
        eng_gguf_put_bool(w, "tokenizer.stoke.ignore_merges", p->whole > 0);
    if (p->chat_template.n)
        eng_gguf_put_str(w, "tokenizer.chat_template", p->chat_template.p, p->chat_template.n);
}

/* Puts the strip marks into out[n]; false when there are none. */
static bool put_strip(const eng_vocab_parts *p, int32_t *out)
{
    bool any = false;
    for (size_t i = 0; p->strip && i < p->n; i++) {
        out[i] = p->strip[i];
        any |= p->strip[i] != 0;
    }
    return any;
}

/* Adds the tokenizer.ggml.* keys to a GGUF being written. */
sk_status eng_vocab_to_gguf(const eng_vocab *v, eng_gguf_writer *w, sk_err *e)
{
    eng_vocab_parts p;
    eng_vocab_get_parts(v, &p);
    sk_status st = SK_OK;
    sk_buf tokens = SK_BUF_INIT, merges = SK_BUF_INIT;
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    eng_str *token = mem ? sk_new_n(mem, eng_str, p.n) : NULL;
    eng_str *merge = mem ? sk_new_n(mem, eng_str, p.n_merges) : NULL;
    int32_t *type = mem ? sk_new_n(mem, int32_t, p.n) : NULL;
    if (!token || !merge || !type || !store_tokens(&p, &tokens, token) ||
        !store_merges(&p, token, &merges, merge)) {
        st = sk_fail(e, SK_E_NOMEM, "no memory to write the tokenizer");
        goto free_all;
    }
    for (size_t i = 0; i < p.n; i++)
        type[i] = p.type[i] == ENG_TOKEN_ALIEN ? ENG_TOKEN_NORMAL : p.type[i];
    const char *model = model_name(&p);
    eng_gguf_put_str(w, KEY("model"), model, strlen(model));
    if (p.pretok) eng_gguf_put_str(w, KEY("pre"), p.pretok, strlen(p.pretok));
    eng_gguf_put_strs(w, KEY("tokens"), token, p.n);
    eng_gguf_put_i32s(w, KEY("token_type"), type, p.n);
    if (p.score) eng_gguf_put_f32s(w, KEY("scores"), p.score, p.n);
    if (p.kind == ENG_VOCAB_BPE) eng_gguf_put_strs(w, KEY("merges"), merge, p.n_merges);
    if (put_strip(&p, type)) eng_gguf_put_i32s(w, "tokenizer.stoke.strip", type, p.n);
    put_rest(&p, w);
free_all:
    sk_buf_fini(&tokens);
    sk_buf_fini(&merges);
    sk_arena_free(mem);
    return st;
}

/* Writes a GGUF with only the tokenizer.  The architecture is there for other readers, which ask
 * for it first; they must not look for more of a model in a file of this type. */
sk_status eng_vocab_save(const eng_vocab *v, const char *path, sk_err *e)
{
    eng_gguf_writer *w;
    sk_status st = eng_gguf_create(path, &w, e);
    if (st) return st;
    eng_gguf_put_str(w, "general.architecture", "qwen3", 5);
    eng_gguf_put_str(w, "general.type", "vocab", 5);
    st = eng_vocab_to_gguf(v, w, e);
    if (!st) return eng_gguf_commit(w, e);
    eng_gguf_abort(w);
    return st;
}

/* True when there is a file of that name in the folder. */
static bool holds(const char *folder, const char *name)
{
    sk_buf path = SK_BUF_INIT;
    sk_buf_addf(&path, "%s/%s", folder, name);
    bool there = sk_buf_ok(&path) && sk_file_exists(path.p);
    sk_buf_fini(&path);
    return there;
}

/* Reads the tokenizer of a Hugging Face folder. */
static sk_status load_folder(const char *path, eng_vocab **out, sk_err *e)
{
    eng_gguf_writer *w;
    eng_gguf *g;
    sk_status st = eng_gguf_build(&w, e);
    if (st) return st;
    st = eng_hf_vocab_put(path, w, 0, e);
    if (st) {
        eng_gguf_abort(w);
        return st;
    }
    st = eng_gguf_build_open(w, &g, e);
    if (st) return st;
    st = eng_vocab_from_gguf(g, out, e);
    eng_gguf_close(g);
    return st;
}

/* Reads the tokenizer of a GGUF or a folder. */
sk_status eng_vocab_load(const char *path, eng_vocab **out, sk_err *e)
{
    eng_gguf *g;
    if (holds(path, "tokenizer.json") || holds(path, "tokenizer.model"))
        return load_folder(path, out, e);
    sk_status st = eng_gguf_open(path, &g, e);
    if (st) return st;
    st = eng_vocab_from_gguf(g, out, e);
    if (st) (void)sk_while(e, "%s", path);
    eng_gguf_close(g);
    return st;
}
