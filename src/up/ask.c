/* ask.c - is the server ready, put this version in, how do you do: three calls, each under way once
 * at most. */
#include "base/clock.h"
#include "base/json.h"
#include "up/super.h"

#include <stdio.h>
#include <string.h>

#define READY_AGAIN_US 100000u
#define SWAP_MOST_US (600u * (uint64_t)UP_SECOND)
#define PROBE_MOST_US (20u * (uint64_t)UP_SECOND)
#define SILENT_MOST 2u

/* GET /admin/models waits in the kernel until the server takes connections, and says what is live.
 */
void up_ask_ready(up_super *u)
{
    u->ready_at = 0;
    up_call_end(&u->ready);
    if (up_call_begin(&u->ready, &u->listen, "GET", "/admin/models", NULL, u->o.admin_key,
                      (uint64_t)UP_START_MOST_US, NULL))
        u->ready_at = sk_now_us() + READY_AGAIN_US;
}

/* The number of the version that is live by an answer of GET /admin/models; 0: none of ours. */
static uint32_t live_of(const up_super *u, const char *body)
{
    json_t *root = NULL, *row;
    size_t i;
    uint32_t number = 0;
    if (sk_json_parse(body, strlen(body), 8, &root, NULL)) return 0;
    json_array_foreach(json_object_get(root, "data"), i, row)
    {
        const char *path = json_string_value(json_object_get(row, "model"));
        const char *name = json_string_value(json_object_get(row, "name"));
        if (path && name && json_is_true(json_object_get(row, "live")) &&
            strcmp(name, u->o.name) == 0)
            number = up_versions_of_path(&u->versions, path);
    }
    json_decref(root);
    return number;
}

/* Whatever it answers but "not now", it answers. */
static void ready_answered(up_super *u, int status, const char *body)
{
    if (status && status != 503) {
        up_event ev = {.kind = UP_EV_READY, .version = live_of(u, body)};
        u->failed_base = -1;
        up_tell(u, &ev, u->listen.url);
    } else {
        u->ready_at = sk_now_us() + READY_AGAIN_US;
    }
}

/* The reason in an answer of the server; the body itself where there is none. */
static void reason(const char *body, char out[UP_WHY])
{
    json_t *root = NULL;
    const char *text = NULL;
    if (!sk_json_parse(body, strlen(body), 8, &root, NULL))
        text = json_string_value(json_object_get(json_object_get(root, "error"), "message"));
    (void)snprintf(out, UP_WHY, "%s", text ? text : body[0] ? body : "no answer");
    json_decref(root);
}

/* A swap under way is given up first: the server goes by the last order.  What can't even be asked
 * is told to the house like a refusal of the server's. */
void up_ask_swap(up_super *u, uint32_t version)
{
    const up_row *row = up_versions_find(&u->versions, version);
    up_event ev = {.kind = UP_EV_UNSWAPPED, .version = version, .end = UP_END_STOPPED};
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    up_call_end(&u->swap);
    u->swap_to = version;
    sk_status st = row ? SK_OK : sk_fail(&e, SK_E_NOTFOUND, "its file is gone");
    if (!st) {
        sk_buf_adds(&b, "{\"model\":");
        sk_json_add_str(&b, row->path, strlen(row->path));
        sk_buf_adds(&b, "}");
        st = sk_buf_ok(&b) ? up_call_begin(&u->swap, &u->listen, "POST", "/admin/models/load", b.p,
                                           u->o.admin_key, SWAP_MOST_US, &e)
                           : sk_fail(&e, SK_E_NOMEM, "no memory for the request");
    } else {
        ev.end = UP_END_FAILED;
    }
    sk_buf_fini(&b);
    if (st) up_tell(u, &ev, e.text);
}

/* 422: the file is to blame; all else may be better later, no answer included. */
static void swap_answered(up_super *u, int status, const char *body)
{
    char why[UP_WHY] = "";
    up_event ev = {.kind = UP_EV_SWAPPED, .version = u->swap_to};
    u->failed_base = -1;
    if (status == 200) {
        json_t *root = NULL;
        double seconds = 0;
        if (!sk_json_parse(body, strlen(body), 8, &root, NULL))
            (void)sk_json_get_num(root, "seconds", 0, 1e9, &seconds, NULL);
        json_decref(root);
        (void)snprintf(why, sizeof why, "loaded in %.2f s", seconds);
    } else {
        ev.kind = UP_EV_UNSWAPPED;
        ev.end = status == 422 || status == 400 ? UP_END_FAILED : UP_END_STOPPED;
        reason(body, why);
    }
    up_tell(u, &ev, why);
}

void up_ask_probe(up_super *u)
{
    if (u->probe.fd >= 0 || u->house.life[UP_SERVER].state != UP_RUNNING) return;
    (void)up_call_begin(&u->probe, &u->listen, "GET", "/metrics", NULL, u->o.admin_key,
                        PROBE_MOST_US, NULL);
}

/* In a watch a failed answer counts against the version; two probes without an answer in a row
 * against the server. */
static void probe_answered(up_super *u, int status, const char *body)
{
    char why[UP_WHY];
    if (status != 200) {
        if (++u->silent < SILENT_MOST) return;
        u->silent = 0;
        (void)snprintf(why, sizeof why, "it has not answered for %u s",
                       (unsigned)(SILENT_MOST * PROBE_MOST_US / UP_SECOND));
        up_tell(u, &(up_event){.kind = UP_EV_STUCK}, why);
        return;
    }
    u->silent = 0;
    up_serving_read(body, &u->serving);
    if (u->failed_base < 0 || u->serving.failed < u->failed_base || !u->house.watch_end)
        u->failed_base = u->serving.failed;
    if (u->serving.failed > u->failed_base) {
        (void)snprintf(why, sizeof why, "%.0f answers failed since it went live",
                       u->serving.failed - u->failed_base);
        u->failed_base = u->serving.failed;
        up_tell(u, &(up_event){.kind = UP_EV_SICK}, why);
    }
    if (u->taken[UP_SERVER]) u->last = u->serving;
    u->taken[UP_SERVER] = false;
    double people = up_grown(&u->last.generated, u->serving.generated);
    double prompt = up_grown(&u->last.prompt, u->serving.prompt);
    u->total.people += people;
    u->line.people += people;
    u->total.prompt += prompt;
    u->line.prompt += prompt;
}

static void go_on(up_super *u, up_call *c, void (*answered)(up_super *, int, const char *))
{
    int status;
    const char *body;
    if (c->fd < 0 || !up_call_step(c, &status, &body)) return;
    answered(u, status, body);
    up_call_end(c);
}

void up_asked(up_super *u)
{
    go_on(u, &u->ready, ready_answered);
    go_on(u, &u->swap, swap_answered);
    go_on(u, &u->probe, probe_answered);
    if (u->ready_at && sk_now_us() >= u->ready_at) up_ask_ready(u);
}

void up_ask_drop(up_super *u)
{
    up_call_end(&u->ready);
    up_call_end(&u->swap);
    up_call_end(&u->probe);
    u->ready_at = 0;
    u->silent = 0;
}
