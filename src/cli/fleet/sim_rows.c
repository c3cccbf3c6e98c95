/* sim_rows.c - the result of a simulation as lines for people. */
#include "cli/fleet/sim.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Appends a heading. */
static void head(cmd_sim_table *t, const char *text)
{
    if (t->n == CMD_SIM_ROWS) return;
    cmd_sim_row *r = &t->row[t->n++];
    (void)snprintf(r->label, sizeof r->label, "%s", text);
    r->value[0] = 0;
}

/* Appends a line "what label" with a value. */
static cmd_sim_row *line(cmd_sim_table *t, const char *what, const char *label)
{
    static cmd_sim_row lost;
    cmd_sim_row *r = t->n < CMD_SIM_ROWS ? &t->row[t->n++] : &lost;
    (void)snprintf(r->label, sizeof r->label, "%.36s%s%s", what, *what && *label ? " " : "", label);
    r->value[0] = 0;
    return r;
}

/* "81,000,347,641" */
static void count(int64_t v, char out[40])
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, v);
    size_t at = 0;
    for (int i = 0; i < n && at + 2 < 40; i++) {
        out[at++] = digits[i];
        int left = n - 1 - i;
        if (left && left % 3 == 0 && digits[i] != '-') out[at++] = ',';
    }
    out[at] = 0;
}

static void add_count(cmd_sim_table *t, const char *what, const char *label, int64_t v)
{
    count(v, line(t, what, label)->value);
}

/* A share as percent with enough digits to see what is missing of 100. */
static void add_share(cmd_sim_table *t, const char *what, const char *label, double part,
                      double whole)
{
    cmd_sim_row *r = line(t, what, label);
    if (whole > 0)
        (void)snprintf(r->value, sizeof r->value, "%.3f %%", 100 * part / whole);
    else
        (void)snprintf(r->value, sizeof r->value, "-");
}

static void add_number(cmd_sim_table *t, const char *what, const char *label, const char *unit,
                       double v)
{
    cmd_sim_row *r = line(t, what, label);
    (void)snprintf(r->value, sizeof r->value, "%.4g%s%s", v, *unit ? " " : "", unit);
}

static void serving_rows(const flt_scenario *s, const flt_sim_sum *sum, cmd_sim_table *t)
{
    char label[48];
    double asked = (double)sum->asked;
    if (!sum->asked) return;
    head(t, "serving");
    add_count(t, "requests", "asked", sum->asked);
    add_share(t, "served", "", (double)sum->served, asked);
    (void)snprintf(label, sizeof label, "within %g s", s->serve.slo_s);
    add_share(t, label, "", (double)sum->in_time, asked);
    add_count(t, "requests", "refused", sum->refused);
    add_count(t, "requests", "waiting at the end", sum->waiting);
    add_number(t, "input tokens", "served", "", (double)sum->served * sum->input_tokens);
    add_number(t, "output tokens", "served", "", (double)sum->served * sum->output_tokens);
}

static void job_rows(const flt_sim_sum *sum, cmd_sim_table *t)
{
    if (sum->n_job) head(t, "training");
    for (size_t i = 0; i < sum->n_job; i++) {
        const flt_sim_job_sum *j = &sum->job[i];
        add_number(t, j->name, "chip-days", "", j->held / 86400);
        add_share(t, j->name, "ETTR", j->useful, j->held);
        add_share(t, j->name, "lost", j->lost, j->held);
        add_share(t, j->name, "writing checkpoints", j->writing, j->held);
        add_share(t, j->name, "restarting", j->restarting, j->held);
        add_number(t, j->name, "MFU-days", "", j->mfu_days);
        if (j->tokens > 0) add_number(t, j->name, "tokens", "", j->tokens);
        add_count(t, j->name, "interruptions", j->interruptions);
        add_count(t, j->name, "resizes", j->resizes);
        if (j->moves) add_count(t, j->name, "moves to another pool", j->moves);
        if (j->copying_s > 0)
            add_number(t, j->name, "copying checkpoints", "h", j->copying_s / 3600);
        add_number(t, j->name, "waited", "h", j->waiting_s / 3600);
        if (j->done_s > 0) add_number(t, j->name, "done after", "days", j->done_s / 86400);
    }
}

