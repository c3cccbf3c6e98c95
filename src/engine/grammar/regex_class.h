/* regex_class.h - the small pieces of a pattern: characters, classes, repetitions. */
#ifndef ENG_GRAMMAR_REGEX_CLASS_H
#define ENG_GRAMMAR_REGEX_CLASS_H

#include "engine/grammar/chars.h"

/* A place in a pattern; what went wrong first is kept in st, with its sentence in *e. */
typedef struct eng_rescan {
    const char *text;
    size_t n, i; /* bytes; where the scan is */
    sk_status st;
    sk_err *e;
} eng_rescan;

/* Notes that the pattern is wrong, or that it asks for what isn't supported; false. */
bool eng_rescan_bad(eng_rescan *s, const char *what);

/* The same with SK_E_UNSUPPORTED. */
bool eng_rescan_refuse(eng_rescan *s, const char *what);

/* Passes `word` if it comes next. */
bool eng_rescan_take(eng_rescan *s, const char *word);

/* One character, an escape, a class or `.`: what it stands for is added to c, complete. */
bool eng_rescan_chars(eng_rescan *s, eng_chars *c);

/* The bounds of *, +, ?, {n}, {n,}, {n,m} (and the ? of a lazy one); false if none comes next. */
bool eng_rescan_repeat(eng_rescan *s, uint32_t *lo, uint32_t *hi);

#endif
