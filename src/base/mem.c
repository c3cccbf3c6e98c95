/* mem.c - the only file that calls the C library's allocator.
 *
 * A block is [padding][header][the caller's n bytes]; the header sits right before the caller's
 * bytes and keeps what sk_free must know.  Padding and header are 64 bytes, so that what follows is
 * aligned; 16 for small pieces; 2 MiB for blocks of 2 MiB and more, which start at a multiple of
 * that, the size of a huge page.  All end where the caller's bytes end, so that ASan sees an
 * overrun.
 */
#include "base/mem.h"

#include "base/fault.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGN = 64, ALIGN_SMALL = 16 };
#define HUGE_FROM ((size_t)2 << 20)
#define HUGE_PAGE ((size_t)2 << 20)
#define BLOCK_MAGIC 0x5354424cu /* "STBL": a pointer that is not ours is found out in sk_free */

/* What sk_free needs.  The library's block begins `before` = 1 << log2_before bytes ahead of the
 * caller's. */
typedef struct block {
    size_t n;
    uint32_t magic;
    uint16_t kind, log2_before;
} block;

_Static_assert(sizeof(block) == ALIGN_SMALL, "the header keeps the alignment of what follows it");

static _Atomic uint64_t held[SK_MEM_N];
static _Thread_local unsigned long missed;

/* n bytes at a multiple of `before`, a power of two from 16; not cleared. */
static void *take_block(sk_mem_kind kind, size_t n, size_t before)
{
    void *base;
    assert((unsigned)kind < SK_MEM_N);
    if (sk_fault(SK_FAULT_ALLOC) || n > PTRDIFF_MAX - before ||
        posix_memalign(&base, before, before + n)) {
        missed++;
        return NULL;
    }
    char *p = (char *)base + before;
    block *b = (block *)(void *)(p - sizeof(block));
    b->n = n;
    b->magic = BLOCK_MAGIC;
    b->kind = (uint16_t)kind;
    b->log2_before = (uint16_t)__builtin_ctzl(before);
    atomic_fetch_add_explicit(&held[kind], n, memory_order_relaxed);
    return p;
}

/* n bytes aligned to 64, not cleared. */
void *sk_alloc(sk_mem_kind kind, size_t n)
{
    if (n < HUGE_FROM) return take_block(kind, n, ALIGN);
    void *p = take_block(kind, n, HUGE_PAGE);
    if (p) (void)madvise(p, n & ~(HUGE_PAGE - 1), MADV_HUGEPAGE);
    return p;
}

/* n bytes aligned to 16, not cleared. */
void *sk_alloc_small(sk_mem_kind kind, size_t n)
{
    return take_block(kind, n, ALIGN_SMALL);
}

/* Like sk_alloc, cleared; NULL also when count * size overflows. */
void *sk_calloc(sk_mem_kind kind, size_t count, size_t size)
{
    size_t n;
    if (!sk_mul_size(count, size, &n)) return NULL;
    void *p = sk_alloc(kind, n);
    if (p) memset(p, 0, n);
    return p;
}

/* The header of a block this file handed out. */
static block *block_of(void *p)
{
    block *b = (block *)(void *)((char *)p - sizeof(block));
    assert(b->magic == BLOCK_MAGIC && "not from sk_alloc, or freed before");
    return b;
}

/* Resizes p by moving it: the C library's realloc would lose the alignment. */
void *sk_realloc(sk_mem_kind kind, void *p, size_t n)
{
    void *q = sk_alloc(kind, n);
    if (!q || !p) return q;
    size_t old = block_of(p)->n;
    memcpy(q, p, old < n ? old : n);
    sk_free(p);
    return q;
}

/* Gives back a block; NULL is allowed. */
void sk_free(void *p)
{
    if (!p) return;
    block *b = block_of(p);
    assert(b->kind < SK_MEM_N);
    b->magic = 0;
    atomic_fetch_sub_explicit(&held[b->kind], b->n, memory_order_relaxed);
    free((char *)p - ((size_t)1 << b->log2_before));
}

/* Private memory that nothing maps reads as zeros after MADV_DONTNEED; what is not whole pages, and
 * all where the system refuses, is cleared. */
void sk_mem_rest(void *p, size_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), a = (uintptr_t)p, end = a + n;
    uintptr_t first = (a + page - 1) / page * page, last = end / page * page;
    if (first >= last || madvise((char *)p + (first - a), last - first, MADV_DONTNEED) != 0) {
        memset(p, 0, n);
        return;
    }
    memset(p, 0, first - a);
    memset((char *)p + (last - a), 0, end - last);
}

/* Bytes now held by allocations of a kind. */
uint64_t sk_mem_bytes(sk_mem_kind kind)
{
    assert((unsigned)kind < SK_MEM_N);
    return atomic_load_explicit(&held[kind], memory_order_relaxed);
}

