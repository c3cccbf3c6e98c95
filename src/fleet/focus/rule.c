/* rule.c - the rules of FOCUS over one row. */
#include "fleet/focus/rule.h"

#include "base/json.h"
#include "fleet/money/money.h"

#include <stdlib.h>
#include <string.h>

const char *flt_focus_rule_name(flt_focus_rule r)
{
#define ROW(name, word, text) word,
    static const char *const words[] = {FLT_FOCUS_RULES(ROW)};
#undef ROW
    return words[r];
}

const char *flt_focus_rule_text(flt_focus_rule r)
{
#define ROW(name, word, text) text,
    static const char *const texts[] = {FLT_FOCUS_RULES(ROW)};
#undef ROW
    return texts[r];
}

/* A row under examination. */
typedef struct exam {
    const flt_focus_map *m;
    const flt_focus_row *row;
    flt_focus_note note;
    void *arg;
    size_t found;
} exam;

static void finding(exam *x, flt_focus_rule r, int column)
{
    x->found++;
    if (x->note) x->note(x->arg, r, &x->m->set->column[column]);
}

static const flt_focus_value *val(const exam *x, int column)
{
    return &x->row->value[column];
}

static bool null(const exam *x, int column)
{
    return val(x, column)->null;
}

/* Whether the file has the column. */
static bool has(const exam *x, int column)
{
    return x->m->at[column] >= 0;
}

static bool is(const exam *x, int column, const char *word)
{
    return !null(x, column) && sk_csv_is(val(x, column)->text, word);
}

/* `column`, where the file has it, is null exactly when it should be. */
static void want(exam *x, flt_focus_rule r, int column, bool value)
{
    if (has(x, column) && null(x, column) == value) finding(x, r, column);
}

/* The same, where it only may not be null. */
static void need(exam *x, flt_focus_rule r, int column)
{
    if (has(x, column) && null(x, column)) finding(x, r, column);
}

/* The same, where it only must be null. */
static void bare(exam *x, flt_focus_rule r, int column)
{
    if (!null(x, column)) finding(x, r, column);
}

/* ---- one column --------------------------------------------------------------------------------
 */

static bool is_object(sk_csv_field f)
{
    json_t *v = NULL;
    if (sk_json_parse(f.p, f.n, 16, &v, NULL)) return false;
    bool yes = json_is_object(v);
    json_decref(v);
    return yes;
}

static bool is_currency(sk_csv_field f)
{
    char code[FLT_CURRENCY] = "";
    if (f.n != 3) return false;
    memcpy(code, f.p, 3);
    return flt_currency_ok(code);
}

/* A value by its column's row. */
static void check_value(exam *x, int i)
{
    const flt_focus_column *c = &x->m->set->column[i];
    const flt_focus_value *v = val(x, i);
    if (v->loose) finding(x, c->type == FLT_FOCUS_TIME ? FLT_FR_TIME : FLT_FR_NUMBER, i);
    if (c->type == FLT_FOCUS_PRICE && v->v < 0) finding(x, FLT_FR_NEGATIVE, i);
    if (c->type == FLT_FOCUS_CURRENCY && !is_currency(v->text)) finding(x, FLT_FR_CURRENCY, i);
    if (c->type == FLT_FOCUS_JSON && !is_object(v->text)) finding(x, FLT_FR_JSON, i);
    if (c->words && !flt_focus_word(c->words, v->text))
        finding(x,
                i == FLT_FC_ChargeCategory && x->m->set == &flt_focus_cost_set ? FLT_FR_CATEGORY
                                                                               : FLT_FR_WORDS,
                i);
}

/* Each column for itself. */
static void check_columns(exam *x)
{
    for (int i = 0; i < x->m->set->n; i++) {
        const flt_focus_column *c = &x->m->set->column[i];
        if (!has(x, i)) continue;
        if (!flt_focus_in(c, x->m->version)) {
            if (!null(x, i)) finding(x, FLT_FR_VERSION, i);
            continue;
        }
        if (!null(x, i))
            check_value(x, i);
        else if (!c->nulls)
            finding(x, FLT_FR_NULLS, i);
    }
}

/* ---- cost and usage ----------------------------------------------------------------------------
 */

static void check_period(exam *x, int from, int to)
{
    if (!null(x, from) && !null(x, to) && val(x, to)->v <= val(x, from)->v)
        finding(x, FLT_FR_PERIOD, to);
}

/* Whether cost is price x quantity, but for the rounding of each to a millionth and of unit prices
 * to the digits that people print. */
static bool product_fits(int64_t price, int64_t quantity, int64_t cost)
{
    int64_t want;
    if (!flt_muldiv(price, quantity, FLT_MICRO, &want)) return false;
    uint64_t off = want > cost ? (uint64_t)want - (uint64_t)cost : (uint64_t)cost - (uint64_t)want;
    uint64_t size = cost < 0 ? 0 - (uint64_t)cost : (uint64_t)cost;
    uint64_t units = quantity < 0 ? 0 - (uint64_t)quantity : (uint64_t)quantity;
    return off <= 1 + size / 1000000 + units / 1000000 + 5000;
}

