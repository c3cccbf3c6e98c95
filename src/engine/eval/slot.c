/* slot.c - an item on its way through one sequence of a session. */
#include "engine/eval/slot.h"

#include <assert.h>

/* Tokens of the sequence that are to be stepped: the last of an option need not be, as nothing
 * follows it. */
static size_t total(const eng_slot *s, eng_suite_kind kind)
{
    return eng_suite_is_written(kind) ? s->prompt.ids.n : s->prompt.cut[s->k].n - 1;
}

/* The first position whose logits are needed. */
static size_t first_row(const eng_slot *s, eng_suite_kind kind)
{
    const eng_cut *q = &s->prompt.cut[s->k];
    if (eng_suite_is_written(kind)) return s->prompt.ids.n - 1;
    assert(q->first >= 1 && q->core >= 1); /* eng_prompt_make */
    return (q->first < q->core ? q->first : q->core) - 1;
}

/* Starts option k behind what the cache has of it. */
static void start_option(eng_slot *s, eng_suite_kind kind)
{
    assert(s->k < s->prompt.n);
    const int32_t *id = s->prompt.ids.id + s->prompt.cut[s->k].at;
    size_t most = first_row(s, kind);
    if (most > s->cache.n) most = s->cache.n;
    s->pos = 0;
    while (s->pos < most && s->cache.id[s->pos] == id[s->pos])
        s->pos++;
}

sk_status eng_slot_begin(eng_slot *s, size_t item, eng_suite_kind kind, sk_err *e)
{
    size_t n = s->prompt.ids.n;
    if (n > s->tok_cap) {
        eng_nll *tok = sk_realloc(SK_MEM_SCRATCH, s->tok, n * sizeof *tok);
        if (!tok) return sk_fail(e, SK_E_NOMEM, "no memory for %zu tokens", n);
        s->tok = tok;
        s->tok_cap = n;
    }
    sk_buf_reset(&s->text);
    s->busy = true;
    s->item = item;
    s->k = 0;
    start_option(s, kind);
    return SK_OK;
}

void eng_slot_plan(const eng_slot *s, eng_suite_kind kind, size_t most, size_t most_rows,
                   eng_step_item *it)
{
    size_t row = first_row(s, kind), end = total(s, kind);
    assert(most && most_rows && s->pos < end);
    bool rows = s->pos >= row;
    size_t n = (rows ? end : row) - s->pos;
    if (n > most) n = most;
    if (rows && n > most_rows) n = most_rows;
    it->pos = s->pos;
    it->n = n;
    it->ids = s->prompt.ids.id + s->prompt.cut[s->k].at + s->pos;
    it->want = rows ? ENG_WANT_ALL : ENG_WANT_NONE;
}

sk_status eng_slot_stepped(eng_slot *s, eng_suite_kind kind, size_t n_vocab,
                           const eng_step_item *it, eng_nll_row *row, size_t *n_rows, sk_err *e)
{
    assert(it->pos <= s->cache.n);
    s->cache.n = it->pos;
    if (!eng_ids_add(&s->cache, it->ids, it->n))
        return sk_fail(e, SK_E_NOMEM, "no memory for %zu tokens", it->pos + it->n);
    s->pos = it->pos + it->n;
    *n_rows = it->want == ENG_WANT_ALL ? it->n : 0;
    size_t at = s->prompt.cut[s->k].at + it->pos + 1;
    assert(eng_suite_is_written(kind) || at + *n_rows <= s->prompt.ids.n);
    for (size_t i = 0; i < *n_rows; i++) {
        const float *logits = it->logits + i * n_vocab;
        if (eng_suite_is_written(kind))
            row[i] = (eng_nll_row){logits, -1, &s->last};
        else
            row[i] = (eng_nll_row){logits, s->prompt.ids.id[at + i], &s->tok[at + i]};
    }
    return SK_OK;
}

bool eng_slot_is_through(const eng_slot *s, eng_suite_kind kind)
{
    return s->pos == total(s, kind);
}

bool eng_slot_next(eng_slot *s, eng_suite_kind kind)
{
    if (s->k + 1 == s->prompt.n) return false;
    s->k++;
    start_option(s, kind);
    return true;
}

void eng_slot_fini(eng_slot *s)
{
    eng_ids_fini(&s->cache);
    eng_prompt_fini(&s->prompt);
    sk_free(s->tok);
    sk_buf_fini(&s->text);
}
