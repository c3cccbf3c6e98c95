/* pretok.c - the table of pre-tokenizer patterns, and PCRE2 to run them.
 *
 * Patterns are the models' own regular expressions, with \s written out: PCRE2's \s has U+180E,
 * which is no white space in Unicode (since 6.3) nor for the libraries these were written for.
 */
#include "engine/token/pretok.h"

#include "base/mem.h"
#include "engine/token/pretok_ascii.h"
#include "engine/token/unidata.h"

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

/* Parts of GPT-4's form.  English endings in either case. */
#define ENDINGS "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
#define SPACES "|[" WS "]*[\\r\\n]+|[" WS "]+(?![^" WS "])|[" WS "]+"

/* Models differ in what makes a word, in how many digits stay together, in what may follow signs.
 */
#define GPT4_FORM(letters, digits, behind)                                                         \
    ENDINGS "|[^\\r\\n\\p{L}\\p{N}]?[" letters "]+|" digits "| ?[^" WS letters                     \
            "\\p{N}]+" behind SPACES
#define GPT4(letters, digits) GPT4_FORM(letters, digits, "[\\r\\n]*")

/* GPT-4o's form: a word is big letters, then small ones; those of no case are both. */
#define LEAD "[^\\r\\n\\p{L}\\p{N}]?"
#define BIG "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define SMALL "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define O200K(ending, digits)                                                                      \
    LEAD BIG "*" SMALL "+" ending "|" LEAD BIG "+" SMALL "*" ending "|" digits "| ?[^" WS          \
             "\\p{L}\\p{N}]+[\\r\\n/]*" SPACES
#define ENDING "(?:" ENDINGS ")?"

/* The same words without Chinese characters.  A class can't leave them out, and a group that may
 * give characters back takes memory for each: so what giving back would lead to is spelled out.  A
 * word has small letters, or it ends with its last letter of no case, or all are big. */
#define NOT_HAN(class) "(?:(?!\\p{sc:Han})" class ")"
#define KIMI_WORDS                                                                                 \
    LEAD "(?:" NOT_HAN(BIG) "*+(?=\\p{Ll})" NOT_HAN(                                               \
        SMALL) "++"                                                                                \
               "|(?:[\\p{Lu}\\p{Lt}]*+" NOT_HAN(                                                   \
                   "[\\p{Lm}\\p{Lo}\\p{M}]") "++)++)" ENDING "|" LEAD "[\\p{Lu}\\p{Lt}]++" ENDING

/* What DeepSeek-V3's form has after its first cuts. */
#define DEEPSEEK3                                                                                  \
    "[!-/:-@\\[-`{-~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"                        \
    "| ?[\\p{P}\\p{S}]+[\\r\\n]*" SPACES

#define HAN "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+"
#define HAN_KANA "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}]+"
/* The odd ends (U+8C48, U+0E40) are those of the pattern as it is used. */
#define ASIAN                                                                                      \
    "[\\x{4e00}-\\x{9fff}\\x{3400}-\\x{4dbf}\\x{8c48}-\\x{faff}\\x{3040}-\\x{309f}"                \
    "\\x{30a0}-\\x{30ff}\\x{ff65}-\\x{ff9f}\\x{2f00}-\\x{2fdf}\\x{e40}-\\x{e7f}\\x{e80}-\\x{eff}"  \
    "\\x{1780}-\\x{17ff}\\x{1000}-\\x{109f}\\x{aa60}-\\x{aa7f}\\x{a9e0}-\\x{a9ff}"                 \
    "\\x{ac00}-\\x{d7af}\\x{1100}-\\x{11ff}]+"

/* BLOOM's: what is no space, bracket or stop, with a space before it. */
#define BLOOM " ?[^(" WS "|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+"

#define RUN(n) "|[" WS "]{" n "}(?![^" WS "])"

/* What \w means to the libraries these patterns were written for. */
#define WORD_CHAR "[\\p{L}\\p{M}\\p{Nl}\\p{Nd}\\p{Pc}\\x{200c}\\x{200d}]"

