/* session.h - of the engine's door (engine/engine.h): what a model computes: sessions that are
 * stepped, the cache that their sequences share, vectors of texts. */
#ifndef ENG_DOOR_SESSION_H
#define ENG_DOOR_SESSION_H

#include "engine/door/model.h"

/* ---- sessions ---- */

typedef struct eng_session eng_session;

typedef struct eng_session_opts {
    size_t n_slots;       /* sequences held at once */
    size_t n_ctx;         /* tokens a sequence may have; at most the model's */
    size_t max_step;      /* tokens one step may process, over all items */
    eng_dtype kv_type;    /* keys and values are kept as F32 (0: exact), F16, BF16, Q8_0 */
    const eng_lora *lora; /* adapter of every slot, NULL: none; eng_session_adapt changes one */
    size_t kv_tokens;     /* that all sequences may have together, in whole pages; 0: n_ctx each */
    bool prefix;          /* remember beginnings of sequences for others: eng_session_begin */
    /* With prefix: a folder for those that there is no room for any more, and for some when the
     * session is closed, so that a later one finds them; up to so many bytes.  NULL: none. */
    const char *prefix_disk;
    uint64_t prefix_disk_most;
} eng_session_opts;

typedef enum eng_want { ENG_WANT_NONE, ENG_WANT_LAST, ENG_WANT_ALL, ENG_WANT_STATES } eng_want;

/* A piece of one sequence in a step: n tokens standing at positions pos .. pos + n - 1 of slot.
 * Positions below pos must have been stepped before (they may be stepped again: later ones are then
 * forgotten; with `prefix` not where windowed layers would see what they have given back). */
typedef struct eng_step_item {
    uint32_t slot; /* below n_slots */
    size_t pos, n; /* n is at least 1 */
    const int32_t *ids;
    eng_want want;
    const float *logits; /* out: [n_vocab] (LAST) or [n, n_vocab] (ALL), or [n, n_embd], the states
                            that the head would read (STATES: all items of a step, or none); valid
                            until the next step; NULL for NONE */
} eng_step_item;

/* Allocates KV cache and scratch for the session; SK_E_NOMEM says how much was asked for. */
sk_status eng_session_open(eng_exec *x, const eng_model *m, const eng_session_opts *o,
                           eng_session **out, sk_err *e);

/* Frees cache and scratch; NULL is allowed.  Logits it gave are gone. */
void eng_session_close(eng_session *s);

/* Runs all items through the model in one batch; slots must differ.  SK_E_INVALID for a bad
 * position, id or length, SK_E_TOOBIG for more than max_step tokens: cut them into several steps,
 * that changes no result.  Allocates nothing, but for the first ENG_WANT_ALL of so many rows
 * (SK_E_NOMEM).  On failure nothing has been changed; but after SK_E_CORRUPT, for a model whose
 * file was cut short while it was in use, the slots hold what lies below pos. */
sk_status eng_session_step(eng_session *s, eng_step_item *item, size_t n_items, sk_err *e);

/* From now on the tokens of a slot run with adapter l (NULL: with none), which must outlive its
 * use. The slot is emptied: what its cache holds came from other weights.  SK_E_INVALID for an
 * adapter of another model, SK_E_NOMEM for its scratch. */
sk_status eng_session_adapt(eng_session *s, uint32_t slot, const eng_lora *l, sk_err *e);

/* Bytes of KV cache the session holds. */
uint64_t eng_session_kv_bytes(const eng_session *s);

/* ---- sequences that share a cache ----
 *
 * The cache is a pool of pages of ENG_KV_PAGE tokens.  By default it has room for all slots at
 * their longest, and nothing of this need be called.  With less (kv_tokens) a sequence should begin
 * with eng_session_begin, which promises it the memory; and with `prefix` those that begin alike
 * share pages, so what one has computed is not computed again.  Results never depend on it. */

/* Tokens of a page. */
#define ENG_KV_PAGE 64

/* Bytes of the cache that a session with these options has.  With `prefix` windowed layers take
 * less: they keep of a sequence what they can still see. */
sk_status eng_session_kv_need(const eng_model *m, const eng_session_opts *o, uint64_t *bytes,
                              sk_err *e);

/* Empties a slot for the sequence that begins with ids[0..n) and may become n_all tokens long, and
 * promises it the memory.  Holds from the start what the cache knows of its beginning, but at most
 * n - 1 tokens: go on at position *n_held.  SK_E_BUSY while others hold the memory; SK_E_TOOBIG if
 * the whole pool is too small. */
