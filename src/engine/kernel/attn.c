/* attn.c - spreads inference attention over the workers: by tiles of rows; where those are too few
 * and the keys many, by splits of keys too.
 */
#include "engine/kernel/attn.h"

#include "engine/quant/blocks.h"

#include <assert.h>

/* Multiply-adds below which waking the workers costs more than it gives. */
#define SERIAL ((size_t)1 << 16)

/* Rows of parts a worker has room for. */
#define PART_ROWS ((size_t)1024)

/* Tiles: more than so many a worker need no splits of keys to keep all workers busy. */
#define PLENTY 4

typedef struct job {
    eng_exec *x;
    const eng_attn *items;
    size_t n_items;
    size_t tiles, all_tiles; /* of the longest item, of all */
    size_t splits;           /* of the item with the most */
    size_t work;             /* multiply-adds */
    size_t tile_room;        /* floats of scratch that the largest tile needs: parts follow */
    size_t part_room;        /* floats of all parts of an item, at most */
} job;

/* Floats that the scratch of a tile takes. */
static size_t tile_floats(size_t head_dim_k, size_t head_dim_v)
{
    size_t wide = (head_dim_v + 31) / 32 * 32, dim_k = (head_dim_k + 31) / 32 * 32;
    return ENG_ATTN_ROWS * (ENG_ATTN_BLOCK + 4) + (2 * ENG_ATTN_ROWS + ENG_ATTN_BLOCK) * wide +
           (2 * ENG_ATTN_ROWS + ENG_ATTN_BLOCK) * dim_k;
}

/* Bytes of scratch each worker needs. */
size_t eng_attn_scratch(size_t head_dim_k, size_t head_dim_v)
{
    return (tile_floats(head_dim_k, head_dim_v) + PART_ROWS * (head_dim_v + 2)) * sizeof(float);
}

/* See attn.h. */
size_t eng_attn_key_at(eng_dtype type, size_t row_bytes, size_t p, size_t d)
{
    size_t block = p / ENG_ATTN_BLOCK * ENG_ATTN_BLOCK * row_bytes, lane = p % ENG_ATTN_BLOCK;
    if (type != ENG_Q8_0) return block + (d * ENG_ATTN_BLOCK + lane) * eng_dtype_bytes(type, 1);
    return block + (d / ENG_QB + 1) * ENG_ATTN_BLOCK * sizeof(uint16_t) + d * ENG_ATTN_BLOCK + lane;
}

size_t eng_attn_scale_at(size_t row_bytes, size_t p, size_t d)
{
    size_t block = p / ENG_ATTN_BLOCK * ENG_ATTN_BLOCK * row_bytes, lane = p % ENG_ATTN_BLOCK;
    return block + d / ENG_QB * ENG_ATTN_BLOCK * sizeof(eng_q8_0) + lane * sizeof(uint16_t);
}

static size_t n_tiles(const eng_attn *a)
{
    return (a->n_q * a->n_group + ENG_ATTN_ROWS - 1) / ENG_ATTN_ROWS;
}

/* Tile number i of an item. */
static eng_attn_tile tile_at(const eng_attn *a, size_t i)
{
    size_t row0 = i * ENG_ATTN_ROWS, rows = a->n_q * a->n_group - row0;
    return (eng_attn_tile){
        .a = a, .row0 = row0, .n_rows = rows < ENG_ATTN_ROWS ? rows : ENG_ATTN_ROWS};
}

/* The splits [*from, *to) that the queries of an item see. */
static void splits_of(const eng_attn *a, size_t *from, size_t *to)
{
    size_t lo, hi, unused;
    eng_attn_visible(a, 0, &lo, &unused);
    eng_attn_visible(a, a->n_q - 1, &unused, &hi);
    *from = lo / ENG_ATTN_SPLIT;
    *to = (hi + ENG_ATTN_SPLIT - 1) / ENG_ATTN_SPLIT;
}

/* ---- by tiles ---- */

/* Tile task / n_items (counted from the end) of item task % n_items: the long ones first, so that
 * the workers end together. */
