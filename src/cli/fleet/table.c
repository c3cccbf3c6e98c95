/* table.c - tables for people. */
#include "cli/fleet/table.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void cmd_table_add(cmd_table *t, const char *text)
{
    sk_buf_add(&t->cells, text, strlen(text) + 1);
    t->n++;
}

void cmd_table_addf(cmd_table *t, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cmd_table_add(t, text);
}

/* Columns of a terminal that UTF-8 text takes, each character counted as one. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static bool numeric(const char *text)
{
    return !*text || isdigit((unsigned char)*text) ||
           (*text == '-' && (!text[1] || isdigit((unsigned char)text[1])));
}

typedef struct column {
    size_t width;
    bool right;
} column;

static void measure(const cmd_table *t, column *c)
{
    const char *p = t->cells.p;
    for (size_t i = 0; i < t->n; i++, p += strlen(p) + 1) {
        column *at = &c[i % t->columns];
        size_t w = width_of(p);
        if (w > at->width) at->width = w;
        if (i < t->columns)
            at->right = true;
        else
            at->right &= numeric(p);
    }
}

void cmd_table_end(cmd_table *t, sk_buf *out)
{
    column c[CMD_TABLE_COLUMNS] = {{0}};
    out->oom |= !sk_buf_ok(&t->cells);
    if (sk_buf_ok(&t->cells) && t->n > t->columns) {
        measure(t, c);
        const char *p = t->cells.p;
        for (size_t i = 0; i < t->n; i++, p += strlen(p) + 1) {
            size_t k = i % t->columns, pad = c[k].width - width_of(p);
            bool last = k + 1 == t->columns;
            if (c[k].right) sk_buf_addf(out, "%*s", (int)pad, "");
            sk_buf_adds(out, p);
            if (!c[k].right && !last) sk_buf_addf(out, "%*s", (int)pad, "");
            sk_buf_adds(out, last ? "\n" : "  ");
        }
    }
    sk_buf_fini(&t->cells);
}
