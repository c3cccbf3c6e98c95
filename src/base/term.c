/* term.c - questions to the terminal driver and the locale. */
#include "base/term.h"

#include <assert.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* True when f is a terminal that can redraw a line in place. */
bool sk_term_live(FILE *f)
{
    assert(f);
    if (!isatty(fileno(f))) return false;
    const char *term = getenv("TERM");
    return !term || strcmp(term, "dumb") != 0;
}

/* Columns of f's terminal. */
int sk_term_columns(FILE *f, int otherwise)
{
    struct winsize w;
    assert(f && otherwise > 0);
    if (ioctl(fileno(f), TIOCGWINSZ, &w) != 0 || w.ws_col == 0) return otherwise;
    return w.ws_col;
}

int sk_term_rows(FILE *f, int otherwise)
{
    struct winsize w;
    assert(f && otherwise > 0);
    if (ioctl(fileno(f), TIOCGWINSZ, &w) != 0 || w.ws_row == 0) return otherwise;
    return w.ws_row;
}

/* True when the locale writes UTF-8. */
bool sk_term_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}
