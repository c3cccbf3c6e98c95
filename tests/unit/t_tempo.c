/* t_tempo.c - chunks of prompts beside answers: a step takes less than two without, whatever a
 * machine's times are. */
#include "tests/unit/unit.h"

#include "serve/sched/tempo.h"

/* A machine: a step takes fixed us, each answer and each prompt's token some more. */
typedef struct machine {
    double fixed, answer, token;
} machine;

static uint64_t time_of(const machine *m, size_t n_decode, size_t n_prefill)
{
    return (uint64_t)(m->fixed + m->answer * (double)n_decode + m->token * (double)n_prefill);
}

/* What a scheduler does with a prompt of 4,000 tokens among n answers; the longest step. */
static uint64_t longest(const machine *m, size_t n, uint64_t target, size_t *n_steps)
{
    srv_tempo p;
    uint64_t most = 0;
    srv_tempo_init(&p, target);
    srv_tempo_note(&p, 0, 256, time_of(m, 0, 256));
    for (int i = 0; i < 10; i++)
        srv_tempo_note(&p, n, 0, time_of(m, n, 0));
    *n_steps = 0;
    for (size_t left = 4000, some; left; left -= some) {
        some = srv_tempo_chunk(&p, n);
        if (some > left) some = left;
        uint64_t us = time_of(m, n, some);
        srv_tempo_note(&p, n, some, us);
        most = us > most ? us : most;
        ++*n_steps;
    }
    return most;
}

static void less_than_two_steps(void **state)
{
    (void)state;
    const machine big = {60000, 1000, 2500}, mid = {10000, 300, 300};
    for (size_t n = 1; n <= 64; n *= 2) {
        size_t steps;
        assert_true(longest(&big, n, 1, &steps) < 2 * time_of(&big, n, 0));
        assert_true(steps <= 4000 / 16);
        assert_true(longest(&mid, n, 1, &steps) < 2 * time_of(&mid, n, 0));
        assert_true(steps < 4000 / 16);
    }
}

/* A step that nobody sees may take as long as the target. */
static void as_long_as_the_target(void **state)
{
    (void)state;
    const machine small = {300, 20, 30};
    size_t steps;
    assert_in_range(longest(&small, 4, 20000, &steps), 10000, 20000);
    assert_true(steps < 12);
}

static void careful_without_measurements(void **state)
{
    (void)state;
    srv_tempo p;
    srv_tempo_init(&p, 20000);
    assert_int_equal(srv_tempo_chunk(&p, 3), 16);
    srv_tempo_note(&p, 3, 500, 1000000);
    assert_int_equal(srv_tempo_chunk(&p, 3), 16);
    srv_tempo_note(&p, 200, 0, 10000); /* the only one known stands for others */
    srv_tempo_note(&p, 0, 100, 10000);
    assert_int_equal(srv_tempo_chunk(&p, 3), 100);
    assert_int_equal(srv_tempo_chunk(&p, 5000), 100);
    srv_tempo_note(&p, 3, 8, 1); /* too short to say anything */
    assert_int_equal(srv_tempo_chunk(&p, 3), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(less_than_two_steps),
        cmocka_unit_test(as_long_as_the_target),
        cmocka_unit_test(careful_without_measurements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