/* In front of a pattern: its matches are cut into threes, counted from the right.  (Models write
 * this as a look ahead to the end of the digits, which is quadratic.) */
#define THREES "\001"
/* The same, but a text is cut only before a whole three: odd digits stay with what is before them,
 * what is behind stays with the last three. */
#define BEFORE_THREES "\002"

enum { MAX_STAGES = 6 };

/* One row: the names (spaces around each), the traits, the patterns in the order they apply, and
 * which hand-written form a single one is. */
static const struct row {
    const char *names;
    eng_pretok_traits traits;
    const char *pattern[MAX_STAGES + 1];
    eng_ascii_form form;
} table[] = {
    {" gpt-2 mpt olmo phi-2 jais gigachat mellum modern-bert jina-es jina-de jina-v2-es jina-v2-de"
     " jina-v1-en jina-v2-code roberta-bpe a.x-4.0 exaone4 trillion granite-docling ",
     {0},
     {GPT2},
     ENG_ASCII_GPT2},
    {" qwen2 deepseek-r1-qwen stablelm2 megrez hunyuan kormo f2llmv2 solar-open grok-2 ",
     {0},
     {GPT4("\\p{L}", "\\p{N}")},
     ENG_ASCII_GPT4},
    {" qwen35 ", {0}, {GPT4("\\p{L}\\p{M}", "\\p{N}")}, ENG_ASCII_GPT4},
    {" llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano ",
     {.add_bos = true, .whole = true},
     {GPT4("\\p{L}", "\\p{N}{1,3}")},
     ENG_ASCII_GPT4_3},
    {" smaug-bpe dbrx glm4 chatglm-bpe ", {0}, {GPT4("\\p{L}", "\\p{N}{1,3}")}, ENG_ASCII_GPT4_3},
    {" starcoder refact command-r smollm codeshell exaone minerva-7b mellum2 ",
     {0},
     {"\\p{N}", GPT2}},
    {" falcon ", {0}, {"[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"}},
    {" deepseek-llm ",
     {0},
     {"[\\r\\n]", "[" WS "]?\\p{L&}+",
      "[" WS "]?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}"
      "\\x{3001}\\x{3002}]+", /* not U+3000: white space, which llama.cpp takes first */
      "[" WS "]+$", HAN, "\\p{N}+"}},
    {" deepseek-coder ", {0}, {"[\\r\\n]", "[" WS "]?\\p{L}+", "[" WS "]?\\p{P}+", HAN, "\\p{N}"}},
    {" deepseek-v3 hunyuan-dense joyai-llm ", {0}, {"\\p{N}{1,3}", HAN_KANA, DEEPSEEK3}},
    {" afmoe ", {0}, {THREES "\\p{N}+", ASIAN, DEEPSEEK3}},
    {" gpt-4o llama4 kanana2 talkie minimax-m2 ", {0}, {O200K(ENDING, "\\p{N}{1,3}")}},
    {" granite-embed-multi-97m ", {.whole = true}, {O200K(ENDING, "\\p{N}{1,3}")}},
    {" tekken ", {.add_bos = true, .whole = true}, {O200K("", "\\p{N}")}},
    {" tiny_aya cohere2moe ",
     {0},
     {THREES "(?<!\\p{Nd})\\p{Nd}++(?!" WORD_CHAR ")", O200K(ENDING, "\\p{N}{1,3}")}},
    {" kimi-k2 ",
     {0},
     {"\\p{sc:Han}+|" KIMI_WORDS "|\\p{N}{1,3}| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n]*" SPACES}},
    {" youtu ",
     {.whole = true},
     {"[\\x{ac00}-\\x{d7a3}\\x{3131}-\\x{318e}]+"
      "|[\\x{ff01}\\x{2026}\\x{201c}\\x{201d}\\x{2018}\\x{2019}\\x{2014}\\x{ff1a}\\x{ff1b}"
      "\\x{ff0c}\\x{3001}-\\x{303f}\\x{fe30}-\\x{fe4f}]+|[\\x{3105}-\\x{312f}]+|" HAN_KANA,
      O200K(ENDING, "\\p{N}")}},
    {" superbpe ", {0}, {"\\p{N}+", BEFORE_THREES "\\p{Nd}+"}},
    {" bailingmoe bailingmoe2 llada-moe ",
     {0},
     {"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
      "| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n]*|[" WS "]*[\\r\\n]|[" WS "]+(?![^" WS "])|[" WS "]+"}},
    {" seed-coder ",
     {0},
     {ENDINGS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^" WS "\\p{L}\\p{N}\\r\\n]+" SPACES}},
    {" exaone-moe ",
     {0},
     {ENDINGS "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*+(?: \\p{L}\\p{M}*+)*+)++|\\p{N}"
              "| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n/]?|[" WS "]*[\\r\\n]|[" WS "]+(?![^" WS "])|[" WS
              "]+"}},
    {" laguna ", {0}, {"[^\\n]+|[\\n]+", GPT4("\\p{L}", "\\p{N}")}},
    {" minicpm5 ", {.whole = true}, {"\\p{N}{1,3}", GPT4("\\p{L}", "\\p{N}+")}},
    {" jais-2 ",
     {0},
     {ENDINGS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n]*|[" WS
              "]*[\\r\\n]+" RUN("512") RUN("256") RUN("128") RUN("64") RUN("32") RUN("16") RUN("8")
                  RUN("4") RUN("1,2") "|[" WS "]"}},
    {" bloom poro-chat gpt3-finnish ", {0}, {BLOOM}},
    {" viking ", {0}, {BLOOM, "\\p{N}"}},
    {" chameleon ",
     {.add_bos = true},
     {"<sentinel:[0-9]+>", "(?:IMGIMG)[A-I]{1,4}Z", "[\\t\\n]|    |  ", "\\p{N}",
      "[\\p{P}!-/:-@\\[-`{-~]", GPT2}},
    {" gemma4 granite-embed-multi-311m ",
     {.add_bos = true, .chars = true, .newlines = true},
     {"[^\\n]+|[\\n]+"}},
    {" sarvam-moe ", {.chars = true}, {"[^\\n]+|[\\n]+"}},
    {" default ", {0}, {"[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
};

struct eng_pretok {
    const struct row *row;
    char *name;
    size_t n_stages;
    pcre2_code *code[MAX_STAGES];
    char mode[MAX_STAGES]; /* 0, or that of THREES or BEFORE_THREES */
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
    assert(p->n_stages < MAX_STAGES);
    pcre2_compile_context *cc = pcre2_compile_context_create(p->gc);
    if (!cc) return sk_fail(e, SK_E_NOMEM, "no memory for the pre-tokenizer %s", p->name);
    if (*pattern == *THREES || *pattern == *BEFORE_THREES) p->mode[p->n_stages] = *pattern++;
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

sk_status eng_pretok_find(const char *name, eng_pretok_traits *out, sk_err *e)
{
    const struct row *row = find_row(name);
    if (!row) return sk_fail(e, SK_E_UNSUPPORTED, "pre-tokenizer \"%.64s\" is not known", name);
    *out = row->traits;
    return SK_OK;
}

bool eng_pretok_same(const char *a, const char *b)
{
    const struct row *row = find_row(a);
    return row && row == find_row(b);
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

size_t eng_pretok_cut_after(const eng_pretok *p, const char *text, size_t n, size_t from)
{
    return eng_ascii_cut_after(p->row->form, text, n, from);
}

size_t eng_pretok_cut_before(const eng_pretok *p, const char *text, size_t n)
{
    return eng_ascii_cut_before(p->row->form, text, n);
}

/* Length of the stretch at p that is all valid UTF-8 or all not; which of them in *valid. */
static size_t utf8_run(const char *text, size_t n, bool *valid)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t i = 0, len = 0;
    *valid = eng_utf8_sequence(p, n) > 0;
    if (!*valid) {
        while (i < n && !eng_utf8_sequence(p + i, n - i))
            i++;
        return i;
    }
    while (i < n) {
        uint64_t eight;
        if (n - i >= 8 && (memcpy(&eight, p + i, 8), !(eight & 0x8080808080808080u))) {
            i += 8;
            continue;
        }
        len = eng_utf8_sequence(p + i, n - i);
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
    pcre2_jit_stack *stack; /* NULL until a match needs more than PCRE2's own 32 KiB */
    eng_pretok_fn fn;
    void *arg;
    sk_err *e;
} splitter;

/* One match from pos on.  The compiled pattern runs on the thread's stack; a match that is too long
 * for that gets a larger one and runs again.  (Making it costs a system call or two: too much for
 * every text.) */
static int run_pattern(splitter *s, size_t stage, const char *p, size_t n, size_t pos)
{
    enum { STACK_MIN = 32 << 10, STACK_MAX = 1 << 20 };
    const pcre2_code *code = s->pt->code[stage];
    int rc = pcre2_match(code, (PCRE2_SPTR)p, n, pos, PCRE2_NO_UTF_CHECK, s->md, s->mc);
    if (rc != PCRE2_ERROR_JIT_STACKLIMIT || s->stack) return rc;
    s->stack = pcre2_jit_stack_create(STACK_MIN, STACK_MAX, s->pt->gc);
    if (!s->stack) return PCRE2_ERROR_NOMEMORY;
    pcre2_jit_stack_assign(s->mc, NULL, s->stack);
    return pcre2_match(code, (PCRE2_SPTR)p, n, pos, PCRE2_NO_UTF_CHECK, s->md, s->mc);
}

/* The next match of a stage's pattern in p[0..n) from *from on, as [*from, *to); *from is n when
 * there is none.  All depths share the match data, which is why the offsets are copied. */
static sk_status find_match(splitter *s, size_t stage, const char *p, size_t n, size_t *from,
                            size_t *to)
{
    size_t pos = *from;
    int rc = run_pattern(s, stage, p, n, pos);
    *from = n;
    if (rc == PCRE2_ERROR_NOMATCH) return SK_OK;
    if (rc == PCRE2_ERROR_NOMEMORY || rc == PCRE2_ERROR_JIT_STACKLIMIT)
        return sk_fail(s->e, SK_E_NOMEM, "no memory to cut the text into pieces");
    if (rc < 0) return sk_fail(s->e, SK_E_INTERNAL, "cutting the text: PCRE2 error %d", rc);
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->md);
    *from = at[0];
    *to = at[1];
    assert(*from >= pos && *to > *from && *to <= n);
    return SK_OK;
}

static sk_status split_stage(splitter *s, size_t stage, const char *p, size_t n);

/* Bytes of the first `chars` characters of p[0..n). */
static size_t chars_bytes(const char *p, size_t n, size_t chars)
{
    size_t len = 0;
    for (size_t k = 0; k < chars && len < n; k++)
        len += eng_utf8_sequence((const uint8_t *)p + len, n - len);
    return len;
}

/* Bytes of the characters in front that are too many for whole threes. */
static size_t odd_of(const char *p, size_t n)
{
    size_t chars = 0;
    for (size_t i = 0; i < n; i++)
        chars += ((unsigned char)p[i] & 0xc0) != 0x80;
    return chars_bytes(p, n, chars % 3);
}

/* Passes a match of n bytes on: whole, or in threes. */
static sk_status split_match(splitter *s, size_t stage, const char *p, size_t n)
{
    assert(n);
    if (!s->pt->mode[stage]) return split_stage(s, stage + 1, p, n);
    sk_status st = SK_OK;
    size_t len = odd_of(p, n);
    for (; n && !st; p += len, n -= len, len = 0) {
        if (!len) len = chars_bytes(p, n, 3);
        st = split_stage(s, stage + 1, p, len);
    }
    return st;
}

/* A stage of mode BEFORE_THREES. Digits are cut into threes from the right, so that 1234567 is 1
 * 234 567 and equal numbers are cut alike: the first piece has what is left over. */
static sk_status split_before(splitter *s, size_t stage, const char *p, size_t n)
{
    size_t pos = 0, from = 0, to = 0;
    sk_status st = SK_OK;
    while (!st && from < n) {
        st = find_match(s, stage, p, n, &from, &to);
        if (st || from == n) break;
        size_t cut = from + odd_of(p + from, to - from);
        while (cut < to && !st) {
            if (cut > pos) st = split_stage(s, stage + 1, p + pos, cut - pos);
            pos = cut;
            cut += chars_bytes(p + cut, n - cut, 3);
        }
        from = to;
    }
    return st || pos == n ? st : split_stage(s, stage + 1, p + pos, n - pos);
}

/* Cuts n bytes of valid UTF-8 by the patterns from `stage` on.  Goes as deep as there are
 * patterns.  Stages nest instead of making lists: no piece is stored, and the first one is out
 * before the text has been read. */
static sk_status split_stage(splitter *s, size_t stage, const char *p, size_t n)
{
    if (stage == s->pt->n_stages) return s->fn(s->arg, p, n);
    if (s->pt->mode[stage] == *BEFORE_THREES) return split_before(s, stage, p, n);
    sk_status st = SK_OK;
    size_t pos = 0;
    while (pos < n && !st) {
        size_t from = pos, to = pos;
        st = find_match(s, stage, p, n, &from, &to);
        if (!st && from > pos) st = split_stage(s, stage + 1, p + pos, from - pos);
        if (!st && from < n) st = split_match(s, stage, p + from, to - from);
        pos = from < n ? to : n;
    }
    return st;
}

/* Cuts n bytes of valid UTF-8 by the one pattern there is, piece by piece as long as ASCII decides.
 * Such a pattern leaves nothing out: where it is asked, its match begins there. */
static sk_status split_ascii(splitter *s, const char *p, size_t n)
{
    sk_status st = SK_OK;
    for (size_t pos = 0, len; pos < n && !st; pos += len) {
        size_t from = pos, to = n;
        len = eng_ascii_piece(s->pt->row->form, p + pos, n - pos);
        if (!len) {
            st = find_match(s, 0, p, n, &from, &to);
            if (st) break;
            assert(from == pos);
            len = to - pos;
        }
        st = s->fn(s->arg, p + pos, len);
    }
    return st;
}

/* Cuts a stretch of valid UTF-8. */
static sk_status split_valid(splitter *s, const char *p, size_t n)
{
    return s->pt->row->form ? split_ascii(s, p, n) : split_stage(s, 0, p, n);
}

/* Cuts the whole text: stretches of valid UTF-8 by the patterns, the others as they are. */
static sk_status split_text(splitter *s, const char *text, size_t n)
{
    sk_status st = SK_OK;
    for (size_t pos = 0, len; pos < n && !st; pos += len) {
        bool valid;
        len = utf8_run(text + pos, n - pos, &valid);
        assert(len > 0);
        st = valid ? split_valid(s, text + pos, len) : s->fn(s->arg, text + pos, len);
    }
    return st;
}

/* Cuts text[0..n).  The match limits are lifted: they count characters of a long run of spaces,
 * which costs linear time, and no pattern here can go exponential. */
sk_status eng_pretok_split(const eng_pretok *p, const char *text, size_t n, eng_pretok_fn fn,
                           void *arg, sk_err *e)
{
    splitter s = {.pt = p, .fn = fn, .arg = arg, .e = e};
    sk_status st = SK_E_NOMEM;
    s.md = pcre2_match_data_create(1, p->gc);
    s.mc = pcre2_match_context_create(p->gc);
    if (s.md && s.mc) {
        pcre2_set_match_limit(s.mc, UINT32_MAX);
        st = split_text(&s, text, n);
    } else {
        sk_fail(e, st, "no memory to cut the text into pieces");
    }
    pcre2_jit_stack_free(s.stack);
    pcre2_match_context_free(s.mc);
    pcre2_match_data_free(s.md);
    return st;
}
