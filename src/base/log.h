/* log.h - one event, one line, as text or as JSON from the same call.
 *
 * Levels go by volume: error and warn for what a person must see, info for life events (start,
 * stop, swap), debug for one line an object (request, checkpoint), trace for flows.  Lower case,
 * the exact cause, ids first.  Library code never prints by itself: it logs, and the sink that cli
 * installed decides.
 */
#ifndef SK_BASE_LOG_H
#define SK_BASE_LOG_H

#include <stdbool.h>
#include <stdio.h>

typedef enum sk_log_level {
    SK_LOG_ERROR,
    SK_LOG_WARN,
    SK_LOG_INFO,
    SK_LOG_DEBUG,
    SK_LOG_TRACE
} sk_log_level;

/* Sends lines up to `level` to `to` (NULL: nowhere, the state at start), as JSON objects if
 * as_json.  Call once, early. */
void sk_log_open(FILE *to, sk_log_level level, bool as_json);

/* Level by name; false if unknown. */
bool sk_log_level_parse(const char *name, sk_log_level *out);

/* One line.  Thread-safe; control characters in the text are escaped. */
void sk_log(sk_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
