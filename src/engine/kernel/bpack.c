/* bpack.c - right operands packed once: [panel][k][nr], see gemm_slots.h. */
#include "engine/kernel/bpack.h"

#include "base/mem.h"
#include "engine/kernel/exec_scratch.h"
#include "engine/kernel/kernel.h"

#include <assert.h>
#include <stdint.h>

/* Rows of a weight matrix that one task converts to float at a time. */
#define FILL_K ENG_GEMM_KC

/* Bytes that are packed from one question whether to go on to the next. */
#define ASKED_BYTES ((size_t)1 << 20)

_Static_assert((size_t)FILL_K *ENG_BPACK_MAX_NR * 4 <= ENG_GEMM_OWN_BYTES,
               "a block of weights fits into a worker's scratch");

bool eng_bpack_need(eng_prec prec, size_t k, size_t n, size_t *bytes)
{
    size_t nr = eng_kernels_at(sk_cpu())->gemm->nr;
    if (k > SIZE_MAX / 256 || n > SIZE_MAX / 256) return false;
    return sk_mul_size((n + nr - 1) / nr, ENG_GEMM_PANEL_BYTES(prec, k, nr), bytes);
}

/* data, where given, is the caller's and has eng_bpack_need's bytes, aligned to 64. */
sk_status eng_bpack_new_at(eng_prec prec, size_t k, size_t n, void *data, eng_bpack **out,
                           sk_err *e)
{
    const eng_gemm_slots *g = eng_kernels_at(sk_cpu())->gemm;
    size_t bytes;
    assert(g->nr <= ENG_BPACK_MAX_NR);
    if (!eng_bpack_need(prec, k, n, &bytes))
        return sk_fail(e, SK_E_TOOBIG, "a matrix of %zu by %zu is too large", k, n);
    eng_bpack *b = sk_alloc(SK_MEM_WEIGHTS, sizeof *b);
    if (!b) goto no_memory;
    *b = (eng_bpack){.prec = prec,
                     .slots = g,
                     .k = k,
                     .n = n,
                     .panel_bytes = ENG_GEMM_PANEL_BYTES(prec, k, g->nr),
                     .bytes = bytes,
                     .data = data ? data : sk_alloc(SK_MEM_WEIGHTS, bytes),
                     .borrowed = data};
    if (b->data) {
        *out = b;
        return SK_OK;
    }
    sk_free(b);
no_memory:
    return sk_fail(e, SK_E_NOMEM, "no memory for a packed matrix of %zu by %zu (%zu bytes)", k, n,
                   bytes);
}

/* Room for a pack, not filled. */
sk_status eng_bpack_new(eng_prec prec, size_t k, size_t n, eng_bpack **out, sk_err *e)
{
    return eng_bpack_new_at(prec, k, n, NULL, out, e);
}

/* NULL is allowed. */
void eng_bpack_free(eng_bpack *b)
{
    if (!b) return;
    if (!b->borrowed) sk_free(b->data);
    sk_free(b);
}

size_t eng_bpack_bytes(const eng_bpack *b)
{
    return b->bytes;
}

size_t eng_bpack_k(const eng_bpack *b)
{
    return b->k;
}

size_t eng_bpack_n(const eng_bpack *b)
{
    return b->n;
}

typedef struct fill_job {
    eng_exec *x;
    eng_bpack *p;
    eng_mat b;
    eng_dtype t;
    const uint16_t *w; /* half-width weights [n, k], or NULL: b holds floats */
    size_t k_blocks;
    size_t first; /* block of task 0 */
} fill_job;

/* Packs block `n % k_blocks` of panel `n / k_blocks`, where n = first + task. */
static void fill_task(void *arg, size_t task, size_t worker)
{
    const fill_job *j = arg;
    const eng_bpack *p = j->p;
    assert(j->k_blocks > 0);
    task += j->first;
    size_t panel = task / j->k_blocks, k0 = task % j->k_blocks * FILL_K;
    size_t nr = p->slots->nr, n0 = panel * nr;
    size_t n = p->n - n0 < nr ? p->n - n0 : nr, kc = p->k - k0 < FILL_K ? p->k - k0 : FILL_K;
    char *dst = p->data + panel * p->panel_bytes + ENG_GEMM_PANEL_BYTES(p->prec, k0, nr);
    if (j->w && j->t == ENG_BF16 && p->prec == ENG_PREC_BF16) {
        p->slots->op[p->prec].pack_w(dst, j->w + n0 * p->k + k0, p->k, kc, n);
        return;
    }
    eng_mat b = j->b;
    if (j->w) {
        float *rows = eng_exec_gemm_own(j->x, worker);
        const eng_kernels *kern = eng_exec_kernels(j->x);
        for (size_t i = 0; i < n; i++) {
            const uint16_t *src = j->w + (n0 + i) * p->k + k0;
            (j->t == ENG_F16 ? kern->f32_of_f16 : kern->f32_of_bf16)(rows + i * FILL_K, src, kc);
        }
        b = (eng_mat){rows, 1, FILL_K};
    } else {
        b.p += k0 * b.rs + n0 * b.cs;
    }
    p->slots->op[p->prec].pack_b(dst, b, kc, n);
}

