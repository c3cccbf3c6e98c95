/* bill.c - FOCUS rows to charges. */
#include "fleet/focus/bill.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/utc.h"
#include "fleet/ledger/write.h"
#include "fleet/money/money.h"

#include <string.h>
#include <strings.h>

struct flt_bill {
    const flt_book *book;
    sk_csv *c;
    const flt_bill_opts *o;
    flt_focus_map map;
    flt_focus_row row;
    flt_bill_findings found;
    size_t row_found; /* of the row that is being looked at */
    flt_charge charge;
    char currency[FLT_CURRENCY];
    sk_buf extra;
    int x_pool;      /* column, -1 if there is none */
    bool *is_charge; /* by column of the file: a field of the charge holds it */
};

/* ---- opening -----------------------------------------------------------------------------------
 */

/* Columns whose values a charge holds exactly. */
static const int held[] = {FLT_FC_BilledCost,         FLT_FC_ContractedCost,
                           FLT_FC_EffectiveCost,      FLT_FC_ListCost,
                           FLT_FC_ChargePeriodStart,  FLT_FC_ChargePeriodEnd,
                           FLT_FC_BillingPeriodStart, FLT_FC_BillingCurrency};

/* What can't be done without, whatever else is missing. */
static const int needed[] = {FLT_FC_BilledCost, FLT_FC_ChargeCategory, FLT_FC_ChargePeriodStart,
                             FLT_FC_ChargePeriodEnd, FLT_FC_BillingPeriodStart};

static sk_status check_header(const flt_bill *b, sk_err *e)
{
    sk_buf missing = SK_BUF_INIT;
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < sizeof needed / sizeof *needed; i++)
        if (b->map.at[needed[i]] < 0)
            st = sk_fail(e, SK_E_FORMAT, "%s has no column %s", sk_csv_file(b->c),
                         flt_focus_cost_set.column[needed[i]].name);
    size_t n = st || b->o->partial ? 0 : flt_focus_missing(&b->map, &missing);
    if (n)
        st = sk_fail(e, SK_E_FORMAT,
                     "%s lacks %zu columns that a whole file has (%.200s%s); --partial takes an "
                     "excerpt",
                     sk_csv_file(b->c), n, missing.len ? missing.p : "",
                     missing.len > 200 ? "..." : "");
    sk_buf_fini(&missing);
    return st;
}

/* is_charge marks the columns that a charge has a place for; all others of a row are kept beside
 * it, as JSON (set_extra). */
sk_status flt_bill_open(const flt_book *book, sk_csv *c, const flt_bill_opts *o, flt_bill **out,
                        sk_err *e)
{
    flt_bill *b = sk_calloc(SK_MEM_MISC, 1, sizeof *b);
    if (!b) return sk_fail(e, SK_E_NOMEM, "no memory to read a bill");
    b->book = book;
    b->c = c;
    b->o = o;
    b->found.set = &flt_focus_cost_set;
    flt_focus_map_init(&b->map, &flt_focus_cost_set, c, o->version, o->dates);
    b->x_pool = sk_csv_column(c, "x_Pool");
    b->is_charge = sk_calloc(SK_MEM_MISC, sk_csv_columns(c), sizeof *b->is_charge);
    sk_status st =
        b->is_charge ? check_header(b, e) : sk_fail(e, SK_E_NOMEM, "no memory to read a bill");
    for (size_t i = 0; !st && i < sizeof held / sizeof *held; i++)
        if (b->map.at[held[i]] >= 0) b->is_charge[b->map.at[held[i]]] = true;
    if (st)
        flt_bill_close(b);
    else
        *out = b;
    return st;
}

void flt_bill_close(flt_bill *b)
{
    if (!b) return;
    sk_buf_fini(&b->extra);
    sk_free(b->is_charge);
    sk_free(b);
}

const flt_bill_findings *flt_bill_found(const flt_bill *b)
{
    return &b->found;
}

/* ---- names -------------------------------------------------------------------------------------
 */

