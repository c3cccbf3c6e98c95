/* prompt.c - an item of a suite as the sequences of tokens that are scored. */
#include "engine/eval/prompt.h"

#include "base/buf.h"
#include "base/rng.h"
#include "engine/infer/windows.h"

#include <assert.h>
#include <string.h>

/* ---- texts ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* s without white space at both ends; *n is its length. */
static const char *trim(const char *s, size_t *n)
{
    while (is_space(*s))
        s++;
    *n = strlen(s);
    while (*n && is_space(s[*n - 1]))
        --*n;
    return s;
}

/* True if a line of the text begins with "Question: " and the text doesn't lead to the answer
 * already. */
static bool asks(const char *query)
{
    size_t n;
    const char *t = trim(query, &n), *end = "Answer:", *at = strstr(t, "Question: ");
    while (at && at != t && at[-1] != '\n')
        at = strstr(at + 1, "Question: ");
    return at && (n < strlen(end) || memcmp(t + n - strlen(end), end, strlen(end)) != 0);
}

/* What stands between an item's query and what follows it. */
static const char *delimiter(const eng_prompts *p, const eng_suite_item *it)
{
    if (it->delimiter) return it->delimiter;
    if (p->delimiter) return p->delimiter;
    return it->query && asks(it->query) ? "\nAnswer: " : " ";
}

/* The context of option k, up to the delimiter and with it. */
static void add_context(const eng_prompts *p, const eng_suite_item *it, size_t k, sk_buf *b)
{
    size_t n;
    const char *text;
    switch (p->s->kind) {
    case ENG_SUITE_CHOICE:
        sk_buf_adds(b, it->query);
        break;
    case ENG_SUITE_SCHEMA:
        sk_buf_adds(b, it->opt[k]);
        break;
    case ENG_SUITE_EXACT:
        text = trim(it->query, &n);
        sk_buf_add(b, text, n);
        break;
    case ENG_SUITE_ANSWER:
        text = trim(it->query, &n);
        sk_buf_adds(b, "Question: ");
        sk_buf_add(b, text, n);
        sk_buf_adds(b, "\nAnswer:");
        return; /* what follows begins with its own space */
    case ENG_SUITE_REPLY:
        sk_buf_adds(b, it->query);
        return;
    }
    sk_buf_adds(b, delimiter(p, it));
}

/* What follows the context of option k. */
static void add_option(const eng_prompts *p, const eng_suite_item *it, size_t k, sk_buf *b)
{
    if (p->s->kind == ENG_SUITE_CHOICE) {
        sk_buf_adds(b, it->opt[k]);
        return;
    }
    if (p->s->kind == ENG_SUITE_ANSWER) {
        if (!p->chat) sk_buf_addc(b, ' ');
        if (it->thought) sk_buf_addf(b, "%s\n", it->thought);
        sk_buf_adds(b, "#### ");
    }
    sk_buf_adds(b, it->continuation);
}

/* The item of worked example j for item i: never i itself, and all examples differ. */
static const eng_suite_item *example(const eng_prompts *p, size_t i, size_t j)
{
    uint64_t seed = sk_rng_u64(p->seed, SK_RNG_SHOTS, i);
    size_t k = (size_t)sk_rng_permute(seed, SK_RNG_SHOTS, p->s->n - 1, j);
    return &p->s->item[k < i ? k : k + 1];
}

/* Worked examples, in front of item i's context. */
static void add_examples(const eng_prompts *p, size_t i, sk_buf *b)
{
    for (size_t j = 0; j < p->shots; j++) {
        const eng_suite_item *it = example(p, i, j);
        add_context(p, it, it->gold, b);
        add_option(p, it, it->gold, b);
        sk_buf_adds(b, "\n\n");
    }
}

/* ---- tokens ---- */

static sk_status no_memory(sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory for the tokens of an item");
}

/* Appends BOS, where texts begin with one, and the ids of n bytes of text. */
static sk_status encode(const eng_prompts *p, const char *text, size_t n, eng_ids *out, sk_err *e)
{
    if (p->bos >= 0 && !eng_ids_push(out, p->bos)) return no_memory(e);
    return eng_model_encode(p->m, text, n, 0, out, e);
}

/* Tokens that a and b begin with alike. */
static size_t common_prefix(const int32_t *a, size_t na, const int32_t *b, size_t nb)
{
    size_t n = 0;
    while (n < na && n < nb && a[n] == b[n])
        n++;
    return n;
}

/* Tokens that a and b end with alike. */
static size_t common_suffix(const int32_t *a, size_t na, const int32_t *b, size_t nb)
{
    size_t n = 0;
    while (n < na && n < nb && a[na - 1 - n] == b[nb - 1 - n])
        n++;
    return n;
}

