/* fz_buy.c - any bytes as a file of what to buy, or as a solver's answer: no crash, a sentence for
 * what is refused, and what is taken stays within its bounds. */
#include "base/mem.h"
#include "fleet/plan/buy_file.h"
#include "fleet/plan/glpk.h"
#include "tests/fuzz/promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_an_answer(const char *text, size_t n)
{
    sk_err e = SK_ERR_INIT;
    double v[8];
    bool proven;
    for (size_t cols = 0; cols <= 8; cols += 4)
        if (flt_glpk_read(text, n, 4, cols, v, &proven, &e)) must(e.text[0] != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sk_err e = SK_ERR_INIT;
    sk_yaml *y = NULL;
    flt_buy b;
    const char *currency;
    as_an_answer((const char *)data, size);
    if (sk_yaml_parse("f", (const char *)data, size, &y, &e)) return 0;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    if (mem && flt_buy_read(y, mem, &b, &currency, &e) == SK_OK) {
        must(b.months >= 1 && b.months <= FLT_BUY_MONTHS && flt_currency_ok(currency));
        for (size_t i = 0; i < b.n_offer; i++)
            must(b.offer[i].name[0] && b.offer[i].chips_per_unit >= 0);
    } else {
        must(e.text[0] != 0);
    }
    sk_arena_free(mem);
    sk_yaml_free(y);
    return 0;
}
