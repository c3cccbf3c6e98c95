/* put.h - values of our own as FOCUS writes them, into a row of CSV. */
#ifndef FLT_FLEET_FOCUS_PUT_H
#define FLT_FLEET_FOCUS_PUT_H

#include "base/csv.h"
#include "fleet/book/book.h"

/* An amount in micro-units, as a decimal number. */
void flt_focus_put_money(sk_csv_out *o, int64_t micros);

/* A time, RFC 3339 in UTC. */
void flt_focus_put_time(sk_csv_out *o, int64_t t);

/* The id of a commitment, "contract/commitment"; contract may be NULL. */
void flt_focus_put_commitment(sk_csv_out *o, const flt_contract *contract, const flt_commitment *c);

#endif
