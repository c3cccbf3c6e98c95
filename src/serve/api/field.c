/* field.c - reads a JSON body by a table of fields, and writes the table as documentation. */
#include "serve/api/field.h"

#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* A refusal for a wrong type. */
sk_status srv_field_bad_type(srv_fault *f, const char *name, const char *wanted)
{
    return srv_fail(f, SRV_BAD_TYPE, name, "'%s' must be %s", name, wanted);
}

static sk_status out_of_range(srv_fault *f, const srv_field *row)
{
    if (row->max >= 1e15)
        return srv_fail(f, SRV_BAD_VALUE, row->name, "'%s' must be at least %g and at most %g",
                        row->name, row->min, row->max);
    return srv_fail(f, SRV_BAD_VALUE, row->name, "'%s' must be between %g and %g", row->name,
                    row->min, row->max);
}

/* A whole number; 3.0 counts as one. */
static sk_status read_int(const srv_field *row, const json_t *v, int64_t *to, srv_fault *f)
{
    double d = json_number_value(v);
    if (!json_is_number(v) || (json_is_real(v) && floor(d) != d))
        return srv_field_bad_type(f, row->name, "an integer");
    if (d < row->min || d > row->max) return out_of_range(f, row);
    *to = json_is_integer(v) ? (int64_t)json_integer_value(v) : (int64_t)d;
    return SK_OK;
}

static sk_status read_num(const srv_field *row, const json_t *v, double *to, srv_fault *f)
{
    if (!json_is_number(v)) return srv_field_bad_type(f, row->name, "a number");
    double d = json_number_value(v);
    if (!(d >= row->min && d <= row->max)) return out_of_range(f, row);
    *to = d;
    return SK_OK;
}

/* Refuses what is not among the values that ask for nothing. */
static sk_status read_only(const srv_field *row, json_t *v, srv_fault *f)
{
    json_t *list = NULL;
    if (sk_json_parse(row->only, strlen(row->only), 2, &list, NULL)) list = NULL;
    assert(json_is_array(list) || !list);
    bool ok = false;
    for (size_t i = 0; i < json_array_size(list) && !ok; i++) {
        json_t *w = json_array_get(list, i);
        ok = json_equal(v, w) || (json_is_number(v) && json_is_number(w) &&
                                  json_number_value(v) == json_number_value(w));
    }
    json_decref(list);
    if (ok) return SK_OK;
    bool none = strcmp(row->only, "[]") == 0;
    return srv_fail(f, SRV_UNSUPPORTED, row->name,
                    "'%s' asks for something this server cannot do; leave it out%s%s", row->name,
                    none ? "" : " or give one of ", none ? "" : row->only);
}

/* One field that is there and not null. */
static sk_status read_field(const srv_field *row, json_t *v, char *into, srv_fault *f)
{
    switch (row->type) {
    case SRV_FIELD_BOOL:
        if (!json_is_boolean(v)) return srv_field_bad_type(f, row->name, "true or false");
        *(bool *)(into + row->offset) = json_is_true(v);
        return SK_OK;
    case SRV_FIELD_INT:
        return read_int(row, v, (int64_t *)(void *)(into + row->offset), f);
    case SRV_FIELD_NUM:
        return read_num(row, v, (double *)(void *)(into + row->offset), f);
    case SRV_FIELD_STR:
        if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v))
            return srv_field_bad_type(f, row->name, "a string without NUL");
        *(const char **)(void *)(into + row->offset) = json_string_value(v);
        return SK_OK;
    case SRV_FIELD_READ:
        return row->read(v, into, f);
    case SRV_FIELD_ONLY:
        return read_only(row, v, f);
    case SRV_FIELD_NOTE:
        break;
    }
    return SK_OK;
}

/* The row of a name; NULL if there is none. */
static const srv_field *find_row(const srv_fields *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->row[i].name, name) == 0) return &t->row[i];
    return NULL;
}

/* Notes, or under strict refuses, the fields without a row. */
static sk_status note_unknown(const srv_fields *t, json_t *root, bool strict, sk_buf *unknown,
                              srv_fault *f)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    const char *key;
    json_t *v;
    json_object_foreach(root, key, v)
    {
        if (find_row(t, key)) continue;
        if (strict)
            return srv_fail(f, SRV_UNKNOWN_FIELD, key, "'%.100s' is not a field of this endpoint",
                            key);
        if (unknown->len < 512 && strspn(key, plain) == strlen(key))
            sk_buf_addf(unknown, "%s%.64s", unknown->len ? ", " : "", key);
    }
    return SK_OK;
}

/* Reads a body by the table. */
sk_status srv_fields_read(const srv_fields *t, const char *body, size_t n, bool strict, void *into,
                          json_t **root, sk_buf *unknown, srv_fault *f)
{
    sk_err e = SK_ERR_INIT;
    json_t *obj = NULL;
    if (n == 0) return srv_fail(f, SRV_BAD_JSON, NULL, "the body is empty; send a JSON object");
    sk_status st = sk_json_parse(body, n, SRV_MAX_DEPTH, &obj, &e);
    if (st == SK_E_NOMEM) return srv_fail_err(f, &e);
    if (st) return srv_fail(f, SRV_BAD_JSON, NULL, "the body is not valid JSON: %s", e.text);
    *root = obj;
    if (!json_is_object(obj))
        return srv_fail(f, SRV_BAD_JSON, NULL, "the body must be a JSON object");
    for (size_t i = 0; i < t->n; i++) {
        const srv_field *row = &t->row[i];
        json_t *v = json_object_get(obj, row->name);
        if (!v && !row->deflt)
            return srv_fail(f, SRV_MISSING, row->name, "'%s' is missing", row->name);
        if (json_is_null(v) && !row->deflt)
            return srv_field_bad_type(f, row->name, row->kind ? row->kind : "given");
        st = v && !json_is_null(v) ? read_field(row, v, into, f) : SK_OK;
        if (st) return st;
    }
    return note_unknown(t, obj, strict, unknown, f);
}

/* How docs name a row's type. */
static const char *kind_of(const srv_field *row)
{
    static const char *const name[] = {"boolean", "integer", "number", "string", "", "", "any"};
    if (row->kind) return row->kind;
    return row->type == SRV_FIELD_ONLY ? "only" : name[row->type];
}

/* One line a field. */
void srv_fields_markdown(const srv_fields *t, sk_buf *out)
{
    sk_buf_addf(out, "### `%s`\n\n%s\n\n| field | type | range | default | meaning |\n", t->path,
                t->about);
    sk_buf_adds(out, "| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < t->n; i++) {
        const srv_field *row = &t->row[i];
        sk_buf_addf(out, "| `%s` | %s | ", row->name, kind_of(row));
        if (row->type == SRV_FIELD_ONLY)
            sk_buf_addf(out, "`%s`", row->only);
        else if (row->type == SRV_FIELD_INT || row->type == SRV_FIELD_NUM)
            sk_buf_addf(out, row->max >= 1e15 ? "from %g" : "%g .. %g", row->min, row->max);
        sk_buf_addf(out, " | %s | %s |\n", row->deflt ? row->deflt : "required", row->help);
    }
    sk_buf_addc(out, '\n');
}
