/* opt_yaml.c - flags out of a mapping of YAML. */
#include "base/opt_yaml.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* One conversion. */
typedef struct reader {
    const sk_opt_verb *verb;
    const sk_yaml *y;
    sk_arena *mem;
    sk_opt_list *words;
    sk_err *e;
} reader;

/* Where a value stands. */
typedef struct spot {
    const json_t *parent;
    const char *key; /* NULL: element `index` of a list */
    size_t index;
    const sk_opt *row;
} spot;

/* Puts the file and line before the sentence that e holds. */
static sk_status with_line(const reader *r, const spot *at, sk_status st)
{
    return sk_yaml_fail(r->y, sk_yaml_line(r->y, at->parent, at->key, at->index), r->e, st, "%s",
                        r->e ? r->e->text : "");
}

static sk_status refuse(const reader *r, const spot *at, const char *what)
{
    return sk_yaml_fail(r->y, sk_yaml_line(r->y, at->parent, at->key, at->index), r->e, SK_E_USAGE,
                        "%s %s", at->row->name, what);
}

/* --name=text for a value that is none of YAML's collections. */
static sk_status add_word(const reader *r, const spot *at, const json_t *value)
{
    const sk_opt *row = at->row;
    const char *text = sk_yaml_text(r->y, at->parent, at->key, at->index);
    if (!text) return refuse(r, at, "takes no list and no mapping here");
    if (json_is_null(value)) return refuse(r, at, "has no value");
    if (row->type == SK_OPT_BOOL && !json_is_boolean(value))
        return refuse(r, at, "is true or false");
    if (row->type == SK_OPT_BOOL) text = json_is_true(value) ? "true" : "false";
    sk_status st = sk_opt_check(row, text, r->e);
    if (st) return with_line(r, at, st);
    size_t max = sizeof r->words->item / sizeof *r->words->item;
    if (r->words->n == max) return refuse(r, at, "is one flag more than a command can have");
    size_t n = strlen(row->name) + strlen(text) + 4;
    char *word = sk_arena_alloc(r->mem, n);
    if (!word) return sk_fail(r->e, SK_E_NOMEM, "no memory to read %s", sk_yaml_name(r->y));
    (void)snprintf(word, n, "--%s=%s", row->name, text);
    r->words->item[r->words->n++] = word;
    return SK_OK;
}

static sk_status add_list(const reader *r, const spot *at, const json_t *list)
{
    sk_status st = SK_OK;
    if (at->row->type != SK_OPT_LIST) return refuse(r, at, "takes one value, no list");
    if (json_array_size(list) == 0) return refuse(r, at, "has no value");
    for (size_t i = 0; !st && i < json_array_size(list); i++) {
        spot element = {list, NULL, i, at->row};
        st = add_word(r, &element, json_array_get(list, i));
    }
    return st;
}

/* A file's setting becomes the word that a command line would hold, so that both are checked by the
 * same parser and told in the same sentences; each failure is given its line. */
sk_status sk_opt_words_of(const sk_opt_verb *verb, const sk_yaml *y, const json_t *map,
                          sk_arena *mem, sk_opt_list *words, sk_err *e)
{
    assert(json_is_object(map));
    reader r = {verb, y, mem, words, e};
    const char *key;
    json_t *value;
    sk_status st = SK_OK;
    /* jansson iterates without a const, and changes nothing. */
    json_object_foreach((json_t *)(uintptr_t)map, key, value)
    {
        spot at = {map, key, 0, *key ? sk_opt_find(verb, key) : NULL};
        if (!at.row)
            st = with_line(&r, &at, sk_opt_unknown(verb, "", key, e));
        else if (json_is_array(value))
            st = add_list(&r, &at, value);
        else
            st = add_word(&r, &at, value);
        if (st) break;
    }
    return st;
}
