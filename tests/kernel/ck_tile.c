/* ck_tile.c - checks of inference attention: every variant against sums in double, and that a row's
 * result depends neither on its company nor on how the keys were cut.
 *
 * Tolerance: scores are float dots of head_dim products, errors of which exp passes on, times a
 * soft cap's or a bias' own rounding: 2e-5 of the largest value in play.  Keys and values of 16
 * bits are rounded before both computations, so they add nothing.
 */
#include "base/mem.h"
#include "engine/kernel/kvmem.h"
#include "engine/quant/blocks.h"
#include "tests/kernel/ck.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One item with its memory; the keys as floats beside it. */
typedef struct problem {
    eng_attn a;
    size_t n_k;
    float *k, *v; /* [n_k, head_dim] what is stored, as floats */
    void *scratch;
} problem;

/* Bits of `how`. */
enum {
    SOFTCAP = 1,
    SLOPE = 2,
    SINK = 4,
    WINDOW = 8,
    ENCODER = 16,
    CACHE = 32,
    PLAIN = 0,
    HOWS = 64
};

/* n_k random rows of n elements in room i. */
static float *drawn(ck *k, size_t i, size_t n_k, size_t n)
{
    float *x = ck_room(k, i, n_k * n, 0);
    ck_fill(k, x, n_k * n, CK_USUAL);
    return x;
}

/* Rows of a type, a few bytes apart, in room i; back: as floats again. */
static void *stored(ck *k, size_t i, eng_dtype type, size_t n_k, size_t n, size_t *row, float *back)
{
    *row = eng_dtype_bytes(type, n) + 4 * ck_below(k, 3);
    char *rows = (char *)ck_room(k, i, (n_k * *row + 3) / 4 + 1, 1);
    for (size_t j = 0; j < n_k; j++) {
        eng_dtype_of_f32(type, back + j * n, rows + j * *row, n);
        eng_dtype_to_f32(type, rows + j * *row, back + j * n, n);
    }
    return rows;
}

/* Element d of the key at position j, and of the value, as the cache holds them. */
static float key_kept(const eng_attn *a, size_t j, size_t d)
{
    size_t lane = j % ENG_ATTN_BLOCK;
    const char *k = eng_attn_key(a, j - lane);
    const char *x = k + eng_attn_key_at(a->k_type, a->k_row_bytes, lane, d);
    float y = 0;
    if (a->k_type != ENG_Q8_0) {
        eng_dtype_to_f32(a->k_type, x, &y, 1);
        return y;
    }
    uint16_t scale;
    memcpy(&scale, k + eng_attn_scale_at(a->k_row_bytes, lane, d), sizeof scale);
    return eng_f16_to(scale) * (float)*(const int8_t *)x;
}

static float value_kept(const eng_attn *a, size_t j, size_t d)
{
    const char *row = eng_attn_value(a, j);
    const eng_q8_0 *b = (const eng_q8_0 *)(const void *)row + d / ENG_QB;
    float y = 0;
    if (a->v_type == ENG_Q8_0) return eng_f16_to(b->d) * (float)b->qs[d % ENG_QB];
    eng_dtype_to_f32(a->v_type, row + d * eng_dtype_bytes(a->v_type, 1), &y, 1);
    return y;
}

/* Keys and values through the cache of one layer with one head, in room 2, its pages (their
 * numbers in room 4) in a drawn order; what it holds is near what was put there, and becomes what
 * is compared with. */
