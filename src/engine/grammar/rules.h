/* rules.h - a grammar's rules: small automata whose edges are expressions or calls of rules.
 *
 * A rule is a set of nodes with a start and final nodes.  An edge takes bytes that match an
 * expression (expr.h), or calls a rule and goes on where that ends, or takes nothing.  So a rule
 * may have loops, many ends, and calls of itself - but not before it has taken a byte: such (left
 * recursive) rules are refused.
 */
#ifndef ENG_GRAMMAR_RULES_H
#define ENG_GRAMMAR_RULES_H

#include "engine/grammar/expr.h"

#define ENG_RULE_NONE UINT32_MAX

typedef enum eng_edgekind { ENG_EDGE_EPS, ENG_EDGE_RX, ENG_EDGE_CALL } eng_edgekind;

/* From a node (whose list `next` goes on with) to node `to`. */
typedef struct eng_edge {
    uint32_t to, next, what; /* what: the expression or the rule */
    uint8_t kind;            /* eng_edgekind */
} eng_edge;

/* A node; `final`: the rule may end here. */
typedef struct eng_node {
    uint32_t edge; /* first of its edges, ENG_RULE_NONE for none */
    bool final;
} eng_node;

typedef struct eng_rules {
    eng_node *node;
    eng_edge *edge;
    uint32_t *start; /* of each rule */
    bool *null;      /* after eng_rules_finish: the rule may take nothing */
    size_t n_node, cap_node, n_edge, cap_edge, n_rule, cap_rule, cap_null;
    size_t most;  /* edges there may be, and nodes */
    sk_status st; /* the first failure, as in expr.h */
} eng_rules;

/* Frees what r holds. */
void eng_rules_fini(eng_rules *r);

/* A new node; 0 after a failure. */
uint32_t eng_rules_node(eng_rules *r, bool final);

/* A new rule that starts at a node of its own. */
uint32_t eng_rules_add(eng_rules *r);

/* An edge that takes nothing. */
void eng_rules_eps(eng_rules *r, uint32_t from, uint32_t to);

/* An edge that takes what matches rx. */
void eng_rules_rx(eng_rules *r, uint32_t from, eng_rx rx, uint32_t to);

/* An edge that calls a rule. */
void eng_rules_call(eng_rules *r, uint32_t from, uint32_t rule, uint32_t to);

/* Checks the whole and makes it ready: edges that can never be passed to an end are taken out, so
 * that no answer gets stuck.  SK_E_INVALID when rule 0, the whole, matches nothing,
 * SK_E_UNSUPPORTED for a left recursive rule. */
sk_status eng_rules_finish(eng_rules *r, eng_rxpool *p, sk_err *e);

#endif
