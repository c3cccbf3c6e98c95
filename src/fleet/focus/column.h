/* column.h - the columns of FOCUS, the FinOps Open Cost and Usage Specification, as one table.
 *
 * FOCUS (focus.finops.org, CC-BY 4.0) says which columns a bill has, which of them may be empty
 * and which words they hold.  Here is Cost and Usage of versions 1.2 to 1.4 and the supporting data
 * set Contract Commitment of 1.3 and 1.4.  Names are FOCUS's own; what a rule demands beyond one
 * column is in rule.h.  Versions are 12 for 1.2, and so on.
 */
#ifndef FLT_FLEET_FOCUS_COLUMN_H
#define FLT_FLEET_FOCUS_COLUMN_H

#include "base/csv.h"

#include <stdbool.h>
#include <stdint.h>

enum { FLT_FOCUS_FIRST = 12, FLT_FOCUS_LAST = 14, FLT_FOCUS_EVER = 99 };

typedef enum flt_focus_type {
    FLT_FOCUS_TEXT,
    FLT_FOCUS_DECIMAL,
    FLT_FOCUS_PRICE, /* a decimal that is not negative */
    FLT_FOCUS_TIME,
    FLT_FOCUS_CURRENCY, /* three capitals of ISO 4217 */
    FLT_FOCUS_JSON      /* an object */
} flt_focus_type;

/* Whether a file must have the column. */
typedef enum flt_focus_level {
    FLT_FOCUS_MUST,
    FLT_FOCUS_SHOULD,
    FLT_FOCUS_IF /* when the provider has such a thing */
} flt_focus_level;

#define FLT_WORDS_USED "Used|Unused"
#define FLT_WORDS_KIND "Spend|Usage"
#define FLT_WORDS_SERVICE                                                                          \
    "AI and Machine Learning|Analytics|Business Applications|Compute|Databases|Developer Tools|"   \
    "Multicloud|Identity|Integration|Internet of Things|Management and Governance|Media|"          \
    "Migration|Mobile|Networking|Security|Storage|Web|Other"
#define FLT_WORDS_INTERVAL                                                                         \
    "Hourly|Daily|Weekly|Monthly|Quarterly|Semi-Annual|Annual|Full Period|Transactional|Custom"
#define FLT_WORDS_STATE "Proposed|Pending|Active|Exhausted|Expired|Canceled|Superseded"
#define FLT_WORDS_PAID "One-Time|Monthly|Quarterly|Semi-Annual|Annual|Custom"

