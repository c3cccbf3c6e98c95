/* pretok.c - the table of pre-tokenizer patterns, and PCRE2 to run them.
 *
 * Patterns are the models' own regular expressions, with \s written out: PCRE2's \s has U+180E,
 * which is no white space in Unicode (since 6.3) nor for the libraries these were written for.
 */
#include "engine/token/pretok.h"

#include "base/mem.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <assert.h>
#include <pcre2.h>
#include <stdint.h>
#include <string.h>

/* White space as \s means it, for use inside a class. */
#define WS "\\t-\\r\\x{85}\\p{Z}"

#define GPT2                                                                                       \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" WS "\\p{L}\\p{N}]+"                         \
    "|[" WS "]+(?![^" WS "])|[" WS "]+"

/* GPT-4's form; models differ in what makes a word and in how many digits stay together. */
#define GPT4(letters, digits)                                                                      \
    "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"                                        \
    "|[^\\r\\n\\p{L}\\p{N}]?[" letters "]+|" digits "| ?[^" WS letters "\\p{N}]+[\\r\\n]*"         \
    "|[" WS "]*[\\r\\n]+|[" WS "]+(?![^" WS "])|[" WS "]+"

#define HAN "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+"

enum { MAX_STAGES = 6 };

/* One row: the names (spaces around each), the traits and the patterns in the order they apply. */
static const struct row {
    const char *names;
    eng_pretok_traits traits;
    const char *pattern[MAX_STAGES + 1];
} table[] = {
    {" gpt-2 mpt olmo phi-2 jais gigachat mellum modern-bert jina-es jina-de jina-v2-es jina-v2-de"
     " a.x-4.0 exaone4 trillion granite-docling ",
     {false, false},
     {GPT2}},
    {" qwen2 deepseek-r1-qwen stablelm2 megrez hunyuan kormo f2llmv2 solar-open grok-2 ",
     {false, false},
     {GPT4("\\p{L}", "\\p{N}")}},
    {" qwen35 ", {false, false}, {GPT4("\\p{L}\\p{M}", "\\p{N}")}},
    {" llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 ",
     {true, true},
     {GPT4("\\p{L}", "\\p{N}{1,3}")}},
    {" smaug-bpe dbrx glm4 chatglm-bpe ", {false, false}, {GPT4("\\p{L}", "\\p{N}{1,3}")}},
    {" starcoder refact command-r smollm codeshell exaone minerva-7b mellum2 ",
     {false, false},
     {"\\p{N}", GPT2}},
    {" falcon ", {false, false}, {"[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"}},
    {" deepseek-llm ",
     {false, false},
     {"[\\r\\n]", "[" WS "]?\\p{L&}+",
      "[" WS "]?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}"
      "\\x{3001}\\x{3002}]+", /* not U+3000: white space, which llama.cpp takes first */
      "[" WS "]+$", HAN, "\\p{N}+"}},
    {" deepseek-coder ",
     {false, false},
     {"[\\r\\n]", "[" WS "]?\\p{L}+", "[" WS "]?\\p{P}+", HAN, "\\p{N}"}},
    {" default ", {false, false}, {"[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
};

struct eng_pretok {
    const struct row *row;
    char *name;
    size_t n_stages;
    pcre2_code *code[MAX_STAGES];
    pcre2_general_context *gc;
};

/* PCRE2's memory comes from where all memory comes from. */
static void *take_memory(PCRE2_SIZE n, void *arg)
{
    (void)arg;
    return sk_alloc(SK_MEM_TOKEN, n);
}

static void give_memory(void *p, void *arg)
{
    (void)arg;
    sk_free(p);
}

/* The row that has the name, NULL if none. */
static const struct row *find_row(const char *name)
{
    size_t n = strlen(name);
    if (!n || strchr(name, ' ')) return NULL;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *s = table[i].names;
        while ((s = strstr(s + 1, name))) {
            if (s[-1] == ' ' && s[n] == ' ') return &table[i];
        }
    }
    return NULL;
}

/* Compiles one pattern, to machine code where the system lets it (a kernel that forbids writable
 * code leaves the interpreter: slower, same pieces). */
static sk_status compile(eng_pretok *p, const char *pattern, sk_err *e)
{
    int err;
    PCRE2_SIZE at;
    pcre2_compile_context *cc = pcre2_compile_context_create(p->gc);
    if (!cc) return sk_fail(e, SK_E_NOMEM, "no memory for the pre-tokenizer %s", p->name);
    pcre2_code *c = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY, &err, &at, cc);
    pcre2_compile_context_free(cc);
    if (!c && err == PCRE2_ERROR_HEAP_FAILED)
        return sk_fail(e, SK_E_NOMEM, "no memory for the pre-tokenizer %s", p->name);
    if (!c)
        return sk_fail(e, SK_E_INTERNAL, "pre-tokenizer %s: error %d at %zu in its pattern",
                       p->name, err, (size_t)at);
    p->code[p->n_stages++] = c;
    (void)pcre2_jit_compile(c, PCRE2_JIT_COMPLETE);
    return SK_OK;
}