static void tile_task(void *arg, size_t task, size_t worker)
{
    const job *j = arg;
    const eng_attn *a = &j->items[task % j->n_items];
    size_t i = j->tiles - 1 - task / j->n_items;
    if (i >= n_tiles(a)) return;
    eng_attn_tile t = tile_at(a, i);
    eng_exec_kernels(j->x)->attn_tile(&t, eng_exec_scratch(j->x, worker));
}

/* ---- by splits: every item is one tile ---- */

/* Where the parts of an item begin: in the scratch of a worker, beyond its tile. */
static float *parts_of(const job *j, size_t item)
{
    size_t threads = eng_exec_threads(j->x);
    float *p = eng_exec_scratch(j->x, item % threads);
    return p + j->tile_room + item / threads * j->part_room;
}

/* Split task / n_items of item task % n_items. */
static void part_task(void *arg, size_t task, size_t worker)
{
    const job *j = arg;
    size_t item = task % j->n_items, from, to;
    splits_of(&j->items[item], &from, &to);
    eng_attn_tile t = tile_at(&j->items[item], 0);
    t.split = from + task / j->n_items;
    if (t.split >= to) return;
    t.part = parts_of(j, item) + (t.split - from) * eng_attn_part_floats(&t);
    eng_exec_kernels(j->x)->attn_tile(&t, eng_exec_scratch(j->x, worker));
}

static void join_task(void *arg, size_t item, size_t worker)
{
    const job *j = arg;
    size_t from, to;
    splits_of(&j->items[item], &from, &to);
    eng_attn_tile t = tile_at(&j->items[item], 0);
    eng_exec_kernels(j->x)->attn_join(&t, parts_of(j, item), to - from,
                                      eng_exec_scratch(j->x, worker));
}

/* ---- the run ---- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The sizes that decide how the work is cut. */
static job measure(eng_exec *x, const eng_attn *items, size_t n)
{
    job j = {.x = x, .items = items, .n_items = n};
    size_t part = 0;
    for (size_t i = 0; i < n; i++) {
        const eng_attn *a = &items[i];
        size_t tiles = n_tiles(a), from, to, lo, hi;
        if (!tiles) continue;
        splits_of(a, &from, &to);
        eng_attn_visible(a, a->n_q - 1, &lo, &hi);
        j.tiles = larger(j.tiles, tiles);
        j.all_tiles += tiles;
        j.splits = larger(j.splits, to - from);
        j.work += a->n_q * a->n_group * (hi - lo) * a->head_dim_k;
        j.tile_room = larger(j.tile_room, tile_floats(a->head_dim_k, a->head_dim_v));
        part = larger(part, a->n_q * a->n_group * (a->head_dim_v + 2));
    }
    j.part_room = j.splits * part;
    return j;
}

/* Whether to cut the keys too: many splits of few tiles, and room for what they leave. */
static bool by_splits(const job *j)
{
    size_t threads = eng_exec_threads(j->x), each = (j->n_items + threads - 1) / threads;
    if (threads == 1 || j->tiles != 1 || j->splits < 2 || j->all_tiles != j->n_items) return false;
    if (j->all_tiles >= PLENTY * threads || j->all_tiles % threads == 0) return false;
    size_t dim_v = SIZE_MAX;
    for (size_t i = 0; i < j->n_items; i++)
        dim_v = j->items[i].head_dim_v < dim_v ? j->items[i].head_dim_v : dim_v;
    return each * j->part_room <= PART_ROWS * (dim_v + 2);
}

/* Same bytes whichever way: see attn.h. */
void eng_attn_run(eng_exec *x, const eng_attn *items, size_t n)
{
    job j = measure(x, items, n);
    size_t tasks = n * j.tiles;
    if (j.work < SERIAL) {
        for (size_t i = 0; i < tasks; i++)
            tile_task(&j, i, 0);
    } else if (by_splits(&j)) {
        sk_pool_run(eng_exec_pool(x), n * j.splits, part_task, &j);
        sk_pool_run(eng_exec_pool(x), n, join_task, &j);
    } else {
        sk_pool_run(eng_exec_pool(x), tasks, tile_task, &j);
    }
}
