/* parser.h - what the two halves of the parser (statements, expressions) share.
 *
 * A recursive descent with one token of look-ahead; every function leaves p->tok behind what it
 * took.  On failure the parser is left where it is: the program is dropped as a whole, its nodes
 * die with the run's memory.
 */
#ifndef ENG_JINJA_PARSER_H
#define ENG_JINJA_PARSER_H

#include "engine/jinja/ast.h"
#include "engine/jinja/lex.h"

typedef struct jn_parser {
    jn_run *r;         /* memory, errors, and the depth of what is being parsed */
    const jn_tok *tok; /* the current one; behind the last JT_EOF nobody looks */
    jn_names names;    /* of the program under way */
    jn_params *macro;  /* the innermost macro: notes which special variables it reads */
    int soft;          /* inside an if: an unknown filter is an error only when it is reached */
    const jn_node *unknown; /* the first unknown filter or test that is reached for certain */
    int loops;              /* for loops around, within the innermost macro */
} jn_parser;

/* The current token is this operator / this name. */
bool eng_jn_is_op(const jn_parser *p, const char *op);

/* Keywords included: they are names by their place. */
bool eng_jn_is_name(const jn_parser *p, const char *name);

/* Takes the current token if it is that. */
bool eng_jn_skip_op(jn_parser *p, const char *op);

/* The same for a name. */
bool eng_jn_skip_name(jn_parser *p, const char *name);

/* Takes it or fails.  SK_E_FORMAT, "'op' is expected here: unexpected ...". */
sk_status eng_jn_want_op(jn_parser *p, const char *op);

/* "unexpected ..." about the current token; what: what was expected, or NULL. Returns
 * SK_E_FORMAT, so that callers can return it at once; sets the run's line to the token's. */
sk_status eng_jn_unexpected(jn_parser *p, const char *what);

/* A new node of the current line; NULL without memory. */
jn_node *eng_jn_node(jn_parser *p, jn_kind kind);

/* The unique string of a name.  Two names are equal if and only if their strings are one: scopes
 * compare addresses. */
sk_status eng_jn_intern(jn_parser *p, const char *s, size_t n, jn_str **out);

/* A list of nodes that grows. */
typedef struct jn_list {
    jn_node **v; /* in the run's memory: a node may take it over as its list */
    size_t n, cap;
} jn_list;
/* Appends n.  The arrays that were outgrown stay in the pool until the run ends, together at
 * most as much again. */
sk_status eng_jn_list_add(jn_parser *p, jn_list *l, jn_node *n);

/* An expression; without `cond` no "a if b" on the top level.  Precedence from loose to tight,
 * as in jinja2's parser.py: if-else, or, and, not, comparisons, + -, ~, * / // %, **, signs,
 * then filters and tests, then .name [index] (call). */
sk_status eng_jn_parse_expr(jn_parser *p, bool cond, jn_node **out);

/* An expression or several with commas; `end`: a name that ends it (NULL: none).  "a," is a
 * tuple of one.  Without anything it is an error but in brackets, where the caller has looked. */
sk_status eng_jn_parse_tuple(jn_parser *p, bool cond, const char *end, jn_node **out);

/* What can be assigned to: names, tuples of names; with `ns` also ns.attr. */
sk_status eng_jn_parse_target(jn_parser *p, bool ns, const char *end, jn_node **out);

/* "name(args) | name(args)" over `on` (NULL: the text of a block); the current token is the
 * first name.  An unknown filter is remembered in p->unknown instead of failing, if the place is
 * inside an if (soft). */
sk_status eng_jn_parse_filters(jn_parser *p, jn_node *on, jn_node **out);

#endif