static const flt_focus_value *val(const flt_bill *b, int column)
{
    return &b->row.value[column];
}

static bool is(const flt_bill *b, int column, const char *word)
{
    return !val(b, column)->null && sk_csv_is(val(b, column)->text, word);
}

static bool same(sk_csv_field f, const char *text)
{
    return strlen(text) == f.n && strncasecmp(f.p, text, f.n) == 0;
}

/* What the market calls a kind of provider. */
static bool is_called(sk_csv_field f, const char *kind)
{
    static const struct {
        const char *kind, *name;
    } names[] = {{"aws", "Amazon Web Services"}, {"aws", "Amazon"},       {"azure", "Microsoft"},
                 {"azure", "Microsoft Azure"},   {"gcp", "Google Cloud"}, {"gcp", "Google"}};
    if (same(f, kind)) return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i].kind, kind) && same(f, names[i].name)) return true;
    return false;
}

/* The provider a text names: by its name, else by its kind if only one is of that kind. */
static const flt_provider *provider_of(const flt_book *book, sk_csv_field f)
{
    const flt_provider *found = NULL;
    for (size_t i = 0; i < book->n_provider; i++)
        if (same(f, book->provider[i].name)) return &book->provider[i];
    for (size_t i = 0; i < book->n_provider; i++) {
        if (!is_called(f, book->provider[i].kind)) continue;
        if (found) return NULL;
        found = &book->provider[i];
    }
    return found;
}

static sk_status find_provider(flt_bill *b, sk_err *e)
{
    const flt_focus_value *v = val(b, FLT_FC_ServiceProviderName);
    if (v->null) v = val(b, FLT_FC_ProviderName);
    sk_csv_field f = v->null ? (sk_csv_field){b->o->provider, strlen(b->o->provider)} : v->text;
    const flt_provider *p = provider_of(b->book, f);
    if (!p && *b->o->provider)
        p = provider_of(b->book, (sk_csv_field){b->o->provider, strlen(b->o->provider)});
    if (!p)
        return sk_csv_fail(
            b->c, "ProviderName", e,
            "\"%.*s\" is no provider of this fleet; --provider says whose bill it is",
            (int)(f.n < 60 ? f.n : 60), f.p);
    b->charge.provider = p->id;
    return SK_OK;
}

/* "contract/commitment" or a commitment's name, of the row's provider. */
static void find_commitment(flt_bill *b)
{
    sk_csv_field f = val(b, FLT_FC_CommitmentDiscountId)->text;
    b->charge.commitment = 0;
    if (val(b, FLT_FC_CommitmentDiscountId)->null) return;
    for (size_t i = 0; i < b->book->n_commitment; i++) {
        const flt_commitment *m = &b->book->commitment[i];
        const flt_contract *k = flt_book_contract(b->book, m->contract);
        if (!k || k->provider != b->charge.provider) continue;
        size_t n = strlen(k->name);
        bool whole = f.n > n && f.p[n] == '/' && !memcmp(f.p, k->name, n) &&
                     same((sk_csv_field){f.p + n + 1, f.n - n - 1}, m->name);
        if (whole || same(f, m->name)) b->charge.commitment = m->id;
        if (whole) return;
    }
}

/* x_Pool's, else the provider's only pool in the region. */
static void find_pool(flt_bill *b, const sk_csv_field *field)
{
    const flt_focus_value *region = val(b, FLT_FC_RegionId);
    const flt_pool *found = NULL;
    b->charge.pool = 0;
    for (size_t i = 0; i < b->book->n_pool; i++) {
        const flt_pool *p = &b->book->pool[i];
        if (p->provider != b->charge.provider) continue;
        if (b->x_pool >= 0 && sk_csv_is(sk_csv_trim(field[b->x_pool]), p->name)) {
            b->charge.pool = p->id;
            return;
        }
        if (region->null || !same(region->text, p->region)) continue;
        if (found) return;
        found = p;
    }
    if (found) b->charge.pool = found->id;
}

