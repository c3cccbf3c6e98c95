/* test.h - the tests ("x is name"), by name.
 *
 * A test is a jn_fn like a filter, but gives a truth value.  All of jinja2's are there, with its
 * spellings as operators ("==", "lessthan").
 */
#ifndef ENG_JINJA_TEST_H
#define ENG_JINJA_TEST_H

#include "engine/jinja/value.h"

/* The test of that name, NULL if there is none. */
const jn_fn *eng_jn_test_find(const char *name, size_t n);

#endif
