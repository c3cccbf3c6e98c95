/* gemm.c - matrix multiplication: how the work is cut into tiles.
 *
 * A task owns a rectangle of C: a range of rows, packed into the worker's scratch one block of
 * ENG_GEMM_KC at a time, times a range of panels of B.  Inside, B's panel is the outer loop: it
 * comes from memory once and is used by all the rows from the nearest cache.  How the rectangles
 * are cut may depend on the number of threads: an element's sum does not (gemm.h).
 */
#include "engine/kernel/gemm.h"

#include "engine/kernel/bpack.h"
#include "engine/kernel/exec_scratch.h"
#include "engine/kernel/kernel.h"
#include "engine/kernel/par.h"

#include <assert.h>

/* Multiply-adds below which waking the other workers costs more than it gives. */
#define SERIAL_WORK ((size_t)1 << 17)

typedef struct job {
    eng_exec *x;
    const eng_gemm_slots *slots;
    eng_prec prec;
    size_t m, n, k;
    eng_mat a;
    const char *b; /* panels, panel_bytes apart */
    size_t panel_bytes;
    float *c;
    size_t ldc;
    bool add;
    size_t row_tiles, panels;      /* m and n in tiles */
    size_t row_blocks, col_blocks; /* tasks = product of these */
} job;

/* First of `i`th of `parts` nearly equal shares of n. */
static size_t share(size_t n, size_t i, size_t parts)
{
    return n * i / parts;
}

/* n / d, rounded up. */
static size_t ceil_div(size_t n, size_t d)
{
    return (n + d - 1) / d;
}

/* Rows of A of a task, packed block of k by block. */
typedef struct piece {
    size_t t0, t1, r0, m; /* tiles of rows; rows */
    size_t p0, p1;        /* panels */
    char *a;              /* of the block at k0: in the worker's scratch */
} piece;

/* Multiplies the rows of a piece by panel p for one block of k, whose rows are packed at a. */
static void multiply_panel(const job *j, const piece *c, size_t p, size_t k0, const char *a)
{
    const eng_gemm_op *op = &j->slots->op[j->prec];
    size_t nr = j->slots->nr, kc = j->k - k0 < ENG_GEMM_KC ? j->k - k0 : ENG_GEMM_KC;
    const char *b = j->b + p * j->panel_bytes + ENG_GEMM_PANEL_BYTES(j->prec, k0, nr);
    size_t n = j->n - p * nr < nr ? j->n - p * nr : nr;
    for (size_t t = c->t0; t < c->t1; t++) {
        size_t r = share(j->m, t, j->row_tiles), end = share(j->m, t + 1, j->row_tiles);
        assert(end - r <= op->mr);
        op->tile(end - r, n, kc, a + (r - c->r0) * op->a_row_bytes, b, j->c + r * j->ldc + p * nr,
                 j->ldc, j->add || k0 > 0);
    }
}

/* Packs the piece's rows for the block of k at k0. */
static void pack_rows_of(const job *j, const piece *c, size_t k0, char *a)
{
    size_t kc = j->k - k0 < ENG_GEMM_KC ? j->k - k0 : ENG_GEMM_KC;
    eng_mat part = {j->a.p + c->r0 * j->a.rs + k0 * j->a.cs, j->a.rs, j->a.cs};
    j->slots->op[j->prec].pack_a(a, part, c->m, kc);
}

/* Many rows: a block of k at a time, so that its rows stay in the nearest caches. */
static void by_blocks(const job *j, const piece *c)
{
    for (size_t k0 = 0; k0 < j->k; k0 += ENG_GEMM_KC) {
        pack_rows_of(j, c, k0, c->a);
        for (size_t p = c->p0; p < c->p1; p++)
            multiply_panel(j, c, p, k0, c->a);
    }
}

/* Few rows: all of k fits, and B, which is what takes the time, is read as it lies in memory.  What
 * pack_a() writes behind a block's last row is where the next block goes, so k ascends. */
static void by_panels(const job *j, const piece *c, size_t block_bytes)
{
    for (size_t k0 = 0, i = 0; k0 < j->k; k0 += ENG_GEMM_KC, i++)
        pack_rows_of(j, c, k0, c->a + i * block_bytes);
    for (size_t p = c->p0; p < c->p1; p++)
        for (size_t k0 = 0, i = 0; k0 < j->k; k0 += ENG_GEMM_KC, i++)
            multiply_panel(j, c, p, k0, c->a + i * block_bytes);
}

