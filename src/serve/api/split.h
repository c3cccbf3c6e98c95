/* split.h - takes what a model writes apart: text, reasoning, calls of tools. */
#ifndef SRV_API_SPLIT_H
#define SRV_API_SPLIT_H

#include "serve/api/turn.h"

/* A text under way.  Set fn and arg; the rest starts as 0. */
typedef struct srv_split {
    srv_part_fn fn;
    void *arg;
} srv_split;

/* Takes the next n bytes; whole characters, though any bytes do no harm. */
void srv_split_feed(srv_split *s, const char *p, size_t n);

/* The text is over: hands out what was held back. */
void srv_split_end(srv_split *s);

/* Frees what is held. */
void srv_split_fini(srv_split *s);

#endif
