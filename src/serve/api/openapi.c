/* openapi.c - GET /openapi.json: the endpoints, their fields and errors as OpenAPI 3.1, written
 * from the tables that read the requests. */
#include "serve/api/api.h"
#include "serve/api/field.h"

#include "base/json.h"

#include <math.h>
#include <string.h>

static void add_str(sk_buf *b, const char *s)
{
    sk_json_add_str(b, s, strlen(s));
}

/* "POST /v1/chat/completions" as the name of a schema: post_v1_chat_completions. */
static void add_name(sk_buf *b, const srv_route *t)
{
    for (const char *c = t->method; *c; c++)
        sk_buf_addc(b, (char)(*c | 0x20));
    for (const char *c = t->path; *c; c++)
        if (*c != '*') sk_buf_addc(b, strchr("/-.", *c) ? '_' : *c);
}

/* The schema of what a row that is read by a function takes. */
static const char *kind_schema(const char *kind)
{
    static const char *const known[][2] = {
        {"integer", "\"type\":[\"integer\",\"null\"]"},
        {"boolean", "\"type\":[\"boolean\",\"null\"]"},
        {"string", "\"type\":[\"string\",\"null\"]"},
        {"object", "\"type\":[\"object\",\"null\"]"},
        {"array", "\"type\":[\"array\",\"null\"]"},
        {"string or array", "\"type\":[\"string\",\"array\",\"null\"]"},
        {"string or object", "\"type\":[\"string\",\"object\",\"null\"]"},
    };
    for (size_t i = 0; kind && i < sizeof known / sizeof *known; i++)
        if (strcmp(kind, known[i][0]) == 0) return known[i][1];
    return NULL;
}

/* Bounds of a number. */
static void add_bounds(sk_buf *b, const srv_field *row)
{
    sk_buf_adds(b, ",\"minimum\":");
    sk_json_add_num(b, row->min);
    sk_buf_adds(b, ",\"maximum\":");
    sk_json_add_num(b, row->max);
}

/* One field. */
static void add_field(sk_buf *b, const srv_field *row)
{
    const char *schema = kind_schema(row->kind);
    add_str(b, row->name);
    sk_buf_adds(b, ":{\"description\":");
    add_str(b, row->help);
    switch (row->type) {
    case SRV_FIELD_BOOL:
        sk_buf_adds(b, ",\"type\":[\"boolean\",\"null\"]");
        break;
    case SRV_FIELD_INT:
        sk_buf_adds(b, ",\"type\":[\"integer\",\"null\"]");
        add_bounds(b, row);
        break;
    case SRV_FIELD_NUM:
        sk_buf_adds(b, ",\"type\":[\"number\",\"null\"]");
        add_bounds(b, row);
        break;
    case SRV_FIELD_STR:
        sk_buf_adds(b, ",\"type\":[\"string\",\"null\"]");
        break;
    case SRV_FIELD_ONLY:
        sk_buf_adds(b, ",\"enum\":[null");
        if (row->only[1] != ']') sk_buf_addf(b, ",%s", row->only + 1);
        if (row->only[1] == ']') sk_buf_addc(b, ']');
        break;
    case SRV_FIELD_READ:
    case SRV_FIELD_NOTE:
        if (schema) sk_buf_addf(b, ",%s", schema);
        break;
    }
    sk_buf_addc(b, '}');
}

/* The schema of a body. */
static void add_schema(sk_buf *b, const srv_fields *t)
{
    size_t n_needed = 0;
    sk_buf_adds(b, "{\"type\":\"object\",\"description\":");
    add_str(b, t->about);
    sk_buf_adds(b, ",\"properties\":{");
    for (size_t i = 0; i < t->n; i++) {
        if (i) sk_buf_addc(b, ',');
        add_field(b, &t->row[i]);
    }
    sk_buf_adds(b, "},\"required\":[");
    for (size_t i = 0; i < t->n; i++) {
        if (t->row[i].deflt) continue;
        if (n_needed++) sk_buf_addc(b, ',');
        add_str(b, t->row[i].name);
    }
    sk_buf_adds(b, "]}");
}

