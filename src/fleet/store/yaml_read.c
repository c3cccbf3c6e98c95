/* yaml_read.c - reading a fleet from a file. */
#include "fleet/store/yaml.h"

#include "fleet/book/promise.h"

#include <string.h>

/* What is read now. */
typedef struct reader {
    const sk_yaml *y;
    flt_draft *d;
} reader;

/* A sentence with its line before it. */
static sk_status at_line(const reader *r, unsigned line, const sk_err *why, sk_err *e)
{
    return sk_yaml_fail(r->y, line, e, why->status, "%s", why->text);
}

static unsigned line_of(const reader *r, const json_t *parent, const char *key)
{
    return sk_yaml_line(r->y, parent, key, 0);
}

static bool is_null(json_t *obj, const char *key)
{
    return json_is_null(json_object_get(obj, key));
}

/* The text of a plain member, "" for null; its line stands in errors. */
static sk_status member_text(const reader *r, json_t *obj, const char *key, const char **out,
                             sk_err *e)
{
    const char *text = is_null(obj, key) ? "" : sk_yaml_text(r->y, obj, key, 0);
    if (!text)
        return sk_yaml_fail(r->y, line_of(r, obj, key), e, SK_E_INVALID,
                            "%.40s is one value, no list or table", key);
    *out = text;
    return SK_OK;
}

/* ---- words that are no fields -----------------------------------------------------------------
 */

static bool is_promise(const char *key)
{
    for (size_t i = 0; flt_promise_word(i); i++)
        if (!strcmp(key, flt_promise_word(i))) return true;
    return false;
}

/* What a kind has besides its fields; read by the functions below. */
static bool is_special(flt_row_kind kind, const char *key)
{
    if (kind == FLT_ROW_CONTRACT) return !strcmp(key, "term") || !strcmp(key, "commitments");
    if (kind != FLT_ROW_COMMITMENT) return false;
    return !strcmp(key, "term") || !strcmp(key, "ramp") || !strcmp(key, "milestones") ||
           is_promise(key);
}

