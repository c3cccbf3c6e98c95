/* draft.h - a book under change: rows are added and edited on paper, checked, and saved at once.
 *
 * A row that is new has an id of its own on paper, above all there are; when the draft is saved it
 * gets its real one, and the references to it with it.
 */
#ifndef FLT_FLEET_STORE_DRAFT_H
#define FLT_FLEET_STORE_DRAFT_H

#include "fleet/store/store.h"

typedef struct flt_draft {
    flt_book book; /* as it would be; borrowed from the arena */
    sk_arena *a;
    struct {
        char *rows;
        unsigned char *mark; /* of each row: what has become of it */
        size_t n, room;
        int64_t next; /* id of the next new row */
    } kind[FLT_ROW_N];
} flt_draft;

/* What a saved draft did. */
typedef struct flt_saved {
    size_t added[FLT_ROW_N], changed[FLT_ROW_N];
} flt_saved;

/* A draft that begins as `base`, whose texts it borrows; its own lie in the arena. */
sk_status flt_draft_begin(flt_draft *d, const flt_book *base, sk_arena *a, sk_err *e);

/* A new row with the values of absent fields; good until the next is added. */
sk_status flt_draft_add(flt_draft *d, flt_row_kind kind, void **row, sk_err *e);

/* A row of d->book to be changed; good until the next is added. */
void *flt_draft_edit(flt_draft *d, flt_row_kind kind, const void *row);

/* Puts `row`, whose id is 0, in its place: where the draft has one of its name (offers: the same
 * article from the same day, reservations: the same pool, commitment and beginning) that is
 * replaced unless it is the same, else it is added.  An offer is never replaced: a changed price
 * has a date of its own.  *at is the row in the draft. */
sk_status flt_draft_merge(flt_draft *d, flt_row_kind kind, const void *row, void **at, sk_err *e);

/* Writes what was added and changed, within the transaction that is open.  The caller has checked
 * d->book.  SK_E_INUSE where a change would touch what is in the ledger (settled.h). */
sk_status flt_draft_save(flt_draft *d, flt_db *db, flt_saved *saved, sk_err *e);

#endif