/* Appends the sequence of text b, of which the first n_context bytes are the context. */
static sk_status add_seq(const eng_prompts *p, const sk_buf *b, size_t n_context, eng_prompt *out,
                         sk_err *e)
{
    eng_ids context = {0};
    eng_cut *s = &out->cut[out->n++];
    while (n_context && is_space(b->p[n_context - 1]))
        n_context--;
    s->at = out->ids.n;
    sk_status st = encode(p, b->p, n_context, &context, e);
    if (!st) st = encode(p, b->p, b->len, &out->ids, e);
    s->n = out->ids.n - s->at;
    s->first = common_prefix(context.id, context.n, out->ids.id + s->at, s->n);
    eng_ids_fini(&context);
    return st;
}

/* The text of option k of item i, examples in b already, as a sequence. */
static sk_status add_text(const eng_prompts *p, const eng_suite_item *it, size_t k, sk_buf *b,
                          eng_prompt *out, sk_err *e)
{
    size_t examples = b->len;
    add_context(p, it, k, b);
    size_t n_context = b->len;
    bool written = eng_suite_is_written(p->s->kind);
    if (!written) add_option(p, it, k, b);
    sk_status st = sk_buf_ok(b) ? add_seq(p, b, n_context, out, e) : no_memory(e);
    if (!st && written) out->cut[k].first = out->cut[k].n;
    if (!sk_buf_ok(b)) return st;
    b->len = examples;
    b->p[examples] = 0;
    return st;
}

/* An item as texts to be continued. */
static sk_status make_texts(const eng_prompts *p, size_t i, eng_prompt *out, sk_err *e)
{
    const eng_suite_item *it = &p->s->item[i];
    sk_buf b = SK_BUF_INIT;
    sk_status st = SK_OK;
    add_examples(p, i, &b);
    for (size_t k = 0; !st && k < it->n; k++)
        st = add_text(p, it, k, &b, out, e);
    sk_buf_fini(&b);
    return st;
}

/* ---- as a chat ---- */

/* Appends the two messages of an example; their texts are in b, from *at on. */
static void add_turns(const eng_prompts *p, const eng_suite_item *it, sk_buf *b, size_t *len)
{
    size_t n, before = b->len;
    const char *query = trim(it->query, &n);
    sk_buf_add(b, query, n);
    len[0] = b->len - before;
    before = b->len;
    add_option(p, it, it->gold, b);
    len[1] = b->len - before;
}

/* The ids of the conversation before item i's answer. */
static sk_status chat_context(const eng_prompts *p, size_t i, eng_ids *out, sk_err *e)
{
    size_t n = 2 * p->shots + 1, at = 0;
    const eng_suite_item *it = &p->s->item[i];
    if (it->msg) return eng_model_chat(p->m, it->msg, it->n_msg, out, e);
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    eng_chat_msg *msg = mem ? sk_new_n(mem, eng_chat_msg, n) : NULL;
    size_t *len = mem ? sk_new_n(mem, size_t, n + 1) : NULL;
    sk_buf b = SK_BUF_INIT;
    sk_status st = SK_OK;
    for (size_t j = 0; msg && len && j < p->shots; j++)
        add_turns(p, example(p, i, j), &b, len + 2 * j);
    if (msg && len) add_turns(p, it, &b, len + 2 * p->shots);
    if (!msg || !len || !sk_buf_ok(&b)) st = no_memory(e);
    for (size_t j = 0; !st && j < n; at += len[j++])
        msg[j] = (eng_chat_msg){j % 2 ? "assistant" : "user", b.p + at, len[j]};
    if (!st) st = eng_model_chat(p->m, msg, n, out, e);
    sk_buf_fini(&b);
    sk_arena_free(mem);
    return st;
}

/* Appends option k behind the conversation's ids. */
static sk_status add_chat_seq(const eng_prompts *p, const eng_suite_item *it, size_t k,
                              const eng_ids *context, eng_prompt *out, sk_err *e)
{
    assert(out->n < ENG_SUITE_OPTIONS);
    eng_cut *s = &out->cut[out->n++];
    s->at = out->ids.n;
    if (!eng_ids_add(&out->ids, context->id, context->n)) return no_memory(e);
    s->first = context->n;
    sk_status st = SK_OK;
    if (p->s->kind == ENG_SUITE_CHOICE)
        st = eng_model_encode(p->m, it->opt[k], strlen(it->opt[k]), 0, &out->ids, e);
    s->n = out->ids.n - s->at;
    return st;
}

