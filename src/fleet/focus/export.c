/* export.c - rows of FOCUS out of charges. */
#include "fleet/focus/export.h"

#include "base/json.h"
#include "fleet/focus/put.h"
#include "fleet/ledger/write.h"
#include "fleet/money/money.h"

#include <stdio.h>
#include <string.h>

/* The columns we fill; the others don't apply to what we know. */
static const int columns[] = {
    FLT_FC_BilledCost,
    FLT_FC_BillingAccountId,
    FLT_FC_BillingAccountName,
    FLT_FC_BillingCurrency,
    FLT_FC_BillingPeriodEnd,
    FLT_FC_BillingPeriodStart,
    FLT_FC_ChargeCategory,
    FLT_FC_ChargeClass,
    FLT_FC_ChargeDescription,
    FLT_FC_ChargeFrequency,
    FLT_FC_ChargePeriodEnd,
    FLT_FC_ChargePeriodStart,
    FLT_FC_CommitmentDiscountCategory,
    FLT_FC_CommitmentDiscountId,
    FLT_FC_CommitmentDiscountName,
    FLT_FC_CommitmentDiscountQuantity,
    FLT_FC_CommitmentDiscountStatus,
    FLT_FC_CommitmentDiscountType,
    FLT_FC_CommitmentDiscountUnit,
    FLT_FC_ConsumedQuantity,
    FLT_FC_ConsumedUnit,
    FLT_FC_ContractedCost,
    FLT_FC_ContractedUnitPrice,
    FLT_FC_EffectiveCost,
    FLT_FC_HostProviderName,
    FLT_FC_InvoiceIssuerName,
    FLT_FC_ListCost,
    FLT_FC_ListUnitPrice,
    FLT_FC_PricingCategory,
    FLT_FC_PricingQuantity,
    FLT_FC_PricingUnit,
    FLT_FC_ProviderName,
    FLT_FC_PublisherName,
    FLT_FC_RegionId,
    FLT_FC_RegionName,
    FLT_FC_ResourceId,
    FLT_FC_ResourceType,
    FLT_FC_ServiceCategory,
    FLT_FC_ServiceName,
    FLT_FC_ServiceProviderName,
    FLT_FC_ServiceSubcategory,
    FLT_FC_SkuId,
    FLT_FC_SkuPriceId,
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

/* A charge and what its ids stand for. */
typedef struct told {
    const flt_charge *c;
    const flt_provider *provider;
    const flt_pool *pool;
    const flt_chip *chip;
    const flt_workload *workload;
    const flt_commitment *commitment;
    const flt_contract *contract;
    bool discount;    /* a commitment discount in the sense of FOCUS: a continuous one's */
    int64_t quantity; /* micro-units of what the price is of */
} told;

static told tell(const flt_book *book, const flt_charge *c)
{
    told t = {.c = c};
    t.provider = flt_book_provider(book, c->provider);
    t.pool = flt_book_pool(book, c->pool);
    t.chip = t.pool ? flt_book_chip(book, t.pool->chip) : NULL;
    t.workload = flt_book_workload(book, c->workload);
    t.commitment = flt_book_commitment(book, c->commitment);
    t.contract = t.commitment ? flt_book_contract(book, t.commitment->contract) : NULL;
    bool covers = c->kind == FLT_CHARGE_USAGE
                      ? c->paid == FLT_PAID_RESERVATION || c->paid == FLT_PAID_CONTINUOUS
                      : c->kind == FLT_CHARGE_UNUSED || c->kind == FLT_CHARGE_PURCHASE;
    t.discount = covers && t.commitment && t.commitment->model == FLT_CONTINUOUS;
    bool count = c->quantity && (c->kind == FLT_CHARGE_USAGE || c->kind == FLT_CHARGE_UNUSED);
    t.quantity = count ? c->quantity : c->list_micros < 0 ? -FLT_MICRO : FLT_MICRO;
    return t;
}

/* Price of a unit: what times the quantity is the cost, as nearly as a millionth allows. */
static void put_price(sk_csv_out *o, const told *t, int64_t cost)
{
    int64_t price = 0;
    uint64_t q = t->quantity < 0 ? 0 - (uint64_t)t->quantity : (uint64_t)t->quantity;
    bool ok = flt_muldiv(t->quantity < 0 ? -cost : cost, FLT_MICRO, (int64_t)q, &price);
    if (t->c->correction || !ok || price < 0)
        sk_csv_put(o, "");
    else
        flt_focus_put_money(o, price);
}

/* The words of a charge. */
static const char *category_word(const told *t)
{
    switch (t->c->kind) {
    case FLT_CHARGE_PURCHASE:
        return "Purchase";
    case FLT_CHARGE_CREDIT:
        return "Credit";
    case FLT_CHARGE_OTHER:
        return "Adjustment";
    default:
        return "Usage";
    }
}

static const char *describe(const told *t)
{
    switch (t->c->kind) {
    case FLT_CHARGE_USAGE:
        return "Use of accelerators";
    case FLT_CHARGE_UNUSED:
        return "Unused part of a commitment";
    case FLT_CHARGE_PURCHASE:
        return "Purchase of a commitment";
    case FLT_CHARGE_SHORTFALL:
        return "Unused fee";
    case FLT_CHARGE_CREDIT:
        return "Credit";
    default:
        return "Other charge";
    }
}

static const char *frequency(const told *t)
{
    if (t->c->kind == FLT_CHARGE_USAGE || t->c->kind == FLT_CHARGE_UNUSED) return "Usage-Based";
    bool whole = t->commitment && t->c->span.to - t->c->span.from ==
                                      t->commitment->term.to - t->commitment->term.from;
    return t->c->kind == FLT_CHARGE_PURCHASE && !whole ? "Recurring" : "One-Time";
}

static const char *pricing(const told *t)
{
    if (t->discount && t->c->kind != FLT_CHARGE_PURCHASE) return "Committed";
    return t->c->category == FLT_SPOT ? "Dynamic" : "Standard";
}

static const char *sku(const told *t)
{
    if (t->c->kind == FLT_CHARGE_USAGE && t->chip) return t->chip->name;
    return t->commitment ? t->commitment->name : "charge";
}

static void put_sku_price(sk_csv_out *o, const told *t)
{
    char id[160];
    (void)snprintf(id, sizeof id, "%s:%s", sku(t), flt_word_category(t->c->category));
    sk_csv_put(o, id);
}

/* How much of a commitment the charge stands for, in money or chip-hours. */
static int64_t discount_quantity(const told *t)
{
    if (t->commitment->kind == FLT_USAGE) return t->c->quantity;
    return t->c->kind == FLT_CHARGE_PURCHASE ? t->c->billed_micros : t->c->effective_micros;
}

/* Columns of a commitment discount. */
static void put_discount(sk_csv_out *o, const told *t, int column)
{
    bool used = t->c->kind == FLT_CHARGE_USAGE;
    if (!t->discount) {
        sk_csv_put(o, "");
        return;
    }
    switch (column) {
    case FLT_FC_CommitmentDiscountCategory:
        sk_csv_put(o, t->commitment->kind == FLT_SPEND ? "Spend" : "Usage");
        break;
    case FLT_FC_CommitmentDiscountId:
        flt_focus_put_commitment(o, t->contract, t->commitment);
        break;
    case FLT_FC_CommitmentDiscountName:
        sk_csv_put(o, t->commitment->name);
        break;
    case FLT_FC_CommitmentDiscountQuantity:
        flt_focus_put_money(o, discount_quantity(t));
        break;
    case FLT_FC_CommitmentDiscountStatus:
        sk_csv_put(o, t->c->kind == FLT_CHARGE_PURCHASE ? "" : used ? "Used" : "Unused");
        break;
    case FLT_FC_CommitmentDiscountType:
        sk_csv_put(o, t->commitment->kind == FLT_SPEND ? "Spend Plan" : "Reservation");
        break;
    default:
        sk_csv_put(o, t->commitment->kind == FLT_SPEND ? t->c->currency : "Chip-Hours");
        break;
    }
}

/* What was consumed; nothing of what was not used. */
static void put_consumed(sk_csv_out *o, const told *t, bool unit)
{
    bool usage = t->c->kind == FLT_CHARGE_USAGE || t->c->kind == FLT_CHARGE_SHORTFALL ||
                 (t->c->kind == FLT_CHARGE_UNUSED && !t->discount);
    if (!usage)
        sk_csv_put(o, "");
    else if (unit)
        sk_csv_put(o, "Chip-Hours");
    else
        flt_focus_put_money(o, t->c->kind == FLT_CHARGE_USAGE ? t->c->quantity : 0);
}

/* The columns of money, for a column's number; what is left are quantities. */
static void put_money_column(sk_csv_out *o, const told *t, int column)
{
    const flt_charge *c = t->c;
    switch (column) {
    case FLT_FC_BilledCost:
        flt_focus_put_money(o, c->billed_micros);
        break;
    case FLT_FC_ContractedCost:
        flt_focus_put_money(o, c->contracted_micros);
        break;
    case FLT_FC_ContractedUnitPrice:
        put_price(o, t, c->contracted_micros);
        break;
    case FLT_FC_EffectiveCost:
        flt_focus_put_money(o, c->effective_micros);
        break;
    case FLT_FC_ListCost:
        flt_focus_put_money(o, c->list_micros);
        break;
    case FLT_FC_ListUnitPrice:
        put_price(o, t, c->list_micros);
        break;
    default:
        flt_focus_put_money(o, t->quantity);
        break;
    }
}

static void put_time_column(sk_csv_out *o, const told *t, int column)
{
    const flt_charge *c = t->c;
    flt_focus_put_time(o, column == FLT_FC_BillingPeriodEnd     ? sk_utc_add_months(c->billing, 1)
                          : column == FLT_FC_BillingPeriodStart ? c->billing
                          : column == FLT_FC_ChargePeriodEnd    ? c->span.to
                                                                : c->span.from);
}

/* The text of all other columns. */
static const char *text_of(const told *t, int column)
{
    switch (column) {
    case FLT_FC_BillingAccountId:
        return t->contract ? t->contract->name : "stoke";
    case FLT_FC_BillingCurrency:
        return t->c->currency;
    case FLT_FC_ChargeCategory:
        return category_word(t);
    case FLT_FC_ChargeClass:
        return t->c->correction ? "Correction" : "";
    case FLT_FC_ChargeDescription:
        return describe(t);
    case FLT_FC_ChargeFrequency:
        return frequency(t);
    case FLT_FC_PricingCategory:
        return pricing(t);
    case FLT_FC_PricingUnit:
        return t->quantity == t->c->quantity && t->c->quantity ? "Chip-Hours" : "Count";
    case FLT_FC_RegionId:
    case FLT_FC_RegionName:
        return t->pool ? t->pool->region : "";
    case FLT_FC_ResourceId:
        return t->pool ? t->pool->name : "";
    case FLT_FC_ResourceType:
        return t->pool ? "Pool of accelerators" : "";
    case FLT_FC_ServiceCategory:
        return "Compute";
    case FLT_FC_ServiceName:
        return "Accelerated compute";
    case FLT_FC_ServiceSubcategory:
        return "Virtual Machines";
    case FLT_FC_SkuId:
        return sku(t);
    case FLT_FC_BillingAccountName:
        return "";
    default:
        return t->provider ? t->provider->name : "stoke";
    }
}

static void put_column(sk_csv_out *o, const told *t, int column)
{
    if (column == FLT_FC_SkuPriceId)
        put_sku_price(o, t);
    else if (column >= FLT_FC_CommitmentDiscountCategory && column <= FLT_FC_CommitmentDiscountUnit)
        put_discount(o, t, column);
    else if (column == FLT_FC_ConsumedQuantity || column == FLT_FC_ConsumedUnit)
        put_consumed(o, t, column == FLT_FC_ConsumedUnit);
    else if (flt_focus_cost_set.column[column].type == FLT_FOCUS_TIME)
        put_time_column(o, t, column);
    else if (flt_focus_cost_set.column[column].type == FLT_FOCUS_DECIMAL ||
             flt_focus_cost_set.column[column].type == FLT_FOCUS_PRICE)
        put_money_column(o, t, column);
    else
        sk_csv_put(o, text_of(t, column));
}

void flt_focus_head(int version, sk_buf *out)
{
    sk_csv_out o = {out, 0};
    for (int i = 0; i < N_COLUMNS; i++)
        if (flt_focus_in(&flt_focus_cost_set.column[columns[i]], version))
            sk_csv_put(&o, flt_focus_cost_set.column[columns[i]].name);
    sk_csv_put(&o, "x_Pool");
    sk_csv_put(&o, "x_Workload");
    sk_csv_put(&o, "x_ChargeId");
    sk_csv_end(&o);
}

void flt_focus_row_of(const flt_book *book, const flt_charge *c, int version, sk_buf *out)
{
    const told t = tell(book, c);
    sk_csv_out o = {out, 0};
    char id[24];
    for (int i = 0; i < N_COLUMNS; i++)
        if (flt_focus_in(&flt_focus_cost_set.column[columns[i]], version))
            put_column(&o, &t, columns[i]);
    (void)snprintf(id, sizeof id, "%lld", (long long)c->id);
    sk_csv_put(&o, t.pool ? t.pool->name : "");
    sk_csv_put(&o, t.workload ? t.workload->name : "");
    sk_csv_put(&o, id);
    sk_csv_end(&o);
}

/* In the order of ids, which is the order in which charges came about, so that a later export of
 * the same span begins with the same bytes.  Rows go out in blocks of 64 KiB. */
sk_status flt_focus_export(flt_db *db, const flt_book *book, flt_export *x, sk_outfile *out,
                           sk_err *e)
{
    flt_stmt *s;
    sk_buf b = SK_BUF_INIT;
    x->rows = 0;
    sk_status st = flt_db_prepare(
        db, FLT_CHARGE_SELECT "WHERE extra IS NULL AND billing >= $1 AND billing < $2 ORDER BY id",
        &s, e);
    if (st) return st;
    flt_bind_int(s, 1, x->billing.from);
    flt_bind_int(s, 2, x->billing.to);
    flt_focus_head(x->version, &b);
    for (bool row = true; !st && row;) {
        st = flt_stmt_step(s, &row, e);
        if (!st && row) {
            flt_charge c = flt_col_charge(s);
            flt_focus_row_of(book, &c, x->version, &b);
            x->rows++;
        }
        if (!sk_buf_ok(&b)) st = sk_fail(e, SK_E_NOMEM, "no memory for a row");
        if (!st && (b.len > 65536 || !row)) {
            st = sk_outfile_write(out, b.p, b.len, e);
            sk_buf_reset(&b);
        }
    }
    flt_stmt_free(s);
    sk_buf_fini(&b);
    return st;
}