/* The answers of an endpoint: the good one, and the refusals all have. */
static void add_answers(sk_buf *b, const srv_route *t)
{
    sk_buf_adds(b, ",\"responses\":{\"200\":{\"description\":\"the answer\",\"content\":{");
    add_str(b, t->type ? t->type : "application/json");
    sk_buf_adds(b, ":{}");
    if (t->streams) sk_buf_adds(b, ",\"text/event-stream\":{}");
    sk_buf_adds(b,
                "}},\"default\":{\"description\":\"a refusal\",\"content\":{\"application/json\":"
                "{\"schema\":{\"$ref\":\"#/components/schemas/error\"}}}}}");
}

/* Begins the object of a path; one that stands for all below it has a parameter. */
static void begin_path(sk_buf *b, const srv_route *t)
{
    size_t n = strlen(t->path);
    bool below = t->path[n - 1] == '*';
    sk_buf_addc(b, '"');
    sk_buf_add(b, t->path, below ? n - 1 : n);
    sk_buf_addf(b, "%s\":{", below ? "{id}" : "");
    if (below)
        sk_buf_adds(b, "\"parameters\":[{\"name\":\"id\",\"in\":\"path\",\"required\":true,"
                       "\"schema\":{\"type\":\"string\"}}],");
}

/* One endpoint, in the object of its path. */
static void add_route(sk_buf *b, const srv_route *t)
{
    sk_buf_addc(b, '"');
    for (const char *c = t->method; *c; c++)
        sk_buf_addc(b, (char)(*c | 0x20));
    sk_buf_adds(b, "\":{\"operationId\":\"");
    add_name(b, t);
    sk_buf_adds(b, "\",\"summary\":");
    add_str(b, t->help);
    if (t->body) {
        sk_buf_adds(b, ",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{"
                       "\"schema\":{\"$ref\":\"#/components/schemas/");
        add_name(b, t);
        sk_buf_adds(b, "\"}}}}");
    }
    if (t->open) sk_buf_adds(b, ",\"security\":[]");
    add_answers(b, t);
    sk_buf_addc(b, '}');
}

/* From the same table as docs/api.md, in its order; bodies get a schema each under components. */
void srv_openapi_json(sk_buf *b)
{
    size_t n;
    const srv_route *t = srv_api_routes(&n);
    sk_buf_adds(b,
                "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Stokehold\",\"version\":\"" SK_VERSION
                "\"},\"security\":[{\"key\":[]}],\"paths\":{");
    for (size_t i = 0; i < n; i++) { /* those of one path stand together */
        bool same = i && strcmp(t[i].path, t[i - 1].path) == 0;
        if (i) sk_buf_adds(b, same ? "," : "},");
        if (!same) begin_path(b, &t[i]);
        add_route(b, &t[i]);
    }
    sk_buf_addc(b, '}');
    sk_buf_adds(b, "},\"components\":{\"securitySchemes\":{\"key\":{\"type\":\"http\",\"scheme\":"
                   "\"bearer\"}},\"schemas\":{\"error\":");
    sk_buf_adds(b,
                "{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":{\"type\":"
                "\"object\",\"required\":[\"message\",\"type\",\"param\",\"code\"],\"properties\":{"
                "\"message\":{\"type\":\"string\"},\"type\":{\"type\":\"string\"},\"param\":{"
                "\"type\":[\"string\",\"null\"]},\"code\":{\"enum\":");
    srv_fault_codes(b);
    sk_buf_adds(b, "}}}}}");
    for (size_t i = 0; i < n; i++) {
        if (!t[i].body) continue;
        sk_buf_adds(b, ",\"");
        add_name(b, &t[i]);
        sk_buf_adds(b, "\":");
        add_schema(b, t[i].body);
    }
    sk_buf_adds(b, "}}}\n");
}

/* GET /openapi.json */
void srv_get_openapi(srv_api *api, srv_req *r)
{
    sk_buf b = SK_BUF_INIT;
    (void)api;
    srv_openapi_json(&b);
    srv_api_reply(r, 200, "application/json", &b);
}
