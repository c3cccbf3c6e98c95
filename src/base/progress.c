/* progress.c - draws the progress line, from a ring of (time, done) samples for the pace. */
#include "base/progress.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/term.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

enum {
    SAMPLES = 32,
    SAMPLE_US = 500000, /* least time between two samples: the ring looks back 16 s or 32 calls */
    REDRAW_US = 100000,
    NAME = 48,
    TEXT = 256,
    LINE = 1024,
    BAR_MAX = 24,
    BAR_MIN = 4,      /* a shorter one says nothing: figures and ETA have the room */
    BAR_COLUMNS = 60, /* a narrower terminal gets no bar */
    USUAL_COLUMNS = 80
};

typedef struct sample {
    uint64_t us, done;
} sample;

struct sk_progress {
    FILE *to;    /* NULL: no line is drawn */
    FILE *notes; /* NULL: silent */
    char name[NAME], text[TEXT];
    uint64_t total, done, started_us, drawn_us;
    sample ring[SAMPLES]; /* the n_samples last ones, the newest at (n_samples - 1) % SAMPLES */
    uint64_t n_samples;
    bool open; /* a stage is being shown and its line has no newline yet */
};

/* A progress line on `to`. */
sk_progress *sk_progress_new(FILE *to, bool quiet)
{
    assert(to);
    sk_progress *p = sk_calloc(SK_MEM_MISC, 1, sizeof *p);
    if (p && !quiet) p->notes = to;
    if (p && !quiet && sk_term_live(to)) p->to = to;
    return p;
}

/* Ends the line and frees the object. */
void sk_progress_free(sk_progress *p)
{
    if (!p) return;
    sk_progress_end(p);
    sk_free(p);
}

/* Makes text that was cut to fit fit for a terminal: no half character at its end, and control
 * characters become spaces. */
static void clean(char *b)
{
    b[sk_utf8_complete(b, strlen(b))] = 0;
    for (char *c = b; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F) *c = ' ';
}

/* Formats text for the terminal into b. */
__attribute__((format(printf, 3, 0))) static void format_text(char *b, size_t n, const char *fmt,
                                                              va_list ap)
{
    if (vsnprintf(b, n, fmt, ap) < 0) b[0] = 0;
    clean(b);
}

/* Remembers where the stage stands now, unless the last sample is fresh. */
static void take_sample(sk_progress *p, uint64_t now)
{
    if (p->n_samples) {
        const sample *last = &p->ring[(p->n_samples - 1) % SAMPLES];
        if (now - last->us < SAMPLE_US) return;
    }
    p->ring[p->n_samples++ % SAMPLES] = (sample){now, p->done};
}

/* Seconds to go by the pace of the samples in the ring; negative when that can't be said. */
static double seconds_left(const sk_progress *p, uint64_t now)
{
    if (!p->n_samples || p->done >= p->total) return -1;
    const sample *oldest = &p->ring[p->n_samples > SAMPLES ? p->n_samples % SAMPLES : 0];
    if (now <= oldest->us || p->done <= oldest->done) return -1;
    double pace = (double)(p->done - oldest->done) / (double)(now - oldest->us);
    return (double)(p->total - p->done) / pace / 1e6;
}

/* Adds s to the line, which has room for all that draw puts there. */
static void put(char *line, size_t *len, const char *s)
{
    size_t n = strlen(s);
    assert(n < LINE - *len);
    memcpy(line + *len, s, n);
    *len += n;
    line[*len] = 0;
}

