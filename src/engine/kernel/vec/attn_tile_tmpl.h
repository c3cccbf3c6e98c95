/* attn_tile_tmpl.h - attention for inference (kernel/attn.h) over a vector vocabulary, in tiles of
 * up to ROWS rows (query, head) by BLOCK keys.
 *
 * A block of keys is used as [head_dim][BLOCK] floats.  Few rows (decoding) have their scores in
 * rows: lanes are keys.  Many rows have them in columns: lanes are rows, and softmax needs no sums
 * across lanes.  Both take the same steps in the same order, so the bytes are the same.  A product
 * with the values walks the keys a row sees and no others.
 *
 * Included after a vocabulary and the MM_ macros of mm_tmpl.h; the parts are in attn_load_tmpl.h
 * (keys and values as floats) and attn_soft_tmpl.h (scores to weights).
 */
#ifndef ENG_KERNEL_VEC_ATTN_TILE_TMPL_H
#define ENG_KERNEL_VEC_ATTN_TILE_TMPL_H

#include "engine/kernel/attn.h"
#include "engine/kernel/slots.h"
#include "engine/kernel/vec/attn_few_tmpl.h"
#include "engine/kernel/vec/mm_tmpl.h"

#include <math.h>
#include <string.h>

enum {
    BLOCK = ENG_ATTN_BLOCK,
    SPLIT = ENG_ATTN_SPLIT,
    ROWS = ENG_ATTN_ROWS,
    MANY = 2 * VL /* rows that are worth columns */
};

/* Maximum, denominator [ROWS] and weighted sums of values [ROWS, wide] of a tile's rows; a
 * denominator of 0 stands for "no keys yet". */
typedef struct sums {
    float *max, *den, *acc;
} sums;

/* The scratch of one tile. */
typedef struct tile {
    const eng_attn *a;
    size_t n_rows, wide;           /* wide: head_dim_v in whole vectors */
    bool many;                     /* scores are in columns */
    float *q;                      /* [ROWS, head_dim_k] scaled queries */
    float *qt;                     /* [head_dim_k, ROWS] the same transposed, if many */
    float *kt;                     /* [head_dim_k, BLOCK] room for keys */
    float *v;                      /* [BLOCK, wide] room for values */
    float *s;                      /* [ROWS, BLOCK] scores, then weights; if many, [BLOCK, ROWS] */
    sums now, all;                 /* of the split under way; of those before it */
    bool begun;                    /* `all` holds something */
    size_t first[ROWS], end[ROWS]; /* keys that a row sees */
    int32_t lo[ROWS], hi[ROWS];    /* of these in the block, from its start; none if equal */
    float at[ROWS], slope[ROWS];   /* position of the row's query; of its head */
} tile;

#include "engine/kernel/vec/attn_soft_tmpl.h"

/* ---- one block of keys ---- */

/* Fills lo and hi for the block of keys at key0; returns the number of keys up to the last that a
 * row sees, 0 if none sees any. */
static size_t see(tile *t, size_t key0)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_rows; i++) {
        size_t lo = t->first[i] > key0 ? t->first[i] - key0 : 0;
        size_t hi = t->end[i] > key0 ? t->end[i] - key0 : 0;
        if (hi > BLOCK) hi = BLOCK;
        if (lo >= hi) lo = hi = 0;
        t->lo[i] = (int32_t)lo;
        t->hi[i] = (int32_t)hi;
        n = hi > n ? hi : n;
    }
    return n;
}

/* Sums of rows [i, i + m) += weights of keys [lo, hi) times values. */
static void weigh(tile *t, size_t i, size_t m, size_t lo, size_t hi, const float *v, size_t ldv)
{
    if (lo >= hi) return;
    mm_args g = {.a = t->many ? t->s + lo * ROWS + i : t->s + i * BLOCK + lo,
                 .ars = t->many ? 1 : BLOCK,
                 .acs = t->many ? ROWS : 1,
                 .b = v + lo * ldv,
                 .ldb = ldv,
                 .c = t->now.acc + i * t->wide,
                 .ldc = t->wide,
                 .from_c = true};
    mm(m, t->wide, hi - lo, &g);
}

