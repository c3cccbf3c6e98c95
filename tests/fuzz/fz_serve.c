/* fz_serve.c - any bytes as the body of a request to a whole server over a tiny model: the first
 * byte chooses the endpoint.  Each request is answered in good form, leaves nothing behind, and
 * another one goes on as ever. */
#include "base/mem.h"
#include "tests/fuzz/promise.h"
#include "tests/unit/serve_case.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A request of the server for memory, whatever it was asked: half of an array of a grammar's
 * expressions at most. */
#define LARGEST ((size_t)96 << 20)

static serve_case server;
static char answer[SERVE_CASE_ANSWER];

static void on_malloc(const volatile void *p, size_t n)
{
    (void)p;
    must(n <= LARGEST);
}

static void on_free(const volatile void *p)
{
    (void)p;
}

static void end(void)
{
    must(serve_case_close(&server) == SK_OK);
    serve_case_fini(&server);
}

/* One server for all inputs. */
static void begin(void)
{
    srv_opts o;
    sk_err e = SK_ERR_INIT;
    if (server.server) return;
    serve_case_init(&server, &o);
    o.max_body = 1 << 16;
    must(serve_case_open(&server, &o, &e) == SK_OK);
    (void)atexit(end);
    if (__sanitizer_install_malloc_and_free_hooks)
        must(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const path[] = {"/v1/chat/completions",
                                       "/v1/completions",
                                       "/v1/embeddings",
                                       "/v1/responses",
                                       "/v1/messages",
                                       "/tokenize",
                                       "/v1/messages/count_tokens",
                                       "/detokenize",
                                       "/apply-template"};
    if (size < 1 || size > 1 << 16) return 0;
    begin();
    const char *to = path[data[0] % (sizeof path / sizeof *path)];
    size_t n = serve_case_ask(&server, "POST", to, data + 1, size - 1, answer, sizeof answer);
    must(n > 12 && memcmp(answer, "HTTP/1.1 ", 9) == 0);
    bool good = memcmp(answer + 9, "200", 3) == 0;
    must(good || strstr(answer, "\"error\":{"));
    must(strncmp(answer + 9, "50", 2) != 0 || strstr(answer, "out_of_memory"));
    return 0;
}
