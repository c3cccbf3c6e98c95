/* rate_case.c - small fleets for the tests of rating. */
#include "tests/unit/rate_case.h"
#include "tests/unit/unit.h"

void rate_case_init(rate_case *c)
{
    *c = (rate_case){0};
    c->book = (flt_book){.provider = c->provider,
                         .chip = c->chip,
                         .pool = c->pool,
                         .offer = c->offer,
                         .contract = c->contract,
                         .commitment = c->commitment,
                         .reservation = c->reservation,
                         .workload = c->workload,
                         .n_workload = 3};
    for (int i = 0; i < 3; i++)
        c->workload[i] = (flt_workload){.id = i + 1, .name = "w", .model = ""};
}

void rate_case_free(rate_case *c)
{
    sk_free(c->row);
    sk_free(c->applied);
    c->row = NULL;
    c->applied = NULL;
}

int64_t rate_time(const char *text)
{
    int64_t t = 0;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(sk_utc_parse(text, strlen(text), SK_UTC_ASSUMED, &t, &e), e);
    return t;
}

int64_t rate_provider(rate_case *c)
{
    size_t i = c->book.n_provider++;
    assert_true(i < RATE_ROWS);
    c->provider[i] = (flt_provider){(int64_t)i + 1, "p", "other"};
    return c->provider[i].id;
}

int64_t rate_chip(rate_case *c)
{
    size_t i = c->book.n_chip++;
    assert_true(i < RATE_ROWS);
    c->chip[i] = (flt_chip){.id = (int64_t)i + 1, .name = "c", .source = ""};
    return c->chip[i].id;
}

flt_pool *rate_pool(rate_case *c, int64_t provider, int64_t chip)
{
    size_t i = c->book.n_pool++;
    assert_true(i < RATE_ROWS);
    c->pool[i] = (flt_pool){.id = (int64_t)i + 1,
                            .provider = provider,
                            .chip = chip,
                            .name = "pool",
                            .region = "east",
                            .zone = "",
                            .engine = "sim",
                            .endpoint = "",
                            .nodes = 1000,
                            .chips_per_node = 8,
                            .currency = "USD"};
    return &c->pool[i];
}

flt_offer *rate_offer(rate_case *c, int64_t provider, int64_t chip, flt_category category,
                      double price)
{
    size_t i = c->book.n_offer++;
    assert_true(i < RATE_ROWS);
    c->offer[i] = (flt_offer){.id = (int64_t)i + 1,
                              .provider = provider,
                              .chip = chip,
                              .region = "",
                              .sku = "sku",
                              .category = category,
                              .priced = true,
                              .price_micros = flt_micros_of(price),
                              .currency = "USD",
                              .chips_per_unit = 8,
                              .valid = {SK_UTC_MIN, SK_UTC_END},
                              .source = "test"};
    return &c->offer[i];
}

int64_t rate_contract(rate_case *c, int64_t provider, sk_span term)
{
    size_t i = c->book.n_contract++;
    assert_true(i < RATE_ROWS);
    c->contract[i] = (flt_contract){(int64_t)i + 1, provider, "contract", "USD", term};
    return c->contract[i].id;
}

flt_commitment *rate_commitment(rate_case *c, int64_t contract, flt_kind kind, flt_model model,
                                flt_interval interval, double amount)
{
    size_t i = c->book.n_commitment++;
    assert_true(i < RATE_ROWS);
    c->commitment[i] = (flt_commitment){.id = (int64_t)i + 1,
                                        .contract = contract,
                                        .name = "commitment",
                                        .kind = kind,
                                        .model = model,
                                        .interval = interval,
                                        .term = c->contract[contract - 1].term,
                                        .amount = flt_micros_of(amount),
                                        .overage_ppm = -1,
                                        .region = "",
                                        .sku = ""};
    return &c->commitment[i];
}

flt_reservation *rate_reservation(rate_case *c, int64_t pool, int64_t commitment, int64_t chips,
                                  sk_span term)
{
    size_t i = c->book.n_reservation++;
    assert_true(i < RATE_ROWS);
    c->reservation[i] = (flt_reservation){(int64_t)i + 1, pool, commitment, chips, term};
    return &c->reservation[i];
}

flt_usage rate_usage(int64_t id, int64_t pool, int64_t chips, int64_t from, int64_t to)
{
    return (flt_usage){.id = id,
                       .key = "",
                       .pool = pool,
                       .workload = 1,
                       .chips = chips,
                       .span = {from, to},
                       .useful = {from, to},
                       .category = FLT_ON_DEMAND,
                       .sku = ""};
}

/* Appends a row to an array, or says that there is no memory. */
static sk_status append(void *array, size_t *n, size_t *cap, const void *row, size_t size,
                        sk_err *e)
{
    void *old;
    memcpy(&old, array, sizeof old);
    if (*n == *cap) {
        size_t bigger = *cap ? *cap * 2 : 64;
        old = sk_realloc(SK_MEM_MISC, old, bigger * size);
        if (!old) return sk_fail(e, SK_E_NOMEM, "no memory for results");
        memcpy(array, &old, sizeof old);
        *cap = bigger;
    }
    memcpy((char *)old + (*n)++ * size, row, size);
    return SK_OK;
}

static sk_status take_charge(void *arg, const flt_charge *row, sk_err *e)
{
    rate_case *c = arg;
    return append(&c->row, &c->n_row, &c->cap_row, row, sizeof *row, e);
}

static sk_status take_applied(void *arg, const flt_applied *row, sk_err *e)
{
    rate_case *c = arg;
    return append(&c->applied, &c->n_applied, &c->cap_applied, row, sizeof *row, e);
}

flt_sink rate_sink(rate_case *c)
{
    return (flt_sink){take_charge, take_applied, c};
}

sk_status rate_run(rate_case *c, const flt_usage *u, size_t n, int64_t from, int64_t until,
                   sk_err *e)
{
    flt_rater *r = NULL;
    flt_sink sink = rate_sink(c);
    c->n_row = c->n_applied = 0;
    sk_status st = flt_rater_new(&c->book, from, &r, e);
    for (size_t i = 0; i < n && !st; i++)
        st = flt_rater_add(r, &u[i], e);
    if (!st) st = flt_rater_close(r, until, &sink, e);
    flt_rater_free(r);
    return st;
}

rate_sum rate_total(const rate_case *c, flt_charge_kind kind, int64_t commitment)
{
    rate_sum s = {0};
    for (size_t i = 0; i < c->n_row; i++) {
        const flt_charge *x = &c->row[i];
        if (kind != FLT_CHARGE_KIND_N && x->kind != kind) continue;
        if (commitment >= 0 && x->commitment != commitment) continue;
        s.n++;
        s.quantity += x->quantity;
        s.list += x->list_micros;
        s.contracted += x->contracted_micros;
        s.billed += x->billed_micros;
        s.effective += x->effective_micros;
    }
    return s;
}

int64_t rate_applied(const rate_case *c, int64_t commitment)
{
    int64_t sum = 0;
    for (size_t i = 0; i < c->n_applied; i++)
        if (c->applied[i].commitment == commitment) sum += c->applied[i].amount;
    return sum;
}
