/* t_progress.c - the progress line on a pseudo-terminal, under a virtual clock. */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/term.h"

#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <pty.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int master = -1;
static FILE *tty;
static char seen[65536];

static int open_tty(void **state)
{
    (void)state;
    int slave;
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    (void)setenv("TERM", "xterm", 1);
    if (openpty(&master, &slave, NULL, NULL, &size) != 0) return -1;
    (void)fcntl(master, F_SETFL, O_NONBLOCK);
    tty = fdopen(slave, "w");
    sk_clock_virtual(1000000);
    return tty ? 0 : -1;
}

static int close_tty(void **state)
{
    (void)state;
    sk_clock_real();
    (void)setlocale(LC_CTYPE, "C");
    (void)fclose(tty);
    return close(master);
}

/* What was written to the terminal since the last look. */
static const char *look(void)
{
    size_t len = 0;
    (void)fflush(tty);
    for (ssize_t n; (n = read(master, seen + len, sizeof seen - 1 - len)) > 0;)
        len += (size_t)n;
    seen[len] = 0;
    return seen;
}

static void set_columns(unsigned short n)
{
    struct winsize size = {.ws_row = 24, .ws_col = n};
    assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
}

static void a_stage(void **state)
{
    (void)state;
    sk_progress *p = sk_progress_new(tty, false);
    sk_progress_stage(p, "pretrain", 900, 0);
    assert_string_equal(look(), "\rpretrain 0/900 [                        ]\x1b[K");
    sk_clock_virtual(11000000);
    sk_progress_set(p, 300, "loss %.2f", 3.21);
    assert_string_equal(look(),
                        "\rpretrain 300/900 [########                ] loss 3.21  eta 20s\x1b[K");
    sk_clock_virtual(31000000);
    sk_progress_set(p, 900, "loss %.2f", 2.5);
    assert_string_equal(look(), "\rpretrain 900/900 [########################] loss 2.50\x1b[K");
    sk_progress_end(p);
    assert_string_equal(
        look(), "\rpretrain 900/900 [########################] loss 2.50  in 30s\x1b[K\r\n");
    sk_progress_end(p);
    sk_progress_set(p, 1, "x");
    sk_progress_free(p);
    assert_string_equal(look(), "");
}

/* A line full of figures shortens its bar, then leaves it out; the ETA stays. */
static void figures_before_the_bar(void **state)
{
    (void)state;
    sk_progress *p = sk_progress_new(tty, false);
    sk_clock_virtual(1000000);
    sk_progress_stage(p, "pretrain", 18000, 0);
    sk_clock_virtual(11000000);
    sk_progress_set(p, 1200, "loss 3.210  bpb 1.840  14.2k tok/s");
    assert_contains(look(),
                    "1200/18000 [           ] loss 3.210  bpb 1.840  14.2k tok/s  eta 2m20s");
    sk_clock_virtual(12000000);
    sk_progress_set(p, 1200, "loss 3.210  bpb 1.840  14.2k tok/s  MFU 45%%");
    assert_contains(look(), "1200/18000 loss 3.210  bpb 1.840  14.2k tok/s  MFU 45%  eta 2m34s");
    sk_progress_free(p);
    (void)look();
}

/* At most one redraw in 100 ms; what was not drawn is there at the end. */
static void redraws_are_rare(void **state)
{
    (void)state;
    sk_progress *p = sk_progress_new(tty, false);
    sk_progress_stage(p, "s", 1000, 0);
    (void)look();
    int drawn = 0;
    for (uint64_t i = 1; i <= 1000; i++) {
        sk_clock_virtual(1000000 + i * 1000);
        sk_progress_set(p, i, "step");
        drawn += look()[0] != 0;
    }
    assert_int_equal(drawn, 10);
    sk_progress_set(p, 1000, "last");
    assert_string_equal(look(), "");
    sk_progress_free(p);
    assert_contains(look(), "1000/1000");
    assert_contains(seen, "last");
}

/* The ETA follows the pace of the last part: after a slow start it is soon the fast pace that
 * counts. */
