/* wmat.c - weight matrices as stacks of packed parts, and how a product is cut into tasks.
 *
 * Plain types are eng_bpack (gemm.h).  Quantised parts are panels of ENG_WCOLS rows (wform.h); a
 * product quantises its rows once, into the scratch that all workers share, then a task takes some
 * panels.  With few rows a panel is multiplied as it comes from memory; with more it is unpacked
 * chunk by chunk into the worker's scratch and used from the cache by all rows.
 */
#include "engine/kernel/wmat.h"

#include "base/crc.h"
#include "base/mem.h"
#include "engine/kernel/bpack.h"
#include "engine/kernel/exec_scratch.h"
#include "engine/kernel/gemm.h"
#include "engine/kernel/kernel.h"
#include "engine/kernel/par.h"
#include "engine/kernel/wmat_slots.h"

#include <assert.h>
#include <string.h>

/* Elements of a row that fits into the shared scratch. */
#define N_IN_MAX (ENG_GEMM_SHARED_BYTES / 2)

/* Multiply-adds below which waking the other workers costs more than it gives; and elements of
 * activations, to quantise them. */
#define SERIAL_WORK ((size_t)1 << 17)
#define SERIAL_QUANT ((size_t)1 << 15)

/* Packed bytes that a worker takes at a time: enough that taking them costs nothing, and little to
 * wait for at the end. */
#define PIECE_BYTES ((size_t)32 << 10)

/* Bytes that are packed from one question whether to go on to the next: about a millisecond of one
 * core. */
#define ASKED_BYTES ((size_t)1 << 20)

typedef struct part {
    size_t n_out;
    eng_bpack *pack;       /* of a plain type, or NULL */
    const eng_wform *form; /* of a quantised type */
    const char *data;      /* panels; the file's rows if in place */
    char *own;             /* data, if it is ours alone to free */
    size_t panel_bytes, row_bytes, panels;
} part;

struct eng_wmat {
    size_t n_in, n_out, bytes, n_parts, panels; /* panels: of the quantised parts */
    bool in_place;
    part part[];
};

/* Packed groups of a chunk, and the chunk unpacked. */
typedef struct work {
    eng_wchunk chunk;
    uint8_t packed[ENG_WCHUNK * 1152];
} work;

_Static_assert(sizeof(work) <= ENG_GEMM_OWN_BYTES, "a worker's scratch holds its chunk");

/* ---- packing ---- */

typedef struct pack_job {
    const eng_wmat *w;
    const part *p;
    const char *rows;
    char *to;
    size_t first; /* panel of task 0 */
} pack_job;

/* Rows of panel i of a part. */
static size_t panel_rows(const part *p, size_t i)
{
    size_t left = p->n_out - i * ENG_WCOLS;
    return left < ENG_WCOLS ? left : ENG_WCOLS;
}

static void pack_task(void *arg, size_t task, size_t worker)
{
    const pack_job *j = arg;
    const part *p = j->p;
    size_t i = j->first + task;
    size_t groups = j->w->n_in / ENG_QB / p->form->blocks;
    (void)worker;
    eng_wform_pack(p->form, j->rows + i * ENG_WCOLS * p->row_bytes, p->row_bytes, panel_rows(p, i),
                   0, groups, j->to + i * p->panel_bytes);
}

/* All panels of j's part, in pieces where somebody is asked between them; false if it is to end. */
static bool pack_panels(eng_exec *x, pack_job *j)
{
    size_t n = j->p->panels, piece = n;
    if (eng_exec_is_asked(x)) piece = ASKED_BYTES / j->p->panel_bytes + 1;
    for (j->first = 0; j->first < n; j->first += piece) {
        if (!eng_exec_go_on(x, ENG_WORK_COMPUTE)) return false;
        size_t left = n - j->first;
        sk_pool_run(eng_exec_pool(x), left < piece ? left : piece, pack_task, j);
    }
    return true;
}

/* What is said of packing that was ended. */
static sk_status stopped(sk_err *e)
{
    return sk_fail(e, SK_E_STOPPED, "stopped while the weights were packed");
}

static eng_prec prec_of(eng_dtype t)
{
    return t == ENG_BF16 ? ENG_PREC_BF16 : ENG_PREC_F32;
}

/* Bytes of all panels of a quantised part. */
static bool panels_need(const eng_wpart *p, size_t n_in, size_t *bytes)
{
    size_t panels = (p->n_out + ENG_WCOLS - 1) / ENG_WCOLS;
    return sk_mul_size(panels, eng_wform_panel_bytes(eng_wform_of(p->type), n_in), bytes);
}

