/* fields.c - members of YAML objects into structs. */
#include "fleet/sim/fields.h"

#include "base/opt.h"
#include "base/utc.h"
#include "fleet/money/money.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { TEXT_MOST = 200 };

/* A value that is being read. */
typedef struct member {
    const flt_fields *f;
    json_t *parent, *v;
    unsigned line;
    const char *what;
    const flt_field *row;
    sk_err *e;
} member;

static sk_status bad(const member *m, const char *why)
{
    return sk_yaml_fail(m->f->y, m->line, m->e, SK_E_INVALID, "%s.%s %s", m->what, m->row->key,
                        why);
}

static sk_status out_of_bounds(const member *m)
{
    return sk_yaml_fail(m->f->y, m->line, m->e, SK_E_INVALID, "%s.%s is from %.15g to %.15g",
                        m->what, m->row->key, m->row->min, m->row->max);
}

/* Its text as it was written. */
static const char *written(const member *m)
{
    return sk_yaml_text(m->f->y, m->parent, m->row->key, 0);
}

/* A number in bounds. */
static sk_status number(const member *m, double *out)
{
    if (!json_is_number(m->v)) return bad(m, "is a number");
    double v = json_number_value(m->v);
    if (!(v >= m->row->min && v <= m->row->max)) return out_of_bounds(m);
    *out = v;
    return SK_OK;
}

static sk_status whole(const member *m, int64_t *out)
{
    double v = 0;
    sk_status st = number(m, &v);
    if (st) return st;
    if (v != floor(v) || fabs(v) > 9e15) return bad(m, "is a whole number");
    *out = (int64_t)v;
    return SK_OK;
}

/* Seconds as a number, or with a unit behind it. */
static sk_status seconds(const member *m, double *out)
{
    if (json_is_number(m->v)) return number(m, out);
    int64_t end = 0;
    const char *text = json_string_value(m->v);
    sk_err why = SK_ERR_INIT;
    /* A month or a year of a duration that belongs to no date counts from 2026. */
    const int64_t from = 1767225600;
    if (!text || sk_utc_after(from, text, &end, &why))
        return bad(m, "is a time: 90s, 15m, 1.5h, 2d");
    double v = (double)(end - from);
    if (!(v >= m->row->min && v <= m->row->max)) return out_of_bounds(m);
    *out = v;
    return SK_OK;
}

static sk_status date(const member *m, int64_t *out)
{
    const char *text = written(m);
    sk_err why = SK_ERR_INIT;
    int64_t t = 0;
    if (!text || sk_utc_parse(text, strlen(text), SK_UTC_ASSUMED, &t, &why))
        return bad(m, "is a date: 2026-01-01, or 2026-01-01T12:00:00Z");
    /* Room for a simulation's years on both sides. */
    if (t < 0 || t > SK_UTC_END - INT64_C(3200000000)) return bad(m, "is from 1970 to 9890");
    *out = t;
    return SK_OK;
}

static sk_status micros(const member *m, int64_t *out)
{
    double v = 0;
    sk_status st = number(m, &v);
    if (!st) *out = flt_micros_of(v);
    return st;
}

/* Whether word is one of `words`. */
static bool one_of(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = words; n && *p;) {
        size_t len = strcspn(p, " ");
        if (len == n && memcmp(p, word, n) == 0) return true;
        p += len + (p[len] == ' ');
    }
    return false;
}

/* Printable text; `words`, if any, must have it. */
static sk_status text(const member *m, const char **out)
{
    const char *s = json_is_string(m->v) ? json_string_value(m->v) : written(m);
    if (!s || json_is_boolean(m->v)) return bad(m, "is text");
    size_t n = json_is_string(m->v) ? json_string_length(m->v) : strlen(s);
    if (n > TEXT_MOST) return bad(m, "is too long");
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7F) return bad(m, "has control characters");
    if (m->row->type == FLT_FIELD_WORD && !one_of(m->row->words, s))
        return sk_yaml_fail(m->f->y, m->line, m->e, SK_E_INVALID, "%s.%s is one of: %s", m->what,
                            m->row->key, m->row->words);
    const char *copy = sk_arena_strndup(m->f->mem, s, n);
    if (!copy) return sk_fail(m->e, SK_E_NOMEM, "no memory to read %s", sk_yaml_name(m->f->y));
    *out = copy;
    return SK_OK;
}

