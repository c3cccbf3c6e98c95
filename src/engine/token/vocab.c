/* vocab.c - the vocabulary in memory: building it, and its small questions. */
#include "engine/token/vocab_core.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Texts that end a turn or a text in the models there are: a model file does not name them all.
 * A token of such a text is control whatever its file says. */
static const char *const end_marks[] = {
    "<|endoftext|>", "<|im_end|>",
    "<|eot_id|>",    "<|eom_id|>",
    "<|end|>",       "<|end_of_text|>",
    "<|return|>",    "<|call|>",
    "<|calls|>",     "<|flush|>",
    "<end_of_turn>", "<|end_of_turn|>",
    "<|eot|>",       "<end_of_utterance>",
    "<turn|>",       "<|tool_response>",
    "[e~[",          "<\357\275\234end\342\226\201of\342\226\201sentence\357\275\234>",
};

/* Texts that end too where they are control tokens or a user's; as normal tokens they may be words.
 */
static const char *const end_words[] = {
    "</s>",   "<eos>",       "[EOS]",         "[EOT]",        "<EOT>",
    "_<EOT>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
};

/* Texts that open a turn, always control, and those that mark parts of a code file, if a user's. */
static const char *const open_marks[] = {"<|im_start|>", "<|start_header_id|>", "<start_of_turn>",
                                         "<|turn>"};
static const char *const code_marks[] = {
    "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<PRE>",        "<|code_prefix|>",
    "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<SUF>",        "<|code_suffix|>",
    "<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<MID>",        "<|code_middle|>",
    "<fim-pad>",      "<fim_pad>",    "<PAD>",        "<|fim_repo|>", "<fim-repo>",
    "<REPO>",         "<reponame>",
};

#define LISTED(s, list) listed((s), (list), sizeof(list) / sizeof *(list))

/* True when the text is one of a list's. */
static bool listed(eng_str s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(list[i]) == s.n && memcmp(list[i], s.p, s.n) == 0) return true;
    return false;
}

/* The type a token gets: what ends or begins a turn is control whatever the file says, so that text
 * from people can never become it. */
static uint8_t effective_type(eng_str s, uint8_t type)
{
    if (type != ENG_TOKEN_NORMAL && type != ENG_TOKEN_USER) return type;
    bool mark = LISTED(s, end_marks) || LISTED(s, open_marks) ||
                (type == ENG_TOKEN_USER && (LISTED(s, end_words) || LISTED(s, code_marks)));
    return mark ? ENG_TOKEN_CONTROL : type;
}

/* True for types that a text without special tokens can become. */
static bool plain_type(const eng_vocab *v, uint8_t type)
{
    return type == ENG_TOKEN_NORMAL || (v->kind != ENG_VOCAB_BPE && type == ENG_TOKEN_UNUSED) ||
           (v->kind == ENG_VOCAB_UGM && type == ENG_TOKEN_USER);
}

/* Copies texts to one block, a NUL behind each; false without memory. */
static bool copy_texts(eng_vocab *v, const eng_vocab_parts *parts)
{
    size_t bytes = 0;
    for (size_t i = 0; i < v->n; i++)
        bytes += parts->text[i].n + 1;
    char *p = sk_arena_alloc(v->mem, bytes);
    if (!p) return false;
    for (size_t i = 0; i < v->n; i++) {
        eng_str s = parts->text[i];
        if (s.n) memcpy(p, s.p, s.n);
        p[s.n] = 0;
        v->text[i] = (eng_str){p, s.n};
        p += s.n + 1;
    }
    assert(p == v->text[0].p + bytes); /* no vocabulary is empty */
    return true;
}

/* Copies texts and types; false without memory. */
static bool copy_tokens(eng_vocab *v, const eng_vocab_parts *parts)
{
    v->n = parts->n;
    v->text = sk_new_n(v->mem, eng_str, v->n);
    v->type = sk_new_n(v->mem, uint8_t, v->n);
    v->whole = sk_new_n(v->mem, bool, v->n);
    v->end = sk_new_n(v->mem, bool, v->n);
    if (!v->text || !v->type || !v->whole || !v->end || !copy_texts(v, parts)) return false;
    for (size_t i = 0; i < v->n; i++) {
        v->type[i] = effective_type(v->text[i], parts->type[i]);
        if (plain_type(v, v->type[i]) && v->text[i].n > v->longest) v->longest = v->text[i].n;
    }
    return true;
}

