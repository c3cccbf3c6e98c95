/* pages.h - whose the pages of the pool are: lists of pages by sequence, shared beginnings,
 * promises.
 *
 * A slot's sequence is a list of pages of ENG_PAGE_TOKENS positions.  Full pages may be shared: by
 * several slots, and with the tree of beginnings (infer/prefix.h) that outlives them.  Who writes
 * into a shared page gets a copy of it first.  What the pages hold is somewhere else (infer/kv.h);
 * here are only numbers, so that a test can drive all of it without a model.
 *
 * Where some layers see a window only, their part of the sequence lies in a second list of "near"
 * pages (infer/near.h), of which a slot holds those that can still be seen.  A beginning is shared
 * as far as the tree also has the near pages that its next token sees.
 *
 * Promises: a slot that began (eng_pages_begin) may take as many pages as it asked for, whatever
 * the others do.  A page that only the tree has counts as free, since it can be evicted.  Of near
 * pages each slot is promised as many as it can ever hold at once, whether it shares them or not:
 * they are few.
 */
#ifndef ENG_INFER_PAGES_H
#define ENG_INFER_PAGES_H

#include "engine/infer/near.h"

typedef struct eng_pages eng_pages;

typedef struct eng_pages_opts {
    size_t n_pages, n_slots; /* of the pool; sequences at once */
    size_t most;             /* pages of a sequence, at most */
    bool prefix;             /* keep beginnings; else nothing is ever shared */
    /* what page `from` of one of the pools holds to its page `to` */
    void (*copy)(void *arg, bool near, uint32_t to, uint32_t from);
    void *arg;
    size_t n_near; /* near pages of the pool; 0: every layer sees everything */
    size_t window; /* positions that a token sees of near pages, its own counted */
    size_t ahead;  /* tokens that are written at once, at most */
} eng_pages_opts;

/* Near pages that a sequence of n tokens can hold at once, for n_pages pages of sequences. */
size_t eng_pages_near_most(size_t n_tokens, size_t window, size_t ahead);

/* Tokens of a slot that are valid, with what they were computed with (see eng_prefix_next). */
typedef struct eng_pages_seq {
    const void *tag;
    const int32_t *ids; /* [n] */
    size_t n;
} eng_pages_seq;

typedef struct eng_pages_usage {
    size_t all, held, kept; /* pages; in lists of slots; besides these, in the tree */
    size_t promised;        /* that slots may still take */
} eng_pages_usage;

/* All pages free, all slots empty; SK_E_NOMEM. */
sk_status eng_pages_open(const eng_pages_opts *o, eng_pages **out, sk_err *e);

/* NULL is allowed. */
void eng_pages_close(eng_pages *p);

/* Page numbers of a slot's sequence [most], as far as it has pages; the array stays where it is. */
const uint32_t *eng_pages_list(const eng_pages *p, uint32_t slot);

/* The same of near pages: those below the first that can be seen are 0. */
const uint32_t *eng_pages_near(const eng_pages *p, uint32_t slot);

/* False if a token at pos would see near pages that the slot has given back: it must not go back so
 * far. */
bool eng_pages_reaches(const eng_pages *p, uint32_t slot, size_t pos);

/* Empties a slot and begins the sequence s there, which may become n_all tokens long (at least
 * s->n): promises the pages and takes what the tree has of its beginning, but never the last token,
 * whose logits somebody wants.  *n_held says how many tokens that is.  SK_E_BUSY, with the slot
 * empty, while others hold the pages; SK_E_TOOBIG if the pool is too small. */
sk_status eng_pages_begin(eng_pages *p, uint32_t slot, const eng_pages_seq *s, size_t n_all,
                          size_t *n_held, sk_err *e);

/* Promises pages until the slot's sequence is n_all tokens long; SK_E_BUSY, with nothing changed,
 * while others hold them. */
sk_status eng_pages_extend(eng_pages *p, uint32_t slot, size_t n_all);

/* Takes what came into the tree since, where the slot holds `held` tokens, a whole number of pages,
 * of s; returns how many it holds then. */
size_t eng_pages_adopt(eng_pages *p, uint32_t slot, const eng_pages_seq *s, size_t held);

/* Puts the full pages of s, which the slot holds, into the tree. */
void eng_pages_share(eng_pages *p, uint32_t slot, const eng_pages_seq *s);

/* Ends a slot's sequence: the tree keeps s (NULL: nothing), the last page too, full or not. */
void eng_pages_end(eng_pages *p, uint32_t slot, const eng_pages_seq *s);

/* Pages that eng_pages_own would take for positions pos .. pos + n - 1, beyond what was promised.
 */
size_t eng_pages_lack(const eng_pages *p, uint32_t slot, size_t pos, size_t n);

/* Pages that can be had for that. */
size_t eng_pages_spare(const eng_pages *p);

/* Both of near pages. */
size_t eng_pages_near_lack(const eng_pages *p, uint32_t slot, size_t pos, size_t n);
size_t eng_pages_near_spare(const eng_pages *p);

/* Makes the pages of positions pos .. pos + n - 1 the slot's own, so that they can be written; what
 * they hold below pos stays.  eng_pages_spare must be at least what it lacks. */
void eng_pages_own(eng_pages *p, uint32_t slot, size_t pos, size_t n);

/* The tree of beginnings, NULL: none are kept. */
eng_prefix *eng_pages_tree(const eng_pages *p);

/* Drops all that the tree has and no slot holds, page by page. */
void eng_pages_flush(eng_pages *p);

/* Drops what the tree has of a tag, as far as no slot holds it. */
void eng_pages_forget(eng_pages *p, const void *tag);

/* How full it is. */
eng_pages_usage eng_pages_used(const eng_pages *p);

#endif
