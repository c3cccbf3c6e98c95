/* run.c - a suite through a model: several items at once, each in a sequence of a session.
 *
 * A slot that is done with its item takes the next one, so a step is full of pieces of different
 * items: contexts, options, tokens of answers.  What a token's logits are does not depend on that,
 * and sums are made in the order of the items, so results are the same for any number of slots.
 */
#include "base/mem.h"
#include "engine/eval/slot.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Tokens of a step, bytes of its logits, and bytes of all slots' caches if f32. */
#define STEP_TOKENS ((size_t)2048)
#define STEP_LOGITS ((size_t)128 << 20)
#define CACHE_BYTES ((size_t)512 << 20)

enum { SLOTS = 32, SLOTS_MAX = 256 };

typedef struct run {
    eng_exec *x;
    const eng_eval_opts *o;
    const eng_suite *s;
    eng_model_info info;
    eng_prompts prompts;
    eng_session *session;
    size_t n, next, done, flushed;    /* items; next to begin; done; with their line handed over */
    size_t n_ctx, n_slots, most_rows; /* most_rows: of a step with logits */
    eng_score *score;                 /* [n] */
    sk_buf *line;                     /* [n] NULL unless lines are wanted */
    eng_slot *slot;                   /* [n_slots] */
    eng_step_item *item;              /* [n_slots] of a step */
    eng_slot **of;                    /* [n_slots] the slot of each item of a step */
    eng_nll_row *row;                 /* [STEP_TOKENS] */
    float *scratch;
    size_t right;
    uint64_t tokens;
    eng_prompt *fit; /* scratch of the first walk */
} run;

/* ---- items that are done ---- */

/* Hands over the lines that are next in order. */
static sk_status flush(run *r, sk_err *e)
{
    for (; r->line && r->flushed < r->n; r->flushed++) {
        sk_buf *b = &r->line[r->flushed];
        if (r->score[r->flushed].tried && !b->p) return SK_OK;
        if (b->p) {
            sk_status st = r->o->line(r->o->arg, b->p, b->len, e);
            if (st) return st;
        }
        sk_buf_fini(b);
    }
    return SK_OK;
}

static sk_status not_finite(const run *r, const eng_suite_item *it, sk_err *e)
{
    return sk_fail(e, SK_E_CORRUPT, "%s:%zu: the model gives no finite logits", r->s->name,
                   it->line);
}

/* Scores the item in a slot and frees the slot. */
static sk_status finish(run *r, eng_slot *s, sk_err *e)
{
    const eng_suite_item *it = &r->s->item[s->item];
    eng_score *sc = &r->score[s->item];
    sk_buf *line = r->line ? &r->line[s->item] : NULL;
    if (eng_suite_is_written(r->s->kind)) {
        const char *text = s->text.p ? s->text.p : "";
        sk_status st = SK_OK;
        if (r->s->kind == ENG_SUITE_ANSWER)
            eng_score_answer(it, text, sc);
        else
            st = eng_score_reply(it, text, sc, e);
        if (st) return st;
        if (line) eng_score_answer_line(it, &s->prompt, text, sc, line);
    } else {
        if (!eng_score_options(r->s, it, &s->prompt, s->tok, sc)) return not_finite(r, it, e);
        if (line) eng_score_line(it, &s->prompt, s->tok, sc, line);
    }
    s->busy = false;
    r->right += sc->right;
    r->done++;
    if (line && !sk_buf_ok(line)) return sk_fail(e, SK_E_NOMEM, "no memory for an item's line");
    return flush(r, e);
}

/* ---- answers ---- */

/* Where the model began to ask itself the next question: the end of its answer. */
static bool cut_question(sk_buf *text)
{
    char *at = text->p ? strstr(text->p, "Question:") : NULL;
    if (!at) return false;
    text->len = (size_t)(at - text->p);
    *at = 0;
    return true;
}

/* Appends the likeliest token to an answer; *ended: it ends there. */
static sk_status write_token(run *r, eng_slot *s, bool *ended, sk_err *e)
{
    const eng_model *m = r->prompts.m;
    if (s->last.best < 0) return not_finite(r, &r->s->item[s->item], e);
    *ended = true;
    if (eng_model_is_end(m, s->last.best)) return SK_OK;
    size_t n, before = s->text.len;
    const char *piece = eng_model_piece(m, s->last.best, &n);
    sk_buf_add(&s->text, piece, n);
    if (!sk_buf_ok(&s->text) || !eng_ids_push(&s->prompt.ids, s->last.best))
        return sk_fail(e, SK_E_NOMEM, "no memory for an answer");
    for (size_t i = before; i < s->text.len; i++)
        if (!s->text.p[i]) s->text.p[i] = ' ';
    size_t written = s->prompt.ids.n - s->prompt.cut[0].n;
    bool asked = r->s->kind == ENG_SUITE_ANSWER && !r->o->chat;
    *ended = (asked && cut_question(&s->text)) || written == r->o->n_answer ||
             s->prompt.ids.n > r->n_ctx;
    return SK_OK;
}

