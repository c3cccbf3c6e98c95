/* near.h - pages of the layers that see a window only: whose they are, which are remembered.
 *
 * Where a model has such layers the cache has two pools (infer/kv.h): pages of the other layers,
 * which a sequence keeps to its end, and these "near" ones, which it gives back when no layer can
 * see them any more.  What the tree of beginnings remembers (infer/prefix.h) are pages of the
 * first; a near page may be attached to one of them, and is remembered as long as there is room:
 * the one unused for longest goes first.  Here are only numbers.
 */
#ifndef ENG_INFER_NEAR_H
#define ENG_INFER_NEAR_H

#include "engine/infer/prefix.h"

typedef struct eng_near eng_near;

/* n_pages near pages, all free; the tree's pages are below n_nodes.  SK_E_NOMEM. */
sk_status eng_near_open(size_t n_pages, size_t n_nodes, eng_near **out, sk_err *e);

/* NULL is allowed. */
void eng_near_close(eng_near *n);

/* A page for somebody, who holds it from then on: one that nobody has, or else the one remembered
 * and unused for longest.  Some page must not be held. */
uint32_t eng_near_take(eng_near *n);

/* One more holder of a page, or one less. */
void eng_near_hold(eng_near *n, uint32_t page);
void eng_near_drop(eng_near *n, uint32_t page);

/* True if others hold the page too, or it is remembered: its holder must not write into it. */
bool eng_near_is_shared(const eng_near *n, uint32_t page);

/* The near page attached to a page of the tree; ENG_PAGE_NONE. */
uint32_t eng_near_of(const eng_near *n, uint32_t node);

/* Attaches a page, which is held and attached to nothing, to a node that has none. */
void eng_near_attach(eng_near *n, uint32_t node, uint32_t page);

/* The node leaves the tree: what is attached to it, which nobody holds, is free. */
void eng_near_detach(eng_near *n, uint32_t node);

/* Pages that are held, and besides those remembered. */
size_t eng_near_held(const eng_near *n);
size_t eng_near_kept(const eng_near *n);

#endif
