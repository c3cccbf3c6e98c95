/* store.h - a fleet's rows in its database.
 *
 * The book is small and is read whole; usage, charges and the like are the ledger's.  Who changes a
 * book does it in one transaction (flt_db_do): load, check (flt_book_check_...), put.
 */
#ifndef FLT_FLEET_STORE_STORE_H
#define FLT_FLEET_STORE_STORE_H

#include "fleet/book/field.h"
#include "fleet/store/db.h"
#include "fleet/store/schema.h"

/* Reads the whole book into the arena, within the transaction that is open, or without one. */
sk_status flt_store_load(flt_db *db, sk_arena *a, flt_book *out, sk_err *e);

/* The same as of one moment, in a transaction of its own. */
sk_status flt_store_read(flt_db *db, sk_arena *a, flt_book *out, sk_err *e);

/* Writes a row (flt_pool, ... by its kind): a new one where its id is 0, which is then set, else
 * the one of that id.  A commitment's steps are written with it.  Nothing is checked here but what
 * the tables refuse. */
sk_status flt_store_put(flt_db *db, flt_row_kind kind, void *row, sk_err *e);

/* Removes a row that nothing refers to; SK_E_INUSE if something does. */
sk_status flt_store_remove(flt_db *db, flt_row_kind kind, int64_t id, sk_err *e);

/* ---- what runs where ------------------------------------------------------------------------ */

/* Who may write a workload's checkpoints.  The epoch only ever grows. */
typedef struct flt_lease {
    int64_t workload, epoch, pool;
    const char *holder;
    int64_t expires;
} flt_lease;

/* Takes the lease if its epoch is above the one there is; SK_E_INUSE, naming the holder, if not.
 * Of two that take the same epoch at once, one gets it. */
sk_status flt_lease_take(flt_db *db, const flt_lease *l, sk_err *e);

/* Moves the end of the lease that is held; SK_E_INUSE if it has gone to another epoch. */
sk_status flt_lease_renew(flt_db *db, const flt_lease *l, sk_err *e);

/* The lease of a workload, its text in the arena; epoch 0 if there never was one. */
sk_status flt_lease_get(flt_db *db, sk_arena *a, int64_t workload, flt_lease *out, sk_err *e);

typedef struct flt_checkpoint {
    int64_t workload, step, tokens, epoch;
    const char *uri, *sha256;
    int64_t t;
} flt_checkpoint;

/* Publishes a checkpoint; SK_E_INUSE if the lease has gone to a higher epoch than its own: a
 * trainer that was cut off must not write over its successor. */
sk_status flt_checkpoint_put(flt_db *db, const flt_checkpoint *c, sk_err *e);

/* The newest of a workload (highest epoch, then step); step -1 if there is none. */
sk_status flt_checkpoint_last(flt_db *db, sk_arena *a, int64_t workload, flt_checkpoint *out,
                              sk_err *e);

/* Notes that something happened; pool and workload may be 0. */
sk_status flt_event_add(flt_db *db, int64_t t, int64_t pool, int64_t workload, const char *kind,
                        const char *detail, sk_err *e);

/* A workload's place for a time (to = SK_UTC_END: until further notice), and why there. */
typedef struct flt_placed {
    int64_t id, workload, pool, chips;
    sk_span span;
    const char *reason;
} flt_placed;

/* Writes a new placement (id 0, which is then set) or changes the one of that id. */
sk_status flt_placed_put(flt_db *db, flt_placed *p, sk_err *e);

/* Placements that hold at t, ascending by id, in the arena. */
sk_status flt_placed_at(flt_db *db, sk_arena *a, int64_t t, flt_placed **out, size_t *n, sk_err *e);

/* A server of a model that runs in a pool. */
typedef struct flt_replica {
    int64_t id, workload, pool;
    const char *model_version, *state, *endpoint;
} flt_replica;

/* Writes a new replica (id 0, which is then set) or changes the one of that id. */
sk_status flt_replica_put(flt_db *db, flt_replica *r, sk_err *e);

/* All replicas, ascending by id, in the arena. */
sk_status flt_replica_all(flt_db *db, sk_arena *a, flt_replica **out, size_t *n, sk_err *e);

#endif
