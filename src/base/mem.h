/* mem.h - every byte stoke allocates comes through here.
 *
 * Allocations carry a kind, so that /metrics can say where the memory is, and pass one choke point,
 * so that the fault tests can fail the Nth one.  Things that die together live in an arena; arenas
 * are handed down as arguments: process > model > session > step, request > connection.
 */
#ifndef SK_BASE_MEM_H
#define SK_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SK_MEM_KINDS(ROW)                                                                          \
    ROW(SK_MEM_MISC, "misc")                                                                       \
    ROW(SK_MEM_WEIGHTS, "weights")                                                                 \
    ROW(SK_MEM_KV, "kv")                                                                           \
    ROW(SK_MEM_SCRATCH, "scratch")                                                                 \
    ROW(SK_MEM_TRAIN, "train")                                                                     \
    ROW(SK_MEM_TOKEN, "token")                                                                     \
    ROW(SK_MEM_REQUEST, "request")

#define SK_MEM_ENUM(name, text) name,
typedef enum sk_mem_kind { SK_MEM_KINDS(SK_MEM_ENUM) SK_MEM_N } sk_mem_kind;
#undef SK_MEM_ENUM

/* n bytes aligned to 64 (one cache line, one AVX-512 register), not cleared.  NULL when there is no
 * memory.  n = 0 gives a valid pointer.  Free with sk_free.  Blocks of 2 MB and more are advised to
 * use huge pages.  Thread-safe, like all of this header but the arenas. */
void *sk_alloc(sk_mem_kind kind, size_t n);

/* Like sk_alloc, aligned to 16 only: for many pieces of a few bytes, which take a third of the
 * memory this way. */
void *sk_alloc_small(sk_mem_kind kind, size_t n);

/* Like sk_alloc, cleared; NULL also when count * size overflows. */
void *sk_calloc(sk_mem_kind kind, size_t count, size_t size);

/* Resizes p (NULL: allocates); on failure returns NULL and p is still the caller's. */
void *sk_realloc(sk_mem_kind kind, void *p, size_t n);

/* Gives back what the three above returned; NULL is allowed. */
void sk_free(void *p);

/* Clears the n bytes at p by giving their whole pages back to the system; they take memory again
 * when they are written to. */
void sk_mem_rest(void *p, size_t n);

/* Bytes now held by allocations of a kind (as asked for, overhead not counted). */
uint64_t sk_mem_bytes(sk_mem_kind kind);

/* Allocations that the calling thread asked for and did not get, ever.  Who makes something out of
 * many pieces, by code that leaves out what it has no memory for, compares it before and after. */
unsigned long sk_mem_missed(void);

/* Name of a kind for metrics, static storage. */
const char *sk_mem_kind_name(sk_mem_kind kind);

/* a * b into *out; false (and *out untouched) when it overflows. */
bool sk_mul_size(size_t a, size_t b, size_t *out);

/* An arena: allocations that die together.  Not thread-safe: one owner at a time. */
typedef struct sk_arena sk_arena;

/* A new empty arena, NULL without memory.  Free with sk_arena_free. */
sk_arena *sk_arena_new(sk_mem_kind kind);

/* Frees the arena and everything in it; NULL is allowed. */
void sk_arena_free(sk_arena *a);

/* Forgets all allocations but keeps the memory for the next round (a step's scratch). */
void sk_arena_reset(sk_arena *a);

/* n bytes aligned to 64, not cleared, valid until the arena is freed or reset.  NULL without
 * memory. */
void *sk_arena_alloc(sk_arena *a, size_t n);

/* Like sk_arena_alloc, cleared; NULL also when count * size overflows. */
void *sk_arena_calloc(sk_arena *a, size_t count, size_t size);

/* A copy of the n bytes at s with a NUL behind. */
char *sk_arena_strndup(sk_arena *a, const char *s, size_t n);

/* A cleared object / array of type T in arena a. */
#define sk_new(a, T) ((T *)sk_arena_calloc((a), 1, sizeof(T)))
#define sk_new_n(a, T, n) ((T *)sk_arena_calloc((a), (n), sizeof(T)))

#endif
