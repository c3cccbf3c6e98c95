/* vocab.c - the vocabulary in memory: building it, encoding, and its small questions. */
#include "engine/token/vocab.h"

#include "base/mem.h"
#include "engine/token/bpe.h"
#include "engine/token/pretok.h"
#include "engine/token/special.h"
#include "engine/token/strindex.h"
#include "engine/token/vocab_build.h"

#include <assert.h>
#include <string.h>

struct eng_vocab {
    sk_arena *mem;
    size_t n, n_merges;
    eng_str *text;
    uint8_t *type;
    bool *whole; /* a piece of this token's bytes encodes to this token */
    bool *end;
    eng_bpe_merge *merge;
    eng_bpe bpe;
    eng_strindex normal;      /* normal tokens by their bytes */
    eng_special marks, users; /* control and user-defined tokens; the latter alone */
    uint32_t byte_id[256];    /* ENG_STRINDEX_NONE where there is none */
    bool lacks_bytes;
    eng_pretok *pretok;
    int32_t role[ENG_ROLE_N];
    bool add_bos, add_eos;
    char *chat_template;
    size_t chat_template_len;
};

/* Texts that end a turn or a text in the models there are: a model file does not name them all. */
static const char *const end_marks[] = {
    "<|endoftext|>", "<|im_end|>",
    "<|eot_id|>",    "<|eom_id|>",
    "<|end|>",       "<|end_of_text|>",
    "<|return|>",    "<|call|>",
    "<end_of_turn>", "<|end_of_turn|>",
    "<|eot|>",       "<\357\275\234end\342\226\201of\342\226\201sentence\357\275\234>",
};

/* True when the text is one of a list's. */
static bool listed(eng_str s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(list[i]) == s.n && memcmp(list[i], s.p, s.n) == 0) return true;
    return false;
}

static bool is_end_mark(eng_str s)
{
    return listed(s, end_marks, sizeof end_marks / sizeof end_marks[0]);
}

/* The type a token gets: what ends or begins a turn is control whatever the file says, so that text
 * from people can never become it. */
static uint8_t effective_type(eng_str s, uint8_t type)
{
    static const char *const opening[] = {"<|im_start|>", "<|start_header_id|>", "<start_of_turn>"};
    bool mark = is_end_mark(s) || listed(s, opening, sizeof opening / sizeof opening[0]);
    return mark && (type == ENG_TOKEN_NORMAL || type == ENG_TOKEN_USER) ? ENG_TOKEN_CONTROL : type;
}

/* Copies texts and types; false without memory. */
static bool copy_tokens(eng_vocab *v, const eng_vocab_parts *parts)
{
    v->n = parts->n;
    v->text = sk_new_n(v->mem, eng_str, v->n);
    v->type = sk_new_n(v->mem, uint8_t, v->n);
    v->whole = sk_new_n(v->mem, bool, v->n);
    v->end = sk_new_n(v->mem, bool, v->n);
    if (!v->text || !v->type || !v->whole || !v->end) return false;
    for (size_t i = 0; i < v->n; i++) {
        const char *p = sk_arena_strndup(v->mem, parts->text[i].p, parts->text[i].n);
        if (!p) return false;
        v->text[i] = (eng_str){p, parts->text[i].n};
        v->type[i] = effective_type(v->text[i], parts->type[i]);
    }
    return true;
}

/* Indexes the tokens: normal ones by bytes, the others as texts to look for; false without memory.
 */
static bool index_tokens(eng_vocab *v)
{
    if (!eng_strindex_init(&v->normal, v->mem, v->text, v->n)) return false;
    uint32_t *id = sk_alloc(SK_MEM_TOKEN, (v->n + 1) * sizeof *id);
    if (!id) return false;
    size_t n_users = 0, n_marks = 0;
    for (size_t i = 0; i < v->n; i++) {
        if (v->type[i] == ENG_TOKEN_NORMAL) eng_strindex_put(&v->normal, (uint32_t)i);
        if (v->type[i] == ENG_TOKEN_USER) id[n_users++] = (uint32_t)i;
    }
    bool ok = eng_special_init(&v->users, v->mem, v->text, id, n_users);
    for (size_t i = 0; i < v->n; i++)
        if (v->type[i] >= ENG_TOKEN_UNKNOWN && v->type[i] <= ENG_TOKEN_USER)
            id[n_marks++] = (uint32_t)i;
    ok = ok && eng_special_init(&v->marks, v->mem, v->text, id, n_marks);
    sk_free(id);
    return ok;
}

