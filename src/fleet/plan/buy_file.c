/* buy_file.c - a question of what to buy, read from a YAML file: tables of keys, one a kind of row.
 */
#include "fleet/plan/buy_file.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

/* What a value is, and where it goes. */
typedef enum kind {
    TEXT,
    NUMBER,   /* double */
    COUNT,    /* int64_t */
    INT,      /* int */
    MONEY,    /* int64_t, micro-units */
    PPM,      /* int64_t, from a share */
    MONTH,    /* int, months from the plan's start */
    SWITCH,   /* bool */
    CATEGORY, /* flt_category */
    CHIPS,    /* const double *, a month each: a number for all, or a list */
    DAY       /* double[24]: a list of shares */
} kind;

typedef struct field {
    const char *key;
    kind kind;
    size_t offset;
    bool required;
} field;

/* One kind of rows: the key of their list, their fields, and what a row is before it is read. */
typedef struct section {
    const char *key;
    const field *field;
    size_t n_field, size;
    const void *blank;
} section;

typedef struct reader {
    const sk_yaml *y;
    sk_arena *mem;
    flt_buy *b;
} reader;

#define F(T, name, kind_, member, required_)                                                       \
    {                                                                                              \
        name, kind_, offsetof(T, member), required_                                                \
    }

static const field offer_fields[] = {
    F(flt_buy_offer, "name", TEXT, name, true),
    F(flt_buy_offer, "provider", TEXT, provider, false),
    F(flt_buy_offer, "category", CATEGORY, category, true),
    F(flt_buy_offer, "price", MONEY, price_micros, true),
    F(flt_buy_offer, "rate", NUMBER, rate, false),
    F(flt_buy_offer, "chips-per-unit", COUNT, chips_per_unit, false),
    F(flt_buy_offer, "min-units", COUNT, min_units, false),
    F(flt_buy_offer, "limit-chips", COUNT, limit_chips, false),
    F(flt_buy_offer, "availability", NUMBER, availability, false),
    F(flt_buy_offer, "redo", NUMBER, redo, false),
    F(flt_buy_offer, "term-months", INT, term_months, false),
    F(flt_buy_offer, "first", MONTH, first, false),
    F(flt_buy_offer, "last", MONTH, last, false),
};

static const field spend_fields[] = {
    F(flt_buy_spend, "name", TEXT, name, true),
    F(flt_buy_spend, "provider", TEXT, provider, true),
    F(flt_buy_spend, "amount", MONEY, amount_micros, true),
    F(flt_buy_spend, "interval-months", INT, interval_months, false),
    F(flt_buy_spend, "discount", PPM, discount_ppm, false),
    F(flt_buy_spend, "signed", SWITCH, is_signed, false),
};

static const field serve_fields[] = {
    F(flt_buy_serve, "name", TEXT, name, true),
    F(flt_buy_serve, "chips", CHIPS, chips, true),
    F(flt_buy_serve, "day", DAY, shape, false),
};

static const field train_fields[] = {
    F(flt_buy_train, "name", TEXT, name, true),
    F(flt_buy_train, "chip-hours", NUMBER, chip_hours, true),
    F(flt_buy_train, "from", MONTH, from, false),
    F(flt_buy_train, "until", MONTH, until, false),
    F(flt_buy_train, "max-chips", NUMBER, max_chips, false),
    F(flt_buy_train, "spot", SWITCH, spot, false),
};

static const field held_fields[] = {
    F(flt_buy_held, "name", TEXT, name, true),
    F(flt_buy_held, "chips", NUMBER, chips, true),
    F(flt_buy_held, "from", MONTH, from, false),
    F(flt_buy_held, "until", MONTH, until, false),
};

/* ---- values ---- */

static sk_status wrong(const reader *r, const json_t *obj, const char *key, sk_err *e,
                       const char *what)
{
    return sk_yaml_fail(r->y, sk_yaml_line(r->y, obj, key, 0), e, SK_E_INVALID, "%s must be %s",
                        key, what);
}

