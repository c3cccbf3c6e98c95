/* hf_score.c - merges of a tokenizer.json as the scores of SentencePiece's BPE, if they are that.
 */
#include "engine/token/hf_json.h"

#include "engine/token/strindex.h"

#include <string.h>

/* The token that merge i makes, its text "a b" at p[0..n); ENG_STRINDEX_NONE where one of the three
 * is no normal token (a user's token is found before any merge).  `join` is scratch. */
static sk_status merge_target(eng_hf_read *r, const eng_strindex *ix, size_t i, eng_str s,
                              sk_buf *join, uint32_t *out)
{
    const char *gap = memchr(s.p, ' ', s.n);
    *out = ENG_STRINDEX_NONE;
    if (!gap) return sk_fail(r->e, SK_E_FORMAT, "tokenizer.json: merge %zu is no pair", i);
    size_t left = (size_t)(gap - s.p), right = s.n - left - 1;
    sk_buf_reset(join);
    sk_buf_add(join, s.p, left);
    sk_buf_add(join, gap + 1, right);
    if (!sk_buf_ok(join)) return eng_hf_read_no_memory(r);
    if (!join->len) return SK_OK;
    bool parts = eng_strindex_find(ix, s.p, left) != ENG_STRINDEX_NONE &&
                 eng_strindex_find(ix, gap + 1, right) != ENG_STRINDEX_NONE;
    if (parts) *out = eng_strindex_find(ix, join->p, join->len);
    return SK_OK;
}

/* Gives each token that a merge makes the place of its first merge as a score; *kept is the
 * number of merges that make normal tokens, *grouped says that those of a token stand together.
 * A later merge of the same token does not change its score: merging always takes the first that
 * applies. */
static sk_status score_merges(eng_hf_read *r, const eng_strindex *ix, size_t *kept, bool *grouped)
{
    const size_t *end = (const void *)r->merge_ends.p;
    size_t n = r->merge_ends.len / sizeof *end, from = 0;
    uint32_t before = ENG_STRINDEX_NONE, c;
    sk_buf join = SK_BUF_INIT;
    sk_status st = SK_OK;
    *kept = 0;
    *grouped = true;
    for (size_t i = 0; i < n && !st; from = end[i++]) {
        eng_str s = {r->merges.p + from, end[i] - from};
        st = merge_target(r, ix, i, s, &join, &c);
        if (st || c == ENG_STRINDEX_NONE) continue;
        if (c != before && r->score[c] != 0) *grouped = false;
        if (c != before) r->score[c] = -(float)(i + 1);
        before = c;
        ++*kept;
    }
    sk_buf_fini(&join);
    return st;
}

/* How many ways there are to make normal tokens of two; SIZE_MAX when a token is longer than any
 * model's, which would take quadratic time. */
static size_t count_splits(const eng_hf_read *r, const eng_strindex *ix)
{
    enum { LONGEST = 1024 };
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        eng_str t = r->token[i];
        if (t.n > LONGEST) return SIZE_MAX;
        for (size_t k = 1; k < t.n && r->type[i] == ENG_TOKEN_NORMAL; k++)
            n += ((unsigned char)t.p[k] & 0xc0) != 0x80 &&
                 eng_strindex_find(ix, t.p, k) != ENG_STRINDEX_NONE &&
                 eng_strindex_find(ix, t.p + k, t.n - k) != ENG_STRINDEX_NONE;
    }
    return n;
}

/* Gives the tokens scores by their merges. */
sk_status eng_hf_json_score(eng_hf_json *f, bool *all)
{
    eng_hf_read *r = f->r;
    eng_strindex ix;
    size_t kept;
    if (!eng_strindex_init(&ix, r->mem, r->token, r->n)) return eng_hf_read_no_memory(r);
    for (size_t i = 0; i < r->n; i++)
        if (r->type[i] == ENG_TOKEN_NORMAL) eng_strindex_put(&ix, (uint32_t)i);
    sk_status st = score_merges(r, &ix, &kept, all);
    if (!st) *all = *all && kept == count_splits(r, &ix);
    return st;
}
