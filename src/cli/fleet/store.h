/* store.h - how the verbs of `stoke fleet` find their fleet. */
#ifndef CMD_CLI_FLEET_STORE_H
#define CMD_CLI_FLEET_STORE_H

#include "cli/cmd.h"
#include "fleet/fleet.h"

/* The row of a verb's table for --db; T has a member `db`, a string. */
#define CMD_FLEET_DB_ROW(T)                                                                        \
    CMD_ROW(T, "db", 0, SK_OPT_STRING, "FILE|URL", NULL,                                           \
            "the fleet: a file, or postgresql://...; default $STOKE_FLEET, or fleet.db", db, 0,    \
            NULL)

/* The row for --json; T has a member `json`, a bool. */
#define CMD_FLEET_JSON_ROW(T)                                                                      \
    CMD_ROW(T, "json", 0, SK_OPT_BOOL, NULL, NULL, "print JSON instead of tables", json, 0, NULL)

/* Where the fleet is: --db, $STOKE_FLEET, or fleet.db. */
const char *cmd_fleet_where(const char *db);

/* Opens it. */
sk_status cmd_fleet_open(const char *db, flt_db **out, sk_err *e);

/* Reads the book of a fleet into a new arena, which the caller frees. */
sk_status cmd_fleet_book(const char *db, sk_arena **a, flt_book *out, sk_err *e);

/* A time from a flag --NAME, `none` where text is NULL. */
sk_status cmd_fleet_time(const char *name, const char *text, int64_t none, int64_t *out, sk_err *e);

#endif
