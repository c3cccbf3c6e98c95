/* eval_view.c - results of an evaluation, for people and for machines. */
#include "cli/eval_view.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A suite's name: its file without folder and endings.  *n is its length. */
static const char *name_of(const char *path, size_t *n)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strstr(name, ".jsonl");
    *n = dot && dot > name ? (size_t)(dot - name) : strlen(name);
    return name;
}

void cmd_eval_add_head(sk_buf *b)
{
    sk_buf_addf(b, "%-24s %-6s %6s %13s %13s %13s %7s %8s %9s\n", "suite", "kind", "items",
                "right %", "by bytes %", "by tokens %", "chance", "centred", "bits/byte");
}

/* A share in percent with its standard error, or a dash. */
static void add_share(sk_buf *b, eng_share s)
{
    char text[32] = "-";
    if (isfinite(s.share))
        (void)snprintf(text, sizeof text, "%.1f +- %.1f", 100 * s.share, 100 * s.error);
    sk_buf_addf(b, " %13s", text);
}

void cmd_eval_add_row(sk_buf *b, const cmd_eval_row *r)
{
    eng_suite_info info;
    size_t n;
    const char *name = name_of(r->path, &n);
    eng_suite_get_info(r->suite, &info);
    sk_buf_addf(b, "%-24.*s %-6s %6zu", n > 24 ? 24 : (int)n, name, eng_suite_kind_name(info.kind),
                r->got.n_items);
    add_share(b, r->got.acc);
    add_share(b, r->got.acc_byte);
    add_share(b, r->got.acc_token);
    sk_buf_addf(b, " %7.1f %8.3f", 100 * r->got.chance, r->got.centred);
    if (isfinite(r->got.bits_per_byte))
        sk_buf_addf(b, " %9.3f\n", r->got.bits_per_byte);
    else
        sk_buf_addf(b, " %9s\n", "-");
    if (r->got.n_long)
        sk_buf_addf(b, "  %zu more are longer than the model's context and were left out\n",
                    r->got.n_long);
}

static double mean_centred(const cmd_eval_row *r, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += r[i].got.centred;
    return sum / (double)n;
}

void cmd_eval_add_mean(sk_buf *b, const cmd_eval_row *r, size_t n)
{
    if (n > 1)
        sk_buf_addf(b, "centred accuracy, mean of %zu suites: %.4f\n", n, mean_centred(r, n));
}

static void add_num(sk_buf *b, const char *key, double v)
{
    sk_buf_addf(b, ",\"%s\":", key);
    sk_json_add_num(b, v);
}

static void add_json_share(sk_buf *b, const char *key, const char *error_key, eng_share s)
{
    add_num(b, key, s.share);
    add_num(b, error_key, s.error);
}

static void add_json_row(sk_buf *b, const cmd_eval_row *r)
{
    eng_suite_info info;
    size_t n;
    const char *name = name_of(r->path, &n);
    eng_suite_get_info(r->suite, &info);
    sk_buf_adds(b, "{\"suite\":");
    sk_json_add_str(b, name, n);
    sk_buf_addf(b, ",\"kind\":\"%s\",\"items\":%zu,\"left_out\":%zu",
                eng_suite_kind_name(info.kind), r->got.n_items, r->got.n_long);
    add_json_share(b, "acc", "acc_stderr", r->got.acc);
    add_json_share(b, "acc_byte", "acc_byte_stderr", r->got.acc_byte);
    add_json_share(b, "acc_token", "acc_token_stderr", r->got.acc_token);
    add_num(b, "chance", r->got.chance);
    add_num(b, "centred", r->got.centred);
    add_num(b, "bits_per_byte", r->got.bits_per_byte);
    sk_buf_addc(b, '}');
}

void cmd_eval_add_json(sk_buf *b, const cmd_eval_row *r, size_t n)
{
    sk_buf_adds(b, "\"suites\":[");
    for (size_t i = 0; i < n; i++) {
        if (i) sk_buf_adds(b, ",\n  ");
        add_json_row(b, &r[i]);
    }
    sk_buf_addc(b, ']');
    add_num(b, "centred", n ? mean_centred(r, n) : NAN);
}
