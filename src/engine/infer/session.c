/* session.c - sequences being continued: checks what a step is asked, lends the decoder the cache.
 */
#include "engine/infer/session.h"

#include "engine/infer/disk.h"
#include "engine/infer/kv.h"
#include "engine/model/decoder.h"
#include "engine/model/lora.h"
#include "engine/model/model.h"

#include <assert.h>

/* Most slots a session may have, and tokens a step. */
#define MAX_SLOTS ((size_t)1 << 16)
#define MAX_STEP ((size_t)1 << 20)

struct eng_session {
    const eng_model *m;
    eng_session_opts o;
    eng_kv *kv;
    eng_disk *disk; /* NULL: beginnings are kept in memory only */
    eng_decoder *dec;
    sk_arena *arena;
    size_t *len;       /* [n_slots] tokens in the cache */
    uint64_t *used_in; /* [n_slots] number of the last step the slot was in */
    uint64_t n_steps;
    const eng_lora **lora; /* [n_slots] adapters */
    eng_seq *seq;          /* [n_slots] */
    float *out;            /* [out_floats] logits or states of a step */
    size_t out_floats;
};

/* The door and the pool speak of the same pages. */
_Static_assert(ENG_KV_PAGE == ENG_PAGE_TOKENS, "");

/* ---- open and close ---- */

static sk_status check_opts(const eng_model *m, const eng_session_opts *o, sk_err *e)
{
    if (o->n_slots < 1 || o->n_slots > MAX_SLOTS)
        return sk_fail(e, SK_E_INVALID, "a session has 1 to %zu slots, not %zu", MAX_SLOTS,
                       o->n_slots);
    if (o->n_ctx < 1 || o->n_ctx > m->cfg.n_ctx)
        return sk_fail(e, SK_E_INVALID, "a context of %zu tokens was asked for; the model has %u",
                       o->n_ctx, m->cfg.n_ctx);
    if (o->max_step < 1 || o->max_step > MAX_STEP)
        return sk_fail(e, SK_E_INVALID, "a step takes 1 to %zu tokens, not %zu", MAX_STEP,
                       o->max_step);
    return SK_OK;
}

/* Room for `rows` rows of logits or states; what was there before is lost. */
static sk_status grow_out(eng_session *s, size_t rows, size_t width, sk_err *e)
{
    size_t floats = 0, bytes = 0;
    float *p = NULL;
    if (sk_mul_size(rows, width, &floats) && floats <= s->out_floats) return SK_OK;
    if (sk_mul_size(rows, width * sizeof(float), &bytes)) p = sk_alloc(SK_MEM_SCRATCH, bytes);
    if (!p)
        return sk_fail(e, SK_E_NOMEM,
                       "no memory for the logits or states of %zu tokens (%zu bytes)", rows, bytes);
    sk_free(s->out);
    s->out = p;
    s->out_floats = floats;
    return SK_OK;
}

/* The cache of a session. */
static eng_kv_opts kv_opts(const eng_model *m, const eng_session_opts *o)
{
    return (eng_kv_opts){.n_slots = o->n_slots,
                         .n_ctx = o->n_ctx,
                         .n_tokens = o->kv_tokens,
                         .max_step = o->max_step,
                         .type = o->kv_type,
                         .prefix = o->prefix && !m->cfg.encoder};
}

/* Allocates what a session needs besides the decoder's scratch. */
static sk_status alloc_session(eng_session *s, sk_err *e)
{
    size_t n = s->o.n_slots;
    s->arena = sk_arena_new(SK_MEM_SCRATCH);
    if (!s->arena || !(s->len = sk_new_n(s->arena, size_t, n)) ||
        !(s->used_in = sk_new_n(s->arena, uint64_t, n)) ||
        !(s->lora = sk_arena_calloc(s->arena, n, sizeof(*s->lora))) ||
        !(s->seq = sk_new_n(s->arena, eng_seq, n)))
        return sk_fail(e, SK_E_NOMEM, "no memory for %zu slots", n);
    eng_kv_opts ko = kv_opts(s->m, &s->o);
    sk_status st = eng_kv_open(&s->m->cfg, &ko, &s->kv, e);
    if (!st && s->o.prefix_disk)
        st = eng_disk_open(s->m, s->kv, &ko, s->o.prefix_disk, s->o.prefix_disk_most, &s->disk, e);
    if (st || s->m->cfg.encoder) return st;
    return grow_out(s, n < s->o.max_step ? n : s->o.max_step, s->m->cfg.n_vocab, e);
}

