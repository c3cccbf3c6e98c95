/* analyzer.h - what clang's analyzer, which sees one file at a time, can't know: making an error
 * never gives SK_OK.  Included before every file that clang-tidy reads, but status.c. */
#ifndef TESTS_LINT_ANALYZER_H
#define TESTS_LINT_ANALYZER_H

#include "base/status.h"

#define sk_fail(...) (sk_fail(__VA_ARGS__), SK_E_INTERNAL)
#define sk_fail_errno(...) (sk_fail_errno(__VA_ARGS__), SK_E_INTERNAL)
#define sk_while(...) (sk_while(__VA_ARGS__), SK_E_INTERNAL)

#endif