static sk_status read_month(const reader *r, json_t *obj, const char *key, int *out, sk_err *e)
{
    const char *text = sk_yaml_text(r->y, obj, key, 0);
    int64_t t;
    if (!text || sk_utc_parse(text, strlen(text), SK_UTC_ASSUMED, &t, NULL))
        return wrong(r, obj, key, e, "a month, like 2027-03");
    sk_civil a = sk_utc_civil(r->b->start), c = sk_utc_civil(t);
    *out = (c.year - a.year) * 12 + c.month - a.month;
    return SK_OK;
}

/* A number for every month, or a list with one each. */
static sk_status read_chips(const reader *r, json_t *obj, const char *key, const double **out,
                            sk_err *e)
{
    const json_t *v = json_object_get(obj, key);
    size_t n = (size_t)r->b->months;
    double *p = sk_new_n(r->mem, double, n);
    if (!p) return sk_fail(e, SK_E_NOMEM, "no memory for a demand of %zu months", n);
    if (json_is_array(v) && json_array_size(v) != n)
        return wrong(r, obj, key, e, "one number for each month of the plan, or one for all");
    for (size_t i = 0; i < n; i++) {
        const json_t *x = json_is_array(v) ? json_array_get(v, i) : v;
        if (!json_is_number(x)) return wrong(r, obj, key, e, "a number, or one for each month");
        p[i] = json_number_value(x);
    }
    *out = p;
    return SK_OK;
}

static sk_status read_day(const reader *r, json_t *obj, const char *key, double *out, sk_err *e)
{
    const json_t *v = json_object_get(obj, key);
    if (!json_is_array(v) || json_array_size(v) != FLT_BUY_HOURS)
        return wrong(r, obj, key, e, "a list of 24 shares of the peak, from 00:00 UTC on");
    for (size_t i = 0; i < FLT_BUY_HOURS; i++) {
        const json_t *x = json_array_get(v, i);
        if (!json_is_number(x)) return wrong(r, obj, key, e, "a list of 24 numbers");
        out[i] = json_number_value(x);
    }
    return SK_OK;
}

static sk_status read_money(const reader *r, json_t *obj, const char *key, int64_t *out, sk_err *e)
{
    const char *text = sk_yaml_text(r->y, obj, key, 0);
    if (!text || flt_money_parse(text, strlen(text), out, NULL, NULL))
        return wrong(r, obj, key, e, "an amount of money");
    return SK_OK;
}

static sk_status read_category(const reader *r, json_t *obj, const char *key, flt_category *out,
                               sk_err *e)
{
    const char *text = json_string_value(json_object_get(obj, key));
    int c = text ? flt_category_of(text) : -1;
    if (c < 0) return wrong(r, obj, key, e, "on-demand, spot, block or reserved");
    *out = (flt_category)c;
    return SK_OK;
}

static sk_status read_text(const reader *r, json_t *obj, const char *key, const char **out,
                           sk_err *e)
{
    const char *text = sk_yaml_text(r->y, obj, key, 0);
    if (!text || !*text || strlen(text) > 64)
        return wrong(r, obj, key, e, "a text of 1 to 64 bytes");
    char *copy = sk_arena_strndup(r->mem, text, strlen(text));
    if (!copy) return sk_fail(e, SK_E_NOMEM, "no memory for a name");
    *out = copy;
    return SK_OK;
}

/* Puts the line before a getter's sentence. */
static sk_status at_line(const reader *r, const json_t *obj, const char *key, sk_status st,
                         const sk_err *said, sk_err *e)
{
    if (!st) return SK_OK;
    return sk_yaml_fail(r->y, sk_yaml_line(r->y, obj, key, 0), e, st, "%s", said->text);
}