/* One rectangle of C over all k. */
static void multiply_task(void *arg, size_t task, size_t worker)
{
    const job *j = arg;
    const eng_gemm_op *op = &j->slots->op[j->prec];
    size_t rb = task % j->row_blocks, cb = task / j->row_blocks;
    piece c = {.t0 = share(j->row_tiles, rb, j->row_blocks),
               .t1 = share(j->row_tiles, rb + 1, j->row_blocks),
               .p0 = share(j->panels, cb, j->col_blocks),
               .p1 = share(j->panels, cb + 1, j->col_blocks),
               .a = eng_exec_gemm_own(j->x, worker)};
    c.r0 = share(j->m, c.t0, j->row_tiles);
    c.m = share(j->m, c.t1, j->row_tiles) - c.r0;
    assert(c.m <= ENG_GEMM_MC);
    if (op->begin) op->begin(c.t1 - c.t0 > 1 ? op->mr : c.m);
    size_t blocks = ceil_div(j->k, ENG_GEMM_KC), rows = blocks * c.m + ENG_GEMM_PAD;
    if (blocks > 1 && rows * op->a_row_bytes <= (size_t)ENG_GEMM_MC * ENG_GEMM_ROW_BYTES)
        by_panels(j, &c, c.m * op->a_row_bytes);
    else
        by_blocks(j, &c);
    if (op->end) op->end();
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Cuts C into rectangles, about four a worker: rows first, since a row block repeats no work;
 * columns where there are few rows (each column block packs the rows again). */
static void cut(job *j)
{
    size_t threads = eng_exec_threads(j->x), mr = j->slots->op[j->prec].mr;
    size_t tiles_max = ENG_GEMM_MC / mr;
    j->row_tiles = ceil_div(j->m, mr);
    j->panels = ceil_div(j->n, j->slots->nr);
    j->row_blocks = ceil_div(j->row_tiles, tiles_max);
    j->col_blocks = 1;
    if (threads == 1 || j->m * j->n * j->k < SERIAL_WORK) return;
    size_t want = 4 * threads;
    if (j->row_blocks < want) j->row_blocks = min_size(want, ceil_div(j->row_tiles, 4));
    if (j->row_blocks < ceil_div(j->row_tiles, tiles_max))
        j->row_blocks = ceil_div(j->row_tiles, tiles_max);
    if (j->row_blocks < want) j->col_blocks = min_size(ceil_div(want, j->row_blocks), j->panels);
    if (j->col_blocks == 1)
        j->row_blocks = min_size(ceil_div(j->row_blocks, threads) * threads, j->row_tiles);
}

/* ---- deep kernels ---- */

/* AMX multiplies some twenty times faster than float, and beyond the second-level cache the memory
 * is no faster than elsewhere: so a rectangle is as large as that cache allows, an A of half of it
 * against a B of the other half.  DEEP_STEP: elements of k in a step of the packed A.  DEEP_KEEP: k
 * for which a tile of A stays in the nearest cache.  DEEP_ROWS: rows that share B, at least. */
enum { DEEP_STEP = 32, DEEP_KEEP = 512, DEEP_ROWS = 256, DEEP_A = 1 << 20, DEEP_B = 1 << 20 };

_Static_assert(DEEP_A <= ENG_GEMM_OWN_BYTES, "packed rows fit into a worker's block");

/* What a worker has in its own block. */
typedef struct held {
    _Alignas(64) size_t row_block;
    bool any;
} held;

enum { HELD = 64 };

typedef struct deep_job {
    const job *j;
    size_t rows, cols, k; /* of a rectangle: rows, panels; of A packed at once */
    size_t row_blocks, col_blocks;
    held held[HELD]; /* by worker; those beyond pack anew every time */
} deep_job;

/* A part of a rectangle: rows [r0, r0 + m), panels [p0, p1), k [k0, k0 + kc), its rows at a. */
typedef struct deep_part {
    size_t r0, m, p0, p1, k0, kc;
    const char *a;
} deep_part;

/* The tile at row r of the part, panel p, for the k of the part from k on. */
static void deep_tile(const job *j, const deep_part *d, size_t r, size_t p, size_t k)
{
    const eng_gemm_op *op = &j->slots->op[j->prec];
    size_t nr = j->slots->nr, step = op->mr * DEEP_STEP * 2;
    const char *a = d->a + (r / op->mr * ceil_div(d->kc, DEEP_STEP) + k / DEEP_STEP) * step;
    const char *b = j->b + p * j->panel_bytes + ENG_GEMM_PANEL_BYTES(j->prec, d->k0 + k, nr);
    op->tile(min_size(d->m - r, op->mr), min_size(j->n - p * nr, nr),
             min_size(d->kc - k, DEEP_KEEP), a, b, j->c + (d->r0 + r) * j->ldc + p * nr, j->ldc,
             j->add || d->k0 + k > 0);
}

/* Multiplies a part.  Where its panels stay in the second-level cache, a tile of A is used by all
 * of them, and the rows of C are written side by side; else a panel is used by all rows while it is
 * near.  A part may take ten milliseconds: who gives way does so inside. */
static void deep_multiply(const job *j, const deep_part *d)
{
    size_t mr = j->slots->op[j->prec].mr;
    sk_pool *pool = eng_exec_pool(j->x);
    bool rows_first = (d->p1 - d->p0) * j->slots->nr * d->kc * 2 <= DEEP_B;
    for (size_t r = 0; rows_first && r < d->m; r += mr) {
        sk_pool_pass(pool);
        for (size_t k = 0; k < d->kc; k += DEEP_KEEP)
            for (size_t p = d->p0; p < d->p1; p++)
                deep_tile(j, d, r, p, k);
    }
    for (size_t p = d->p0; !rows_first && p < d->p1; p++) {
        sk_pool_pass(pool);
        for (size_t k = 0; k < d->kc; k += DEEP_KEEP)
            for (size_t r = 0; r < d->m; r += mr)
                deep_tile(j, d, r, p, k);
    }
}

/* Rectangles [first, first + n), those of a block of rows one after the other: its rows are packed
 * once when all of k fits. */
static void deep_task(void *arg, size_t first, size_t n, size_t worker)
{
    deep_job *d = arg;
    const job *j = d->j;
    const eng_gemm_op *op = &j->slots->op[j->prec];
    for (size_t i = first; i < first + n; i++) {
        size_t rb = i / d->col_blocks, cb = i % d->col_blocks, r0 = rb * d->rows;
        size_t m = j->m - r0 < d->rows ? j->m - r0 : d->rows;
        char *a = eng_exec_gemm_own(j->x, worker);
        held *h = worker < HELD && d->k >= j->k ? &d->held[worker] : NULL;
        bool there = h && h->any && h->row_block == rb;
        op->begin(m > op->mr ? op->mr : m);
        for (size_t k0 = 0; k0 < j->k; k0 += d->k) {
            size_t kc = j->k - k0 < d->k ? j->k - k0 : d->k;
            eng_mat part = {j->a.p + r0 * j->a.rs + k0 * j->a.cs, j->a.rs, j->a.cs};
            if (!there) op->pack_a(a, part, m, kc);
            deep_multiply(j, &(deep_part){.r0 = r0,
                                          .m = m,
                                          .p0 = share(j->panels, cb, d->col_blocks),
                                          .p1 = share(j->panels, cb + 1, d->col_blocks),
                                          .k0 = k0,
                                          .kc = kc,
                                          .a = a});
        }
        op->end();
        if (h) *h = (held){rb, true};
    }
}

/* Cuts C and k so that the packed rows fill a worker's block, and runs the rectangles. */
static void run_deep(job *j)
{
    assert(j->m > 0 && j->n > 0 && j->k > 0);
    size_t threads = eng_exec_threads(j->x), mr = j->slots->op[j->prec].mr;
    size_t room = DEEP_A / 2, k = ceil_div(j->k, DEEP_STEP) * DEEP_STEP;
    deep_job d = {.j = j, .col_blocks = 1};
    j->panels = ceil_div(j->n, j->slots->nr);
    d.rows = room / k / mr * mr;
    if (d.rows < DEEP_ROWS) d.rows = DEEP_ROWS;
    size_t shared = ceil_div(ceil_div(j->m, mr), threads) * mr; /* a worker's part */
    if (d.rows > shared) d.rows = shared;
    d.row_blocks = ceil_div(j->m, d.rows);
    d.rows = ceil_div(ceil_div(j->m, mr), d.row_blocks) * mr; /* equal parts */
    d.row_blocks = ceil_div(j->m, d.rows);
    d.k = room / d.rows / DEEP_KEEP * DEEP_KEEP;
    if (d.k < DEEP_KEEP) d.k = DEEP_KEEP;
    bool few = d.row_blocks < threads;
    size_t cols = DEEP_B / 2 / min_size(d.k, k) / j->slots->nr * j->slots->nr;
    if (cols < j->slots->nr) cols = j->slots->nr;
    if (d.k >= j->k || few) d.col_blocks = ceil_div(j->n, cols);
    if (few && d.col_blocks < threads) d.col_blocks = min_size(threads, j->panels);
    if (threads == 1 || j->m * j->n * j->k < SERIAL_WORK)
        deep_task(&d, 0, d.row_blocks * d.col_blocks, 0);
    else
        eng_par_stretches(j->x, d.row_blocks * d.col_blocks, 1, deep_task, &d);
}

/* Runs the job's rectangles. */
static void run(job *j)
{
    if (!j->slots->op[j->prec].a_row_bytes) {
        run_deep(j);
        return;
    }
    cut(j);
    sk_pool_run(eng_exec_pool(j->x), j->row_blocks * j->col_blocks, multiply_task, j);
}

/* The empty sum. */
static void clear(size_t m, size_t n, float *c, size_t ldc)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            c[i * ldc + j] = 0;
}

