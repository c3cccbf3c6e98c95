/* cmd_bench.c - stoke bench: what this machine can do, and how much of it a model gets.
 *
 * A rate is compared with two limits measured in the same run: operations (multiply and add counted
 * apart) and bytes that must come from memory.  Prompts are bound by the first, decoding by the
 * second.  Weights that fit into the caches can exceed the second.
 */
#include "base/clock.h"
#include "base/cpu.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/bench_grammar.h"
#include "cli/bench_train.h"
#include "cli/cmd.h"
#include "cli/verbs.h"
#include "engine/engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PARALLEL = 256, MAX_COUNTS = 16, MAX_RUNS = MAX_COUNTS + 1, CHUNK = 512 };

typedef struct bench_opts {
    cmd_common common;
    cmd_load load;
    cmd_bench_train train;
    const char *model, *parallel, *kv_type, *grammar;
    int64_t prefill, decode, depth, repeat, ms;
    bool json;
} bench_opts;

static const sk_opt rows[] = {
    {"model", 'm', SK_OPT_STRING, "FILE", NULL,
     "the model, a path or a name; none: only the machine", offsetof(bench_opts, model),
     .complete = SK_COMPLETE_MODEL},
    {"prefill", 0, SK_OPT_INT, "N", "512", "tokens of the prompt", offsetof(bench_opts, prefill), 1,
     1e6},
    {"decode", 0, SK_OPT_INT, "N", "128", "tokens generated after it", offsetof(bench_opts, decode),
     1, 1e6},
    {"depth", 0, SK_OPT_INT, "N", "0",
     "tokens already in the cache when prompt and answer begin, each; 0: the answer follows the "
     "prompt",
     offsetof(bench_opts, depth), 0, 1e7},
    {"parallel", 0, SK_OPT_STRING, "LIST", "1,8", "sequences decoded together, counts with commas",
     offsetof(bench_opts, parallel)},
    {"repeat", 0, SK_OPT_INT, "N", "3", "how often each is measured", offsetof(bench_opts, repeat),
     1, 1000},
    {"limit-ms", 0, SK_OPT_INT, "MS", "300", "milliseconds to measure each limit for",
     offsetof(bench_opts, ms), 1, 60000},
    {"json", 0, SK_OPT_BOOL, NULL, NULL, "print one JSON object", offsetof(bench_opts, json)},
    {"grammar", 0, SK_OPT_STRING, "FOLDER", NULL,
     "instead: JSON Schemas with instances (MaskBench) against the vocabulary of -m",
     offsetof(bench_opts, grammar), .complete = SK_COMPLETE_FILE},
    CMD_KV_ROW(bench_opts, "f16"),
    CMD_LOAD_ROWS(bench_opts),
    CMD_BENCH_TRAIN_ROWS(bench_opts),
    CMD_COMMON_ROWS(bench_opts),
    {0},
};

/* One line of the result. */
typedef struct run {
    bool is_prefill;
    size_t parallel, tokens; /* tokens: of each sequence */
    size_t from;             /* tokens in the cache before the first of them */
    double rate, low, high;  /* tokens/s of all sequences: middle, least, most */
    double ops, bytes;       /* a token: operations, bytes from memory */
} run;

typedef struct bench {
    const bench_opts *o;
    eng_exec *x;
    eng_model *m;
    eng_model_info info;
    eng_limits limits;
    double load_s;                 /* to open the model */
    size_t prefill, decode, depth; /* cut to the model's context */
    size_t count[MAX_COUNTS], n_counts;
    run runs[MAX_RUNS];
    size_t n_runs;
} bench;

