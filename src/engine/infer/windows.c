/* windows.c - a text as windows of tokens. */
#include "engine/infer/windows.h"

#include <assert.h>
#include <string.h>

/* They do if a text without any bytes does. */
sk_status eng_text_bos(const eng_model *m, int32_t *out, sk_err *e)
{
    eng_ids empty = {0};
    sk_status st = eng_model_encode(m, "", 0, ENG_TOK_ADD, &empty, e);
    int32_t bos = st ? -1 : eng_vocab_bos(eng_model_vocab(m));
    if (!st) *out = empty.n && empty.id[0] == bos ? bos : -1;
    eng_ids_fini(&empty);
    return st;
}

/* Text to ids, and whether windows begin with BOS. */
static sk_status encode(eng_windows *w, const eng_model *m, const char *text, size_t n, sk_err *e)
{
    if (n && text[n - 1] == '\n') n--;
    sk_status st = eng_text_bos(m, &w->bos, e);
    return st ? st : eng_model_encode(m, text, n, ENG_TOK_ADD, &w->ids, e);
}

sk_status eng_windows_init(eng_windows *w, const eng_model *m, size_t n_ctx, const char *text,
                           size_t n, sk_err *e)
{
    eng_model_info info;
    eng_model_get_info(m, &info);
    *w = (eng_windows){.n_ctx = n_ctx};
    if (n_ctx < 4 || n_ctx > info.n_ctx)
        return sk_fail(e, SK_E_INVALID,
                       "windows of %zu tokens were asked for; they can have 4 to the model's %u",
                       n_ctx, info.n_ctx);
    sk_status st = encode(w, m, text, n, e);
    if (st) return st;
    w->n = w->ids.n / n_ctx;
    if (w->n) return SK_OK;
    return sk_fail(e, SK_E_INVALID, "the text has %zu tokens; at least one window of %zu is needed",
                   w->ids.n, n_ctx);
}

void eng_windows_fini(eng_windows *w)
{
    eng_ids_fini(&w->ids);
}

void eng_windows_copy(const eng_windows *w, size_t first, size_t n, int32_t *to)
{
    assert(first + n <= w->n);
    memcpy(to, w->ids.id + first * w->n_ctx, n * w->n_ctx * sizeof *to);
    for (size_t i = 0; w->bos >= 0 && i < n; i++)
        to[i * w->n_ctx] = w->bos;
}
