/* store.c - finding and opening the fleet. */
#include "cli/fleet/store.h"

#include <stdlib.h>
#include <string.h>

const char *cmd_fleet_where(const char *db)
{
    const char *env = getenv("STOKE_FLEET");
    if (db) return db;
    return env && *env ? env : "fleet.db";
}

sk_status cmd_fleet_open(const char *db, flt_db **out, sk_err *e)
{
    return flt_store_open(cmd_fleet_where(db), out, e);
}

sk_status cmd_fleet_book(const char *db, sk_arena **a, flt_book *out, sk_err *e)
{
    flt_db *d;
    sk_status st = cmd_fleet_open(db, &d, e);
    if (st) return st;
    sk_arena *arena = sk_arena_new(SK_MEM_MISC);
    st = arena ? flt_store_read(d, arena, out, e) : sk_fail(e, SK_E_NOMEM, "no memory");
    flt_db_close(d);
    if (st)
        sk_arena_free(arena);
    else
        *a = arena;
    return st;
}

sk_status cmd_fleet_time(const char *name, const char *text, int64_t none, int64_t *out, sk_err *e)
{
    *out = none;
    if (!text) return SK_OK;
    sk_status st = sk_utc_parse(text, strlen(text), SK_UTC_ASSUMED, out, e);
    return st ? sk_while(e, "--%s", name) : SK_OK;
}