static void cached(ck *k, problem *p, eng_dtype type)
{
    eng_attn *a = &p->a;
    eng_kv_shape shape = {1, (uint32_t)a->head_dim_k, (uint32_t)a->head_dim_v, false};
    eng_kv_layout layout;
    sk_err e = SK_ERR_INIT;
    sk_arena *arena = sk_arena_new(SK_MEM_MISC);
    if (!arena || eng_kv_layout_build(&shape, 1, type, arena, &layout, &e)) {
        ck_fail(k, "%s", e.text);
        exit(71);
    }
    size_t pages = (p->n_k + ENG_ATTN_BLOCK - 1) / ENG_ATTN_BLOCK;
    uint32_t *page = (uint32_t *)(void *)ck_room(k, 4, pages, 0);
    for (size_t i = 0; i < pages; i++) {
        size_t j = ck_below(k, i + 1);
        page[i] = page[j];
        page[j] = (uint32_t)i;
    }
    eng_kv_seq s = {
        {(char *)ck_room(k, 2, pages * layout.page_bytes[0] / 4, 0), NULL}, {page, NULL}, &layout};
    for (size_t j = 0; j < p->n_k; j++)
        eng_kv_put(k->kern, &s, 0, j, p->k + j * a->head_dim_k, p->v + j * a->head_dim_v);
    eng_kv_item(&s, 0, 0, a);
    double rel = type == ENG_F16 ? 0x1p-11 : type == ENG_BF16 ? 0x1p-8 : 0;
    double abs = type == ENG_Q8_0 ? 2.0 / 254 + 2e-3 : 1e-7; /* values are below 2 */
    for (size_t j = 0; j < p->n_k; j++) {
        for (size_t d = 0; d < a->head_dim_k; d++) {
            float kept = key_kept(a, j, d), *was = &p->k[j * a->head_dim_k + d];
            ck_near(k, "key kept", &kept, was, 1, rel, abs);
            *was = kept;
        }
        for (size_t d = 0; d < a->head_dim_v; d++) {
            float kept = value_kept(a, j, d), *was = &p->v[j * a->head_dim_v + d];
            ck_near(k, "value kept", &kept, was, 1, rel, abs);
            *was = kept;
        }
    }
    sk_arena_free(arena);
}

/* Draws an item of n_q queries that end at key n_k - 1. */
static problem draw(ck *k, size_t n_k, size_t n_q, size_t dim_k, size_t dim_v, eng_dtype type,
                    unsigned how)
{
    problem p = {.n_k = n_k};
    size_t group = 1 + ck_below(k, 5);
    eng_attn *a = &p.a;
    *a = (eng_attn){.n_group = group,
                    .n_q = n_q,
                    .pos0 = n_k - n_q,
                    .k_type = type,
                    .v_type = type,
                    .head_dim_k = dim_k,
                    .head_dim_v = dim_v,
                    .scale = 1.0f / sqrtf((float)dim_k),
                    .n_k = n_k,
                    .causal = !(how & ENCODER)};
    a->ldq = group * dim_k + ck_below(k, 3);
    a->ldo = group * dim_v + ck_below(k, 3);
    float *q = ck_room(k, 0, n_q * a->ldq, 1);
    ck_fill(k, q, n_q * a->ldq, CK_USUAL);
    a->q = q;
    a->out = ck_room(k, 1, n_q * a->ldo, 1);
    p.k = drawn(k, 3, n_k, dim_k);
    p.v = drawn(k, 5, n_k, dim_v);
    if (type == ENG_Q8_0 || how & CACHE) {
        cached(k, &p, type);
    } else {
        a->k = stored(k, 2, type, n_k, dim_k, &a->k_row_bytes, p.k);
        a->v = stored(k, 4, type, n_k, dim_v, &a->v_row_bytes, p.v);
    }
    float *slope = ck_room(k, 6, group, 1), *sink = ck_room(k, 7, group, 1);
    for (size_t h = 0; h < group; h++) {
        slope[h] = ck_rand(k, 0, 0.2f);
        sink[h] = ck_rand(k, -2, 8);
    }
    if (how & SOFTCAP) a->softcap = ck_rand(k, 0.5f, 20);
    if (how & SLOPE) a->slope = slope;
    if (how & SINK) a->sink = sink;
    if (how & WINDOW) a->window = 1 + ck_below(k, n_k + 5);
    p.scratch = ck_room(k, 8, eng_attn_scratch(dim_k, dim_v) / 4, 0);
    return p;
}

