/* rows.c - keeping one kind of row: add, set, list, show, remove, end. */
#include "cli/fleet/rows.h"

#include "cli/fleet/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *cmd_rows_text(const cmd_verb *v, const cmd_rows_opts *o, const char *name)
{
    char flag[32];
    size_t i = 0;
    for (; name[i] && i + 1 < sizeof flag; i++)
        flag[i] = name[i] == '_' ? '-' : name[i];
    flag[i] = 0;
    const sk_opt *row = sk_opt_find(&v->opt, flag);
    const char *text;
    if (!row || row->type != SK_OPT_STRING) return NULL;
    memcpy(&text, (const char *)o + row->offset, sizeof text);
    return text;
}

sk_status cmd_rows_say(const cmd_rows_opts *o, sk_err *e, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    if (o->common.quiet) return SK_OK;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return cmd_outf(e, "%s\n", text);
}

/* ---- changing ---------------------------------------------------------------------------------
 */

typedef struct rows_job {
    cmd_rows_change change;
    void *arg;
} rows_job;

static sk_status work(flt_db *db, void *arg, sk_err *e)
{
    rows_job *job = arg;
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    flt_book b;
    flt_draft d;
    flt_saved saved;
    if (!a) return sk_fail(e, SK_E_NOMEM, "no memory for the fleet");
    sk_status st = flt_store_load(db, a, &b, e);
    if (!st) st = flt_draft_begin(&d, &b, a, e);
    if (!st) st = job->change(&d, db, job->arg, e);
    if (!st) st = flt_draft_save(&d, db, &saved, e);
    sk_arena_free(a);
    return st;
}

sk_status cmd_rows_do(const char *db, cmd_rows_change change, void *arg, sk_err *e)
{
    flt_db *d;
    sk_status st = cmd_fleet_open(db, &d, e);
    if (st) return st;
    st = flt_db_do(d, work, &(rows_job){change, arg}, e);
    flt_db_close(d);
    return st;
}

sk_status cmd_rows_set(const cmd_verb *v, const cmd_rows_opts *o, flt_row_kind kind, flt_draft *d,
                       void *row, bool *any, sk_err *e)
{
    const flt_rows *k = flt_rows_of(kind);
    *any = false;
    for (size_t i = 0; i < k->n; i++) {
        const char *text = cmd_rows_text(v, o, k->field[i].name);
        if (!text) continue;
        *any = true;
        sk_status st = flt_field_set(&k->field[i], &d->book, d->a, text, row, e);
        if (st) return st;
    }
    return SK_OK;
}

sk_status cmd_rows_missing(const cmd_verb *v, const cmd_rows_opts *o, flt_row_kind kind, sk_err *e)
{
    const flt_rows *k = flt_rows_of(kind);
    for (size_t i = 0; i < k->n; i++) {
        const flt_field *f = &k->field[i];
        if (f->absent || f->derived || !strcmp(f->name, "name")) continue;
        if (cmd_rows_text(v, o, f->name)) continue;
        if (!strcmp(f->name, "to") && o->term) continue;
        char flag[32];
        (void)snprintf(flag, sizeof flag, "%s", f->name);
        for (char *p = flag; *p; p++)
            if (*p == '_') *p = '-';
        return sk_fail(e, SK_E_USAGE, "a new %s needs --%s", k->name, flag);
    }
    return SK_OK;
}

/* What is to be done with one row. */
typedef struct rows_deed {
    const cmd_verb *v;
    const cmd_rows_opts *o;
    flt_row_kind kind;
    const char *name;
    int64_t id; /* out */
} rows_deed;

/* Sets the name of a new row, "" for kinds without one. */
static sk_status set_name(flt_draft *d, const rows_deed *w, void *row, sk_err *e)
{
    const flt_field *f = flt_field_named(w->kind, "name");
    return f ? flt_field_set(f, &d->book, d->a, w->name, row, e) : SK_OK;
}

/* `--term 7y` instead of --to. */
static sk_status set_term(const rows_deed *w, void *row, sk_err *e)
{
    const flt_field *from = flt_field_named(w->kind, "from"), *to = flt_field_named(w->kind, "to");
    int64_t end;
    if (!w->o->term || !from || !to) return SK_OK;
    sk_status st = sk_utc_after(flt_field_int(from, row), w->o->term, &end, e);
    if (!st) flt_field_set_int(to, row, end);
    return st ? sk_while(e, "--term") : SK_OK;
}

static sk_status add_row(flt_draft *d, flt_db *db, void *arg, sk_err *e)
{
    rows_deed *w = arg;
    void *row;
    bool any;
    (void)db;
    sk_status st = flt_draft_add(d, w->kind, &row, e);
    if (!st) st = set_name(d, w, row, e);
    if (!st) st = cmd_rows_set(w->v, w->o, w->kind, d, row, &any, e);
    if (!st) st = set_term(w, row, e);
    if (!st) st = flt_rows_of(w->kind)->check(&d->book, row, e);
    w->id = st ? 0 : flt_row_id(row);
    return st;
}

