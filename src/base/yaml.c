/* yaml.c - libyaml's events put together to JSON values. */
#include "base/yaml.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/yaml_scalar.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

/* Where a value stands, and as what it was written.  true, false and null are single objects in
 * jansson, so a place is named by what the value is in. */
typedef struct place {
    const json_t *parent; /* NULL: the root */
    const char *key;      /* NULL: in an array, at `index` */
    size_t index;
    unsigned line;
    const char *text; /* NULL: a collection */
} place;

struct sk_yaml {
    sk_arena *mem;
    const char *name;
    json_t *root;
    sk_buf places; /* of struct place */
};

/* A collection that is not closed yet. */
typedef struct level {
    json_t *in;      /* borrowed from the document */
    const char *key; /* of an object: the one that waits for its value, else NULL */
    unsigned key_line;
} level;

/* A document in the making. */
typedef struct build {
    sk_yaml *y;
    level stack[SK_YAML_MAX_DEPTH];
    size_t depth;
    bool done; /* the document has ended */
    sk_err *e;
} build;

static sk_status no_memory(const sk_yaml *y, sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory to read %s", y->name);
}

sk_status sk_yaml_fail(const sk_yaml *y, unsigned line, sk_err *e, sk_status st, const char *fmt,
                       ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return sk_fail(e, st, "%s:%u: %s", y->name, line, text);
}

static unsigned line_of(const yaml_event_t *ev)
{
    return (unsigned)ev->start_mark.line + 1;
}

static const place *find(const sk_yaml *y, const json_t *parent, const char *key, size_t index)
{
    const place *p = (const void *)y->places.p;
    for (size_t i = 0; i < y->places.len / sizeof *p; i++) {
        if (p[i].parent != parent || !p[i].key != !key) continue;
        if (key ? strcmp(p[i].key, key) == 0 : p[i].index == index) return p + i;
    }
    return NULL;
}

/* Puts v, whose reference it takes, where the next value belongs, and notes its place. */
static sk_status put(build *b, const yaml_event_t *ev, json_t *v, const char *text)
{
    level *top = b->depth ? &b->stack[b->depth - 1] : NULL;
    place at = {.parent = top ? top->in : NULL, .line = line_of(ev), .text = text};
    int bad = 0;
    assert(v && (top || !b->y->root));
    if (!top) {
        b->y->root = v;
    } else if (json_is_array(top->in)) {
        at.index = json_array_size(top->in);
        bad = json_array_append_new(top->in, v);
    } else {
        assert(top->key);
        at.key = top->key;
        at.line = top->key_line;
        bad = json_object_set_new(top->in, top->key, v);
        top->key = NULL;
    }
    sk_buf_add(&b->y->places, &at, sizeof at);
    return bad || !sk_buf_ok(&b->y->places) ? no_memory(b->y, b->e) : SK_OK;
}

/* The scalar as a C string of the document; NULL, with the sentence, when it holds a NUL. */
static sk_status scalar_text(build *b, const yaml_event_t *ev, const char **out)
{
    const char *s = (const char *)ev->data.scalar.value;
    size_t n = ev->data.scalar.length;
    if (strlen(s) != n)
        return sk_yaml_fail(b->y, line_of(ev), b->e, SK_E_FORMAT, "a NUL in a text");
    *out = sk_arena_strndup(b->y->mem, s, n);
    return *out ? SK_OK : no_memory(b->y, b->e);
}

/* A key of the mapping on top. */
static sk_status on_key(build *b, const yaml_event_t *ev, const char *text)
{
    assert(b->depth);
    level *top = &b->stack[b->depth - 1];
    if (json_object_get(top->in, text))
        return sk_yaml_fail(b->y, line_of(ev), b->e, SK_E_FORMAT,
                            "'%.100s' is given twice, first in line %u", text,
                            sk_yaml_line(b->y, top->in, text, 0));
    top->key = text;
    top->key_line = line_of(ev);
    return SK_OK;
}

