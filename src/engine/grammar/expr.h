/* expr.h - regular expressions over bytes with AND and NOT, and their derivatives.
 *
 * What may stand in one place of an answer (a key, a number, a string that matches a pattern) is an
 * expression.  Equal expressions have equal numbers (they are hash-consed), so the derivatives of
 * an expression - what may follow after a byte - are the states of its automaton, made as they are
 * met: a string of at most 100,000 characters costs no more than one of 10 (Brzozowski 1964; Owens,
 * Reppy and Turon 2009, "Regular-expression derivatives re-examined").
 *
 * A pool only grows.  A call that finds no memory, or the pool at a bound, notes that in `st` and
 * returns ENG_RX_NONE; who builds something asks once at the end.
 */
#ifndef ENG_GRAMMAR_EXPR_H
#define ENG_GRAMMAR_EXPR_H

#include "base/status.h"
#include "engine/grammar/blocks.h"
#include "engine/grammar/bytes.h"

#include <stddef.h>

typedef uint32_t eng_rx;

#define ENG_RX_NONE ((eng_rx)0) /* matches nothing */
#define ENG_RX_EPS ((eng_rx)1)  /* matches the empty string */
#define ENG_RX_ALL ((eng_rx)2)  /* matches every string */
#define ENG_RX_INF UINT32_MAX   /* no upper bound */

typedef enum eng_rxkind {
    ENG_RXK_NONE,
    ENG_RXK_EPS,
    ENG_RXK_SET, /* a = number of the set */
    ENG_RXK_CAT, /* a, then b; a is no CAT */
    ENG_RXK_OR,  /* b expressions from place a of the lists on, ascending */
    ENG_RXK_AND, /* the same */
    ENG_RXK_NOT, /* not a */
    ENG_RXK_REP, /* a, from lo to hi times */
    ENG_RXK_REM  /* digits that make a multiple: see eng_rx_multiple */
} eng_rxkind;

/* One expression. */
typedef struct eng_rxnode {
    uint8_t kind;
    bool nullable;         /* matches the empty string */
    bool hard;             /* might match nothing although it isn't ENG_RX_NONE */
    uint8_t fate;          /* of a hard one: 0 not known, 1 matches something, 2 nothing */
    uint32_t a, b, lo, hi; /* as the kind has it */
    uint32_t hash;
    uint32_t arrow, n_arrow; /* its derivatives, once asked for; arrow UINT32_MAX before */
} eng_rxnode;

/* After any byte of `set`, `to` is left.  The sets of one expression's arrows are disjoint. */
typedef struct eng_rxarrow {
    eng_bytes set;
    eng_rx to;
} eng_rxarrow;

/* A table from hashes to numbers: open addressing, UINT32_MAX is an empty place. */
typedef struct eng_rxindex {
    uint32_t *slot;
    size_t n, cap; /* cap is 0 or a power of 2 */
} eng_rxindex;

enum { ENG_RX_MEMBERS = 4 };

typedef struct eng_rxpool {
    eng_rxnode *node;
    eng_blocks list;    /* members of OR and AND */
    eng_bytes *set;     /* the sets */
    eng_rxarrow *arrow; /* derivatives */
    size_t n, cap, n_set, cap_set, n_arrow, cap_arrow;
    eng_rxindex by_node, by_set;
    uint64_t *bits; /* one for each expression, all 0 between uses */
    size_t cap_bits;
    size_t most;  /* nodes it may have, ENG_RX_MEMBERS members of OR and AND counting as one */
    sk_status st; /* the first failure: SK_E_NOMEM, SK_E_TOOBIG, or SK_E_AGAIN */
    int depth;    /* of a derivation under way */
    /* Work done, in arrows that were looked at, and how much there may be of it before SK_E_AGAIN,
     * 0: any.  What was made by then is kept, so that to ask again costs that much less; something
     * always is. */
    uint64_t work, most_work, made;
} eng_rxpool;

/* An empty pool of at most `most` expressions.  Free with eng_rxpool_fini, also after a failure. */
sk_status eng_rxpool_init(eng_rxpool *p, size_t most, sk_err *e);

/* Frees what it holds. */
void eng_rxpool_fini(eng_rxpool *p);

/* Bytes of memory it holds. */
size_t eng_rxpool_bytes(const eng_rxpool *p);

/* SK_OK, or p->st with its sentence. */
sk_status eng_rxpool_check(const eng_rxpool *p, sk_err *e);

/* The i-th member of x, an OR or AND. */
static inline eng_rx eng_rx_member(const eng_rxpool *p, const eng_rxnode *x, uint32_t i)
{
    return eng_blocks_at(&p->list, x->a)[i];
}

/* One byte of s. */
eng_rx eng_rx_set(eng_rxpool *p, const eng_bytes *s);

/* The bytes s[0..n). */
eng_rx eng_rx_lit(eng_rxpool *p, const char *s, size_t n);

/* a, then b. */
eng_rx eng_rx_cat(eng_rxpool *p, eng_rx a, eng_rx b);

