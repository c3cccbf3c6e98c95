/* analyzer.h - what clang's analyzer, which sees one file at a time, can't know: making an error
 * never gives SK_OK.  Included before every file that clang-tidy reads, but status.c.  (The
 * engine's own such functions are defined with their names in parentheses, which keeps these macros
 * off.) */
#ifndef TESTS_LINT_ANALYZER_H
#define TESTS_LINT_ANALYZER_H

#include "base/status.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/parser.h"

#define sk_fail(...) (sk_fail(__VA_ARGS__), SK_E_INTERNAL)
#define sk_fail_errno(...) (sk_fail_errno(__VA_ARGS__), SK_E_INTERNAL)
#define sk_while(...) (sk_while(__VA_ARGS__), SK_E_INTERNAL)
#define eng_jn_fail(...) (eng_jn_fail(__VA_ARGS__), SK_E_INTERNAL)
#define eng_jn_oom(r) (eng_jn_oom(r), SK_E_INTERNAL)
#define eng_jn_undef_fail(r, v) (eng_jn_undef_fail(r, v), SK_E_INTERNAL)
#define eng_jn_unexpected(p, what) (eng_jn_unexpected(p, what), SK_E_INTERNAL)

#endif
