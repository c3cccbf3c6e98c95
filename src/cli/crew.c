/* crew.c - workers behind a gate that servers close. */
#include "cli/crew.h"

#include "base/thread.h"
#include "cli/stop.h"

sk_status cmd_crew_open(int64_t threads, const char *share, cmd_crew *out, sk_err *e)
{
    cmd_crew c = {NULL, NULL};
    sk_status st = eng_exec_open((size_t)threads, &c.x, e);
    if (!st && share) st = sk_share_open(share, &c.share, e);
    if (st) {
        cmd_crew_close(&c);
        return st;
    }
    if (c.share) {
        sk_share_until(c.share, cmd_stopped, NULL);
        sk_pool_gate(eng_exec_pool(c.x), sk_share_pass, c.share);
    }
    *out = c;
    return SK_OK;
}

void cmd_crew_close(cmd_crew *c)
{
    eng_exec_close(c->x);
    sk_share_close(c->share);
    *c = (cmd_crew){NULL, NULL};
}
