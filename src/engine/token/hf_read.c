/* hf_read.c - collecting tokens and laying them out by id. */
#include "engine/token/hf_read.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Ids may have gaps, but not such that a small file makes a large table. */
enum { GAPS = 1 << 12 };

sk_status eng_hf_read_init(eng_hf_read *r, size_t n_vocab, sk_err *e)
{
    memset(r, 0, sizeof *r);
    r->e = e;
    r->n_vocab = n_vocab;
    r->unknown = r->charsmap = r->chat_template = (eng_str){"", 0};
    r->add_bos = r->add_eos = r->space_prefix = r->merge_spaces = -1;
    r->lower = r->strip_accents = r->ignore_merges = -1;
    for (int k = 0; k < ENG_ROLE_N; k++)
        r->role[k] = -1;
    r->mem = sk_arena_new(SK_MEM_TOKEN);
    return r->mem ? SK_OK : eng_hf_read_no_memory(r);
}

void eng_hf_read_fini(eng_hf_read *r)
{
    sk_buf_fini(&r->text);
    sk_buf_fini(&r->tokens);
    sk_buf_fini(&r->added);
    sk_buf_fini(&r->merges);
    sk_buf_fini(&r->merge_ends);
    while (r->n_maps)
        sk_map_close(&r->map[--r->n_maps]);
    sk_arena_free(r->mem);
    r->mem = NULL;
}

sk_status eng_hf_read_no_memory(eng_hf_read *r)
{
    return sk_fail(r->e, SK_E_NOMEM, "no memory to read the tokenizer");
}

/* Adds a token to the vocabulary. */
bool eng_hf_read_token(eng_hf_read *r, size_t at, int64_t id, uint8_t type, float score)
{
    if (id < 0 || id >= INT32_MAX) id = INT32_MAX; /* refused when they are laid out */
    eng_hf_token t = {at, r->text.len - at, (uint32_t)id, type, score};
    sk_buf_add(&r->tokens, &t, sizeof t);
    return sk_buf_ok(&r->tokens) && sk_buf_ok(&r->text);
}

/* Reads one member of an added token.  Flags are read by their first letter: true is the only
 * value that begins with t.  Of two contents the first counts, and the second is passed. */
static void read_added_member(eng_hf_read *r, eng_jscan *s, const char *key, eng_hf_added *a,
                              bool *content)
{
    struct {
        const char *key;
        bool *to;
    } flags[] = {{"special", &a->special}, {"lstrip", &a->left}, {"rstrip", &a->right}};
    for (size_t k = 0; k < sizeof flags / sizeof flags[0]; k++)
        if (strcmp(key, flags[k].key) == 0) *flags[k].to = eng_jscan_peek(s) == 't';
    if (strcmp(key, "content") == 0 && !*content) {
        a->at = r->text.len;
        *content = eng_jscan_string(s, &r->text);
        a->n = r->text.len - a->at;
    } else if (strcmp(key, "id") == 0) {
        (void)eng_jscan_int(s, &a->id);
    } else {
        (void)eng_jscan_skip(s, NULL);
    }
}

/* Reads an added token, whose id is the one given unless its object says another. */
bool eng_hf_read_added(eng_hf_read *r, eng_jscan *s, int64_t id)
{
    eng_hf_added a = {.id = id, .at = r->text.len};
    sk_buf key = SK_BUF_INIT;
    bool first = true, content = false;
    if (!eng_jscan_open(s, '{')) return false;
    while (eng_jscan_member(s, &first, &key))
        read_added_member(r, s, key.p, &a, &content);
    sk_buf_fini(&key);
    if (s->st) return false;
    if (!content) return eng_jscan_fail(s, "an added token without content");
    if (a.id < 0 || a.id >= INT32_MAX) return eng_jscan_fail(s, "an added token without an id");
    sk_buf_add(&r->added, &a, sizeof a);
    if (!sk_buf_ok(&r->added)) s->st = eng_hf_read_no_memory(r);
    return !s->st;
}