/* The numbers of the tokens with types in [low, high] into id; returns how many. */
static size_t of_types(const eng_vocab *v, uint8_t low, uint8_t high, uint32_t *id)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++)
        if (v->type[i] >= low && v->type[i] <= high) id[n++] = (uint32_t)i;
    return n;
}

/* Builds the sets of special tokens, and that of the others where encoding walks one.  id has room
 * for all tokens.  False without memory. */
static bool index_sets(eng_vocab *v, uint32_t *id)
{
    size_t n = of_types(v, ENG_TOKEN_USER, ENG_TOKEN_USER, id);
    if (!eng_special_init(&v->users, v->mem, v->text, id, n)) return false;
    n = of_types(v, ENG_TOKEN_UNKNOWN, ENG_TOKEN_USER, id);
    if (!eng_special_init(&v->marks, v->mem, v->text, id, n)) return false;
    if (v->kind != ENG_VOCAB_UGM && v->kind != ENG_VOCAB_WPM) return true;
    n = 0;
    for (size_t i = 0; i < v->n; i++)
        if (plain_type(v, v->type[i])) id[n++] = (uint32_t)i;
    return eng_prefix_init(&v->tokens, v->mem, v->text, id, n);
}

/* Indexes the tokens by their texts; false without memory. */
static bool index_tokens(eng_vocab *v)
{
    uint32_t *id = sk_alloc(SK_MEM_TOKEN, (v->n + 1) * sizeof *id);
    bool ok = id && index_sets(v, id);
    sk_free(id);
    if (!ok || v->kind == ENG_VOCAB_UGM) return ok;
    if (!eng_strindex_init(&v->normal, v->mem, v->text, v->n)) return false;
    for (size_t i = 0; i < v->n; i++)
        if (plain_type(v, v->type[i])) eng_strindex_put(&v->normal, (uint32_t)i);
    return true;
}

/* Finds the tokens of the bytes: those of that type, in a byte-level vocabulary the normal ones.
 * Vocabularies of real models lack some that no UTF-8 has. */
static void index_bytes(eng_vocab *v, bool byte_level)
{
    for (unsigned b = 0; b < 256; b++) {
        char c = (char)b;
        v->byte_id[b] = byte_level ? eng_strindex_find(&v->normal, &c, 1) : ENG_NO_TOKEN;
    }
    for (size_t i = 0; i < v->n && !byte_level; i++)
        if (v->type[i] == ENG_TOKEN_BYTE && v->text[i].n == 1)
            v->byte_id[(unsigned char)v->text[i].p[0]] = (uint32_t)i;
    for (unsigned b = 0; b < 256; b++)
        if (v->byte_id[b] == ENG_NO_TOKEN) v->lacks_bytes = true;
}