static sk_status no_such(flt_row_kind kind, const char *name, sk_err *e)
{
    const char *word = flt_rows_of(kind)->name;
    return sk_fail(e, SK_E_NOTFOUND, "there is no %s \"%.64s\"; `stoke fleet %s list` shows them",
                   word, name, word);
}

static sk_status set_row(flt_draft *d, flt_db *db, void *arg, sk_err *e)
{
    rows_deed *w = arg;
    bool any;
    (void)db;
    const void *old = flt_row_named(&d->book, w->kind, w->name);
    if (!old) return no_such(w->kind, w->name, e);
    void *row = flt_draft_edit(d, w->kind, old);
    flt_pool_state before = w->kind == FLT_ROW_POOL ? ((flt_pool *)row)->state : FLT_POOL_UP;
    sk_status st = cmd_rows_set(w->v, w->o, w->kind, d, row, &any, e);
    if (!st && !any) st = sk_fail(e, SK_E_USAGE, "say what to set, by a flag");
    if (!st && w->kind == FLT_ROW_POOL && ((flt_pool *)row)->state != before)
        ((flt_pool *)row)->epoch++;
    return st ? st : flt_book_check(&d->book, e);
}

/* The end of an offer: what comes after is another row. */
static sk_status end_row(flt_draft *d, flt_db *db, void *arg, sk_err *e)
{
    rows_deed *w = arg;
    const flt_field *to = flt_field_named(w->kind, "to");
    (void)db;
    const void *old = flt_row_named(&d->book, w->kind, w->name);
    if (!old) return no_such(w->kind, w->name, e);
    if (!w->o->at) return sk_fail(e, SK_E_USAGE, "say when it ends: --at DATE");
    void *row = flt_draft_edit(d, w->kind, old);
    sk_status st = flt_field_set(to, &d->book, d->a, w->o->at, row, e);
    return st ? sk_while(e, "--at") : flt_book_check(&d->book, e);
}

static sk_status remove_row(flt_draft *d, flt_db *db, void *arg, sk_err *e)
{
    rows_deed *w = arg;
    const void *row = flt_row_named(&d->book, w->kind, w->name);
    if (!row) return no_such(w->kind, w->name, e);
    return flt_store_remove(db, w->kind, flt_row_id(row), e);
}

sk_status cmd_rows_remove(const cmd_rows_opts *o, flt_row_kind kind, const char *name, sk_err *e)
{
    rows_deed w = {.o = o, .kind = kind, .name = name};
    sk_status st = cmd_rows_do(o->db, remove_row, &w, e);
    return st ? st : cmd_rows_say(o, e, "removed %s %s", flt_rows_of(kind)->name, name);
}

/* ---- showing ----------------------------------------------------------------------------------
 */

static void add_cell(cmd_table *t, const flt_book *b, const flt_field *f, const void *row,
                     sk_buf *text)
{
    sk_buf_reset(text);
    flt_field_print(f, b, row, text);
    cmd_table_add(t, text->len ? text->p : "");
}

/* A line of heads, then a line a row: its name (offers and reservations: number) and columns. */
static void list_table(const flt_book *b, flt_row_kind kind, const char *const *columns,
                       sk_buf *out)
{
    const flt_rows *k = flt_rows_of(kind);
    size_t n, width = 1;
    const char *row = flt_rows_in(b, kind, &n);
    for (const char *const *c = columns; *c; c++)
        width++;
    cmd_table t = CMD_TABLE(width);
    sk_buf text = SK_BUF_INIT;
    cmd_table_add(&t, flt_field_named(kind, "name") ? k->name : "number");
    for (const char *const *c = columns; *c; c++)
        cmd_table_add(&t, *c);
    for (size_t i = 0; i < n; i++, row += k->size) {
        sk_buf_reset(&text);
        flt_row_name(b, kind, row, &text);
        cmd_table_add(&t, text.len ? text.p : "");
        for (const char *const *c = columns; *c; c++)
            add_cell(&t, b, flt_field_named(kind, *c), row, &text);
    }
    if (!n) sk_buf_addf(out, "no %s yet\n", k->plural);
    sk_buf_fini(&text);
    cmd_table_end(&t, out);
}

static void list_json(const flt_book *b, flt_row_kind kind, sk_buf *out)
{
    const flt_rows *k = flt_rows_of(kind);
    size_t n;
    const char *row = flt_rows_in(b, kind, &n);
    sk_buf_addf(out, "{\"%s\":[", k->plural);
    for (size_t i = 0; i < n; i++, row += k->size) {
        if (i) sk_buf_addc(out, ',');
        flt_row_json(b, kind, row, out);
    }
    sk_buf_adds(out, "]}\n");
}