/* Weights of row (i, h) in double into w[*lo .. *hi). */
static void weights(const problem *p, size_t i, size_t h, double *w, size_t *lo, size_t *hi)
{
    const eng_attn *a = &p->a;
    const float *q = a->q + i * a->ldq + h * a->head_dim_k;
    double max = a->sink ? (double)a->sink[h] : -INFINITY, den = 0;
    eng_attn_visible(a, i, lo, hi);
    for (size_t j = *lo; j < *hi; j++) {
        double s = 0, far = fabs((double)j - (double)(a->pos0 + i));
        for (size_t d = 0; d < a->head_dim_k; d++)
            s += (double)q[d] * (double)p->k[j * a->head_dim_k + d];
        s *= (double)a->scale;
        if (a->softcap > 0) s = (double)a->softcap * tanh(s / (double)a->softcap);
        if (a->slope) s -= (double)a->slope[h] * far;
        w[j] = s;
        max = s > max ? s : max;
    }
    for (size_t j = *lo; j < *hi; j++)
        den += w[j] = exp(w[j] - max);
    if (a->sink) den += exp((double)a->sink[h] - max);
    for (size_t j = *lo; j < *hi; j++)
        w[j] /= den;
}

/* Compares a->out with sums in double. */
static void compare(ck *k, const problem *p)
{
    const eng_attn *a = &p->a;
    double *w = sk_calloc(SK_MEM_MISC, p->n_k + 1, sizeof *w);
    for (size_t r = 0; w && r < a->n_q * a->n_group; r++) {
        size_t i = r / a->n_group, h = r % a->n_group, lo, hi;
        weights(p, i, h, w, &lo, &hi);
        for (size_t d = 0; d < a->head_dim_v; d++) {
            double sum = 0;
            for (size_t j = lo; j < hi; j++)
                sum += w[j] * (double)p->v[j * a->head_dim_v + d];
            float want = (float)sum;
            ck_near(k, "out", &a->out[i * a->ldo + h * a->head_dim_v + d], &want, 1, 0, 2e-5);
        }
    }
    sk_free(w);
}

/* The padding between rows of out must be as it was. */
static void compare_gaps(ck *k, const eng_attn *a)
{
    for (size_t i = 0; i < a->n_q; i++)
        for (size_t d = a->n_group * a->head_dim_v; d < a->ldo; d++)
            if (!isnan(a->out[i * a->ldo + d])) ck_fail(k, "written beyond row %zu", i);
}

static void run_tiles(ck *k, const eng_attn *a, void *scratch)
{
    size_t rows = a->n_q * a->n_group;
    for (size_t r = 0; r < rows; r += ENG_ATTN_ROWS) {
        size_t n = rows - r < ENG_ATTN_ROWS ? rows - r : ENG_ATTN_ROWS;
        k->kern->attn_tile(&(eng_attn_tile){.a = a, .row0 = r, .n_rows = n}, scratch);
    }
}

/* Copies the keys at positions [lo, hi) of n_k into one stretch, all else being NaN. */
static void only_keys(char *to, const eng_attn *a, size_t n_k, size_t lo, size_t hi)
{
    size_t block = ENG_ATTN_BLOCK, all = a->k_blocks ? (n_k + block - 1) / block * block : n_k;
    size_t row = a->k_row_bytes, one = a->k_type == ENG_Q8_0 ? 1 : eng_dtype_bytes(a->k_type, 1);
    memset(to, 0xff, all * row);
    for (size_t p = lo; p < hi; p++) {
        if (!a->k_blocks) {
            memcpy(to + p * row, eng_attn_key(a, p), row);
            continue;
        }
        const char *from = eng_attn_key(a, p / block * block);
        char *here = to + p / block * block * row;
        for (size_t d = 0; d < a->head_dim_k; d++) {
            size_t at = eng_attn_key_at(a->k_type, row, p % block, d);
            size_t scale = eng_attn_scale_at(row, p % block, d);
            memcpy(here + at, from + at, one);
            if (a->k_type == ENG_Q8_0) memcpy(here + scale, from + scale, 2);
        }
    }
}