static sk_status plain(build *b, const yaml_event_t *ev, const char *text, json_t **out)
{
    switch (sk_yaml_plain_value(text, ev->data.scalar.length, out)) {
    case SK_YAML_OK:
        return SK_OK;
    case SK_YAML_NO_MEMORY:
        return no_memory(b->y, b->e);
    case SK_YAML_HUGE:
        return sk_yaml_fail(b->y, line_of(ev), b->e, SK_E_FORMAT,
                            "the number %.40s is too large; put it in quotes if it is a text",
                            text);
    default:
        return sk_yaml_fail(b->y, line_of(ev), b->e, SK_E_FORMAT, "%s is no number to work with",
                            text);
    }
}

/* A key, or a value that is no collection. */
static sk_status on_scalar(build *b, const yaml_event_t *ev)
{
    level *top = b->depth ? &b->stack[b->depth - 1] : NULL;
    const char *text;
    json_t *v = NULL;
    sk_status st = scalar_text(b, ev, &text);
    if (st) return st;
    if (top && json_is_object(top->in) && !top->key) return on_key(b, ev, text);
    if (ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        st = plain(b, ev, text, &v);
    else if (!(v = json_string(text)))
        st = no_memory(b->y, b->e);
    return st ? st : put(b, ev, v, text);
}

/* A mapping or a sequence begins. */
static sk_status on_start(build *b, const yaml_event_t *ev, json_t *v)
{
    const level *top = b->depth ? &b->stack[b->depth - 1] : NULL;
    sk_status st = SK_OK;
    if (!v)
        st = no_memory(b->y, b->e);
    else if (top && json_is_object(top->in) && !top->key)
        st = sk_yaml_fail(b->y, line_of(ev), b->e, SK_E_FORMAT, "a key must be plain text");
    else if (b->depth == SK_YAML_MAX_DEPTH)
        st = sk_yaml_fail(b->y, line_of(ev), b->e, SK_E_FORMAT, "nested more than %d deep",
                          SK_YAML_MAX_DEPTH);
    if (st) {
        json_decref(v);
        return st;
    }
    st = put(b, ev, v, NULL);
    if (!st) b->stack[b->depth++] = (level){.in = v};
    return st;
}

/* Refuses what makes files surprising: anchors, aliases and tags. */
static sk_status check_plain(build *b, const yaml_event_t *ev)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (ev->type == YAML_SCALAR_EVENT) {
        anchor = ev->data.scalar.anchor;
        tag = ev->data.scalar.tag;
    } else if (ev->type == YAML_MAPPING_START_EVENT) {
        anchor = ev->data.mapping_start.anchor;
        tag = ev->data.mapping_start.tag;
    } else if (ev->type == YAML_SEQUENCE_START_EVENT) {
        anchor = ev->data.sequence_start.anchor;
        tag = ev->data.sequence_start.tag;
    }
    if (anchor || ev->type == YAML_ALIAS_EVENT)
        return sk_yaml_fail(b->y, line_of(ev), b->e, SK_E_FORMAT,
                            "anchors and aliases (& and *) are not taken; write the value out, or "
                            "in quotes");
    if (tag)
        return sk_yaml_fail(b->y, line_of(ev), b->e, SK_E_FORMAT,
                            "tags (!) are not taken; a text with a ! in front needs quotes");
    return SK_OK;
}

/* One event of libyaml.  A mapping or a sequence opens a level that its end event closes, so depth
 * counts what is open; aliases and tags were refused by check_plain. */
static sk_status on_event(build *b, const yaml_event_t *ev)
{
    sk_status st = check_plain(b, ev);
    if (st) return st;
    switch (ev->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->done)
            st = sk_yaml_fail(b->y, line_of(ev), b->e, SK_E_FORMAT, "a second document begins");
        return st;
    case YAML_DOCUMENT_END_EVENT:
        b->done = true;
        return SK_OK;
    case YAML_SCALAR_EVENT:
        return on_scalar(b, ev);
    case YAML_MAPPING_START_EVENT:
        return on_start(b, ev, json_object());
    case YAML_SEQUENCE_START_EVENT:
        return on_start(b, ev, json_array());
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        assert(b->depth > 0);
        b->depth--;
        return SK_OK;
    default:
        return SK_OK;
    }
}

