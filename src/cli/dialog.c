/* dialog.c - messages to tokens, and what of them stays in the session. */
#include "cli/dialog.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* ---- messages ---- */

sk_status cmd_dialog_add(cmd_dialog *d, const char *role, const char *text, size_t n, sk_err *e)
{
    if (d->n_msg == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 16;
        eng_chat_msg *p = sk_realloc(SK_MEM_MISC, d->msg, cap * sizeof *p);
        if (!p) return sk_fail(e, SK_E_NOMEM, "no memory for the conversation");
        d->msg = p;
        d->cap = cap;
    }
    char *copy = sk_alloc(SK_MEM_MISC, n + 1);
    if (!copy) return sk_fail(e, SK_E_NOMEM, "no memory for the conversation");
    if (n) memcpy(copy, text, n);
    copy[n] = 0;
    d->msg[d->n_msg++] = (eng_chat_msg){role, copy, n};
    return SK_OK;
}

/* Removes n messages from the `at`th on. */
static void drop(cmd_dialog *d, size_t at, size_t n)
{
    if (!n) return;
    for (size_t i = at; i < at + n; i++)
        sk_free((char *)(uintptr_t)d->msg[i].text);
    memmove(d->msg + at, d->msg + at + n, (d->n_msg - at - n) * sizeof *d->msg);
    d->n_msg -= n;
}

size_t cmd_dialog_n_system(const cmd_dialog *d)
{
    return d->n_msg && !strcmp(d->msg[0].role, "system");
}

void cmd_dialog_drop_last(cmd_dialog *d, size_t n)
{
    drop(d, d->n_msg - n, n);
}

void cmd_dialog_clear(cmd_dialog *d)
{
    size_t keep = cmd_dialog_n_system(d);
    drop(d, keep, d->n_msg - keep);
}

sk_status cmd_dialog_instruct(cmd_dialog *d, const char *text, size_t n, sk_err *e)
{
    size_t had = cmd_dialog_n_system(d);
    if (n) {
        sk_status st = cmd_dialog_add(d, "system", text, n, e);
        if (st) return st;
        eng_chat_msg now = d->msg[d->n_msg - 1];
        memmove(d->msg + 1, d->msg, (d->n_msg - 1) * sizeof *d->msg);
        d->msg[0] = now;
    }
    if (had) drop(d, n ? 1 : 0, 1);
    return SK_OK;
}

void cmd_dialog_close(cmd_dialog *d)
{
    drop(d, 0, d->n_msg);
    sk_free(d->msg);
    sk_buf_fini(&d->answer);
    cmd_gen_close(&d->gen);
}

/* ---- answers ---- */

/* Replaces the sequence by the conversation's ids.  What both begin with stays in the session. */
static sk_status render(cmd_dialog *d, sk_err *e)
{
    cmd_gen *g = &d->gen;
    eng_ids ids = {0};
    sk_status st = eng_model_chat(g->m, d->msg, d->n_msg, &ids, e);
    if (st) {
        eng_ids_fini(&ids);
        return st;
    }
    size_t same = 0;
    while (same < g->n_ready && same + 1 < ids.n && g->ids.id[same] == ids.id[same])
        same++;
    g->n_ready = same;
    eng_ids_fini(&g->ids);
    g->ids = ids;
    return SK_OK;
}

/* The same with the oldest turns forgotten until an answer has room: a quarter of the context. */
static sk_status render_to_fit(cmd_dialog *d, sk_err *e)
{
    size_t forgotten = 0, first = cmd_dialog_n_system(d);
    sk_status st;
    while (!(st = render(d, e)) && d->gen.ids.n > d->gen.n_ctx - d->gen.n_ctx / 4 &&
           d->n_msg >= first + 3) {
        drop(d, first, 2);
        forgotten++;
    }
    if (forgotten && !d->quiet)
        fprintf(stderr, "(the first %zu questions and answers no longer fit and are forgotten)\n",
                forgotten);
    return st;
}

/* Prints a piece of the answer and keeps it for the turns to come. */
static sk_status show(void *arg, const char *text, size_t n, sk_err *e)
{
    cmd_dialog *d = arg;
    sk_buf_add(&d->answer, text, n);
    if (!sk_buf_ok(&d->answer)) return sk_fail(e, SK_E_NOMEM, "no memory for the answer");
    return cmd_out(text, n, e);
}

static bool halt(void *arg)
{
    cmd_dialog *d = arg;
    return d->halt && d->halt(d->halt_arg);
}

/* "(stopped, 12 tokens, 30 tokens/s)" below the answer. */
static void remark(const cmd_dialog *d, const cmd_gen_stats *s)
{
    if (!d->tty || d->quiet) return;
    fprintf(stderr, "\n(%s%zu tokens, %.0f tokens/s", s->halted ? "stopped, " : "", s->n_new,
            cmd_rate(s->n_new, s->decode_s));
    if (s->n_guessed) fprintf(stderr, ", %zu of %zu guesses right", s->n_right, s->n_guessed);
    fprintf(stderr, ")");
}

sk_status cmd_dialog_answer(cmd_dialog *d, sk_err *e)
{
    cmd_gen_stats stats;
    cmd_gen_hooks hooks = {.text = show, .halt = halt, .arg = d};
    sk_buf_reset(&d->answer);
    sk_status st = render_to_fit(d, e);
    if (st) return st;
    st = cmd_gen_run(&d->gen, d->n_max, &hooks, &stats, e);
    if (st == SK_E_TOOBIG) { /* this message alone is too long: go on without it */
        fprintf(stderr, "(%s)\n", e->text);
        cmd_dialog_drop_last(d, 1);
        return SK_OK;
    }
    if (st) return st;
    remark(d, &stats);
    if ((st = cmd_out("\n", 1, e))) return st;
    return cmd_dialog_add(d, "assistant", d->answer.p ? d->answer.p : "", d->answer.len, e);
}
