/* par.c - slots over many rows, split across the workers. */
#include "engine/kernel/par.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

/* Elements in a piece of a flat array, and how many piece sums are kept at once. */
enum { FLAT = ENG_PAR_FLAT, SUMS = 256 };

/* Queries in a piece of a long attention item. */
#define QUERIES ENG_ATTN_BLOCK

typedef struct rows_job {
    size_t n_rows, rows;
    void (*fn)(void *arg, size_t first, size_t n, size_t worker);
    void *arg;
} rows_job;

static void rows_task(void *arg, size_t task, size_t worker)
{
    const rows_job *j = arg;
    size_t first = task * j->rows, left = j->n_rows - first;
    j->fn(j->arg, first, left < j->rows ? left : j->rows, worker);
}

/* Calls fn for pieces of `rows` rows. */
void eng_par_rows(eng_exec *x, size_t n_rows, size_t rows,
                  void (*fn)(void *arg, size_t first, size_t n, size_t worker), void *arg)
{
    rows_job j = {n_rows, rows ? rows : ENG_PAR_ROWS, fn, arg};
    sk_pool_run(eng_exec_pool(x), (n_rows + j.rows - 1) / j.rows, rows_task, &j);
}

/* Stretches at most: more workers share them. */
enum { STRETCHES = 32 };

/* A worker's stretch: what nobody has taken of it begins at `next`. */
typedef struct stretch {
    _Alignas(64) _Atomic size_t next; /* a cache line each */
    size_t end;
} stretch;

typedef struct stretch_job {
    stretch s[STRETCHES];
    size_t n, piece;
    sk_pool *pool;
    void (*fn)(void *arg, size_t first, size_t n, size_t worker);
    void *arg;
} stretch_job;

/* The stretch of this task to its end, then what is left of the others.  A stretch may take long,
 * so who gives way does so between its pieces. */
static void stretch_task(void *arg, size_t task, size_t worker)
{
    stretch_job *j = arg;
    for (size_t k = 0; k < j->n; k++) {
        stretch *s = &j->s[(task + k) % j->n];
        size_t i;
        while ((i = atomic_fetch_add_explicit(&s->next, j->piece, memory_order_relaxed)) < s->end) {
            sk_pool_pass(j->pool);
            j->fn(j->arg, i, s->end - i < j->piece ? s->end - i : j->piece, worker);
        }
    }
}

void eng_par_stretches(eng_exec *x, size_t n_all, size_t piece,
                       void (*fn)(void *arg, size_t first, size_t n, size_t worker), void *arg)
{
    size_t threads = eng_exec_threads(x);
    stretch_job j = {.n = threads < STRETCHES ? threads : STRETCHES,
                     .piece = piece,
                     .pool = eng_exec_pool(x),
                     .fn = fn,
                     .arg = arg};
    for (size_t i = 0; i < j.n; i++) {
        atomic_init(&j.s[i].next, n_all * i / j.n);
        j.s[i].end = n_all * (i + 1) / j.n;
    }
    sk_pool_run(j.pool, threads, stretch_task, &j);
}

typedef struct fwd_job {
    eng_exec *x;
    const eng_attn_fwd *items;
    size_t n_items, pieces; /* pieces: of the longest item */
} fwd_job;

/* Piece task / n_items (counted from the end) of item task % n_items: the long pieces first, so
 * that the workers end together. */
static void fwd_task(void *arg, size_t task, size_t worker)
{
    const fwd_job *j = arg;
    eng_attn_fwd a = j->items[task % j->n_items];
    size_t i0 = (j->pieces - 1 - task / j->n_items) * QUERIES;
    if (i0 >= a.n_q) return;
    size_t n = a.n_q - i0 < QUERIES ? a.n_q - i0 : QUERIES;
    a.q += i0 * a.ldq;
    a.out += i0 * a.ldo;
    if (a.lse) a.lse += i0;
    if (a.first) a.first += i0;
    a.pos0 += i0;
    a.n_q = n;
    eng_exec_kernels(j->x)->attn_fwd_f32(&a, eng_exec_scratch(j->x, worker));
}

