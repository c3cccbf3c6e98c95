/* lex.h - template text to tokens, as jinja2's lexer cuts it with trim_blocks and lstrip_blocks on:
 * the newline behind a block goes, and so do the blanks before one that begins a line.
 *
 * Source: jinja2's lexer.py.  Its rules that surprise: "-" beside a tag strips all white space
 * including newlines and wins over trim_blocks; "+" turns the automatic stripping off for one
 * tag; a raw block is data; comments vanish as if they were blocks; integers may have
 * underscores; a string knows Python's escapes.
 */
#ifndef ENG_JINJA_LEX_H
#define ENG_JINJA_LEX_H

#include "engine/jinja/run.h"

typedef enum jn_tok_type {
    JT_EOF,       /* always the last, so that a parser may look ahead by one without a check */
    JT_DATA,      /* text between tags, stripped already; never empty */
    JT_VAR_BEGIN, /* {{ */
    JT_VAR_END,
    JT_BLOCK_BEGIN, /* {% */
    JT_BLOCK_END,
    JT_NAME,   /* keywords too: jinja2 has no reserved words but by place */
    JT_STRING, /* escapes resolved */
    JT_INT,    /* as written; num.h reads it */
    JT_FLOAT,  /* as written */
    JT_OP      /* an operator: its text */
} jn_tok_type;

typedef struct jn_tok {
    jn_tok_type type;
    int line;      /* counted from 1, of the token's first character */
    const char *p; /* the text; of a string the characters it stands for */
    size_t n;
} jn_tok;

/* Cuts text[0..n), which must outlive the tokens, into r's memory; the last token is JT_EOF.
 * SK_E_FORMAT with the line for a tag, string, comment or raw block that is not closed, brackets
 * that do not match, and characters that are no token. */
sk_status eng_jn_lex(jn_run *r, const char *text, size_t n, jn_tok **out);

#endif
