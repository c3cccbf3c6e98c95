/* run.c - the training run that is watched: its state for the page, its metrics. */
#include "serve/api/api.h"

#include "base/log.h"

/* Points of a curve that the page gets: more than it has room for. */
#define POINTS 400

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
    if (api->run) eng_run_info_prom(look(api), api->run_dir, out);
}
