/* fault.c - the table of refusals and its forms: JSON for clients, Markdown for docs/api.md. */
#include "serve/http/fault.h"

#include "base/json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

typedef struct code_row {
    const char *code;
    int http;
    const char *type, *help;
} code_row;

#define CODE_ROW(name, code, http, type, help) [name] = {code, http, type, help},
static const code_row rows[SRV_CODE_N] = {SRV_FAULT_TABLE(CODE_ROW)};
#undef CODE_ROW

/* Status a handler returns for a code: what the caller of the API has to do next. */
static sk_status status_of(srv_code code)
{
    int http = rows[code].http;
    if (http == 429 || http == 503) return SK_E_AGAIN;
    return http >= 500 ? SK_E_INTERNAL : SK_E_INVALID;
}

/* Fills f. */
sk_status srv_fail(srv_fault *f, srv_code code, const char *param, const char *fmt, ...)
{
    assert(code < SRV_CODE_N);
    f->code = code;
    snprintf(f->param, sizeof f->param, "%s", param ? param : "");
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
    return status_of(code);
}

/* Keeps the sentence of e; the status decides the code. */
sk_status srv_fail_err(srv_fault *f, const sk_err *e)
{
    srv_code code = SRV_INTERNAL;
    if (e->status == SK_E_NOMEM) code = SRV_NO_MEMORY;
    if (e->status == SK_E_UNSUPPORTED) code = SRV_UNSUPPORTED;
    if (e->status == SK_E_INVALID || e->status == SK_E_TOOBIG) code = SRV_BAD_VALUE;
    return srv_fail(f, code, NULL, "%s", e->text[0] ? e->text : sk_status_text(e->status));
}

/* HTTP status of a code. */
int srv_code_http(srv_code code)
{
    assert(code < SRV_CODE_N);
    return rows[code].http;
}

/* OpenAI's error object. */
void srv_fault_json(const srv_fault *f, sk_buf *out)
{
    sk_buf_adds(out, "{\"error\":{\"message\":");
    sk_json_add_str(out, f->text, strlen(f->text));
    sk_buf_addf(out, ",\"type\":\"%s\",\"param\":", rows[f->code].type);
    if (f->param[0])
        sk_json_add_str(out, f->param, strlen(f->param));
    else
        sk_buf_adds(out, "null");
    sk_buf_addf(out, ",\"code\":\"%s\"}}", rows[f->code].code);
}

/* One row a code. */
void srv_fault_markdown(sk_buf *out)
{
    sk_buf_adds(out, "| HTTP | `code` | `type` | meaning |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < SRV_CODE_N; i++)
        sk_buf_addf(out, "| %d | `%s` | `%s` | %s |\n", rows[i].http, rows[i].code, rows[i].type,
                    rows[i].help);
}

const char *srv_code_name(srv_code code)
{
    assert(code < SRV_CODE_N);
    return rows[code].code;
}

void srv_fault_codes(sk_buf *out)
{
    for (size_t i = 0; i < SRV_CODE_N; i++)
        sk_buf_addf(out, "%s\"%s\"", i ? "," : "[", rows[i].code);
    sk_buf_addc(out, ']');
}

typedef struct reason_row {
    int status;
    const char *text;
} reason_row;

static const reason_row reasons[] = {
    {200, "OK"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

/* Reason phrase of an HTTP status. */
const char *srv_http_reason(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status) return reasons[i].text;
    return "Unknown";
}
