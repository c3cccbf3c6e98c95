/* pretok_ascii.h - the two commonest pre-tokenizer patterns by hand, where the text is ASCII.
 * Private to the room.
 *
 * Most text is ASCII, and there a pattern of GPT-2's or GPT-4's form is a few comparisons a byte;
 * the regular expression, which costs a call for each piece, is asked only where a character beyond
 * ASCII has a say in where the piece ends.
 */
#ifndef ENG_TOKEN_PRETOK_ASCII_H
#define ENG_TOKEN_PRETOK_ASCII_H

#include <stddef.h>

typedef enum eng_ascii_form {
    ENG_ASCII_NONE,  /* no pattern of these: nothing is known here */
    ENG_ASCII_GPT2,  /* "gpt-2" */
    ENG_ASCII_GPT4,  /* "qwen2": single digits */
    ENG_ASCII_GPT4_3 /* "llama-bpe": up to three digits together */
} eng_ascii_form;

/* Bytes of the piece at the beginning of p[0..n), n > 0, what is before it being cut already; 0
 * where the pattern must be asked (or the form is none). */
size_t eng_ascii_piece(eng_ascii_form form, const char *p, size_t n);

/* A place between two pieces, whatever is before and behind: the first one at or after `from` / the
 * last one of p[0..n); n / 0 when there is none.  It is where a letter, a space and a letter stand
 * side by side: no pattern of these forms goes on from a letter into a space, nor looks back, nor
 * looks ahead from a letter. */
size_t eng_ascii_cut_after(eng_ascii_form form, const char *p, size_t n, size_t from);
size_t eng_ascii_cut_before(eng_ascii_form form, const char *p, size_t n);

#endif