/* Adds the weighted values of a block: a group of rows together as far as all of them see, the
 * rest row by row. */
static void weigh_block(tile *t, const float *v, size_t ldv)
{
    for (size_t i = 0; i < t->n_rows; i += MM_ROWS) {
        size_t end = i + MM_ROWS < t->n_rows ? i + MM_ROWS : t->n_rows;
        int32_t hi = BLOCK, lo = t->lo[i];
        bool same = true;
        for (size_t r = i; r < end; r++) {
            same = same && t->lo[r] == lo;
            hi = t->hi[r] < hi ? t->hi[r] : hi;
        }
        int32_t common = same && hi > lo ? hi : 0;
        if (common) weigh(t, i, end - i, (size_t)lo, (size_t)common, v, ldv);
        for (size_t r = i; r < end; r++)
            weigh(t, r, 1, (size_t)(common ? common : t->lo[r]), (size_t)t->hi[r], v, ldv);
    }
}

/* Scores in rows of every group of rows, as far as the group sees. */
static void score_rows(tile *t, const float *kt)
{
    size_t n = t->a->head_dim_k;
    for (size_t i = 0; i < t->n_rows; i += MM_ROWS) {
        size_t m = t->n_rows - i < MM_ROWS ? t->n_rows - i : MM_ROWS, hi = 0;
        for (size_t r = i; r < i + m; r++)
            hi = (size_t)t->hi[r] > hi ? (size_t)t->hi[r] : hi;
        mm_args g = {t->q + i * n, n, 1, kt, BLOCK, t->s + i * BLOCK, BLOCK, false};
        if (hi) mm(m, (hi + VL - 1) / VL * VL, n, &g);
    }
}

/* Whether the tile's rows are few enough, and the cache laid out, to work from the cache itself. */
static bool is_few(const tile *t)
{
    const eng_attn *a = t->a;
    return t->n_rows <= MM_ROWS && a->k_blocks && a->head_dim_v == t->wide;
}

/* fold_block for few rows, of one query mostly; rows that see other keys go one by one. */
static void fold_few(tile *t, size_t key0, size_t n_k)
{
    const eng_attn *a = t->a;
    few_args k = {t->q, a->head_dim_k, eng_attn_key(a, key0), 0, t->s, BLOCK};
    few_args v = {NULL, BLOCK, NULL, a->v_row_bytes, NULL, t->wide, true};
    few_kind k_kind = few_kind_of(a->k_type, FEW_Q8_KEYS);
    few_kind v_kind = few_kind_of(a->v_type, FEW_Q8_ROWS);
    k.b_row = k_kind == FEW_Q8_KEYS ? 0 : BLOCK * eng_dtype_block_bytes(a->k_type);
    few_product(k_kind, t->n_rows, (n_k + VL - 1) / VL * VL, a->head_dim_k, &k);
    for (size_t i = 0; i < t->n_rows; i++)
        if (t->lo[i] < t->hi[i]) soften_row(t, i, key0);
    for (size_t i = 0, m; i < t->n_rows; i += m) {
        for (m = 1; i + m < t->n_rows; m++)
            if (t->lo[i + m] != t->lo[i] || t->hi[i + m] != t->hi[i]) break;
        size_t lo = (size_t)t->lo[i], n = (size_t)t->hi[i] - lo;
        v.a = t->s + i * BLOCK + lo;
        v.b = eng_attn_value(a, key0 + lo);
        v.c = t->now.acc + i * t->wide;
        if (n) few_product(v_kind, m, t->wide, n, &v);
    }
}

