/* tools.h - tools and structured output of a request: read, checked, turned into what guides the
 * answer. */
#ifndef SRV_API_TOOLS_H
#define SRV_API_TOOLS_H

#include "serve/api/params.h"

/* Readers of fields; see srv_field.read. */
sk_status srv_read_tools(json_t *v, void *into, srv_fault *f);
sk_status srv_read_tool_choice(json_t *v, void *into, srv_fault *f);
sk_status srv_read_response_format(json_t *v, void *into, srv_fault *f);
sk_status srv_read_grammar(json_t *v, void *into, srv_fault *f);
sk_status srv_read_regex(json_t *v, void *into, srv_fault *f);

/* Appends a tool of a name, with what may be NULL: a description, a schema of its parameters. */
sk_status srv_add_tool(srv_params *p, json_t *name, json_t *description, json_t *parameters,
                       srv_fault *f);

/* Takes a JSON Schema as the answer's rule; `field` is to blame. */
sk_status srv_set_schema(srv_params *p, const char *field, const json_t *schema, srv_fault *f);

/* Checks that no row can make. */
sk_status srv_tools_check(srv_params *p, srv_fault *f);

/* Appends the JSON Schema of a call of one of the request's tools (of the one that was named):
 * an object with "name" and `args_name`; as the only item of an array if `list`. */
bool srv_tools_schema(const srv_params *p, const char *args_name, bool list, sk_buf *out);

#endif