sk_status cmd_rows_list(const cmd_rows_opts *o, flt_row_kind kind, const char *const *columns,
                        sk_err *e)
{
    sk_arena *a;
    flt_book b;
    sk_buf out = SK_BUF_INIT;
    sk_status st = cmd_fleet_book(o->db, &a, &b, e);
    if (st) return st;
    if (o->json)
        list_json(&b, kind, &out);
    else
        list_table(&b, kind, columns, &out);
    sk_arena_free(a);
    return cmd_out_buf(&out, e);
}

static void show_lines(const flt_book *b, flt_row_kind kind, const void *row, sk_buf *out)
{
    const flt_rows *k = flt_rows_of(kind);
    sk_buf text = SK_BUF_INIT;
    for (size_t i = 0; i < k->n; i++) {
        sk_buf_reset(&text);
        flt_field_print(&k->field[i], b, row, &text);
        if (!text.len) continue;
        sk_buf_addf(out, "%-18s %s\n", k->field[i].name, text.p);
    }
    sk_buf_fini(&text);
}

sk_status cmd_rows_show(const cmd_rows_opts *o, flt_row_kind kind, const char *name, sk_err *e)
{
    sk_arena *a;
    flt_book b;
    sk_buf out = SK_BUF_INIT;
    sk_status st = cmd_fleet_book(o->db, &a, &b, e);
    if (st) return st;
    const void *row = flt_row_named(&b, kind, name);
    if (!row) st = no_such(kind, name, e);
    if (row && o->json) flt_row_json(&b, kind, row, &out);
    if (row && o->json) sk_buf_addc(&out, '\n');
    if (row && !o->json) show_lines(&b, kind, row, &out);
    sk_arena_free(a);
    return st ? st : cmd_out_buf(&out, e);
}

/* ---- the verb ---------------------------------------------------------------------------------
 */

static sk_status add(rows_deed *w, sk_err *e)
{
    const flt_rows *k = flt_rows_of(w->kind);
    bool named = flt_field_named(w->kind, "name") != NULL;
    if (named && !w->name) return sk_fail(e, SK_E_USAGE, "name the new %s: add NAME", k->name);
    if (!named && w->name)
        return sk_fail(e, SK_E_USAGE, "%s have numbers, not names: leave out \"%.40s\"", k->plural,
                       w->name);
    sk_status st = cmd_rows_missing(w->v, w->o, w->kind, e);
    if (!st) st = cmd_rows_do(w->o->db, add_row, w, e);
    if (st) return st;
    if (named) return cmd_rows_say(w->o, e, "added %s %s", k->name, w->name);
    return cmd_rows_say(w->o, e, "added %s", k->name);
}

static sk_status change(rows_deed *w, const char *deed, cmd_rows_change fn, sk_err *e)
{
    sk_status st = cmd_rows_do(w->o->db, fn, w, e);
    return st ? st : cmd_rows_say(w->o, e, "%s %s %s", deed, flt_rows_of(w->kind)->name, w->name);
}

/* The word decides, `list` where there is none.  What is asked of one row needs its name; offers
 * take `end` where other rows take `set`. */
sk_status cmd_rows_run(const cmd_verb *v, flt_row_kind kind, const char *const *columns, int argc,
                       char **argv, sk_err *e)
{
    cmd_rows_opts o = {0};
    sk_opt_list args = {.n = 0};
    bool done;
    sk_status st = cmd_parse(v, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    const char *deed = args.n ? args.item[0] : "list";
    rows_deed w = {.v = v, .o = &o, .kind = kind, .name = args.n > 1 ? args.item[1] : NULL};
    if (!strcmp(deed, "list")) return cmd_rows_list(&o, kind, columns, e);
    if (!strcmp(deed, "add")) return add(&w, e);
    /* An offer's price is never written over: it ends, and another begins. */
    bool offer = kind == FLT_ROW_OFFER, end = offer && !strcmp(deed, "end");
    bool set = !offer && !strcmp(deed, "set");
    if (strcmp(deed, "show") != 0 && strcmp(deed, "remove") != 0 && !set && !end)
        return sk_fail(e, SK_E_USAGE, "\"%.40s\" is none of list, add, show, %s, remove", deed,
                       offer ? "end" : "set");
    if (!w.name)
        return sk_fail(e, SK_E_USAGE, "say which %s: %s NAME", flt_rows_of(kind)->name, deed);
    if (end) return change(&w, "ended", end_row, e);
    if (!strcmp(deed, "show")) return cmd_rows_show(&o, kind, w.name, e);
    if (!strcmp(deed, "remove")) return cmd_rows_remove(&o, kind, w.name, e);
    return change(&w, "changed", set_row, e);
}