static void check_product(exam *x, int price, int cost)
{
    if (null(x, price) || null(x, FLT_FC_PricingQuantity) || null(x, cost)) return;
    if (!product_fits(val(x, price)->v, val(x, FLT_FC_PricingQuantity)->v, val(x, cost)->v))
        finding(x, FLT_FR_PRODUCT, cost);
}

/* What prices a charge: by its category. */
static void check_pricing(exam *x, bool tax, bool priced, bool correction)
{
    static const int columns[] = {FLT_FC_PricingQuantity, FLT_FC_PricingCategory,
                                  FLT_FC_ListUnitPrice,   FLT_FC_ContractedUnitPrice,
                                  FLT_FC_SkuId,           FLT_FC_SkuPriceId};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        if (tax) bare(x, FLT_FR_TAX, columns[i]);
        if (priced && !correction) need(x, FLT_FR_PRICED, columns[i]);
    }
    if (has(x, FLT_FC_PricingQuantity))
        want(x, FLT_FR_UNIT, FLT_FC_PricingUnit, !null(x, FLT_FC_PricingQuantity));
    if (correction) return;
    check_product(x, FLT_FC_ListUnitPrice, FLT_FC_ListCost);
    check_product(x, FLT_FC_ContractedUnitPrice, FLT_FC_ContractedCost);
}

/* What was consumed, by category and status. */
static void check_consumed(exam *x, bool usage, bool correction)
{
    bool used = usage && !is(x, FLT_FC_CommitmentDiscountStatus, "Unused");
    if (!used)
        bare(x, FLT_FR_CONSUMED, FLT_FC_ConsumedQuantity);
    else if (!correction)
        need(x, FLT_FR_CONSUMED, FLT_FC_ConsumedQuantity);
    if (has(x, FLT_FC_ConsumedQuantity))
        want(x, FLT_FR_UNIT, FLT_FC_ConsumedUnit, !null(x, FLT_FC_ConsumedQuantity));
}

/* The columns of a commitment discount. */
static void check_discount(exam *x, bool usage, bool purchase, bool correction)
{
    bool any = !null(x, FLT_FC_CommitmentDiscountId);
    want(x, FLT_FR_DISCOUNT, FLT_FC_CommitmentDiscountCategory, any);
    want(x, FLT_FR_DISCOUNT, FLT_FC_CommitmentDiscountType, any);
    if (!any) bare(x, FLT_FR_DISCOUNT, FLT_FC_CommitmentDiscountName);
    if (!any) bare(x, FLT_FR_STATUS, FLT_FC_CommitmentDiscountStatus);
    if (any && usage) need(x, FLT_FR_STATUS, FLT_FC_CommitmentDiscountStatus);
    if (!any || (!usage && !purchase))
        bare(x, FLT_FR_DISCOUNT, FLT_FC_CommitmentDiscountQuantity);
    else if (!correction)
        need(x, FLT_FR_DISCOUNT, FLT_FC_CommitmentDiscountQuantity);
    if (has(x, FLT_FC_CommitmentDiscountQuantity))
        want(x, FLT_FR_UNIT, FLT_FC_CommitmentDiscountUnit,
             !null(x, FLT_FC_CommitmentDiscountQuantity));
    if (any && usage && !null(x, FLT_FC_PricingCategory) &&
        !is(x, FLT_FC_PricingCategory, "Committed"))
        finding(x, FLT_FR_COMMITTED, FLT_FC_PricingCategory);
    if (any && purchase && is(x, FLT_FC_PricingCategory, "Committed"))
        finding(x, FLT_FR_COMMITTED, FLT_FC_PricingCategory);
    if (any && purchase && !null(x, FLT_FC_EffectiveCost) && val(x, FLT_FC_EffectiveCost)->v)
        finding(x, FLT_FR_PREPAID, FLT_FC_EffectiveCost);
}

/* A credit that is computed from nothing else is what the invoice says, in every column. */
static void check_credit(exam *x)
{
    static const int price[] = {FLT_FC_ListUnitPrice, FLT_FC_ContractedUnitPrice, -1};
    static const int cost[] = {FLT_FC_ListCost, FLT_FC_ContractedCost, FLT_FC_EffectiveCost};
    if (null(x, FLT_FC_BilledCost)) return;
    for (int i = 0; i < 3; i++) {
        if (null(x, cost[i]) || (price[i] >= 0 && !null(x, price[i]))) continue;
        if (val(x, cost[i])->v != val(x, FLT_FC_BilledCost)->v) finding(x, FLT_FR_CREDIT, cost[i]);
    }
}