sk_status eng_session_begin(eng_session *s, uint32_t slot, const int32_t *ids, size_t n,
                            size_t n_all, size_t *n_held, sk_err *e);

/* Promises memory until the slot's sequence has n_all tokens; SK_E_BUSY, and nothing has changed,
 * while others hold it. */
sk_status eng_session_extend(eng_session *s, uint32_t slot, size_t n_all);

/* With `prefix_disk`: has what the folder knows of ids[0..n), which the slot began with, behind the
 * tokens it holds read by another thread.  False if there is nothing to be read.  A step, or
 * whatever else changes the slot, ends it. */
bool eng_session_fetch(eng_session *s, uint32_t slot, const int32_t *ids, size_t n);

/* Tokens the slot holds, after it has taken what was read of its ids since, at most n - 1 of the n
 * of eng_session_fetch: about `most` bytes at a time, which takes as long as copying them.  *more:
 * whether more may come. */
size_t eng_session_arrive(eng_session *s, uint32_t slot, const int32_t *ids, size_t most,
                          bool *more);

/* Has fn called, by another thread, whenever eng_session_arrive has something to say; fn must not
 * call functions of s.  NULL: nobody, and no call is under way any more. */
void eng_session_listen(eng_session *s, void (*fn)(void *arg), void *arg);

/* Tokens the slot holds, after it has taken what others have computed since of ids[0..n): only
 * between pages, before its own tokens are stepped. */
size_t eng_session_adopt(eng_session *s, uint32_t slot, const int32_t *ids, size_t n);

/* Lets others share the slot's first n tokens, as far as they fill pages.  Steps should not go back
 * behind them any more: that costs a copy, which may fail with SK_E_NOMEM. */
void eng_session_share(eng_session *s, uint32_t slot, const int32_t *ids, size_t n);

/* Empties a slot and gives its memory back; with `prefix` its tokens ids[0..n) are remembered as
 * long as there is room (n 0: not). */
void eng_session_end(eng_session *s, uint32_t slot, const int32_t *ids, size_t n);

/* Forgets what was computed with an adapter, which no slot may use any more: to be called before
 * the adapter is closed, if `prefix` is on. */
void eng_session_forget(eng_session *s, const eng_lora *l);

typedef struct eng_kv_usage {
    size_t pages, held, kept; /* in all; held by sequences; besides these, remembered */
    size_t promised;          /* of the rest and the remembered, promised to sequences */
} eng_kv_usage;

/* How full the cache is. */
eng_kv_usage eng_session_kv_usage(const eng_session *s);

/* Runs n ids from position 0 and writes their logits to path as .npy, float32 [n, n_vocab].  Of
 * `like` kv_type and lora count. */
sk_status eng_logits_write(eng_exec *x, const eng_model *m, const eng_session_opts *like,
                           const int32_t *ids, size_t n, const char *path, sk_err *e);

/* ---- embeddings ---- */

/* What stands for a text: the mean over the states of its tokens, or that of the first or the last;
 * AUTO: what the model's file says, else the mean for an encoder and the last for a decoder. */
typedef enum eng_pooling { ENG_POOL_AUTO, ENG_POOL_MEAN, ENG_POOL_CLS, ENG_POOL_LAST } eng_pooling;

typedef struct eng_embedder eng_embedder;

/* Makes vectors with m: an encoder, which sees a text as a whole, or any decoder.  Both x and m
 * must outlive it. */
sk_status eng_embedder_open(eng_exec *x, const eng_model *m, eng_embedder **out, sk_err *e);

/* NULL is allowed. */
void eng_embedder_close(eng_embedder *d);

/* The adapter that vectors are made with from now on, NULL: none, as at first.  It must outlive its
 * use. SK_E_INVALID for one of another model. */
sk_status eng_embedder_adapt(eng_embedder *d, const eng_lora *l, sk_err *e);

/* Has fn called between the steps of a long text, so that others who share the thread get on; once
 * it returns false, eng_embedder_run ends with SK_E_STOPPED.  NULL: nobody is asked. */
void eng_embedder_between(eng_embedder *d, bool (*fn)(void *arg), void *arg);

/* The vector [n_embd] of a text of n tokens, the model's own first and last tokens among them
 * (ENG_TOK_ADD); scaled to length 1 if asked.  SK_E_TOOBIG for more tokens than the model's
 * context. */
sk_status eng_embedder_run(eng_embedder *d, const int32_t *ids, size_t n, eng_pooling pooling,
                           bool normalise, float *out, sk_err *e);

#endif
