/* policy.c - the floor by a deadline; the sum of the budgets. */
#include "up/policy.h"

/* Kept free for everything else. */
#define SPARE ((uint64_t)64 << 20)

/* Training goes on at the rate (1 - busy) + busy * floor; need / left is the rate it takes. */
double up_policy_floor(double floor, double need_s, double left_s, double busy)
{
    if (need_s <= 0) return floor;
    double rate = left_s > need_s ? need_s / left_s : 1;
    double more = busy > 0.001 ? (rate - (1 - busy)) / busy : 0;
    if (rate >= 1) more = 1;
    if (more > 1) more = 1;
    return more > floor ? more : floor;
}

bool up_policy_disk_full(bool full, uint64_t free_bytes, uint64_t least)
{
    return free_bytes < (full ? least + least / 4 : least);
}

sk_status up_budget_check(const up_budget *b, sk_err *e)
{
    uint64_t need = b->version + b->training + SPARE;
    uint64_t left = b->allowed > b->used ? b->allowed - b->used : 0;
    uint64_t room = b->available;
    if (b->allowed && (!room || left < room)) room = left;
    if ((!room && !b->allowed) || need <= room) return SK_OK;
    return sk_fail(e, SK_E_NOMEM,
                   "training takes %.0f MB and a second version during a swap %.0f MB, of which "
                   "memory has %.0f MB left",
                   (double)b->training / 1e6, (double)b->version / 1e6, (double)room / 1e6);
}