/* Reads "1,8". */
static sk_status parse_counts(bench *b, sk_err *e)
{
    const char *s = b->o->parallel;
    do {
        char *end;
        long v = strtol(s, &end, 10);
        if (end == s || (*end && *end != ',') || v < 1 || v > MAX_PARALLEL)
            return sk_fail(e, SK_E_USAGE, "--parallel %s: counts from 1 to %d, commas between",
                           b->o->parallel, MAX_PARALLEL);
        if (b->n_counts == MAX_COUNTS)
            return sk_fail(e, SK_E_USAGE, "--parallel: at most %d counts", MAX_COUNTS);
        b->count[b->n_counts++] = (size_t)v;
        s = *end ? end + 1 : end;
    } while (*s);
    return SK_OK;
}

/* ---- what a token costs ---- */

/* Operations of attention for a token that sees n keys. */
static double attn_ops(const eng_model_info *i, double n)
{
    return 4.0 * i->n_layer * i->n_head * i->head_dim * n;
}

/* The limit that products with the model's weights have. */
static double ops_limit(const bench *b)
{
    const char *t = b->info.dtype;
    if (!strcmp(t, "F32") || !strcmp(t, "F16")) return b->limits.f32_flops;
    return strcmp(t, "BF16") ? b->limits.int8_ops : b->limits.bf16_flops;
}

static double weight_bytes(const eng_model_info *i)
{
    return (double)(i->layer_bytes + i->head_bytes);
}

/* ---- running ---- */

/* Any token, the same in every run. */
static int32_t token(const bench *b, size_t slot, size_t pos)
{
    return (int32_t)((pos * 7919 + slot * 104729 + 13) % b->info.n_vocab);
}

/* Steps tokens [from, to) of one slot, in chunks; the last one's logits are wanted. */
static sk_status prefill(eng_session *s, const bench *b, uint32_t slot, size_t from, size_t to,
                         sk_err *e)
{
    int32_t ids[CHUNK];
    for (size_t pos = from; pos < to;) {
        size_t n = to - pos < CHUNK ? to - pos : CHUNK;
        for (size_t i = 0; i < n; i++)
            ids[i] = token(b, slot, pos + i);
        eng_step_item item = {.slot = slot, .pos = pos, .n = n, .ids = ids};
        item.want = pos + n == to ? ENG_WANT_LAST : ENG_WANT_NONE;
        if (cmd_stopped(NULL)) return cmd_stopped_err(e);
        sk_status st = eng_session_step(s, &item, 1, e);
        if (st) return st;
        pos += n;
    }
    return SK_OK;
}

