/* pretok_ascii.c - pieces of ASCII text, alternative by alternative as pretok.c's patterns have
 * them. */
#include "engine/token/pretok_ascii.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* What a byte is to the patterns; FAR is a part of a character beyond ASCII, of which nothing is
 * known here. */
typedef enum class { OTHER, LETTER, DIGIT, SPACE, NEWLINE, FAR } class;

#define ROW16(x) x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x
#define FAR64 ROW16(FAR), ROW16(FAR), ROW16(FAR), ROW16(FAR)
#define LETTERS26                                                                                  \
    LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER,        \
        LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER, LETTER,    \
        LETTER, LETTER, LETTER, LETTER

static const uint8_t class_of[256] = {
    /* 00 */ OTHER, OTHER,     OTHER, OTHER, OTHER,        OTHER,     OTHER, OTHER, OTHER,
    SPACE,          NEWLINE,   SPACE,
    /* 0c */ SPACE, NEWLINE,   OTHER, OTHER, ROW16(OTHER),
    /* 20 */ SPACE, OTHER,     OTHER, OTHER, OTHER,        OTHER,     OTHER, OTHER, OTHER,
    OTHER,          OTHER,     OTHER,
    /* 2c */ OTHER, OTHER,     OTHER, OTHER,
    /* 30 */ DIGIT, DIGIT,     DIGIT, DIGIT, DIGIT,        DIGIT,     DIGIT, DIGIT, DIGIT,
    DIGIT,          OTHER,     OTHER,
    /* 3c */ OTHER, OTHER,     OTHER, OTHER, OTHER,        LETTERS26, OTHER, OTHER, OTHER,
    OTHER,          OTHER,
    /* 60 */ OTHER, LETTERS26, OTHER, OTHER, OTHER,        OTHER,     OTHER, FAR64, FAR64};

/* A text and its end: where the text ends, so does every run. */
typedef struct text {
    const uint8_t *p;
    size_t n;
} text;

/* The class of byte i; the end of the text is of a class of its own, which ends every run. */
enum { END = FAR + 1 };

static inline int class_at(text t, size_t i)
{
    return i < t.n ? class_of[t.p[i]] : END;
}

/* The end of the run of class c that byte i is in. */
static inline size_t run_of(text t, size_t i, class c)
{
    while (i < t.n && class_of[t.p[i]] == c)
        i++;
    return i;
}

/* A run's end as the length of a piece: 0 when a character beyond ASCII may belong to it. */
static inline size_t known(text t, size_t end)
{
    return class_at(t, end) == FAR ? 0 : end;
}

/* An English ending at p: 's 't 'm 'd, 're 've 'll; either case if `any`.  0 if there is none. */
static size_t ending(text t, bool any)
{
    uint8_t lower = any ? 0x20 : 0;
    if (t.n < 2) return 0;
    uint8_t a = t.p[1] | lower, b = t.n > 2 ? t.p[2] | lower : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if (((a == 'r' || a == 'v') && b == 'e') || (a == 'l' && b == 'l')) return 3;
    return 0;
}

/* [space]+ with something behind it is left to that but for one: the last space may begin a word.
 * The run ends at `end`, and no newline matters in it. */
static size_t spaces(text t, size_t end)
{
    if (class_at(t, end) == FAR) return 0;
    return end < t.n && end > 1 ? end - 1 : end;
}

/* The end of a run of white space of both kinds; *newline: behind the last newline in it, or 0. */
static size_t white_run(text t, size_t *newline)
{
    size_t i = 0;
    *newline = 0;
    for (; class_at(t, i) == SPACE || class_at(t, i) == NEWLINE; i++)
        if (class_of[t.p[i]] == NEWLINE) *newline = i + 1;
    return i;
}

/* GPT-2's form: an ending, or a run of one kind with at most one space before it, or white space.
 */
static size_t gpt2(text t)
{
    size_t i = 0, newline;
    if (t.p[0] == '\'' && (i = ending(t, false))) return i;
    if (t.p[0] == ' ') i = 1;
    int c = class_at(t, i);
    if (c == FAR) return 0;
    if (c == LETTER || c == DIGIT || c == OTHER) return known(t, run_of(t, i, (class)c));
    return spaces(t, white_run(t, &newline));
}

/* White space in GPT-4's form: up to the last newline if there is one. */
static size_t gpt4_white(text t)
{
    size_t newline, end = white_run(t, &newline);
    if (class_at(t, end) == FAR) return 0;
    return newline ? newline : spaces(t, end);
}

/* Signs from i on, the newlines behind them included. */
static size_t gpt4_signs(text t, size_t i)
{
    size_t end = known(t, run_of(t, i, OTHER));
    return end ? run_of(t, end, NEWLINE) : 0;
}

/* GPT-4's form: an ending; letters, with any one character before them that is no letter, digit or
 * newline; digits; signs; white space. */
static size_t gpt4(text t, size_t digits)
{
    size_t i = 0;
    if (t.p[0] == '\'' && (i = ending(t, true))) return i;
    int c = class_at(t, 0), next = class_at(t, 1);
    if (c == LETTER) return known(t, run_of(t, 1, LETTER));
    if (c == DIGIT) {
        for (i = 1; i < digits && class_at(t, i) == DIGIT;)
            i++;
        return i < digits ? known(t, i) : i;
    }
    if (c == NEWLINE) return gpt4_white(t);
    if (next == FAR) return 0;
    if (next == LETTER) return known(t, run_of(t, 2, LETTER));
    if (c == OTHER) return gpt4_signs(t, 0);
    return t.p[0] == ' ' && next == OTHER ? gpt4_signs(t, 1) : gpt4_white(t);
}

size_t eng_ascii_piece(eng_ascii_form form, const char *p, size_t n)
{
    text t = {(const uint8_t *)p, n};
    assert(n > 0);
    if (form == ENG_ASCII_NONE || t.p[0] >= 0x80) return 0;
    if (form == ENG_ASCII_GPT2) return gpt2(t);
    return gpt4(t, form == ENG_ASCII_GPT4 ? 1 : 3);
}

/* True when p[i] is a space between letters. */
static bool is_cut(const char *p, size_t i)
{
    return p[i] == ' ' && class_of[(uint8_t)p[i - 1]] == LETTER &&
           class_of[(uint8_t)p[i + 1]] == LETTER;
}

size_t eng_ascii_cut_after(eng_ascii_form form, const char *p, size_t n, size_t from)
{
    if (form == ENG_ASCII_NONE) return n;
    for (size_t i = from ? from : 1; i + 1 < n; i++)
        if (is_cut(p, i)) return i;
    return n;
}

size_t eng_ascii_cut_before(eng_ascii_form form, const char *p, size_t n)
{
    if (form == ENG_ASCII_NONE) return 0;
    for (size_t i = n; i-- > 2;)
        if (is_cut(p, i - 1)) return i - 1;
    return 0;
}
