/* fetch.h - pages read from a spill (spill.h) by a thread of its own, so that nobody else waits for
 * the disk: who wants them orders them, and takes what has come when it suits.
 *
 * Each slot has one order at most.  Orders are served by turns, a page at a time, each in the order
 * of its names until one is not there.  What was read and not taken is bounded over all orders; the
 * reader waits then.
 */
#ifndef ENG_INFER_FETCH_H
#define ENG_INFER_FETCH_H

#include "engine/infer/spill.h"

typedef struct eng_fetch eng_fetch;

/* Starts the thread.  `from` is borrowed; its pages have page_bytes. */
sk_status eng_fetch_open(eng_spill *from, size_t page_bytes, size_t n_slots, eng_fetch **out,
                         sk_err *e);

/* Forgets all orders; waits for the page that is being read.  NULL is allowed. */
void eng_fetch_close(eng_fetch *f);

/* Has fn called, by the reading thread, whenever there is news of an order; fn must not call
 * functions of f.  NULL: nobody; then no call is under way any more. */
void eng_fetch_listen(eng_fetch *f, void (*fn)(void *arg), void *arg);

/* Orders n (> 0) pages for a slot instead of what was ordered before.  False, and nothing is
 * ordered, without memory. */
bool eng_fetch_order(eng_fetch *f, uint32_t slot, const eng_spill_name *name, size_t n);

/* Forgets the slot's order, if it has one. */
void eng_fetch_cancel(eng_fetch *f, uint32_t slot);

/* The next page of the slot's order, the caller's to free (sk_free); NULL if there is none now.
 * *more: whether further pages may come. */
void *eng_fetch_take(eng_fetch *f, uint32_t slot, bool *more);

#endif
