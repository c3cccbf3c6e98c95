/* cors.c - the Fetch standard's CORS protocol, as far as an API needs it. */
#include "serve/api/cors.h"

#include <string.h>
#include <strings.h>

/* True when `origin` is in the list. */
static bool listed(const char *allowed, const char *origin)
{
    size_t n = strlen(origin);
    for (const char *p = allowed; p && *p;) {
        size_t len = strcspn(p, ",");
        if ((len == n && strncasecmp(p, origin, n) == 0) || (len == 1 && *p == '*')) return true;
        p += len + (p[len] == ',');
    }
    return false;
}

/* The host's own pages are not foreign. */
static bool is_own(const srv_head *h, const char *origin)
{
    const char *name = strstr(origin, "://"), *host = srv_head_find(h, "host");
    return name && host && strcasecmp(name + 3, host) == 0;
}

static void add_headers(srv_req *r, const char *origin)
{
    srv_req_header(r, "Access-Control-Allow-Origin", origin);
    srv_req_header(r, "Vary", "Origin");
}

bool srv_cors_allow(const char *allowed, srv_req *r)
{
    const srv_head *h = srv_req_head(r);
    const char *origin = srv_head_find(h, "origin");
    if (!origin) return true;
    if (listed(allowed, origin)) {
        add_headers(r, origin);
        srv_req_header(r, "Access-Control-Expose-Headers",
                       "x-request-id, retry-after, x-stoke-ignored, "
                       "x-stoke-model-version, x-ratelimit-limit-requests, "
                       "x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
                       "x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, "
                       "x-ratelimit-reset-tokens");
        return true;
    }
    bool changes = strcmp(h->method, "POST") == 0 || strcmp(h->method, "DELETE") == 0;
    return !changes || is_own(h, origin);
}

bool srv_cors_preflight(const char *allowed, srv_req *r)
{
    const srv_head *h = srv_req_head(r);
    const char *origin = srv_head_find(h, "origin");
    if (strcmp(h->method, "OPTIONS") != 0 || !origin || !listed(allowed, origin)) return false;
    const char *want = srv_head_find(h, "access-control-request-headers");
    add_headers(r, origin);
    srv_req_header(r, "Access-Control-Allow-Methods", "GET, POST, DELETE");
    srv_req_header(r, "Access-Control-Allow-Headers", want ? want : "authorization, content-type");
    srv_req_header(r, "Access-Control-Max-Age", "600");
    srv_reply(r, 204, NULL, NULL, 0);
    return true;
}