/* KV cache, logits for one token a slot, and the decoder's scratch. */
sk_status eng_session_open(eng_exec *x, const eng_model *m, const eng_session_opts *o,
                           eng_session **out, sk_err *e)
{
    sk_status st = check_opts(m, o, e);
    if (st) return st;
    eng_session *s = sk_calloc(SK_MEM_SCRATCH, 1, sizeof(*s));
    if (!s) return sk_fail(e, SK_E_NOMEM, "no memory for a session");
    s->m = m;
    s->o = *o;
    size_t most_seqs = o->n_slots < o->max_step ? o->n_slots : o->max_step;
    st = alloc_session(s, e);
    if (!st) st = eng_decoder_open(x, m, o->max_step, most_seqs, o->n_ctx, &s->dec, e);
    for (uint32_t i = 0; i < o->n_slots && !st && o->lora; i++)
        st = eng_session_adapt(s, i, o->lora, e);
    if (st) {
        eng_session_close(s);
        return st;
    }
    *out = s;
    return SK_OK;
}

void eng_session_close(eng_session *s)
{
    if (!s) return;
    eng_decoder_close(s->dec);
    eng_disk_close(s->disk);
    eng_kv_close(s->kv);
    sk_arena_free(s->arena);
    sk_free(s->out);
    sk_free(s);
}

uint64_t eng_session_kv_bytes(const eng_session *s)
{
    return eng_kv_bytes(s->kv);
}

size_t eng_session_len(const eng_session *s, uint32_t slot)
{
    assert(slot < s->o.n_slots);
    return s->len[slot];
}

void eng_session_watch(eng_session *s, const eng_watch *w)
{
    eng_decoder_watch(s->dec, w);
}

sk_status eng_session_adapt(eng_session *s, uint32_t slot, const eng_lora *l, sk_err *e)
{
    if (slot >= s->o.n_slots)
        return sk_fail(e, SK_E_INVALID, "slot %u of a session with %zu", slot, s->o.n_slots);
    if (l && !eng_lora_fits(l, s->m))
        return sk_fail(e, SK_E_INVALID, "the adapter was opened for another model");
    sk_status st = l ? eng_decoder_reserve(s->dec, eng_lora_rank(l), e) : SK_OK;
    if (st) return st;
    eng_session_end(s, slot, NULL, 0);
    s->lora[slot] = l;
    return SK_OK;
}

/* ---- pages ---- */

sk_status eng_session_kv_need(const eng_model *m, const eng_session_opts *o, uint64_t *bytes,
                              sk_err *e)
{
    eng_kv_opts ko = kv_opts(m, o);
    sk_status st = check_opts(m, o, e);
    return st ? st : eng_kv_measure(&m->cfg, &ko, bytes, e);
}

/* Tokens of a slot, with the adapter that makes them what they are. */
static eng_pages_seq seq_of(const eng_session *s, uint32_t slot, const int32_t *ids, size_t n)
{
    assert(slot < s->o.n_slots);
    return (eng_pages_seq){s->lora[slot], ids, n};
}

/* The slot changes: what is being read for it does not fit any more. */
static void fetch_no_more(eng_session *s, uint32_t slot)
{
    if (s->disk) eng_disk_cancel(s->disk, slot);
}

sk_status eng_session_begin(eng_session *s, uint32_t slot, const int32_t *ids, size_t n,
                            size_t n_all, size_t *n_held, sk_err *e)
{
    if (slot >= s->o.n_slots)
        return sk_fail(e, SK_E_INVALID, "slot %u of a session with %zu", slot, s->o.n_slots);
    if (!n || n > n_all || n_all > s->o.n_ctx)
        return sk_fail(e, SK_E_INVALID, "%zu tokens of %zu do not begin a sequence of at most %zu",
                       n, n_all, s->o.n_ctx);
    eng_pages_seq q = seq_of(s, slot, ids, n);
    size_t held = 0;
    s->len[slot] = 0;
    fetch_no_more(s, slot);
    sk_status st = eng_pages_begin(eng_kv_pages(s->kv), slot, &q, n_all, &held, e);
    if (st) return st;
    *n_held = s->len[slot] = held;
    return SK_OK;
}