/* Added tokens that their files do not call special but that are markers by their looks. */
static bool looks_special(eng_str s)
{
    static const char *const texts[] = {"<pad>", "<mask>", "<2mass>", "[@BOS@]"};
    static const char *const frames[][2] = {
        {"<|", "|>"}, {"<\357\275\234", "\357\275\234>"}, {"<unused", ">"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (s.n == strlen(texts[i]) && memcmp(s.p, texts[i], s.n) == 0) return true;
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        size_t a = strlen(frames[i][0]), b = strlen(frames[i][1]);
        if (s.n >= a + b && memcmp(s.p, frames[i][0], a) == 0 &&
            memcmp(s.p + s.n - b, frames[i][1], b) == 0)
            return true;
    }
    return false;
}

/* The number of tokens: the model's, or what the ids come to.  Gaps are allowed, but bounded: an
 * id of two thousand million must not become an allocation. */
static sk_status count_tokens(eng_hf_read *r)
{
    const eng_hf_token *t = (const void *)r->tokens.p;
    const eng_hf_added *a = (const void *)r->added.p;
    size_t n_t = r->tokens.len / sizeof *t, n_a = r->added.len / sizeof *a, top = 0;
    for (size_t i = 0; i < n_t; i++)
        if (t[i].id + (size_t)1 > top) top = t[i].id + (size_t)1;
    if (r->n_vocab && top > r->n_vocab)
        return sk_fail(r->e, SK_E_FORMAT, "the tokenizer has token %zu, the model only %zu",
                       top - 1, r->n_vocab);
    for (size_t i = 0; i < n_a; i++)
        if ((size_t)a[i].id + 1 > top) top = (size_t)a[i].id + 1;
    if (r->n_vocab) top = r->n_vocab;
    if (!top || top > 2 * (n_t + n_a) + GAPS)
        return sk_fail(r->e, SK_E_FORMAT, "a tokenizer of %zu tokens with ids up to %zu", n_t + n_a,
                       top);
    r->n = top;
    return SK_OK;
}

/* s with every U+2581 a space, in r's memory; s itself where it has none.  s->p is NULL without
 * memory. */
static eng_str spaces_of(eng_hf_read *r, eng_str s)
{
    static const char mark[] = "\342\226\201";
    if (!memmem(s.p, s.n, mark, 3)) return s;
    char *p = sk_arena_alloc(r->mem, s.n);
    size_t n = 0;
    for (size_t k = 0; p && k < s.n; k++) {
        bool here = s.n - k >= 3 && memcmp(s.p + k, mark, 3) == 0;
        p[n++] = here ? ' ' : s.p[k];
        if (here) k += 2;
    }
    return (eng_str){p, n};
}

/* Puts the added tokens in their places; later ones count.  A user's token that is written with
 * U+2581 means spaces. */
static bool lay_out_added(eng_hf_read *r)
{
    const eng_hf_added *a = (const void *)r->added.p;
    for (size_t i = 0; i < r->added.len / sizeof *a; i++) {
        if ((size_t)a[i].id >= r->n) continue; /* beyond the model's embedding */
        eng_str s = {r->text.p + a[i].at, a[i].n};
        size_t id = (size_t)a[i].id;
        bool special = a[i].special || looks_special(s);
        if (!special) s = spaces_of(r, s);
        if (!s.p) return false;
        r->token[id] = s;
        if (r->type[id] != ENG_TOKEN_UNKNOWN && r->type[id] != ENG_TOKEN_BYTE)
            r->type[id] = special ? ENG_TOKEN_CONTROL : ENG_TOKEN_USER;
        r->strip[id] = (a[i].left ? ENG_STRIP_LEFT : 0) | (a[i].right ? ENG_STRIP_RIGHT : 0);
        r->any_strip |= r->strip[id] != 0;
    }
    return true;
}

/* Names the ids that have no token: unused ones, with a score that no other token has. */
static sk_status fill_gaps(eng_hf_read *r)
{
    enum { NAME = 24 };
    const float least = -10000;
    size_t gaps = 0;
    for (size_t i = 0; i < r->n; i++)
        gaps += !r->type[i];
    char *name = sk_arena_alloc(r->mem, gaps * NAME + 1);
    if (!name) return eng_hf_read_no_memory(r);
    for (size_t i = 0; i < r->n; i++) {
        if (r->type[i]) continue;
        int n = snprintf(name, NAME, "[PAD%zu]", i);
        r->token[i] = (eng_str){name, (size_t)n};
        r->type[i] = ENG_TOKEN_UNUSED;
        r->score[i] = least;
        name += NAME;
    }
    return SK_OK;
}

/* Puts the tokens in the order of their ids.  A type of 0 is an id without a token. */
sk_status eng_hf_read_lay_out(eng_hf_read *r)
{
    sk_status st = count_tokens(r);
    if (st) return st;
    r->token = sk_new_n(r->mem, eng_str, r->n);
    r->type = sk_new_n(r->mem, int32_t, r->n);
    r->score = sk_new_n(r->mem, float, r->n);
    r->strip = sk_new_n(r->mem, int32_t, r->n);
    if (!r->token || !r->type || !r->score || !r->strip) return eng_hf_read_no_memory(r);
    if (!sk_buf_reserve(&r->text, 1) ||
        !sk_buf_reserve(&r->merges, 1)) /* so that they are somewhere */
        return eng_hf_read_no_memory(r);
    const eng_hf_token *t = (const void *)r->tokens.p;
    for (size_t i = 0; i < r->tokens.len / sizeof *t; i++) {
        r->token[t[i].id] = (eng_str){r->text.p + t[i].at, t[i].n};
        r->type[t[i].id] = t[i].type;
        r->score[t[i].id] = t[i].score;
    }
    return lay_out_added(r) ? fill_gaps(r) : eng_hf_read_no_memory(r);
}

/* The id of a token by its text. */
int32_t eng_hf_read_find(const eng_hf_read *r, const char *p, size_t n)
{
    for (size_t i = 0; i < r->n && n; i++)
        if (r->token[i].n == n && memcmp(r->token[i].p, p, n) == 0) return (int32_t)i;
    return -1;
}

/* The text of a file of the folder. */
sk_status eng_hf_read_file(eng_hf_read *r, const char *folder, const char *name, eng_str *out)
{
    sk_buf path = SK_BUF_INIT;
    sk_err why = SK_ERR_INIT;
    assert(r->n_maps < sizeof r->map / sizeof r->map[0]);
    sk_map *map = &r->map[r->n_maps];
    *out = (eng_str){NULL, 0};
    sk_buf_addf(&path, "%s/%s", folder, name);
    if (!sk_buf_ok(&path)) return eng_hf_read_no_memory(r);
    sk_status st = sk_map_open(path.p, map, &why);
    sk_buf_fini(&path);
    if (st == SK_E_NOTFOUND) return SK_OK;
    if (st) return sk_fail(r->e, st, "%s", why.text);
    r->n_maps++;
    *out = (eng_str){(const char *)map->p, map->len};
    return SK_OK;
}
