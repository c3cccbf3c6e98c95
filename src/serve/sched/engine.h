/* engine.h - what the scheduler needs of an engine: a table of functions.
 *
 * local.h fills it from src/engine; the tests fill it from tests/api/fake_engine.h.  Threads:
 * encode, chat, chat_text, decode, piece, piece_all, special, is_end, rule and adapter_open may be
 * called from any thread, by several at once, the others from the engine thread only.
 */
#ifndef SRV_SCHED_ENGINE_H
#define SRV_SCHED_ENGINE_H

#include "engine/engine.h"
#include "serve/sched/job.h"

/* What an answer must look like. */
typedef enum srv_rule {
    SRV_RULE_NONE,
    SRV_RULE_JSON,   /* any JSON object; no text */
    SRV_RULE_SCHEMA, /* JSON of a schema */
    SRV_RULE_GBNF,
    SRV_RULE_REGEX
} srv_rule;

typedef struct srv_engine {
    void *self;
    const char *model; /* the model's id in the API */
    size_t n_slots, max_step, n_vocab;
    size_t n_ctx; /* tokens a sequence may have: what the model and the whole cache allow */
    bool has_chat;
    bool no_text;  /* an encoder: gives vectors only */
    size_t n_embd; /* numbers of a vector */
    sk_status (*step)(void *self, eng_step_item *item, size_t n, sk_err *e);
    /* Whose memory is what: eng_session_begin and its kin. */
    sk_status (*begin)(void *self, uint32_t slot, const int32_t *ids, size_t n, size_t n_all,
                       size_t *n_held, sk_err *e);
    sk_status (*extend)(void *self, uint32_t slot, size_t n_all);
    size_t (*adopt)(void *self, uint32_t slot, const int32_t *ids, size_t n);
    /* eng_session_fetch and its kin; NULL, all three: beginnings lie in memory only. */
    bool (*fetch)(void *self, uint32_t slot, const int32_t *ids, size_t n);
    size_t (*arrive)(void *self, uint32_t slot, const int32_t *ids, size_t most, bool *more);
    void (*listen)(void *self, void (*fn)(void *arg), void *arg);
    void (*share)(void *self, uint32_t slot, const int32_t *ids, size_t n);
    void (*end)(void *self, uint32_t slot, const int32_t *ids, size_t n);
    eng_kv_usage (*usage)(void *self);
    void (*pick)(void *self, eng_pick *p, size_t n); /* the choices after a step */
    const char *(*piece)(void *self, int32_t id, size_t *n);
    const char *(*piece_all)(void *self, int32_t id, size_t *n); /* of control tokens, too */
    int32_t (*special)(void *self, const char *text);            /* its id, -1: none */
    /* Log-probabilities after a step: eng_sampler_logprobs, its scratch the engine's. */
    sk_status (*logprobs)(void *self, const float *logits, int32_t id, size_t n_top, double *of_id,
                          eng_logprob *top, size_t *n_got, sk_err *e);
    bool (*is_end)(void *self, int32_t id);
    /* add: with the tokens the model's file wants around a text. */
    sk_status (*encode)(void *self, const char *text, size_t n, bool add, eng_ids *out, sk_err *e);
    /* A conversation by the model's template; vars: further variables of it, may be NULL.  open:
     * the last message is to be gone on with. */
    sk_status (*chat)(void *self, json_t *messages, json_t *vars, bool open, eng_ids *out,
                      sk_err *e);
    /* Compiles a rule (grammar.h). */
    sk_status (*rule)(void *self, srv_rule kind, const char *text, size_t n, eng_grammar **out,
                      sk_err *e);
    /* The text of ids, of control tokens too. */
    sk_status (*decode)(void *self, const int32_t *id, size_t n, sk_buf *out, sk_err *e);
    /* The vector of a text, of length 1, with an adapter (NULL: what the engine was opened with);
     * the engine thread's. */
    sk_status (*embed)(void *self, const eng_lora *l, const eng_ids *ids, const srv_between *b,
                       float *out, sk_err *e);
    /* The same as text, and where the text stems from messages (jinja.h). */
    sk_status (*chat_text)(void *self, json_t *messages, json_t *vars, bool open,
                           eng_jinja_text *out, sk_err *e);
    /* Adapters.  adapt: what the slot's next sequence runs with, before its begin; NULL: what the
     * engine was opened with.  close: no slot uses it any more. */
    sk_status (*adapt)(void *self, uint32_t slot, const eng_lora *l, sk_err *e);
    sk_status (*adapter_open)(void *self, const char *path, double scale, eng_lora **out,
                              sk_err *e);
    void (*adapter_close)(void *self, eng_lora *l);
} srv_engine;

#endif