sk_status eng_session_extend(eng_session *s, uint32_t slot, size_t n_all)
{
    assert(slot < s->o.n_slots);
    if (n_all > s->o.n_ctx) return SK_E_INVALID;
    return eng_pages_extend(eng_kv_pages(s->kv), slot, n_all);
}

bool eng_session_fetch(eng_session *s, uint32_t slot, const int32_t *ids, size_t n)
{
    assert(slot < s->o.n_slots);
    return s->disk && !s->lora[slot] && eng_disk_fetch(s->disk, slot, ids, n, s->len[slot]);
}

size_t eng_session_arrive(eng_session *s, uint32_t slot, const int32_t *ids, size_t most,
                          bool *more)
{
    assert(slot < s->o.n_slots);
    *more = false;
    if (s->disk) s->len[slot] = eng_disk_arrive(s->disk, slot, ids, s->len[slot], most, more);
    return s->len[slot];
}

void eng_session_listen(eng_session *s, void (*fn)(void *arg), void *arg)
{
    if (s->disk) eng_disk_listen(s->disk, fn, arg);
}

size_t eng_session_adopt(eng_session *s, uint32_t slot, const int32_t *ids, size_t n)
{
    eng_pages_seq q = seq_of(s, slot, ids, n);
    fetch_no_more(s, slot);
    if (s->len[slot] % ENG_PAGE_TOKENS == 0)
        s->len[slot] = eng_pages_adopt(eng_kv_pages(s->kv), slot, &q, s->len[slot]);
    return s->len[slot];
}

void eng_session_share(eng_session *s, uint32_t slot, const int32_t *ids, size_t n)
{
    eng_pages_seq q = seq_of(s, slot, ids, n);
    assert(n <= s->len[slot]);
    eng_pages_share(eng_kv_pages(s->kv), slot, &q);
}

void eng_session_end(eng_session *s, uint32_t slot, const int32_t *ids, size_t n)
{
    eng_pages_seq q = seq_of(s, slot, ids, n);
    assert(n <= s->len[slot]);
    fetch_no_more(s, slot);
    eng_pages_end(eng_kv_pages(s->kv), slot, n ? &q : NULL);
    s->len[slot] = 0;
}

void eng_session_forget(eng_session *s, const eng_lora *l)
{
    eng_pages_forget(eng_kv_pages(s->kv), l);
}

eng_kv_usage eng_session_kv_usage(const eng_session *s)
{
    eng_pages_usage u = eng_pages_used(eng_kv_pages(s->kv));
    return (eng_kv_usage){u.all, u.held, u.kept, u.promised};
}

/* ---- a step ---- */

/* One item by itself: slot, position, length, ids. */
static sk_status check_item(const eng_session *s, const eng_step_item *it, sk_err *e)
{
    if (it->slot >= s->o.n_slots)
        return sk_fail(e, SK_E_INVALID, "slot %u of a session with %zu", it->slot, s->o.n_slots);
    if (!it->n || !it->ids)
        return sk_fail(e, SK_E_INVALID, "slot %u is stepped without tokens", it->slot);
    if (it->pos > s->len[it->slot])
        return sk_fail(e, SK_E_INVALID, "slot %u is stepped at position %zu but holds %zu tokens",
                       it->slot, it->pos, s->len[it->slot]);
    if (!eng_pages_reaches(eng_kv_pages(s->kv), it->slot, it->pos))
        return sk_fail(e, SK_E_INVALID,
                       "slot %u cannot go back to position %zu: what its windowed layers would see "
                       "there has been given back",
                       it->slot, it->pos);
    if (it->n > s->o.n_ctx || it->pos > s->o.n_ctx - it->n)
        return sk_fail(e, SK_E_INVALID, "%zu tokens at position %zu pass the context of %zu", it->n,
                       it->pos, s->o.n_ctx);
    if ((int)it->want < ENG_WANT_NONE || it->want > ENG_WANT_STATES)
        return sk_fail(e, SK_E_INVALID, "slot %u wants unknown logits (%d)", it->slot,
                       (int)it->want);
    if (s->m->cfg.encoder && it->want != ENG_WANT_STATES && it->want != ENG_WANT_NONE)
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "a model of the architecture %s gives vectors of texts, no text",
                       s->m->cfg.arch);
    if (s->m->cfg.encoder && it->pos)
        return sk_fail(e, SK_E_INVALID, "a text must reach this model as a whole");
    for (size_t i = 0; i < it->n; i++)
        if (it->ids[i] < 0 || (uint32_t)it->ids[i] >= s->m->cfg.n_vocab)
            return sk_fail(e, SK_E_INVALID, "token id %d; the vocabulary has %u", it->ids[i],
                           s->m->cfg.n_vocab);
    return SK_OK;
}