/* Resource, region and reservation: ids, their names and their states. */
static void check_things(exam *x, bool usage)
{
    bool held = !null(x, FLT_FC_CapacityReservationId);
    if (!held) bare(x, FLT_FR_RESERVATION, FLT_FC_CapacityReservationStatus);
    if (held && usage) need(x, FLT_FR_RESERVATION, FLT_FC_CapacityReservationStatus);
    bool resource = !null(x, FLT_FC_ResourceId);
    want(x, FLT_FR_RESOURCE, FLT_FC_ResourceType, resource);
    if (!resource) bare(x, FLT_FR_RESOURCE, FLT_FC_ResourceName);
    want(x, FLT_FR_REGION, FLT_FC_RegionName, !null(x, FLT_FC_RegionId));
}

static void check_cost(exam *x)
{
    bool usage = is(x, FLT_FC_ChargeCategory, "Usage"),
         purchase = is(x, FLT_FC_ChargeCategory, "Purchase"),
         correction = is(x, FLT_FC_ChargeClass, "Correction");
    check_period(x, FLT_FC_BillingPeriodStart, FLT_FC_BillingPeriodEnd);
    check_period(x, FLT_FC_ChargePeriodStart, FLT_FC_ChargePeriodEnd);
    if (purchase && is(x, FLT_FC_ChargeFrequency, "Usage-Based"))
        finding(x, FLT_FR_FREQUENCY, FLT_FC_ChargeFrequency);
    check_pricing(x, is(x, FLT_FC_ChargeCategory, "Tax"), usage || purchase, correction);
    check_consumed(x, usage, correction);
    check_discount(x, usage, purchase, correction);
    if (is(x, FLT_FC_ChargeCategory, "Credit")) check_credit(x);
    check_things(x, usage);
}

/* ---- contract commitment -----------------------------------------------------------------------
 */

static void check_amounts(exam *x)
{
    bool spend = is(x, FLT_FP_ContractCommitmentCategory, "Spend");
    if (spend) need(x, FLT_FR_AMOUNT, FLT_FP_ContractCommitmentCost);
    if (null(x, FLT_FP_ContractCommitmentCost))
        need(x, FLT_FR_AMOUNT, FLT_FP_ContractCommitmentQuantity);
    else
        need(x, FLT_FR_AMOUNT, FLT_FP_BillingCurrency);
    if (has(x, FLT_FP_ContractCommitmentQuantity))
        want(x, FLT_FR_UNIT, FLT_FP_ContractCommitmentUnit,
             !null(x, FLT_FP_ContractCommitmentQuantity));
}

/* How it is paid (1.4). */
static void check_payment(exam *x)
{
    const int column = FLT_FP_ContractCommitmentPaymentUpfrontPercentage;
    bool all = is(x, FLT_FP_ContractCommitmentPaymentModel, "All Upfront"),
         none = is(x, FLT_FP_ContractCommitmentPaymentModel, "No Upfront");
    int64_t share = val(x, column)->v;
    if (all && !null(x, FLT_FP_ContractCommitmentPaymentInterval) &&
        !is(x, FLT_FP_ContractCommitmentPaymentInterval, "One-Time"))
        finding(x, FLT_FR_PAYMENT, FLT_FP_ContractCommitmentPaymentInterval);
    if (null(x, column) || null(x, FLT_FP_ContractCommitmentPaymentModel)) return;
    if (all ? share != FLT_MICRO : none ? share != 0 : share <= 0 || share >= FLT_MICRO)
        finding(x, FLT_FR_PAYMENT, column);
}

static void check_promise(exam *x)
{
    const int share = FLT_FP_ContractCommitmentDiscountPercentage;
    check_period(x, FLT_FP_ContractPeriodStart, FLT_FP_ContractPeriodEnd);
    check_period(x, FLT_FP_ContractCommitmentPeriodStart, FLT_FP_ContractCommitmentPeriodEnd);
    check_amounts(x);
    check_payment(x);
    if (is(x, FLT_FP_ContractCommitmentFulfillmentInterval, "Full Period") &&
        is(x, FLT_FP_ContractCommitmentModel, "Continuous"))
        finding(x, FLT_FR_INTERVAL, FLT_FP_ContractCommitmentModel);
    if (is(x, FLT_FP_ContractCommitmentBenefitCategory, "Discount")) need(x, FLT_FR_NULLS, share);
    if (!null(x, share) && (val(x, share)->v < 0 || val(x, share)->v > FLT_MICRO))
        finding(x, FLT_FR_AMOUNT, share);
    if (!null(x, FLT_FP_ContractCommitmentCreated) &&
        !null(x, FLT_FP_ContractCommitmentLastUpdated) &&
        val(x, FLT_FP_ContractCommitmentLastUpdated)->v <
            val(x, FLT_FP_ContractCommitmentCreated)->v)
        finding(x, FLT_FR_PERIOD, FLT_FP_ContractCommitmentLastUpdated);
}

size_t flt_focus_check(const flt_focus_map *m, const flt_focus_row *row, flt_focus_note note,
                       void *arg)
{
    exam x = {m, row, note, arg, 0};
    check_columns(&x);
    if (m->set == &flt_focus_cost_set)
        check_cost(&x);
    else
        check_promise(&x);
    return x.found;
}
