/* fz_suite.c - any bytes as a suite of questions: no crash, and what is accepted keeps every
 * promise of an item. */
#include "engine/eval/suite.h"

#include "engine/eval/number.h"
#include "engine/eval/reply.h"
#include "tests/fuzz/promise.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const eng_suite *s, const eng_suite_item *it)
{
    double v;
    bool options = s->kind == ENG_SUITE_CHOICE || s->kind == ENG_SUITE_SCHEMA;
    must(it->line && it->n && it->n <= ENG_SUITE_OPTIONS && it->gold < it->n);
    must((it->n > 1) == options && !it->opt == !options);
    must(!it->query == (s->kind == ENG_SUITE_SCHEMA));
    must(!it->continuation == (s->kind == ENG_SUITE_CHOICE || s->kind == ENG_SUITE_REPLY));
    for (size_t k = 0; options && k < it->n; k++)
        must(it->opt[k][0]);
    if (s->kind == ENG_SUITE_ANSWER) must(eng_number_find(it->continuation, &v));
    if (s->kind != ENG_SUITE_REPLY) return;
    bool right;
    const eng_accept *a = &it->accept;
    must(it->n_msg && it->msg && it->query == it->msg[it->n_msg - 1].text);
    must(a->n && a->n <= ENG_SUITE_OPTIONS && a->text[0][0]);
    must(eng_reply_is_right(it, "the answer is 42.", &right, NULL) == SK_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eng_suite *s = NULL;
    sk_err e = SK_ERR_INIT;
    sk_status st = eng_suite_parse("f", (const char *)data, size, &s, &e);
    must(st == e.status && (!st || e.text[0]));
    if (st) return 0;
    must(s->n > 0);
    for (size_t i = 0; i < s->n; i++)
        check(s, &s->item[i]);
    eng_suite_close(s);
    return 0;
}
