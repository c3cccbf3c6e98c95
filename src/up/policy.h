/* policy.h - how much of the time in which people are answered training may have all the same, and
 * whether it fits into memory. */
#ifndef UP_POLICY_H
#define UP_POLICY_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* The floor of the share (base/share.h): at least `floor`, and as much more as training needs to be
 * done in left_s seconds, if it needs need_s seconds of the machine to itself and people take the
 * part `busy` of the time.  need_s or left_s of 0 or less: there is no deadline, or it has passed
 * (then as much as there is). */
double up_policy_floor(double floor, double need_s, double left_s, double busy);

/* What is to fit into memory beside what is used already. */
typedef struct up_budget {
    uint64_t available; /* bytes programs can still take; 0: unknown */
    uint64_t allowed;   /* by the machine or the control group, in all; 0: unknown */
    uint64_t used;      /* of those, by what runs here */
    uint64_t version;   /* a further version during a swap */
    uint64_t training;
} up_budget;

/* Whether a disk with so many bytes free counts as full, where `least` are wanted and it counted so
 * until now or not: it takes a quarter more to be called roomy again, so that it does not change
 * with every file. */
bool up_policy_disk_full(bool full, uint64_t free_bytes, uint64_t least);

/* SK_OK, or SK_E_NOMEM with a sentence that has the sums. */
sk_status up_budget_check(const up_budget *b, sk_err *e);

#endif
