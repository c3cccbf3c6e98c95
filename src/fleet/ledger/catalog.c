/* catalog.c - rows of a price list to offers. */
#include "fleet/ledger/catalog.h"

#include "fleet/money/money.h"

#include <string.h>

enum { C_SKU, C_CHIP, C_COUNT, C_PRICE, C_SPOT, C_REGION, C_N };
static const char *const names[C_N] = {"InstanceType", "AcceleratorName", "AcceleratorCount",
                                       "Price",        "SpotPrice",       "Region"};

typedef struct catalog {
    flt_taking t;
    const flt_catalog_opts *o;
    const flt_book *book;
    const flt_provider *provider;
    int at[C_N];
    char sku[100], region[100], chip[64];
    flt_stmt *insert;
} catalog;

bool flt_catalog_is(const sk_csv *c)
{
    return sk_csv_column(c, names[C_CHIP]) >= 0 && sk_csv_column(c, names[C_COUNT]) >= 0 &&
           sk_csv_column(c, names[C_PRICE]) >= 0;
}

static sk_csv_field get(const catalog *k, const sk_csv_field *field, int column)
{
    return k->at[column] < 0 ? (sk_csv_field){"", 0} : sk_csv_trim(field[k->at[column]]);
}

/* Copies a field; SK_E_FORMAT if it is too long or has control characters. */
static sk_status copy(const catalog *k, const sk_csv_field *field, int column, char *out,
                      size_t cap, sk_err *e)
{
    sk_csv_field f = get(k, field, column);
    for (size_t i = 0; i < f.n; i++)
        if ((unsigned char)f.p[i] < 32) f.n = cap;
    if (f.n >= cap) return sk_csv_fail(k->t.c, names[column], e, "is no name");
    memcpy(out, f.p, f.n);
    out[f.n] = 0;
    return SK_OK;
}

/* Price of an instance to that of a chip; *priced is false for an empty field. */
static sk_status price_of(const catalog *k, const sk_csv_field *field, int column, int64_t chips,
                          bool *priced, int64_t *out, sk_err *e)
{
    sk_csv_field f = get(k, field, column);
    sk_err why = SK_ERR_INIT;
    int64_t v;
    *priced = f.n > 0;
    if (!f.n) return SK_OK;
    if (flt_money_parse(f.p, f.n, &v, NULL, &why))
        return sk_csv_fail(k->t.c, names[column], e, "%s", why.text);
    if (v < 0)
        return sk_csv_fail(k->t.c, names[column], e, "%.*s is a negative price",
                           (int)(f.n < 40 ? f.n : 40), f.p);
    (void)flt_muldiv(v, 1, chips, out);
    return SK_OK;
}

/* A whole number of accelerators: "8", "8.0". */
static sk_status count_of(const catalog *k, const sk_csv_field *field, int64_t *out, sk_err *e)
{
    sk_csv_field f = get(k, field, C_COUNT);
    int64_t micros;
    if (flt_money_parse(f.p, f.n, &micros, NULL, NULL) || micros % FLT_MICRO || micros <= 0)
        return sk_csv_fail(k->t.c, names[C_COUNT], e, "\"%.*s\" is no number of accelerators",
                           (int)(f.n < 40 ? f.n : 40), f.p);
    *out = micros / FLT_MICRO;
    return SK_OK;
}

/* Writes one offer; counts it. */
static sk_status put(catalog *k, const flt_offer *offer, sk_err *e)
{
    int64_t changed;
    sk_err why = SK_ERR_INIT;
    if (flt_book_check_offer(k->book, offer, &why))
        return sk_csv_fail(k->t.c, names[C_COUNT], e, "%s", why.text);
    flt_stmt *s = k->insert;
    flt_bind_int(s, 1, offer->provider);
    flt_bind_int(s, 2, offer->chip);
    flt_bind_text(s, 3, offer->region);
    flt_bind_text(s, 4, offer->sku);
    flt_bind_text(s, 5, flt_word_category(offer->category));
    flt_bind_int(s, 6, offer->price_micros);
    flt_bind_text(s, 7, offer->currency);
    flt_bind_int(s, 8, offer->chips_per_unit);
    flt_bind_int(s, 9, offer->valid.from);
    flt_bind_int(s, 10, offer->valid.to);
    flt_bind_text(s, 11, offer->source);
    sk_status st = flt_stmt_run(s, &changed, e);
    if (st) return st;
    k->t.n.added += changed > 0;
    k->t.n.twice += changed == 0;
    return SK_OK;
}

