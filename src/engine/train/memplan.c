/* memplan.c - the sizes of a run and the memory they take, before anything is allocated. */
#include "base/ram.h"
#include "engine/train/run.h"

#include <assert.h>
#include <stdio.h>

#define MICRO_BYTES ((uint64_t)1 << 30) /* activations of a micro-batch: not more */
#define MICRO_TOKENS 4096               /* nor more tokens: larger ones gain nothing */
#define FINAL_EVAL_TOKENS ((size_t)1 << 20)
#define USABLE 0.95 /* of what is allowed: the rest is the program's and others' */

/* ---- sizes ---- */

/* Floating-point operations a token of training costs, by the usual convention (PaLM, appendix B):
 * 6 N + 12 n_layer n_head head_dim n_ctx, N the parameters without an input embedding that is not
 * also the output matrix.  Attention counts in full although half of it is masked.  MFU is this
 * times tokens/s over the machine's measured peak for the precision in use.  Under an adapter it is
 * 4 N. */
static double flops_of(const eng_loop_job *j, size_t n_ctx)
{
    const eng_config *cfg = j->cfg;
    double n = (double)(j->frozen ? j->base : j->layout)->n_weights;
    if (!cfg->tied) n -= (double)cfg->n_vocab * cfg->n_embd;
    double width = (double)cfg->n_head * cfg->head_dim;
    double each = j->frozen ? 4 : 6; /* no gradient of a frozen weight */
    return each * n + 12 * (double)cfg->n_layer * width * (double)n_ctx;
}

/* What the training pass needs for a micro-batch of so many rows. */
eng_pass_plan eng_run_pass(const eng_run *l, size_t rows)
{
    return (eng_pass_plan){
        .cfg = l->j->cfg,
        .layout = l->j->frozen ? l->j->base : l->j->layout,
        .frozen = l->j->frozen,
        .prec = l->j->bf16 ? ENG_PREC_BF16 : ENG_PREC_F32,
        .n_ctx = l->j->data->n_ctx,
        .rows = rows,
        .z_loss = (float)l->o->z_loss,
        .recompute = l->o->recompute,
    };
}

/* Rows of a micro-batch: as asked for, or as many as the bounds above allow, in equal parts of a
 * lane.  How it is cut decides the order of its sums, so recomputation, which needs less, and the
 * machine's memory must not change it. */
static size_t micro_rows(const eng_run *l)
{
    size_t n_ctx = l->j->data->n_ctx, most = MICRO_TOKENS / n_ctx, rows = l->lane_rows;
    assert(rows > 0);
    if (l->o->micro_rows) return l->o->micro_rows < rows ? l->o->micro_rows : rows;
    eng_pass_plan plan[2] = {eng_run_pass(l, 1), eng_run_pass(l, 2)};
    plan[0].recompute = plan[1].recompute = false;
    uint64_t row = eng_pass_bytes(&plan[1]) - eng_pass_bytes(&plan[0]);
    size_t fit = row ? (size_t)(MICRO_BYTES / row) : rows;
    if (fit < most) most = fit;
    if (most < 1) most = 1;
    size_t parts = (rows + most - 1) / most;
    return (rows + parts - 1) / parts;
}

/* Steps between two events of a kind: as asked for, else a twentieth of the run, but no less than
 * ten steps. */
static uint64_t every(uint64_t asked, uint64_t steps)
{
    uint64_t n = (steps + 19) / 20;
    return asked ? asked : n < 10 ? 10 : n;
}

/* Sizes that follow from the job. */
void eng_run_sizes(eng_run *l)
{
    const eng_train_opts *o = l->o;
    size_t n_ctx = l->j->data->n_ctx;
    l->rows = (size_t)(o->batch_tokens / n_ctx);
    if (l->rows < 1) l->rows = 1;
    l->lanes = o->lanes ? o->lanes : 1;
    l->lane_rows = (l->rows + l->lanes - 1) / l->lanes;
    l->lanes = (l->rows + l->lane_rows - 1) / l->lane_rows; /* those that have rows */
    l->micro = micro_rows(l);
    l->eval_every = every(o->eval_every, o->steps);
    l->save_every = every(o->save_every, o->steps);
    if (l->j->valid) {
        uint64_t tokens = o->eval_tokens ? o->eval_tokens : 32768;
        l->eval_rows = (size_t)((tokens + n_ctx - 1) / n_ctx);
        if (l->eval_rows > l->j->valid->n_rows) l->eval_rows = l->j->valid->n_rows;
        l->final_rows = FINAL_EVAL_TOKENS / n_ctx + 1;
        if (l->final_rows > l->j->valid->n_rows) l->final_rows = l->j->valid->n_rows;
    }
    assert(l->micro > 0 && l->lanes * l->lane_rows >= l->rows);
    l->n_nats = l->rows;
    if (l->n_nats < l->eval_rows) l->n_nats = l->eval_rows;
    if (l->n_nats < l->final_rows) l->n_nats = l->final_rows;
    l->n_parts = (l->n_nats + l->micro - 1) / l->micro;
    if (l->n_parts < l->lanes) l->n_parts = l->lanes;
    l->flops = flops_of(l->j, n_ctx);
}

/* ---- the plan ---- */

/* Tokens of a set that lie in memory, with targets and, where rows are packed, their documents. */
static uint64_t data_bytes(const eng_dataset *d)
{
    uint64_t n = d && d->ids ? (uint64_t)d->n_rows * d->n_ctx : 0;
    return n * (d && d->first ? 3 : 2) * sizeof(int32_t);
}