/* The same of values. */
static void only_values(char *to, const eng_attn *a, size_t n_k, size_t lo, size_t hi)
{
    memset(to, 0xff, n_k * a->v_row_bytes);
    for (size_t p = lo; p < hi; p++)
        memcpy(to + p * a->v_row_bytes, eng_attn_value(a, p), a->v_row_bytes);
}

/* One stretch of the keys and values that queries [i, i + n) see, NaN where there are others. */
static void poison(const problem *p, const eng_attn *a, size_t i, size_t n, char *keys,
                   char *values)
{
    size_t lo, hi, unused;
    eng_attn_visible(a, i, &lo, &unused);
    eng_attn_visible(a, i + n - 1, &unused, &hi);
    only_keys(keys, &p->a, p->n_k, lo, hi);
    only_values(values, &p->a, p->n_k, lo, hi);
}

/* Queries one by one or a few at once, now and then as parts: the same bytes. */
static void compare_cuts(ck *k, const problem *p)
{
    eng_attn a = p->a;
    size_t splits = p->n_k / ENG_ATTN_SPLIT + 1, part = ENG_ATTN_ROWS * (a.head_dim_v + 2);
    a.out = ck_room(k, 9, a.n_q * a.ldo, 0);
    char *keys = (char *)ck_room(k, 10, (p->n_k + ENG_ATTN_BLOCK) * a.k_row_bytes / 4 + 1, 0);
    char *values = (char *)ck_room(k, 11, p->n_k * a.v_row_bytes / 4 + 1, 0);
    float *parts = ck_room(k, 12, splits * part, 0);
    float *const out = a.out;
    for (size_t i = 0, n; i < p->a.n_q; i += n) {
        n = 1 + (ck_below(k, 3) ? 0 : ck_below(k, p->a.n_q - i));
        poison(p, &p->a, i, n, keys, values);
        a.k = keys;
        a.v = values;
        a.page = NULL;
        a.q = p->a.q + i * a.ldq;
        a.out = out + i * a.ldo;
        a.n_q = n;
        a.pos0 = p->a.pos0 + i;
        if (n * a.n_group > ENG_ATTN_ROWS || ck_below(k, 2)) {
            run_tiles(k, &a, p->scratch);
            continue;
        }
        size_t lo, hi, unused;
        eng_attn_visible(&a, 0, &lo, &unused);
        eng_attn_visible(&a, n - 1, &unused, &hi);
        eng_attn_tile t = {.a = &a, .n_rows = n * a.n_group};
        size_t s0 = lo / ENG_ATTN_SPLIT, s1 = (hi + ENG_ATTN_SPLIT - 1) / ENG_ATTN_SPLIT;
        for (t.split = s0; t.split < s1; t.split++) {
            t.part = parts + (t.split - s0) * eng_attn_part_floats(&t);
            k->kern->attn_tile(&t, p->scratch);
        }
        k->kern->attn_join(&t, parts, s1 - s0, p->scratch);
    }
    for (size_t i = 0; i < p->a.n_q; i++)
        ck_same(k, "a query in other company", out + i * a.ldo, p->a.out + i * a.ldo,
                a.n_group * a.head_dim_v * 4);
}

static void one(ck *k, size_t n_k, size_t n_q, size_t dim_k, size_t dim_v, eng_dtype type,
                unsigned how)
{
    problem p = draw(k, n_k, n_q, dim_k, dim_v, type, how);
    ck_case(k, "keys %zu queries %zu head_dim %zu %zu group %zu window %zu type %s how %u", n_k,
            n_q, dim_k, dim_v, p.a.n_group, p.a.window, eng_dtype_name(type), how);
    run_tiles(k, &p.a, p.scratch);
    compare(k, &p);
    compare_gaps(k, &p.a);
    compare_cuts(k, &p);
    ck_guards(k);
}

