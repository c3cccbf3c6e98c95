/* example.h - the fleet that `stoke fleet init --example` writes. */
#ifndef CMD_CLI_FLEET_EXAMPLE_H
#define CMD_CLI_FLEET_EXAMPLE_H

/* A file fleet.yaml: three clouds and machines of one's own, two contracts, four kinds of chips
 * with dated prices, two workloads; commented.  Each price says where it is from. */
extern const char cmd_fleet_example[];

#endif