size_t eng_wspace_need(const eng_wpart *p, size_t n_in, unsigned flags)
{
    size_t block = eng_dtype_block(p->type), bytes = 0;
    if (!block || n_in % block) return 0;
    if (block == 1) return eng_bpack_need(prec_of(p->type), n_in, p->n_out, &bytes) ? bytes : 0;
    if (!eng_wform_of(p->type) || flags & ENG_WMAT_IN_PLACE) return 0;
    return panels_need(p, n_in, &bytes) ? bytes : 0;
}

/* The next `bytes` of a space for a part; NULL where there is none or no room.  What is left over
 * before the next multiple of 64 is cleared: a space may be written to a file. */
static char *take_space(eng_wspace *s, const eng_wpart *from, size_t n_in, size_t bytes)
{
    if (!s) return NULL;
    const uint64_t what[4] = {(uint64_t)from->type, n_in, from->n_out, bytes};
    s->plan = sk_crc32c(s->plan, what, sizeof what);
    if (bytes > s->cap - s->used) return NULL;
    char *p = s->base + s->used;
    size_t next = (s->used + bytes + 63) & ~(size_t)63;
    if (next > s->cap) next = s->cap;
    if (!s->filled) memset(p + bytes, 0, next - s->used - bytes);
    s->used = next;
    return p;
}

/* Packs a part of a plain type. */
static sk_status pack_plain(eng_exec *x, const eng_wmat *w, const eng_wpart *from,
                            eng_wspace *space, part *p, sk_err *e)
{
    char *at = take_space(space, from, w->n_in, eng_wspace_need(from, w->n_in, 0));
    sk_status st = eng_bpack_new_at(prec_of(from->type), w->n_in, from->n_out, at, &p->pack, e);
    if (st || (at && space->filled)) return st;
    if (eng_bpack_fill_weight(x, p->pack, from->type, from->data)) return SK_OK;
    eng_bpack_free(p->pack);
    return stopped(e);
}

/* Packs a quantised part, or takes it as it is. */
static sk_status pack_blocks(eng_exec *x, const eng_wmat *w, const eng_wpart *from,
                             eng_wspace *space, part *p, sk_err *e)
{
    p->form = eng_wform_of(from->type);
    p->row_bytes = eng_dtype_bytes(from->type, w->n_in);
    p->panel_bytes = eng_wform_panel_bytes(p->form, w->n_in);
    p->panels = (from->n_out + ENG_WCOLS - 1) / ENG_WCOLS;
    p->data = from->data;
    if (w->in_place) return SK_OK;
    size_t bytes;
    if (!panels_need(from, w->n_in, &bytes))
        return sk_fail(e, SK_E_TOOBIG, "a matrix of %zu by %zu is too large", from->n_out, w->n_in);
    char *at = take_space(space, from, w->n_in, bytes), *to = at;
    if (!to) to = p->own = sk_alloc(SK_MEM_WEIGHTS, bytes);
    if (!to)
        return sk_fail(e, SK_E_NOMEM, "no memory for a packed matrix of %zu by %zu (%zu bytes)",
                       from->n_out, w->n_in, bytes);
    p->data = to;
    if (at && space->filled) return SK_OK;
    if (pack_panels(x, &(pack_job){.w = w, .p = p, .rows = from->data, .to = to})) return SK_OK;
    sk_free(p->own);
    return stopped(e);
}

/* Packs one part and appends it. */
static sk_status add_part(eng_exec *x, eng_wmat *w, const eng_wpart *from, eng_wspace *space,
                          sk_err *e)
{
    size_t block = eng_dtype_block(from->type);
    if (!block || (block > 1 && !eng_wform_of(from->type)))
        return sk_fail(e, SK_E_UNSUPPORTED, "a weight matrix of type %d has no kernel",
                       (int)from->type);
    if (w->n_in % block)
        return sk_fail(e, SK_E_INVALID, "rows of %zu elements are not whole blocks of %s", w->n_in,
                       eng_dtype_name(from->type));
    if (block > 1 && w->n_in > N_IN_MAX)
        return sk_fail(e, SK_E_TOOBIG, "rows of %zu elements are too long: at most %zu", w->n_in,
                       N_IN_MAX);
    part *p = &w->part[w->n_parts];
    *p = (part){.n_out = from->n_out};
    sk_status st =
        block == 1 ? pack_plain(x, w, from, space, p, e) : pack_blocks(x, w, from, space, p, e);
    if (st) return st;
    w->n_parts++;
    w->n_out += p->n_out;
    w->panels += p->panels;
    w->bytes += p->pack       ? eng_bpack_bytes(p->pack)
                : w->in_place ? p->n_out * p->row_bytes
                              : p->panels * p->panel_bytes;
    return SK_OK;
}