static sk_status unknown(const reader *r, flt_row_kind kind, unsigned line, const char *key,
                         sk_err *e)
{
    const flt_rows *k = flt_rows_of(kind);
    sk_buf list = SK_BUF_INIT;
    for (size_t i = 0; i < k->n; i++)
        if (!k->field[i].derived)
            sk_buf_addf(&list, "%s%s", list.len ? ", " : "", k->field[i].name);
    sk_status st = sk_yaml_fail(r->y, line, e, SK_E_INVALID, "a %s has no \"%.40s\"; it has %s",
                                k->name, key, list.p ? list.p : "others");
    sk_buf_fini(&list);
    return st;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static sk_status read_field(const reader *r, flt_row_kind kind, json_t *obj, const char *key,
                            void *row, sk_err *e)
{
    const flt_field *f = strchr(key, '-') ? NULL : flt_field_named(kind, key);
    unsigned line = line_of(r, obj, key);
    const char *text = "";
    sk_err why = SK_ERR_INIT;
    if (is_special(kind, key)) return SK_OK;
    if (!f || f->derived) return unknown(r, kind, line, key, e);
    sk_status st = member_text(r, obj, key, &text, e);
    if (st || (!*text && is_null(obj, key))) return st;
    if (flt_field_set(f, &r->d->book, r->d->a, text, row, &why)) return at_line(r, line, &why, e);
    return SK_OK;
}

/* The row's table: its fields, and that none is missing.  `line` is the row's. */
static sk_status read_fields(const reader *r, flt_row_kind kind, json_t *obj, unsigned line,
                             void *row, sk_err *e)
{
    const flt_rows *k = flt_rows_of(kind);
    const char *key;
    json_t *value;
    if (!json_is_object(obj))
        return sk_yaml_fail(r->y, line, e, SK_E_INVALID, "a %s is a table of its fields", k->name);
    json_object_foreach(obj, key, value)
    {
        sk_status st = read_field(r, kind, obj, key, row, e);
        if (st) return st;
    }
    for (size_t i = 0; i < k->n; i++) {
        const flt_field *f = &k->field[i];
        bool told = json_object_get(obj, f->name) && !is_null(obj, f->name);
        if (f->absent || f->derived || told || !strcmp(f->name, "name")) continue;
        if (kind == FLT_ROW_CONTRACT && !strcmp(f->name, "to") && json_object_get(obj, "term"))
            continue;
        return sk_yaml_fail(r->y, line, e, SK_E_INVALID, "this %s has no \"%s\"", k->name, f->name);
    }
    return SK_OK;
}

/* `term: 7y` instead of an end. */
static sk_status read_term(const reader *r, json_t *obj, sk_span *term, sk_err *e)
{
    const char *text = "";
    sk_err why = SK_ERR_INIT;
    if (!json_object_get(obj, "term") || is_null(obj, "term")) return SK_OK;
    unsigned line = line_of(r, obj, "term");
    if (json_object_get(obj, "to"))
        return sk_yaml_fail(r->y, line, e, SK_E_INVALID, "say either term or to");
    sk_status st = member_text(r, obj, "term", &text, e);
    if (st) return st;
    if (sk_utc_after(term->from, text, &term->to, &why)) return at_line(r, line, &why, e);
    return SK_OK;
}

/* A new row of a kind in a buffer, with its defaults and its name. */
static sk_status blank(const reader *r, flt_row_kind kind, const char *name, void *row, sk_err *e)
{
    memset(row, 0, flt_rows_of(kind)->size);
    sk_status st = flt_row_defaults(kind, r->d->a, row, e);
    if (!st && name) st = flt_field_set(flt_field_named(kind, "name"), NULL, r->d->a, name, row, e);
    return st;
}

/* Merges the row and checks it where it then stands. */
static sk_status settle(const reader *r, flt_row_kind kind, unsigned line, const void *row,
                        void **at, sk_err *e)
{
    sk_err why = SK_ERR_INIT;
    sk_status st = flt_draft_merge(r->d, kind, row, at, &why);
    if (!st) st = flt_rows_of(kind)->check(&r->d->book, *at, &why);
    return st ? at_line(r, line, &why, e) : SK_OK;
}

/* ---- commitments ------------------------------------------------------------------------------
 */

/* One step of a ramp ({from: DATE, amount: N}) or a milestone ({by: DATE, amount: N}). */
static sk_status read_step(const reader *r, json_t *list, size_t i, const char *when, flt_step *out,
                           sk_err *e)
{
    json_t *obj = json_array_get(list, i);
    unsigned line = sk_yaml_line(r->y, list, NULL, i);
    const char *t = "", *amount = "";
    sk_err why = SK_ERR_INIT;
    if (!json_is_object(obj) || json_object_size(obj) != 2 || !json_object_get(obj, when) ||
        !json_object_get(obj, "amount"))
        return sk_yaml_fail(r->y, line, e, SK_E_INVALID, "a step is {%s: DATE, amount: NUMBER}",
                            when);
    sk_status st = member_text(r, obj, when, &t, e);
    if (!st) st = member_text(r, obj, "amount", &amount, e);
    if (st) return st;
    if (sk_utc_parse(t, strlen(t), SK_UTC_ASSUMED, &out->t, &why) ||
        flt_money_parse(amount, strlen(amount), &out->amount, NULL, &why))
        return at_line(r, line, &why, e);
    return SK_OK;
}

static sk_status read_steps(const reader *r, json_t *obj, const char *key, const char *when,
                            const flt_step **out, size_t *n, sk_err *e)
{
    json_t *list = json_object_get(obj, key);
    if (!list || json_is_null(list)) return SK_OK;
    if (!json_is_array(list))
        return sk_yaml_fail(r->y, line_of(r, obj, key), e, SK_E_INVALID, "%s is a list of steps",
                            key);
    size_t count = json_array_size(list);
    flt_step *s = sk_new_n(r->d->a, flt_step, count);
    if (!s) return sk_fail(e, SK_E_NOMEM, "no memory for the fleet");
    for (size_t i = 0; i < count; i++) {
        sk_status st = read_step(r, list, i, when, &s[i], e);
        if (st) return st;
    }
    *out = s;
    *n = count;
    return SK_OK;
}

/* The one word that says how much is promised. */
static sk_status read_promise(const reader *r, json_t *obj, unsigned line, flt_commitment *c,
                              sk_err *e)
{
    const char *word = NULL, *text = "";
    sk_err why = SK_ERR_INIT;
    for (size_t i = 0; flt_promise_word(i); i++) {
        if (!json_object_get(obj, flt_promise_word(i))) continue;
        if (word)
            return sk_yaml_fail(r->y, line_of(r, obj, flt_promise_word(i)), e, SK_E_INVALID,
                                "%s besides %s: a commitment has one", flt_promise_word(i), word);
        word = flt_promise_word(i);
    }
    if (!word)
        return sk_yaml_fail(r->y, line, e, SK_E_INVALID,
                            "this commitment promises nothing: it needs spend, "
                            "spend_per_interval, spend_hourly, chips, chip_hours or "
                            "chip_hours_per_interval");
    sk_status st = member_text(r, obj, word, &text, e);
    if (st) return st;
    if (flt_promise_set(c, word, text, json_object_get(obj, "interval") != NULL, &why))
        return at_line(r, line_of(r, obj, word), &why, e);
    return SK_OK;
}

static sk_status read_commitment(const reader *r, json_t *all, const char *name, int64_t contract,
                                 sk_span term, sk_err *e)
{
    json_t *obj = json_object_get(all, name);
    unsigned line = line_of(r, all, name);
    flt_commitment c;
    void *at;
    sk_status st = blank(r, FLT_ROW_COMMITMENT, name, &c, e);
    if (!st) st = read_fields(r, FLT_ROW_COMMITMENT, obj, line, &c, e);
    if (st) return st;
    c.contract = contract;
    if (!json_object_get(obj, "from")) c.term.from = term.from;
    if (!json_object_get(obj, "to")) c.term.to = term.to;
    st = read_term(r, obj, &c.term, e);
    if (!st) st = read_promise(r, obj, line, &c, e);
    if (!st) st = read_steps(r, obj, "ramp", "from", &c.ramp, &c.n_ramp, e);
    if (!st) st = read_steps(r, obj, "milestones", "by", &c.milestone, &c.n_milestone, e);
    return st ? st : settle(r, FLT_ROW_COMMITMENT, line, &c, &at, e);
}

/* The contract goes into the draft before its commitments, which refer to its number. */
static sk_status read_contract(const reader *r, json_t *all, const char *name, sk_err *e)
{
    json_t *obj = json_object_get(all, name), *list;
    unsigned line = line_of(r, all, name);
    flt_contract c;
    void *at;
    sk_status st = blank(r, FLT_ROW_CONTRACT, name, &c, e);
    if (!st) st = read_fields(r, FLT_ROW_CONTRACT, obj, line, &c, e);
    if (!st) st = read_term(r, obj, &c.term, e);
    if (!st) st = settle(r, FLT_ROW_CONTRACT, line, &c, &at, e);
    if (st) return st;
    int64_t id = flt_row_id(at);
    list = json_object_get(obj, "commitments");
    if (!list || json_is_null(list)) return SK_OK;
    if (!json_is_object(list))
        return sk_yaml_fail(r->y, line_of(r, obj, "commitments"), e, SK_E_INVALID,
                            "commitments is a table of names");
    const char *key;
    json_t *value;
    json_object_foreach(list, key, value)
    {
        st = read_commitment(r, list, key, id, c.term, e);
        if (st) return st;
    }
    return SK_OK;
}

/* ---- sections ---------------------------------------------------------------------------------
 */

/* The largest of the rows. */
typedef union any_row {
    flt_provider provider;
    flt_chip chip;
    flt_pool pool;
    flt_offer offer;
    flt_reservation reservation;
    flt_workload workload;
} any_row;

/* A file that says nothing of a pool's state leaves it as it is. */
static void keep_state(const reader *r, flt_pool *p)
{
    const flt_pool *old = flt_book_pool_named(&r->d->book, p->name);
    if (old) p->state = old->state;
}

/* One row that is a table; `name` NULL for those without one. */
static sk_status read_row(const reader *r, flt_row_kind kind, json_t *obj, const char *name,
                          unsigned line, sk_err *e)
{
    any_row row;
    void *at;
    sk_status st = blank(r, kind, name, &row, e);
    if (!st) st = read_fields(r, kind, obj, line, &row, e);
    if (!st && kind == FLT_ROW_POOL && !json_object_get(obj, "state")) keep_state(r, &row.pool);
    return st ? st : settle(r, kind, line, &row, &at, e);
}

static sk_status read_named(const reader *r, flt_row_kind kind, json_t *all, sk_err *e)
{
    const char *key;
    json_t *value;
    json_object_foreach(all, key, value)
    {
        sk_status st = kind == FLT_ROW_CONTRACT
                           ? read_contract(r, all, key, e)
                           : read_row(r, kind, value, key, line_of(r, all, key), e);
        if (st) return st;
    }
    return SK_OK;
}

static sk_status read_list(const reader *r, flt_row_kind kind, json_t *all, sk_err *e)
{
    for (size_t i = 0; i < json_array_size(all); i++) {
        sk_status st =
            read_row(r, kind, json_array_get(all, i), NULL, sk_yaml_line(r->y, all, NULL, i), e);
        if (st) return st;
    }
    return SK_OK;
}

static sk_status read_section(const reader *r, flt_row_kind kind, sk_err *e)
{
    const char *key = flt_rows_of(kind)->plural;
    json_t *root = sk_yaml_root(r->y), *all = json_object_get(root, key);
    bool list = kind == FLT_ROW_OFFER || kind == FLT_ROW_RESERVATION;
    if (kind == FLT_ROW_COMMITMENT || !all || json_is_null(all)) return SK_OK;
    if (list ? !json_is_array(all) : !json_is_object(all))
        return sk_yaml_fail(r->y, line_of(r, root, key), e, SK_E_INVALID, "%s is a %s", key,
                            list ? "list" : "table of names");
    return list ? read_list(r, kind, all, e) : read_named(r, kind, all, e);
}

static bool is_section(const char *key)
{
    for (int k = 0; k < FLT_ROW_N; k++)
        if (k != FLT_ROW_COMMITMENT && !strcmp(key, flt_rows_of((flt_row_kind)k)->plural))
            return true;
    return false;
}

bool flt_yaml_is(const sk_yaml *y)
{
    return json_object_get(sk_yaml_root(y), "fleet") != NULL;
}

/* Sections are merged in the order of the kinds of rows, not of the file: what a row refers to is
 * there before it, wherever it stands. */
sk_status flt_yaml_merge(const sk_yaml *y, flt_draft *d, sk_err *e)
{
    reader r = {y, d};
    json_t *root = sk_yaml_root(y), *value;
    const char *key;
    if (!flt_yaml_is(y))
        return sk_yaml_fail(y, 1, e, SK_E_FORMAT, "this is no fleet: it has no line \"fleet: 1\"");
    if (json_integer_value(json_object_get(root, "fleet")) != 1)
        return sk_yaml_fail(y, sk_yaml_line(y, root, "fleet", 0), e, SK_E_UNSUPPORTED,
                            "this form of the file is not known; it is fleet: 1");
    json_object_foreach(root, key, value)
    {
        if (strcmp(key, "fleet") != 0 && !is_section(key))
            return sk_yaml_fail(y, sk_yaml_line(y, root, key, 0), e, SK_E_INVALID,
                                "a fleet has no \"%.40s\"; it has providers, chips, pools, "
                                "offers, contracts, reservations, workloads",
                                key);
    }
    for (int k = 0; k < FLT_ROW_N; k++) {
        sk_status st = read_section(&r, (flt_row_kind)k, e);
        if (st) return st;
    }
    return SK_OK;
}

sk_status flt_yaml_load(const char *path, sk_arena *a, flt_book *out, sk_err *e)
{
    static const flt_book none;
    sk_yaml *y;
    flt_draft d;
    sk_status st = sk_yaml_load(path, &y, e);
    if (st) return st;
    st = flt_draft_begin(&d, &none, a, e);
    if (!st) st = flt_yaml_merge(y, &d, e);
    sk_yaml_free(y);
    if (!st) *out = d.book;
    return st;
}

/* ---- into a store -----------------------------------------------------------------------------
 */

typedef struct import_job {
    const sk_yaml *y;
    flt_saved saved;
} import_job;

static sk_status import(flt_db *db, void *arg, sk_err *e)
{
    import_job *job = arg;
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    flt_book b;
    flt_draft d;
    if (!a) return sk_fail(e, SK_E_NOMEM, "no memory for the fleet");
    sk_status st = flt_store_load(db, a, &b, e);
    if (!st) st = flt_draft_begin(&d, &b, a, e);
    if (!st) st = flt_yaml_merge(job->y, &d, e);
    if (!st) st = flt_draft_save(&d, db, &job->saved, e);
    sk_arena_free(a);
    return st;
}

sk_status flt_yaml_import_doc(flt_db *db, const sk_yaml *y, flt_saved *saved, sk_err *e)
{
    import_job job = {.y = y};
    sk_status st = flt_db_do(db, import, &job, e);
    if (!st) *saved = job.saved;
    return st;
}

sk_status flt_yaml_import(flt_db *db, const char *path, flt_saved *saved, sk_err *e)
{
    sk_yaml *y;
    sk_status st = sk_yaml_load(path, &y, e);
    if (st) return st;
    st = flt_yaml_import_doc(db, y, saved, e);
    sk_yaml_free(y);
    return st;
}
