/* opt_yaml.h - a mapping of YAML as words of a command line: the keys are the names of a verb's
 * flags, so that whatever a verb takes a file can say, with the same checks.
 */
#ifndef SK_BASE_OPT_YAML_H
#define SK_BASE_OPT_YAML_H

#include "base/mem.h"
#include "base/opt.h"
#include "base/yaml.h"

/* Appends the members of `map`, an object of y, to words: "--key=value" as the value was written,
 * once for each element of a list, "--key=true" and "--key=false" for switches; texts live in mem.
 * What sk_opt_parse would refuse is refused here, with its line: unknown names (`verb` says the
 * known ones), values of the wrong kind or out of bounds, more words than a list holds. */
sk_status sk_opt_words_of(const sk_opt_verb *verb, const sk_yaml *y, const json_t *map,
                          sk_arena *mem, sk_opt_list *words, sk_err *e);

#endif