/* Characters of UTF-8 text. */
static int width_of(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

/* Adds " [####    ]" of `width` characters between the brackets. */
static void put_bar(const sk_progress *p, int width, char *line, size_t *len)
{
    bool blocks = sk_term_utf8();
    assert(p->total && width > 0);
    double part = p->done >= p->total ? 1 : (double)p->done / (double)p->total;
    int full = (int)(part * width);
    assert(full >= 0 && full <= width);
    put(line, len, " [");
    for (int i = 0; i < width; i++)
        put(line, len, i >= full ? " " : blocks ? "\u2588" : "#");
    put(line, len, "]");
}

/* Cuts the line to `columns` characters and returns its length in bytes. */
static size_t cut(const char *line, size_t len, int columns)
{
    int width = 0;
    for (size_t i = 0; i < len; i++) {
        if (((unsigned char)line[i] & 0xC0) == 0x80) continue;
        if (width++ == columns) return i;
    }
    return len;
}

/* What stands at the end of the line: the time taken, or left; "" where that can't be said. */
static void time_text(const sk_progress *p, uint64_t now, bool last, char *b, size_t n)
{
    char time[32];
    double left = seconds_left(p, now), taken = (double)(now - p->started_us) / 1e6;
    b[0] = 0;
    if (last)
        (void)snprintf(b, n, "  in %s", sk_duration_text(taken, time, sizeof time));
    else if (left >= 0)
        (void)snprintf(b, n, "  eta %s", sk_duration_text(left, time, sizeof time));
}

/* Draws the line over the one before; the last column stays free, since some terminals wrap there.
 * The bar gets what name, figures and time leave of it.
 */
static void draw(sk_progress *p, bool last)
{
    char line[LINE] = "", b[96];
    size_t len = 0;
    uint64_t now = sk_now_us();
    int columns = sk_term_columns(p->to, USUAL_COLUMNS);
    put(line, &len, p->name);
    if (p->total)
        (void)snprintf(b, sizeof b, " %llu/%llu", (unsigned long long)p->done,
                       (unsigned long long)p->total);
    else
        (void)snprintf(b, sizeof b, " %llu", (unsigned long long)p->done);
    put(line, &len, b);
    time_text(p, now, last, b, sizeof b);
    int text = p->text[0] ? 1 + width_of(p->text) : 0;
    int room = columns - 1 - width_of(line) - 3 - text - width_of(b);
    if (room > BAR_MAX) room = BAR_MAX;
    if (p->total && columns >= BAR_COLUMNS && room >= BAR_MIN) put_bar(p, room, line, &len);
    if (p->text[0]) put(line, &len, " ");
    put(line, &len, p->text);
    put(line, &len, b);
    len = cut(line, len, columns > 1 ? columns - 1 : 1);
    (void)fprintf(p->to, "\r%.*s\x1b[K", (int)len, line);
    (void)fflush(p->to);
    p->drawn_us = now;
}

/* Starts a stage; the one before ends. */
void sk_progress_stage(sk_progress *p, const char *name, uint64_t total, uint64_t done)
{
    if (!p) return;
    sk_progress_end(p);
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    clean(p->name);
    p->text[0] = 0;
    p->total = total;
    p->done = done;
    p->n_samples = 0;
    p->started_us = sk_now_us();
    take_sample(p, p->started_us);
    p->open = p->to != NULL;
    if (p->open) draw(p, false);
}

/* Says how far it is and what to show beside the bar. */
void sk_progress_set(sk_progress *p, uint64_t done, const char *fmt, ...)
{
    if (!p || !p->open) return;
    va_list ap;
    va_start(ap, fmt);
    format_text(p->text, sizeof p->text, fmt, ap);
    va_end(ap);
    p->done = done;
    uint64_t now = sk_now_us();
    take_sample(p, now);
    if (now - p->drawn_us >= REDRAW_US) draw(p, false);
}

/* Ends the line with its last state left on screen. */
void sk_progress_end(sk_progress *p)
{
    if (!p || !p->open) return;
    draw(p, true);
    (void)fputc('\n', p->to);
    (void)fflush(p->to);
    p->open = false;
}

/* Prints a full line above the progress line. */
void sk_progress_note(sk_progress *p, const char *fmt, ...)
{
    if (!p || !p->notes) return;
    char note[LINE];
    va_list ap;
    va_start(ap, fmt);
    format_text(note, sizeof note, fmt, ap);
    va_end(ap);
    (void)fprintf(p->notes, p->to ? "\r%s\x1b[K\n" : "%s\n", note);
    if (p->open) draw(p, false);
    (void)fflush(p->notes);
}

/* A duration for people. */
const char *sk_duration_text(double seconds, char *b, unsigned long n)
{
    assert(n >= 16);
    if (!(seconds >= 0) || seconds > 1e9) {
        (void)snprintf(b, n, "-");
        return b;
    }
    unsigned long s = (unsigned long)llround(seconds);
    if (s < 60)
        (void)snprintf(b, n, "%lus", s);
    else if (s < 3600)
        (void)snprintf(b, n, "%lum%02lus", s / 60, s % 60);
    else if (s < 100 * 3600)
        (void)snprintf(b, n, "%luh%02lum", s / 3600, s / 60 % 60);
    else
        (void)snprintf(b, n, "%lud%02luh", s / 86400, s / 3600 % 24);
    return b;
}