/* ---- steps ---- */

/* Gives free slots the next items. */
static sk_status fill(run *r, sk_err *e)
{
    for (size_t i = 0; i < r->n_slots; i++) {
        eng_slot *s = &r->slot[i];
        while (r->next < r->n && !r->score[r->next].tried)
            r->next++;
        if (s->busy || r->next == r->n) continue;
        sk_status st = eng_prompt_make(&r->prompts, r->next, &s->prompt, e);
        if (!st) st = eng_slot_begin(s, r->next, r->s->kind, e);
        if (st) return st;
        r->next++;
    }
    return SK_OK;
}

/* The pieces of a step: as much of each slot as there is room for. */
static size_t plan(run *r)
{
    size_t n = 0, most = STEP_TOKENS, rows = r->most_rows;
    for (size_t i = 0; i < r->n_slots && most && rows; i++) {
        if (!r->slot[i].busy) continue;
        eng_step_item *it = &r->item[n];
        *it = (eng_step_item){.slot = (uint32_t)i};
        eng_slot_plan(&r->slot[i], r->s->kind, most, rows, it);
        most -= it->n;
        if (it->want == ENG_WANT_ALL) rows -= it->n;
        r->of[n++] = &r->slot[i];
    }
    return n;
}

/* Moves a slot on that has come to the end of what it was to compute. */
static sk_status move_on(run *r, eng_slot *s, sk_err *e)
{
    if (!eng_slot_is_through(s, r->s->kind)) return SK_OK;
    bool ended = false;
    if (eng_suite_is_written(r->s->kind)) {
        sk_status st = write_token(r, s, &ended, e);
        if (st || !ended) return st;
    } else if (eng_slot_next(s, r->s->kind)) {
        return SK_OK;
    }
    return finish(r, s, e);
}

/* One step of the session, and what follows from its logits. */
static sk_status step(run *r, sk_err *e)
{
    size_t n = plan(r), n_rows = 0;
    assert(n);
    if (r->o->stop && r->o->stop(r->o->arg)) return sk_fail(e, SK_E_STOPPED, "stopped");
    sk_status st = eng_session_step(r->session, r->item, n, e);
    for (size_t i = 0; !st && i < n; i++) {
        size_t rows = 0;
        st = eng_slot_stepped(r->of[i], r->s->kind, r->info.n_vocab, &r->item[i], r->row + n_rows,
                              &rows, e);
        n_rows += rows;
        r->tokens += r->item[i].n;
    }
    if (!st) eng_nll_rows(r->x, r->row, n_rows, r->info.n_vocab, r->scratch);
    for (size_t i = 0; !st && i < n; i++)
        st = move_on(r, r->of[i], e);
    return st;
}

static sk_status run_all(run *r, size_t n_fit, sk_err *e)
{
    if (r->o->progress) r->o->progress(r->o->arg, 0, n_fit, NAN);
    while (r->done < n_fit) {
        size_t before = r->done;
        sk_status st = fill(r, e);
        if (!st) st = step(r, e);
        if (st) return st;
        if (r->o->progress && r->done > before)
            r->o->progress(r->o->arg, r->done, n_fit, (double)r->right / (double)r->done);
    }
    return flush(r, e);
}

/* ---- opening ---- */

/* Positions that item p needs in a cache, but for tokens that are to be written. */
static size_t positions(const run *r, const eng_prompt *p)
{
    size_t most = 0;
    if (eng_suite_is_written(r->s->kind)) return p->cut[0].n;
    for (size_t k = 0; k < p->n; k++)
        if (p->cut[k].n - 1 > most) most = p->cut[k].n - 1;
    return most;
}

/* Makes every prompt once, to see which fit the model's context and how long a cache must be. */
static sk_status measure(run *r, size_t *n_fit, sk_err *e)
{
    *n_fit = 0;
    for (size_t i = 0; i < r->n; i++) {
        sk_status st = eng_prompt_make(&r->prompts, i, r->fit, e);
        if (st) return st;
        size_t need = positions(r, r->fit);
        r->score[i].tried = need <= r->info.n_ctx;
        *n_fit += r->score[i].tried;
        if (r->score[i].tried && need > r->n_ctx) r->n_ctx = need;
    }
    if (!*n_fit)
        return sk_fail(e, SK_E_INVALID,
                       "%s: none of the %zu items fits the model's context of %u tokens",
                       r->s->name, r->n, r->info.n_ctx);
    if (eng_suite_is_written(r->s->kind)) r->n_ctx += r->o->n_answer - 1;
    if (r->n_ctx > r->info.n_ctx) r->n_ctx = r->info.n_ctx;
    return SK_OK;
}

