/* logits.c - the full forward pass of a list of tokens, kept as a file. */
#include "engine/infer/logits.h"

#include "base/mem.h"
#include "engine/format/npy.h"

#include <string.h>

/* Tokens in a step. */
#define CHUNK ((size_t)256)

/* Steps ids through s, rows of logits into all. */
static sk_status run(eng_session *s, const int32_t *ids, size_t n, size_t n_vocab, float *all,
                     sk_err *e)
{
    for (size_t pos = 0; pos < n; pos += CHUNK) {
        eng_step_item it = {.pos = pos, .ids = ids + pos, .want = ENG_WANT_ALL};
        it.n = n - pos < CHUNK ? n - pos : CHUNK;
        sk_status st = eng_session_step(s, &it, 1, e);
        if (st) return st;
        memcpy(all + pos * n_vocab, it.logits, it.n * n_vocab * sizeof(float));
    }
    return SK_OK;
}

/* One session, all logits kept, one file at the end. */
sk_status eng_logits_write(eng_exec *x, const eng_model *m, const eng_session_opts *like,
                           const int32_t *ids, size_t n, const char *path, sk_err *e)
{
    eng_model_info info;
    eng_model_get_info(m, &info);
    if (!n) return sk_fail(e, SK_E_INVALID, "no token ids given");
    if (n > info.n_ctx)
        return sk_fail(e, SK_E_TOOBIG, "%zu tokens; the model's context is %u", n, info.n_ctx);
    eng_session_opts o = {.n_slots = 1,
                          .n_ctx = n,
                          .max_step = n < CHUNK ? n : CHUNK,
                          .kv_type = like->kv_type,
                          .lora = like->lora};
    eng_session *s = NULL;
    sk_status st = eng_session_open(x, m, &o, &s, e);
    if (st) return st;
    size_t bytes = 0;
    float *all = NULL;
    if (sk_mul_size(n, info.n_vocab * sizeof(float), &bytes)) all = sk_alloc(SK_MEM_SCRATCH, bytes);
    if (!all) st = sk_fail(e, SK_E_NOMEM, "no memory for the logits of %zu tokens", n);
    if (!st) st = run(s, ids, n, info.n_vocab, all, e);
    eng_session_close(s);
    if (!st) st = eng_npy_write(path, all, n, info.n_vocab, e);
    sk_free(all);
    return st;
}
