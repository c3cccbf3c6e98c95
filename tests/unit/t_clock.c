/* t_clock.c - the real clocks move forward, the virtual one only when told. */
#include "tests/unit/unit.h"

#include "base/clock.h"

#include <time.h>

static void real_time_goes_on(void **state)
{
    (void)state;
    uint64_t before = sk_now_us();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = sk_now_us();
        assert_true(now >= before);
        before = now;
    }
    int64_t s = sk_unix_s();
    assert_true(s > 1700000000 && llabs((long long)s - (long long)time(NULL)) <= 1);
}

static void virtual_time_stands(void **state)
{
    (void)state;
    sk_clock_virtual(1700000000999999);
    assert_int_equal(sk_unix_s(), 1700000000);
    for (int i = 0; i < 100; i++)
        assert_true(sk_now_us() == 1700000000999999);
    sk_clock_virtual(0);
    assert_int_equal(sk_unix_s(), 0);
    assert_true(sk_now_us() == 0);
    sk_clock_real();
    assert_true(sk_unix_s() > 1700000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_time_goes_on),
        cmocka_unit_test(virtual_time_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
