/* suite.c - the questions a model is tried on, read from JSON lines. */
#include "engine/eval/suite.h"

#include "base/file.h"
#include "base/json.h"
#include "engine/eval/number.h"
#include "engine/eval/reply.h"

#include <assert.h>
#include <string.h>

/* Bytes of a file of items, and levels a line may be nested: other members may hold anything. */
#define MAX_BYTES ((uint64_t)1 << 30)
#define MAX_DEPTH 32

/* What a file of each kind must have in its lines; the first has the form of the line decide. */
static const struct form {
    eng_suite_kind kind;
    const char *has, *options, *texts[2]; /* the field that tells it; a list; strings, NULL: none */
    bool gold;
} forms[] = {
    {ENG_SUITE_CHOICE, "choices", "choices", {"query", NULL}, true},
    {ENG_SUITE_SCHEMA, "context_options", "context_options", {"continuation", NULL}, true},
    {ENG_SUITE_EXACT, "continuation", NULL, {"context", "continuation"}, false},
    {ENG_SUITE_ANSWER, "answer", NULL, {"context", NULL}, false},
    {ENG_SUITE_REPLY, "accept", NULL, {NULL, NULL}, false},
};

typedef struct reader {
    eng_suite *s;
    const struct form *form; /* NULL before the first item */
    size_t cap;              /* of s->item while reading */
} reader;

/* A copy of a text in the suite's arena; with `keep` it must have a byte that is no space. */
static sk_status copy(const reader *r, const char *field, const char *text, bool keep,
                      const char **out, sk_err *e)
{
    if (keep && !text[strspn(text, " \t\r\n")])
        return sk_fail(e, SK_E_FORMAT, "\"%s\" is empty", field);
    *out = sk_arena_strndup(r->s->mem, text, strlen(text));
    return *out ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the items");
}

/* A string of the line; absent is an error unless `may_lack`, which leaves *out as it is. */
static sk_status read_text(const reader *r, json_t *obj, const char *field, bool may_lack,
                           const char **out, sk_err *e)
{
    const char *text = NULL;
    sk_status st = sk_json_get_str(obj, field, &text, e);
    if (st) return st;
    if (!text && may_lack) return SK_OK;
    if (!text) return sk_fail(e, SK_E_FORMAT, "\"%s\" is missing", field);
    return copy(r, field, text, !may_lack, out, e);
}

/* The list of options: at least two texts, none of them empty. */
static sk_status read_options(const reader *r, json_t *obj, eng_suite_item *it, sk_err *e)
{
    const char *field = r->form->options;
    json_t *list = json_object_get(obj, field);
    size_t n = json_array_size(list);
    if (n < 2 || n > ENG_SUITE_OPTIONS)
        return sk_fail(e, SK_E_FORMAT, "\"%s\" must be a list of 2 to %d texts", field,
                       ENG_SUITE_OPTIONS);
    const char **opt = sk_new_n(r->s->mem, const char *, n);
    if (!opt) return sk_fail(e, SK_E_NOMEM, "no memory for the items");
    for (size_t i = 0; i < n; i++) {
        json_t *v = json_array_get(list, i);
        const char *text = json_string_value(v);
        if (!text || strlen(text) != json_string_length(v))
            return sk_fail(e, SK_E_FORMAT, "\"%s\"[%zu] is not a text", field, i);
        sk_status st = copy(r, field, text, true, &opt[i], e);
        if (st) return st;
    }
    it->opt = opt;
    it->n = n;
    return SK_OK;
}

/* Which option is right. */
static sk_status read_gold(json_t *obj, eng_suite_item *it, sk_err *e)
{
    int64_t gold = -1;
    if (!json_object_get(obj, "gold")) return sk_fail(e, SK_E_FORMAT, "\"gold\" is missing");
    sk_status st = sk_json_get_int(obj, "gold", 0, (int64_t)it->n - 1, &gold, e);
    if (!st && gold < 0) return sk_fail(e, SK_E_FORMAT, "\"gold\" must be a number");
    it->gold = st ? 0 : (size_t)gold;
    return st;
}

/* The answer of an ANSWER: a number, or a text that is one. */
static sk_status read_answer(const reader *r, json_t *obj, eng_suite_item *it, sk_err *e)
{
    json_t *v = json_object_get(obj, "answer");
    double value;
    if (json_is_number(v)) {
        sk_buf b = SK_BUF_INIT;
        sk_json_add_num(&b, json_number_value(v));
        sk_status st = sk_buf_ok(&b) && b.p ? copy(r, "answer", b.p, true, &it->continuation, e)
                                            : sk_fail(e, SK_E_NOMEM, "no memory for the items");
        sk_buf_fini(&b);
        return st;
    }
    sk_status st = read_text(r, obj, "answer", false, &it->continuation, e);
    if (st) return st;
    return eng_number_find(it->continuation, &value)
               ? SK_OK
               : sk_fail(e, SK_E_FORMAT, "\"answer\" is not a number");
}

/* The form of a line by its fields, NULL if it has none of them. */
static const struct form *form_of(json_t *obj)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (json_object_get(obj, forms[i].has)) return &forms[i];
    return NULL;
}

