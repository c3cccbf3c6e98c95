/* log.c - one line an event to the sink that was installed, written by one call under one lock. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { MAX_TEXT = 4096, MAX_LINE = 6 * MAX_TEXT + 256, LEVELS = SK_LOG_TRACE + 1 };

static const char *const level_names[LEVELS] = {"error", "warn", "info", "debug", "trace"};

/* The sink.  `level` is read without the lock, so that a line nobody wants costs one load; `line`
 * gets its memory when the sink opens: "out of memory" must still reach the log. */
typedef struct log_sink {
    pthread_mutex_t lock;
    atomic_int level;
    FILE *to;
    bool as_json;
    sk_buf line;
} log_sink;

static log_sink sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = -1};

/* Installs the sink; NULL takes it away. */
void sk_log_open(FILE *to, sk_log_level level, bool as_json)
{
    assert((unsigned)level < LEVELS);
    (void)pthread_mutex_lock(&sink.lock);
    sk_buf_fini(&sink.line);
    if (to && !sk_buf_reserve(&sink.line, MAX_LINE)) to = NULL;
    sink.to = to;
    sink.as_json = as_json;
    atomic_store(&sink.level, to ? (int)level : -1);
    (void)pthread_mutex_unlock(&sink.lock);
}

/* Level by name; false if unknown. */
bool sk_log_level_parse(const char *name, sk_log_level *out)
{
    for (int i = 0; i < LEVELS; i++) {
        if (strcmp(name, level_names[i]) != 0) continue;
        *out = (sk_log_level)i;
        return true;
    }
    return false;
}

/* Appends s with control characters and bytes that are not UTF-8 as \n, \x1b, ...: a log that is
 * read in a terminal must not steer it, and one event stays one line. */
static void add_plain(sk_buf *b, const char *s)
{
    for (size_t i = 0; s[i];) {
        unsigned char c = (unsigned char)s[i];
        size_t len = 1;
        while (len < 4 && ((unsigned char)s[i + len] & 0xC0) == 0x80)
            len++;
        bool c1 = c == 0xC2 && len == 2 && (unsigned char)s[i + 1] < 0xA0;
        if (c == '\n') {
            sk_buf_adds(b, "\\n");
            len = 1;
        } else if (c < 0x20 || c == 0x7F || c1 || !sk_utf8_valid(s + i, len)) {
            sk_buf_addf(b, "\\x%02x", c);
            len = 1;
        } else {
            sk_buf_add(b, s + i, len);
        }
        i += len;
    }
}

/* Makes the line of one event in sink.line; the lock is held. */
static void make_line(sk_log_level level, const char *text)
{
    char when[32];
    assert((unsigned)level < LEVELS && sink.to);
    time_t now = (time_t)sk_unix_s();
    struct tm t;
    if (!gmtime_r(&now, &t) || !strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &t)) when[0] = 0;
    sk_buf *b = &sink.line;
    sk_buf_reset(b);
    if (sink.as_json) {
        sk_buf_addf(b, "{\"time\":\"%s\",\"level\":\"%s\",\"text\":", when, level_names[level]);
        sk_json_add_str(b, text, strlen(text));
        sk_buf_adds(b, "}\n");
    } else {
        sk_buf_addf(b, "%s %-5s ", when, level_names[level]);
        add_plain(b, text);
        sk_buf_addc(b, '\n');
    }
    assert(sk_buf_ok(b) && "the line's memory was taken when the sink opened");
}

/* One line; text beyond 4 KiB is cut and ends in "...". */
void sk_log(sk_log_level level, const char *fmt, ...)
{
    assert((unsigned)level < LEVELS);
    if ((int)level > atomic_load_explicit(&sink.level, memory_order_relaxed)) return;
    char text[MAX_TEXT];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0) return;
    if (n >= MAX_TEXT) memcpy(text + MAX_TEXT - 4, "...", 4);
    (void)pthread_mutex_lock(&sink.lock);
    if (sink.to && (int)level <= atomic_load(&sink.level)) {
        make_line(level, text);
        (void)fwrite(sink.line.p, 1, sink.line.len, sink.to);
        (void)fflush(sink.to);
    }
    (void)pthread_mutex_unlock(&sink.lock);
}
