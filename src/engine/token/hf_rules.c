/* hf_rules.c - what the parts of a tokenizer.json mean in the terms of a GGUF.
 *
 * What is not known is refused by name: ids that are nearly right are worth nothing.
 */
#include "engine/token/hf_json.h"

#include "engine/token/base64.h"
#include "engine/token/hf_pretok.h"

#include <string.h>

static sk_status unsupported(const eng_hf_json *f, const char *what, const char *name)
{
    return sk_fail(f->r->e, SK_E_UNSUPPORTED, "tokenizer.json: %s \"%.64s\" is not supported", what,
                   name);
}

static bool is(const eng_jnode *o, const char *type)
{
    return strcmp(eng_jtree_text(o, "type"), type) == 0;
}

/* The n-th part of a sequence under `key`; of a single one, itself. */
static const eng_jnode *part_of(const eng_jnode *o, const char *key, size_t i)
{
    if (is(o, "Sequence")) return eng_jtree_at(eng_jtree_get(o, key), i);
    return i || !o || o->kind != '{' ? NULL : o;
}

/* What a normaliser does that a vocabulary has a switch for. */
typedef struct rules {
    bool space_prefix, space_mark, merge_spaces, strip, other;
    const char *other_name;
} rules;

/* The unigram model's character map, out of its base64. */
static sk_status read_charsmap(eng_hf_json *f, const eng_jnode *o)
{
    eng_str *map = &f->r->charsmap;
    const char *s = eng_jtree_text(o, "precompiled_charsmap");
    char *room = sk_arena_alloc(f->r->mem, strlen(s) / 4 * 3 + 1);
    if (!room) return eng_hf_read_no_memory(f->r);
    if (!eng_base64_read(s, strlen(s), room, &map->n))
        return sk_fail(f->r->e, SK_E_FORMAT, "tokenizer.json: the character map is no base64");
    map->p = room;
    return SK_OK;
}

/* Takes one normaliser into account.  NFC is passed over: nothing here normalises, and text that is
 * in NFC already, as nearly all is, stays what it is. */
static sk_status add_normalizer(eng_hf_json *f, const eng_jnode *o, rules *u)
{
    static const char mark[] = "\342\226\201";
    const eng_jnode *pattern = eng_jtree_get(o, "pattern");
    const char *text = eng_jtree_text(pattern, "String");
    const char *regex = eng_jtree_text(pattern, "Regex");
    bool replace = is(o, "Replace"), to_mark = strcmp(eng_jtree_text(o, "content"), mark) == 0;
    if (is(o, "Precompiled")) return read_charsmap(f, o);
    if (is(o, "Prepend") && strcmp(eng_jtree_text(o, "prepend"), mark) == 0) {
        u->space_prefix = true;
    } else if (replace && strcmp(text, " ") == 0 && to_mark) {
        u->space_mark = true;
    } else if (replace && strcmp(regex, " {2,}") == 0) {
        u->merge_spaces = true;
    } else if (is(o, "Strip")) {
        u->strip = true;
    } else if (!is(o, "NFC")) {
        u->other = true;
        u->other_name = eng_jtree_text(o, "type");
    }
    return SK_OK;
}

/* All normalisers. */
static sk_status read_rules(eng_hf_json *f, rules *u)
{
    const eng_jnode *o;
    sk_status st = SK_OK;
    for (size_t i = 0; !st && (o = part_of(f->normalizer, "normalizers", i)); i++)
        st = add_normalizer(f, o, u);
    for (size_t i = 0; !st && (o = part_of(f->pre, "pretokenizers", i)); i++) {
        if (is(o, "WhitespaceSplit")) u->merge_spaces = true;
        if (!is(o, "Metaspace")) continue;
        const char *scheme = eng_jtree_text(o, "prepend_scheme");
        bool old = eng_jtree_flag(o, "add_prefix_space", 0);
        u->space_mark = true;
        u->space_prefix |= *scheme ? strcmp(scheme, "never") != 0 : old;
    }
    return st;
}

/* Byte-level BPE: the pre-tokenizer has a name. */
static sk_status byte_level(eng_hf_json *f)
{
    rules u = {0};
    eng_hf_read *r = f->r;
    sk_status st = read_rules(f, &u);
    if (st) return st;
    if (u.other || u.strip || u.space_mark || u.space_prefix)
        return unsupported(f, "with byte-level BPE the normalizer",
                           u.other   ? u.other_name
                           : u.strip ? "Strip"
                                     : "Prepend");
    r->model = "gpt2";
    r->ignore_merges = f->ignore_merges;
    return eng_hf_pretok_name(f->pre, f->ignore_merges, &r->pre, r->e);
}