/* The currency of a provider: what its contracts and offers are in; "" if nothing says. */
static const char *currency_of(const flt_book *book, int64_t provider)
{
    for (size_t i = 0; i < book->n_contract; i++)
        if (book->contract[i].provider == provider) return book->contract[i].currency;
    for (size_t i = 0; i < book->n_offer; i++)
        if (book->offer[i].provider == provider) return book->offer[i].currency;
    return "";
}

static sk_status find_currency(flt_bill *b, sk_err *e)
{
    const flt_focus_value *v = val(b, FLT_FC_BillingCurrency);
    sk_csv_field f = v->null ? (sk_csv_field){b->o->currency, strlen(b->o->currency)} : v->text;
    const char *want = currency_of(b->book, b->charge.provider);
    if (!f.n)
        return sk_csv_fail(b->c, "BillingCurrency", e, "is missing; --currency says which it is");
    char code[FLT_CURRENCY] = "";
    memcpy(code, f.p, f.n < 3 ? f.n : 3);
    if (f.n != 3 || !flt_currency_ok(code))
        return sk_csv_fail(b->c, "BillingCurrency", e, "\"%.*s\" is no currency code",
                           (int)(f.n < 60 ? f.n : 60), f.p);
    if (*want && strcmp(want, code) != 0)
        return sk_csv_fail(b->c, "BillingCurrency", e,
                           "%s, where this provider's contracts and prices are in %s", code, want);
    memcpy(b->currency, code, sizeof code);
    b->charge.currency = b->currency;
    return SK_OK;
}

/* ---- the row -----------------------------------------------------------------------------------
 */

/* What the charge is for.  A fee for what was not used is usage that nothing was consumed of, once.
 */
static flt_charge_kind kind_of(const flt_bill *b)
{
    if (is(b, FLT_FC_ChargeCategory, "Purchase")) return FLT_CHARGE_PURCHASE;
    if (is(b, FLT_FC_ChargeCategory, "Credit")) return FLT_CHARGE_CREDIT;
    if (!is(b, FLT_FC_ChargeCategory, "Usage")) return FLT_CHARGE_OTHER;
    if (is(b, FLT_FC_CommitmentDiscountStatus, "Unused") ||
        is(b, FLT_FC_CapacityReservationStatus, "Unused"))
        return FLT_CHARGE_UNUSED;
    bool fee = is(b, FLT_FC_ChargeFrequency, "One-Time") && !val(b, FLT_FC_ConsumedQuantity)->v;
    return fee ? FLT_CHARGE_SHORTFALL : FLT_CHARGE_USAGE;
}

static void set_words(flt_bill *b)
{
    flt_charge *c = &b->charge;
    c->kind = kind_of(b);
    c->correction = is(b, FLT_FC_ChargeClass, "Correction");
    c->category = is(b, FLT_FC_PricingCategory, "Dynamic")     ? FLT_SPOT
                  : is(b, FLT_FC_PricingCategory, "Committed") ? FLT_RESERVED
                                                               : FLT_ON_DEMAND;
    c->paid = FLT_PAID_NONE;
    if (c->kind != FLT_CHARGE_USAGE) return;
    bool less = val(b, FLT_FC_ContractedCost)->v != val(b, FLT_FC_ListCost)->v;
    c->paid = !val(b, FLT_FC_CommitmentDiscountId)->null ? FLT_PAID_CONTINUOUS
              : less                                     ? FLT_PAID_NEGOTIATED
                                                         : FLT_PAID_LIST;
}

/* A cost that an excerpt may leave out is what was billed. */
static int64_t cost(const flt_bill *b, int column)
{
    return val(b, b->map.at[column] < 0 ? FLT_FC_BilledCost : column)->v;
}

static sk_status need(const flt_bill *b, int column, sk_err *e)
{
    if (!val(b, column)->null) return SK_OK;
    return sk_csv_fail(b->c, flt_focus_cost_set.column[column].name, e, "is empty");
}

