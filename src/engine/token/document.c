/* document.c - finding separator lines. */
#include "engine/token/document.h"

#include <assert.h>
#include <string.h>

#define MARK "<|endoftext|>"

/* True when the line that begins at text[at] is a separator; *past is then what follows it. */
static bool is_separator(const char *text, size_t n, size_t at, size_t *past)
{
    const size_t len = sizeof MARK - 1;
    if (n - at < len || memcmp(text + at, MARK, len) != 0) return false;
    size_t end = at + len;
    if (end < n && text[end] == '\r') end++;
    if (end < n && text[end] != '\n') return false;
    *past = end < n ? end + 1 : n;
    return true;
}

/* The next document, by looking at the beginning of each line. */
bool eng_document_next(const char *text, size_t n, size_t *pos, const char **doc, size_t *len)
{
    size_t from = *pos, at = from;
    assert(from <= n);
    while (at < n) {
        size_t past;
        if (is_separator(text, n, at, &past)) {
            if (at > from) {
                *doc = text + from;
                *len = at - from;
                *pos = past;
                return true;
            }
            from = at = past;
            continue;
        }
        const char *line = memchr(text + at, '\n', n - at);
        at = line ? (size_t)(line - text) + 1 : n;
    }
    *pos = n;
    *doc = text + from;
    *len = n - from;
    return from < n;
}

/* Line by line from the end: mostly a separator is near. */
size_t eng_document_last(const char *text, size_t n)
{
    for (size_t end = n; end > 0;) {
        const char *line = memrchr(text, '\n', end);
        if (!line) break;
        size_t past, stop = (size_t)(line - text);
        line = memrchr(text, '\n', stop);
        size_t at = line ? (size_t)(line - text) + 1 : 0;
        if (is_separator(text, stop + 1, at, &past)) return past;
        end = stop;
    }
    return 0;
}