sk_status eng_wmat_new_in(eng_exec *x, size_t n_in, const eng_wpart *p, size_t n_parts,
                          unsigned flags, eng_wspace *space, eng_wmat **out, sk_err *e)
{
    eng_wmat *w = sk_calloc(SK_MEM_WEIGHTS, 1, sizeof(*w) + n_parts * sizeof(w->part[0]));
    if (!w) return sk_fail(e, SK_E_NOMEM, "no memory for a weight matrix of %zu parts", n_parts);
    w->n_in = n_in;
    w->in_place = flags & ENG_WMAT_IN_PLACE;
    for (size_t i = 0; i < n_parts; i++) {
        sk_status st = add_part(x, w, &p[i], space, e);
        if (st) {
            eng_wmat_free(w);
            return st;
        }
    }
    *out = w;
    return SK_OK;
}

sk_status eng_wmat_new(eng_exec *x, size_t n_in, const eng_wpart *p, size_t n_parts, unsigned flags,
                       eng_wmat **out, sk_err *e)
{
    return eng_wmat_new_in(x, n_in, p, n_parts, flags, NULL, out, e);
}

void eng_wmat_free(eng_wmat *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->n_parts; i++) {
        eng_bpack_free(w->part[i].pack);
        sk_free(w->part[i].own);
    }
    sk_free(w);
}

size_t eng_wmat_n_in(const eng_wmat *w)
{
    return w->n_in;
}

size_t eng_wmat_n_out(const eng_wmat *w)
{
    return w->n_out;
}

size_t eng_wmat_bytes(const eng_wmat *w)
{
    return w->bytes;
}

/* ---- products ---- */

typedef struct mul_job {
    eng_exec *x;
    const eng_wmat_slots *slots;
    const eng_wmat *w;
    size_t m, blocks, tiles; /* rows of this round; blocks of a row; tiles of rows */
    const float *a;
    size_t lda;
    eng_wacts acts; /* [tile][block][acts.rows] */
    uint8_t bias;
    float *c;
    size_t ldc;
    bool add;
} mul_job;

/* n / d, rounded up. */
static size_t ceil_div(size_t n, size_t d)
{
    return (n + d - 1) / d;
}

/* The codes and scales of tile t from block b on. */
static eng_wacts acts_at(const mul_job *j, size_t t, size_t b)
{
    eng_wacts a = j->acts;
    size_t first = (t * j->blocks + b) * a.rows;
    a.q += first * ENG_QB;
    a.d += first;
    a.sum += first;
    a.half += 2 * first;
    return a;
}

/* Quantises the rows of tile t. */
static void quant_task(void *arg, size_t t, size_t worker)
{
    const mul_job *j = arg;
    eng_wacts to = acts_at(j, t, 0);
    (void)worker;
    for (size_t r = 0; r < to.rows; r++, to.q += ENG_QB, to.d++, to.sum++, to.half += 2) {
        size_t row = t * to.rows + r;
        j->slots->quant(row < j->m ? j->a + row * j->lda : NULL, j->blocks, j->bias, to);
    }
}

/* Packed groups from block b0 on of panel i: as they lie in memory, or packed now. */
static const void *groups_of(const mul_job *j, const part *p, size_t i, size_t b0, size_t n_blocks,
                             work *own)
{
    size_t g0 = b0 / p->form->blocks;
    if (!j->w->in_place) return p->data + i * p->panel_bytes + g0 * p->form->group_bytes;
    eng_wform_pack(p->form, p->data + i * ENG_WCOLS * p->row_bytes, p->row_bytes, panel_rows(p, i),
                   g0, n_blocks / p->form->blocks, own->packed);
    return own->packed;
}

/* Rows of tile t. */
static size_t tile_m(const mul_job *j, size_t t)
{
    size_t left = j->m - t * j->acts.rows;
    return left < j->acts.rows ? left : j->acts.rows;
}

/* Few rows times one panel. */
static void dot_panel(const mul_job *j, const part *p, size_t i, float *c, work *own)
{
    size_t step = j->w->in_place ? ENG_WCHUNK : j->blocks, n = panel_rows(p, i);
    for (size_t b = 0; b < j->blocks; b += step) {
        size_t n_blocks = j->blocks - b < step ? j->blocks - b : step;
        const void *groups = groups_of(j, p, i, b, n_blocks, own);
        for (size_t t = 0; t < j->tiles; t++)
            j->slots->dot(p->form, tile_m(j, t), n, n_blocks, acts_at(j, t, b), groups,
                          c + t * j->acts.rows * j->ldc, j->ldc, j->add || b);
    }
}