/* Refuses pre-tokenizers that cut what SentencePiece would not; a Split at spaces of which the
 * normaliser left none (Gemma) does nothing. */
static sk_status check_cuts(eng_hf_json *f)
{
    const eng_jnode *o;
    for (size_t i = 0; (o = part_of(f->pre, "pretokenizers", i)); i++) {
        const char *at = eng_jtree_text(eng_jtree_get(o, "pattern"), "String");
        if (is(o, "Metaspace") || is(o, "WhitespaceSplit")) continue;
        if (is(o, "Split") && strcmp(at, " ") == 0) continue;
        return unsupported(f, "with this model the pre-tokenizer", eng_jtree_text(o, "type"));
    }
    return SK_OK;
}

/* The name of a rule that does not go with BPE on characters, NULL if there is none. */
static const char *foreign_rule(const rules *u, bool charsmap)
{
    if (u->other) return u->other_name;
    if (u->strip) return "Strip";
    if (u->merge_spaces) return "Replace";
    return charsmap ? "Precompiled" : NULL;
}

/* BPE on characters: SentencePiece's, by scores; or merges by rank where that is not the same. */
static sk_status on_characters(eng_hf_json *f)
{
    rules u = {0};
    bool all = false;
    eng_hf_read *r = f->r;
    sk_status st = read_rules(f, &u);
    if (st) return st;
    const char *foreign = foreign_rule(&u, r->charsmap.n > 0);
    if (foreign) return unsupported(f, "with BPE on characters the normalizer", foreign);
    if (!u.space_mark) return unsupported(f, "BPE without ByteLevel or", "Metaspace");
    st = check_cuts(f);
    if (!st) st = eng_hf_json_score(f, &all);
    if (st) return st;
    if (!all && u.space_prefix)
        return unsupported(f, "BPE with other merges than SentencePiece's and", "Prepend");
    r->model = all ? "llama" : "gemma4";
    r->pre = all ? "default" : "gemma4";
    r->scores = all;
    r->space_prefix = u.space_prefix;
    if (all) sk_buf_fini(&r->merge_ends);
    return SK_OK;
}

/* Byte tokens "<0xAB>" get their type. */
static void mark_bytes(eng_hf_json *f)
{
    for (size_t i = 0; i < f->r->n && f->byte_fallback; i++) {
        eng_str t = f->r->token[i];
        if (t.n == 6 && memcmp(t.p, "<0x", 3) == 0 && t.p[5] == '>') f->r->type[i] = ENG_TOKEN_BYTE;
    }
}

/* The id of a token named by a JSON string; its type becomes `unknown` unless it has another. */
static void mark_unknown(eng_hf_json *f)
{
    eng_hf_read *r = f->r;
    const char *s = eng_jtree_str(f->unk);
    int32_t id = s ? eng_hf_read_find(r, s, strlen(s)) : -1;
    if (f->unk_id >= 0 && f->unk_id < (int64_t)r->n) id = (int32_t)f->unk_id;
    if (id < 0) return;
    r->role[ENG_ROLE_UNKNOWN] = id;
    if (strcmp(r->model, "gpt2") != 0 && strcmp(r->model, "bert") != 0)
        r->type[id] = ENG_TOKEN_UNKNOWN;
}

static sk_status read_bpe(eng_hf_json *f)
{
    const char *prefix = eng_jtree_str(f->prefix), *suffix = eng_jtree_str(f->suffix);
    if (prefix && *prefix) return unsupported(f, "BPE with the prefix", prefix);
    if (suffix && *suffix) return unsupported(f, "BPE with the suffix", suffix);
    mark_bytes(f);
    return eng_hf_pretok_has(f->pre, "ByteLevel") ? byte_level(f) : on_characters(f);
}

static sk_status read_unigram(eng_hf_json *f)
{
    rules u = {0};
    eng_hf_read *r = f->r;
    sk_status st = read_rules(f, &u);
    if (st) return st;
    if (u.other) return unsupported(f, "with Unigram the normalizer", u.other_name);
    if (!u.space_mark) return unsupported(f, "Unigram without", "Metaspace");
    st = check_cuts(f);
    if (st) return st;
    mark_bytes(f);
    r->model = "t5";
    r->pre = "default";
    r->scores = true;
    r->space_prefix = u.space_prefix;
    r->merge_spaces = u.merge_spaces;
    return SK_OK;
}

/* Texts of the tokens in a GGUF's way: what goes on a word loses its "##", what begins one gets
 * U+2581 in front. */
