/* t_api_docs.c - the pages in docs/ are what the server's tables say. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "serve/serve.h"

/* Compares a page with the file; the message says how to mend it. */
static void compare(const char *which, const char *path)
{
    sk_buf page = SK_BUF_INIT, file = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(srv_docs(which, &page, &e), e);
    if (!unit_read(path, &file) || file.len != page.len || memcmp(file.p, page.p, page.len) != 0)
        fail_msg("%s is not what the tables say: stoke serve --docs %s >%s", path, which, path);
    sk_buf_fini(&page);
    sk_buf_fini(&file);
}

static void api(void **state)
{
    (void)state;
    compare("api", "docs/api.md");
}

static void metrics(void **state)
{
    (void)state;
    compare("metrics", "docs/metrics.md");
}

static void refuses_other_pages(void **state)
{
    (void)state;
    sk_buf page = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    assert_status(srv_docs("cooking", &page, &e), SK_E_USAGE, e, "cooking");
    sk_buf_fini(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(api),
        cmocka_unit_test(metrics),
        cmocka_unit_test(refuses_other_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
