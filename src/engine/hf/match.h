/* match.h - names of tensors with numbers in them. */
#ifndef ENG_HF_MATCH_H
#define ENG_HF_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether name fits pattern; '#' takes the number of a layer, '@' that of an expert (at most six
 * digits, no zeros in front). */
bool eng_hf_name_fits(const char *pattern, const char *name, uint32_t *layer, uint32_t *expert);

/* The name that the pattern gives with these numbers, into n bytes; false if it is too long. */
bool eng_hf_name_make(const char *pattern, uint32_t layer, uint32_t expert, char *to, size_t n);

#endif
