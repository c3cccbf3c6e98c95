/* catalog.h - price lists as CSV: offers of instances with accelerators.
 *
 *     InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region,...
 *
 * as SkyPilot's catalogues (vms.csv) have them: prices are of an instance and an hour, in USD.  A
 * row makes an on-demand offer, a spot offer, or both, at the price of a chip.  Rows without an
 * accelerator are passed over.  Refused: accelerators that the fleet has no chip of, a count of
 * them that no machine has (12 for one of 8), negative prices.
 */
#ifndef FLT_FLEET_LEDGER_CATALOG_H
#define FLT_FLEET_LEDGER_CATALOG_H

#include "fleet/book/book.h"
#include "fleet/ledger/take.h"
#include "fleet/store/db.h"

typedef struct flt_catalog_opts {
    flt_take_opts take;
    const char *provider; /* by name: whose prices they are */
    const char *source;   /* kept with each offer */
    const char *currency; /* "" is USD */
    int64_t valid_from;
    bool
        known_chips_only; /* accelerators that the fleet has no chip of are passed over, not told */
} flt_catalog_opts;

/* Whether a header is one of a catalogue. */
bool flt_catalog_is(const sk_csv *c);

/* Takes the file, in one transaction.  added counts offers, twice rows whose offer is there. */
sk_status flt_catalog_take(flt_db *db, const flt_book *book, sk_csv *c, const flt_catalog_opts *o,
                           flt_taken *out, sk_err *e);

#endif
