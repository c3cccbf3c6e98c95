/* suggest.h - what a mistyped verb may have meant. */
#ifndef CMD_CLI_SUGGEST_H
#define CMD_CLI_SUGGEST_H

#include "base/status.h"

/* SK_E_USAGE: there is no verb `name`, and which one is nearest (if one is near). */
sk_status cmd_unknown(const char *name, sk_err *e);

#endif
