/* bench_train.c - stoke bench --train: steps of training timed, without text and without files. */
#include "cli/bench_train.h"

#include "base/json.h"

#include <sys/resource.h>

/* Names of the parts, in the order of eng_train_part. */
static const char *const part_name[ENG_TRAIN_PARTS] = {"forward",   "backward", "norm",
                                                       "optimiser", "load",     "step"};

/* Most memory this process has had at once, bytes. */
static double peak_bytes(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) ? 0 : (double)u.ru_maxrss * 1024;
}

/* The flags as the engine wants them. */
static eng_train_opts options(const cmd_bench_train *t)
{
    eng_train_opts o;
    eng_train_opts_default(&o);
    o.arch = t->arch;
    o.dim = (uint32_t)t->dim;
    o.layers = (uint32_t)t->layers;
    o.heads = (uint32_t)t->heads;
    o.kv_heads = (uint32_t)t->kv_heads;
    o.ffn = (uint32_t)t->ffn;
    o.vocab = (uint32_t)t->vocab;
    o.context = (uint32_t)t->context;
    o.batch_tokens = (uint64_t)t->batch;
    o.tied = !t->untied;
    o.compute_bf16 = t->f32 ? 0 : -1;
    o.stop = cmd_stopped;
    return o;
}

/* Share of the measured peak of the products' precision. */
static double mfu(const eng_train_figures *f, const eng_limits *l, double seconds)
{
    double peak = f->bf16 ? l->bf16_flops : l->f32_flops;
    return seconds > 0 && peak > 0 ? (double)f->tokens * f->flops / seconds / peak : 0;
}

/* Bytes the update reads in a second: parameters, gradient, two moments.  It writes three of them
 * as well, which hides behind the reading. */
static double update_rate(const eng_train_figures *f)
{
    return 16 * (double)f->n_params / f->least_s[ENG_TRAIN_OPTIMISER];
}

/* For people. */
static void text(const eng_train_figures *f, const eng_limits *l, sk_buf *out)
{
    const double *least = f->least_s, *middle = f->middle_s;
    double n = (double)f->tokens, s = least[ENG_TRAIN_STEP], m = middle[ENG_TRAIN_STEP];
    sk_buf_addf(out,
                "training  %.1f M parameters, %s products, %llu tokens a step (%llu at once), "
                "%.0f MFLOP a token, peak memory %.2f GB\n\n",
                (double)f->n_params / 1e6, f->bf16 ? "bf16" : "f32", (unsigned long long)f->tokens,
                (unsigned long long)f->micro_tokens, f->flops / 1e6, peak_bytes() / 1e9);
    sk_buf_addf(out, "%-10s %12s %12s %12s %12s %8s\n", "", "least ms", "middle ms", "tokens/s",
                "GFLOP/s", "MFU");
    for (int p = 0; p < ENG_TRAIN_STEP; p++) {
        sk_buf_addf(out, "%-10s %12.1f %12.1f", part_name[p], least[p] * 1e3, middle[p] * 1e3);
        if (p == ENG_TRAIN_OPTIMISER)
            sk_buf_addf(out, "    reads %.1f GB/s, %.0f%% of the limit", update_rate(f) / 1e9,
                        100 * update_rate(f) / l->read_bytes);
        sk_buf_addc(out, '\n');
    }
    sk_buf_addf(out, "%-10s %12.1f %12.1f %12.0f %12.0f %7.1f%%\n", "step", s * 1e3, m * 1e3, n / s,
                n * f->flops / s / 1e9, 100 * mfu(f, l, s));
    sk_buf_addf(out, "%-10s %12s %12s %12.0f %12.0f %7.1f%%\n", "  middle", "", "", n / m,
                n * f->flops / m / 1e9, 100 * mfu(f, l, m));
}

/* Appends `"key":number`. */
static void member(sk_buf *out, const char *key, double v)
{
    sk_buf_addf(out, ",\"%s\":", key);
    sk_json_add_num(out, v);
}

/* For programs: seconds, operations, bytes. */
static void json(const eng_train_figures *f, const eng_limits *l, sk_buf *out)
{
    double m = f->middle_s[ENG_TRAIN_STEP];
    sk_buf_addf(out, ",\"training\":{\"precision\":\"%s\"", f->bf16 ? "bf16" : "f32");
    member(out, "parameters", (double)f->n_params);
    member(out, "tokens", (double)f->tokens);
    member(out, "tokens_at_once", (double)f->micro_tokens);
    member(out, "flops_per_token", f->flops);
    member(out, "peak_bytes", peak_bytes());
    member(out, "loss", f->loss);
    member(out, "tokens_per_s", m > 0 ? (double)f->tokens / m : 0);
    member(out, "mfu", mfu(f, l, m));
    for (int p = 0; p < ENG_TRAIN_PARTS; p++) {
        sk_buf_addf(out, ",\"%s\":{\"least_s\":", part_name[p]);
        sk_json_add_num(out, f->least_s[p]);
        member(out, "middle_s", f->middle_s[p]);
        sk_buf_addc(out, '}');
    }
    sk_buf_addc(out, '}');
}

/* Times, then prints. */
sk_status cmd_bench_train_run(eng_exec *x, const cmd_bench_train *t, const eng_limits *limits,
                              bool as_json, sk_buf *out, sk_err *e)
{
    eng_train_opts o = options(t);
    eng_train_figures f;
    sk_status st = eng_train_bench(x, &o, (size_t)t->steps, &f, e);
    if (!st) (as_json ? json : text)(&f, limits, out);
    return st;
}
