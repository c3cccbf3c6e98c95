/* gate_files.c - what two files say before a model is made of them. */
#include "engine/eval/gate.h"

#include "engine/eval/verdict.h"
#include "engine/format/gguf.h"
#include "engine/model/finite.h"
#include "engine/token/vocab.h"

#include <string.h>

bool eng_gate_is_file(sk_status st)
{
    return st == SK_E_FORMAT || st == SK_E_CORRUPT || st == SK_E_UNSUPPORTED ||
           st == SK_E_INVALID || st == SK_E_TOOBIG;
}

/* Turns an error that speaks of the new file into a failed check. */
static sk_status file_says(sk_status st, eng_gate_check *c, sk_err *e)
{
    if (!eng_gate_is_file(st)) return st;
    eng_verdict_set(c, false, "%.300s", e->text);
    return SK_OK;
}

/* Tensors of types this build does not know are the model's affair, which refuses them. */
static void look_at_weights(eng_exec *x, const eng_gguf *g, eng_gate_check *c)
{
    size_t n = eng_gguf_n_tensors(g);
    for (size_t i = 0; i < n; i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_at(g, i);
        uint64_t elements = t->dim[0] * t->dim[1] * t->dim[2] * t->dim[3];
        if (!eng_dtype_block((eng_dtype)t->type)) continue;
        if (eng_all_finite(x, (eng_dtype)t->type, t->data, (size_t)elements)) continue;
        eng_verdict_set(c, false, "the tensor %.*s holds NaN or an infinity",
                        t->name.n < 64 ? (int)t->name.n : 64, t->name.p);
        return;
    }
    eng_verdict_set(c, true, "%zu tensors, all of them finite", n);
}

/* A live model whose tokenizer can't be read leaves nothing to compare with, which is an error; a
 * new one's is a check that failed. */
static sk_status look_at_tokenizer(const eng_gguf *g, const char *live, eng_gate_check *c,
                                   sk_err *e)
{
    eng_vocab *ours = NULL, *theirs = NULL;
    sk_status st = eng_vocab_load(live, &theirs, e);
    if (st) return sk_while(e, "%s", live);
    st = eng_vocab_from_gguf(g, &ours, e);
    if (st) {
        st = file_says(st, c, e);
    } else {
        const char *what = eng_vocab_difference(ours, theirs);
        if (what)
            eng_verdict_set(c, false, "its %s differ%s from the live model's", what,
                            what[strlen(what) - 1] == 's' ? "" : "s");
        else
            eng_verdict_set(c, true, "%zu tokens, the live model's", eng_vocab_size(ours));
    }
    eng_vocab_close(ours);
    eng_vocab_close(theirs);
    return st;
}

sk_status eng_gate_files(eng_exec *x, const char *live, const char *fresh, eng_gate *out, sk_err *e)
{
    eng_gguf *g;
    eng_gate_check *c = out->check;
    sk_err own = SK_ERR_INIT;
    if (!e) e = &own;
    sk_status st = eng_gguf_open(fresh, &g, e);
    if (st) return file_says(st, &c[ENG_GATE_FILE], e);
    eng_verdict_set(&c[ENG_GATE_FILE], true, "%zu tensors in %llu bytes", eng_gguf_n_tensors(g),
                    (unsigned long long)eng_gguf_file_bytes(g));
    look_at_weights(x, g, &c[ENG_GATE_WEIGHTS]);
    if (c[ENG_GATE_WEIGHTS].ok) st = look_at_tokenizer(g, live, &c[ENG_GATE_TOKENIZER], e);
    eng_gguf_close(g);
    return st;
}
