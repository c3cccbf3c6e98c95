/* fleet_book.h - a small book for tests: two clouds, two chips, three pools, two contracts.
 *
 * The rows lie in arrays of the struct with room for more, and may be changed and added to: the
 * book's pointers are to them.  Times begin at FLEET_T0, 2026-01-01T00:00:00Z.
 *
 *     fleet_book f;
 *     fleet_book_init(&f);
 *     f.offer[f.b.n_offer++] = (flt_offer){.id = 9, ...};
 *     st = flt_book_check(&f.b, &e);
 *
 * Providers 1 aws, 2 azure (USD).  Chips 1 h100, 2 trainium2.  Pools 1 aws-us-east (4 x 8 h100),
 * 2 aws-trn (2 x 16 trainium2), 3 azure-eastus (2 x 8 h100).  Offers a chip-hour: 1 aws h100
 * on-demand 6.88, 2 the same from 2026-07-01 on 5.50, 3 aws h100 spot 2.50, 4 aws trainium2
 * on-demand without a price, 5 aws trainium2 block 2.00, 6 azure h100 on-demand 12.29.
 * Contracts, both of 2026: 1 aws-edp with commitment 1 "spend", 1,000,000 a quarter, 30 % off,
 * charged; 2 aws-plan with commitment 2 "plan", 100 an hour of h100, 45 % off.  Workloads 1 train
 * (16 to 32 h100), 2 chat (served, 8 to 24 of any).
 */
#ifndef TESTS_UNIT_FLEET_BOOK_H
#define TESTS_UNIT_FLEET_BOOK_H

#include "fleet/book/book.h"

#define FLEET_T0 INT64_C(1767225600) /* 2026-01-01 */
#define FLEET_T1 INT64_C(1798761600) /* 2027-01-01 */

enum { FLEET_ROWS = 16 };

typedef struct fleet_book {
    flt_book b;
    flt_provider provider[FLEET_ROWS];
    flt_chip chip[FLEET_ROWS];
    flt_pool pool[FLEET_ROWS];
    flt_offer offer[FLEET_ROWS];
    flt_contract contract[FLEET_ROWS];
    flt_commitment commitment[FLEET_ROWS];
    flt_reservation reservation[FLEET_ROWS];
    flt_workload workload[FLEET_ROWS];
} fleet_book;

/* Fills f; no row owns memory. */
void fleet_book_init(fleet_book *f);

#endif