/* Steps the slots of r together, one token each, r->tokens times. */
static sk_status decode(eng_session *s, const bench *b, const run *r, sk_err *e)
{
    eng_step_item item[MAX_PARALLEL];
    int32_t ids[MAX_PARALLEL];
    assert(r->parallel <= MAX_PARALLEL);
    for (size_t pos = r->from; pos < r->from + r->tokens; pos++) {
        for (size_t i = 0; i < r->parallel; i++) {
            ids[i] = token(b, i, pos);
            item[i] = (eng_step_item){(uint32_t)i, pos, 1, &ids[i], ENG_WANT_LAST, NULL};
        }
        sk_status st = eng_session_step(s, item, r->parallel, e);
        if (st) return st;
    }
    return SK_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Runs one line o->repeat times in session s; fills rate, low and high. */
static sk_status measure(const bench *b, eng_session *s, run *r, double *rates, sk_err *e)
{
    size_t n = (size_t)b->o->repeat;
    for (size_t i = 0; i < n; i++) {
        if (cmd_stopped(NULL)) return cmd_stopped_err(e);
        uint64_t t = sk_now_us();
        sk_status st =
            r->is_prefill ? prefill(s, b, 0, r->from, r->from + r->tokens, e) : decode(s, b, r, e);
        if (st) return st;
        t = sk_now_us() - t;
        rates[i] = (double)(r->parallel * r->tokens) * 1e6 / (double)(t ? t : 1);
    }
    qsort(rates, n, sizeof *rates, by_value);
    r->low = rates[0];
    r->rate = rates[n / 2];
    r->high = rates[n - 1];
    return SK_OK;
}

/* Measures the prompt in slot 0, at depth. */
static sk_status run_prefill(bench *b, eng_session *s, double *rates, sk_err *e)
{
    run *r = &b->runs[b->n_runs];
    double n = (double)b->prefill, seen = (double)b->depth + (n + 1) / 2;
    *r = (run){.is_prefill = true, .parallel = 1, .tokens = b->prefill, .from = b->depth};
    r->ops = 2 * (double)b->info.layer_weights + attn_ops(&b->info, seen) +
             2 * (double)b->info.head_weights / n;
    r->bytes = weight_bytes(&b->info) / (n < CHUNK ? n : CHUNK);
    sk_status st = prefill(s, b, 0, 0, b->depth, e);
    if (!st) st = prefill(s, b, 0, b->depth, b->depth + b->prefill, e); /* to touch the memory */
    if (!st) st = measure(b, s, r, rates, e);
    if (!st) b->n_runs++;
    return st;
}

/* Opens a session of `parallel` slots, fills them, measures (the prompt too, the first time). */
static sk_status run_parallel(bench *b, size_t parallel, double *rates, sk_err *e)
{
    eng_session *s = NULL;
    size_t from = b->depth ? b->depth : b->prefill, more = b->depth ? b->prefill : 0;
    eng_session_opts so = {.n_slots = parallel, .max_step = CHUNK};
    so.n_ctx = from + (b->decode > more ? b->decode : more);
    (void)eng_dtype_of_name(b->o->kv_type, &so.kv_type);
    sk_status st = eng_session_open(b->x, b->m, &so, &s, e);
    if (st) return st;
    bool first = !b->n_runs;
    if (first) st = run_prefill(b, s, rates, e);
    for (size_t i = first ? 1 : 0; !st && i < parallel; i++) /* slot 0 is full by now */
        st = prefill(s, b, (uint32_t)i, 0, from, e);
    if (!st) {
        run *r = &b->runs[b->n_runs];
        double kv = (double)eng_session_kv_bytes(s) / (double)(parallel * so.n_ctx);
        double seen = (double)from + (double)b->decode / 2;
        *r = (run){.parallel = parallel, .tokens = b->decode, .from = from};
        r->ops = 2 * (double)(b->info.layer_weights + b->info.head_weights);
        r->ops += attn_ops(&b->info, seen);
        r->bytes = weight_bytes(&b->info) / (double)parallel + kv * seen;
        st = measure(b, s, r, rates, e);
        if (!st) b->n_runs++;
    }
    eng_session_close(s);
    return st;
}

/* Cuts prompt and answer to the model's context, then runs every count. */
static sk_status run_model(bench *b, sk_err *e)
{
    b->decode = (size_t)b->o->decode;
    b->prefill = (size_t)b->o->prefill;
    if (b->info.n_ctx < 2)
        return sk_fail(e, SK_E_INVALID,
                       "the model's context of %u has no room for a prompt and an "
                       "answer",
                       b->info.n_ctx);
    if (b->decode > b->info.n_ctx / 2) b->decode = b->info.n_ctx / 2;
    if (b->prefill > b->info.n_ctx - b->decode) b->prefill = b->info.n_ctx - b->decode;
    b->depth = (size_t)b->o->depth;
    size_t longest = b->prefill > b->decode ? b->prefill : b->decode;
    if (b->depth > b->info.n_ctx - longest)
        return sk_fail(e, SK_E_INVALID,
                       "--depth %zu: the model's context of %u has room for %zu before %zu tokens",
                       b->depth, b->info.n_ctx, b->info.n_ctx - longest, longest);
    double *rates = sk_calloc(SK_MEM_MISC, (size_t)b->o->repeat, sizeof *rates);
    if (!rates) return sk_fail(e, SK_E_NOMEM, "no memory for %d figures", (int)b->o->repeat);
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < b->n_counts; i++)
        st = run_parallel(b, b->count[i], rates, e);
    sk_free(rates);
    return st;
}

/* ---- printing ---- */

