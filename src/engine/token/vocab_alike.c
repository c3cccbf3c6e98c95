/* vocab_alike.c - whether two vocabularies read and write the same text as the same ids. */
#include "engine/token/vocab.h"

#include "engine/token/vocab_build.h"

#include <string.h>

static bool same_str(eng_str a, eng_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* n bytes at both, or none at either. */
static bool same_bytes(const void *a, const void *b, size_t n)
{
    if (!a || !b || !n) return !a == !b || !n;
    return memcmp(a, b, n) == 0;
}

static bool same_texts(const eng_vocab_parts *a, const eng_vocab_parts *b)
{
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (!same_str(a->text[i], b->text[i])) return false;
    return true;
}

static bool same_merges(const eng_vocab_parts *a, const eng_vocab_parts *b)
{
    if (a->n_merges != b->n_merges) return false;
    for (size_t i = 0; i < a->n_merges; i++)
        if (a->merge[i].a != b->merge[i].a || a->merge[i].b != b->merge[i].b) return false;
    return true;
}

/* What is put before and behind texts, and what is done to them first. */
static bool same_switches(const eng_vocab_parts *a, const eng_vocab_parts *b)
{
    return a->whole == b->whole && a->add_bos == b->add_bos && a->add_eos == b->add_eos &&
           a->add_sep == b->add_sep && a->space_prefix == b->space_prefix &&
           a->merge_spaces == b->merge_spaces && a->lower == b->lower &&
           a->strip_accents == b->strip_accents && same_str(a->charsmap, b->charsmap) &&
           same_bytes(a->strip, b->strip, a->n);
}

const char *eng_vocab_difference(const eng_vocab *va, const eng_vocab *vb)
{
    eng_vocab_parts a, b;
    eng_vocab_get_parts(va, &a);
    eng_vocab_get_parts(vb, &b);
    bool both = a.pretok && b.pretok;
    if (a.kind != b.kind) return "kind of tokenizer";
    if (!same_texts(&a, &b)) return "tokens";
    if (!same_bytes(a.type, b.type, a.n)) return "types of tokens";
    if (!same_bytes(a.score, b.score, a.n * sizeof *a.score)) return "scores of tokens";
    if (!same_merges(&a, &b)) return "merges";
    if (!a.pretok != !b.pretok || (both && strcmp(a.pretok, b.pretok) != 0)) return "pre-tokenizer";
    if (memcmp(a.role, b.role, sizeof a.role) != 0) return "special ids";
    if (!same_switches(&a, &b)) return "rules of encoding";
    return same_str(a.chat_template, b.chat_template) ? NULL : "chat template";
}