/* True when no token has a space behind another character. */
static bool words_apart(const eng_vocab *v)
{
    for (size_t i = 0; i < v->n; i++) {
        if (!plain_type(v, v->type[i])) continue;
        for (size_t k = 1; k < v->text[i].n; k++)
            if (v->text[i].p[k] == ' ' && v->text[i].p[k - 1] != ' ') return false;
    }
    return true;
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

/* True for tokens that models of these traits take whole, before any merge: all of them, or runs
 * of line feeds. */
static bool taken_whole(eng_pretok_traits traits, eng_str s)
{
    if (traits.whole) return true;
    return traits.newlines && s.p[0] == '\n' && strspn(s.p, "\n") == s.n;
}

/* Finds out which normal tokens a piece of the same bytes encodes to, so that encoding can take
 * most words in one look-up.  Merging decides: a token no merge leads to is never taken, unless the
 * model takes whole pieces first. */
static bool find_whole(eng_vocab *v, eng_pretok_traits traits)
{
    enum { LONGEST = 1024 };
    uint32_t sym[LONGEST];
    eng_bpe_work work = {NULL, 0};
    bool ok = true;
    for (size_t i = 0; i < v->n && ok; i++) {
        size_t n = v->text[i].n;
        if (v->type[i] != ENG_TOKEN_NORMAL || !n) continue;
        v->whole[i] = taken_whole(traits, v->text[i]);
        if (v->whole[i] || n > LONGEST) continue;
        n = eng_bpe_symbols(v, v->text[i].p, n, sym);
        ok = eng_bpe_run(&v->bpe, &work, sym, &n);
        v->whole[i] = ok && n == 1 && sym[0] == i;
    }
    eng_bpe_work_fini(&work);
    return ok;
}

/* What merging by rank needs. */
static sk_status build_bpe(eng_vocab *v, const eng_vocab_parts *parts, sk_err *e)
{
    sk_status st = eng_pretok_open(parts->pretok, &v->pretok, e);
    if (st) return st;
    eng_pretok_traits traits = eng_pretok_get_traits(v->pretok);
    if (parts->whole >= 0) traits.whole = parts->whole > 0;
    v->whole_first = traits.whole;
    v->add_bos = parts->add_bos < 0 ? traits.add_bos : parts->add_bos > 0;
    v->add_bos |= traits.add_bos && traits.chars; /* their files often say the wrong thing */
    v->add_eos = parts->add_eos > 0;
    index_bytes(v, !traits.chars);
    v->word_cuts = words_apart(v);
    st = copy_merges(v, parts, e);
    if (!st && !find_whole(v, traits))
        st = sk_fail(e, SK_E_NOMEM, "no memory for %zu tokens", parts->n);
    return st;
}

/* Copies the scores; false without memory. */
static bool copy_scores(eng_vocab *v, const eng_vocab_parts *parts)
{
    v->score = sk_new_n(v->mem, float, v->n);
    for (size_t i = 0; v->score && parts->score && i < v->n; i++) {
        assert(!isnan(parts->score[i]));
        v->score[i] = parts->score[i];
    }
    return v->score != NULL;
}

static int by_score(const void *a, const void *b, void *arg)
{
    const float *score = arg;
    float x = score[*(const uint32_t *)a], y = score[*(const uint32_t *)b];
    return (x < y) - (x > y);
}

/* Ranks the tokens by score for SentencePiece's BPE; false without memory. */
static bool build_spm(eng_vocab *v, const eng_vocab_parts *parts)
{
    v->add_bos = parts->add_bos != 0;
    v->add_eos = parts->add_eos > 0;
    v->space_prefix = parts->space_prefix != 0;
    index_bytes(v, false);
    v->word_cuts = words_apart(v);
    v->order = sk_new_n(v->mem, uint32_t, v->n);
    uint32_t *id = sk_alloc(SK_MEM_TOKEN, v->n * sizeof *id);
    if (!v->order || !id || !copy_scores(v, parts)) {
        sk_free(id);
        return false;
    }
    for (size_t i = 0; i < v->n; i++)
        id[i] = (uint32_t)i;
    qsort_r(id, v->n, sizeof *id, by_score, v->score);
    uint32_t rank = 0;
    for (size_t i = 0; i < v->n; i++) {
        assert(!i || v->score[id[i]] <= v->score[id[i - 1]]);
        if (i && v->score[id[i]] < v->score[id[i - 1]]) rank++;
        v->order[id[i]] = rank;
    }
    sk_free(id);
    return true;
}

/* The unigram model's scores and character map. */
static sk_status build_ugm(eng_vocab *v, const eng_vocab_parts *parts, sk_err *e)
{
    const double unknown_penalty = 10;
    v->add_bos = parts->add_bos > 0;
    v->add_eos = parts->add_eos != 0;
    v->space_prefix = parts->space_prefix > 0;
    v->merge_spaces = parts->merge_spaces;
    index_bytes(v, false);
    char *map = sk_arena_strndup(v->mem, parts->charsmap.p, parts->charsmap.n);
    if (!copy_scores(v, parts) || !map)
        return sk_fail(e, SK_E_NOMEM, "no memory for %zu tokens", parts->n);
    double least = INFINITY;
    for (size_t i = 0; i < v->n; i++)
        if (v->type[i] == ENG_TOKEN_NORMAL && (double)v->score[i] < least)
            least = (double)v->score[i];
    v->unknown_score = (isinf(least) ? 0 : least) - unknown_penalty;
    v->charsmap_blob = (eng_str){map, parts->charsmap.n};
    return eng_charsmap_init(&v->charsmap, v->charsmap_blob, e);
}

/* BERT's switches. */
static void build_wpm(eng_vocab *v, const eng_vocab_parts *parts)
{
    v->add_bos = v->add_sep = true; /* whatever a file says: these models know no other texts */
    v->lower = parts->lower;
    v->strip_accents = parts->strip_accents;
    index_bytes(v, false);
}

/* Ids of the roles; those that end an answer are marked as ends. */
static sk_status copy_roles(eng_vocab *v, const eng_vocab_parts *parts, sk_err *e)
{
    static const eng_token_role ends[] = {ENG_ROLE_EOS, ENG_ROLE_EOT, ENG_ROLE_EOM};
    for (int r = 0; r < ENG_ROLE_N; r++) {
        v->role[r] = parts->role[r];
        if (v->role[r] >= 0 && (size_t)v->role[r] >= v->n)
            return sk_fail(e, SK_E_FORMAT, "%s is %d, past the last of %zu tokens",
                           eng_token_role_key((eng_token_role)r), v->role[r], v->n);
    }
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (v->role[ends[i]] >= 0) v->end[v->role[ends[i]]] = true;
    return SK_OK;
}

/* Marks the control tokens that end an answer by their texts: files name one EOS, but models are
 * trained to end turns in others too.  Where there is <|return|> or <|flush|>, <|end|> parts the
 * messages of one turn and ends nothing. */
static void mark_ends(eng_vocab *v)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->type[i] == ENG_TOKEN_CONTROL &&
            (LISTED(v->text[i], end_marks) || LISTED(v->text[i], end_words)))
            v->end[i] = true;
    int32_t part = eng_vocab_special(v, "<|end|>");
    if (part < 0) return;
    if (eng_vocab_special(v, "<|return|>") >= 0 || eng_vocab_special(v, "<|flush|>") >= 0)
        v->end[part] = false;
}

