/* fault.h - why a request is refused: one table of codes, one struct that says it to the client.
 *
 * A row is the single definition of an error: the `code` of the answer, its HTTP status, its `type`
 * in OpenAI's words, and the sentence of docs/api.md.  Whoever decides the error writes the message
 * and names the field (`param`).
 */
#ifndef SRV_HTTP_FAULT_H
#define SRV_HTTP_FAULT_H

#include "base/buf.h"
#include "base/status.h"

#define SRV_T_REQUEST "invalid_request_error"
#define SRV_T_SERVER "server_error"

/*      name                 code                        HTTP type           what it means */
#define SRV_FAULT_TABLE(ROW)                                                                       \
    ROW(SRV_BAD_HTTP, "bad_request", 400, SRV_T_REQUEST,                                           \
        "The HTTP message is malformed or can be read in two ways.")                               \
    ROW(SRV_BAD_JSON, "invalid_json", 400, SRV_T_REQUEST,                                          \
        "The body is not one JSON object, is nested too deep or has a key twice.")                 \
    ROW(SRV_BAD_TYPE, "invalid_type", 400, SRV_T_REQUEST, "A field has the wrong JSON type.")      \
    ROW(SRV_BAD_VALUE, "invalid_value", 400, SRV_T_REQUEST, "A field is out of its range.")        \
    ROW(SRV_MISSING, "missing_required_parameter", 400, SRV_T_REQUEST,                             \
        "A field that must be given is not.")                                                      \
    ROW(SRV_UNKNOWN_FIELD, "unknown_parameter", 400, SRV_T_REQUEST,                                \
        "A field this server does not know, under `--strict`.")                                    \
    ROW(SRV_UNSUPPORTED, "unsupported_parameter", 400, SRV_T_REQUEST,                              \
        "A field asks for something this server cannot do; it is refused, never ignored.")         \
    ROW(SRV_TOO_LONG, "context_length_exceeded", 400, SRV_T_REQUEST,                               \
        "Prompt and answer together can never fit the context.")                                   \
    ROW(SRV_NO_KEY, "invalid_api_key", 401, SRV_T_REQUEST,                                         \
        "No API key was sent, or one that is not known or was revoked.")                           \
    ROW(SRV_CROSS_ORIGIN, "cross_origin", 403, SRV_T_REQUEST,                                      \
        "A browser page of another origin asked.")                                                 \
    ROW(SRV_NOT_ADMIN, "admin_required", 403, SRV_T_REQUEST,                                       \
        "Only an admin's key may do this or, without keys, the machine itself.")                   \
    ROW(SRV_NO_MODEL, "model_not_found", 404, SRV_T_REQUEST, "No such model is loaded.")           \
    ROW(SRV_NO_RESPONSE, "response_not_found", 404, SRV_T_REQUEST,                                 \
        "No such response is kept, or another key made it.")                                       \
    ROW(SRV_NO_PATH, "unknown_url", 404, SRV_T_REQUEST, "Nothing is at this path.")                \
    ROW(SRV_BAD_METHOD, "method_not_allowed", 405, SRV_T_REQUEST,                                  \
        "The path exists, the method does not; `Allow` lists those that do.")                      \
    ROW(SRV_TIMEOUT, "request_timeout", 408, SRV_T_REQUEST, "The request did not arrive in time.") \
    ROW(SRV_BIG_BODY, "request_too_large", 413, SRV_T_REQUEST, "The body is over the limit.")      \
    ROW(SRV_LONG_URI, "uri_too_long", 414, SRV_T_REQUEST, "The request line is over the limit.")   \
    ROW(SRV_BAD_MEDIA, "unsupported_media_type", 415, SRV_T_REQUEST,                               \
        "The body is in a coding this server does not read.")                                      \
    ROW(SRV_BAD_EXPECT, "expectation_failed", 417, SRV_T_REQUEST,                                  \
        "`Expect` asks for something other than 100-continue.")                                    \
    ROW(SRV_LOAD_FAILED, "model_load_failed", 422, SRV_T_REQUEST,                                  \
        "The model or adapter could not be loaded; what was live before stays so.")                \
    ROW(SRV_BIG_HEAD, "headers_too_large", 431, SRV_T_REQUEST,                                     \
        "The header lines are too long or too many.")                                              \
    ROW(SRV_OVERLOADED, "server_overloaded", 429, "rate_limit_error",                              \
        "The waiting queue is full; `Retry-After` is computed from the backlog.")                  \
    ROW(SRV_RATE, "rate_limit_exceeded", 429, "rate_limit_error",                                  \
        "The key's requests or tokens a minute are used up, `Retry-After` says until when; or it " \
        "has as many requests under way as it may.")                                               \
    ROW(SRV_INTERNAL, "internal_error", 500, SRV_T_SERVER, "A fault of the server.")               \
    ROW(SRV_BAD_CODING, "not_implemented", 501, SRV_T_REQUEST,                                     \
        "A Transfer-Encoding other than chunked.")                                                 \
    ROW(SRV_DRAINING, "server_draining", 503, SRV_T_SERVER,                                        \
        "The server is shutting down; ask again, or another replica.")                             \
    ROW(SRV_FULL, "too_many_connections", 503, SRV_T_SERVER,                                       \
        "All connections the server may hold are in use.")                                         \
    ROW(SRV_CROWDED, "server_busy", 503, SRV_T_SERVER,                                             \
        "Too many requests wait to be read; `Retry-After` is computed from how many.")             \
    ROW(SRV_LOADING, "model_loading", 503, SRV_T_SERVER,                                           \
        "The version that was asked for is being loaded: ask again in a second.")                  \
    ROW(SRV_NO_MEMORY, "out_of_memory", 503, SRV_T_SERVER,                                         \
        "There was no memory for this request; others go on.")                                     \
    ROW(SRV_NO_SUPERVISOR, "supervisor_unreachable", 503, SRV_T_SERVER,                            \
        "The supervisor of this server does not answer.")                                          \
    ROW(SRV_SICK, "engine_unhealthy", 503, SRV_T_SERVER, "The engine has not moved for too long.") \
    ROW(SRV_EXPIRED, "deadline_exceeded", 504, SRV_T_SERVER, "The deadline passed first.")         \
    ROW(SRV_NO_ROOM, "insufficient_memory", 507, SRV_T_SERVER,                                     \
        "There is no memory for the model beside those that are loaded.")                          \
    ROW(SRV_BAD_VERSION, "http_version_not_supported", 505, SRV_T_REQUEST,                         \
        "Neither HTTP/1.1 nor HTTP/1.0.")

