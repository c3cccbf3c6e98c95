/* held.c - what held-out documents cost a model.
 *
 * Several sequences are stepped at once.  Each has a sum of its own, in the order of its tokens,
 * and a document's is that of its sequences in their order, so that figures don't depend on what
 * goes together.
 */
#include "engine/eval/held.h"

#include "base/mem.h"
#include "engine/eval/held_seq.h"
#include "engine/infer/nll.h"

#include <assert.h>

/* Tokens of a step, bytes of its logits, and bytes of all sequences' caches if f32. */
#define STEP_TOKENS ((size_t)2048)
#define STEP_LOGITS ((size_t)128 << 20)
#define CACHE_BYTES ((size_t)512 << 20)

enum { SLOTS = 32 };

typedef struct held_run {
    eng_exec *x;
    const eng_held *h;
    const eng_held_opts *o;
    eng_session *s;
    size_t n_vocab, n_slots, rows_most;
    eng_step_item item[SLOTS];
    double nats[SLOTS]; /* of the sequences being run */
    eng_nll_row *row;   /* [STEP_TOKENS] of a step */
    eng_nll *nll;       /* likewise */
    size_t *of;         /* likewise: the item it belongs to */
    float *scratch;
    uint64_t done;
} held_run;

/* The next sequences that go together: as many as there are slots and a step has tokens. */
static size_t batch(const held_run *r, size_t first)
{
    size_t n = 0, tokens = 0;
    while (n < r->n_slots && first + n < r->h->n_seq) {
        tokens += r->h->seq[first + n].n - 1;
        if (n && tokens > STEP_TOKENS) break;
        n++;
    }
    return n;
}

/* Adds up what the tokens cost that follow the k items' rows. */
static void score(held_run *r, const eng_held_seq *seq, const size_t *slot, size_t k)
{
    size_t n = 0;
    const eng_held *h = r->h;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < r->item[i].n; j++) {
            size_t next = seq[slot[i]].at + r->item[i].pos + j + 1;
            assert(n < STEP_TOKENS && next < h->ids.n);
            if (!h->loss.id[next]) continue;
            r->of[n] = slot[i];
            r->row[n] =
                (eng_nll_row){r->item[i].logits + j * r->n_vocab, h->ids.id[next], &r->nll[n]};
            n++;
        }
    if (n) eng_nll_rows(r->x, r->row, n, r->n_vocab, r->scratch);
    for (size_t i = 0; i < n; i++)
        r->nats[r->of[i]] += r->nll[i].nll;
}

/* Steps n sequences from their beginning to their end, a piece of each at a time. */
static sk_status run_batch(held_run *r, const eng_held_seq *seq, size_t n, sk_err *e)
{
    assert(n && n <= r->n_slots);
    size_t slot[SLOTS], most = r->rows_most / n, left = 0;
    if (most > STEP_TOKENS / n) most = STEP_TOKENS / n;
    if (most < 1) most = 1;
    for (size_t i = 0; i < n; i++) {
        r->nats[i] = 0;
        if (seq[i].n - 1 > left) left = seq[i].n - 1;
    }
    for (size_t pos = 0; pos < left; pos += most) {
        size_t k = 0;
        for (size_t i = 0; i < n; i++) {
            size_t end = seq[i].n - 1;
            if (pos >= end) continue;
            slot[k] = i;
            r->item[k++] = (eng_step_item){.slot = (uint32_t)i,
                                           .pos = pos,
                                           .n = end - pos < most ? end - pos : most,
                                           .ids = r->h->ids.id + seq[i].at + pos,
                                           .want = ENG_WANT_ALL};
        }
        if (r->o->stop && r->o->stop(r->o->arg)) return sk_fail(e, SK_E_STOPPED, "stopped");
        sk_status st = eng_session_step(r->s, r->item, k, e);
        if (st) return st;
        score(r, seq, slot, k);
    }
    return SK_OK;
}

static sk_status run_all(held_run *r, eng_held_doc *out, sk_err *e)
{
    const eng_held *h = r->h;
    for (size_t i = 0; i < h->n_doc; i++)
        out[i] = h->doc[i];
    if (r->o->progress) r->o->progress(r->o->arg, 0, h->tokens);
    for (size_t at = 0; at < h->n_seq;) {
        size_t n = batch(r, at);
        sk_status st = run_batch(r, h->seq + at, n, e);
        if (st) return st;
        for (size_t i = 0; i < n; i++) {
            out[h->seq[at + i].doc].nats += r->nats[i];
            r->done += h->seq[at + i].n - 1;
        }
        at += n;
        if (r->o->progress) r->o->progress(r->o->arg, r->done, h->tokens);
    }
    return SK_OK;
}

/* Slots: as many as the caches' bytes allow. */
static size_t choose_slots(const eng_model_info *m, size_t n_ctx)
{
    size_t token =
        (size_t)2 * sizeof(float) * m->n_layer * m->n_kv_head * (m->head_dim ? m->head_dim : 1);
    size_t n = token ? CACHE_BYTES / token / n_ctx : SLOTS;
    return n < 1 ? 1 : n > SLOTS ? SLOTS : n;
}

static sk_status open_run(held_run *r, const eng_model *m, sk_err *e)
{
    eng_model_info info;
    eng_model_get_info(m, &info);
    assert(info.n_ctx >= r->h->n_ctx);
    if (info.encoder) return sk_fail(e, SK_E_UNSUPPORTED, "an encoder doesn't continue texts");
    r->n_vocab = info.n_vocab;
    r->n_slots = choose_slots(&info, r->h->n_ctx);
    r->rows_most = STEP_LOGITS / sizeof(float) / r->n_vocab;
    if (r->rows_most > STEP_TOKENS) r->rows_most = STEP_TOKENS;
    r->row = sk_calloc(SK_MEM_SCRATCH, STEP_TOKENS, sizeof *r->row);
    r->nll = sk_calloc(SK_MEM_SCRATCH, STEP_TOKENS, sizeof *r->nll);
    r->of = sk_calloc(SK_MEM_SCRATCH, STEP_TOKENS, sizeof *r->of);
    r->scratch = sk_alloc(SK_MEM_SCRATCH, eng_nll_scratch_bytes(r->x, r->n_vocab));
    if (!r->row || !r->nll || !r->of || !r->scratch)
        return sk_fail(e, SK_E_NOMEM, "no memory to measure documents");
    eng_session_opts so = {.n_slots = r->n_slots, .n_ctx = r->h->n_ctx, .max_step = STEP_TOKENS};
    return eng_session_open(r->x, m, &so, &r->s, e);
}

sk_status eng_held_run(eng_exec *x, const eng_model *m, const eng_held *h, const eng_held_opts *o,
                       eng_held_doc *out, sk_err *e)
{
    held_run r = {.x = x, .h = h, .o = o};
    sk_status st = open_run(&r, m, e);
    if (!st) st = run_all(&r, out, e);
    eng_session_close(r.s);
    sk_free(r.row);
    sk_free(r.nll);
    sk_free(r.of);
    sk_free(r.scratch);
    return st;
}
