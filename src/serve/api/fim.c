/* fim.c - markers of the gap, by the families of models that know them. */
#include "serve/api/fim.h"

/* Markers before the text, before the suffix, before the answer.  Spelled in UTF-8 as vocabularies
 * have them: Qwen and CodeGemma, StarCoder and Granite, DeepSeek, CodeLlama, Codestral. */
typedef struct fim_row {
    const char *pre, *suf, *mid;
    bool suffix_first; /* the suffix stands before the text */
} fim_row;

static const fim_row rows[] = {
    {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", false},
    {"<fim_prefix>", "<fim_suffix>", "<fim_middle>", false},
    {"<fim-prefix>", "<fim-suffix>", "<fim-middle>", false},
    {"<\xef\xbd\x9c"
     "fim\xe2\x96\x81"
     "begin\xef\xbd\x9c>",
     "<\xef\xbd\x9c"
     "fim\xe2\x96\x81"
     "hole\xef\xbd\x9c>",
     "<\xef\xbd\x9c"
     "fim\xe2\x96\x81"
     "end\xef\xbd\x9c>",
     false},
    {"\xe2\x96\x81<PRE>", "\xe2\x96\x81<SUF>", "\xe2\x96\x81<MID>", false},
    {"[PREFIX]", "[SUFFIX]", NULL, true},
};

/* The model's row with its markers' ids; NULL if it has none. */
static const fim_row *find_row(const srv_engine *eng, int32_t id[3])
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const fim_row *r = &rows[i];
        id[0] = eng->special(eng->self, r->pre);
        id[1] = eng->special(eng->self, r->suf);
        id[2] = r->mid ? eng->special(eng->self, r->mid) : 0;
        if (id[0] >= 0 && id[1] >= 0 && id[2] >= 0) return r;
    }
    return NULL;
}

/* A marker and a text after it. */
static sk_status add(const srv_engine *eng, int32_t id, const char *text, size_t n, eng_ids *ids,
                     srv_fault *f)
{
    sk_err e = SK_ERR_INIT;
    if (!eng_ids_push(ids, id)) return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the prompt");
    sk_status st = n ? eng->encode(eng->self, text, n, false, ids, &e) : SK_OK;
    return st ? srv_fail_err(f, &e) : SK_OK;
}

/* What the model's file wants in front of every text comes first. */
sk_status srv_fim_encode(const srv_engine *eng, const char *before, size_t n_before,
                         const char *after, size_t n_after, eng_ids *ids, srv_fault *f)
{
    int32_t id[3];
    sk_err e = SK_ERR_INIT;
    const fim_row *r = find_row(eng, id);
    if (!r)
        return srv_fail(f, SRV_UNSUPPORTED, "suffix",
                        "the model has no tokens to fill a gap with; leave 'suffix' out");
    sk_status st = eng->encode(eng->self, "", 0, true, ids, &e);
    if (st) return srv_fail_err(f, &e);
    if (r->suffix_first) {
        st = add(eng, id[1], after, n_after, ids, f);
        return st ? st : add(eng, id[0], before, n_before, ids, f);
    }
    st = add(eng, id[0], before, n_before, ids, f);
    if (!st) st = add(eng, id[1], after, n_after, ids, f);
    return st ? st : add(eng, id[2], "", 0, ids, f);
}
