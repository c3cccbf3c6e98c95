/* put.c - amounts, times and ids into a row of CSV. */
#include "fleet/focus/put.h"

#include <stdio.h>

void flt_focus_put_money(sk_csv_out *o, int64_t micros)
{
    char text[FLT_MONEY_TEXT];
    flt_money_print(micros, text);
    sk_csv_put(o, text);
}

void flt_focus_put_time(sk_csv_out *o, int64_t t)
{
    char text[SK_UTC_TEXT];
    sk_utc_print(t, text);
    sk_csv_put(o, text);
}

void flt_focus_put_commitment(sk_csv_out *o, const flt_contract *contract, const flt_commitment *c)
{
    char id[160];
    (void)snprintf(id, sizeof id, "%s/%s", contract ? contract->name : "", c->name);
    sk_csv_put(o, id);
}
