/* words.c - the words of the book's enums, as files, tables and command lines spell them. */
#include "fleet/book/book.h"

#include <string.h>

static const char *const categories[] = {"on-demand", "spot", "block", "reserved"};
static const char *const kinds[] = {"spend", "usage"};
static const char *const models[] = {"continuous", "discontinuous"};
static const char *const intervals[] = {"hourly",    "daily",       "weekly", "monthly",
                                        "quarterly", "semi-annual", "annual", "full"};
static const char *const shortfalls[] = {"charge", "carry"};
static const char *const pool_states[] = {"up", "draining", "no-launch", "silent", "gone"};
static const char *const work_kinds[] = {"train", "serve", "batch"};

_Static_assert(sizeof categories / sizeof *categories == FLT_CATEGORY_N, "a word each");
_Static_assert(sizeof intervals / sizeof *intervals == FLT_INTERVAL_N, "a word each");

static const char *word(const char *const *words, size_t n, size_t v)
{
    return v < n ? words[v] : "?";
}

static int number(const char *const *words, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(words[i], text)) return (int)i;
    return -1;
}

/* Defines flt_word_NAME and flt_NAME_of over a list of words. */
#define WORDS(NAME, list)                                                                          \
    const char *flt_word_##NAME(flt_##NAME v)                                                      \
    {                                                                                              \
        return word(list, sizeof list / sizeof *list, (size_t)v);                                  \
    }                                                                                              \
    int flt_##NAME##_of(const char *text)                                                          \
    {                                                                                              \
        return number(list, sizeof list / sizeof *list, text);                                     \
    }

WORDS(category, categories)
WORDS(kind, kinds)
WORDS(model, models)
WORDS(interval, intervals)
WORDS(shortfall, shortfalls)
WORDS(pool_state, pool_states)
WORDS(work_kind, work_kinds)