/* Members that getters of base/json.h read. */
static sk_status read_plain(const reader *r, json_t *obj, const field *f, char *to, sk_err *e)
{
    sk_err said = SK_ERR_INIT;
    int64_t n = 0;
    double v = 0;
    sk_status st;
    switch (f->kind) {
    case NUMBER:
        st = sk_json_get_num(obj, f->key, 0, 1e18, (double *)(void *)to, &said);
        break;
    case PPM:
        st = sk_json_get_num(obj, f->key, 0, 1, &v, &said);
        if (!st) *(int64_t *)(void *)to = flt_micros_of(v);
        break;
    case SWITCH:
        st = sk_json_get_bool(obj, f->key, (bool *)(void *)to, &said);
        break;
    case INT:
        st = sk_json_get_int(obj, f->key, 0, FLT_BUY_MONTHS, &n, &said);
        if (!st) *(int *)(void *)to = (int)n;
        break;
    default:
        st = sk_json_get_int(obj, f->key, 0, INT64_C(1000000000), (int64_t *)(void *)to, &said);
    }
    return at_line(r, obj, f->key, st, &said, e);
}

static sk_status read_field(const reader *r, json_t *obj, const field *f, void *into, sk_err *e)
{
    char *to = (char *)into + f->offset;
    switch (f->kind) {
    case TEXT:
        return read_text(r, obj, f->key, (const char **)(void *)to, e);
    case MONEY:
        return read_money(r, obj, f->key, (int64_t *)(void *)to, e);
    case MONTH:
        return read_month(r, obj, f->key, (int *)(void *)to, e);
    case CATEGORY:
        return read_category(r, obj, f->key, (flt_category *)(void *)to, e);
    case CHIPS:
        return read_chips(r, obj, f->key, (const double **)(void *)to, e);
    case DAY:
        return read_day(r, obj, f->key, (double *)(void *)to, e);
    default:
        return read_plain(r, obj, f, to, e);
    }
}

/* ---- rows and sections ---- */

static const field *known(const section *s, const char *key)
{
    for (size_t i = 0; i < s->n_field; i++)
        if (strcmp(s->field[i].key, key) == 0) return &s->field[i];
    return NULL;
}

/* Members that are not known are refused before those that are missing: a name with a slip of the
 * pen is both. */
static sk_status read_row(const reader *r, const section *s, json_t *obj, unsigned line, void *into,
                          sk_err *e)
{
    const char *key;
    json_t *v;
    if (!json_is_object(obj))
        return sk_yaml_fail(r->y, line, e, SK_E_INVALID, "each of %s must be a mapping", s->key);
    json_object_foreach(obj, key, v)
    {
        const field *f = known(s, key);
        if (!f)
            return sk_yaml_fail(r->y, sk_yaml_line(r->y, obj, key, 0), e, SK_E_INVALID,
                                "%s have no %s", s->key, key);
        sk_status st = read_field(r, obj, f, into, e);
        if (st) return st;
    }
    for (size_t i = 0; i < s->n_field; i++)
        if (s->field[i].required && !json_object_get(obj, s->field[i].key))
            return sk_yaml_fail(r->y, line, e, SK_E_INVALID, "each of %s needs %s", s->key,
                                s->field[i].key);
    return SK_OK;
}

/* A list of rows of root; none if it has none. */
static sk_status read_section(const reader *r, const section *s, void **out, size_t *n, sk_err *e)
{
    json_t *root = sk_yaml_root(r->y), *list = json_object_get(root, s->key);
    *n = json_array_size(list);
    if (list && !json_is_array(list)) return wrong(r, root, s->key, e, "a list");
    char *rows = sk_arena_calloc(r->mem, *n + 1, s->size);
    if (!rows) return sk_fail(e, SK_E_NOMEM, "no memory for %zu of %s", *n, s->key);
    for (size_t i = 0; i < *n; i++) {
        memcpy(rows + i * s->size, s->blank, s->size);
        sk_status st = read_row(r, s, json_array_get(list, i), sk_yaml_line(r->y, list, NULL, i),
                                rows + i * s->size, e);
        if (st) return st;
    }
    *out = rows;
    return SK_OK;
}