/* Compiles the patterns of `name`. */
sk_status eng_pretok_open(const char *name, eng_pretok **out, sk_err *e)
{
    const struct row *row = find_row(name);
    if (!row) return sk_fail(e, SK_E_UNSUPPORTED, "pre-tokenizer \"%.64s\" is not known", name);

    sk_status st = SK_E_NOMEM;
    size_t n = strlen(name);
    eng_pretok *p = sk_calloc(SK_MEM_TOKEN, 1, sizeof *p + n + 1);
    if (!p) return sk_fail(e, st, "no memory for the pre-tokenizer %s", name);
    p->row = row;
    p->name = (char *)(p + 1);
    memcpy(p->name, name, n + 1);
    p->gc = pcre2_general_context_create(take_memory, give_memory, NULL);
    if (!p->gc) {
        sk_fail(e, st, "no memory for the pre-tokenizer %s", name);
        goto close;
    }
    for (size_t i = 0; i < MAX_STAGES && row->pattern[i]; i++) {
        st = compile(p, row->pattern[i], e);
        if (st) goto close;
    }
    assert(p->n_stages > 0);
    *out = p;
    return SK_OK;
close:
    eng_pretok_close(p);
    return st;
}

void eng_pretok_close(eng_pretok *p)
{
    if (!p) return;
    for (size_t i = 0; i < p->n_stages; i++)
        pcre2_code_free(p->code[i]);
    pcre2_general_context_free(p->gc);
    sk_free(p);
}

const char *eng_pretok_name(const eng_pretok *p)
{
    return p->name;
}

eng_pretok_traits eng_pretok_get_traits(const eng_pretok *p)
{
    return p->row->traits;
}

/* Bytes of the UTF-8 sequence at p (RFC 3629), 0 if there is none. */
static size_t utf8_sequence(const uint8_t *p, size_t n)
{
    uint8_t c = p[0];
    if (c < 0x80) return 1;
    size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || len > n) return 0;
    /* the second byte's range keeps out long forms, surrogates and what is past U+10FFFF */
    uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    return len;
}

/* Length of the stretch at p that is all valid UTF-8 or all not; which of them in *valid. */
static size_t utf8_run(const char *text, size_t n, bool *valid)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t i = 0, len = 0;
    *valid = utf8_sequence(p, n) > 0;
    if (!*valid) {
        while (i < n && !utf8_sequence(p + i, n - i))
            i++;
        return i;
    }
    while (i < n) {
        uint64_t eight;
        if (n - i >= 8 && (memcpy(&eight, p + i, 8), !(eight & 0x8080808080808080u))) {
            i += 8;
            continue;
        }
        len = utf8_sequence(p + i, n - i);
        if (!len) break;
        i += len;
    }
    return i;
}

/* One call's state. */
typedef struct splitter {
    const eng_pretok *pt;
    pcre2_match_data *md;
    pcre2_match_context *mc;
    eng_pretok_fn fn;
    void *arg;
    sk_err *e;
} splitter;

/* Cuts n bytes of valid UTF-8 by the patterns from `stage` on.  Goes as deep as there are patterns.
 * All depths share the match data, which is why the offsets are copied before going down. */
static sk_status split_stage(const splitter *s, size_t stage, const char *p, size_t n)
{
    if (stage == s->pt->n_stages) return s->fn(s->arg, p, n);
    sk_status st = SK_OK;
    size_t pos = 0;
    while (pos < n && !st) {
        int rc = pcre2_match(s->pt->code[stage], (PCRE2_SPTR)p, n, pos, PCRE2_NO_UTF_CHECK, s->md,
                             s->mc);
        if (rc == PCRE2_ERROR_NOMATCH) break;
        if (rc == PCRE2_ERROR_NOMEMORY || rc == PCRE2_ERROR_JIT_STACKLIMIT)
            return sk_fail(s->e, SK_E_NOMEM, "no memory to cut the text into pieces");
        if (rc < 0) return sk_fail(s->e, SK_E_INTERNAL, "cutting the text: PCRE2 error %d", rc);
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->md);
        size_t from = at[0], to = at[1];
        assert(from >= pos && to > from && to <= n);
        if (from > pos) st = split_stage(s, stage + 1, p + pos, from - pos);
        if (!st) st = split_stage(s, stage + 1, p + from, to - from);
        pos = to;
    }
    return st || pos == n ? st : split_stage(s, stage + 1, p + pos, n - pos);
}

/* Cuts the whole text: stretches of valid UTF-8 by the patterns, the others as they are. */
static sk_status split_text(const splitter *s, const char *text, size_t n)
{
    sk_status st = SK_OK;
    for (size_t pos = 0, len; pos < n && !st; pos += len) {
        bool valid;
        len = utf8_run(text + pos, n - pos, &valid);
        assert(len > 0);
        st = valid ? split_stage(s, 0, text + pos, len) : s->fn(s->arg, text + pos, len);
    }
    return st;
}

/* Cuts text[0..n).  The match limits are lifted: they count characters of a long run of spaces,
 * which costs linear time, and no pattern here can go exponential. */
sk_status eng_pretok_split(const eng_pretok *p, const char *text, size_t n, eng_pretok_fn fn,
                           void *arg, sk_err *e)
{
    enum { STACK_MIN = 32 << 10, STACK_MAX = 1 << 20 };
    splitter s = {p, NULL, NULL, fn, arg, e};
    sk_status st = SK_E_NOMEM;
    s.md = pcre2_match_data_create(1, p->gc);
    s.mc = pcre2_match_context_create(p->gc);
    pcre2_jit_stack *stack = pcre2_jit_stack_create(STACK_MIN, STACK_MAX, p->gc);
    if (s.md && s.mc) {
        if (stack) pcre2_jit_stack_assign(s.mc, NULL, stack);
        pcre2_set_match_limit(s.mc, UINT32_MAX);
        st = split_text(&s, text, n);
    } else {
        sk_fail(e, st, "no memory to cut the text into pieces");
    }
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(s.mc);
    pcre2_match_data_free(s.md);
    return st;
}
