/* callscan.h - one call of a tool as models write it, {"name": "f", "arguments": {..}}, read byte
 * by byte: the name as soon as it is known, then the arguments as they come.
 *
 * "parameters" is another word for "arguments"; they may stand before the name (then they wait for
 * it) and be a string that holds JSON; other members are passed over.  Only the structure is looked
 * at: that the arguments are JSON is the model's or its guide's business.
 */
#ifndef SRV_API_CALLSCAN_H
#define SRV_API_CALLSCAN_H

#include "serve/api/turn.h"

typedef enum srv_scan_state { SRV_SCAN_MORE, SRV_SCAN_DONE, SRV_SCAN_BAD } srv_scan_state;

/* A call under way.  Set fn, arg and call; the rest starts as 0. */
typedef struct srv_callscan {
    srv_part_fn fn;
    void *arg;
    size_t call; /* its number */
    int phase, which;
    bool named, bare, in_str, esc, is_text, got_args;
    size_t depth, n_key;
    char key[16];
    sk_buf name; /* its JSON, then its text */
    sk_buf args; /* what waits for the name */
    sk_buf out;  /* arguments of this feed */
} srv_callscan;

/* Takes bytes up to the end of the call; *used is how many.  SRV_SCAN_BAD: this is no call; if
 * `named`, its beginning was handed out already. */
srv_scan_state srv_callscan_feed(srv_callscan *s, const char *p, size_t n, size_t *used);

/* Starts with a name that is known: what follows is the arguments alone. */
void srv_callscan_named(srv_callscan *s, const char *name, size_t n);

/* Ready for the next call. */
void srv_callscan_reset(srv_callscan *s);

/* Frees what is held. */
void srv_callscan_fini(srv_callscan *s);

#endif
