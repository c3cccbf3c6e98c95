/* lex.h - template text to tokens, as jinja2's lexer cuts it with trim_blocks and lstrip_blocks on:
 * the newline behind a block goes, and so do the blanks before one that begins a line.
 */
#ifndef ENG_JINJA_LEX_H
#define ENG_JINJA_LEX_H

#include "engine/jinja/run.h"

typedef enum jn_tok_type {
    JT_EOF,
    JT_DATA,
    JT_VAR_BEGIN,
    JT_VAR_END,
    JT_BLOCK_BEGIN,
    JT_BLOCK_END,
    JT_NAME,
    JT_STRING,
    JT_INT,
    JT_FLOAT,
    JT_OP /* an operator: its text */
} jn_tok_type;

typedef struct jn_tok {
    jn_tok_type type;
    int line;
    const char *p; /* the text; of a string the characters it stands for */
    size_t n;
} jn_tok;

/* Cuts text[0..n), which must outlive the tokens, into r's memory; the last token is JT_EOF. */
sk_status eng_jn_lex(jn_run *r, const char *text, size_t n, jn_tok **out);

#endif