/* libyaml's complaint, in its own words, which are fixed texts. */
static sk_status parser_error(const build *b, const yaml_parser_t *p)
{
    unsigned line = (unsigned)p->problem_mark.line + 1;
    const char *what = p->problem ? p->problem : "no YAML";
    if (p->error == YAML_MEMORY_ERROR) return no_memory(b->y, b->e);
    if (p->context && p->error != YAML_READER_ERROR)
        return sk_yaml_fail(b->y, line, b->e, SK_E_FORMAT, "%s (%s in line %u)", what, p->context,
                            (unsigned)p->context_mark.line + 1);
    return sk_yaml_fail(b->y, line, b->e, SK_E_FORMAT, "%s", what);
}

/* Runs all events through the builder. */
static sk_status read_events(build *b, yaml_parser_t *p)
{
    bool more = true;
    sk_status st = SK_OK;
    while (!st && more) {
        yaml_event_t ev;
        if (!yaml_parser_parse(p, &ev)) return parser_error(b, p);
        more = ev.type != YAML_STREAM_END_EVENT;
        st = on_event(b, &ev);
        yaml_event_delete(&ev);
    }
    if (!st && !b->y->root)
        st = sk_fail(b->e, SK_E_FORMAT, "%s: there is nothing in it", b->y->name);
    return st;
}

/* What must hold before libyaml sees a byte: it also reads UTF-16, and takes a NUL for an end. */
static sk_status check_bytes(const char *name, const char *p, size_t n, sk_err *e)
{
    if (n > SK_YAML_MAX_BYTES)
        return sk_fail(e, SK_E_TOOBIG, "%s: more than %d bytes of YAML", name, SK_YAML_MAX_BYTES);
    if (!sk_utf8_valid(p, n)) return sk_fail(e, SK_E_FORMAT, "%s: not UTF-8", name);
    if (n && memchr(p, 0, n)) return sk_fail(e, SK_E_FORMAT, "%s: a NUL byte in it", name);
    return SK_OK;
}

static sk_yaml *new_document(const char *name)
{
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    sk_yaml *y = mem ? sk_new(mem, sk_yaml) : NULL;
    if (y) {
        y->mem = mem;
        y->name = sk_arena_strndup(mem, name, strlen(name));
    }
    if (y && y->name) return y;
    sk_arena_free(mem);
    return NULL;
}

/* libyaml allocates by malloc, past our counters: what it holds is bounded by the size and the
 * depth, which are checked before and while it reads. */
sk_status sk_yaml_parse(const char *name, const char *p, size_t n, sk_yaml **out, sk_err *e)
{
    sk_status st = check_bytes(name, p, n, e);
    if (st) return st;
    sk_json_memory();
    yaml_parser_t parser;
    sk_yaml *y = new_document(name);
    if (!y) return sk_fail(e, SK_E_NOMEM, "no memory to read %s", name);
    if (!yaml_parser_initialize(&parser)) {
        st = no_memory(y, e);
    } else {
        build b = {.y = y, .e = e};
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&parser, (const unsigned char *)(n ? p : ""), n);
        st = read_events(&b, &parser);
        yaml_parser_delete(&parser);
    }
    if (st)
        sk_yaml_free(y);
    else
        *out = y;
    return st;
}

sk_status sk_yaml_load(const char *path, sk_yaml **out, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    sk_status st = sk_file_load(path, SK_YAML_MAX_BYTES, &b, e);
    if (!st) st = sk_yaml_parse(path, b.p, b.len, out, e);
    sk_buf_fini(&b);
    return st;
}

void sk_yaml_free(sk_yaml *y)
{
    if (!y) return;
    json_decref(y->root);
    sk_buf_fini(&y->places);
    sk_arena_free(y->mem);
}

json_t *sk_yaml_root(const sk_yaml *y)
{
    return y->root;
}

const char *sk_yaml_name(const sk_yaml *y)
{
    return y->name;
}

unsigned sk_yaml_line(const sk_yaml *y, const json_t *parent, const char *key, size_t index)
{
    const place *p = find(y, parent, key, index);
    return p ? p->line : 1;
}

const char *sk_yaml_text(const sk_yaml *y, const json_t *parent, const char *key, size_t index)
{
    const place *p = find(y, parent, key, index);
    return p ? p->text : NULL;
}
