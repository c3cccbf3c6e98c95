/* train_words.c - flags out of --config, and from --depth or --params. */
#include "cli/train_words.h"

#include "base/progress.h"
#include "cli/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- one number ---- */

/* A command line being read. */
typedef struct given {
    const cmd_verb *v;
    cmd_words w;
} given;

/* Sets a number nobody gave. */
static void set(const given *g, const char *name, int64_t *to, double value)
{
    const sk_opt *row = sk_opt_find(&g->v->opt, name);
    if (row && !cmd_is_given(row, g->w.argc, g->w.argv)) *to = (int64_t)value;
}

static void set_real(const given *g, const char *name, double *to, double value)
{
    const sk_opt *row = sk_opt_find(&g->v->opt, name);
    if (row && !cmd_is_given(row, g->w.argc, g->w.argv)) *to = value;
}

/* The shape first, since what is learned and how follows from it as it then is. */
static void turn_dial(const given *g, cmd_train_flags *f)
{
    eng_train_opts o;
    eng_train_opts_default(&o);
    eng_dial_shape(f->depth ? (uint32_t)f->depth : eng_dial_depth((double)f->params), &o);
    set(g, "layers", &f->layers, o.layers);
    set(g, "dim", &f->dim, o.dim);
    set(g, "heads", &f->heads, o.heads);
    set(g, "kv-heads", &f->kv_heads, o.kv_heads);
    set(g, "ffn", &f->ffn, o.ffn);
    set(g, "vocab", &f->vocab, o.vocab);
    set(g, "context", &f->context, o.context);
    if (!cmd_is_given(sk_opt_find(&g->v->opt, "optimizer"), g->w.argc, g->w.argv))
        f->optimizer = "muon";
    cmd_train_shape(f, &o);
    o.optimizer = strcmp(f->optimizer, "muon") == 0 ? ENG_MUON : ENG_ADAMW;
    double tokens = f->tokens_per_param * eng_dial_params(&o);
    set(g, "batch", &f->batch, (double)eng_dial_batch(tokens, o.context));
    set(g, "steps", &f->steps, ceil(tokens / (double)f->batch));
    set_real(g, "lr", &f->lr, eng_dial_lr(&o));
}

/* The shape is the model's where it goes on from one: what nobody gave asks for nothing. */
static sk_status shape_from_model(const given *g, cmd_train_flags *f, sk_err *e)
{
    const struct {
        const char *name;
        int64_t *to;
    } row[] = {{"dim", &f->dim},        {"layers", &f->layers}, {"heads", &f->heads},
               {"ffn", &f->ffn},        {"vocab", &f->vocab},   {"kv-heads", &f->kv_heads},
               {"context", &f->context}};
    if (f->depth || f->params)
        return sk_fail(e, SK_E_USAGE, "--%s does not go with --from: the shape is the model's",
                       f->depth ? "depth" : "params");
    static const char *const never[] = {"rope-theta", "untied", "tokenizer"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (cmd_is_given(sk_opt_find(&g->v->opt, never[i]), g->w.argc, g->w.argv))
            return sk_fail(e, SK_E_USAGE, "--%s does not go with --from: it is as the model has it",
                           never[i]);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        set(g, row[i].name, row[i].to, 0);
    if (!cmd_is_given(sk_opt_find(&g->v->opt, "arch"), g->w.argc, g->w.argv)) f->arch = NULL;
    if (!cmd_is_given(sk_opt_find(&g->v->opt, "name"), g->w.argc, g->w.argv)) f->name = NULL;
    return SK_OK;
}

/* The file's words stand before the command line's, and the last one of a setting wins; a list of
 * the command line replaces the file's instead of adding to it.  What the dial sets stands behind
 * neither: it leaves alone what is given. */
sk_status cmd_train_parse(const cmd_verb *v, int argc, char **argv, cmd_train_flags *f,
                          sk_arena *mem, bool *done, sk_err *e)
{
    given g = {.v = v};
    sk_status st = cmd_config_words(v, argc, argv, mem, &g.w, e);
    if (st) return st;
    st = cmd_parse(v, g.w.argc, g.w.argv, f, &f->common, NULL, done, e);
    if (st || *done) return st;
    if (f->depth && f->params)
        return sk_fail(e, SK_E_USAGE, "--depth and --params say the same thing: give one of them");
    if (f->from) return shape_from_model(&g, f, e);
    if (f->depth || f->params) turn_dial(&g, f);
    return SK_OK;
}

/* ---- telling ---- */

void cmd_train_flags_text(const cmd_train_flags *f, sk_buf *out)
{
    sk_buf_addf(out,
                "--layers %lld --dim %lld --heads %lld --kv-heads %lld --ffn %lld --vocab %lld "
                "--context %lld\n--batch %lld --steps %lld --optimizer %s --lr %g\n",
                (long long)f->layers, (long long)f->dim, (long long)f->heads,
                (long long)f->kv_heads, (long long)f->ffn, (long long)f->vocab,
                (long long)f->context, (long long)f->batch, (long long)f->steps, f->optimizer,
                f->lr);
}

/* A size in the unit that suits it. */
static void add_bytes(sk_buf *out, const char *name, uint64_t n)
{
    sk_buf_addf(out, "  %-14s %10.1f MB\n", name, (double)n / 1e6);
}

/* For a person; the time is left out where nothing was measured (p->seconds is 0). */
void cmd_train_plan_text(const eng_train_plan *p, sk_buf *out)
{
    char time[32];
    double tokens = (double)p->steps * (double)p->step_tokens;
    sk_buf_addf(out,
                "%.2f M parameters; %llu steps of %llu tokens (%llu at once): %.1f M tokens, %.1f "
                "a parameter\n",
                (double)p->params / 1e6, (unsigned long long)p->steps,
                (unsigned long long)p->step_tokens, (unsigned long long)p->micro_tokens,
                tokens / 1e6, tokens / (double)p->params);
    sk_buf_addf(out, "%.1f MFLOP a token, %.3g FLOP in all", p->flops_token / 1e6, p->flops);
    if (p->seconds > 0)
        sk_buf_addf(out, "; about %s on this machine (%.0f tokens/s, measured)",
                    sk_duration_text(p->seconds, time, sizeof time), tokens / p->seconds);
    sk_buf_addf(out, "\nmemory %.2f GB", (double)p->bytes / 1e9);
    if (p->bytes_allowed)
        sk_buf_addf(out, " of %.1f that %s", (double)p->bytes_allowed / 1e9,
                    p->group ? "the control group allows" : "this machine has");
    sk_buf_adds(out, "\n");
    add_bytes(out, "parameters", p->bytes_params);
    add_bytes(out, "gradients", p->bytes_grads);
    add_bytes(out, "optimiser", p->bytes_optim);
    add_bytes(out, "packed weights", p->bytes_packs);
    add_bytes(out, "activations", p->bytes_activations);
    add_bytes(out, "batch", p->bytes_batch);
    add_bytes(out, "data", p->bytes_data);
    add_bytes(out, "saving", p->bytes_saver);
}
