/* t_serve_fault.c - a whole server without memory: for each kind of request every allocation is
 * made to fail once.  That request fails in good form or its connection ends, one beside it goes
 * on, the next is answered as ever, and nothing is left over.
 *
 * There are some thousands of allocations, so the walk takes growing steps, from another start for
 * each kind; SERVE_FAULT_ALL=1 in the environment takes them one by one (minutes).
 */
#include "tests/unit/serve_case.h"
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/mem.h"

#include <stdio.h>
#include <unistd.h>

static serve_case server;
static char answer[SERVE_CASE_ANSWER], beside[SERVE_CASE_ANSWER];

/* A kind of request; %u in its body is a number that makes it another one each time. */
typedef struct kind {
    const char *path, *body;
    const char *end; /* what a whole answer has behind its head */
} kind;

#define USER "\"messages\":[{\"role\":\"user\",\"content\":\"what is it %u\"}]"
#define TOOL(more)                                                                                 \
    "\"tools\":[{\"type\":\"function\"," more                                                      \
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"n\":{\"const\":%u}},"                   \
    "\"required\":[\"n\"]}"

static const kind kinds[] = {
    {"/v1/chat/completions",
     "{" USER ",\"seed\":1,\"max_tokens\":5,\"n\":2,\"logprobs\":true,\"top_logprobs\":2,"
     "\"stop\":[\"zq\"],\"logit_bias\":{\"40\":1},\"dry_multiplier\":0.8,\"unknown\":1}",
     "total_tokens"},
    {"/v1/chat/completions",
     "{" USER ",\"seed\":1,\"max_tokens\":5,\"stream\":true,\"stream_options\":{\"include_usage\":"
     "true}}",
     "[DONE]"},
    {"/v1/chat/completions",
     "{" USER ",\"seed\":1,\"max_tokens\":40,\"tool_choice\":\"required\"," TOOL(
         "\"function\":{\"name\":\"f\",\"description\":\"d\",") "}}]}",
     "total_tokens"},
    {"/v1/chat/completions",
     "{" USER ",\"seed\":1,\"max_tokens\":60,\"stream\":true,\"response_format\":{\"type\":"
     "\"json_schema\",\"json_schema\":{\"name\":\"s\",\"schema\":{\"type\":\"object\","
     "\"properties\":{\"a\":{\"const\":%u},\"b\":{\"type\":\"string\",\"pattern\":\"^[ab]{2}$\"}},"
     "\"required\":[\"a\",\"b\"],\"additionalProperties\":false}}}}",
     "[DONE]"},
    {"/v1/chat/completions", /* written by another thread */
     "{" USER ",\"seed\":1,\"max_tokens\":60,\"ignore_eos\":true,\"logprobs\":true,"
     "\"top_logprobs\":20}",
     "total_tokens"},
    {"/v1/completions",
     "{\"prompt\":[\"a %u\",\"b\"],\"seed\":1,\"max_tokens\":4,\"echo\":true,"
     "\"grammar\":\"root ::= [a-c]+ \\\"%u\\\"\"}",
     "total_tokens"},
    {"/v1/responses",
     "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"so %u\"}]},"
     "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"},"
     "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"1\"}],"
     "\"instructions\":\"be brief\",\"seed\":1,\"max_output_tokens\":5,\"stream\":true}",
     "response.incomplete"},
    {"/v1/messages",
     "{\"max_tokens\":5,\"system\":\"s\",\"messages\":[{\"role\":\"user\",\"content\":\"a %u\"},"
     "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\","
     "\"input\":{\"a\":1}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
     "\"tool_use_id\":\"t\",\"content\":\"r\"}]}],\"tools\":[{\"name\":\"f\",\"input_schema\":"
     "{\"type\":\"object\"}}]}",
     "stop_reason"},
    {"/v1/embeddings", "{\"input\":[\"a %u\",\"b\"],\"encoding_format\":\"base64\"}",
     "total_tokens"},
    {"/tokenize", "{" USER ",\"with_pieces\":true}", "max_model_len"},
    {"/apply-template", "{" USER "," TOOL("\"function\":{\"name\":\"f\",") "}}]}", "prompt"},
};