/* The most a checkpoint copies of the state, of what the run itself leaves; where that is nothing,
 * the steps wait for the write instead. */
static uint64_t saver_bytes(const eng_run *l, const eng_train_plan *p, uint64_t v_floats)
{
    uint64_t flat = l->j->layout->n_floats * sizeof(float);
    uint64_t image = flat * (l->o->ema > 0 ? 3 : 2) + v_floats * sizeof(float);
    double room = USABLE * (double)p->bytes_allowed - (double)p->bytes;
    if (!p->bytes_allowed || (double)image <= room) return image;
    return room > 0 ? (uint64_t)room : 0;
}

/* All numbers but the time, which has to be measured. */
void eng_run_plan(const eng_run *l, eng_train_plan *out)
{
    const eng_layout *a = l->j->layout;
    eng_optim_need opt = eng_optim_needs(l->o, l->j->cfg, a);
    eng_pass_plan pass = eng_run_pass(l, l->micro);
    uint64_t flat = a->n_floats * sizeof(float), step = l->rows * l->j->data->n_ctx;
    sk_ram ram = sk_ram_allowed("");
    eng_train_plan p = {
        .params = a->n_weights,
        .steps = l->o->steps,
        .step_tokens = step,
        .micro_tokens = l->micro * l->j->data->n_ctx,
        .flops_token = l->flops,
        .bytes_params = flat * (l->o->ema > 0 ? 2 : 1),
        .bytes_grads = flat * (l->lanes > 1 && !l->o->mpi ? 2 : 1),
        .bytes_optim = flat + opt.v_floats * sizeof(float) + opt.scratch,
        .bytes_packs = eng_pass_pack_bytes(&pass),
        .bytes_batch = 3 * sizeof(int32_t) * step,
        .bytes_allowed = ram.bytes / sk_mpi_local(l->o->mpi),
        .group = ram.group,
    };
    p.bytes_activations = eng_pass_bytes(&pass) - p.bytes_packs;
    p.bytes_data = data_bytes(l->j->data) + data_bytes(l->j->valid);
    p.bytes = p.bytes_params + p.bytes_grads + p.bytes_optim + p.bytes_packs + p.bytes_activations +
              p.bytes_batch + p.bytes_data;
    p.bytes_saver = saver_bytes(l, &p, opt.v_floats);
    p.bytes += p.bytes_saver;
    p.flops = (double)step * (double)p.steps * p.flops_token;
    *out = p;
}

/* Memory of the run if it were cut and computed so. */
static uint64_t bytes_if(const eng_run *l, const eng_train_plan *p, size_t rows, bool recompute)
{
    eng_pass_plan pass = eng_run_pass(l, rows);
    pass.recompute = recompute;
    return p->bytes - p->bytes_packs - p->bytes_activations + eng_pass_bytes(&pass);
}

/* The longest context, in steps of 16, that fits with a row at a time; 0: none does. */
static size_t context_that_fits(const eng_run *l, const eng_train_plan *p, double have)
{
    eng_pass_plan pass = eng_run_pass(l, 1);
    pass.recompute = true;
    size_t lo = 0, hi = l->j->data->n_ctx / 16;
    while (lo < hi) {
        size_t mid = (lo + hi + 1) / 2;
        pass.n_ctx = 16 * mid;
        uint64_t rest = p->bytes - p->bytes_packs - p->bytes_activations;
        if ((double)(rest + eng_pass_bytes(&pass)) <= have)
            lo = mid;
        else
            hi = mid - 1;
    }
    return 16 * lo;
}

/* What to change, the least change first. */
static void advice(const eng_run *l, const eng_train_plan *p, double have, char *b, size_t n)
{
    bool now = l->o->recompute;
    size_t context = 0;
    if (!now && (double)bytes_if(l, p, l->micro, true) <= have)
        (void)snprintf(b, n, "with --recompute it would fit");
    else if (l->micro > 1 && (double)bytes_if(l, p, 1, now) <= have)
        (void)snprintf(b, n, "with --micro 1 it would fit");
    else if ((double)bytes_if(l, p, 1, true) <= have)
        (void)snprintf(b, n, "with --micro 1 --recompute it would fit");
    else if ((context = context_that_fits(l, p, have)) > 0)
        (void)snprintf(b, n, "with --micro 1 --recompute a context of %zu would fit", context);
    else
        (void)snprintf(b, n, "make the model smaller (dim, layers, vocab)");
}

/* Refuses a run that cannot fit, before anything is allocated. */
sk_status eng_run_check_memory(const eng_run *l, sk_err *e)
{
    char what[128];
    eng_train_plan p;
    eng_run_plan(l, &p);
    double have = USABLE * (double)p.bytes_allowed;
    if (!p.bytes_allowed || (double)p.bytes <= have) return SK_OK;
    advice(l, &p, have, what, sizeof what);
    return sk_fail(
        e, SK_E_NOMEM,
        "training needs %.1f GB (parameters, gradients and optimiser %.1f, packed weights "
        "%.1f, activations %.1f) and %s %.1f; %s",
        (double)p.bytes / 1e9, (double)(p.bytes_params + p.bytes_grads + p.bytes_optim) / 1e9,
        (double)p.bytes_packs / 1e9, (double)p.bytes_activations / 1e9,
        p.group ? "its control group allows" : "this machine has", (double)p.bytes_allowed / 1e9,
        what);
}
