/* fz_model.c - any bytes opened as a model; one that opens must encode, step and choose. */
#include "base/mem.h"
#include "engine/model/model.h"
#include "tests/fuzz/promise.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Shapes that are allowed may still ask for more work than a fuzzer has time for. */
#define MOST_PARAMS 1000000

/* Two steps and a choice; the model's numbers may be anything finite. */
static void use(eng_exec *x, const eng_model *m)
{
    eng_model_info f;
    eng_model_get_info(m, &f);
    if (f.n_params > MOST_PARAMS) return;
    eng_ids ids = {0};
    (void)eng_model_encode(m, "in the \xff", 8, ENG_TOK_ADD | ENG_TOK_SPECIAL, &ids, NULL);
    for (int32_t i = 0; i < 3 && (i || !ids.n) && f.n_vocab > 2;
         i++) /* a model without tokenizer */
        (void)eng_ids_push(&ids, i);
    eng_session_opts o = {.n_slots = 1, .n_ctx = f.n_ctx < 64 ? f.n_ctx : 64, .max_step = 64};
    eng_session *s = NULL;
    eng_sampler *sampler = eng_sampler_new(f.n_vocab);
    eng_step_item it = {.n = ids.n, .ids = ids.id, .want = ENG_WANT_LAST};
    eng_sample_opts so;
    eng_sample_opts_default(&so);
    int32_t id = 0;
    if (sampler && !eng_session_open(x, m, &o, &s, NULL) && !eng_session_step(s, &it, 1, NULL) &&
        !eng_sampler_pick(sampler, &so, &(eng_sample_in){.logits = it.logits, .n_ids = ids.n}, &id,
                          NULL)) {
        it = (eng_step_item){.pos = ids.n, .n = 1, .ids = &id, .want = ENG_WANT_ALL};
        (void)eng_session_step(s, &it, 1, NULL);
        size_t n;
        (void)eng_model_piece(m, id, &n);
    }
    eng_session_close(s);
    eng_sampler_free(sampler);
    eng_ids_fini(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static eng_exec *x; /* its threads outlive one input */
    eng_model *m = NULL;
    must(x || eng_exec_open(1, &x, NULL) == SK_OK);
    void *copy = sk_alloc(SK_MEM_MISC, n); /* as aligned as a mapped file */
    if (!copy) return 0;
    if (n) memcpy(copy, data, n);
    sk_err e = SK_ERR_INIT;
    if (!eng_model_open_bytes(x, copy, n, &m, &e))
        use(x, m);
    else
        must(e.text[0]);
    eng_model_close(m);
    sk_free(copy);
    return 0;
}
