/* fz_schema.c - a JSON Schema and, behind the first NUL, an answer: no crash, bounded work, and
 * masks that agree with what is taken. */
#include "tests/fuzz/answers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    answers_try(data, size, eng_grammar_open_schema);
    return 0;
}