static void pool_rows(const flt_sim_sum *sum, cmd_sim_table *t)
{
    head(t, "chips");
    for (size_t i = 0; i < sum->n_pool; i++) {
        const flt_sim_pool_sum *p = &sum->pool[i];
        double all = (double)p->capacity;
        add_count(t, p->name, "chips", p->chips);
        add_share(t, p->name, "serving", (double)p->serving, all);
        add_share(t, p->name, "training", (double)p->training, all);
        add_share(t, p->name, "idle", (double)p->idle, all);
        add_share(t, p->name, "down", (double)p->down, all);
    }
}

/* An amount with its currency. */
static void add_money(cmd_sim_table *t, const char *what, const char *label, int64_t micros,
                      const char *currency)
{
    char text[FLT_MONEY_TEXT];
    cmd_sim_row *r = line(t, what, label);
    flt_money_table(micros, text);
    (void)snprintf(r->value, sizeof r->value, "%s %.3s", text, currency);
}

/* One commitment: what was drawn, what should have been, and what it cost for nothing. */
static void commitment_rows(const flt_sim_commitment *c, cmd_sim_table *t)
{
    char what[64];
    const char *unit = c->kind == FLT_SPEND ? c->currency : "chip-hours";
    bool pool = c->model == FLT_DISCONTINUOUS;
    (void)snprintf(what, sizeof what, "%s%s%s", c->contract, *c->name ? " " : "", c->name);
    if (strcmp(c->contract, c->name) == 0) (void)snprintf(what, sizeof what, "%s", c->contract);
    if (pool) {
        char text[FLT_MONEY_TEXT];
        cmd_sim_row *r = line(t, what, "drawn");
        flt_money_table(c->drawn, text);
        (void)snprintf(r->value, sizeof r->value, "%s %.10s", text, unit);
        r = line(t, what, "promised so far");
        flt_money_table(c->due, text);
        (void)snprintf(r->value, sizeof r->value, "%s %.10s", text, unit);
        add_number(t, what, "pace", "", c->pace);
        add_money(t, what, "shortfall", c->shortfall, c->currency);
        return;
    }
    add_money(t, what, "used", c->used, c->currency);
    add_money(t, what, "unused", c->unused, c->currency);
    add_share(t, what, "utilization", (double)c->used, (double)c->used + (double)c->unused);
}

static void money_rows(const flt_sim_sum *sum, cmd_sim_table *t)
{
    if (sum->n_total) head(t, "money");
    for (size_t i = 0; i < sum->n_total; i++) {
        const flt_sim_money *m = &sum->total[i];
        add_money(t, "billed", m->currency, m->billed, m->currency);
        add_money(t, "at list prices", m->currency, m->list, m->currency);
        add_money(t, "effective", m->currency, m->effective, m->currency);
    }
    for (size_t i = 0; i < sum->n_job; i++) {
        char text[FLT_MONEY_TEXT];
        if (!sum->job[i].egress) continue;
        flt_money_table(sum->job[i].egress, text);
        cmd_sim_row *r = line(t, sum->job[i].name, "egress, in billed");
        (void)snprintf(r->value, sizeof r->value, "%s", text);
    }
    for (size_t i = 0; i < sum->n_pool; i++) {
        const flt_sim_pool_sum *p = &sum->pool[i];
        const flt_sim_money *m = &sum->pool_cost[i].money;
        double hours = ((double)p->serving + (double)p->training) / 3600;
        if (!m->currency || !(hours > 0)) continue;
        add_money(t, p->name, "effective", m->effective, m->currency);
        add_money(t, p->name, "a used chip-hour", (int64_t)((double)m->effective / hours),
                  m->currency);
    }
    for (size_t i = 0; i < sum->n_commitment; i++)
        commitment_rows(&sum->commitment[i], t);
}

static void cause_rows(const flt_sim_sum *sum, cmd_sim_table *t)
{
    head(t, "interruptions of training by");
    for (size_t i = 0; i < sum->n_cause; i++)
        add_count(t, sum->cause[i], "", sum->by_cause[i]);
    for (int i = 0; i < FLT_STOP_N; i++)
        if (sum->by_stop[i]) add_count(t, flt_stop_word((flt_stop)i), "", sum->by_stop[i]);
}

void cmd_sim_rows(const flt_scenario *s, const flt_sim_sum *sum, cmd_sim_table *out)
{
    out->n = 0;
    serving_rows(s, sum, out);
    job_rows(sum, out);
    pool_rows(sum, out);
    money_rows(sum, out);
    cause_rows(sum, out);
}