/* Every variant, sizes round the edges of vectors, blocks and splits. */
static void check_tile(ck *k)
{
    static const size_t dims[] = {2, 8, 16, 24, 32, 64, 80, 128, 130};
    static const size_t lens[] = {1, 2, 9, 63, 64, 65, 130, 511, 513, 600};
    static const eng_dtype types[] = {ENG_F32, ENG_F16, ENG_BF16, ENG_Q8_0};
    for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++)
        for (size_t l = 0; l < sizeof lens / sizeof lens[0]; l++)
            for (size_t round = 0; round < 4; round++) {
                size_t n = lens[l], n_q = 1 + ck_below(k, n > 100 ? 12 : n);
                size_t dim_v = ck_below(k, 3) ? dims[d] : dims[ck_below(k, 9)];
                unsigned how = round ? (unsigned)ck_below(k, HOWS) : PLAIN;
                one(k, n, n_q, dims[d], dim_v, types[(d + l + round) % 4], how);
            }
    one(k, 1100, 3, 64, 64, ENG_F32, PLAIN);
    one(k, 1700, 2, 32, 48, ENG_F16, SINK | SOFTCAP);
    one(k, 200, 200, 64, 64, ENG_F32, WINDOW);
    one(k, 700, 100, 64, 64, ENG_F16, CACHE);
    one(k, 300, 70, 32, 32, ENG_Q8_0, SLOPE | SOFTCAP | WINDOW);
}

/* Large scores: weights of 0 and 1 only, nothing overflows. */
static void check_extremes(ck *k)
{
    for (unsigned round = 0; round < 20; round++) {
        problem p = draw(k, 150, 20, 32, 32, ENG_F32, round % HOWS & ~(unsigned)SINK);
        ck_case(k, "scores of about 1e6, round %u", round);
        p.a.scale = 1e5f;
        run_tiles(k, &p.a, p.scratch);
        for (size_t i = 0; i < p.a.n_q; i++)
            for (size_t d = 0; d < p.a.n_group * 32; d++)
                if (!(fabsf(p.a.out[i * p.a.ldo + d]) <= 2.001f)) {
                    ck_fail(k, "out[%zu] is %g", i, (double)p.a.out[i * p.a.ldo + d]);
                    return;
                }
    }
}

/* Items of different lengths with 1, 2 and 3 threads, cut by rows and by splits: the bytes of tiles
 * run here one after the other. */
static void check_run(ck *k)
{
    for (size_t threads = 1; threads <= 3; threads++)
        for (size_t n_q = 1; n_q <= 150; n_q += 149) {
            sk_err e = SK_ERR_INIT;
            eng_exec *x = NULL;
            problem p = draw(k, 1300, n_q, 32, 32, ENG_F32, SINK);
            ck_case(k, "%zu threads %zu queries", threads, n_q);
            if (eng_exec_open(threads, &x, &e) ||
                eng_exec_reserve(x, eng_attn_scratch(32, 32), &e)) {
                ck_fail(k, "%s", e.text);
                return;
            }
            run_tiles(k, &p.a, p.scratch);
            for (size_t n_items = 1; n_items <= 3; n_items++) {
                eng_attn item[3];
                for (size_t i = 0; i < n_items; i++) {
                    item[i] = p.a;
                    item[i].n_q = i + 1 < n_items ? (n_q + i) / (i + 1) : n_q;
                    item[i].out = ck_room(k, 9 + i, n_q * p.a.ldo, 1);
                }
                eng_attn_run(x, item, n_items);
                for (size_t i = 0; i < n_items; i++)
                    for (size_t r = 0; r < item[i].n_q; r++)
                        ck_same(k, "out", item[i].out + r * p.a.ldo, p.a.out + r * p.a.ldo,
                                p.a.n_group * 32 * 4);
                ck_guards(k);
            }
            eng_exec_close(x);
        }
}

const ck_check ck_tile_checks[] = {
    {"attn_tile", check_tile},
    {"attn_tile_extremes", check_extremes},
    {"attn_run", check_run},
    {NULL, NULL},
};