enum { N_KINDS = sizeof kinds / sizeof *kinds };

/* The body of a request; NUL-terminated. */
static size_t make_body(const kind *k, unsigned long which, char out[2048])
{
    unsigned n = (unsigned)which;
    int len = snprintf(out, 2048, k->body, n, n);
    assert_true(len > 0 && len < 2048);
    return (size_t)len;
}

static bool is_whole(const kind *k, const char *text)
{
    return strncmp(text, "HTTP/1.1 200", 12) == 0 && strstr(text, k->end);
}

/* An answer to a request that met want of memory: whole, a refusal in good form, a stream that says
 * so, or one that was cut; nothing that looks whole and is not. */
static void check_answer(const kind *k, const char *text, unsigned long nth)
{
    bool begun = strncmp(text, "HTTP/1.1 200", 12) == 0;
    bool refused = (!strncmp(text, "HTTP/1.1 503", 12) || !strncmp(text, "HTTP/1.1 500", 12)) &&
                   strstr(text, "\"error\":{") && strstr(text, "\nRetry-After: ");
    bool told = begun && strstr(text, "memory");
    bool cut = !*text || (begun && !strstr(text, "\r\n0\r\n\r\n"));
    if (is_whole(k, text) || refused || told || cut) return;
    print_message("%s, allocation %lu: %s\n", k->path, nth, text);
    fail();
}

/* The text of a whole answer, without what differs each time; the answer is cut behind it. */
static const char *essence(char *answered)
{
    char *p = strstr(answered, "\"text\":"), *end = p ? strstr(p, ",\"logprobs\"") : NULL;
    if (!end) return "none";
    *end = 0;
    return p;
}

