/* fields.c - the table of all fields (field.h). */
#include "fleet/book/field.h"

/* The words of an enum T by plain numbers. */
#define WORDS(T)                                                                                   \
    static const char *word_##T(int v)                                                             \
    {                                                                                              \
        return flt_word_##T((flt_##T)v);                                                           \
    }                                                                                              \
    static const flt_words T##_words = {word_##T, flt_##T##_of};

WORDS(category)
WORDS(kind)
WORDS(model)
WORDS(interval)
WORDS(shortfall)
WORDS(pool_state)
WORDS(work_kind)

#define AT(T, member) offsetof(flt_##T, member)

static const flt_field provider[] = {
    {"name", NULL, FLT_AS_TEXT, AT(provider, name), NULL, NULL, 0, false},
    {"kind", NULL, FLT_AS_TEXT, AT(provider, kind), "other", NULL, 0, false},
};

static const flt_field chip[] = {
    {"name", NULL, FLT_AS_TEXT, AT(chip, name), NULL, NULL, 0, false},
    {"peak_bf16", NULL, FLT_AS_SIZE, AT(chip, peak_bf16_flops), "0", NULL, 0, false},
    {"memory", NULL, FLT_AS_SIZE, AT(chip, memory_bytes), "0", NULL, 0, false},
    {"bandwidth", NULL, FLT_AS_SIZE, AT(chip, memory_bandwidth), "0", NULL, 0, false},
    {"prefill_rate", NULL, FLT_AS_SIZE, AT(chip, prefill_rate), "0", NULL, 0, false},
    {"decode_rate", NULL, FLT_AS_SIZE, AT(chip, decode_rate), "0", NULL, 0, false},
    {"source", NULL, FLT_AS_TEXT, AT(chip, source), "", NULL, 0, false},
};

static const flt_field pool[] = {
    {"name", NULL, FLT_AS_TEXT, AT(pool, name), NULL, NULL, 0, false},
    {"provider", NULL, FLT_AS_REF, AT(pool, provider), NULL, NULL, FLT_ROW_PROVIDER, false},
    {"chip", NULL, FLT_AS_REF, AT(pool, chip), NULL, NULL, FLT_ROW_CHIP, false},
    {"region", NULL, FLT_AS_TEXT, AT(pool, region), "", NULL, 0, false},
    {"zone", NULL, FLT_AS_TEXT, AT(pool, zone), "", NULL, 0, false},
    {"engine", NULL, FLT_AS_TEXT, AT(pool, engine), "sim", NULL, 0, false},
    {"endpoint", NULL, FLT_AS_TEXT, AT(pool, endpoint), "", NULL, 0, false},
    {"nodes", NULL, FLT_AS_COUNT, AT(pool, nodes), NULL, NULL, 0, false},
    {"chips_per_node", NULL, FLT_AS_COUNT, AT(pool, chips_per_node), NULL, NULL, 0, false},
    {"net_gbps", NULL, FLT_AS_SIZE, AT(pool, net_gbps), "0", NULL, 0, false},
    {"egress_per_gb", "egress_micros", FLT_AS_MONEY, AT(pool, egress_micros_per_gb), "0", NULL, 0,
     false},
    {"currency", NULL, FLT_AS_TEXT, AT(pool, currency), "USD", NULL, 0, false},
    {"state", NULL, FLT_AS_WORD, AT(pool, state), "up", &pool_state_words, 0, false},
    {"epoch", NULL, FLT_AS_COUNT, AT(pool, epoch), "0", NULL, 0, true},
};

static const flt_field offer[] = {
    {"provider", NULL, FLT_AS_REF, AT(offer, provider), NULL, NULL, FLT_ROW_PROVIDER, false},
    {"chip", NULL, FLT_AS_REF, AT(offer, chip), NULL, NULL, FLT_ROW_CHIP, false},
    {"region", NULL, FLT_AS_TEXT, AT(offer, region), "", NULL, 0, false},
    {"sku", NULL, FLT_AS_TEXT, AT(offer, sku), "", NULL, 0, false},
    {"category", NULL, FLT_AS_WORD, AT(offer, category), "on-demand", &category_words, 0, false},
    {"price", "price_micros", FLT_AS_PRICE, AT(offer, price_micros), "", NULL, 0, false},
    {"currency", NULL, FLT_AS_TEXT, AT(offer, currency), "USD", NULL, 0, false},
    {"chips_per_unit", NULL, FLT_AS_COUNT, AT(offer, chips_per_unit), "1", NULL, 0, false},
    {"limit_chips", NULL, FLT_AS_COUNT, AT(offer, limit_chips), "0", NULL, 0, false},
    {"from", "valid_from", FLT_AS_TIME, AT(offer, valid.from), NULL, NULL, 0, false},
    {"to", "valid_to", FLT_AS_END, AT(offer, valid.to), "", NULL, 0, false},
    {"source", NULL, FLT_AS_TEXT, AT(offer, source), NULL, NULL, 0, false},
};

static const flt_field contract[] = {
    {"name", NULL, FLT_AS_TEXT, AT(contract, name), NULL, NULL, 0, false},
    {"provider", NULL, FLT_AS_REF, AT(contract, provider), NULL, NULL, FLT_ROW_PROVIDER, false},
    {"currency", NULL, FLT_AS_TEXT, AT(contract, currency), "USD", NULL, 0, false},
    {"from", "term_from", FLT_AS_TIME, AT(contract, term.from), NULL, NULL, 0, false},
    {"to", "term_to", FLT_AS_TIME, AT(contract, term.to), NULL, NULL, 0, false},
};