#define SECTION(key_, fields, blank_)                                                              \
    {                                                                                              \
        key_, fields, sizeof(fields) / sizeof *(fields), sizeof(blank_), &(blank_)                 \
    }

/* A table of sections, each with the row that its own begin as; so a default stands here and
 * nowhere else. */
static sk_status read_sections(const reader *r, sk_err *e)
{
    flt_buy *b = r->b;
    flt_buy_offer offer = {.provider = "",
                           .rate = 1,
                           .chips_per_unit = 8,
                           .availability = 1,
                           .term_months = 12,
                           .last = b->months - 1};
    flt_buy_spend spend = {.interval_months = 12};
    flt_buy_serve serve = {.name = ""};
    flt_buy_train train = {.until = b->months};
    flt_buy_held held = {.until = b->months};
    for (int h = 0; h < FLT_BUY_HOURS; h++)
        serve.shape[h] = 1;
    const struct {
        section s;
        size_t *n;
        const void *to; /* a pointer to the array's pointer */
    } all[] = {
        {SECTION("offers", offer_fields, offer), &b->n_offer, &b->offer},
        {SECTION("spend", spend_fields, spend), &b->n_spend, &b->spend},
        {SECTION("serve", serve_fields, serve), &b->n_serve, &b->serve},
        {SECTION("train", train_fields, train), &b->n_train, &b->train},
        {SECTION("held", held_fields, held), &b->n_held, &b->held},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        void *rows = NULL;
        sk_status st = read_section(r, &all[i].s, &rows, all[i].n, e);
        if (st) return st;
        memcpy((void *)(uintptr_t)all[i].to, &rows, sizeof rows);
    }
    return SK_OK;
}

/* start, months, currency: and that there is nothing else. */
static sk_status read_frame(const reader *r, const char **currency, sk_err *e)
{
    static const char *const keys[] = {"start", "months", "currency", "offers",
                                       "spend", "serve",  "train",    "held"};
    json_t *root = sk_yaml_root(r->y), *v;
    const char *key, *text;
    if (!json_is_object(root))
        return sk_yaml_fail(r->y, 1, e, SK_E_INVALID, "a demand is a mapping");
    json_object_foreach(root, key, v)
    {
        size_t i = 0;
        while (i < sizeof keys / sizeof *keys && strcmp(keys[i], key) != 0)
            i++;
        if (i == sizeof keys / sizeof *keys)
            return sk_yaml_fail(r->y, sk_yaml_line(r->y, root, key, 0), e, SK_E_INVALID,
                                "a demand has no %s", key);
    }
    text = sk_yaml_text(r->y, root, "start", 0);
    if (!text || sk_utc_parse(text, strlen(text), SK_UTC_ASSUMED, &r->b->start, NULL))
        return wrong(r, root, "start", e, "a month, like 2027-01");
    r->b->start = sk_utc_month(r->b->start);
    json_int_t months = json_integer_value(json_object_get(root, "months"));
    if (months < 1 || months > FLT_BUY_MONTHS)
        return wrong(r, root, "months", e, "a number of months, 1 to 84");
    r->b->months = (int)months;
    *currency = "USD";
    if (!json_object_get(root, "currency")) return SK_OK;
    sk_status st = read_text(r, root, "currency", currency, e);
    if (!st && !flt_currency_ok(*currency))
        st = wrong(r, root, "currency", e, "three capital letters");
    return st;
}

sk_status flt_buy_read(const sk_yaml *y, sk_arena *mem, flt_buy *out, const char **currency,
                       sk_err *e)
{
    flt_buy b = {.months = 0};
    const char *code = "USD";
    reader r = {y, mem, &b};
    sk_status st = read_frame(&r, &code, e);
    if (!st) st = read_sections(&r, e);
    if (st) return st;
    *out = b;
    *currency = code;
    return SK_OK;
}
