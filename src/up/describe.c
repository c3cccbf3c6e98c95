/* describe.c - the client's side: asking, and state.json in lines for a person. */
#include "base/json.h"
#include "base/progress.h"
#include "up/control.h"
#include "up/up.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

sk_status up_ask(const char *dir, const char *line, sk_buf *answer, sk_err *e)
{
    up_dir d;
    sk_status st = up_dir_look(dir, &d, e);
    if (st) return st == SK_E_NOTFOUND ? sk_fail(e, st, "no stoke up runs in %s", dir) : st;
    st = up_control_ask(&d, line, answer, e);
    up_dir_close(&d, false);
    return st;
}

/* ---- members, with a value for those that are not there ---- */

static double num(json_t *o, const char *name)
{
    double v = NAN;
    (void)sk_json_get_num(o, name, -1e300, 1e300, &v, NULL);
    return v;
}

static const char *str(json_t *o, const char *name)
{
    const char *s = "";
    (void)sk_json_get_str(o, name, &s, NULL);
    return s;
}

static json_t *member(json_t *o, const char *name)
{
    return json_object_get(o, name);
}

/* ---- lines ---- */

static void add_versions(json_t *root, sk_buf *out)
{
    size_t i;
    json_t *v;
    json_array_foreach(member(root, "versions"), i, v)
    {
        double bpb = num(v, "new_bpb");
        sk_buf_addf(out, "  version %.0f%s%s%s", num(v, "version"),
                    json_is_true(member(v, "live")) ? ", live" : "",
                    num(v, "version") == num(root, "pinned") ? ", pinned" : "",
                    json_is_true(member(v, "bad")) ? ", rolled back" : "");
        if (isfinite(bpb))
            sk_buf_addf(out, ": %.4f bits per byte, the one before it %.4f", bpb,
                        num(v, "live_bpb"));
        sk_buf_adds(out, "\n");
    }
}

static void add_trainer(json_t *t, sk_buf *out)
{
    char left[32];
    double eta = num(t, "eta_s");
    sk_buf_addf(out, "training  %s%s%s", str(t, "state"), str(t, "why")[0] ? ": " : "",
                str(t, "why"));
    if (num(t, "stages") > 0)
        sk_buf_addf(out, "; round %.0f, stage %.0f of %.0f", num(t, "round"), num(t, "stage"),
                    num(t, "stages"));
    if (isfinite(num(t, "step")))
        sk_buf_addf(out, ", step %.0f of %.0f", num(t, "step"), num(t, "steps"));
    if (isfinite(num(t, "loss"))) sk_buf_addf(out, ", loss %.3f", num(t, "loss"));
    if (isfinite(eta)) sk_buf_addf(out, ", %s left", sk_duration_text(eta, left, sizeof left));
    sk_buf_adds(out, "\n");
}

static void add_tokens(json_t *root, sk_buf *out)
{
    json_t *t = member(root, "tokens"), *s = member(root, "share"), *p = member(root, "price");
    sk_buf_addf(out, "tokens    %.0f to people, %.0f to training\n", num(t, "people"),
                num(t, "training"));
    sk_buf_addf(out,
                "cores     answering %.0f %% of the last second; training gave way %.0f times\n",
                100 * num(s, "busy"), num(s, "waits"));
    if (json_is_object(p))
        sk_buf_addf(out, "cost      %.2f %s\n", num(p, "spent"), str(p, "currency"));
}

sk_status up_describe(const char *state, size_t n, sk_buf *out, sk_err *e)
{
    json_t *root = NULL, *server;
    sk_status st = sk_json_parse(state, n, 8, &root, e);
    if (st) return st;
    server = member(root, "server");
    sk_buf_addf(out, "%s\n", str(root, "url"));
    sk_buf_addf(out, "server    %s, version %.0f%s", str(server, "state"), num(root, "live"),
                num(root, "pinned") > 0 ? ", pinned" : "");
    if (num(root, "watch_s") > 0)
        sk_buf_addf(out, ", watched for %.0f s more", num(root, "watch_s"));
    sk_buf_adds(out, "\n");
    add_trainer(member(root, "trainer"), out);
    add_tokens(root, out);
    add_versions(root, out);
    json_decref(root);
    return sk_buf_ok(out) ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the status");
}