unsigned long sk_mem_missed(void)
{
    return missed;
}

/* Name of a kind for metrics. */
const char *sk_mem_kind_name(sk_mem_kind kind)
{
#define KIND_NAME(name, text) [name] = text,
    static const char *const names[SK_MEM_N] = {SK_MEM_KINDS(KIND_NAME)};
#undef KIND_NAME
    return (unsigned)kind < SK_MEM_N ? names[kind] : "unknown";
}

/* a * b into *out; false when it overflows. */
bool sk_mul_size(size_t a, size_t b, size_t *out)
{
    size_t n;
    if (__builtin_mul_overflow(a, b, &n)) return false;
    *out = n;
    return true;
}

/* A piece of an arena; its bytes follow it. */
typedef struct chunk {
    struct chunk *next;
    size_t cap, used;
} chunk;

#define CHUNK_MIN ((size_t)64 << 10)
/* no more, so that a parser's memory stays in proportion to its input */
#define CHUNK_MAX ((size_t)256 << 10)

struct sk_arena {
    chunk *top;       /* the chunk that is being filled; older ones behind it */
    size_t next_size; /* least size of the next chunk */
    sk_mem_kind kind;
};

/* First byte of a chunk, aligned to 64. */
static char *chunk_bytes(chunk *c)
{
    return (char *)c + ALIGN;
}

/* A new empty arena, NULL without memory. */
sk_arena *sk_arena_new(sk_mem_kind kind)
{
    sk_arena *a = sk_calloc(kind, 1, sizeof *a);
    if (!a) return NULL;
    a->kind = kind;
    a->next_size = CHUNK_MIN;
    return a;
}

/* Frees a list of chunks. */
static void free_chunks(chunk *c)
{
    while (c) {
        chunk *next = c->next;
        sk_free(c);
        c = next;
    }
}

/* Frees the arena and everything in it; NULL is allowed. */
void sk_arena_free(sk_arena *a)
{
    if (!a) return;
    free_chunks(a->top);
    sk_free(a);
}

/* Forgets all allocations.  The largest chunk stays, and the next one will be as large as all of
 * them were: after at most two rounds of the same work one chunk holds it all. */
void sk_arena_reset(sk_arena *a)
{
    chunk *keep = a->top;
    size_t total = 0;
    for (chunk *c = a->top; c; c = c->next) {
        total += c->cap;
        if (c->cap > keep->cap) keep = c;
    }
    for (chunk *c = a->top, *next; c; c = next) {
        next = c->next;
        if (c != keep) sk_free(c);
    }
    if (keep) {
        keep->next = NULL;
        keep->used = 0;
        if (total > keep->cap) a->next_size = total;
    }
    a->top = keep;
}

/* Puts a chunk with room for n bytes on top; false without memory. */
static bool add_chunk(sk_arena *a, size_t n)
{
    size_t cap = n > a->next_size ? n : a->next_size;
    if (cap > PTRDIFF_MAX - ALIGN) return false;
    chunk *c = sk_alloc(a->kind, ALIGN + cap);
    if (!c) return false;
    c->next = a->top;
    c->cap = cap;
    c->used = 0;
    a->top = c;
    if (a->next_size < CHUNK_MAX) a->next_size *= 2;
    return true;
}

/* n bytes at a multiple of align (a power of two up to 64); NULL without memory. */
static void *arena_take(sk_arena *a, size_t n, size_t align)
{
    assert(align && align <= ALIGN && (align & (align - 1)) == 0);
    if (n > PTRDIFF_MAX - 2 * ALIGN) return NULL;
    chunk *c = a->top;
    size_t at = c ? (c->used + align - 1) & ~(align - 1) : 0;
    if (!c || at > c->cap || n > c->cap - at) {
        if (!add_chunk(a, n)) return NULL;
        c = a->top;
        at = 0;
    }
    c->used = at + n;
    assert(c->used <= c->cap);
    return chunk_bytes(c) + at;
}

/* n bytes aligned to 64, not cleared. */
void *sk_arena_alloc(sk_arena *a, size_t n)
{
    return arena_take(a, n, ALIGN);
}

/* Like sk_arena_alloc, cleared; NULL also when count * size overflows. */
void *sk_arena_calloc(sk_arena *a, size_t count, size_t size)
{
    size_t n;
    if (!sk_mul_size(count, size, &n)) return NULL;
    void *p = sk_arena_alloc(a, n);
    if (p) memset(p, 0, n);
    return p;
}

/* A copy of the n bytes at s with a NUL behind, packed without alignment. */
char *sk_arena_strndup(sk_arena *a, const char *s, size_t n)
{
    if (n == SIZE_MAX) return NULL;
    char *p = arena_take(a, n + 1, 1);
    if (!p) return NULL;
    if (n) memcpy(p, s, n);
    p[n] = 0;
    return p;
}
