/* str.h - strings: UTF-8 text in which every byte is marked with its origin.
 *
 * Strings never change once made.  Slices share the bytes of what they were cut from.  Text of one
 * origin has mk = NULL and its mark in `mark`; mixed text has a byte of mk for each byte. Positions
 * that templates see count code points, as Python does; inside the engine they count bytes.
 */
#ifndef ENG_JINJA_STR_H
#define ENG_JINJA_STR_H

#include "engine/jinja/run.h"

/* Bytes with room behind them: a string that ends where the used bytes end can be appended to
 * without a copy, so that building a text piece by piece costs its length and not its square. */
typedef struct jn_grow {
    char *p;
    uint8_t *mk; /* NULL while all is of one origin */
    size_t used, cap;
} jn_grow;

struct jn_str {
    const char *p;     /* valid UTF-8, not NUL-terminated */
    const uint8_t *mk; /* [n] origin of each byte, NULL: mark is everybody's */
    size_t n;          /* bytes */
    size_t chars;      /* code points; SIZE_MAX: not counted yet */
    jn_grow *grow; /* the buffer p lies in, if it may be appended to there; NULL: a fixed text */
    uint8_t mark;
    bool safe; /* went through |safe or |escape: + escapes what is added to it */
};

/* A string over bytes that outlive the rendering or lie in its pool; NULL without memory.  They
 * must be valid UTF-8: input is mended where it enters (convert.h), not here. */
jn_str *eng_jn_str_view(jn_run *r, const char *p, size_t n, uint8_t mark);

/* A string value with a copy of the bytes. */
sk_status eng_jn_str_copy(jn_run *r, const char *p, size_t n, uint8_t mark, jn_val *out);

/* The template's own text, a C string that outlives the rendering. */
sk_status eng_jn_str_lit(jn_run *r, const char *text, jn_val *out);

/* Bytes [from, from + n) of s.  No copy. from and from + n must lie between characters. */
sk_status eng_jn_str_sub(jn_run *r, const jn_str *s, size_t from, size_t n, jn_val *out);

/* a and b in one.  Appends in place where a ends at the used end of its jn_grow, else copies
 * both; either way a itself still reads as before. */
sk_status eng_jn_str_cat(jn_run *r, const jn_str *a, const jn_str *b, jn_val *out);

/* Number of code points.  Counted once and kept, hence not const. */
size_t eng_jn_str_chars(jn_str *s);

/* Byte offset of code point number `at` (0 .. chars).  Linear in `at`, but constant for text
 * that is all ASCII; callers count its steps. */
size_t eng_jn_str_offset(jn_str *s, size_t at);

/* Order of code points, which is that of bytes: <0, 0, >0.  UTF-8 was made so that both orders
 * are one. */
int eng_jn_str_cmp(const jn_str *a, const jn_str *b);
/* Equal bytes; origins do not count, as a template must not be able to tell them apart. */
bool eng_jn_str_eq(const jn_str *a, const jn_str *b);

/* Compared with a C string, for names. */
bool eng_jn_str_is(const jn_str *s, const char *text);

/* Byte offset of the first / last place of `what` in s[from..to), SIZE_MAX if there is none. */
size_t eng_jn_str_find(const jn_str *s, size_t from, size_t to, const jn_str *what);

/* The last place; an empty text is found at `to`. */
size_t eng_jn_str_rfind(const jn_str *s, size_t from, size_t to, const jn_str *what);

/* The mark of byte i. */
static inline uint8_t jn_mark_at(const jn_str *s, size_t i)
{
    return s->mk ? s->mk[i] : s->mark;
}

/* The code point at p (valid UTF-8) and its length; and back into out[4]. */
uint32_t eng_jn_utf8_get(const char *p, size_t *len);

/* Returns how many bytes it wrote. */
size_t eng_jn_utf8_put(uint32_t c, char out[4]);

/* A string being built.  Appends need no check: the first failure is kept and told at the end.
 * What is appended costs steps, so that the limits hold even where a single statement writes
 * much. */
typedef struct jn_sb {
    jn_run *r;    /* whose memory and limits count */
    jn_grow g;    /* what there is so far */
    uint8_t mark; /* of all of it, while g.mk is NULL */
    sk_status st; /* the first failure, SK_OK while there is none */
    uint64_t max; /* bytes it may have, 0: any number */
} jn_sb;

/* Starts empty, without memory: a builder that is dropped needs no end. */
void eng_jn_sb_init(jn_sb *b, jn_run *r);
/* Appends n bytes of one origin; one byte of ASCII; a C string; a code point. */
void eng_jn_sb_add(jn_sb *b, const char *p, size_t n, uint8_t mark);

/* One byte of ASCII. */
void eng_jn_sb_addc(jn_sb *b, char c, uint8_t mark);

/* A C string. */
void eng_jn_sb_adds(jn_sb *b, const char *text, uint8_t mark);

/* A code point, no surrogate. */
void eng_jn_sb_char(jn_sb *b, uint32_t c, uint8_t mark);
/* Bytes [from, from + n) of s with their marks; and all of it. */
void eng_jn_sb_part(jn_sb *b, const jn_str *s, size_t from, size_t n);

/* The whole of s. */
void eng_jn_sb_str(jn_sb *b, const jn_str *s);

/* The string, or the failure. */
sk_status eng_jn_sb_done(jn_sb *b, jn_val *out);

#endif
