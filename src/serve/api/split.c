/* split.c - takes what a model writes apart. */
#include "serve/api/split.h"

void srv_split_feed(srv_split *s, const char *p, size_t n)
{
    if (n) s->fn(s->arg, SRV_PART_TEXT, 0, p, n);
}

void srv_split_end(srv_split *s)
{
    (void)s;
}

void srv_split_fini(srv_split *s)
{
    (void)s;
}