/* Times and sums; refuses what a charge can't be without. */
static sk_status set_numbers(flt_bill *b, sk_err *e)
{
    flt_charge *c = &b->charge;
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < sizeof needed / sizeof *needed; i++)
        st = need(b, needed[i], e);
    if (st) return st;
    c->span = (sk_span){val(b, FLT_FC_ChargePeriodStart)->v, val(b, FLT_FC_ChargePeriodEnd)->v};
    c->billing = sk_utc_month(val(b, FLT_FC_BillingPeriodStart)->v);
    if (c->span.to <= c->span.from)
        return sk_csv_fail(b->c, "ChargePeriodEnd", e, "is not after ChargePeriodStart");
    if (!flt_focus_word(flt_focus_cost_set.column[FLT_FC_ChargeCategory].words,
                        val(b, FLT_FC_ChargeCategory)->text))
        return sk_csv_fail(b->c, "ChargeCategory", e, "%s", flt_focus_rule_text(FLT_FR_CATEGORY));
    c->billed_micros = val(b, FLT_FC_BilledCost)->v;
    c->effective_micros = cost(b, FLT_FC_EffectiveCost);
    c->list_micros = cost(b, FLT_FC_ListCost);
    c->contracted_micros = cost(b, FLT_FC_ContractedCost);
    c->quantity = val(b, FLT_FC_PricingQuantity)->v;
    return SK_OK;
}

/* All that is not in the charge, as JSON. */
static sk_status set_extra(flt_bill *b, const sk_csv_field *field, sk_err *e)
{
    bool first = true;
    sk_buf_reset(&b->extra);
    sk_buf_addc(&b->extra, '{');
    for (size_t i = 0; i < sk_csv_columns(b->c); i++) {
        sk_csv_field f = sk_csv_trim(field[i]);
        const char *name = sk_csv_name(b->c, i);
        if (b->is_charge[i] || !f.n || sk_csv_is(f, "null") || !*name) continue;
        if (!first) sk_buf_addc(&b->extra, ',');
        sk_json_add_str(&b->extra, name, strlen(name));
        sk_buf_addc(&b->extra, ':');
        sk_json_add_str(&b->extra, f.p, f.n);
        first = false;
    }
    sk_buf_addc(&b->extra, '}');
    return sk_buf_ok(&b->extra) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for a bill's row");
}

static void note(void *arg, flt_focus_rule rule, const flt_focus_column *column)
{
    flt_bill *b = arg;
    b->found.n++;
    b->found.count[rule][column - flt_focus_cost_set.column]++;
}

/* The first rule that a row breaks, for a strict refusal. */
static void first_rule(void *arg, flt_focus_rule rule, const flt_focus_column *column)
{
    sk_err *e = arg;
    if (!e->text[0])
        (void)sk_fail(e, SK_E_FORMAT, "%s: %s", column->name, flt_focus_rule_text(rule));
}

/* A row that breaks rules of the standard is taken and counted, unless it is to be strict: then the
 * first rule that it breaks is asked for by a second walk, which only refused rows pay for. */
sk_status flt_bill_next(flt_bill *b, const flt_charge **row, const char **extra, sk_err *e)
{
    const sk_csv_field *field;
    sk_status st = sk_csv_next(b->c, &field, e);
    if (st) return st;
    if (!field) {
        *row = NULL;
        return SK_OK;
    }
    memset(&b->charge, 0, sizeof b->charge);
    st = flt_focus_read(&b->map, b->c, field, &b->row, e);
    if (!st) st = set_numbers(b, e);
    if (!st) st = find_provider(b, e);
    if (!st) st = find_currency(b, e);
    if (st) return st;
    b->row_found = flt_focus_check(&b->map, &b->row, note, b);
    if (b->row_found && b->o->take.strict) {
        sk_err rule = SK_ERR_INIT;
        (void)flt_focus_check(&b->map, &b->row, first_rule, &rule);
        return sk_csv_fail(b->c, "FOCUS", e, "%s", rule.text);
    }
    for (int i = 0; i < FLT_FC_N; i++)
        b->found.rounded += b->row.value[i].rounded;
    find_commitment(b);
    find_pool(b, field);
    set_words(b);
    st = set_extra(b, field, e);
    if (st) return st;
    *row = &b->charge;
    *extra = b->extra.p;
    return SK_OK;
}