/* The same for more rows, keys and values being floats. */
static void fold_more(tile *t, size_t key0, size_t n_k)
{
    size_t n = t->a->head_dim_k, ldv;
    const float *kt = load_keys(t->a, t->kt, key0, n_k);
    if (t->many) {
        mm_args g = {kt, 1, BLOCK, t->qt, ROWS, t->s, ROWS, false};
        mm(n_k, (t->n_rows + VL - 1) / VL * VL, n, &g);
        for (size_t i = 0; i < t->n_rows; i += VL)
            soften_columns(t, i, key0, n_k);
    } else {
        score_rows(t, kt);
        for (size_t i = 0; i < t->n_rows; i++)
            if (t->lo[i] < t->hi[i]) soften_row(t, i, key0);
    }
    const float *v = load_values(t->a, t->v, t->wide, key0, n_k, &ldv);
    weigh_block(t, v, ldv);
}

/* Folds the block of keys at key0 into the tile. */
static void fold_block(tile *t, size_t key0)
{
    size_t n_k = see(t, key0);
    if (n_k && is_few(t))
        fold_few(t, key0, n_k);
    else if (n_k)
        fold_more(t, key0, n_k);
}

/* ---- splits ---- */

/* Empties the sums, those of the rows that fill up the last vector too. */
static void clear(const tile *t, sums *s)
{
    for (size_t i = 0; i < (t->n_rows + VL - 1) / VL * VL; i++) {
        s->max[i] = -INFINITY;
        s->den[i] = 0;
        for (size_t d = 0; d < t->wide; d += VL)
            vf_store(s->acc + i * t->wide + d, vf_zero());
    }
}

/* Row i of `all` += a state of n values; one without keys changes nothing, the first is copied. */
static void merge_row(tile *t, size_t i, float max, float den, const float *sum, size_t n)
{
    float *to = t->all.acc + i * t->wide, old = t->all.max[i], old_den = t->all.den[i];
    if (den == 0) return;
    if (old_den == 0) {
        for (size_t d = 0; d < n; d += VL)
            vf_store(to + d, get(sum, d, n));
        t->all.den[i] = den;
        t->all.max[i] = max;
        return;
    }
    float top = max > old ? max : old;
    vf was = vf_exp(vf_set(old - top)), is = vf_exp(vf_set(max - top));
    for (size_t d = 0; d < n; d += VL) {
        vf part = vf_mul(get(sum, d, n), is);
        vf_store(to + d, vf_add(vf_mul(vf_load(to + d), was), part));
    }
    t->all.den[i] = old_den * vf_first(was) + den * vf_first(is);
    t->all.max[i] = top;
}

/* Ends a split: what it gave joins what was before. */
static void merge(tile *t)
{
    if (!t->begun) {
        sums first = t->now;
        t->now = t->all;
        t->all = first;
        t->begun = true;
    } else {
        for (size_t i = 0; i < t->n_rows; i++)
            merge_row(t, i, t->now.max[i], t->now.den[i], t->now.acc + i * t->wide, t->wide);
    }
    clear(t, &t->now);
}

/* Writes row i of the result: the sink joins the denominator, which divides the sums. */
static void finish_row(const tile *t, size_t row0, size_t i)
{
    const eng_attn *a = t->a;
    size_t q = (row0 + i) / a->n_group, h = (row0 + i) % a->n_group;
    float *out = a->out + q * a->ldo + h * a->head_dim_v, den = t->all.den[i];
    vf shrink = vf_set(1.0f);
    if (a->sink) {
        float top = a->sink[h] > t->all.max[i] ? a->sink[h] : t->all.max[i];
        shrink = vf_exp(vf_set(t->all.max[i] - top));
        den = den * vf_first(shrink) + vf_first(vf_exp(vf_set(a->sink[h] - top)));
    }
    for (size_t d = 0; d < a->head_dim_v; d += VL) {
        vf x = vf_mul(vf_load(t->all.acc + i * t->wide + d), shrink);
        put(out, d, a->head_dim_v, vf_div(x, vf_set(den)));
    }
}

/* ---- the slots ---- */

