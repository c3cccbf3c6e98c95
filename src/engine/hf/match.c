/* match.c - names of tensors with numbers in them. */
#include "engine/hf/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether name fits pattern; '#' and '@' take a number each. */
bool eng_hf_name_fits(const char *pattern, const char *name, uint32_t *layer, uint32_t *expert)
{
    for (; *pattern; pattern++) {
        if (*pattern != '#' && *pattern != '@') {
            if (*pattern != *name++) return false;
            continue;
        }
        size_t digits = strspn(name, "0123456789");
        if (!digits || digits > 6 || (digits > 1 && *name == '0')) return false;
        *(*pattern == '#' ? layer : expert) = (uint32_t)strtoul(name, NULL, 10);
        name += digits;
    }
    return !*name;
}

/* The name that the pattern gives with these numbers, into n bytes; false if it is too long. */
bool eng_hf_name_make(const char *pattern, uint32_t layer, uint32_t expert, char *to, size_t n)
{
    size_t len = 0;
    for (; *pattern; pattern++) {
        int k = *pattern == '#'   ? snprintf(to + len, n - len, "%u", layer)
                : *pattern == '@' ? snprintf(to + len, n - len, "%u", expert)
                                  : snprintf(to + len, n - len, "%c", *pattern);
        if (k < 0 || (size_t)k >= n - len) return false;
        len += (size_t)k;
    }
    to[len] = 0;
    return true;
}