/* Roles, ends and the template. */
static sk_status copy_rest(eng_vocab *v, const eng_vocab_parts *parts, sk_err *e)
{
    sk_status st = copy_roles(v, parts, e);
    if (st) return st;
    mark_ends(v);
    v->chat_template_len = parts->chat_template.n;
    v->chat_template = sk_arena_strndup(v->mem, parts->chat_template.p, parts->chat_template.n);
    if (parts->strip) v->strip = sk_arena_alloc(v->mem, v->n);
    if (!v->chat_template || (parts->strip && !v->strip))
        return sk_fail(e, SK_E_NOMEM, "no memory for the chat template");
    if (parts->strip) memcpy(v->strip, parts->strip, v->n);
    return SK_OK;
}

/* Fills a fresh object from the parts. */
static sk_status build(eng_vocab *v, const eng_vocab_parts *parts, sk_err *e)
{
    sk_status st = SK_OK;
    v->kind = parts->kind;
    if (!copy_tokens(v, parts) || !index_tokens(v))
        return sk_fail(e, SK_E_NOMEM, "no memory for %zu tokens", parts->n);
    if (v->kind == ENG_VOCAB_BPE)
        st = build_bpe(v, parts, e);
    else if (v->kind == ENG_VOCAB_UGM)
        st = build_ugm(v, parts, e);
    else if (v->kind == ENG_VOCAB_WPM)
        build_wpm(v, parts);
    else if (!build_spm(v, parts))
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
    *out = (eng_vocab_parts){.kind = v->kind,
                             .n = v->n,
                             .text = v->text,
                             .type = v->type,
                             .score = v->score,
                             .strip = v->strip,
                             .n_merges = v->n_merges,
                             .merge = v->merge,
                             .pretok = v->pretok ? eng_pretok_name(v->pretok) : NULL,
                             .whole = v->whole_first,
                             .add_bos = v->add_bos,
                             .add_eos = v->add_eos,
                             .add_sep = v->add_sep,
                             .space_prefix = v->space_prefix,
                             .merge_spaces = v->merge_spaces,
                             .lower = v->lower,
                             .strip_accents = v->strip_accents,
                             .charsmap = v->charsmap_blob,
                             .chat_template = {v->chat_template, v->chat_template_len}};
    memcpy(out->role, v->role, sizeof out->role);
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
    bool shown = t == ENG_TOKEN_NORMAL || t == ENG_TOKEN_USER || t >= ENG_TOKEN_BYTE;
    if (!shown && !special) return "";
    *n = v->text[id].n;
    return v->text[id].p;
}

/* Id of a special token by its text, -1 if there is none. */
int32_t eng_vocab_special(const eng_vocab *v, const char *text)
{
    uint32_t id = eng_special_find(&v->marks, text, strlen(text));
    return id == ENG_NO_TOKEN ? -1 : (int32_t)id;
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