/* Runs the fill over all panels and blocks, in pieces where somebody is asked between them; false
 * if it is to end. */
static bool fill(fill_job *j)
{
    const eng_bpack *p = j->p;
    assert(p->slots == eng_exec_kernels(j->x)->gemm && "packed for another CPU level");
    j->k_blocks = (p->k + FILL_K - 1) / FILL_K;
    size_t panels = (p->n + p->slots->nr - 1) / p->slots->nr;
    size_t n = panels * j->k_blocks, piece = n;
    if (eng_exec_is_asked(j->x)) piece = ASKED_BYTES / (FILL_K * p->slots->nr * sizeof(float)) + 1;
    for (j->first = 0; j->first < n; j->first += piece) {
        if (!eng_exec_go_on(j->x, ENG_WORK_COMPUTE)) return false;
        size_t left = n - j->first;
        sk_pool_run(eng_exec_pool(j->x), left < piece ? left : piece, fill_task, j);
    }
    return true;
}

/* Fills the pack from float elements B(i, j) = b.p[i * rs + j * cs]. */
void eng_bpack_fill(eng_exec *x, eng_bpack *p, eng_mat b)
{
    (void)fill(&(fill_job){.x = x, .p = p, .b = b});
}

/* Fills the pack of W^T from w[n, k] in dtype t. */
bool eng_bpack_fill_weight(eng_exec *x, eng_bpack *p, eng_dtype t, const void *w)
{
    fill_job j = {.x = x, .p = p, .t = t};
    if (t == ENG_F32)
        j.b = (eng_mat){w, 1, p->k};
    else
        j.w = w;
    return fill(&j);
}

/* A block of W that is packed both ways while it is near: outputs, inputs. */
enum { BOTH_OUT = 128, BOTH_IN = ENG_GEMM_KC };

_Static_assert(BOTH_OUT % ENG_BPACK_MAX_NR == 0 && BOTH_IN % ENG_BPACK_MAX_NR == 0,
               "blocks are whole panels");

typedef struct both_job {
    eng_bpack *fwd, *bwd;
    const float *w;
    size_t in_blocks;
} both_job;

/* Rows [k0, k0 + kc) of B into the panels of columns [n0, n1), n0 the first of one. */
static void pack_part(const eng_bpack *p, eng_mat b, size_t k0, size_t kc, size_t n0, size_t n1)
{
    size_t nr = p->slots->nr;
    assert(n0 % nr == 0 && kc <= ENG_GEMM_KC);
    for (size_t n = n0; n < n1; n += nr) {
        char *dst = p->data + n / nr * p->panel_bytes + ENG_GEMM_PANEL_BYTES(p->prec, k0, nr);
        eng_mat part = {b.p + k0 * b.rs + n * b.cs, b.rs, b.cs};
        p->slots->op[p->prec].pack_b(dst, part, kc, n1 - n < nr ? n1 - n : nr);
    }
}

/* Block `task` of W: what is a stretch of k for one pack is a range of panels for the other. */
static void both_task(void *arg, size_t task, size_t worker)
{
    const both_job *j = arg;
    (void)worker;
    size_t o0 = task / j->in_blocks * BOTH_OUT, i0 = task % j->in_blocks * BOTH_IN;
    size_t n_out = j->fwd->n, n_in = j->fwd->k;
    size_t o1 = n_out - o0 < BOTH_OUT ? n_out : o0 + BOTH_OUT;
    size_t i1 = n_in - i0 < BOTH_IN ? n_in : i0 + BOTH_IN;
    pack_part(j->fwd, (eng_mat){j->w, 1, n_in}, i0, i1 - i0, o0, o1);
    pack_part(j->bwd, (eng_mat){j->w, n_in, 1}, o0, o1 - o0, i0, i1);
}

void eng_bpack_fill_both(eng_exec *x, eng_bpack *fwd, eng_bpack *bwd, const float *w)
{
    assert(fwd->k == bwd->n && fwd->n == bwd->k && fwd->slots == eng_exec_kernels(x)->gemm);
    both_job j = {fwd, bwd, w, (fwd->k + BOTH_IN - 1) / BOTH_IN};
    size_t out_blocks = (fwd->n + BOTH_OUT - 1) / BOTH_OUT;
    sk_pool_run(eng_exec_pool(x), out_blocks * j.in_blocks, both_task, &j);
}
