/* form_openai.c - answers as chat.completion and text_completion. */
#include "serve/api/ask.h"
#include "serve/api/lp.h"

#include <string.h>

/* Why a choice ended, in OpenAI's words. */
static const char *finish_name(const srv_choice *c)
{
    if (c->fin == SRV_FIN_LENGTH) return "length";
    return c->n_calls && c->n_done == c->n_calls ? "tool_calls" : "stop";
}

/* The log-probabilities of the tokens that were seen and not yet told; empty if none are wanted. */
static void add_lp(srv_choice *c, sk_buf *out)
{
    const srv_ask *a = c->ask;
    if (!a->want_lp) return;
    if (a->answer.chat)
        srv_lp_chat(a->on->eng, &c->toks, c->tok_sent, c->tok_seen, out);
    else
        srv_lp_text(a->on->eng, &c->toks, c->tok_sent, c->tok_seen, &c->lp_at, out);
    c->tok_sent = c->tok_seen;
    if (!a->stream || c->tok_sent < c->toks.len) return;
    sk_buf_reset(&c->toks);
    c->tok_sent = c->tok_seen = 0;
}

/* Begins a chunk in a->json. */
static void begin_chunk(srv_choice *c)
{
    srv_ask *a = c->ask;
    if (!a->head.len) srv_answer_head(&a->answer, &a->head);
    sk_buf_reset(&a->json);
    srv_answer_chunk(&a->head, c->index, &a->json);
}

/* Ends the chunk in a->json and makes it an event. */
static void close_chunk(srv_choice *c, bool with_lp, const char *finish)
{
    srv_ask *a = c->ask;
    sk_buf lp = SK_BUF_INIT;
    if (with_lp) add_lp(c, &lp);
    srv_answer_close(&a->answer, &lp, finish, &a->json);
    if (!sk_buf_ok(&lp)) a->json.oom = true;
    sk_buf_fini(&lp);
    srv_sse_event(NULL, &a->json, &a->sse);
    if (a->json.oom) a->sse.oom = true;
}

/* Bytes of an answer. */
static void chat_part(srv_choice *c, srv_part part, size_t call, const char *p, size_t n)
{
    srv_ask *a = c->ask;
    sk_buf id = SK_BUF_INIT;
    if (part == SRV_PART_DONE) return;
    if (part == SRV_PART_CALL) srv_call_id(a->id, c->index, call, &id);
    begin_chunk(c);
    srv_answer_delta(!c->opened, part, call, id.p ? id.p : "", p, n, &a->json);
    c->opened = true;
    close_chunk(c, true, NULL);
    sk_buf_fini(&id);
}

static void text_part(srv_choice *c, srv_part part, size_t call, const char *p, size_t n)
{
    srv_ask *a = c->ask;
    (void)part;
    (void)call;
    begin_chunk(c);
    srv_answer_text(p, n, &a->json);
    close_chunk(c, true, NULL);
}

/* The chunk that says why a choice ended; with what log-probabilities are left. */
static void finish(srv_choice *c)
{
    srv_ask *a = c->ask;
    begin_chunk(c);
    if (a->answer.chat)
        srv_answer_delta_none(!c->opened, &a->json);
    else
        srv_answer_text("", 0, &a->json);
    c->opened = true;
    close_chunk(c, c->tok_sent < c->tok_seen, finish_name(c));
}

/* The counts, if wanted, and the end mark. */
static void end(srv_ask *a)
{
    if (a->include_usage) {
        srv_usage u = srv_ask_usage(a);
        sk_buf_reset(&a->json);
        srv_answer_usage(&a->answer, &u, &a->json);
        srv_sse_event(NULL, &a->json, &a->sse);
    }
    sk_buf_adds(&a->sse, "data: [DONE]\n\n");
}

/* The k-th best of the answers to a prompt, c[0 .. n): how many are better, or as good and before
 * it, says the place of each. */
static srv_choice *best(srv_choice *c, size_t n, size_t k)
{
    for (size_t i = 0; i < n; i++) {
        size_t place = 0;
        double mean = srv_choice_mean(&c[i]);
        for (size_t j = 0; j < n; j++) {
            double other = srv_choice_mean(&c[j]);
            place += other > mean || (j < i && !(other < mean));
        }
        if (place == k) return &c[i];
    }
    return c; /* not reached: each place is taken by one */
}

/* Choices in the order of prompts; of a prompt all, or the best of them. */
static void whole(srv_ask *a)
{
    srv_usage u = srv_ask_usage(a);
    srv_answer_begin(&a->answer, &a->json);
    for (size_t i = 0; i < a->n / a->width * a->keep; i++) {
        srv_choice *c = &a->choice[i / a->keep * a->width];
        sk_buf lp = SK_BUF_INIT;
        c = a->keep < a->width ? best(c, a->width, i % a->keep) : c + i % a->keep;
        add_lp(c, &lp);
        srv_answer_choice(&a->answer, i, &c->turn, a->id, &lp, finish_name(c), &a->json);
        if (!sk_buf_ok(&lp)) a->json.oom = true;
        sk_buf_fini(&lp);
    }
    srv_answer_end(&u, &a->json);
}

/* The error object as an event; the stream then ends without its end mark. */
static void fault(srv_ask *a, const srv_fault *f)
{
    sk_buf_reset(&a->json);
    srv_fault_json(f, &a->json);
    srv_sse_event(NULL, &a->json, &a->sse);
}

const srv_form srv_form_chat = {.stem = "chatcmpl-",
                                .aside = true,
                                .part = chat_part,
                                .finish = finish,
                                .end = end,
                                .whole = whole,
                                .fault = fault,
                                .fault_json = srv_fault_json};

const srv_form srv_form_text = {.stem = "cmpl-",
                                .aside = true,
                                .part = text_part,
                                .finish = finish,
                                .end = end,
                                .whole = whole,
                                .fault = fault,
                                .fault_json = srv_fault_json};