/* A time as it reads best. */
static void add_time(cmd_sim_table *t, const char *what, const char *label, double s)
{
    if (s < 1)
        add_number(t, what, label, "ms", s * 1000);
    else
        add_number(t, what, label, "s", s);
}

/* The middle and the end of a distribution. */
static void add_hist(cmd_sim_table *t, const char *what, const flt_hist *h)
{
    if (!h->n) return;
    add_time(t, what, "p50", flt_hist_at(h, 0.5));
    add_time(t, what, "p90", flt_hist_at(h, 0.9));
    add_time(t, what, "p99", flt_hist_at(h, 0.99));
}

void cmd_sim_event_rows(const flt_scenario *s, const flt_event_sum *v, cmd_sim_table *out)
{
    char label[48];
    double asked = (double)v->asked;
    out->n = 0;
    head(out, "requests one by one");
    add_number(out, "seconds", "", "", v->seconds);
    add_count(out, "requests", "asked", (int64_t)v->asked);
    add_share(out, "answered or in flight", "", (double)(v->answered + v->in_flight), asked);
    add_count(out, "requests", "in flight at the end", (int64_t)v->in_flight);
    add_count(out, "requests", "refused", (int64_t)v->refused);
    add_count(out, "requests", "failed", (int64_t)v->failed);
    add_count(out, "requests", "tried again", (int64_t)v->retried);
    add_count(out, "streams", "gone on with elsewhere", (int64_t)v->resumed);
    (void)snprintf(label, sizeof label, "first token within %g s", s->serve.slo_s);
    add_share(out, label, "", (double)v->in_time, asked);
    if (v->again) {
        add_share(out, "prompts that go on with a conversation", "", (double)v->again, asked);
        add_share(out, "prefix at its replica, of those", "", (double)v->hits, (double)v->again);
        add_share(out, "prompt tokens from the cache", "", (double)v->cached, (double)v->tokens);
    }
    add_hist(out, "first token", &v->ttft);
    add_hist(out, "between tokens", &v->tpot);
    add_hist(out, "silence of broken streams", &v->gap);
}

/* The value that t has for a label, "" if none. */
static const char *value_of(const cmd_sim_table *t, const char *label)
{
    for (size_t i = 0; t && i < t->n; i++)
        if (t->row[i].value[0] && strcmp(t->row[i].label, label) == 0) return t->row[i].value;
    return "";
}

static void print_line(const cmd_sim_row *r, const char *b, bool two, sk_buf *out)
{
    if (!r->value[0])
        sk_buf_addf(out, "%s\n", r->label);
    else if (two)
        sk_buf_addf(out, "  %-44s %22s %22s\n", r->label, r->value, b);
    else
        sk_buf_addf(out, "  %-44s %22s\n", r->label, r->value);
}

/* The rows from i on up to the next heading, those of `from` that `other` has too left out. */
static void only_in(const cmd_sim_table *from, size_t i, const cmd_sim_table *other, sk_buf *out)
{
    for (; i < from->n && from->row[i].value[0]; i++) {
        const cmd_sim_row *r = &from->row[i];
        if (!*value_of(other, r->label))
            sk_buf_addf(out, "  %-44s %22s %22s\n", r->label, "", r->value);
    }
}

/* Where the rows under a heading begin; n if there is no such heading. */
static size_t under(const cmd_sim_table *t, const char *heading)
{
    for (size_t i = 0; i < t->n; i++)
        if (!t->row[i].value[0] && strcmp(t->row[i].label, heading) == 0) return i + 1;
    return t->n;
}

void cmd_sim_print(const char *name_a, const cmd_sim_table *a, const char *name_b,
                   const cmd_sim_table *b, sk_buf *out)
{
    const char *heading = "";
    if (b) sk_buf_addf(out, "%-46s %22.22s %22.22s\n", "", name_a, name_b);
    for (size_t i = 0; i < a->n; i++) {
        const cmd_sim_row *r = &a->row[i];
        if (!r->value[0]) heading = r->label;
        print_line(r, value_of(b, r->label), b != NULL, out);
        bool last = i + 1 == a->n || !a->row[i + 1].value[0];
        if (b && last) only_in(b, under(b, heading), a, out);
    }
    for (size_t i = 0; b && i < b->n; i++) {
        if (b->row[i].value[0] || under(a, b->row[i].label) < a->n) continue;
        print_line(&b->row[i], "", true, out);
        only_in(b, i + 1, a, out);
    }
}
