/* verdict.c - from what was measured of two models to a check that passed or failed. */
#include "engine/eval/verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

void eng_verdict_set(eng_gate_check *c, bool ok, const char *fmt, ...)
{
    va_list ap;
    c->tried = true;
    c->ok = ok;
    va_start(ap, fmt);
    (void)vsnprintf(c->why, sizeof c->why, fmt, ap);
    va_end(ap);
}

/* More than half of what was asked, and more than the live model does. */
static bool is_most(size_t fresh, size_t live, size_t asked)
{
    return 2 * fresh > asked && fresh > live;
}

void eng_verdict_session(const eng_shadow *live, const eng_shadow *fresh, eng_gate_check *out)
{
    if (!fresh->finite)
        eng_verdict_set(out, false, "its logits are not all finite");
    else if (is_most(fresh->empty, live->empty, fresh->asked))
        eng_verdict_set(out, false, "%zu of %zu answers are empty; the live model gives %zu such",
                        fresh->empty, fresh->asked, live->empty);
    else if (is_most(fresh->endless, live->endless, fresh->asked))
        eng_verdict_set(out, false,
                        "%zu of %zu answers repeat themselves without end; the live model gives "
                        "%zu such",
                        fresh->endless, fresh->asked, live->endless);
    else
        eng_verdict_set(out, true, "%zu prompts answered, %zu to an end", fresh->asked,
                        fresh->ended);
}

/* "1.3100 -> 1.2900 bits per byte (95 % interval of the difference -0.0250 to -0.0150)". */
static void figures(const eng_paired *p, char *b, size_t n)
{
    (void)snprintf(b, n,
                   "%.4f -> %.4f bits per byte (95 %% interval of the difference %+.4f to %+.4f, "
                   "%zu documents)",
                   p->live, p->fresh, p->low, p->high, p->n);
}

/* Each comparison is put so that NaN fails it. */
void eng_verdict_better(const eng_paired *p, double margin, eng_gate_check *out)
{
    char text[160];
    figures(p, text, sizeof text);
    if (!isfinite(p->diff))
        eng_verdict_set(out, false, "its bits per byte are not finite");
    else if (!(p->diff < 0 && -p->diff >= margin))
        eng_verdict_set(out, false, "%s: not better by %g", text, margin);
    else if (!(p->high < 0))
        eng_verdict_set(out, false, "%s: it may be chance", text);
    else
        eng_verdict_set(out, true, "%s", text);
}

void eng_verdict_no_worse(const eng_paired *p, double worse, const char *name, eng_gate_check *out)
{
    char text[160];
    figures(p, text, sizeof text);
    if (!isfinite(p->diff))
        eng_verdict_set(out, false, "%s: its bits per byte are not finite", name);
    else if (p->diff > worse && p->low > 0)
        eng_verdict_set(out, false, "%s: %s: worse by over %g", name, text, worse);
    else
        eng_verdict_set(out, true, "%s: %s", name, text);
}

void eng_verdict_answers(size_t live, size_t fresh, size_t n, size_t slack, eng_gate_check *out)
{
    bool ok = fresh >= live || live - fresh <= slack;
    eng_verdict_set(out, ok, "%zu -> %zu of %zu answers are right%s", live, fresh, n,
                    ok ? "" : ": too many are lost");
}

bool eng_verdict_promotes(const eng_gate *g)
{
    for (int i = 0; i < ENG_GATE_N; i++)
        if (g->check[i].tried && !g->check[i].ok) return false;
    return g->check[ENG_GATE_TEXT].tried;
}

const char *eng_gate_why(const eng_gate *g)
{
    for (int i = 0; i < ENG_GATE_N; i++)
        if (g->check[i].tried && !g->check[i].ok) return g->check[i].why;
    return g->check[ENG_GATE_TEXT].why;
}

const char *eng_gate_what_name(eng_gate_what w)
{
    static const char *const name[] = {"file",    "weights", "tokenizer",
                                       "session", "text",    "answers"};
    return (unsigned)w < ENG_GATE_N ? name[w] : "?";
}
