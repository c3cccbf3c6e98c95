/* hf_pretok.c - the table, and taking a pre-tokenizer apart into the table's terms. */
#include "engine/token/hf_pretok.h"

#include "base/json.h"
#include "base/mem.h"
#include "engine/token/pretok.h"

#include <string.h>

/* Stages that are no patterns. */
#define DIGIT "\001"       /* Digits, each alone */
#define DIGITS "\002"      /* Digits, together */
#define PUNCTUATION "\003" /* Punctuation, together */
#define SIGN "\004"        /* Punctuation, each alone */
#define GPT2 "\005"        /* ByteLevel with its own pattern */

#define ENDINGS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define ENDINGS_SPELLED "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define LEAD "[^\\r\\n\\p{L}\\p{N}]?"
#define SPACES "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define GPT4_FORM(letters, digits, behind)                                                         \
    ENDINGS "|" LEAD letters "+|" digits "| ?[^\\s\\p{L}\\p{N}]+" behind SPACES
#define GPT4(digits) GPT4_FORM("\\p{L}", digits, "[\\r\\n]*")
#define BIG "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define SMALL "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define O200K(ending, digits)                                                                      \
    LEAD BIG "*" SMALL "+" ending "|" LEAD BIG "+" SMALL "*" ending "|" digits                     \
             "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" SPACES
#define DEEPSEEK3                                                                                  \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?"           \
    "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*" SPACES
/* Chinese characters, U+0800 to U+4E00, Hangul; with kana alone */
#define HAN "[\344\270\200-\351\276\245\340\240\200-\344\270\200\352\260\200-\355\237\277]+"
#define HAN_KANA "[\344\270\200-\351\276\245\343\201\200-\343\202\237\343\202\240-\343\203\277]+"
#define DEEPSEEK_SIGNS                                                                             \
    ("\\s?[!-/:-~\357\274\201-\357\274\217\357\274\232-\357\275\236\342\200\230-\342\200\237"      \
     "\343\200\200-\343\200\202]+")
#define STOPS ".,!?\342\200\246\343\200\202\357\274\214\343\200\201\340\245\244\333\224\330\214"
#define RUN(n) "|\\s{" n "}(?!\\S)"

enum { MAX_STAGES = 8 };

/* One row: a name, whether its model ignores merges for whole tokens, its stages.  A name may have
 * several; the first is written. */