#define SRV_FAULT_ENUM(name, code, http, type, help) name,
typedef enum srv_code { SRV_FAULT_TABLE(SRV_FAULT_ENUM) SRV_CODE_N } srv_code;
#undef SRV_FAULT_ENUM

/* One refusal.  param is "" when no field is to blame, retry_s 0 when waiting does not help. */
typedef struct srv_fault {
    srv_code code;
    unsigned retry_s;
    const char *allow; /* methods for 405, static storage; NULL otherwise */
    char param[128];
    char text[512];
} srv_fault;

/* Fills f (which a caller starts as {0}); param may be NULL.  Returns the status that fits, so that
 * a reader can `return srv_fail(..)`. */
sk_status srv_fail(srv_fault *f, srv_code code, const char *param, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Turns an error of the engine or of base into a refusal, keeping its sentence. */
sk_status srv_fail_err(srv_fault *f, const sk_err *e);

/* HTTP status of a code. */
int srv_code_http(srv_code code);

/* Appends {"error":{"message","type","param","code"}}. */
void srv_fault_json(const srv_fault *f, sk_buf *out);

/* Appends the table of codes as Markdown. */
void srv_fault_markdown(sk_buf *out);

/* The `code` of answers, static storage. */
const char *srv_code_name(srv_code code);

/* Appends all codes as a JSON array. */
void srv_fault_codes(sk_buf *out);

/* Reason phrase of an HTTP status ("OK"), static storage. */
const char *srv_http_reason(int status);

#endif
