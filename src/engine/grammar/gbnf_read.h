/* gbnf_read.h - the text of a GBNF grammar to a tree for each rule.
 *
 *   name ::= "text" | [a-z_] | [^"\n] | . | other-name | ( ... )    each with * + ? {n} {n,} {n,m}
 *
 * Escapes: \n \r \t \\ \" \[ \] \xXX \uXXXX \UXXXXXXXX; # begins a comment.  A rule ends with its
 * line, but inside parentheses and before a line that begins with |.  References to tokens (<...>)
 * are refused.
 */
#ifndef ENG_GRAMMAR_GBNF_READ_H
#define ENG_GRAMMAR_GBNF_READ_H

#include "engine/grammar/expr.h"
#include "engine/token/jscan.h"

/* Bounds: rules, nodes, groups in one another, counts of a repetition. */
enum { ENG_GBNF_RULES = 4000, ENG_GBNF_NODES = 200000, ENG_GBNF_DEPTH = 60, ENG_GBNF_COUNT = 2000 };

typedef enum eng_gkind { ENG_GN_SEQ, ENG_GN_ALT, ENG_GN_RX, ENG_GN_REF, ENG_GN_REP } eng_gkind;

/* A part of a rule; members hang on `child`. */
typedef struct eng_gnode {
    eng_gkind kind;
    eng_rx rx;       /* RX */
    uint32_t rule;   /* REF */
    uint32_t lo, hi; /* REP */
    struct eng_gnode *child, *next;
} eng_gnode;

/* A rule; body is NULL while it was only named. */
typedef struct eng_grule {
    eng_str name;
    eng_gnode *body;
    uint8_t state;   /* of the compiler */
    uint32_t number; /* the same */
    eng_rx rx;       /* the same */
} eng_grule;

typedef struct eng_gbnf {
    sk_arena *mem;
    eng_grule *rule;
    size_t n_rule, cap_rule, n_node;
    eng_rxindex by_name;
    uint32_t root;
} eng_gbnf;

/* Reads text[0..n) into g, which is {0}; characters become expressions of p.  SK_E_INVALID says
 * what is wrong, with the line.  Free with eng_gbnf_fini, also after a failure. */
sk_status eng_gbnf_read(eng_gbnf *g, eng_rxpool *p, const char *text, size_t n, sk_err *e);

/* Frees the trees. */
void eng_gbnf_fini(eng_gbnf *g);

#endif