/* Lays the tile out in scratch. */
static tile tile_of(const eng_attn_tile *job, float *scratch)
{
    const eng_attn *a = job->a;
    tile t = {.a = a, .n_rows = job->n_rows, .wide = (a->head_dim_v + VL - 1) / VL * VL};
    size_t acc = ROWS * t.wide;
    assert(job->n_rows <= ROWS);
    t.s = scratch;
    t.now = (sums){t.s + ROWS * BLOCK, t.s + ROWS * BLOCK + ROWS, t.s + ROWS * (BLOCK + 4)};
    t.all = (sums){t.now.den + ROWS, t.now.den + 2 * ROWS, t.now.acc + acc};
    t.v = t.all.acc + acc;
    t.kt = t.v + BLOCK * t.wide;
    t.q = t.kt + BLOCK * a->head_dim_k;
    t.qt = t.q + ROWS * a->head_dim_k;
    t.many = t.n_rows >= MANY;
    return t;
}

/* Queries, scaled, and what they see; what fills up the last vector of rows sees nothing. */
static void begin_rows(tile *t, size_t row0)
{
    const eng_attn *a = t->a;
    vf scale = vf_set(a->scale);
    for (size_t i = 0; i < t->n_rows; i++) {
        size_t query = (row0 + i) / a->n_group;
        size_t head = (row0 + i) % a->n_group;
        t->slope[i] = a->slope ? a->slope[head] : 0;
        t->at[i] = (float)(a->pos0 + query);
        eng_attn_visible(a, query, &t->first[i], &t->end[i]);
        assert(t->first[i] < t->end[i]);
        const float *q = a->q + query * a->ldq + head * a->head_dim_k;
        for (size_t d = 0; d < a->head_dim_k; d += VL)
            put(t->q + i * a->head_dim_k, d, a->head_dim_k,
                vf_mul(get(q, d, a->head_dim_k), scale));
    }
    for (size_t i = t->n_rows; i < ROWS; i++) {
        t->first[i] = t->end[i] = 0;
        t->lo[i] = t->hi[i] = 0;
        t->at[i] = t->slope[i] = 0;
    }
    if (t->many) transpose(t->qt, ROWS, t->q, a->head_dim_k, t->n_rows, a->head_dim_k);
    clear(t, &t->now);
    clear(t, &t->all);
}

/* Blocks are folded in the order of keys and merged at every multiple of SPLIT, whatever the split
 * of the work: a job that does one part (job->part) gives out what the whole would have merged
 * there, so that threads change no bit. */
void ENG_ISA(eng_attn_tile)(const eng_attn_tile *job, void *scratch)
{
    tile t = tile_of(job, scratch);
    size_t from = SIZE_MAX, to = 0;
    begin_rows(&t, job->row0);
    for (size_t i = 0; i < t.n_rows; i++) {
        from = t.first[i] < from ? t.first[i] : from;
        to = t.end[i] > to ? t.end[i] : to;
    }
    if (job->part) {
        size_t lo = job->split * SPLIT, hi = lo + SPLIT;
        from = from > lo ? from : lo;
        to = to < hi ? to : hi;
    }
    for (size_t key0 = from / BLOCK * BLOCK; key0 < to; key0 += BLOCK) {
        fold_block(&t, key0);
        if ((key0 + BLOCK) % SPLIT == 0 || key0 + BLOCK >= to) merge(&t);
    }
    for (size_t i = 0; i < t.n_rows; i++) {
        if (!job->part) {
            finish_row(&t, job->row0, i);
            continue;
        }
        float *part = job->part + i * (t.a->head_dim_v + 2);
        part[0] = t.all.max[i];
        part[1] = t.all.den[i];
        memcpy(part + 2, t.all.acc + i * t.wide, t.a->head_dim_v * sizeof(float));
    }
}

void ENG_ISA(eng_attn_join)(const eng_attn_tile *job, const float *part, size_t n_parts,
                            void *scratch)
{
    tile t = tile_of(job, scratch);
    size_t n = t.a->head_dim_v, floats = eng_attn_part_floats(job);
    clear(&t, &t.all);
    for (size_t p = 0; p < n_parts; p++)
        for (size_t i = 0; i < t.n_rows; i++) {
            const float *s = part + p * floats + i * (n + 2);
            merge_row(&t, i, s[0], s[1], s + 2, n);
        }
    for (size_t i = 0; i < t.n_rows; i++)
        finish_row(&t, job->row0, i);
}

#endif
