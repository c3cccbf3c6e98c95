/* rows.h - what the verbs share that keep one kind of row: add, set, list, show, remove, end.
 *
 * A verb's table has a flag for every field of its kind (fleet/book/field.h), of the same name;
 * what is here finds the one by the other.
 */
#ifndef CMD_CLI_FLEET_ROWS_H
#define CMD_CLI_FLEET_ROWS_H

#include "cli/fleet/store.h"

enum { CMD_ROWS_FIELDS = 20, CMD_ROWS_PROMISES = 6 };

typedef struct cmd_rows_opts {
    cmd_common common;
    const char *db;
    bool json;
    const char *field[CMD_ROWS_FIELDS]; /* texts of fields, in the order of the verb's table */
    /* of contracts */
    const char *term, *at, *commitment, *promise[CMD_ROWS_PROMISES];
    const char *eligible_chip, *eligible_region, *eligible_sku, *eligible_category;
    sk_opt_list ramp, milestone;
} cmd_rows_opts;

/* The flag of a field; i counts the verb's own. */
#define CMD_FIELD(i, name, value, help)                                                            \
    CMD_ROW(cmd_rows_opts, name, 0, SK_OPT_STRING, value, NULL, help, field[i], 0, NULL)

/* The text of the flag --NAME, NULL where it was not given or the verb has none. */
const char *cmd_rows_text(const cmd_verb *v, const cmd_rows_opts *o, const char *name);

/* One change of a book within a transaction: told what to do by `arg`. */
typedef sk_status (*cmd_rows_change)(flt_draft *d, flt_db *db, void *arg, sk_err *e);

/* Loads the book, has `change` work on a draft of it, and saves that, all in one transaction. */
sk_status cmd_rows_do(const char *db, cmd_rows_change change, void *arg, sk_err *e);

/* Sets the fields of a row that the flags name; *any says whether one did. */
sk_status cmd_rows_set(const cmd_verb *v, const cmd_rows_opts *o, flt_row_kind kind, flt_draft *d,
                       void *row, bool *any, sk_err *e);

/* Refuses a row whose fields that must be given were not. */
sk_status cmd_rows_missing(const cmd_verb *v, const cmd_rows_opts *o, flt_row_kind kind, sk_err *e);

/* A verb of one kind: reads its flags and does what the first word says.  `columns` (ends with
 * NULL) are the fields that `list` shows besides the name. */
sk_status cmd_rows_run(const cmd_verb *v, flt_row_kind kind, const char *const *columns, int argc,
                       char **argv, sk_err *e);

/* The parts of it: prints all rows of a kind, or one with all its fields. */
sk_status cmd_rows_list(const cmd_rows_opts *o, flt_row_kind kind, const char *const *columns,
                        sk_err *e);
sk_status cmd_rows_show(const cmd_rows_opts *o, flt_row_kind kind, const char *name, sk_err *e);
sk_status cmd_rows_remove(const cmd_rows_opts *o, flt_row_kind kind, const char *name, sk_err *e);

/* Says what was done, unless --quiet. */
sk_status cmd_rows_say(const cmd_rows_opts *o, sk_err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
