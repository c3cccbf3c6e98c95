/* sketch.c - minimum hashes of word runs. */
#include "engine/data/sketch.h"

#include <assert.h>
#include <string.h>

#define EMPTY UINT32_MAX

/* Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
uint64_t eng_mix64(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* The next word of s from *at on, as a hash; 0 when there is none left. */
static uint64_t next_word(const unsigned char *s, size_t n, size_t *at)
{
    uint64_t h = 0;
    size_t i = *at;
    for (; i < n; i++) {
        unsigned c = s[i];
        if (c - 'A' < 26) c |= 32;
        if (c >= 0xE3) { /* the first byte of U+3000 and beyond */
            if (h) break;
            size_t end = i + 1;
            for (h = c; end < n && (s[end] & 0xC0) == 0x80; end++)
                h = h << 8 | s[end];
            i = end;
            break;
        }
        if (c - 'a' < 26 || c - '0' < 10 || c >= 0x80)
            h = (h ^ (c + 1)) * 0x100000001B3u;
        else if (h)
            break;
    }
    *at = i;
    return h;
}

/* Puts the hash of one run into its bin. */
static void add_run(uint32_t *bin, const uint64_t *word, size_t newest)
{
    uint64_t h = 0;
    for (size_t k = 1; k <= ENG_SKETCH_RUN; k++)
        h = (h ^ word[(newest + k) % ENG_SKETCH_RUN]) * 0xD6E8FEB86659FD93u + k;
    h = eng_mix64(h);
    uint32_t low = (uint32_t)h, at = (uint32_t)((h >> 32) * ENG_SKETCH_BINS >> 32);
    if (low == EMPTY) low--;
    if (low < bin[at]) bin[at] = low;
}

/* Gives empty bins the value of one that isn't. */
static void densify(const uint32_t *bin, uint8_t *out)
{
    for (uint64_t i = 0; i < ENG_SKETCH_BINS; i++) {
        uint64_t j = i;
        for (uint64_t turn = 1; bin[j] == EMPTY; turn++)
            j = (eng_mix64(i << 32 | turn) >> 32) * ENG_SKETCH_BINS >> 32;
        out[i] = (uint8_t)(eng_mix64(bin[j]) >> 24);
    }
}

/* One pass over the words. */
void eng_sketch_make(const char *text, size_t n, eng_sketch *out)
{
    uint32_t bin[ENG_SKETCH_BINS];
    uint64_t word[ENG_SKETCH_RUN], h;
    size_t at = 0, words = 0;
    memset(bin, 0xFF, sizeof bin);
    while ((h = next_word((const unsigned char *)text, n, &at)) != 0) {
        word[words % ENG_SKETCH_RUN] = h;
        if (++words >= ENG_SKETCH_RUN) add_run(bin, word, (words - 1) % ENG_SKETCH_RUN);
    }
    out->n_words = words;
    if (words >= ENG_SKETCH_MIN_WORDS) densify(bin, out->bin);
}

/* Equal by chance is 1 of 256 of the unequal ones. */
double eng_sketch_similarity(const uint8_t a[ENG_SKETCH_BINS], const uint8_t b[ENG_SKETCH_BINS])
{
    int same = 0;
    for (int i = 0; i < ENG_SKETCH_BINS; i++)
        same += a[i] == b[i];
    double share = (double)same / ENG_SKETCH_BINS;
    return share <= 1.0 / 256 ? 0 : (share - 1.0 / 256) / (1 - 1.0 / 256);
}
