/* uni.c - properties of characters: ASCII at once, the rest from the tables.
 *
 * Sets are searched by halving, maps of cases walked from the front: they are short, and all
 * ASCII is answered before.
 */
#include "engine/jinja/uni.h"

#include "engine/jinja/uni_case.h"
#include "engine/jinja/uni_tab.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define IN(c, set) in_set((c), (set), COUNT(set))

/* True when c is in one of the n / 2 ascending ranges.  The last range that begins at or below c
 * is the only one that can hold it. */
static bool in_set(uint32_t c, const uint32_t *set, size_t n)
{
    size_t lo = 0, hi = n / 2;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if ((set[2 * mid] & ~UNI_EVERY2) <= c)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!lo || c > set[2 * lo - 1]) return false;
    uint32_t first = set[2 * lo - 2];
    return !(first & UNI_EVERY2) || ((c ^ first) & 1) == 0;
}

/* Bidirectional classes WS, B, S and category Zs: few enough to be listed. */
bool eng_jn_is_space(uint32_t c)
{
    if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F);
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/* The list of str.splitlines. */
bool eng_jn_is_newline(uint32_t c)
{
    return (c >= 10 && c <= 13) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
}

/* Not in categories C and Z, but for the blank. */
bool eng_jn_is_printable(uint32_t c)
{
    if (c < 0x7F) return c >= 0x20;
    return !IN(c, uni_unprintable);
}

bool eng_jn_is_alpha(uint32_t c)
{
    return IN(c, uni_alpha);
}

bool eng_jn_is_decimal(uint32_t c)
{
    return IN(c, uni_decimal);
}

bool eng_jn_is_digit(uint32_t c)
{
    return eng_jn_is_decimal(c) || IN(c, uni_digit);
}

bool eng_jn_is_numeric(uint32_t c)
{
    return eng_jn_is_digit(c) || IN(c, uni_numeric);
}

bool eng_jn_is_upper(uint32_t c)
{
    if (c < 0x80) return c >= 'A' && c <= 'Z';
    return IN(c, uni_upper);
}

bool eng_jn_is_lower(uint32_t c)
{
    if (c < 0x80) return c >= 'a' && c <= 'z';
    return IN(c, uni_lower);
}

/* Upper, lower or title case. */
bool eng_jn_is_cased(uint32_t c)
{
    return eng_jn_is_upper(c) || eng_jn_is_lower(c) || IN(c, uni_title);
}

bool eng_jn_case_ignorable(uint32_t c)
{
    return IN(c, uni_ignorable);
}

/* What c becomes by a table of special cases and a map: number of characters, 0 if neither has
 * it.  Ranges may lie within each other (uni_case.h), so the walk cannot stop at the first that
 * begins below c; it stops where one begins above. */
static size_t change(const uint32_t *special, size_t n_special, const int32_t *map, size_t n_map,
                     uint32_t c, uint32_t out[3])
{
    for (size_t i = 0; i < n_special && special[i] <= c; i += 4) {
        size_t k = 0;
        if (special[i] != c) continue;
        for (; k < 3 && special[i + 1 + k]; k++)
            out[k] = special[i + 1 + k];
        return k;
    }
    for (size_t i = 0; i < n_map; i += 3) {
        uint32_t first = (uint32_t)map[i];
        bool every2 = first & UNI_EVERY2;
        if ((first & ~UNI_EVERY2) > c) break;
        if (c > (uint32_t)map[i + 1] || (every2 && ((c ^ first) & 1))) continue;
        out[0] = (uint32_t)((int32_t)c + map[i + 2]);
        return 1;
    }
    return 0;
}

#define CHANGE(how, c, out)                                                                        \
    change(uni_special_##how, COUNT(uni_special_##how), uni_to_##how, COUNT(uni_to_##how), (c),    \
           (out))

/* ASCII at once. */
size_t eng_jn_to_upper(uint32_t c, uint32_t out[3])
{
    out[0] = c >= 'a' && c <= 'z' ? c - 32 : c;
    if (c < 0x80) return 1;
    size_t n = CHANGE(upper, c, out);
    return n ? n : 1;
}

/* ASCII at once; the sigma at a word's end is the caller's. */
size_t eng_jn_to_lower(uint32_t c, uint32_t out[3])
{
    out[0] = c >= 'A' && c <= 'Z' ? c + 32 : c;
    if (c < 0x80) return 1;
    size_t n = CHANGE(lower, c, out);
    return n ? n : 1;
}

/* The table has what differs from upper case. */
size_t eng_jn_to_title(uint32_t c, uint32_t out[3])
{
    size_t n = c < 0x80 ? 0 : CHANGE(title, c, out);
    return n ? n : eng_jn_to_upper(c, out);
}

/* The table has what differs from lower case. */
size_t eng_jn_to_folded(uint32_t c, uint32_t out[3])
{
    size_t n = c < 0x80 ? 0 : CHANGE(fold, c, out);
    return n ? n : eng_jn_to_lower(c, out);
}
