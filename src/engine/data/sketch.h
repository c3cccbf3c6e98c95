/* sketch.h - a fingerprint that similar texts share in part.
 *
 * A text is the set of its runs of five words.  The hashes of these fall into 120 bins, and each
 * bin keeps its smallest (one permutation hashing: P. Li, A. Owen, C.-H. Zhang, "One permutation
 * hashing", NIPS 2012); an empty bin takes the value of another one, chosen by a hash of its number
 * (A. Shrivastava, "Optimal densification for fast and accurate minwise hashing", ICML 2017).  Of
 * each value 8 bits are kept (b-bit minwise hashing: P. Li, C. Koenig, WWW 2010).  The share of
 * equal bins of two texts is then an estimate of |A and B| / |A or B| with a deviation of at most
 * 0.046, plus 1/256 of the rest by chance.
 *
 * Words are runs of ASCII letters (in lower case), digits and characters beyond ASCII; each
 * character from U+3000 on is a word of its own, since Chinese and Japanese set no spaces.
 */
#ifndef ENG_DATA_SKETCH_H
#define ENG_DATA_SKETCH_H

#include <stddef.h>
#include <stdint.h>

enum {
    ENG_SKETCH_BINS = 120,
    ENG_SKETCH_RUN = 5,       /* words in a run */
    ENG_SKETCH_MIN_WORDS = 36 /* shorter texts have too few runs to tell */
};

typedef struct eng_sketch {
    uint8_t bin[ENG_SKETCH_BINS];
    size_t n_words;
} eng_sketch;

/* Fills out; with fewer than ENG_SKETCH_MIN_WORDS words only n_words is set. */
void eng_sketch_make(const char *text, size_t n, eng_sketch *out);

/* Estimated similarity, 0 to 1, of two texts of at least ENG_SKETCH_MIN_WORDS words. */
double eng_sketch_similarity(const uint8_t a[ENG_SKETCH_BINS], const uint8_t b[ENG_SKETCH_BINS]);

/* A well mixed hash of one number (the finaliser of SplitMix64). */
uint64_t eng_mix64(uint64_t x);

#endif
