/* memplan.c - the sizes of a run and the memory they take, before anything is allocated. */
#include "engine/train/run.h"

#include <unistd.h>

#define MICRO_BYTES ((uint64_t)1 << 30) /* activations of a micro-batch: not more */
#define FINAL_EVAL_TOKENS ((size_t)1 << 20)
#define MICRO_TOKENS 4096 /* nor more tokens: larger ones gain nothing */

/* Floating-point operations a token of training costs, by the usual convention (PaLM, appendix B):
 * 6 N + 12 n_layer n_head head_dim n_ctx, N the parameters without an input embedding that is not
 * also the output matrix.  Attention counts in full although half of it is masked.  MFU is this
 * times tokens/s over the machine's measured peak for the precision in use. */
static double flops_of(const eng_config *cfg, const eng_layout *l, size_t n_ctx)
{
    double n = (double)l->n_weights;
    if (!cfg->tied) n -= (double)cfg->n_vocab * cfg->n_embd;
    double width = (double)cfg->n_head * cfg->head_dim;
    return 6 * n + 12 * (double)cfg->n_layer * width * (double)n_ctx;
}

/* What the training pass needs for a micro-batch of so many rows. */
eng_pass_plan eng_run_pass(const eng_run *l, size_t rows)
{
    return (eng_pass_plan){
        .cfg = l->j->cfg,
        .layout = l->j->layout,
        .prec = l->j->bf16 ? ENG_PREC_BF16 : ENG_PREC_F32,
        .n_ctx = l->j->data->n_ctx,
        .rows = rows,
        .z_loss = (float)l->o->z_loss,
        .recompute = l->o->recompute,
    };
}

/* Memory of that pass. */
static uint64_t bytes_for(const eng_run *l, size_t rows)
{
    eng_pass_plan plan = eng_run_pass(l, rows);
    return eng_pass_bytes(&plan);
}

/* Rows of a micro-batch: as many as the bounds above allow, in equal parts of a lane.  How it is
 * cut decides the order of its sums, so recomputation, which needs less, must not change it. */
static size_t micro_rows(const eng_run *l)
{
    size_t n_ctx = l->j->data->n_ctx, most = MICRO_TOKENS / n_ctx, rows = l->lane_rows;
    eng_pass_plan plan[2] = {eng_run_pass(l, 1), eng_run_pass(l, 2)};
    plan[0].recompute = plan[1].recompute = false;
    uint64_t row = eng_pass_bytes(&plan[1]) - eng_pass_bytes(&plan[0]);
    size_t fit = row ? (size_t)(MICRO_BYTES / row) : rows;
    if (fit < most) most = fit;
    if (most < 1) most = 1;
    size_t parts = (rows + most - 1) / most;
    return (rows + parts - 1) / parts;
}

/* Refuses a run that cannot fit, before anything is allocated. */
sk_status eng_run_check_memory(const eng_run *l, sk_err *e)
{
    eng_optim_need opt = eng_optim_needs(l->o, l->j->cfg, l->j->layout);
    double state =
        12.0 * (double)l->j->layout->n_floats + 4.0 * (double)opt.v_floats + (double)opt.scratch;
    if (l->o->ema > 0) state += 4.0 * (double)l->j->layout->n_floats;
    double pass = (double)bytes_for(l, l->micro);
    double batch = 12.0 * (double)(l->rows * l->j->data->n_ctx);
    double have = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) /
                  (double)sk_mpi_local(l->o->mpi);
    double need = state + pass + batch;
    if (have <= 0 || need <= 0.95 * have) return SK_OK;
    double row = (double)(bytes_for(l, 2) - bytes_for(l, 1)), left = 0.95 * have - state - batch;
    double fixed = (double)bytes_for(l, 1) - row;
    double context = (left - fixed) / row * (double)l->j->data->n_ctx;
    if (context >= 16)
        return sk_fail(e, SK_E_NOMEM,
                       "training needs %.1f GB (parameters and optimiser %.1f, activations %.1f) "
                       "and this machine has %.1f; a context of %.0f would fit",
                       need / 1e9, state / 1e9, pass / 1e9, have / 1e9, context);
    return sk_fail(e, SK_E_NOMEM,
                   "training needs %.1f GB (parameters and optimiser %.1f, activations %.1f) and "
                   "this machine has %.1f; make the model smaller (dim, layers, vocab)",
                   need / 1e9, state / 1e9, pass / 1e9, have / 1e9);
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
    l->n_nats = l->rows;
    if (l->n_nats < l->eval_rows) l->n_nats = l->eval_rows;
    if (l->n_nats < l->final_rows) l->n_nats = l->final_rows;
    l->flops = flops_of(l->j->cfg, l->j->layout, n_ctx);
}