/* Many rows times one panel. */
static void tile_panel(const mul_job *j, const part *p, size_t i, float *c, work *own)
{
    size_t n = panel_rows(p, i);
    for (size_t b = 0; b < j->blocks; b += ENG_WCHUNK) {
        size_t n_blocks = j->blocks - b < ENG_WCHUNK ? j->blocks - b : ENG_WCHUNK;
        j->slots->unpack(p->form, groups_of(j, p, i, b, n_blocks, own), n_blocks, &own->chunk);
        for (size_t t = 0; t < j->tiles; t++)
            j->slots->tile(p->form, tile_m(j, t), n, n_blocks, acts_at(j, t, b), &own->chunk,
                           c + t * j->acts.rows * j->ldc, j->ldc, j->add || b);
    }
}

/* Panels [i, i + n) of the stack, one after the other. */
static void panel_task(void *arg, size_t i, size_t n, size_t worker)
{
    const mul_job *j = arg;
    work *own = eng_exec_gemm_own(j->x, worker);
    size_t end = i + n, first = 0; /* first: panels before part p */
    float *c = j->c;
    for (const part *p = j->w->part; i < end; c += p->n_out, first += p->panels, p++) {
        bool tiles = j->m > j->slots->dot_most && i - first < p->panels;
        if (tiles && j->slots->begin) j->slots->begin(p->form, j->acts.rows);
        for (; i < end && i - first < p->panels; i++) {
            float *at = c + (i - first) * ENG_WCOLS;
            if (tiles)
                tile_panel(j, p, i - first, at, own);
            else
                dot_panel(j, p, i - first, at, own);
        }
        if (tiles && j->slots->end) j->slots->end();
    }
}

/* All quantised parts times the rows of one round. */
static void mul_rows(mul_job *j)
{
    size_t n_in = j->w->n_in, panel_bytes = j->w->bytes / j->w->panels;
    bool few = j->m <= j->slots->dot_most;
    j->bias = few ? 0 : j->slots->bias;
    j->tiles = ceil_div(j->m, few ? j->slots->dot_rows : j->slots->tile_rows);
    j->acts.rows = ceil_div(j->m, j->tiles);
    if (!few) j->acts.rows = ceil_div(j->acts.rows, j->slots->row_step) * j->slots->row_step;
    if (j->m * n_in < SERIAL_QUANT)
        for (size_t t = 0; t < j->tiles; t++)
            quant_task(j, t, 0);
    else
        sk_pool_run(eng_exec_pool(j->x), j->tiles, quant_task, j);
    if (j->m * n_in * j->w->n_out < SERIAL_WORK)
        panel_task(j, 0, j->w->panels, 0);
    else
        eng_par_stretches(j->x, j->w->panels, ceil_div(PIECE_BYTES, panel_bytes), panel_task, j);
}

/* The quantised parts: as many rows at a time as the scratch holds. */
static void mul_blocks(eng_exec *x, size_t m, const float *a, size_t lda, const eng_wmat *w,
                       float *c, size_t ldc, bool add)
{
    const eng_wmat_slots *slots = eng_exec_kernels(x)->wmat;
    size_t blocks = w->n_in / ENG_QB, row_bytes = blocks * ENG_WACT_BYTES;
    size_t rows = ENG_GEMM_SHARED_BYTES / row_bytes;
    rows -= rows % (rows > slots->tile_rows ? slots->tile_rows : slots->row_step);
    char *shared = eng_exec_gemm_shared(x);
    float *rest = (float *)(void *)(shared + rows * blocks * ENG_QB);
    mul_job j = {.x = x,
                 .slots = slots,
                 .w = w,
                 .blocks = blocks,
                 .lda = lda,
                 .ldc = ldc,
                 .add = add,
                 .acts = {.q = (uint8_t *)shared,
                          .d = rest,
                          .sum = rest + rows * blocks,
                          .half = rest + 2 * rows * blocks}};
    for (size_t i = 0; i < m; i += rows) {
        j.m = m - i < rows ? m - i : rows;
        j.a = a + i * lda;
        j.c = c + i * ldc;
        mul_rows(&j);
    }
}

void eng_wmat_mul(eng_exec *x, size_t m, const float *a, size_t lda, const eng_wmat *w, float *c,
                  size_t ldc, bool add)
{
    float *to = c;
    if (!m) return;
    for (size_t i = 0; i < w->n_parts; to += w->part[i].n_out, i++)
        if (w->part[i].pack) eng_gemm(x, m, (eng_mat){a, lda, 1}, w->part[i].pack, to, ldc, add);
    if (w->panels) mul_blocks(x, m, a, lda, w, c, ldc, add);
}