/* One row: up to two offers.  SK_E_FORMAT for one that is broken. */
static sk_status take_row(catalog *k, const sk_csv_field *field, sk_err *e)
{
    bool priced, spot;
    flt_offer x = {.provider = k->provider->id,
                   .region = k->region,
                   .sku = k->sku,
                   .priced = true,
                   .currency = *k->o->currency ? k->o->currency : "USD",
                   .valid = {k->o->valid_from, SK_UTC_END},
                   .source = k->o->source};
    int64_t spot_micros = 0;
    if (!get(k, field, C_CHIP).n) return SK_OK;
    sk_status st = copy(k, field, C_CHIP, k->chip, sizeof k->chip, e);
    if (!st) st = copy(k, field, C_SKU, k->sku, sizeof k->sku, e);
    if (!st) st = copy(k, field, C_REGION, k->region, sizeof k->region, e);
    if (st) return st;
    for (char *p = k->chip; *p; p++)
        if (*p >= 'A' && *p <= 'Z') *p = (char)(*p + ('a' - 'A'));
    const flt_chip *chip = flt_book_chip_named(k->book, k->chip);
    if (!chip && k->o->known_chips_only) return SK_OK;
    if (!chip)
        return sk_csv_fail(k->t.c, names[C_CHIP], e, "\"%s\" is no chip of this fleet", k->chip);
    x.chip = chip->id;
    st = count_of(k, field, &x.chips_per_unit, e);
    if (!st) st = price_of(k, field, C_PRICE, x.chips_per_unit, &priced, &x.price_micros, e);
    if (!st) st = price_of(k, field, C_SPOT, x.chips_per_unit, &spot, &spot_micros, e);
    if (!st && priced) st = put(k, &x, e);
    x.category = FLT_SPOT;
    x.price_micros = spot_micros;
    if (!st && spot) st = put(k, &x, e);
    return st;
}

static sk_status take_rows(flt_db *db, catalog *k, sk_err *e)
{
    sk_status st = flt_db_begin(db, e);
    while (!st) {
        const sk_csv_field *field;
        sk_err why = SK_ERR_INIT;
        st = sk_csv_next(k->t.c, &field, &why);
        if (!st && !field) return SK_OK;
        k->t.n.rows++;
        if (!st) st = take_row(k, field, &why);
        if (st == SK_E_FORMAT) st = flt_taking_broken(&k->t, &why, sk_csv_raw(k->t.c), &why);
        if (st && e) *e = why;
        if (k->t.n.rows % 1024 == 0) flt_taking_moved(&k->t);
    }
    return st;
}

/* An offer that is there already stays (ON CONFLICT): a price list that comes every day adds what
 * is new.  A file that is not taken has added nothing, and says so in its counts. */
sk_status flt_catalog_take(flt_db *db, const flt_book *book, sk_csv *c, const flt_catalog_opts *o,
                           flt_taken *out, sk_err *e)
{
    catalog k = {.o = o, .book = book};
    k.provider = flt_book_provider_named(book, o->provider);
    if (!k.provider)
        return sk_fail(
            e, SK_E_USAGE,
            "%s is a price list: --provider says whose (\"%.60s\" is no provider of this "
            "fleet)",
            sk_csv_file(c), o->provider);
    for (int i = 0; i < C_N; i++)
        k.at[i] = sk_csv_column(c, names[i]);
    if (k.at[C_SKU] < 0) return sk_csv_fail(c, names[C_SKU], e, "the header has no such column");
    sk_status st = flt_taking_begin(&k.t, &o->take, c, e);
    if (st) return st;
    st = flt_db_prepare(
        db,
        "INSERT INTO offer(provider, chip, region, sku, category, price_micros, currency, "
        "chips_per_unit, limit_chips, valid_from, valid_to, source) VALUES ($1, $2, $3, $4, $5, "
        "$6, $7, $8, 0, $9, $10, $11) ON CONFLICT (provider, chip, region, sku, category, "
        "valid_from) DO NOTHING",
        &k.insert, e);
    if (!st) st = take_rows(db, &k, e);
    flt_stmt_free(k.insert);
    st = flt_taking_end(&k.t, st, e);
    if (!st) st = flt_db_commit(db, e);
    flt_db_rollback(db);
    if (st) k.t.n.added = k.t.n.twice = 0;
    if (!st || k.t.n.broken) *out = k.t.n;
    return st;
}
