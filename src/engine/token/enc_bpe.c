/* enc_bpe.c - text to ids by merges: cut by the pre-tokenizer's patterns, each piece a look-up or a
 * run of merges.
 *
 * Two forms: on bytes (GPT-2), and on characters with a byte for what has no token (Gemma 4), where
 * a run of line feeds that is a token is one whatever the merges say.
 */
#include "engine/token/vocab_core.h"

#include "engine/token/unidata.h"

#include <assert.h>
#include <string.h>

/* Room for n symbols. */
static bool room(eng_encoder *c, size_t n)
{
    if (n <= c->cap) return true;
    uint32_t *sym = sk_alloc(SK_MEM_TOKEN, 2 * n * sizeof *sym);
    if (!sym) return false;
    sk_free(c->sym);
    c->sym = sym;
    c->cap = 2 * n;
    return true;
}

/* The symbols of a piece before any merge, at most one a byte; their number. */
size_t eng_bpe_symbols(const eng_vocab *v, const char *p, size_t n, uint32_t *sym)
{
    size_t k = 0;
    if (!eng_pretok_get_traits(v->pretok).chars) {
        for (; k < n; k++)
            sym[k] = v->byte_id[(unsigned char)p[k]];
        return n;
    }
    for (size_t i = 0, len; i < n; i += len) {
        len = eng_utf8_sequence((const uint8_t *)p + i, n - i);
        uint32_t id = len ? eng_strindex_find(&v->normal, p + i, len) : ENG_NO_TOKEN;
        if (!len) len = 1;
        if (id != ENG_NO_TOKEN) sym[k++] = id;
        for (size_t b = 0; b < len && id == ENG_NO_TOKEN; b++)
            sym[k++] = v->byte_id[(unsigned char)p[i + b]];
    }
    return k;
}

/* Appends symbols as ids; a byte without a token as the unknown token or not at all, as the models'
 * own tokenizers do. */
static sk_status put_symbols(eng_encoder *c, uint32_t *sym, size_t n)
{
    const int32_t unknown = c->v->role[ENG_ROLE_UNKNOWN];
    size_t left = 0;
    for (size_t i = 0; i < n && c->v->lacks_bytes; i++)
        if (sym[i] != ENG_NO_TOKEN)
            sym[left++] = sym[i];
        else if (unknown >= 0)
            sym[left++] = (uint32_t)unknown;
    if (c->v->lacks_bytes) n = left;
    /* ids are below INT32_MAX: both types write them the same */
    return eng_ids_add(c->out, (const int32_t *)sym, n) ? SK_OK : eng_encoder_no_memory(c);
}

/* A piece that is no token: symbols, merged. */
static sk_status merge_piece(eng_encoder *c, const char *p, size_t n)
{
    if (n >= (size_t)1 << 31)
        return sk_fail(c->e, SK_E_TOOBIG, "the text has a word of %zu bytes", n);
    if (!room(c, n)) return eng_encoder_no_memory(c);
    n = eng_bpe_symbols(c->v, p, n, c->sym);
    if (!eng_bpe_run(&c->v->bpe, &c->work, c->sym, &n)) return eng_encoder_no_memory(c);
    return put_symbols(c, c->sym, n);
}

/* A piece, or a part of one that no merge reaches over. */
static sk_status encode_part(eng_encoder *c, const char *p, size_t n)
{
    uint32_t id = eng_strindex_find(&c->v->normal, p, n);
    if (id == ENG_NO_TOKEN || !c->v->whole[id]) return merge_piece(c, p, n);
    return eng_ids_push(c->out, (int32_t)id) ? SK_OK : eng_encoder_no_memory(c);
}

static sk_status encode_piece(void *arg, const char *p, size_t n)
{
    assert(n > 0);
    return encode_part(arg, p, n);
}

/* A piece of the pre-tokenizers that cut at lines only. */
static sk_status encode_line(void *arg, const char *p, size_t n)
{
    eng_encoder *c = arg;
    sk_status st = SK_OK;
    for (size_t len; n && !st; p += len, n -= len) {
        len = c->v->word_cuts ? eng_encoder_part(p, n) : n;
        st = encode_part(c, p, len);
    }
    return st;
}

/* Appends the ids of a text without special tokens. */
sk_status eng_encode_bpe(eng_encoder *c, const char *p, size_t n)
{
    if (!eng_pretok_get_traits(c->v->pretok).chars)
        return eng_pretok_split(c->v->pretok, p, n, encode_piece, c, c->e);
    if (!eng_encoder_spaces(c, &p, &n)) return eng_encoder_no_memory(c);
    return eng_pretok_split(c->v->pretok, p, n, encode_line, c, c->e);
}