/* Shares of the limits that a run reaches. */
static double share_ops(const bench *b, const run *r)
{
    return r->rate * r->ops / ops_limit(b);
}

static double share_bytes(const bench *b, const run *r)
{
    return r->rate * r->bytes / b->limits.read_bytes;
}

/* A table for people.  "of peak" and "of read" are shares of what the machine was just measured
 * to do: the larger of the two says what holds a model back. */
static void text(const bench *b, sk_buf *out)
{
    sk_buf_addf(out,
                "machine   %s, %zu threads: %.0f GFLOP/s f32, %.0f bf16, %.0f GOP/s int8, "
                "%.1f GB/s read\n",
                sk_cpu_name(sk_cpu()), eng_exec_threads(b->x), b->limits.f32_flops / 1e9,
                b->limits.bf16_flops / 1e9, b->limits.int8_ops / 1e9, b->limits.read_bytes / 1e9);
    if (!b->n_runs) return;
    sk_buf_addf(out, "model     %s %s, %.1f M parameters, %s, opened in %.2f s\n\n", b->info.arch,
                b->info.name, (double)b->info.n_params / 1e6, b->info.dtype, b->load_s);
    sk_buf_addf(out, "%-9s %9s %7s %7s %12s %23s %11s %11s %9s %9s\n", "", "sequences", "after",
                "tokens", "tokens/s", "least .. most", "MOP/token", "MB/token", "of peak",
                "of read");
    for (size_t i = 0; i < b->n_runs; i++) {
        const run *r = &b->runs[i];
        sk_buf_addf(
            out, "%-9s %9zu %7zu %7zu %12.1f %11.1f .. %8.1f %11.2f %11.3f %8.0f%% %8.0f%%\n",
            r->is_prefill ? "prefill" : "decode", r->parallel, r->from, r->tokens, r->rate, r->low,
            r->high, r->ops / 1e6, r->bytes / 1e6, 100 * share_ops(b, r), 100 * share_bytes(b, r));
    }
}

/* Appends `"key":number`. */
static void member(sk_buf *out, const char *key, double v)
{
    sk_buf_addf(out, ",\"%s\":", key);
    sk_json_add_num(out, v);
}

/* The same for programs; figures are plain numbers in operations, bytes and seconds. */
static void json(const bench *b, sk_buf *out)
{
    sk_buf_addf(out, "{\"machine\":{\"cpu\":\"%s\",\"threads\":%zu", sk_cpu_name(sk_cpu()),
                eng_exec_threads(b->x));
    member(out, "f32_flops", b->limits.f32_flops);
    member(out, "bf16_flops", b->limits.bf16_flops);
    member(out, "int8_ops", b->limits.int8_ops);
    member(out, "read_bytes_per_s", b->limits.read_bytes);
    sk_buf_addc(out, '}');
    if (b->m) {
        sk_buf_adds(out, ",\"model\":{\"arch\":");
        sk_json_add_str(out, b->info.arch, strlen(b->info.arch));
        sk_buf_adds(out, ",\"name\":");
        sk_json_add_str(out, b->info.name, strlen(b->info.name));
        sk_buf_addf(out, ",\"dtype\":\"%s\"", b->info.dtype);
        member(out, "parameters", (double)b->info.n_params);
        member(out, "load_s", b->load_s);
        sk_buf_adds(out, "},\"runs\":[");
    }
    for (size_t i = 0; i < b->n_runs; i++) {
        const run *r = &b->runs[i];
        sk_buf_addf(out, "%s{\"kind\":\"%s\",\"parallel\":%zu,\"depth\":%zu,\"tokens\":%zu",
                    i ? "," : "", r->is_prefill ? "prefill" : "decode", r->parallel, r->from,
                    r->tokens);
        member(out, "tokens_per_s", r->rate);
        member(out, "least", r->low);
        member(out, "most", r->high);
        member(out, "ops_per_token", r->ops);
        member(out, "bytes_per_token", r->bytes);
        member(out, "share_of_ops", share_ops(b, r));
        member(out, "share_of_read", share_bytes(b, r));
        sk_buf_addc(out, '}');
    }
    if (b->m) sk_buf_addc(out, ']');
}