/* Any of v[0..n), or all of them at once; v is sorted and may be changed otherwise. */
eng_rx eng_rx_or(eng_rxpool *p, eng_rx *v, size_t n);

/* All of them at once. */
eng_rx eng_rx_and(eng_rxpool *p, eng_rx *v, size_t n);

/* The same of two. */
eng_rx eng_rx_or2(eng_rxpool *p, eng_rx a, eng_rx b);

/* Members that are gathered first: a sum made of two at a time costs the square of their number.
 * Start as {0}. */
typedef struct eng_rxsum {
    eng_rx *v;
    size_t n, cap;
} eng_rxsum;

/* One more; without memory p fails. */
void eng_rxsum_add(eng_rxpool *p, eng_rxsum *s, eng_rx a);

/* Any of them, NONE if there are none; s is empty again. */
eng_rx eng_rxsum_or(eng_rxpool *p, eng_rxsum *s);

/* Both. */
eng_rx eng_rx_and2(eng_rxpool *p, eng_rx a, eng_rx b);

/* Every string that a does not match. */
eng_rx eng_rx_not(eng_rxpool *p, eng_rx a);

/* a from lo to hi times (ENG_RX_INF: no bound). */
eng_rx eng_rx_rep(eng_rxpool *p, eng_rx a, uint32_t lo, uint32_t hi);

/* Decimal digits, and a '.' with digits if places > 0, whose number times 10^places is a multiple
 * of div (1 .. 10^9), provided all digits behind `places` are 0. */
eng_rx eng_rx_multiple(eng_rxpool *p, uint32_t div, uint32_t places);

/* Notes n units of work. */
static inline void eng_rxpool_worked(eng_rxpool *p, size_t n)
{
    p->work += n;
}

/* True when there was as much work as there may be: p has failed with SK_E_AGAIN. */
static inline bool eng_rxpool_is_spent(eng_rxpool *p)
{
    if (!p->most_work || !p->made || p->work < p->most_work) return false;
    if (!p->st) p->st = SK_E_AGAIN;
    return true;
}

/* The arrows of e, made on the first call; *n of them from p->arrow[the result] on. */
size_t eng_rx_arrows(eng_rxpool *p, eng_rx e, size_t *n);

/* What is left of e after byte b. */
eng_rx eng_rx_step(eng_rxpool *p, eng_rx e, unsigned b);

/* True if e matches the bytes s[0..n). */
bool eng_rx_match(eng_rxpool *p, eng_rx e, const char *s, size_t n);

/* True if e matches nothing at all.  Looks at a bounded number of derivatives. */
bool eng_rx_empty(eng_rxpool *p, eng_rx e);

/* ---- for this room ---- */

/* A state of a pool to go back to. */
typedef struct eng_rxmark {
    size_t n, n_list, n_set, n_arrow;
} eng_rxmark;

/* Forgets all that was made after the mark, and a failure. */
void eng_rxpool_cut(eng_rxpool *p, const eng_rxmark *m);

/* The state now. */
eng_rxmark eng_rxpool_mark(const eng_rxpool *p);

/* The node ENG_RXK_REM: a = divisor, b = remainder of the digits so far, lo = places left behind
 * the point, hi = 0 before the point, 1 just behind it, 2 among the digits behind it, 3 where no
 * point may come. */
eng_rx eng_rx_rem(eng_rxpool *p, uint32_t div, uint64_t rem, uint32_t places, uint32_t mode);

/* What one byte leads to, gathered from many sets: bytes that no set tells apart share a class. */
typedef struct eng_spread {
    uint8_t cls[256], rep[256]; /* class of each byte; a byte of each class */
    uint16_t size[256];         /* bytes of each class */
    unsigned n;                 /* classes */
    uint32_t head[256];         /* first of the links of a class, UINT32_MAX: none */
} eng_spread;

/* A member of a class: entry `item`, and the link behind it. */
typedef struct eng_spreadlink {
    uint32_t item, next;
} eng_spreadlink;

/* All bytes in one class without links. */
void eng_spread_init(eng_spread *s);

/* Tells the bytes of set from those outside. */
void eng_spread_cut(eng_spread *s, const eng_bytes *set);

/* After all cuts, before links: finds a byte of each class. */
void eng_spread_done(eng_spread *s);

/* After that: hangs `item` on every class of the set.  link has room for *n_link + 256. */
void eng_spread_link(eng_spread *s, const eng_bytes *set, uint32_t item, eng_spreadlink *link,
                     size_t *n_link);

/* The number in x whose hash is h and for which same(arg, number) holds, UINT32_MAX if none. */
uint32_t eng_rxindex_find(const eng_rxindex *x, uint64_t h, bool (*same)(const void *, uint32_t),
                          const void *arg);

/* Adds a number; hash_of(arg, number) gives the hashes of those in it when it grows.  False without
 * memory. */
bool eng_rxindex_add(eng_rxindex *x, uint64_t h, uint32_t number,
                     uint64_t (*hash_of)(const void *, uint32_t), const void *arg);

#endif
