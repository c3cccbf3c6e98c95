/* vocab_strip.c - special tokens that take the white space beside them, by the names of models.
 *
 * A GGUF does not say which do.  Source: the per-token attributes of llama.cpp, which go back to
 * the added_tokens of these models' tokenizer.json.
 */
#include "engine/token/vocab_build.h"

#include <string.h>

/* True when s holds the word, whatever the case of ASCII letters; word is in lower case. */
static bool holds(eng_str s, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= s.n; i++) {
        size_t k = 0;
        while (k < n &&
               (s.p[i + k] >= 'A' && s.p[i + k] <= 'Z' ? s.p[i + k] | 0x20 : s.p[i + k]) == word[k])
            k++;
        if (k == n) return true;
    }
    return false;
}

static bool is(eng_str s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

/* Marks every token of that text. */
static void mark(const eng_vocab_parts *p, const char *text, uint8_t what, uint8_t *strip)
{
    for (size_t i = 0; i < p->n; i++)
        if (is(p->text[i], text)) strip[i] = what;
}

/* Phi-3's control and user's tokens swallow the white space behind them, but for these three. */
static void strip_phi3(const eng_vocab_parts *p, uint8_t *strip)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->type[i] >= ENG_TOKEN_UNKNOWN && p->type[i] <= ENG_TOKEN_USER)
            strip[i] = ENG_STRIP_RIGHT;
    mark(p, "</s>", ENG_STRIP_RIGHT, strip);
    mark(p, "<unk>", 0, strip);
    mark(p, "<s>", 0, strip);
    mark(p, "<|endoftext|>", 0, strip);
}

/* True for the encoders whose <mask> takes the space before it. */
static bool is_jina(eng_str pretok, eng_str arch)
{
    return holds(pretok, "jina-v2-de") || holds(pretok, "jina-v2-es") ||
           holds(pretok, "jina-v2-code") || holds(arch, "nomic-bert-moe") ||
           holds(arch, "jina-bert-v3");
}

/* Marks the special tokens beside which white space is dropped. */
void eng_vocab_strip_by_name(const eng_vocab_parts *p, eng_str model, eng_str pretok, eng_str arch,
                             uint8_t *strip)
{
    if (is_jina(pretok, arch))
        mark(p, "<mask>", ENG_STRIP_LEFT, strip);
    else if (holds(model, "phi-3") || holds(model, "phi3"))
        strip_phi3(p, strip);
    else if (holds(model, "modern-bert"))
        mark(p, "[MASK]", ENG_STRIP_LEFT, strip);
}
