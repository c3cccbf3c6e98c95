/* curve.c - the points of a run, written as JSON lines and as a picture. */
#include "engine/train/curve.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/plot.h"

#include <assert.h>
#include <math.h>

/* All room at once: a run of hours must not fail for memory at its last step. */
sk_status eng_curve_init(eng_curve *c, size_t n, sk_err *e)
{
    *c = (eng_curve){.point = sk_calloc(SK_MEM_TRAIN, n ? n : 1, sizeof(*c->point)), .cap = n};
    return c->point ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for a curve of %zu steps", n);
}

/* Frees the points; the curve is then empty. */
void eng_curve_fini(eng_curve *c)
{
    sk_free(c->point);
    *c = (eng_curve){0};
}

/* Appends a point of a later step than the last. */
void eng_curve_add(eng_curve *c, const eng_point *p)
{
    assert(c->n < c->cap);
    assert(c->n == 0 || p->step > c->point[c->n - 1].step);
    c->point[c->n++] = *p;
}

/* A number as one more member of the object being written; NaN becomes null. */
static void add_field(sk_buf *out, const char *name, double v)
{
    sk_buf_addf(out, ",\"%s\":", name);
    sk_json_add_num(out, v);
}

/* The members every line begins with.  Steps are whole numbers kept in doubles: printed without a
 * fraction. */
static void begin_line(sk_buf *out, const char *event, const eng_point *p)
{
    sk_buf_addf(out, "{\"event\":\"%s\",\"step\":%.0f", event, p->step);
}

/* Two kinds of lines from one point: what was not measured is left out.  Nothing in it depends on
 * time, so a resumed run writes the same file. */
void eng_curve_log(const eng_curve *c, sk_buf *out)
{
    for (size_t i = 0; i < c->n; i++) {
        const eng_point *p = &c->point[i];
        if (!isnan(p->loss)) {
            begin_line(out, "step", p);
            add_field(out, "loss", p->loss);
            add_field(out, "tokens", p->tokens);
            add_field(out, "lr", p->lr);
            add_field(out, "grad_norm", p->grad_norm);
            sk_buf_adds(out, "}\n");
        }
        if (!isnan(p->val_loss)) {
            begin_line(out, "eval", p);
            add_field(out, "val_loss", p->val_loss);
            add_field(out, "bits_per_byte", p->bits_per_byte);
            sk_buf_adds(out, "}\n");
        }
    }
}

/* The plot wants its x and y apart from each other, hence the copy. */
void eng_curve_svg(const eng_curve *c, const char *title, sk_buf *out)
{
    double *xy = sk_alloc(SK_MEM_TRAIN, (3 * c->n + 1) * sizeof(*xy));
    if (!xy) {
        out->oom = true;
        return;
    }
    double *step = xy, *loss = xy + c->n, *val = loss + c->n;
    for (size_t i = 0; i < c->n; i++) {
        step[i] = c->point[i].step;
        loss[i] = c->point[i].loss;
        val[i] = c->point[i].val_loss;
    }
    const sk_series s[] = {{"training loss", step, loss, c->n}, {"held-out loss", step, val, c->n}};
    sk_plot_svg(s, 2, title, "step", "nats per token", out);
    sk_free(xy);
}