/* Opens what is needed, measures, prints. */
static sk_status run_all(bench *b, sk_err *e)
{
    char path[CMD_PATH_MAX];
    eng_model_opts mo = cmd_load_opts(&b->o->load);
    sk_status st = parse_counts(b, e);
    if (!st && b->o->model) st = cmd_model_path(b->o->model, path, e);
    if (!st) st = eng_exec_open((size_t)b->o->common.threads, &b->x, e);
    uint64_t t = sk_now_us();
    if (!st && b->o->model) st = eng_model_open_opts(b->x, path, &mo, &b->m, e);
    b->load_s = (double)(sk_now_us() - t) / 1e6;
    if (!st) st = eng_limits_measure(b->x, (unsigned)b->o->ms, &b->limits, e);
    if (!st && b->m) {
        eng_model_get_info(b->m, &b->info);
        st = run_model(b, e);
    }
    if (st) return st;
    sk_buf out = SK_BUF_INIT;
    (b->o->json ? json : text)(b, &out);
    if (b->o->train.on)
        st = cmd_bench_train_run(b->x, &b->o->train, &b->limits, b->o->json, &out, e);
    if (st) {
        sk_buf_fini(&out);
        return st;
    }
    if (b->o->json) sk_buf_adds(&out, "}\n");
    return cmd_out_buf(&out, e);
}

/* Schemas and masks: nothing of the machine is measured. */
static sk_status run_grammar(const bench_opts *o, sk_err *e)
{
    sk_buf out = SK_BUF_INIT;
    if (!o->model) return sk_fail(e, SK_E_USAGE, "--grammar needs -m, a file with a vocabulary");
    sk_status st = cmd_bench_grammar_run(o->model, o->grammar, o->json, &out, e);
    if (!st) st = cmd_out_buf(&out, e);
    sk_buf_fini(&out);
    return st;
}

static sk_status bench_verb(int argc, char **argv, sk_err *e)
{
    bench_opts o = {0};
    bool done;
    sk_status st = cmd_parse(&cmd_bench_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    if (o.grammar) return run_grammar(&o, e);
    bench b = {.o = &o};
    st = run_all(&b, e);
    eng_model_close(b.m);
    eng_exec_close(b.x);
    return st;
}

const cmd_verb cmd_bench_verb = {
    {
        "bench",
        "measure the machine, a model on it, or training",
        "",
        0,
        0,
        "Measures what the processor can compute (f32, bf16 and int8 operations a second) and how "
        "fast "
        "it "
        "reads memory, then how many tokens a second a model reads (prefill) and generates "
        "(decode), and which share of those limits that is.  Rates are the middle of --repeat "
        "measurements, with the least and the most beside it.  With --depth the cache holds so "
        "many "
        "tokens before each measured part.  A model that fits into the "
        "processor's caches can exceed the share of memory reads.\n"
        "With --train it times steps of training a model of the shape given, on random tokens, "
        "and says what the parts of a step take: forward and backward pass, norm of the gradient, "
        "optimiser, packing the new weights (load).  Nothing is read or written.\n"
        "With --grammar every schema of the folder is compiled, and its instances are walked token "
        "by token: which schemas pass, and how long a mask takes.",
        "stoke bench\n  the machine's limits\n"
        "stoke bench -m MODEL --parallel 1,4,16\n  and what a model makes of them\n"
        "stoke bench -m MODEL --depth 8192\n  the same deep in a long text\n"
        "stoke bench --train --dim 768 --layers 12 --heads 12 --kv-heads 12 --ffn 2048 "
        "--vocab 50304 --context 256 --batch 1024\n  what training would be like\n",
        rows,
    },
    bench_verb,
};