/* Attention items, cut into pieces of QUERIES queries. */
void eng_par_attn_fwd(eng_exec *x, const eng_attn_fwd *items, size_t n_items)
{
    size_t longest = 0;
    for (size_t i = 0; i < n_items; i++)
        longest = items[i].n_q > longest ? items[i].n_q : longest;
    fwd_job j = {x, items, n_items, (longest + QUERIES - 1) / QUERIES};
    if (j.pieces) sk_pool_run(eng_exec_pool(x), n_items * j.pieces, fwd_task, &j);
}

typedef struct bwd_job {
    eng_exec *x;
    const eng_attn_bwd *items;
    size_t group;
} bwd_job;

static void bwd_task(void *arg, size_t task, size_t worker)
{
    const bwd_job *j = arg;
    for (size_t i = 0; i < j->group; i++)
        eng_exec_kernels(j->x)->attn_bwd_f32(&j->items[task * j->group + i],
                                             eng_exec_scratch(j->x, worker));
}

/* Backward: a group is one task. */
void eng_par_attn_bwd(eng_exec *x, const eng_attn_bwd *items, size_t n_groups, size_t group)
{
    bwd_job j = {x, items, group};
    sk_pool_run(eng_exec_pool(x), n_groups, bwd_task, &j);
}

typedef struct flat_job {
    const eng_kernels *kern;
    float *p, *m, *v;
    const float *g;
    size_t n, first_piece;
    const eng_adamw *o;
    double *sum;
} flat_job;

/* Length of the piece that starts at i0. */
static size_t flat_len(const flat_job *j, size_t i0)
{
    assert(i0 < j->n);
    return j->n - i0 < FLAT ? j->n - i0 : FLAT;
}

static void adamw_task(void *arg, size_t task, size_t worker)
{
    const flat_job *j = arg;
    size_t i = task * FLAT;
    (void)worker;
    j->kern->adamw_f32(j->p + i, j->g + i, j->m + i, j->v + i, flat_len(j, i), j->o);
}

/* AdamW over a flat array. */
void eng_par_adamw(eng_exec *x, float *p, const float *g, float *m, float *v, size_t n,
                   const eng_adamw *o)
{
    flat_job j = {.kern = eng_exec_kernels(x), .p = p, .g = g, .m = m, .v = v, .n = n, .o = o};
    sk_pool_run(eng_exec_pool(x), (n + FLAT - 1) / FLAT, adamw_task, &j);
}

static void clear_task(void *arg, size_t task, size_t worker)
{
    const flat_job *j = arg;
    size_t i = task * FLAT;
    (void)worker;
    memset(j->p + i, 0, flat_len(j, i) * sizeof(float));
}

/* One core alone does not fill the memory bus. */
void eng_par_clear(eng_exec *x, float *v, size_t n)
{
    flat_job j = {.p = v, .n = n};
    sk_pool_run(eng_exec_pool(x), (n + FLAT - 1) / FLAT, clear_task, &j);
}

static void sumsq_task(void *arg, size_t task, size_t worker)
{
    const flat_job *j = arg;
    size_t i = (j->first_piece + task) * FLAT;
    (void)worker;
    j->sum[task] = j->kern->sumsq_f32(j->g + i, flat_len(j, i));
}

/* A piece's sum does not depend on the others. */
void eng_par_sumsq_pieces(eng_exec *x, const float *v, size_t n, size_t first, size_t count,
                          double *sum)
{
    flat_job j = {.kern = eng_exec_kernels(x), .g = v, .n = n, .first_piece = first, .sum = sum};
    sk_pool_run(eng_exec_pool(x), count, sumsq_task, &j);
}

/* Sum of squares: pieces are summed apart and added in order. */
double eng_par_sumsq(eng_exec *x, const float *v, size_t n)
{
    double sum[SUMS], total = 0;
    size_t pieces = (n + FLAT - 1) / FLAT;
    for (size_t first = 0; first < pieces; first += SUMS) {
        size_t count = pieces - first < SUMS ? pieces - first : SUMS;
        eng_par_sumsq_pieces(x, v, n, first, count, sum);
        for (size_t i = 0; i < count; i++)
            total += sum[i];
    }
    return total;
}