static const flt_field commitment[] = {
    {"contract", NULL, FLT_AS_REF, AT(commitment, contract), NULL, NULL, FLT_ROW_CONTRACT, true},
    {"name", NULL, FLT_AS_TEXT, AT(commitment, name), NULL, NULL, 0, false},
    {"kind", NULL, FLT_AS_WORD, AT(commitment, kind), "spend", &kind_words, 0, true},
    {"model", NULL, FLT_AS_WORD, AT(commitment, model), "continuous", &model_words, 0, true},
    {"interval", "fulfilment", FLT_AS_WORD, AT(commitment, interval), "hourly", &interval_words, 0,
     false},
    {"from", "term_from", FLT_AS_TIME, AT(commitment, term.from), "", NULL, 0, false},
    {"to", "term_to", FLT_AS_TIME, AT(commitment, term.to), "", NULL, 0, false},
    {"amount", NULL, FLT_AS_MONEY, AT(commitment, amount), "0", NULL, 0, true},
    {"discount", "discount_ppm", FLT_AS_SHARE, AT(commitment, discount_ppm), "0", NULL, 0, false},
    {"rate", "rate_micros", FLT_AS_MONEY, AT(commitment, rate_micros), "0", NULL, 0, false},
    {"upfront", "upfront_ppm", FLT_AS_SHARE, AT(commitment, upfront_ppm), "0", NULL, 0, false},
    {"overage", "overage_ppm", FLT_AS_SHARE, AT(commitment, overage_ppm), "", NULL, 0, false},
    {"chip", NULL, FLT_AS_REF, AT(commitment, chip), "", NULL, FLT_ROW_CHIP, false},
    {"region", NULL, FLT_AS_TEXT, AT(commitment, region), "", NULL, 0, false},
    {"sku", NULL, FLT_AS_TEXT, AT(commitment, sku), "", NULL, 0, false},
    {"categories", NULL, FLT_AS_CATEGORIES, AT(commitment, categories), "", NULL, 0, false},
    {"shortfall", NULL, FLT_AS_WORD, AT(commitment, shortfall), "charge", &shortfall_words, 0,
     false},
};

static const flt_field reservation[] = {
    {"pool", NULL, FLT_AS_REF, AT(reservation, pool), NULL, NULL, FLT_ROW_POOL, false},
    {"commitment", NULL, FLT_AS_REF, AT(reservation, commitment), "", NULL, FLT_ROW_COMMITMENT,
     false},
    {"chips", NULL, FLT_AS_COUNT, AT(reservation, chips), NULL, NULL, 0, false},
    {"from", "term_from", FLT_AS_TIME, AT(reservation, term.from), NULL, NULL, 0, false},
    {"to", "term_to", FLT_AS_TIME, AT(reservation, term.to), NULL, NULL, 0, false},
};

static const flt_field workload[] = {
    {"name", NULL, FLT_AS_TEXT, AT(workload, name), NULL, NULL, 0, false},
    {"kind", NULL, FLT_AS_WORD, AT(workload, kind), NULL, &work_kind_words, 0, false},
    {"model", NULL, FLT_AS_TEXT, AT(workload, model), "", NULL, 0, false},
    {"chip", NULL, FLT_AS_REF, AT(workload, chip), "", NULL, FLT_ROW_CHIP, false},
    {"min_chips", NULL, FLT_AS_COUNT, AT(workload, min_chips), "0", NULL, 0, false},
    {"max_chips", NULL, FLT_AS_COUNT, AT(workload, max_chips), NULL, NULL, 0, false},
    {"priority", NULL, FLT_AS_COUNT, AT(workload, priority), "0", NULL, 0, false},
    {"memory", NULL, FLT_AS_SIZE, AT(workload, memory_bytes), "0", NULL, 0, false},
    {"checkpoint", NULL, FLT_AS_SIZE, AT(workload, checkpoint_bytes), "0", NULL, 0, false},
    {"checkpoint_every", "checkpoint_s", FLT_AS_SECONDS, AT(workload, checkpoint_s), "0", NULL, 0,
     false},
    {"restart", "restart_s", FLT_AS_SECONDS, AT(workload, restart_s), "0", NULL, 0, false},
    {"min_run", "min_run_s", FLT_AS_SECONDS, AT(workload, min_run_s), "0", NULL, 0, false},
    {"slo_ttft", "slo_ttft_s", FLT_AS_SIZE, AT(workload, slo_ttft_s), "0", NULL, 0, false},
    {"slo_tpot", "slo_tpot_s", FLT_AS_SIZE, AT(workload, slo_tpot_s), "0", NULL, 0, false},
    {"deadline", NULL, FLT_AS_TIME, AT(workload, deadline), "", NULL, 0, false},
};

/* The check of a kind by plain pointers. */
#define CHECK(T)                                                                                   \
    static sk_status check_##T(const flt_book *b, const void *row, sk_err *e)                      \
    {                                                                                              \
        return flt_book_check_##T(b, row, e);                                                      \
    }

CHECK(provider)
CHECK(chip)
CHECK(pool)
CHECK(offer)
CHECK(contract)
CHECK(commitment)
CHECK(reservation)
CHECK(workload)

#define ROWS(T)                                                                                    \
    {                                                                                              \
#T, #T "s", sizeof(flt_##T), T, sizeof T / sizeof *T, offsetof(flt_book, T),               \
            offsetof(flt_book, n_##T), check_##T                                                   \
    }

static const flt_rows kinds[FLT_ROW_N] = {
    ROWS(provider), ROWS(chip),       ROWS(pool),        ROWS(offer),
    ROWS(contract), ROWS(commitment), ROWS(reservation), ROWS(workload),
};

const flt_rows *flt_rows_of(flt_row_kind kind)
{
    return &kinds[kind];
}
