/* jtree.h - a small JSON value as a tree in an arena: what the walk of jscan.h hands over whole.
 *
 * Not base/json.h, because jansson ends the process when some of its strings find no memory, and a
 * tokenizer is read while a server may be short of it.
 */
#ifndef ENG_TOKEN_JTREE_H
#define ENG_TOKEN_JTREE_H

#include "base/mem.h"
#include "engine/token/jscan.h"

/* A value.  Members and elements hang on `child`, in order. */
typedef struct eng_jnode {
    char kind;                      /* { [ " 0 (a number) t f n, as they begin in JSON */
    eng_str key;                    /* of a member */
    eng_str str;                    /* of a string: with a NUL behind */
    double num;                     /* of a number */
    struct eng_jnode *child, *next; /* first inside, next beside */
} eng_jnode;

/* Reads the next value of s into mem; at most some ten thousand values in one another.  False with
 * s->st set. */
bool eng_jtree_read(eng_jscan *s, sk_arena *mem, eng_jnode **out);

/* The member of that key: NULL when there is none, it is null, or o (NULL allowed) is no object. */
const eng_jnode *eng_jtree_get(const eng_jnode *o, const char *key);

/* Element i of an array, NULL if there is none; how many it has. */
const eng_jnode *eng_jtree_at(const eng_jnode *o, size_t i);

/* 0 for what is no array. */
size_t eng_jtree_size(const eng_jnode *o);

/* The string, NULL if o is none.  The member's string, "" if it is none. */
const char *eng_jtree_str(const eng_jnode *o);

/* Never NULL, so it can be compared at once. */
const char *eng_jtree_text(const eng_jnode *o, const char *key);

/* The member's truth value; `other` if it is none. */
int eng_jtree_flag(const eng_jnode *o, const char *key, int other);

/* The whole number that o is, -1 if it is none or below 0. */
int64_t eng_jtree_id(const eng_jnode *o);

#endif