/* The first line decides for the file. */
static sk_status check_form(reader *r, json_t *obj, sk_err *e)
{
    if (!json_is_object(obj)) return sk_fail(e, SK_E_FORMAT, "a line must be a JSON object");
    const struct form *f = form_of(obj);
    if (!f && r->form) return sk_fail(e, SK_E_FORMAT, "\"%s\" is missing", r->form->has);
    if (!f && json_object_get(obj, "entry_point"))
        return sk_fail(e, SK_E_UNSUPPORTED, "asks for programs to be run, which isn't done here");
    if (!f)
        return sk_fail(e, SK_E_FORMAT,
                       "no item: needs \"choices\", \"context_options\", \"continuation\", "
                       "\"answer\" or \"accept\"");
    if (r->form && r->form != f)
        return sk_fail(e, SK_E_FORMAT, "another form than the lines before: \"%s\" but not \"%s\"",
                       f->has, r->form->has);
    r->form = f;
    r->s->kind = f->kind;
    return SK_OK;
}

static sk_status read_item(const reader *r, json_t *obj, eng_suite_item *it, sk_err *e)
{
    const struct form *f = r->form;
    const char *text[2] = {NULL, NULL};
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < 2 && f->texts[i]; i++)
        st = read_text(r, obj, f->texts[i], false, &text[i], e);
    if (!st) st = read_text(r, obj, "delimiter", true, &it->delimiter, e);
    it->n = 1;
    it->query = f->kind == ENG_SUITE_SCHEMA ? NULL : text[0];
    it->continuation = f->kind == ENG_SUITE_SCHEMA ? text[0] : text[1];
    if (!st && f->options) st = read_options(r, obj, it, e);
    if (!st && f->gold) st = read_gold(obj, it, e);
    if (!st && f->kind == ENG_SUITE_ANSWER) st = read_answer(r, obj, it, e);
    if (!st && f->kind == ENG_SUITE_ANSWER)
        st = read_text(r, obj, "chain_of_thought", true, &it->thought, e);
    if (!st && f->kind == ENG_SUITE_REPLY) st = eng_reply_read(r->s->mem, obj, it, e);
    return st;
}

/* Appends an item; the array is the heap's while it grows. */
static sk_status push(reader *r, const eng_suite_item *it, sk_err *e)
{
    if (r->s->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 64;
        eng_suite_item *item = sk_realloc(SK_MEM_MISC, r->s->item, cap * sizeof *item);
        if (!item) return sk_fail(e, SK_E_NOMEM, "no memory for %zu items", cap);
        r->s->item = item;
        r->cap = cap;
    }
    r->s->item[r->s->n++] = *it;
    return SK_OK;
}

static sk_status read_line(void *arg, json_t *obj, size_t number, sk_err *e)
{
    reader *r = arg;
    eng_suite_item it = {.line = number};
    sk_status st = check_form(r, obj, e);
    if (!st) st = read_item(r, obj, &it, e);
    return st ? st : push(r, &it, e);
}

static sk_status read_lines(reader *r, const char *text, size_t n, sk_err *e)
{
    sk_status st = sk_json_lines(r->s->name, text, n, MAX_DEPTH, read_line, r, e);
    if (!st && !r->s->n) return sk_fail(e, SK_E_FORMAT, "%s: there is no item in it", r->s->name);
    if (st != SK_E_INVALID) return st;
    if (e) e->status = SK_E_FORMAT; /* the file is bad, not the request */
    return SK_E_FORMAT;
}

sk_status eng_suite_parse(const char *name, const char *text, size_t n, eng_suite **out, sk_err *e)
{
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    reader r = {.s = mem ? sk_new(mem, eng_suite) : NULL};
    const char *own = r.s ? sk_arena_strndup(mem, name, strlen(name)) : NULL;
    if (!own) {
        sk_arena_free(mem);
        return sk_fail(e, SK_E_NOMEM, "no memory for the items of %s", name);
    }
    *r.s = (eng_suite){.mem = mem, .name = own};
    sk_status st = read_lines(&r, text, n, e);
    if (!st)
        *out = r.s;
    else
        eng_suite_close(r.s);
    return st;
}

sk_status eng_suite_load(const char *path, eng_suite **out, sk_err *e)
{
    sk_buf text = SK_BUF_INIT;
    sk_status st = sk_file_load(path, MAX_BYTES, &text, e);
    if (!st) st = eng_suite_parse(path, text.p ? text.p : "", text.len, out, e);
    sk_buf_fini(&text);
    return st;
}

void eng_suite_close(eng_suite *s)
{
    if (!s) return;
    sk_free(s->item);
    sk_arena_free(s->mem);
}

void eng_suite_get_info(const eng_suite *s, eng_suite_info *out)
{
    *out = (eng_suite_info){s->kind, s->n};
}

const char *eng_suite_kind_name(eng_suite_kind k)
{
    static const char *const name[] = {"choice", "schema", "exact", "answer", "reply"};
    assert((size_t)k < sizeof name / sizeof *name);
    return name[k];
}

bool eng_suite_is_written(eng_suite_kind k)
{
    return k == ENG_SUITE_ANSWER || k == ENG_SUITE_REPLY;
}