/* C[m, n] = A B, or C += A B when add. */
void eng_gemm(eng_exec *x, size_t m, eng_mat a, const eng_bpack *b, float *c, size_t ldc, bool add)
{
    assert(b->slots == eng_exec_kernels(x)->gemm && "packed for another CPU level");
    assert(ldc >= b->n || m <= 1);
    if (!m || !b->n) return;
    if (!b->k) {
        if (!add) clear(m, b->n, c, ldc);
        return;
    }
    run(&(job){.x = x,
               .slots = b->slots,
               .prec = b->prec,
               .m = m,
               .n = b->n,
               .k = b->k,
               .a = a,
               .b = b->data,
               .panel_bytes = b->panel_bytes,
               .c = c,
               .ldc = ldc,
               .add = add});
}

typedef struct pack_job {
    const eng_gemm_slots *slots;
    eng_prec prec;
    eng_mat b;
    size_t n, k, k_blocks, panel_bytes;
    char *dst;
} pack_job;

/* Packs one block of one panel. */
static void pack_task(void *arg, size_t task, size_t worker)
{
    const pack_job *j = arg;
    (void)worker;
    size_t nr = j->slots->nr, p = task / j->k_blocks, k0 = task % j->k_blocks * ENG_GEMM_KC;
    eng_mat b = {j->b.p + k0 * j->b.rs + p * nr * j->b.cs, j->b.rs, j->b.cs};
    char *dst = j->dst + p * j->panel_bytes + ENG_GEMM_PANEL_BYTES(j->prec, k0, nr);
    j->slots->op[j->prec].pack_b(dst, b, min_size(j->k - k0, ENG_GEMM_KC),
                                 min_size(j->n - p * nr, nr));
}