/* Finds the tokens of the bytes.  Vocabularies of real models lack some that no UTF-8 has. */
static void index_bytes(eng_vocab *v)
{
    for (unsigned b = 0; b < 256; b++) {
        char c = (char)b;
        v->byte_id[b] = eng_strindex_find(&v->normal, &c, 1);
        if (v->byte_id[b] == ENG_STRINDEX_NONE) v->lacks_bytes = true;
    }
}

/* Copies the merges and builds their table. */
static sk_status copy_merges(eng_vocab *v, const eng_vocab_parts *parts, sk_err *e)
{
    v->n_merges = parts->n_merges;
    v->merge = sk_new_n(v->mem, eng_bpe_merge, v->n_merges);
    if (!v->merge) return sk_fail(e, SK_E_NOMEM, "no memory for %zu merges", v->n_merges);
    for (size_t i = 0; i < v->n_merges; i++) {
        eng_bpe_merge m = parts->merge[i];
        if (m.a >= v->n || m.b >= v->n || m.c >= v->n)
            return sk_fail(e, SK_E_FORMAT, "merge %zu names a token past the last", i);
        v->merge[i] = m;
    }
    if (!eng_bpe_init(&v->bpe, v->mem, v->merge, v->n_merges))
        return sk_fail(e, SK_E_NOMEM, "no memory for %zu merges", v->n_merges);
    return SK_OK;
}

/* Finds out which normal tokens a piece of the same bytes encodes to, so that encoding can take
 * most words in one look-up.  Merging decides: a token no merge leads to is never taken, unless the
 * model takes whole pieces first. */
static bool find_whole(eng_vocab *v, bool always)
{
    enum { LONGEST = 1024 };
    uint32_t sym[LONGEST];
    eng_bpe_work work = {NULL, 0};
    bool ok = true;
    for (size_t i = 0; i < v->n && ok; i++) {
        size_t n = v->text[i].n;
        if (v->type[i] != ENG_TOKEN_NORMAL || !n) continue;
        v->whole[i] = always;
        if (always || n > LONGEST) continue;
        for (size_t k = 0; k < n; k++)
            sym[k] = v->byte_id[(unsigned char)v->text[i].p[k]];
        ok = eng_bpe_run(&v->bpe, &work, sym, &n);
        v->whole[i] = ok && n == 1 && sym[0] == i;
    }
    eng_bpe_work_fini(&work);
    return ok;
}

/* Roles, ends and the template. */
static sk_status copy_rest(eng_vocab *v, const eng_vocab_parts *parts, sk_err *e)
{
    for (int r = 0; r < ENG_ROLE_N; r++) {
        v->role[r] = parts->role[r];
        if (v->role[r] >= 0 && (size_t)v->role[r] >= v->n)
            return sk_fail(e, SK_E_FORMAT, "%s is %d, past the last of %zu tokens",
                           eng_token_role_key((eng_token_role)r), v->role[r], v->n);
        if (v->role[r] >= 0 && (r == ENG_ROLE_EOS || r == ENG_ROLE_EOT || r == ENG_ROLE_EOM))
            v->end[v->role[r]] = true;
    }
    for (size_t i = 0; i < v->n; i++)
        if (v->type[i] == ENG_TOKEN_CONTROL && is_end_mark(v->text[i])) v->end[i] = true;
    /* in the form that has <|return|>, <|end|> parts the messages of one turn */
    int32_t part = eng_vocab_special(v, "<|end|>");
    if (part >= 0 && eng_vocab_special(v, "<|return|>") >= 0) v->end[part] = false;
    v->add_eos = parts->add_eos;
    v->chat_template_len = parts->chat_template.n;
    v->chat_template = sk_arena_strndup(v->mem, parts->chat_template.p, parts->chat_template.n);
    return v->chat_template ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the chat template");
}

