/* prefix.h - which beginnings of sequences are in the cache: a tree over pages.
 *
 * A node is a page of the pool with the tokens it holds; a path from the root spells a sequence.
 * Nodes with all ENG_PAGE_TOKENS may have children, shorter ones are the last pages of sequences
 * that ended.  Nodes are kept by the number of their page, so nothing is allocated after the
 * opening.  Sequences that hold a node's page are counted elsewhere (infer/pages.h), which says
 * here when there are none.
 *
 * Who must go first is decided as in GreedyDual-Size (Cao, Irani 1997): a node is worth what it
 * costs to compute its tokens anew, on top of an age that rises to the worth of what was evicted
 * last; among equals the one unused for longest goes.  Only leaves go.
 */
#ifndef ENG_INFER_PREFIX_H
#define ENG_INFER_PREFIX_H

#include "base/status.h"
#include "engine/kernel/attn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tokens of a page: the keys that attention walks at a time, so paging changes no order. */
#define ENG_PAGE_TOKENS ENG_ATTN_BLOCK

/* No page: also the parent of the first pages. */
#define ENG_PAGE_NONE UINT32_MAX

typedef struct eng_prefix eng_prefix;

/* An empty tree over pages 0 .. n_pages - 1; SK_E_NOMEM. */
sk_status eng_prefix_open(size_t n_pages, eng_prefix **out, sk_err *e);

/* NULL is allowed. */
void eng_prefix_close(eng_prefix *t);

/* The child of `parent` that holds exactly these ENG_PAGE_TOKENS tokens, or ENG_PAGE_NONE.  `tag`
 * tells apart what the same tokens give with different weights (an adapter). */
uint32_t eng_prefix_next(eng_prefix *t, const void *tag, uint32_t parent, const int32_t *ids);

/* The child of `parent` that begins with most of the n tokens, which *n_same says; ENG_PAGE_NONE
 * where none has enough of them to be worth a copy.  Of many children only those used last are
 * looked at. */
uint32_t eng_prefix_part(eng_prefix *t, const void *tag, uint32_t parent, const int32_t *ids,
                         size_t n, size_t *n_same);

/* Puts a page that is not in the tree under `parent` (in the tree, full) with its n tokens, counted
 * as held by a sequence.  Returns the page; or, unchanged, one that says the same or (n less than
 * ENG_PAGE_TOKENS) more and was there before. */
uint32_t eng_prefix_add(eng_prefix *t, const void *tag, uint32_t parent, const int32_t *ids,
                        size_t n, uint32_t page);

/* True if the page is in the tree. */
bool eng_prefix_has(const eng_prefix *t, uint32_t page);

/* Says that sequences hold the page, or that none does any more; either counts as a use. */
void eng_prefix_hold(eng_prefix *t, uint32_t page, bool held);

/* Takes the least worthy leaf that nobody holds out of the tree: its page, or ENG_PAGE_NONE. */
uint32_t eng_prefix_evict(eng_prefix *t);

/* Takes some leaf of a tag that nobody holds out of the tree, likewise. */
uint32_t eng_prefix_evict_tag(eng_prefix *t, const void *tag);

/* Has fn called with each page that eng_prefix_evict is about to take out, still in the tree. */
void eng_prefix_watch(eng_prefix *t, void (*fn)(void *arg, uint32_t page), void *arg);

/* The tokens of a full page in the tree and of those above it: ids[i] of the i-th from the root,
 * each ENG_PAGE_TOKENS.  How many pages; 0 for a page that is not full.  ids has room for as many
 * as a sequence has. */
size_t eng_prefix_path(const eng_prefix *t, uint32_t page, const void **tag, const int32_t **ids);

/* Pages in the tree, and those of them that nobody holds.  Who holds a page must hold all above it;
 * then the latter can all be evicted. */
size_t eng_prefix_count(const eng_prefix *t);
size_t eng_prefix_idle(const eng_prefix *t);

#endif
