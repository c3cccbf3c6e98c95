/* t_earlier.c - names of versions that are kept: MODEL@VERSION and nothing else. */
#include "unit.h"

#include "serve/api/earlier.h"

#include <stdio.h>

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *model;
        uint32_t version;
    } rows[] = {
        {"stokehold@3", "stokehold", 3},
        {"a@b@12", "a@b", 12},
        {"m@999999999", "m", 999999999},
        {"m@1234567890", NULL, 0},
        {"m@0", NULL, 0},
        {"m@03", NULL, 0},
        {"m@", NULL, 0},
        {"m", NULL, 0},
        {"", NULL, 0},
        {"@3", NULL, 0},
        {"m@3x", NULL, 0},
        {"m@-3", NULL, 0},
        {"m@ 3", NULL, 0},
        {"m@3@", NULL, 0},
    };
    char model[SRV_MODEL_NAME], longest[SRV_MODEL_NAME + 8];
    uint32_t version;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool ok = srv_earlier_name(rows[i].name, model, &version);
        assert_true(ok == (rows[i].model != NULL));
        if (!ok) continue;
        assert_string_equal(model, rows[i].model);
        assert_int_equal(version, rows[i].version);
    }
    memset(longest, 'x', sizeof longest);
    memcpy(longest + SRV_MODEL_NAME - 1, "@7", 3);
    assert_true(srv_earlier_name(longest, model, &version));
    memcpy(longest + SRV_MODEL_NAME - 1, "x@7", 4);
    assert_false(srv_earlier_name(longest, model, &version));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