/* The value of a row of the table, by its type, to where the row says.  FLT_FIELD_OTHER is read by
 * whoever owns the table. */
static sk_status read_member(const member *m, void *into)
{
    void *to = (char *)into + m->row->offset;
    switch (m->row->type) {
    case FLT_FIELD_NUM:
        return number(m, to);
    case FLT_FIELD_INT:
        return whole(m, to);
    case FLT_FIELD_SECONDS:
        return seconds(m, to);
    case FLT_FIELD_TIME:
        return date(m, to);
    case FLT_FIELD_MICROS:
    case FLT_FIELD_PPM:
        return micros(m, to);
    case FLT_FIELD_TEXT:
    case FLT_FIELD_WORD:
        return text(m, to);
    case FLT_FIELD_OTHER:
        return SK_OK;
    }
    return SK_OK;
}

static sk_status unknown(const flt_fields *f, json_t *obj, const char *key, const char *what,
                         const flt_field *table, sk_err *e)
{
    const char *near = NULL;
    size_t best = 4;
    for (const flt_field *row = table; row->key; row++) {
        size_t d = sk_edit_distance(key, row->key, best);
        if (d >= best) continue;
        best = d;
        near = row->key;
    }
    return sk_yaml_fail(f->y, sk_yaml_line(f->y, obj, key, 0), e, SK_E_INVALID,
                        "%s has no \"%.60s\"%s%s%s", what, key, near ? "; did you mean \"" : "",
                        near ? near : "", near ? "\"?" : "");
}

sk_status flt_fields_read(const flt_fields *f, json_t *obj, unsigned line, const char *what,
                          const flt_field *table, void *into, sk_err *e)
{
    const char *key;
    json_t *v;
    if (!json_is_object(obj))
        return sk_yaml_fail(f->y, line, e, SK_E_INVALID, "%s has keys and values", what);
    json_object_foreach(obj, key, v)
    {
        const flt_field *row = table;
        while (row->key && strcmp(row->key, key) != 0)
            row++;
        if (!row->key) return unknown(f, obj, key, what, table, e);
        if (json_is_null(v)) continue;
        member m = {f, obj, v, sk_yaml_line(f->y, obj, key, 0), what, row, e};
        sk_status st = read_member(&m, into);
        if (st) return st;
    }
    return SK_OK;
}

/* A list that is missing is an empty one; every element is an object, so that callers need not
 * look. */
sk_status flt_fields_list(const flt_fields *f, json_t *obj, const char *key, size_t most,
                          json_t **list, size_t *n, sk_err *e)
{
    json_t *v = json_object_get(obj, key), *item;
    size_t i;
    *list = NULL;
    *n = 0;
    if (!v || json_is_null(v)) return SK_OK;
    unsigned line = sk_yaml_line(f->y, obj, key, 0);
    if (!json_is_array(v)) return sk_yaml_fail(f->y, line, e, SK_E_INVALID, "%s is a list", key);
    if (json_array_size(v) > most)
        return sk_yaml_fail(f->y, line, e, SK_E_INVALID, "%s has %zu elements; %zu are the most",
                            key, json_array_size(v), most);
    json_array_foreach(v, i, item)
    {
        if (!json_is_object(item))
            return sk_yaml_fail(f->y, sk_yaml_line(f->y, v, NULL, i), e, SK_E_INVALID,
                                "%s is a list of keys and values", key);
    }
    *list = v;
    *n = json_array_size(v);
    return SK_OK;
}

sk_status flt_fields_rows(const flt_fields *f, json_t *obj, const flt_list *l, void *arg,
                          void **rows, size_t *n, sk_err *e)
{
    json_t *list;
    size_t count;
    *rows = NULL;
    *n = 0;
    sk_status st = flt_fields_list(f, obj, l->key, l->most, &list, &count, e);
    if (st || !count) return st;
    char *row = sk_arena_calloc(f->mem, count, l->size);
    if (!row) return sk_fail(e, SK_E_NOMEM, "no memory to read %s", sk_yaml_name(f->y));
    for (size_t i = 0; i < count; i++) {
        unsigned line = sk_yaml_line(f->y, list, NULL, i);
        memcpy(row + i * l->size, l->begin, l->size);
        st = flt_fields_read(f, json_array_get(list, i), line, l->key, l->table, row + i * l->size,
                             e);
        if (!st) st = l->check(arg, row, i, line, e);
        if (st) return st;
    }
    *rows = row;
    *n = count;
    return SK_OK;
}
