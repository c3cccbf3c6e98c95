/* field.h - the fields of a JSON body: one row is a name, a type, a range, a default and a help
 * text.
 *
 * Bodies are read by these rows and docs/api.md is written from them, so they cannot differ.  A
 * field this server cannot honour has a row too (SRV_FIELD_ONLY): it is accepted with the values
 * that ask for nothing and refused otherwise, never ignored.
 */
#ifndef SRV_API_FIELD_H
#define SRV_API_FIELD_H

#include "base/json.h"
#include "serve/http/fault.h"

typedef enum srv_field_type {
    SRV_FIELD_BOOL, /* bool at offset */
    SRV_FIELD_INT,  /* int64_t, min..max */
    SRV_FIELD_NUM,  /* double, min..max */
    SRV_FIELD_STR,  /* const char *, borrowed from the body */
    SRV_FIELD_READ, /* whatever `read` makes of it */
    SRV_FIELD_ONLY, /* one of the JSON values in `only`, and nothing else */
    SRV_FIELD_NOTE  /* any value; has no bearing on the answer */
} srv_field_type;

typedef struct srv_field {
    const char *name;
    srv_field_type type;
    const char *kind;  /* how docs name the type; NULL: by type */
    const char *deflt; /* how docs name the default; NULL: required */
    const char *help;
    size_t offset;
    double min, max;
    const char *only; /* SRV_FIELD_ONLY: a JSON array of the values accepted besides null */
    sk_status (*read)(json_t *v, void *into, srv_fault *f);
} srv_field;

/* Tables of the endpoints that have no file of tables of their own (tokens.c, embed.c). */
typedef struct srv_fields srv_fields;
extern const srv_fields srv_tokenize_fields, srv_detokenize_fields, srv_template_fields,
    srv_embed_fields, srv_responses_fields, srv_messages_fields, srv_count_fields, srv_load_fields,
    srv_rollback_fields, srv_unload_fields, srv_up_fields;

/* A table of rows, its endpoint and what it is for. */
struct srv_fields {
    const char *path, *about;
    const srv_field *row;
    size_t n;
};

/* Reads body[0..n) as one JSON object by the table into the struct at `into`, whose defaults the
 * caller has set.  null counts as absent.  Names of fields without a row are appended to
 * `unknown`, commas between; under `strict` they are refused.  *root holds what the strings point
 * into: json_decref it after use, also on failure (NULL then is fine). */
sk_status srv_fields_read(const srv_fields *t, const char *body, size_t n, bool strict, void *into,
                          json_t **root, sk_buf *unknown, srv_fault *f);

/* A refusal for a wrong type: "NAME must be WANTED". */
sk_status srv_field_bad_type(srv_fault *f, const char *name, const char *wanted);

/* The table as a Markdown section. */
void srv_fields_markdown(const srv_fields *t, sk_buf *out);

/* Deepest nesting a body may have. */
#define SRV_MAX_DEPTH 64

#endif