/* Cost and Usage.  name, type, level, may be null, first and last version, words (NULL: any). */
#define FLT_FOCUS_COST(ROW)                                                                        \
    ROW(AllocatedMethodDetails, JSON, IF, true, 13, 99, NULL)                                      \
    ROW(AllocatedMethodId, TEXT, IF, true, 13, 99, NULL)                                           \
    ROW(AllocatedResourceId, TEXT, IF, true, 13, 99, NULL)                                         \
    ROW(AllocatedResourceName, TEXT, IF, true, 13, 99, NULL)                                       \
    ROW(AllocatedTags, JSON, IF, true, 13, 99, NULL)                                               \
    ROW(AvailabilityZone, TEXT, SHOULD, true, 12, 99, NULL)                                        \
    ROW(BilledCost, DECIMAL, MUST, false, 12, 99, NULL)                                            \
    ROW(BillingAccountId, TEXT, MUST, false, 12, 99, NULL)                                         \
    ROW(BillingAccountName, TEXT, MUST, true, 12, 99, NULL)                                        \
    ROW(BillingAccountType, TEXT, IF, false, 12, 99, NULL)                                         \
    ROW(BillingCurrency, CURRENCY, MUST, false, 12, 99, NULL)                                      \
    ROW(BillingPeriodEnd, TIME, MUST, false, 12, 99, NULL)                                         \
    ROW(BillingPeriodStart, TIME, MUST, false, 12, 99, NULL)                                       \
    ROW(CapacityReservationId, TEXT, IF, true, 12, 99, NULL)                                       \
    ROW(CapacityReservationStatus, TEXT, IF, true, 12, 99, FLT_WORDS_USED)                         \
    ROW(ChargeCategory, TEXT, MUST, false, 12, 99, "Usage|Purchase|Tax|Credit|Adjustment")         \
    ROW(ChargeClass, TEXT, MUST, true, 12, 99, "Correction")                                       \
    ROW(ChargeDescription, TEXT, MUST, true, 12, 99, NULL)                                         \
    ROW(ChargeFrequency, TEXT, SHOULD, false, 12, 99, "One-Time|Recurring|Usage-Based")            \
    ROW(ChargePeriodEnd, TIME, MUST, false, 12, 99, NULL)                                          \
    ROW(ChargePeriodStart, TIME, MUST, false, 12, 99, NULL)                                        \
    ROW(CommitmentDiscountCategory, TEXT, IF, true, 12, 99, FLT_WORDS_KIND)                        \
    ROW(CommitmentDiscountId, TEXT, IF, true, 12, 99, NULL)                                        \
    ROW(CommitmentDiscountName, TEXT, IF, true, 12, 99, NULL)                                      \
    ROW(CommitmentDiscountQuantity, DECIMAL, IF, true, 12, 99, NULL)                               \
    ROW(CommitmentDiscountStatus, TEXT, IF, true, 12, 99, FLT_WORDS_USED)                          \
    ROW(CommitmentDiscountType, TEXT, IF, true, 12, 99, NULL)                                      \
    ROW(CommitmentDiscountUnit, TEXT, IF, true, 12, 99, NULL)                                      \
    ROW(CommitmentProgramEligibilityDetails, JSON, IF, true, 14, 99, NULL)                         \
    ROW(ConsumedQuantity, DECIMAL, IF, true, 12, 99, NULL)                                         \
    ROW(ConsumedUnit, TEXT, IF, true, 12, 99, NULL)                                                \
    ROW(ContractApplied, JSON, IF, true, 13, 99, NULL)                                             \
    ROW(ContractedCost, DECIMAL, MUST, false, 12, 99, NULL)                                        \
    ROW(ContractedUnitPrice, PRICE, IF, true, 12, 99, NULL)                                        \
    ROW(EffectiveCost, DECIMAL, MUST, false, 12, 99, NULL)                                         \
    ROW(HostProviderName, TEXT, MUST, true, 13, 99, NULL)                                          \
    ROW(InvoiceDetailId, TEXT, IF, true, 14, 99, NULL)                                             \
    ROW(InvoiceId, TEXT, SHOULD, true, 12, 99, NULL)                                               \
    ROW(InvoiceIssuerName, TEXT, MUST, false, 12, 99, NULL)                                        \
    ROW(ListCost, DECIMAL, MUST, false, 12, 99, NULL)                                              \
    ROW(ListUnitPrice, PRICE, IF, true, 12, 99, NULL)                                              \
    ROW(PricingCategory, TEXT, IF, true, 12, 99, "Standard|Dynamic|Committed|Other")               \
    ROW(PricingCurrency, TEXT, IF, true, 12, 99, NULL)                                             \
    ROW(PricingCurrencyContractedUnitPrice, PRICE, IF, true, 12, 99, NULL)                         \
    ROW(PricingCurrencyEffectiveCost, DECIMAL, IF, true, 12, 99, NULL)                             \
    ROW(PricingCurrencyListUnitPrice, PRICE, IF, true, 12, 99, NULL)                               \
    ROW(PricingQuantity, DECIMAL, MUST, true, 12, 99, NULL)                                        \
    ROW(PricingUnit, TEXT, MUST, true, 12, 99, NULL)                                               \
    ROW(ProviderName, TEXT, MUST, false, 12, 13, NULL)                                             \
    ROW(PublisherName, TEXT, MUST, false, 12, 13, NULL)                                            \
    ROW(RegionId, TEXT, IF, true, 12, 99, NULL)                                                    \
    ROW(RegionName, TEXT, IF, true, 12, 99, NULL)                                                  \
    ROW(ResourceId, TEXT, IF, true, 12, 99, NULL)                                                  \
    ROW(ResourceName, TEXT, IF, true, 12, 99, NULL)                                                \
    ROW(ResourceType, TEXT, IF, true, 12, 99, NULL)                                                \
    ROW(ServiceCategory, TEXT, MUST, false, 12, 99, FLT_WORDS_SERVICE)                             \
    ROW(ServiceName, TEXT, MUST, false, 12, 99, NULL)                                              \
    ROW(ServiceProviderName, TEXT, MUST, false, 13, 99, NULL)                                      \
    ROW(ServiceSubcategory, TEXT, SHOULD, false, 12, 99, NULL)                                     \
    ROW(SkuId, TEXT, IF, true, 12, 99, NULL)                                                       \
    ROW(SkuMeter, TEXT, IF, true, 12, 99, NULL)                                                    \
    ROW(SkuPriceDetails, JSON, IF, true, 12, 99, NULL)                                             \
    ROW(SkuPriceId, TEXT, IF, true, 12, 99, NULL)                                                  \
    ROW(SubAccountId, TEXT, IF, true, 12, 99, NULL)                                                \
    ROW(SubAccountName, TEXT, IF, true, 12, 99, NULL)                                              \
    ROW(SubAccountType, TEXT, IF, true, 12, 99, NULL)                                              \
    ROW(Tags, JSON, IF, true, 12, 99, NULL)

