/* table.h - tables for people: columns as wide as their widest cell, numbers at the right. */
#ifndef CMD_CLI_FLEET_TABLE_H
#define CMD_CLI_FLEET_TABLE_H

#include "base/buf.h"

enum { CMD_TABLE_COLUMNS = 24 };

/* Cells are added row by row, the heads first, and printed at the end. */
typedef struct cmd_table {
    sk_buf cells; /* each with a NUL behind */
    size_t columns, n;
} cmd_table;

#define CMD_TABLE(columns)                                                                         \
    {                                                                                              \
        SK_BUF_INIT, columns, 0                                                                    \
    }

/* The next cell. */
void cmd_table_add(cmd_table *t, const char *text);
void cmd_table_addf(cmd_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Appends the table to out, nothing if it has heads alone, and frees it.  A column whose cells all
 * begin like numbers is set at the right. */
void cmd_table_end(cmd_table *t, sk_buf *out);

#endif
