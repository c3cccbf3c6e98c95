/* book.h - what a grammar learns while it is used: states of the lexer, of the parser, and masks.
 *
 * The parser's state ("stand") is a set of items: an expression that may come next, the node behind
 * it, and the stack of calls to return to.  A stack is a set of (node to return to, stack below);
 * equal sets have one number, and all calls of a rule in one place share a stack, so ambiguous
 * grammars stay small (Tomita 1986; Scott and Johnstone 2010).  The lexer's state ("lex") is the
 * set of expressions that are under way, each with what is left of it: a step by a byte is a look
 * into a row.  When an expression ends, the parser moves; what it moves to is remembered.
 *
 * So one place in an answer is a few pairs (lex, stand): one, but where an expression has ended
 * that could also go on.
 */
#ifndef ENG_GRAMMAR_BOOK_H
#define ENG_GRAMMAR_BOOK_H

#include "engine/grammar/rules.h"

/* Bounds: of lexer states (their numbers are 16 bits wide), of pairs in one place, of calls in one
 * another. */
enum { ENG_LEX_MOST = 60000, ENG_PLACE_MOST = 32, ENG_STACK_MOST = 1000 };

#define ENG_PLAIN_ANY UINT32_MAX

/* An expression under way: which, and what is left of it. */
typedef struct eng_lexitem {
    eng_rx lexeme, left;
} eng_lexitem;

typedef struct eng_lex {
    uint16_t *row;    /* [256] the state after a byte, 0: none; NULL: not made yet */
    uint32_t item, n; /* eng_lexitems */
    uint32_t plain;   /* so many characters that stand for themselves in a JSON string may come;
                         ENG_PLAIN_ANY: any number */
    bool exact;       /* ... and no more than so many */
    bool ends;        /* some expression may end here */
    bool goes_on;     /* ... and some may go on */
    bool blank;       /* a space leads back here (between values, not in a string) */
} eng_lex;

/* What the parser may take: lexeme, then node `to`, with `stack` below. */
typedef struct eng_item {
    eng_rx lexeme;
    uint32_t to, stack;
} eng_item;

typedef struct eng_stand {
    uint32_t item, n;
    uint16_t lex;  /* state of the lexer that begins here */
    bool complete; /* the answer may end */
} eng_stand;

/* A member of a stack: the node a call returns to, and the stack below. */
typedef struct eng_frame {
    uint32_t node, below;
} eng_frame;

typedef struct eng_stack {
    uint32_t frame, n, depth;
} eng_stack;

/* A step of the parser that was made before. */
typedef struct eng_move {
    uint32_t stand, to;
    uint16_t lex;
} eng_move;

typedef struct eng_book {
    const eng_rules *rules;
    eng_rxpool *rx;
    eng_rxmark mark; /* the grammar's own expressions */
    sk_arena *mem;   /* rows */
    eng_lex *lex;
    eng_lexitem *lexitem;
    eng_stand *stand;
    eng_item *item;
    eng_stack *stack;
    eng_frame *frame;
    eng_move *move;
    size_t n_lex, cap_lex, n_lexitem, cap_lexitem, n_stand, cap_stand, n_item, cap_item, n_stack,
        cap_stack, n_frame, cap_frame, n_move, cap_move, n_row;
    eng_rxindex by_lex, by_stand, by_stack, by_move;
    eng_rx any_free, any_json, quote; /* a character of a string, a string's end: ENG_RX_NONE in a
                                         grammar without JSON strings */
    size_t most_bytes;                /* of memory */
    uint64_t generation;              /* times it was emptied */
    uint32_t first;                   /* the stand at the beginning */
    sk_status st;                     /* the first failure; but for SK_E_AGAIN the book must then be
                                         emptied */
    /* of one closure */
    eng_frame *todo; /* a node and the stack it has */
    eng_frame *call; /* frames of the calls of a closure, by rule */
    uint32_t *call_rule, *scratch;
    size_t n_todo, cap_todo, n_call, cap_call, cap_call_rule, cap_scratch;
    eng_rxindex seen;
} eng_book;

/* One place in an answer. */
typedef struct eng_place {
    uint32_t stand[ENG_PLACE_MOST];
    uint16_t lex[ENG_PLACE_MOST];
    uint8_t n;
    bool complete;
} eng_place;

/* An empty book of a finished grammar; both are borrowed, and expressions are added to rx. */
sk_status eng_book_init(eng_book *b, const eng_rules *rules, eng_rxpool *rx, size_t most_bytes,
                        sk_err *e);

/* Frees what it holds. */
void eng_book_fini(eng_book *b);

/* Forgets everything, failures too: numbers of states are no longer valid. */
sk_status eng_book_empty(eng_book *b, sk_err *e);

/* SK_OK, or the failure with its sentence. */
sk_status eng_book_check(const eng_book *b, sk_err *e);

/* Bytes of memory it holds, the expressions among them. */
size_t eng_book_bytes(const eng_book *b);

/* The place at the beginning. */
void eng_book_begin(const eng_book *b, eng_place *at);

/* Makes the row of a state; false after a failure. */
bool eng_book_row(eng_book *b, uint16_t lex);

/* The place behind a byte; at and to may not be the same.  False if the byte can't come, or after a
 * failure (b->st). */
bool eng_book_step(eng_book *b, const eng_place *at, uint8_t byte, eng_place *to);

/* Adds the pair (a lexer state that was just entered, stand) to a place, and what the parser moves
 * to if an expression ended. */
void eng_book_enter(eng_book *b, uint16_t lex, uint32_t stand, eng_place *to);

/* ---- for this room ---- */

/* The state of the lexer for n items (sorted, of at least one). 0 after a failure. */
uint16_t eng_book_lex(eng_book *b, const eng_lexitem *item, size_t n);

/* The stand behind the items of `stand` whose expressions end in state lex. */
uint32_t eng_book_move(eng_book *b, uint32_t stand, uint16_t lex);

/* Notes a failure. */
void eng_book_fail(eng_book *b, sk_status st);

/* True, and a failure, where nothing more may be learnt: SK_E_TOOBIG by the bound of memory,
 * SK_E_AGAIN by that of the work of this time (rx->most_work). */
bool eng_book_is_full(eng_book *b);

/* The stand of the grammar's start. */
uint32_t eng_book_start(eng_book *b);

#endif
