/* torn.h - mapped files that are cut short while they are read.
 *
 * Reading a mapped page beyond a new, earlier end of its file (or one that the disk cannot give)
 * raises SIGBUS, which ends the process.  Of a stretch that is watched here such a page is replaced
 * by zeros instead, with all that follows in the stretch, and the stretch is torn: who watches it
 * must ask before believing what was computed from it.  What was written over without being cut is
 * not noticed.
 *
 * A SIGBUS elsewhere is dealt with as it was before the first watch.
 */
#ifndef SK_BASE_TORN_H
#define SK_BASE_TORN_H

#include <stdbool.h>
#include <stddef.h>

/* Watches the n > 0 bytes at p, mapped, p at the beginning of a page.  False if they cannot be:
 * 1024 stretches are. */
bool sk_torn_watch(const void *p, size_t n);

/* Ends that, before the stretch is unmapped; nothing if p is not watched. */
void sk_torn_forget(const void *p);

/* True when the stretch that begins at p is watched and torn; any thread. */
bool sk_torn(const void *p);

#endif
