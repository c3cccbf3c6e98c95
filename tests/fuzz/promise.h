/* promise.h - what every target holds the program to: a broken promise ends the run, and so does an
 * allocation out of proportion to the input.
 *
 * Allocations are seen through the hooks of AddressSanitizer, so the C library's and jansson's are
 * seen too; a build without it only checks that the code runs.
 */
#ifndef TESTS_FUZZ_PROMISE_H
#define TESTS_FUZZ_PROMISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What a parser may ask for whatever its input: a chunk of an arena (256 KiB and its header),
 * tables of fixed size. */
#define FUZZ_ALLOWANCE ((size_t)260 << 10)

/* Bytes held for a byte of JSON at most: a number of one digit and its comma become a node of 24,
 * its header of 16, and a place in its list, which grows by doubling. */
#define FUZZ_JSON_TIMES ((size_t)48)

/* Fails the run when a promise of a header is broken. */
static inline void must(bool ok)
{
    if (!ok) __builtin_trap();
}

/* What was asked for since fuzz_watch_begin. */
typedef struct fuzz_watch {
    bool on, hooked;
    size_t largest;    /* bytes of the largest request */
    size_t held, peak; /* bytes of the blocks made since, now and at most */
} fuzz_watch;

static fuzz_watch fuzz_seen;

/* compiler-rt and libsanitizer have these; weak, since a plain build has neither. */
extern int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *,
                                                                       size_t),
                                                     void (*on_free)(const volatile void *))
    __attribute__((weak));
extern size_t __sanitizer_get_allocated_size(const volatile void *p) __attribute__((weak));

/* Bytes of a block as the program asked for them: from 2 MiB on base/mem.c puts a huge page in
 * front, for alignment, that nobody touches. */
static inline size_t fuzz_asked(size_t n)
{
    const size_t huge = (size_t)2 << 20;
    return n >= 2 * huge ? n - huge : n;
}

static inline void fuzz_on_malloc(const volatile void *p, size_t n)
{
    (void)p;
    if (!fuzz_seen.on) return;
    n = fuzz_asked(n);
    if (n > fuzz_seen.largest) fuzz_seen.largest = n;
    fuzz_seen.held += n;
    if (fuzz_seen.held > fuzz_seen.peak) fuzz_seen.peak = fuzz_seen.held;
}

/* Blocks from before the watch may go under it: the count stops at 0. */
static inline void fuzz_on_free(const volatile void *p)
{
    if (!fuzz_seen.on || !p) return;
    size_t n = fuzz_asked(__sanitizer_get_allocated_size(p));
    fuzz_seen.held -= n < fuzz_seen.held ? n : fuzz_seen.held;
}

/* From here on allocations are counted. */
static inline void fuzz_watch_begin(void)
{
    if (!fuzz_seen.hooked && __sanitizer_install_malloc_and_free_hooks)
        must(__sanitizer_install_malloc_and_free_hooks(fuzz_on_malloc, fuzz_on_free) > 0);
    fuzz_seen = (fuzz_watch){.on = true, .hooked = true};
}

/* No request since was over `largest` bytes, and all blocks held at one time were not over `held`;
 * the input had `size`. */
static inline void fuzz_watch_within(size_t size, size_t largest, size_t held)
{
    fuzz_seen.on = false;
    if (fuzz_seen.largest <= largest && fuzz_seen.peak <= held) return;
    fprintf(stderr, "%zu bytes of input: a request of %zu (at most %zu), %zu held (at most %zu)\n",
            size, fuzz_seen.largest, largest, fuzz_seen.peak, held);
    __builtin_trap();
}

/* No request since was over twice the input's size and the allowance, and all blocks held at one
 * time were not over most_held bytes and the allowance. */
static inline void fuzz_watch_end(size_t size, size_t most_held)
{
    fuzz_watch_within(size, 2 * size + FUZZ_ALLOWANCE, most_held + FUZZ_ALLOWANCE);
}

#endif