static sk_status turn_prefixes(eng_hf_read *r)
{
    for (size_t i = 0; i < r->n; i++) {
        eng_str *t = &r->token[i];
        if (r->type[i] == ENG_TOKEN_CONTROL || r->type[i] == ENG_TOKEN_UNUSED) continue;
        if (t->n >= 2 && memcmp(t->p, "##", 2) == 0) {
            *t = (eng_str){t->p + 2, t->n - 2};
            continue;
        }
        char *p = sk_arena_alloc(r->mem, t->n + 3);
        if (!p) return eng_hf_read_no_memory(r);
        memcpy(p, "\342\226\201", 3);
        if (t->n) memcpy(p + 3, t->p, t->n);
        *t = (eng_str){p, t->n + 3};
    }
    return SK_OK;
}

/* BERT's: "##x" goes on, others begin a word. */
static sk_status read_wordpiece(eng_hf_json *f)
{
    eng_hf_read *r = f->r;
    const eng_jnode *n = f->normalizer;
    const char *prefix = eng_jtree_str(f->prefix);
    if (!is(n, "BertNormalizer"))
        return unsupported(f, "with WordPiece the normalizer", eng_jtree_text(n, "type"));
    if (!is(f->pre, "BertPreTokenizer"))
        return unsupported(f, "with WordPiece the pre-tokenizer", eng_jtree_text(f->pre, "type"));
    if (!eng_jtree_flag(n, "handle_chinese_chars", 1))
        return unsupported(f, "BertNormalizer with", "handle_chinese_chars false");
    if (prefix && strcmp(prefix, "##") != 0)
        return unsupported(f, "WordPiece with the prefix", prefix);
    r->model = "bert";
    r->pre = "default";
    r->lower = eng_jtree_flag(n, "lowercase", 1);
    r->strip_accents = eng_jtree_flag(n, "strip_accents", r->lower);
    return turn_prefixes(r);
}

/* A special token by its text in a post-processor: to the role, and to be added. */
static void add_special(eng_hf_json *f, const char *s, eng_token_role role, int *add)
{
    int32_t id = s ? eng_hf_read_find(f->r, s, strlen(s)) : -1;
    if (id < 0) return;
    *add = 1;
    if (f->r->role[role] < 0) f->r->role[role] = id;
}

/* The last token, which in BERT's models is the separator too. */
static void add_last(eng_hf_json *f, const char *s)
{
    add_special(f, s, ENG_ROLE_EOS, &f->r->add_eos);
    if (strcmp(f->r->model, "bert") == 0) add_special(f, s, ENG_ROLE_SEPARATOR, &f->r->add_eos);
}

/* What is added at the ends of a text: templates, and the two older forms. */
static void read_post(eng_hf_json *f, const eng_jnode *o)
{
    eng_hf_read *r = f->r;
    if (is(o, "TemplateProcessing")) {
        const eng_jnode *single = eng_jtree_get(o, "single");
        size_t n = eng_jtree_size(single);
        const eng_jnode *head = eng_jtree_get(eng_jtree_at(single, 0), "SpecialToken");
        const eng_jnode *tail = eng_jtree_get(eng_jtree_at(single, n - 1), "SpecialToken");
        r->add_bos = r->add_eos = 0;
        add_special(f, eng_jtree_str(eng_jtree_get(head, "id")), ENG_ROLE_BOS, &r->add_bos);
        if (n > 1) add_last(f, eng_jtree_str(eng_jtree_get(tail, "id")));
    } else if (is(o, "RobertaProcessing") || is(o, "BertProcessing")) {
        const eng_jnode *cls = eng_jtree_get(o, "cls"), *sep = eng_jtree_get(o, "sep");
        add_special(f, eng_jtree_str(eng_jtree_at(cls, 0)), ENG_ROLE_BOS, &r->add_bos);
        add_last(f, eng_jtree_str(eng_jtree_at(sep, 0)));
    }
}

/* What is read once all lists are. */
sk_status eng_hf_json_interpret(eng_hf_json *f)
{
    sk_status st = SK_OK;
    const eng_jnode *o;
    if (strcmp(f->type, "BPE") == 0 || (!*f->type && f->merges.p))
        st = read_bpe(f);
    else if (strcmp(f->type, "Unigram") == 0)
        st = read_unigram(f);
    else if (strcmp(f->type, "WordPiece") == 0)
        st = read_wordpiece(f);
    else
        st = unsupported(f, "the model", f->type);
    if (st) return st;
    mark_unknown(f);
    for (size_t i = 0; (o = part_of(f->post, "processors", i)); i++)
        read_post(f, o);
    return SK_OK;
}