static const struct row {
    const char *name;
    bool whole;
    const char *stage[MAX_STAGES];
} table[] = {
    {"gpt-2", false, {GPT2}},
    {"default", false, {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
    {"llama-bpe", true, {GPT4("\\p{N}{1,3}")}},
    {"dbrx", false, {GPT4("\\p{N}{1,3}")}},
    {"qwen2", false, {GPT4("\\p{N}")}},
    {"qwen35",
     false,
     {ENDINGS "|" LEAD "[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" SPACES}},
    {"starcoder", false, {DIGIT, GPT2}},
    {"falcon", false, {PUNCTUATION, GPT2, DIGITS, "[0-9][0-9][0-9]"}},
    {"deepseek-llm",
     false,
     {"[\\r\\n]", "\\s?[\\p{Lu}\\p{Ll}\\p{Lt}]+", DEEPSEEK_SIGNS, "\\s+$", HAN, DIGITS}},
    {"deepseek-coder", false, {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", HAN, DIGIT}},
    {"deepseek-v3", false, {"\\p{N}{1,3}", HAN_KANA, DEEPSEEK3}},
    {"gpt-4o", false, {O200K(ENDINGS "?", "\\p{N}{1,3}")}},
    {"granite-embed-multi-97m", true, {O200K(ENDINGS "?", "\\p{N}{1,3}")}},
    {"tekken", true, {O200K("", "\\p{N}")}},
    {"youtu",
     true,
     {"[\352\260\200-\355\236\243\343\204\261-\343\206\216]+|[\357\274\201\342\200\246\342\200\234"
      "\342\200\235\342\200\230\342\200\231\342\200\224\357\274\232\357\274\233\357\274\214"
      "\343\200\201-\343\200\277\357\270\260-\357\271\217]+|[\343\204\205-\343\204\257]+|" HAN_KANA,
      O200K(ENDINGS "?", "\\p{N}")}},
    {"superbpe", false, {"\\p{N}+", "(?=(\\d{3})+(?!\\d))"}},
    {"tiny_aya", false, {"\\d{1,3}(?=(?:\\d{3})*\\b)", O200K(ENDINGS "?", "\\p{N}{1,3}")}},
    {"bailingmoe",
     false,
     {"'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*"
      "|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"}},
    {"seed-coder",
     false,
     {ENDINGS "|" LEAD "\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+" SPACES}},
    {"exaone-moe",
     false,
     {ENDINGS "|" LEAD
              "(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?"
              "|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"}},
    {"minicpm5", true, {"\\p{N}{1,3}", GPT4("\\p{N}+")}},
    {"laguna", false, {"[^\\n]+|[\\n]+", GPT4("\\p{N}")}},
    {"jais-2",
     false,
     {ENDINGS "|" LEAD "\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+" RUN("512")
          RUN("256") RUN("128") RUN("64") RUN("32") RUN("16") RUN("8") RUN("4")
              RUN("1,2") "|\\s{1}"}},
    {"bloom", false, {" ?[^(\\s|[" STOPS "])]+"}},
    {"viking", false, {" ?[^(\\s|[" STOPS "])]+", DIGIT}},
    {"bloom", false, {" ?[^(\\s|" STOPS ")]+"}},
    {"viking", false, {" ?[^(\\s|" STOPS ")]+", DIGIT}},
    {"chameleon",
     false,
     {"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", "([\\t\\n]|    |  )", DIGIT, SIGN,
      GPT2}},
};

enum { N_ROWS = sizeof table / sizeof table[0] };

/* Stages being collected. */
typedef struct stages {
    char *at[MAX_STAGES];
    size_t n;
    sk_err *e;
} stages;

static sk_status unsupported(const stages *s, const char *what, const char *detail)
{
    return sk_fail(s->e, SK_E_UNSUPPORTED,
                   "tokenizer.json: pre-tokenizer %s%s%.200s is not supported", what,
                   *detail ? " " : "", detail);
}

/* Adds a stage; patterns are put in one spelling: the endings in either case, line ends escaped.
 * Files spell the same pattern in several ways, according to the version of the library that
 * wrote them. */
static sk_status add_stage(stages *s, const char *pattern)
{
    sk_buf b = SK_BUF_INIT;
    if (s->n == MAX_STAGES) return unsupported(s, "of too many stages", "");
    for (const char *p = pattern; *p; p++) {
        if (strncmp(p, ENDINGS_SPELLED, sizeof ENDINGS_SPELLED - 1) == 0) {
            sk_buf_adds(&b, ENDINGS);
            p += sizeof ENDINGS_SPELLED - 2;
        } else if (*p == '\n' || *p == '\r' || *p == '\t') {
            sk_buf_adds(&b, *p == '\n' ? "\\n" : *p == '\r' ? "\\r" : "\\t");
        } else {
            sk_buf_addc(&b, *p);
        }
    }
    sk_buf_adds(&b, "");
    s->at[s->n] = sk_buf_detach(&b, NULL);
    sk_buf_fini(&b);
    if (!s->at[s->n]) return sk_fail(s->e, SK_E_NOMEM, "no memory for the pre-tokenizer");
    s->n++;
    return SK_OK;
}

/* A Split: cuts out what matches; or, inverted, keeps only that (of patterns that leave nothing).
 */
static sk_status add_split(stages *s, const eng_jnode *o)
{
    const char *regex = eng_jtree_text(eng_jtree_get(o, "pattern"), "Regex");
    const char *behaviour = eng_jtree_text(o, "behavior");
    bool invert = eng_jtree_flag(o, "invert", false);
    bool isolated = strcmp(behaviour, "Isolated") == 0;
    if (!*regex) return unsupported(s, "Split by a string", "");
    if (!isolated && !(strcmp(behaviour, "Removed") == 0 && invert))
        return unsupported(s, "Split with the behaviour", behaviour);
    return add_stage(s, regex);
}

/* Collects the stages of one pre-tokenizer.  Nesting is bounded: a sequence in a sequence does
 * occur, a deeper one only in a file that was made to nest. */
static sk_status collect(stages *s, const eng_jnode *pre, int depth)
{
    const char *type = eng_jtree_text(pre, "type");
    if (strcmp(type, "Sequence") == 0 && depth < 4) {
        const eng_jnode *part, *all = eng_jtree_get(pre, "pretokenizers");
        sk_status st = SK_OK;
        for (size_t i = 0; !st && (part = eng_jtree_at(all, i)); i++)
            st = collect(s, part, depth + 1);
        return st;
    }
    if (strcmp(type, "Split") == 0) return add_split(s, pre);
    if (strcmp(type, "Digits") == 0)
        return add_stage(s, eng_jtree_flag(pre, "individual_digits", false) ? DIGIT : DIGITS);
    if (strcmp(type, "Punctuation") == 0) {
        bool alone = strcmp(eng_jtree_text(pre, "behavior"), "Contiguous") != 0;
        return add_stage(s, alone ? SIGN : PUNCTUATION);
    }
    if (strcmp(type, "ByteLevel") != 0) return unsupported(s, "of the type", type);
    if (eng_jtree_flag(pre, "add_prefix_space", false))
        return unsupported(s, "ByteLevel that adds a space", "");
    return eng_jtree_flag(pre, "use_regex", true) ? add_stage(s, GPT2) : SK_OK;
}

/* True when a stage is the row's.  DeepSeek's files list the letters one by one. */
static bool same_stage(const char *row, const char *s)
{
    if (strcmp(row, s) == 0) return true;
    return strcmp(row, "\\s?[\\p{Lu}\\p{Ll}\\p{Lt}]+") == 0 && strncmp(s, "\\s?[A-Za-z", 10) == 0;
}

static bool same_stages(const struct row *r, const stages *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (!r->stage[i] || !same_stage(r->stage[i], s->at[i])) return false;
    return s->n == MAX_STAGES || !r->stage[s->n];
}

bool eng_hf_pretok_has(const eng_jnode *pre, const char *type)
{
    const eng_jnode *part, *all = eng_jtree_get(pre, "pretokenizers");
    if (strcmp(eng_jtree_text(pre, "type"), type) == 0) return true;
    for (size_t i = 0; (part = eng_jtree_at(all, i)); i++)
        if (strcmp(eng_jtree_text(part, "type"), type) == 0) return true;
    return false;
}

/* The name for a byte-level pre-tokenizer.  Two names may have the same patterns and differ in
 * `whole`; the one that agrees is taken. */
sk_status eng_hf_pretok_name(const eng_jnode *pre, bool whole, const char **name, sk_err *e)
{
    stages s = {.n = 0, .e = e};
    const struct row *found = NULL;
    sk_status st = collect(&s, pre, 0);
    for (size_t i = 0; i < N_ROWS && !st; i++)
        if (same_stages(&table[i], &s) &&
            (!found || (found->whole != whole && table[i].whole == whole)))
            found = &table[i];
    if (!st && !found) st = unsupported(&s, "with the pattern", s.n ? s.at[s.n - 1] : "(none)");
    if (!st) *name = found->name;
    for (size_t i = 0; i < s.n; i++)
        sk_free(s.at[i]);
    return st;
}

/* Appends one stage as JSON. */
static void write_stage(const char *stage, sk_buf *out)
{
    char c = *stage;
    if (c == *DIGIT || c == *DIGITS) {
        sk_buf_addf(out, "{\"type\":\"Digits\",\"individual_digits\":%s}",
                    c == *DIGIT ? "true" : "false");
    } else if (c == *PUNCTUATION || c == *SIGN) {
        sk_buf_addf(out, "{\"type\":\"Punctuation\",\"behavior\":\"%s\"}",
                    c == *SIGN ? "Isolated" : "Contiguous");
    } else if (c == *GPT2) {
        sk_buf_adds(out, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,"
                         "\"use_regex\":true}");
    } else {
        sk_buf_adds(out, "{\"type\":\"Split\",\"pattern\":{\"Regex\":");
        sk_json_add_str(out, stage, strlen(stage));
        sk_buf_adds(out, "},\"behavior\":\"Isolated\",\"invert\":false}");
    }
}

/* Appends the JSON of the pre-tokenizer that a GGUF calls `name`. */
bool eng_hf_pretok_write(const char *name, sk_buf *out)
{
    const struct row *r = NULL;
    for (size_t i = 0; i < N_ROWS && !r; i++)
        if (eng_pretok_same(table[i].name, name)) r = &table[i];
    if (!r) return false;
    bool regex = false;
    sk_buf_adds(out, "{\"type\":\"Sequence\",\"pretokenizers\":[");
    for (size_t i = 0; i < MAX_STAGES && r->stage[i]; i++) {
        write_stage(r->stage[i], out);
        regex |= *r->stage[i] == *GPT2;
        if (i + 1 < MAX_STAGES && r->stage[i + 1]) sk_buf_addc(out, ',');
    }
    if (!regex)
        sk_buf_adds(out, ",{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
                         "\"trim_offsets\":true,\"use_regex\":false}");
    sk_buf_adds(out, "]}");
    return true;
}
