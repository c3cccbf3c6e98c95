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

/* How an API lists its tools. */
typedef struct srv_tool_list {
    const char *type; /* the one that is a function */
    bool untyped;     /* and so is one that names no type */
    const char
        *inner; /* the member that holds name, description and schema; NULL: the tool itself */
    const char *schema; /* the member that is the parameters' schema */
    bool by_item;       /* a fault's param is the item, else `tools` */
} srv_tool_list;

/* Appends the tools of the array v; a fault names the first that can't be used. */
sk_status srv_read_tool_list(json_t *v, const srv_tool_list *l, srv_params *p, srv_fault *f);

/* Takes a JSON Schema as the answer's rule; `field` is to blame. */
sk_status srv_set_schema(srv_params *p, const char *field, const json_t *schema, srv_fault *f);

/* Checks that no row can make. */
sk_status srv_tools_check(srv_params *p, srv_fault *f);

/* The name of the only function that can be called; NULL if there are several. */
const char *srv_tools_only(const srv_params *p);

/* Appends the JSON Schema of a call of one of the request's tools (of the one that was named):
 * an object with "name" and `args_name`; if `list` as the item of an array, the only one unless
 * several calls may be made.  args_name NULL: of the arguments of the only function.  False
 * without memory; what `out` has then is of no use. */
bool srv_tools_schema(const srv_params *p, const char *args_name, bool list, sk_buf *out);

#endif