/* Fills a fresh object from the parts. */
static sk_status build(eng_vocab *v, const eng_vocab_parts *parts, sk_err *e)
{
    sk_status st = eng_pretok_open(parts->pretok, &v->pretok, e);
    if (st) return st;
    eng_pretok_traits traits = eng_pretok_get_traits(v->pretok);
    v->add_bos = parts->add_bos < 0 ? traits.add_bos : parts->add_bos > 0;
    if (!copy_tokens(v, parts) || !index_tokens(v))
        return sk_fail(e, SK_E_NOMEM, "no memory for %zu tokens", parts->n);
    index_bytes(v);
    st = copy_merges(v, parts, e);
    if (!st && !find_whole(v, traits.whole))
        st = sk_fail(e, SK_E_NOMEM, "no memory for %zu tokens", parts->n);
    return st ? st : copy_rest(v, parts, e);
}

/* Builds the vocabulary. */
sk_status eng_vocab_new(const eng_vocab_parts *parts, eng_vocab **out, sk_err *e)
{
    if (!parts->n || parts->n >= INT32_MAX)
        return sk_fail(e, SK_E_FORMAT, "a vocabulary of %zu tokens", parts->n);
    sk_status st = SK_E_NOMEM;
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    eng_vocab *v = mem ? sk_new(mem, eng_vocab) : NULL;
    if (!v) {
        sk_arena_free(mem);
        return sk_fail(e, st, "no memory for %zu tokens", parts->n);
    }
    v->mem = mem;
    st = build(v, parts, e);
    if (st)
        eng_vocab_close(v);
    else
        *out = v;
    return st;
}

/* Frees the vocabulary; NULL is allowed. */
void eng_vocab_close(eng_vocab *v)
{
    if (!v) return;
    eng_pretok_close(v->pretok);
    sk_arena_free(v->mem);
}

/* The parts of a vocabulary, borrowed from it. */
void eng_vocab_get_parts(const eng_vocab *v, eng_vocab_parts *out)
{
    *out = (eng_vocab_parts){.n = v->n,
                             .text = v->text,
                             .type = v->type,
                             .n_merges = v->n_merges,
                             .merge = v->merge,
                             .pretok = eng_pretok_name(v->pretok),
                             .add_bos = v->add_bos,
                             .add_eos = v->add_eos,
                             .chat_template = {v->chat_template, v->chat_template_len}};
    memcpy(out->role, v->role, sizeof out->role);
}

/* ---- encoding ---- */

/* One call's state; scratch grows with the longest piece. */
typedef struct encoder {
    const eng_vocab *v;
    eng_ids *out;
    eng_bpe_work work;
    uint32_t *sym;
    size_t cap;
    sk_err *e;
} encoder;

static sk_status no_memory(const encoder *c)
{
    return sk_fail(c->e, SK_E_NOMEM, "no memory to encode the text");
}

/* Takes symbols that stand for no token out of sym[0..n), or puts the unknown token there if the
 * model has one: as the models' own tokenizers do.  Returns what is left. */
static size_t drop_lacking(const eng_vocab *v, uint32_t *sym, size_t n)
{
    int32_t unknown = v->role[ENG_ROLE_UNKNOWN];
    size_t left = 0;
    for (size_t i = 0; i < n; i++)
        if (sym[i] != ENG_STRINDEX_NONE)
            sym[left++] = sym[i];
        else if (unknown >= 0)
            sym[left++] = (uint32_t)unknown;
    return left;
}

/* A piece that is no token: bytes to symbols, merged. */
static sk_status merge_piece(encoder *c, const char *p, size_t n)
{
    if (n >= (size_t)1 << 31)
        return sk_fail(c->e, SK_E_TOOBIG, "the text has a word of %zu bytes", n);
    if (n > c->cap) {
        uint32_t *sym = sk_alloc(SK_MEM_TOKEN, 2 * n * sizeof *sym);
        if (!sym) return no_memory(c);
        sk_free(c->sym);
        c->sym = sym;
        c->cap = 2 * n;
    }
    for (size_t i = 0; i < n; i++)
        c->sym[i] = c->v->byte_id[(unsigned char)p[i]];
    if (!eng_bpe_run(&c->v->bpe, &c->work, c->sym, &n)) return no_memory(c);
    if (c->v->lacks_bytes) n = drop_lacking(c->v, c->sym, n);
    /* ids are below INT32_MAX: both types write them the same */
    return eng_ids_add(c->out, (const int32_t *)c->sym, n) ? SK_OK : no_memory(c);
}