/* C = A B or += with B of k rows and n columns small enough for the shared scratch. */
static void raw_piece(const job *whole, eng_mat a, eng_mat b, size_t n, size_t k, float *c,
                      bool add)
{
    job j = *whole;
    pack_job pack = {.slots = j.slots,
                     .prec = j.prec,
                     .b = b,
                     .n = n,
                     .k = k,
                     .k_blocks = ceil_div(k, ENG_GEMM_KC),
                     .panel_bytes = ENG_GEMM_PANEL_BYTES(j.prec, k, j.slots->nr),
                     .dst = eng_exec_gemm_shared(j.x)};
    size_t panels = ceil_div(n, j.slots->nr);
    assert(panels * pack.panel_bytes <= ENG_GEMM_SHARED_BYTES);
    sk_pool_run(eng_exec_pool(j.x), panels * pack.k_blocks, pack_task, &pack);
    j.n = n;
    j.k = k;
    j.a = a;
    j.b = pack.dst;
    j.panel_bytes = pack.panel_bytes;
    j.c = c;
    j.add = add;
    run(&j);
}

/* The same with B packed piece by piece: as many columns as fit with one block of k, then as many
 * blocks of k as fit with those. */
void eng_gemm_raw(eng_exec *x, eng_prec prec, size_t m, size_t n, size_t k, eng_mat a, eng_mat b,
                  float *c, size_t ldc, bool add)
{
    assert(ldc >= n || m <= 1);
    if (!m || !n) return;
    if (!k) {
        if (!add) clear(m, n, c, ldc);
        return;
    }
    const eng_gemm_slots *slots = eng_exec_kernels(x)->gemm;
    size_t fit = ENG_GEMM_SHARED_BYTES / ENG_GEMM_PANEL_BYTES(prec, ENG_GEMM_KC, slots->nr);
    size_t panels = min_size(ceil_div(n, slots->nr), fit);
    size_t n_step = panels * slots->nr, k_step = fit / panels * ENG_GEMM_KC;
    job j = {.x = x, .slots = slots, .prec = prec, .m = m, .ldc = ldc};
    for (size_t n0 = 0; n0 < n; n0 += n_step) {
        for (size_t k0 = 0; k0 < k; k0 += k_step) {
            eng_mat ak = {a.p + k0 * a.cs, a.rs, a.cs};
            eng_mat bk = {b.p + k0 * b.rs + n0 * b.cs, b.rs, b.cs};
            raw_piece(&j, ak, bk, min_size(n - n0, n_step), min_size(k - k0, k_step), c + n0,
                      add || k0 > 0);
        }
    }
}
