/* number.h - the number that an answer in words ends with. */
#ifndef ENG_EVAL_NUMBER_H
#define ENG_EVAL_NUMBER_H

#include <stdbool.h>

/* The number an answer gives: the first after "####" (as GSM8K writes its answers) where that is
 * in it with a number behind, else the last of the text.  A number is digits, with commas between
 * groups of three left out, a part behind a point and a minus sign right before it (or before a
 * currency sign); "7." is 7.  False if there is none. */
bool eng_number_find(const char *text, double *out);

#endif