/* One piece of the pre-tokenizer. */
static sk_status encode_piece(void *arg, const char *p, size_t n)
{
    encoder *c = arg;
    assert(n > 0);
    uint32_t id = eng_strindex_find(&c->v->normal, p, n);
    if (id == ENG_STRINDEX_NONE || !c->v->whole[id]) return merge_piece(c, p, n);
    return eng_ids_push(c->out, (int32_t)id) ? SK_OK : no_memory(c);
}

/* The text with the tokens of `marks` in it taken as they are. */
static sk_status encode_text(encoder *c, const eng_special *marks, const char *text, size_t n)
{
    while (n) {
        size_t at;
        uint32_t id = eng_special_next(marks, text, n, &at);
        sk_status st = at ? eng_pretok_split(c->v->pretok, text, at, encode_piece, c, c->e) : SK_OK;
        if (st) return st;
        if (id == ENG_STRINDEX_NONE) break;
        if (!eng_ids_push(c->out, (int32_t)id)) return no_memory(c);
        size_t past = at + c->v->text[id].n;
        text += past;
        n -= past;
    }
    return SK_OK;
}

/* Appends the ids of text[0..n); on failure out is as it was. */
sk_status eng_vocab_encode(const eng_vocab *v, const char *text, size_t n, unsigned flags,
                           eng_ids *out, sk_err *e)
{
    encoder c = {v, out, {NULL, 0}, NULL, 0, e};
    size_t before = out->n;
    const eng_special *marks = flags & ENG_TOK_SPECIAL ? &v->marks : &v->users;
    int32_t bos = v->role[ENG_ROLE_BOS], eos = v->role[ENG_ROLE_EOS];
    sk_status st = SK_OK;
    if (flags & ENG_TOK_ADD && v->add_bos && bos >= 0 && !eng_ids_push(out, bos))
        st = no_memory(&c);
    if (!st) st = encode_text(&c, marks, text, n);
    if (!st && flags & ENG_TOK_ADD && v->add_eos && eos >= 0 && !eng_ids_push(out, eos))
        st = no_memory(&c);
    eng_bpe_work_fini(&c.work);
    sk_free(c.sym);
    if (st) out->n = before;
    return st;
}

/* ---- questions ---- */

size_t eng_vocab_size(const eng_vocab *v)
{
    return v->n;
}

/* The bytes of one token; of a special one only when asked for. */
const char *eng_vocab_piece(const eng_vocab *v, int32_t id, bool special, size_t *n)
{
    *n = 0;
    if (id < 0 || (size_t)id >= v->n) return "";
    uint8_t t = v->type[id];
    bool shown = t == ENG_TOKEN_NORMAL || t == ENG_TOKEN_USER || t == ENG_TOKEN_ALIEN;
    if (!shown && !special) return "";
    *n = v->text[id].n;
    return v->text[id].p;
}

/* Id of a special token by its text, -1 if there is none. */
int32_t eng_vocab_special(const eng_vocab *v, const char *text)
{
    if (!v->marks.n_len) return -1;
    uint32_t id = eng_strindex_find(&v->marks.index, text, strlen(text));
    return id == ENG_STRINDEX_NONE ? -1 : (int32_t)id;
}

bool eng_vocab_is_end(const eng_vocab *v, int32_t id)
{
    return id >= 0 && (size_t)id < v->n && v->end[id];
}

int32_t eng_vocab_bos(const eng_vocab *v)
{
    return v->role[ENG_ROLE_BOS];
}

int32_t eng_vocab_eos(const eng_vocab *v)
{
    return v->role[ENG_ROLE_EOS];
}

const char *eng_vocab_chat_template(const eng_vocab *v)
{
    return v->chat_template;
}