/* An answer beside the one that is watched: begun before it, of which it asks little. */
static int begin_beside(void)
{
    static const char body[] = "{\"prompt\":\"beside\",\"max_tokens\":200,\"temperature\":0}";
    char text[512];
    int n = snprintf(text, sizeof text,
                     "POST /v1/completions HTTP/1.1\r\nHost: t\r\nConnection: close\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     sizeof body - 1, body);
    int fd = serve_case_connect(&server);
    assert_true(fd >= 0 && serve_case_send(fd, text, (size_t)n));
    return fd;
}

/* What the request beside is answered when all is well; NULL: not known yet. */
static char *well;

static const char *end_beside(int fd, bool may_fail)
{
    size_t n = serve_case_read(fd, beside, sizeof beside - 1);
    beside[n] = 0;
    bool good = strncmp(beside, "HTTP/1.1 200", 12) == 0;
    const char *text = essence(beside);
    bool same = good && (!well || strcmp(text, well) == 0);
    if (!same && !may_fail) print_message("beside: %s\n", beside);
    assert_true(same || may_fail);
    return text;
}

/* Waits until the server has forgotten the request: its connection, its jobs. */
static void settle(uint64_t held)
{
    for (int i = 0; i < 5000 && sk_mem_bytes(SK_MEM_REQUEST) > held; i++)
        (void)usleep(1000);
}

static bool one_by_one(void)
{
    return getenv("SERVE_FAULT_ALL") != NULL;
}

/* Allocations of the server, and of its engine, number `from`, ..: each fails once. */
static void walk(const kind *k, unsigned long from)
{
    char body[2048];
    unsigned long misses = 0, tried = 0;
    for (unsigned long nth = from;; nth += one_by_one() ? 1 : 1 + nth / 24) {
        bool crowd = nth % 4 == 0;
        size_t n = make_body(k, nth, body);
        int fd = crowd ? begin_beside() : -1;
        sk_fault_plan(SK_FAULT_ALLOC, nth, false);
        (void)serve_case_ask(&server, "POST", k->path, body, n, answer, sizeof answer);
        bool whole = is_whole(k, answer);
        if (crowd) (void)end_beside(fd, whole);
        bool reached = sk_fault_count(SK_FAULT_ALLOC) >= nth;
        sk_fault_plan(SK_FAULT_ALLOC, 0, false);
        check_answer(k, answer, nth);
        tried++;
        misses += !whole;
        n = make_body(k, nth, body);
        (void)serve_case_ask(&server, "POST", k->path, body, n, answer, sizeof answer);
        if (!is_whole(k, answer)) print_message("after %lu: %s\n", nth, answer);
        assert_true(is_whole(k, answer));
        if (!reached && !crowd) break;
    }
    print_message("# %s: %lu allocations failed, %lu answers with them\n", k->path, tried, misses);
    assert_true(misses > 5);
}

static void open_server(void)
{
    srv_opts o;
    sk_err e = SK_ERR_INIT;
    serve_case_init(&server, &o);
    o.idle_s = o.head_s = o.body_s = o.stall_s = 1;
    assert_status_ok(serve_case_open(&server, &o, &e), e);
    well = strdup(end_beside(begin_beside(), false));
    assert_non_null(well);
}

static void close_server(void)
{
    free(well);
    well = NULL;
    assert_int_equal(serve_case_close(&server), SK_OK);
    serve_case_fini(&server);
}

/* A server that has seen each request before. */
static void every_allocation_fails(void **state)
{
    char body[2048];
    (void)state;
    open_server();
    for (size_t i = 0; i < N_KINDS; i++) {
        size_t n = make_body(&kinds[i], 0, body);
        (void)serve_case_ask(&server, "POST", kinds[i].path, body, n, answer, sizeof answer);
        if (!is_whole(&kinds[i], answer)) print_message("%s\n", answer);
        assert_true(is_whole(&kinds[i], answer));
    }
    for (size_t i = 0; i < N_KINDS; i++)
        walk(&kinds[i], 1 + i % 3);
    close_server();
}

/* What only the first request of a kind makes is made by the next where it failed. */
static void first_requests_fail(void **state)
{
    char body[2048];
    static const size_t first[] = {2, 3, 8};
    (void)state;
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        const kind *k = &kinds[first[i]];
        for (unsigned long nth = 2; nth < 3000; nth += one_by_one() ? 1 : 1 + nth / 3) {
            open_server();
            sk_fault_plan(SK_FAULT_ALLOC, nth, false);
            size_t n = make_body(k, nth, body);
            (void)serve_case_ask(&server, "POST", k->path, body, n, answer, sizeof answer);
            sk_fault_plan(SK_FAULT_ALLOC, 0, false);
            check_answer(k, answer, nth);
            (void)serve_case_ask(&server, "POST", k->path, body, n, answer, sizeof answer);
            assert_true(is_whole(k, answer));
            close_server();
        }
    }
}

/* With no memory at all for a while, connections end or are refused, by their deadlines if not even
 * what a client sends can be read; after it all is well, and the server holds what it held before.
 */
static void nothing_for_a_while(void **state)
{
    char body[2048];
    (void)state;
    open_server();
    uint64_t held = sk_mem_bytes(SK_MEM_REQUEST);
    for (unsigned long nth = 1; nth < 400; nth += 1 + nth / 8) {
        const kind *k = &kinds[nth % 2];
        size_t n = make_body(k, nth, body);
        sk_fault_plan(SK_FAULT_ALLOC, nth, true);
        (void)serve_case_ask(&server, "POST", k->path, body, n, answer, sizeof answer);
        sk_fault_plan(SK_FAULT_ALLOC, 0, false);
        check_answer(k, answer, nth);
        (void)serve_case_ask(&server, "POST", k->path, body, n, answer, sizeof answer);
        assert_true(is_whole(k, answer));
    }
    settle(held + 65536);
    assert_in_range(sk_mem_bytes(SK_MEM_REQUEST), 0, held + 65536);
    close_server();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_fails),
        cmocka_unit_test(first_requests_fail),
        cmocka_unit_test(nothing_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