static size_t rows_wanted(const eng_step_item *it)
{
    if (it->want == ENG_WANT_ALL || it->want == ENG_WANT_STATES) return it->n;
    return it->want == ENG_WANT_LAST ? 1 : 0;
}

/* All items: each good, slots different, not too many tokens.  *n_out: rows of logits. */
static sk_status check_step(eng_session *s, const eng_step_item *item, size_t n, size_t *n_out,
                            sk_err *e)
{
    size_t tokens = 0, rows = 0, lack = 0, near = 0;
    const eng_pages *pages = eng_kv_pages(s->kv);
    s->n_steps++;
    for (size_t i = 0; i < n; i++) {
        sk_status st = check_item(s, &item[i], e);
        if (st) return st;
        if (s->used_in[item[i].slot] == s->n_steps)
            return sk_fail(e, SK_E_INVALID, "slot %u comes twice in a step", item[i].slot);
        s->used_in[item[i].slot] = s->n_steps;
        if (i && (item[i].want == ENG_WANT_STATES) != (item[0].want == ENG_WANT_STATES))
            return sk_fail(e, SK_E_INVALID, "a step gives either logits or states");
        tokens += item[i].n;
        rows += rows_wanted(&item[i]);
        lack += eng_pages_lack(pages, item[i].slot, item[i].pos, item[i].n);
        near += eng_pages_near_lack(pages, item[i].slot, item[i].pos, item[i].n);
        if (tokens > s->o.max_step)
            return sk_fail(e, SK_E_TOOBIG, "a step of this session takes %zu tokens; cut it",
                           s->o.max_step);
    }
    if (lack > eng_pages_spare(pages))
        return sk_fail(e, SK_E_NOMEM, "the KV cache has %zu pages free; this step takes %zu",
                       eng_pages_spare(pages), lack);
    if (near > eng_pages_near_spare(pages))
        return sk_fail(e, SK_E_NOMEM,
                       "the KV cache has %zu pages of windowed layers free; this step takes %zu",
                       eng_pages_near_spare(pages), near);
    *n_out = rows;
    return SK_OK;
}

/* What was computed is wrong: the sequences do not have it. */
static sk_status torn(eng_session *s, const eng_step_item *item, size_t n, sk_err *e)
{
    for (size_t i = 0; i < n; i++)
        s->len[item[i].slot] = item[i].pos;
    return sk_fail(e, SK_E_CORRUPT,
                   "the model's file was cut short while it was in use: load it again, and put new "
                   "files in the place of old ones by renaming them");
}

/* All checks and the only allocation come before the first change. */
sk_status eng_session_step(eng_session *s, eng_step_item *item, size_t n_items, sk_err *e)
{
    size_t n_out = 0;
    sk_status st = check_step(s, item, n_items, &n_out, e);
    if (st || !n_items) return st;
    bool states = item[0].want == ENG_WANT_STATES;
    size_t width = states ? s->m->cfg.n_embd : s->m->cfg.n_vocab;
    st = grow_out(s, n_out, width, e);
    if (st) return st;
    for (size_t i = 0; i < n_items; i++) {
        const eng_step_item *it = &item[i];
        fetch_no_more(s, it->slot);
        eng_pages_own(eng_kv_pages(s->kv), it->slot, it->pos, it->n);
        s->seq[i] = (eng_seq){eng_kv_slot(s->kv, it->slot),
                              it->pos,
                              it->n,
                              rows_wanted(it),
                              it->ids,
                              s->lora[it->slot]};
    }
    bool no_logits = states || s->m->cfg.encoder;
    eng_decoder_step(s->dec, s->seq, n_items, no_logits ? NULL : s->out, states ? s->out : NULL);
    if (eng_model_torn(s->m)) return torn(s, item, n_items, e);
    size_t row = 0;
    for (size_t i = 0; i < n_items; i++) {
        size_t n = rows_wanted(&item[i]);
        item[i].logits = n ? s->out + row * width : NULL;
        row += n;
        s->len[item[i].slot] = item[i].pos + item[i].n;
    }
    return SK_OK;
}
