/* sim.h - what the files of `stoke fleet sim` share: results as rows, JSON and pictures. */
#ifndef CMD_CLI_FLEET_SIM_H
#define CMD_CLI_FLEET_SIM_H

#include "base/buf.h"
#include "base/status.h"
#include "fleet/fleet.h"

#include <stddef.h>

enum { CMD_SIM_ROWS = 600 };

/* A line of a result: a heading (no value), or a name and its value. */
typedef struct cmd_sim_row {
    char label[64], value[40];
} cmd_sim_row;

typedef struct cmd_sim_table {
    cmd_sim_row row[CMD_SIM_ROWS];
    size_t n;
} cmd_sim_table;

/* What a slice came to, request by request. */
void cmd_sim_event_rows(const flt_scenario *s, const flt_event_sum *v, cmd_sim_table *out);

/* What a simulation came to, for people.  Lines beyond CMD_SIM_ROWS are left out. */
void cmd_sim_rows(const flt_scenario *s, const flt_sim_sum *sum, cmd_sim_table *out);

/* One table, or two side by side: rows with the same label on one line. */
void cmd_sim_print(const char *name_a, const cmd_sim_table *a, const char *name_b,
                   const cmd_sim_table *b, sk_buf *out);

/* The same as a JSON object; v: a slice of it, request by request, NULL for none. */
void cmd_sim_json(const flt_scenario *s, const flt_sim_sum *sum, const flt_event_sum *v,
                  sk_buf *out);

/* Writes PREFIX-capacity.svg and its fellows. */
sk_status cmd_sim_plot(const char *prefix, const flt_scenario *s, const flt_sim_sum *sum,
                       sk_err *e);

/* The scenario that --example prints. */
extern const char cmd_sim_example[];

#endif