/* ---- into the ledger ---------------------------------------------------------------------------
 */

/* The file's rows into the transaction; hash over what they are. */
static sk_status take_rows(flt_bill *b, flt_taking *t, flt_writer *w, sk_sha256 *sha, sk_err *e)
{
    for (;;) {
        const flt_charge *row = NULL;
        const char *extra = NULL;
        sk_err why = SK_ERR_INIT;
        sk_status st = flt_bill_next(b, &row, &extra, &why);
        if (!st && !row) return flt_writer_flush(w, e);
        sk_csv_field raw = sk_csv_raw(b->c);
        sk_sha256_add(sha, raw.p, raw.n);
        t->n.rows++;
        if (st == SK_E_FORMAT)
            st = flt_taking_broken(t, &why, raw, &why);
        else if (!st && !(b->o->take.strict && t->n.broken)) {
            st = flt_writer_charge(w, row, extra, NULL, &why);
            t->n.added += !st;
        }
        if (st) {
            if (e) *e = why;
            return st;
        }
        if (t->n.rows % 1024 == 0) flt_taking_moved(t);
    }
}

/* Notes that the file was taken; *twice if it was before. */
static sk_status note_file(flt_db *db, const flt_bill *b, const flt_taking *t, const char *hex,
                           bool *twice, sk_err *e)
{
    flt_stmt *s;
    int64_t changed = 0;
    sk_status st = flt_db_prepare(db,
                                  "INSERT INTO taken(sha256, name, n, t) VALUES ($1, $2, $3, $4) "
                                  "ON CONFLICT (sha256) DO NOTHING",
                                  &s, e);
    if (st) return st;
    flt_bind_text(s, 1, hex);
    flt_bind_text(s, 2, sk_csv_file(b->c));
    flt_bind_int(s, 3, (int64_t)t->n.added);
    flt_bind_int(s, 4, b->o->take.now);
    st = flt_stmt_run(s, &changed, e);
    flt_stmt_free(s);
    *twice = changed == 0;
    return st;
}

/* From the header to the commit. */
static sk_status take(flt_db *db, flt_bill *b, flt_taking *t, sk_err *e)
{
    flt_writer *w = NULL;
    sk_sha256 sha;
    bool twice = false;
    char hex[SK_SHA256_HEX];
    sk_csv_field head = sk_csv_head(b->c);
    sk_sha256_init(&sha);
    sk_sha256_add(&sha, head.p, head.n);
    sk_status st = flt_db_begin(db, e);
    if (!st) st = flt_writer_new(db, &w, e);
    if (!st) st = take_rows(b, t, w, &sha, e);
    if (!st) {
        uint8_t sum[SK_SHA256_BYTES];
        sk_sha256_end(&sha, sum);
        sk_sha256_hex(sum, hex);
        if (t->n.added) st = note_file(db, b, t, hex, &twice, e);
    }
    st = flt_taking_end(t, st, e);
    flt_writer_free(w);
    if (!st && !twice) return flt_db_commit(db, e);
    flt_db_rollback(db);
    t->n.twice = !st && twice ? t->n.added : 0;
    t->n.added = 0;
    return st;
}

sk_status flt_bill_take(flt_db *db, const flt_book *book, sk_csv *c, const flt_bill_opts *o,
                        flt_taken *out, flt_bill_findings *found, sk_err *e)
{
    flt_bill *b;
    flt_taking t;
    sk_status st = flt_bill_open(book, c, o, &b, e);
    if (st) return st;
    st = flt_taking_begin(&t, &o->take, c, e);
    if (!st) {
        st = take(db, b, &t, e);
        if (!st || t.n.broken) {
            *out = t.n;
            *found = b->found;
        }
    }
    flt_bill_close(b);
    return st;
}