static void eta_of_the_last_part(void **state)
{
    (void)state;
    sk_progress *p = sk_progress_new(tty, false);
    uint64_t now = 1000000, done = 0;
    sk_progress_stage(p, "s", 10000, 0);
    for (int i = 0; i < 100; i++) {
        sk_clock_virtual(now += 1000000);
        sk_progress_set(p, done += 1, "slow");
    }
    (void)look();
    for (int i = 0; i < 40; i++) {
        sk_clock_virtual(now += 1000000);
        sk_progress_set(p, done += 100, "fast");
    }
    const char *last = strrchr(look(), '\r');
    assert_non_null(last);
    assert_contains(last, "eta 59s");
    sk_progress_free(p);
}

/* A stage that goes on after a resume counts its pace from there, not from 0. */
static void resumed(void **state)
{
    (void)state;
    sk_progress *p = sk_progress_new(tty, false);
    sk_progress_stage(p, "s", 1000, 900);
    sk_clock_virtual(11000000);
    sk_progress_set(p, 910, "%s", "");
    assert_contains(look(), "910/1000");
    assert_contains(seen, "eta 1m30s");
    sk_progress_free(p);
}

/* Unknown totals, more done than there is, a clock that stands still, no pace: no bar beyond its
 * ends, no division. */
static void odd_numbers(void **state)
{
    (void)state;
    sk_progress *p = sk_progress_new(tty, false);
    sk_progress_stage(p, "count", 0, 0);
    sk_clock_virtual(2000000);
    sk_progress_set(p, 7, "x");
    assert_contains(look(), "count 7 x");
    assert_null(strstr(seen, " ["));
    assert_null(strstr(seen, "eta"));
    sk_progress_stage(p, "over", 10, 20);
    assert_contains(look(), "over 20/10 [########################]");
    sk_progress_stage(p, "huge", UINT64_MAX, UINT64_MAX - 1);
    assert_contains(look(), "18446744073709551614/18446744073709551615");
    sk_progress_stage(p, "back", 100, 50);
    sk_clock_virtual(9000000);
    sk_progress_set(p, 10, "x");
    assert_contains(look(), "10/100");
    assert_null(strstr(seen, "eta"));
    sk_progress_free(p);
}

/* The line never reaches the last column, and characters are not cut in two. */
static void narrow_terminals(void **state)
{
    (void)state;
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    sk_progress *p = sk_progress_new(tty, false);
    uint64_t now = 1000000;
    sk_progress_stage(p, "gr\xC3\xBC\xC3\x9F", 100, 0);
    for (unsigned short n = 1; n < 130; n++) {
        (void)look();
        set_columns(n);
        sk_clock_virtual(now += 200000);
        sk_progress_set(p, 50,
                        "loss \xF0\x9F\x98\x80 and a text that is rather long for such a line");
        look();
        char *end = strstr(seen, "\x1b[K");
        assert_non_null(end);
        *end = 0;
        assert_int_equal(seen[0], '\r');
        size_t width = 0, len = strlen(seen + 1);
        for (size_t i = 1; i <= len; i++)
            width += ((unsigned char)seen[i] & 0xC0) != 0x80;
        assert_true(width <= (n > 1 ? n - 1u : 1u));
        assert_true(sk_utf8_valid(seen + 1, len));
    }
    sk_progress_free(p);
}

static void note_above_the_line(void **state)
{
    (void)state;
    sk_progress *p = sk_progress_new(tty, false);
    sk_progress_note(p, "before %d", 1);
    assert_string_equal(look(), "\rbefore 1\x1b[K\r\n");
    sk_progress_stage(p, "s", 0, 0);
    (void)look();
    sk_progress_note(p, "saved %s", "model.gguf");
    assert_string_equal(look(), "\rsaved model.gguf\x1b[K\r\n\rs 0\x1b[K");
    sk_progress_free(p);
}

/* Text that came from outside can't steer the terminal. */
static void hostile_text(void **state)
{
    (void)state;
    sk_progress *p = sk_progress_new(tty, false);
    sk_progress_stage(p, "s", 0, 0);
    (void)look();
    sk_clock_virtual(2000000);
    sk_progress_set(p, 1, "a\x1b[31mb\rc\nd");
    assert_string_equal(look(), "\rs 1 a [31mb c d\x1b[K");
    sk_progress_free(p);
}

