/* dict.h - dicts that keep the order of insertion, with Python's rules for keys: 1, 1.0 and true
 * are one key; lists and dicts are none.
 *
 * Removed entries leave a hole (`gone`), since the index holds numbers of entries.  Holes are
 * squeezed out when the array has to grow anyway.
 */
#ifndef ENG_JINJA_DICT_H
#define ENG_JINJA_DICT_H

#include "engine/jinja/run.h"

typedef struct jn_entry {
    jn_val key, val; /* key: hashable, never changed */
    uint64_t hash;   /* of key; equal for 1, 1.0 and true */
    bool gone;       /* removed */
} jn_entry;

struct jn_dict {
    jn_entry *e;         /* in order of insertion */
    size_t n, cap, live; /* entries, room, entries that are not gone */
    uint32_t *index;     /* open addressing: number of entry + 1, 0 free */
    size_t n_index;      /* a power of two */
};

/* A new empty dict (or, with type JN_NS, the inside of a namespace).  *out gets no mark: the
 * caller sets it where the dict stems from a message. */
sk_status eng_jn_dict_new(jn_run *r, jn_type type, jn_val *out);

/* The entry of a key, NULL if there is none; SK_E_INVALID for a key that can be none.  *out may
 * be written to through ->val until the next set, which may move the entries. */
sk_status eng_jn_dict_find(jn_run *r, const jn_dict *d, jn_val key, jn_entry **out);

/* Sets d[key]; the key of an entry that is there stays.  So {1: 'a', true: 'b'} is {1: 'b'}, as
 * in Python.  SK_E_INVALID for a key that can be none. */
sk_status eng_jn_dict_set(jn_run *r, jn_dict *d, jn_val key, jn_val val);

/* Takes an entry out.  The entry must be one of d's that is there. */
void eng_jn_dict_remove(jn_dict *d, jn_entry *e);

/* Adds all of from.  `from` may be d itself: nothing changes then. */
sk_status eng_jn_dict_update(jn_run *r, jn_dict *d, const jn_dict *from);

/* The first entry at or behind number *at that is there, NULL at the end; *at moves behind it.
 * Start with *at = 0.  During the walk values may be set and entries removed, but no key added. */
jn_entry *eng_jn_dict_next(const jn_dict *d, size_t *at);

/* True when a value may be a key.  Lists, dicts and views may not, nor tuples that hold one; all
 * else may, objects by what they are and not by what is in them. */
bool eng_jn_hashable(jn_val v);

#endif