/* Slots: what was asked for, or as many as the caches' bytes allow. */
static size_t choose_slots(const run *r, size_t n_fit)
{
    size_t token = (size_t)2 * sizeof(float) * r->info.n_layer * r->info.n_kv_head *
                   (r->info.head_dim ? r->info.head_dim : 1);
    size_t n = token ? CACHE_BYTES / token / r->n_ctx : SLOTS;
    if (n > SLOTS) n = SLOTS;
    if (r->o->n_slots) n = r->o->n_slots;
    if (n > n_fit) n = n_fit;
    return n < 1 ? 1 : n;
}

static sk_status open_session(run *r, size_t n_fit, sk_err *e)
{
    r->n_slots = choose_slots(r, n_fit);
    r->most_rows = STEP_LOGITS / sizeof(float) / r->info.n_vocab;
    if (r->most_rows < 1) r->most_rows = 1;
    r->slot = sk_calloc(SK_MEM_SCRATCH, r->n_slots, sizeof *r->slot);
    r->item = sk_calloc(SK_MEM_SCRATCH, r->n_slots, sizeof *r->item);
    r->of = sk_calloc(SK_MEM_SCRATCH, r->n_slots, sizeof *r->of);
    r->row = sk_calloc(SK_MEM_SCRATCH, STEP_TOKENS, sizeof *r->row);
    r->scratch = sk_alloc(SK_MEM_SCRATCH, eng_nll_scratch_bytes(r->x, r->info.n_vocab));
    if (!r->slot || !r->item || !r->of || !r->row || !r->scratch)
        return sk_fail(e, SK_E_NOMEM, "no memory for %zu sequences", r->n_slots);
    eng_session_opts so = {.n_slots = r->n_slots, .n_ctx = r->n_ctx, .max_step = STEP_TOKENS};
    so.kv_type = r->o->kv_type;
    return eng_session_open(r->x, r->prompts.m, &so, &r->session, e);
}

static sk_status check(const run *r, sk_err *e)
{
    if (r->info.encoder)
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "an encoder doesn't continue texts, so it has no "
                       "likelihoods of them");
    if (r->o->n_slots > SLOTS_MAX)
        return sk_fail(e, SK_E_INVALID, "%zu sequences at once are more than %d", r->o->n_slots,
                       SLOTS_MAX);
    if (eng_suite_is_written(r->s->kind) && !r->o->n_answer)
        return sk_fail(e, SK_E_INVALID, "an answer must be allowed at least one token");
    return SK_OK;
}

static sk_status alloc_items(run *r, sk_err *e)
{
    r->score = sk_calloc(SK_MEM_SCRATCH, r->n, sizeof *r->score);
    r->fit = sk_calloc(SK_MEM_SCRATCH, 1, sizeof *r->fit);
    if (r->o->line) r->line = sk_calloc(SK_MEM_SCRATCH, r->n, sizeof *r->line);
    if (!r->score || !r->fit || (r->o->line && !r->line))
        return sk_fail(e, SK_E_NOMEM, "no memory for %zu items", r->n);
    return SK_OK;
}

static void run_fini(run *r)
{
    eng_session_close(r->session);
    for (size_t i = 0; r->slot && i < r->n_slots; i++)
        eng_slot_fini(&r->slot[i]);
    for (size_t i = 0; r->line && i < r->n; i++)
        sk_buf_fini(&r->line[i]);
    if (r->fit) eng_prompt_fini(r->fit);
    sk_free(r->fit);
    sk_free(r->score);
    sk_free(r->line);
    sk_free(r->slot);
    sk_free(r->item);
    sk_free(r->of);
    sk_free(r->row);
    sk_free(r->scratch);
}

/* *out is set when every item is scored: a mean over some of them would be taken for the whole. */
sk_status eng_eval_run(eng_exec *x, const eng_model *m, const eng_suite *s, const eng_eval_opts *o,
                       eng_eval *out, sk_err *e)
{
    run r = {.x = x, .o = o, .s = s, .n = o->limit && o->limit < s->n ? o->limit : s->n};
    size_t n_fit = 0;
    r.prompts = (eng_prompts){
        .m = m, .s = s, .shots = o->shots, .seed = o->seed, .delimiter = o->delimiter};
    r.prompts.chat = o->chat;
    eng_model_get_info(m, &r.info);
    sk_status st = check(&r, e);
    if (!st) st = eng_prompts_init(&r.prompts, e);
    if (!st) st = alloc_items(&r, e);
    if (!st) st = measure(&r, &n_fit, e);
    if (!st) st = open_session(&r, n_fit, e);
    if (!st) st = run_all(&r, n_fit, e);
    if (!st) {
        eng_score_sum(s->kind, r.score, r.n, out);
        out->tokens = r.tokens;
    }
    run_fini(&r);
    return st;
}
