/* run.c - the training run that is watched: its state for the page, its metrics. */
#include "serve/api/api.h"

#include "base/log.h"
#include "base/mem.h"
#include "serve/api/up.h"

#include <string.h>

/* Points of a curve that the page gets: more than it has room for. */
#define POINTS 400

void srv_run_close(srv_api *api)
{
    eng_runlog_close(api->run);
    sk_free(api->run_up);
    api->run = NULL;
    api->run_up = NULL;
    api->run_dir = NULL;
}

/* With a supervisor, and no --run, the run is that of the stage that trains, or trained last. */
static void follow(srv_api *api)
{
    const char *dir;
    if (!api->up || (api->run && !api->run_up)) return;
    srv_up_look(api->up, &dir);
    if (!dir[0] || (api->run_up && strcmp(dir, api->run_up) == 0)) return;
    size_t n = strlen(dir) + 1;
    char *copy = sk_alloc(SK_MEM_MISC, n);
    eng_runlog *run = NULL;
    if (!copy || eng_runlog_open(dir, &run, NULL)) { /* for want of memory: the next time */
        sk_free(copy);
        return;
    }
    memcpy(copy, dir, n);
    srv_run_close(api);
    api->run = run;
    api->run_dir = api->run_up = copy;
}

/* Takes in what the trainer has added; what can't be read leaves what was known. */
static const eng_run_info *look(srv_api *api)
{
    sk_err e = SK_ERR_INIT;
    if (eng_runlog_poll(api->run, &e)) sk_log(SK_LOG_WARN, "%s: %s", api->run_dir, e.text);
    return eng_runlog_info(api->run);
}

/* GET /run */
void srv_get_run(srv_api *api, srv_req *r)
{
    srv_fault f = {0};
    sk_buf b = SK_BUF_INIT;
    srv_req_header(r, "Cache-Control", "no-store");
    follow(api);
    if (!api->run) {
        srv_reply(r, 204, NULL, NULL, 0);
        return;
    }
    eng_run_info_json(look(api), POINTS, &b);
    sk_buf_addc(&b, '\n');
    if (sk_buf_ok(&b)) {
        srv_reply(r, 200, "application/json", b.p, b.len);
    } else {
        (void)srv_fail(&f, SRV_NO_MEMORY, NULL, "no memory for the answer");
        srv_reply_fault(r, &f);
    }
    sk_buf_fini(&b);
}

void srv_run_metrics(srv_api *api, sk_buf *out)
{
    follow(api);
    if (api->run) eng_run_info_prom(look(api), api->run_dir, out);
}