/* Texts and names beyond their room are cut between characters. */
static void long_texts(void **state)
{
    (void)state;
    char big[600];
    set_columns(500);
    sk_progress *p = sk_progress_new(tty, false);
    for (size_t shift = 0; shift < 4; shift++) {
        memset(big, 'a', shift);
        for (size_t i = shift; i + 4 < sizeof big; i += 4)
            memcpy(big + i, "\xF0\x9F\x98\x80", 5);
        sk_progress_stage(p, big, 10, 0);
        sk_clock_virtual(sk_now_us() + 1000000);
        sk_progress_set(p, 5, "%s", big);
        sk_progress_note(p, "%s%s", big, big);
        look();
        assert_true(sk_utf8_valid(seen, strlen(seen)));
        assert_contains(seen, " 5/10 [");
    }
    sk_progress_free(p);
}

static void silent(void **state)
{
    (void)state;
    sk_progress *quiet = sk_progress_new(tty, true);
    sk_progress_stage(quiet, "s", 10, 0);
    sk_progress_set(quiet, 5, "x");
    sk_progress_note(quiet, "x");
    sk_progress_free(quiet);
    (void)setenv("TERM", "dumb", 1);
    sk_progress *dumb = sk_progress_new(tty, false);
    sk_progress_stage(dumb, "s", 10, 0);
    sk_progress_free(dumb);
    assert_string_equal(look(), "");
    FILE *f = tmpfile();
    sk_progress *file = sk_progress_new(f, false);
    sk_progress_stage(file, "s", 10, 0);
    sk_progress_note(file, "x");
    sk_progress_free(file);
    assert_int_equal(ftell(f), 2); /* the note, "x\n" */
    assert_int_equal(sk_term_columns(f, 77), 77);
    assert_int_equal(sk_term_columns(tty, 77), 80);
    set_columns(0);
    assert_int_equal(sk_term_columns(tty, 77), 77);
    (void)fclose(f);
    sk_fault_plan(SK_FAULT_ALLOC, 1, false);
    assert_null(sk_progress_new(tty, false));
    sk_progress_stage(NULL, "s", 1, 0);
    sk_progress_set(NULL, 1, "x");
    sk_progress_note(NULL, "x");
    sk_progress_end(NULL);
    sk_progress_free(NULL);
}

static void blocks_in_utf8(void **state)
{
    (void)state;
    if (!setlocale(LC_CTYPE, "C.UTF-8")) skip();
    assert_true(sk_term_utf8());
    sk_progress *p = sk_progress_new(tty, false);
    sk_progress_stage(p, "s", 24, 2);
    assert_string_equal(look(), "\rs 2/24 [\xE2\x96\x88\xE2\x96\x88                      ]\x1b[K");
    sk_progress_free(p);
    (void)setlocale(LC_CTYPE, "C");
    assert_false(sk_term_utf8());
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        double s;
        const char *text;
    } rows[] = {{0, "0s"},       {0.4, "0s"},        {42, "42s"},        {59.4, "59s"},
                {59.6, "1m00s"}, {192, "3m12s"},     {3599.4, "59m59s"}, {3599.7, "1h00m"},
                {3840, "1h04m"}, {359999, "99h59m"}, {360000, "4d04h"},  {-1, "-"},
                {1e300, "-"},    {9e8, "10416d16h"}};
    char b[16];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(sk_duration_text(rows[i].s, b, sizeof b), rows[i].text);
    assert_string_equal(sk_duration_text(NAN, b, sizeof b), "-");
    assert_string_equal(sk_duration_text(INFINITY, b, sizeof b), "-");
}

#define ON_TTY(f) cmocka_unit_test_setup_teardown(f, open_tty, close_tty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_TTY(a_stage),
        ON_TTY(figures_before_the_bar),
        ON_TTY(redraws_are_rare),
        ON_TTY(eta_of_the_last_part),
        ON_TTY(resumed),
        ON_TTY(odd_numbers),
        ON_TTY(narrow_terminals),
        ON_TTY(note_above_the_line),
        ON_TTY(hostile_text),
        ON_TTY(silent),
        ON_TTY(long_texts),
        ON_TTY(blocks_in_utf8),
        cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
