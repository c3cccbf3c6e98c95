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
        some = srv_tempo_chunk(&p, n, 1);
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
        assert_true(steps <= 4000 / 14 + 20);
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

/* Without measurements little is risked; what is known of other numbers stands for the rest,
 * between a time that is the same for all and one in proportion. */
static void careful_without_measurements(void **state)
{
    (void)state;
    srv_tempo p;
    srv_tempo_init(&p, 20000);
    assert_int_equal(srv_tempo_chunk(&p, 3, 1), 4);
    srv_tempo_note(&p, 3, 500, 1000000);
    assert_int_equal(srv_tempo_chunk(&p, 3, 1), 4);
    srv_tempo_note(&p, 200, 0, 10000);
    srv_tempo_note(&p, 0, 100, 10000);
    assert_int_equal(srv_tempo_chunk(&p, 200, 1), 100);
    assert_int_equal(srv_tempo_chunk(&p, 100, 1), 150); /* takes 5 ms by itself */
    assert_int_equal(srv_tempo_chunk(&p, 400, 1), 120); /* 20 ms, and so 12 more */
    srv_tempo_note(&p, 200, 3, 1);                      /* too short to say anything */
    assert_int_equal(srv_tempo_chunk(&p, 200, 1), 100);
}

/* Sixteen prompts after one answer has begun: by and by there are sixteen answers, and no step goes
 * without prompts; still their share is reckoned from what steps without take. */
static void knows_what_it_never_sees(void **state)
{
    (void)state;
    const machine m = {40000, 2700, 2200};
    srv_tempo p;
    srv_tempo_init(&p, 1);
    srv_tempo_note(&p, 0, 256, time_of(&m, 0, 256));
    srv_tempo_note(&p, 1, 0, time_of(&m, 1, 0));
    for (size_t n = 1; n <= 16; n++) {
        for (int i = 0; i < 4; i++) {
            size_t some = srv_tempo_chunk(&p, n, 1);
            if (some) assert_in_range(time_of(&m, n, some), 0, 2 * time_of(&m, n, 0));
            srv_tempo_note(&p, n, some, time_of(&m, n, some));
        }
    }
    assert_in_range(srv_tempo_chunk(&p, 16, 1), 18, 27);
}

/* Times that were measured long ago (short texts) are measured anew, now and then, where every step
 * has prompts. */
static void looks_again(void **state)
{
    (void)state;
    const machine early = {40000, 2700, 2200}, late = {40000, 15000, 2200};
    srv_tempo p;
    size_t without = 0;
    srv_tempo_init(&p, 1);
    srv_tempo_note(&p, 0, 256, time_of(&early, 0, 256));
    srv_tempo_note(&p, 16, 0, time_of(&early, 16, 0));
    for (int i = 0; i < 1000; i++) {
        size_t some = srv_tempo_chunk(&p, 16, 1);
        if (!some) without++;
        srv_tempo_note(&p, 16, some, time_of(&late, 16, some));
    }
    assert_in_range(without, 1000 / (SRV_TEMPO_PROBE + 1), 1000 / SRV_TEMPO_PROBE);
    assert_in_range(srv_tempo_chunk(&p, 16, 1), 64, 96);
}

/* Where more prompts wait than answers run, the step is longer in that proportion, up to a bound.
 */
static void hurries_where_many_wait(void **state)
{
    (void)state;
    const machine m = {40000, 2500, 2500};
    srv_tempo p;
    srv_tempo_init(&p, 1);
    srv_tempo_note(&p, 4, 0, time_of(&m, 4, 0));
    for (int i = 0; i < 20; i++)
        srv_tempo_note(&p, 4, 40, time_of(&m, 4, 40));
    size_t few = srv_tempo_chunk(&p, 4, 4), more = srv_tempo_chunk(&p, 4, 8);
    assert_int_equal(srv_tempo_chunk(&p, 4, 1), few);
    assert_in_range(more, 2 * few - 1, 2 * few + 1);
    assert_in_range(time_of(&m, 4, srv_tempo_chunk(&p, 4, 1000)), 190000, 200000);
}

/* A short prompt may make the step as long as a reader bears, on any machine; it never gets less
 * than a long one. */
static void brief_ones_go_in(void **state)
{
    (void)state;
    const machine m = {40000, 2500, 2500}, slow = {300000, 2500, 2500};
    srv_tempo p;
    srv_tempo_init(&p, 1);
    assert_int_equal(srv_tempo_brief(&p, 4, 4), 4);
    srv_tempo_note(&p, 4, 0, time_of(&m, 4, 0));
    for (int i = 0; i < 20; i++)
        srv_tempo_note(&p, 4, 40, time_of(&m, 4, 40));
    size_t n = srv_tempo_brief(&p, 4, 4);
    assert_in_range(time_of(&m, 4, n), 190000, 200000);
    assert_int_equal(srv_tempo_brief(&p, 4, n + 9), n + 9);
    srv_tempo_init(&p, 1);
    srv_tempo_note(&p, 4, 0, time_of(&slow, 4, 0));
    assert_int_equal(srv_tempo_brief(&p, 4, 7), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(less_than_two_steps),      cmocka_unit_test(brief_ones_go_in),
        cmocka_unit_test(as_long_as_the_target),    cmocka_unit_test(careful_without_measurements),
        cmocka_unit_test(knows_what_it_never_sees), cmocka_unit_test(looks_again),
        cmocka_unit_test(hurries_where_many_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
