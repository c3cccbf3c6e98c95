/* yaml_scalar.h - what an unquoted word of YAML is; for base/yaml.c only. */
#ifndef SK_BASE_YAML_SCALAR_H
#define SK_BASE_YAML_SCALAR_H

#include <jansson.h>
#include <stddef.h>

typedef enum sk_yaml_plain {
    SK_YAML_OK,
    SK_YAML_NO_MEMORY,
    SK_YAML_HUGE, /* a whole number beyond 64 bits, or a number beyond double */
    SK_YAML_NOT_FINITE
} sk_yaml_plain;

/* The value of the plain scalar s[0..n) (NUL behind it, none inside) by the core schema, YAML 1.2.2
 * section 10.3.2.  *out is the caller's on SK_YAML_OK. */
sk_yaml_plain sk_yaml_plain_value(const char *s, size_t n, json_t **out);

#endif
