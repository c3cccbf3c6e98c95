/* eventline.c - events of a run as JSON lines. */
#include "engine/train/eventline.h"

#include "base/json.h"
#include "engine/engine.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* A number as one more member; NaN and infinities become null. */
static void add_num(sk_buf *b, const char *name, double v)
{
    sk_buf_addf(b, ",\"%s\":", name);
    sk_json_add_num(b, v);
}

/* A text as one more member. */
static void add_text(sk_buf *b, const char *name, const char *s)
{
    sk_buf_addf(b, ",\"%s\":", name);
    sk_json_add_str(b, s, strlen(s));
}

/* What a step has to tell. */
static void add_step(sk_buf *b, const eng_train_event *ev)
{
    add_num(b, "loss", ev->loss);
    add_num(b, "tokens", (double)ev->tokens);
    add_num(b, "tokens_per_s", round(ev->tokens_per_s));
    add_num(b, "mfu", round(ev->mfu * 1e4) / 1e4);
    add_num(b, "eta_s", round(ev->eta_s * 10) / 10);
    add_num(b, "lr", ev->lr);
    add_num(b, "grad_norm", ev->grad_norm);
}

/* Held-out figures, of an evaluation or of the end. */
static void add_held_out(sk_buf *b, const eng_train_event *ev)
{
    add_num(b, "val_loss", ev->val_loss);
    add_num(b, "bits_per_byte", ev->bits_per_byte);
    if (ev->pairs) {
        add_num(b, "accuracy", ev->accuracy);
        add_num(b, "margin", ev->margin);
    }
}

/* The members of a plan. */
static void add_plan(sk_buf *b, const eng_train_plan *p)
{
    add_num(b, "params", (double)p->params);
    add_num(b, "steps", (double)p->steps);
    add_num(b, "step_tokens", (double)p->step_tokens);
    add_num(b, "micro_tokens", (double)p->micro_tokens);
    add_num(b, "flops_token", p->flops_token);
    add_num(b, "flops", p->flops);
    add_num(b, "seconds", p->seconds > 0 ? p->seconds : NAN);
    add_num(b, "bytes", (double)p->bytes);
    add_num(b, "bytes_params", (double)p->bytes_params);
    add_num(b, "bytes_grads", (double)p->bytes_grads);
    add_num(b, "bytes_optim", (double)p->bytes_optim);
    add_num(b, "bytes_packs", (double)p->bytes_packs);
    add_num(b, "bytes_activations", (double)p->bytes_activations);
    add_num(b, "bytes_batch", (double)p->bytes_batch);
    add_num(b, "bytes_data", (double)p->bytes_data);
    add_num(b, "bytes_saver", (double)p->bytes_saver);
    add_num(b, "bytes_allowed", p->bytes_allowed ? (double)p->bytes_allowed : NAN);
}

/* What the kinds have apart from each other. */
static void add_rest(sk_buf *b, const eng_train_event *ev)
{
    switch (ev->kind) {
    case ENG_EV_STAGE:
        add_num(b, "total", (double)ev->total);
        break;
    case ENG_EV_STEP:
        add_step(b, ev);
        break;
    case ENG_EV_EVAL:
        add_held_out(b, ev);
        break;
    case ENG_EV_PLAN:
        add_plan(b, ev->plan);
        break;
    case ENG_EV_NOTE:
        add_text(b, "text", ev->text);
        break;
    case ENG_EV_DONE:
        add_num(b, "loss", ev->loss);
        add_held_out(b, ev);
        add_text(b, "model", ev->text);
        break;
    case ENG_EV_SAVED:
        add_num(b, "waited", round(ev->waited * 1e4) / 1e4);
        break;
    }
}

void eng_event_line(const eng_train_event *ev, double time, sk_buf *out)
{
    static const char *const name[] = {"stage", "step", "eval", "saved", "plan", "note", "done"};
    assert((unsigned)ev->kind < sizeof name / sizeof *name);
    sk_buf_addf(out, "{\"event\":\"%s\",\"step\":%llu", name[ev->kind],
                (unsigned long long)ev->step);
    if (ev->stage) add_text(out, "stage", ev->stage);
    add_rest(out, ev);
    if (time >= 0) sk_buf_addf(out, ",\"time\":%.3f", time);
    sk_buf_adds(out, "}\n");
}

void eng_train_plan_json(const eng_train_plan *p, sk_buf *out)
{
    sk_buf_adds(out, "{\"event\":\"plan\"");
    add_plan(out, p);
    sk_buf_adds(out, "}\n");
}
