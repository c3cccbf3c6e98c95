/* report.c - queries over the kept sums. */
#include "fleet/ledger/report.h"

#include <stdio.h>
#include <string.h>

#define BIG(x) "CAST(SUM(" x ") AS BIGINT)"

const char *flt_word_by(flt_by by)
{
#define ROW(name, word) word,
    static const char *const words[] = {FLT_BY_TABLE(ROW)};
#undef ROW
    return words[by];
}

int flt_by_of(const char *word)
{
    for (int i = 0; i < FLT_BY_N; i++)
        if (!strcmp(flt_word_by((flt_by)i), word)) return i;
    return -1;
}

const char *flt_word_charge(flt_charge_kind v)
{
    static const char *const words[FLT_CHARGE_KIND_N] = {"usage",     "unused", "purchase",
                                                         "shortfall", "credit", "other"};
    return words[v];
}

/* What a cell of the sums counts for. */
static const char *column_of(flt_by by)
{
    switch (by) {
    case FLT_BY_PROVIDER:
        return "r.provider";
    case FLT_BY_CONTRACT:
        return "COALESCE((SELECT m.contract FROM commitment m WHERE m.id = r.commitment), 0)";
    case FLT_BY_COMMITMENT:
        return "r.commitment";
    case FLT_BY_WORKLOAD:
        return "r.workload";
    case FLT_BY_POOL:
        return "r.pool";
    case FLT_BY_MONTH:
        return "r.billing";
    case FLT_BY_CATEGORY:
        return "r.category";
    default:
        return "r.kind";
    }
}

/* The name of a commitment: "contract/commitment". */
static const char *commitment_name(const flt_book *book, int64_t id, sk_arena *arena)
{
    const flt_commitment *m = flt_book_commitment(book, id);
    const flt_contract *k = m ? flt_book_contract(book, m->contract) : NULL;
    char name[160];
    if (!k) return "-";
    (void)snprintf(name, sizeof name, "%s/%s", k->name, m->name);
    return sk_arena_strndup(arena, name, strlen(name));
}

/* The name a line's key stands for; NULL without memory. */
static const char *name_of(const flt_book *book, flt_by by, int64_t key, sk_arena *arena)
{
    char text[SK_UTC_TEXT];
    const flt_provider *p = NULL;
    const flt_contract *k = NULL;
    const flt_workload *w = NULL;
    const flt_pool *pool = NULL;
    switch (by) {
    case FLT_BY_PROVIDER:
        p = flt_book_provider(book, key);
        return p ? p->name : "-";
    case FLT_BY_CONTRACT:
        k = flt_book_contract(book, key);
        return k ? k->name : "-";
    case FLT_BY_COMMITMENT:
        return commitment_name(book, key, arena);
    case FLT_BY_WORKLOAD:
        w = flt_book_workload(book, key);
        return w ? w->name : "-";
    case FLT_BY_POOL:
        pool = flt_book_pool(book, key);
        return pool ? pool->name : "-";
    case FLT_BY_MONTH:
        sk_utc_print(key, text);
        return sk_arena_strndup(arena, text, 7);
    case FLT_BY_CATEGORY:
        return flt_word_category((flt_category)key);
    default:
        return flt_word_charge((flt_charge_kind)key);
    }
}

static sk_status no_memory(sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory for a report");
}

/* Reads the lines of a statement into the arena: all of them counted first, since an arena does not
 * grow what is in it. */
static sk_status read_lines(flt_stmt *s, const flt_book *book, flt_by by, sk_arena *arena,
                            flt_line **out, size_t *n, sk_err *e)
{
    size_t cap = 0, have = 0;
    flt_line *line = NULL;
    for (;;) {
        bool row;
        sk_status st = flt_stmt_step(s, &row, e);
        if (st) return st;
        if (!row) break;
        if (have == cap) {
            flt_line *more = sk_new_n(arena, flt_line, cap ? cap * 2 : 32);
            if (!more) return no_memory(e);
            if (have) memcpy(more, line, have * sizeof *line);
            line = more;
            cap = cap ? cap * 2 : 32;
        }
        const char *currency = flt_col_text(s, 1);
        flt_line *x = &line[have++];
        *x = (flt_line){.key = flt_col_int(s, 0),
                        .n = flt_col_int(s, 2),
                        .quantity = flt_col_int(s, 3),
                        .list_micros = flt_col_int(s, 4),
                        .contracted_micros = flt_col_int(s, 5),
                        .billed_micros = flt_col_int(s, 6),
                        .effective_micros = flt_col_int(s, 7)};
        x->currency = sk_arena_strndup(arena, currency, strlen(currency));
        x->name = name_of(book, by, x->key, arena);
        if (!x->name || !x->currency) return no_memory(e);
    }
    *out = line;
    *n = have;
    return SK_OK;
}

/* From the sums of days (rollup), not from the charges: the answer takes as long for a year as the
 * year has days.  column_of() gives one of a few fixed texts, so nothing from outside gets into the
 * statement. */
sk_status flt_ledger_report(flt_db *db, const flt_book *book, flt_by by, flt_origin origin,
                            sk_span span, sk_arena *arena, flt_line **out, size_t *n, sk_err *e)
{
    char sql[700];
    flt_stmt *s;
    (void)snprintf(sql, sizeof sql,
                   "SELECT %s, r.currency, CAST(SUM(r.n) AS BIGINT), CAST(SUM(r.quantity) AS "
                   "BIGINT), CAST(SUM(r.list_micros) AS BIGINT), CAST(SUM(r.contracted_micros) "
                   "AS BIGINT), CAST(SUM(r.billed_micros) AS BIGINT), "
                   "CAST(SUM(r.effective_micros) AS BIGINT) FROM rollup r WHERE r.day >= $1 AND "
                   "r.day < $2 AND r.origin = $3 GROUP BY 1, 2 ORDER BY 1, 2",
                   column_of(by));
    sk_status st = flt_db_prepare(db, sql, &s, e);
    if (st) return st;
    flt_bind_int(s, 1, span.from);
    flt_bind_int(s, 2, span.to);
    flt_bind_int(s, 3, (int64_t)origin);
    st = read_lines(s, book, by, arena, out, n, e);
    flt_stmt_free(s);
    return st;
}