static sk_status make_chat(const eng_prompts *p, size_t i, eng_prompt *out, sk_err *e)
{
    const eng_suite_item *it = &p->s->item[i];
    eng_ids context = {0};
    sk_status st = chat_context(p, i, &context, e);
    for (size_t k = 0; !st && k < it->n; k++)
        st = add_chat_seq(p, it, k, &context, out, e);
    eng_ids_fini(&context);
    return st;
}

/* ---- the whole ---- */

/* Where CORE cuts: choices differ from some token on, contexts of a schema up to some token. */
static void cut_as_core(eng_suite_kind kind, eng_prompt *out)
{
    const int32_t *a = out->ids.id + out->cut[0].at;
    size_t na = out->cut[0].n, common = SIZE_MAX;
    for (size_t k = 1; k < out->n; k++) {
        const eng_cut *s = &out->cut[k];
        const int32_t *b = out->ids.id + s->at;
        size_t n = kind == ENG_SUITE_SCHEMA ? common_suffix(a, na, b, s->n)
                                            : common_prefix(a, na, b, s->n);
        if (n < common) common = n;
    }
    for (size_t k = 0; k < out->n; k++) {
        eng_cut *s = &out->cut[k];
        s->core = common == SIZE_MAX ? s->first : common;
        if (kind == ENG_SUITE_SCHEMA && common < s->n) s->core = s->n - common;
        if (s->core > s->n - 1) s->core = s->n - 1;
        if (s->core < 1) s->core = 1;
        assert(s->core < s->n);
    }
}

/* Bytes of option k's text without white space in front, which is the delimiter's affair. */
static size_t option_bytes(const eng_suite *s, const eng_suite_item *it, size_t k)
{
    const char *text = s->kind == ENG_SUITE_CHOICE ? it->opt[k] : it->continuation;
    if (!text) return 0;
    return strlen(text + strspn(text, " \t\r\n"));
}

/* Holds the promises of eng_cut: a token before the first one scored, at least one scored. */
static sk_status finish(const eng_prompts *p, const eng_suite_item *it, eng_prompt *out, sk_err *e)
{
    bool scored = !eng_suite_is_written(p->s->kind);
    for (size_t k = 0; k < out->n; k++) {
        eng_cut *s = &out->cut[k];
        if (s->n < (scored ? 2 : 1))
            return sk_fail(e, SK_E_UNSUPPORTED, "too few tokens in this model's vocabulary");
        if (scored && s->first > s->n - 1) s->first = s->n - 1;
        if (s->first < 1) s->first = 1;
        s->bytes = option_bytes(p->s, it, k);
    }
    if (scored) cut_as_core(p->s->kind, out);
    return SK_OK;
}

sk_status eng_prompt_make(const eng_prompts *p, size_t i, eng_prompt *out, sk_err *e)
{
    assert(i < p->s->n && p->shots < p->s->n);
    const eng_suite_item *it = &p->s->item[i];
    out->ids.n = out->n = 0;
    sk_status st = p->chat ? make_chat(p, i, out, e) : make_texts(p, i, out, e);
    if (!st) st = finish(p, it, out, e);
    return st ? sk_while(e, "%s:%zu", p->s->name, it->line) : SK_OK;
}

/* What can't be asked is refused here, before the first item runs, not in the middle of a suite. */
sk_status eng_prompts_init(eng_prompts *p, sk_err *e)
{
    if (p->shots >= p->s->n)
        return sk_fail(e, SK_E_INVALID,
                       "%s: %zu examples were asked for, but it has %zu items, and an item is no "
                       "example of itself",
                       p->s->name, p->shots, p->s->n);
    if (p->s->kind == ENG_SUITE_REPLY && p->shots)
        return sk_fail(e, SK_E_INVALID,
                       "%s: many answers are accepted, so there are no examples of the right one",
                       p->s->name);
    for (size_t i = 0; !p->chat && i < p->s->n; i++)
        if (p->s->item[i].n_msg > 1)
            return sk_fail(e, SK_E_INVALID,
                           "%s:%zu: a conversation can only be asked through a chat template",
                           p->s->name, p->s->item[i].line);
    if (p->chat && p->s->kind != ENG_SUITE_CHOICE && !eng_suite_is_written(p->s->kind))
        return sk_fail(e, SK_E_INVALID, "%s: texts to be continued (%s) can't be asked as a chat",
                       p->s->name, eng_suite_kind_name(p->s->kind));
    return eng_text_bos(p->m, &p->bos, e);
}

void eng_prompt_fini(eng_prompt *p)
{
    eng_ids_fini(&p->ids);
}
