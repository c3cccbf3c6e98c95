/* score.c - from the log-likelihoods of options to shares of right items. */
#include "engine/eval/score.h"

#include "base/json.h"
#include "engine/eval/number.h"
#include "engine/eval/reply.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Sum of -ln p over tokens from .. n - 1 of a sequence. */
static double sum_from(const eng_cut *s, const eng_nll *tok, size_t from)
{
    double sum = 0;
    for (size_t i = from; i < s->n; i++)
        sum += tok[s->at + i].nll;
    return sum;
}

/* True if every scored token was the likeliest. */
static bool is_greedy(const eng_prompt *p, const eng_cut *s, const eng_nll *tok)
{
    for (size_t i = s->first; i < s->n; i++)
        if (tok[s->at + i].best != p->ids.id[s->at + i]) return false;
    return true;
}

/* The smaller cost wins, of equal ones the first. */
static size_t least(const double *cost, size_t n)
{
    size_t best = 0;
    assert(n > 0);
    for (size_t i = 1; i < n; i++)
        if (cost[i] < cost[best]) best = i;
    return best;
}

bool eng_score_options(const eng_suite *s, const eng_suite_item *it, const eng_prompt *p,
                       const eng_nll *tok, eng_score *out)
{
    double sum[ENG_SUITE_OPTIONS], byte[ENG_SUITE_OPTIONS], token[ENG_SUITE_OPTIONS];
    assert(p->n <= ENG_SUITE_OPTIONS && it->gold < p->n);
    for (size_t k = 0; k < p->n; k++) {
        const eng_cut *q = &p->cut[k];
        sum[k] = sum_from(q, tok, q->first);
        byte[k] = sum[k] / (double)q->bytes;
        token[k] = sum_from(q, tok, q->core) / (double)(q->n - q->core);
        if (!isfinite(sum[k]) || !isfinite(token[k])) return false;
    }
    bool exact = s->kind == ENG_SUITE_EXACT;
    *out = (eng_score){.tried = true, .nll = sum[it->gold], .bytes = p->cut[it->gold].bytes};
    out->right = exact ? is_greedy(p, &p->cut[0], tok) : least(sum, p->n) == it->gold;
    out->right_byte = least(byte, p->n) == it->gold;
    out->right_token = least(token, p->n) == it->gold;
    out->chance = exact ? 0 : 1 / (double)it->n;
    return true;
}

void eng_score_answer(const eng_suite_item *it, const char *text, eng_score *out)
{
    double want = 0, got = 0;
    bool found = eng_number_find(text, &got) && eng_number_find(it->continuation, &want);
    *out = (eng_score){.tried = true, .right = found && fabs(got - want) <= 1e-9 * fabs(want)};
}

sk_status eng_score_reply(const eng_suite_item *it, const char *text, eng_score *out, sk_err *e)
{
    bool right;
    sk_status st = eng_reply_is_right(it, text, &right, e);
    if (!st) *out = (eng_score){.tried = true, .right = right};
    return st;
}

/* ---- an item as JSON ---- */

static void add_ids(const eng_prompt *p, size_t at, size_t n, sk_buf *out)
{
    sk_buf_adds(out, "\"ids\":[");
    for (size_t i = 0; i < n; i++)
        sk_buf_addf(out, i ? ",%d" : "%d", (int)p->ids.id[at + i]);
    sk_buf_addc(out, ']');
}

void eng_score_line(const eng_suite_item *it, const eng_prompt *p, const eng_nll *tok,
                    const eng_score *sc, sk_buf *out)
{
    sk_buf_addf(out, "{\"line\":%zu,\"right\":%s,\"gold\":%zu,\"options\":[", it->line,
                sc->right ? "true" : "false", it->gold);
    for (size_t k = 0; k < p->n; k++) {
        const eng_cut *q = &p->cut[k];
        sk_buf_adds(out, k ? ",{" : "{");
        add_ids(p, q->at, q->n, out);
        sk_buf_addf(out, ",\"first\":%zu,\"core\":%zu,\"bytes\":%zu,\"loglikelihood\":", q->first,
                    q->core, q->bytes);
        sk_json_add_num(out, -sum_from(q, tok, q->first));
        sk_buf_addf(out, ",\"greedy\":%s}", is_greedy(p, q, tok) ? "true" : "false");
    }
    sk_buf_adds(out, "]}");
}

void eng_score_answer_line(const eng_suite_item *it, const eng_prompt *p, const char *text,
                           const eng_score *sc, sk_buf *out)
{
    double got = NAN;
    (void)eng_number_find(text, &got);
    sk_buf_addf(out, "{\"line\":%zu,\"right\":%s,", it->line, sc->right ? "true" : "false");
    add_ids(p, 0, p->cut[0].n, out);
    sk_buf_adds(out, ",\"text\":");
    sk_json_add_str(out, text, strlen(text));
    if (it->continuation) {
        sk_buf_adds(out, ",\"number\":");
        sk_json_add_num(out, got);
    }
    sk_buf_addc(out, '}');
}

/* ---- sums ---- */

static eng_share share_of(size_t right, size_t n)
{
    double p = (double)right / (double)n;
    return (eng_share){p, n > 1 ? sqrt(p * (1 - p) / (double)(n - 1)) : 0};
}

/* Shares, and their standard errors; NaN without an item. */
void eng_score_sum(eng_suite_kind kind, const eng_score *sc, size_t n, eng_eval *out)
{
    const eng_share none = {NAN, NAN};
    size_t right = 0, right_byte = 0, right_token = 0, tried = 0;
    double chance = 0, nll = 0, bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (!sc[i].tried) continue;
        tried++;
        right += sc[i].right;
        right_byte += sc[i].right_byte;
        right_token += sc[i].right_token;
        chance += sc[i].chance;
        nll += sc[i].nll;
        bytes += (double)sc[i].bytes;
    }
    bool choice = kind == ENG_SUITE_CHOICE, options = choice || kind == ENG_SUITE_SCHEMA;
    out->n_items = tried;
    out->n_long = n - tried;
    out->acc = share_of(right, tried);
    out->acc_byte = choice ? share_of(right_byte, tried) : none;
    out->acc_token = options ? share_of(right_token, tried) : none;
    out->chance = chance / (double)tried;
    double a = options ? out->acc_token.share : out->acc.share;
    out->centred = (a - out->chance) / (1 - out->chance);
    out->bits_per_byte = eng_suite_is_written(kind) ? NAN : nll / log(2) / bytes;
}