/* Contract Commitment: the first 13 since 1.3, the others of 1.4. */
#define FLT_FOCUS_PROMISE(ROW)                                                                     \
    ROW(BillingCurrency, CURRENCY, MUST, true, 13, 99, NULL)                                       \
    ROW(ContractCommitmentCategory, TEXT, MUST, false, 13, 99, FLT_WORDS_KIND)                     \
    ROW(ContractCommitmentCost, DECIMAL, MUST, true, 13, 99, NULL)                                 \
    ROW(ContractCommitmentDescription, TEXT, MUST, true, 13, 99, NULL)                             \
    ROW(ContractCommitmentId, TEXT, MUST, false, 13, 99, NULL)                                     \
    ROW(ContractCommitmentPeriodEnd, TIME, MUST, false, 13, 99, NULL)                              \
    ROW(ContractCommitmentPeriodStart, TIME, MUST, false, 13, 99, NULL)                            \
    ROW(ContractCommitmentQuantity, DECIMAL, MUST, true, 13, 99, NULL)                             \
    ROW(ContractCommitmentType, TEXT, MUST, false, 13, 99, NULL)                                   \
    ROW(ContractCommitmentUnit, TEXT, MUST, true, 13, 99, NULL)                                    \
    ROW(ContractId, TEXT, MUST, false, 13, 99, NULL)                                               \
    ROW(ContractPeriodEnd, TIME, MUST, false, 13, 99, NULL)                                        \
    ROW(ContractPeriodStart, TIME, MUST, false, 13, 99, NULL)                                      \
    ROW(ContractCommitmentApplicability, JSON, MUST, false, 14, 99, NULL)                          \
    ROW(ContractCommitmentBenefitCategory, TEXT, MUST, false, 14, 99,                              \
        "Discount|Entitlement|Availability|Other")                                                 \
    ROW(ContractCommitmentCreated, TIME, MUST, false, 14, 99, NULL)                                \
    ROW(ContractCommitmentDiscountPercentage, DECIMAL, MUST, true, 14, 99, NULL)                   \
    ROW(ContractCommitmentDurationType, TEXT, MUST, false, 14, 99, NULL)                           \
    ROW(ContractCommitmentFulfillmentInterval, TEXT, MUST, false, 14, 99, FLT_WORDS_INTERVAL)      \
    ROW(ContractCommitmentLastUpdated, TIME, MUST, false, 14, 99, NULL)                            \
    ROW(ContractCommitmentLifecycleStatus, TEXT, MUST, false, 14, 99, FLT_WORDS_STATE)             \
    ROW(ContractCommitmentModel, TEXT, MUST, false, 14, 99, "Continuous|Discontinuous")            \
    ROW(ContractCommitmentOfferCategory, TEXT, MUST, false, 14, 99, "Public|Negotiated")           \
    ROW(ContractCommitmentPaymentInterval, TEXT, MUST, false, 14, 99, FLT_WORDS_PAID)              \
    ROW(ContractCommitmentPaymentModel, TEXT, MUST, false, 14, 99,                                 \
        "No Upfront|Partial Upfront|All Upfront")                                                  \
    ROW(ContractCommitmentPaymentUpfrontPercentage, DECIMAL, IF, false, 14, 99, NULL)              \
    ROW(InvoiceIssuerName, TEXT, MUST, false, 14, 99, NULL)                                        \
    ROW(PricingCurrency, CURRENCY, IF, false, 14, 99, NULL)                                        \
    ROW(PricingCurrencyContractCommitmentCost, DECIMAL, IF, true, 14, 99, NULL)                    \
    ROW(ServiceProviderName, TEXT, MUST, false, 14, 99, NULL)

#define FLT_FOCUS_ENUM_C(name, ...) FLT_FC_##name,
#define FLT_FOCUS_ENUM_P(name, ...) FLT_FP_##name,
typedef enum flt_focus_cost { FLT_FOCUS_COST(FLT_FOCUS_ENUM_C) FLT_FC_N } flt_focus_cost;
typedef enum flt_focus_promise { FLT_FOCUS_PROMISE(FLT_FOCUS_ENUM_P) FLT_FP_N } flt_focus_promise;
#undef FLT_FOCUS_ENUM_C
#undef FLT_FOCUS_ENUM_P

/* Columns of the larger set. */
enum { FLT_FOCUS_MAX = FLT_FC_N };
_Static_assert((int)FLT_FP_N <= (int)FLT_FOCUS_MAX, "Cost and Usage is the larger set");

typedef struct flt_focus_column {
    const char *name;
    flt_focus_type type;
    flt_focus_level level;
    bool nulls;
    int since, until;
    const char *words; /* with | between, NULL: any */
} flt_focus_column;

/* A data set: its columns, n of them, in the order of the enum above. */
typedef struct flt_focus_set {
    const char *name; /* "Cost and Usage" */
    const flt_focus_column *column;
    int n;
} flt_focus_set;

extern const flt_focus_set flt_focus_cost_set, flt_focus_promise_set;

/* Whether the column belongs to that version. */
bool flt_focus_in(const flt_focus_column *c, int version);

/* Whether text is one of the words. */
bool flt_focus_word(const char *words, sk_csv_field text);

/* "1.2" to 12; 0 for a version that is not known. */
int flt_focus_version(const char *text);

#endif
