/* callscan.c - reads one call of a tool byte by byte. */
#include "serve/api/callscan.h"

#include "base/json.h"

#include <string.h>

enum { OPEN, KEY_WAIT, KEY, COLON, VALUE_WAIT, VALUE };
enum { OTHER, NAME, ARGS };

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static void hand_out(srv_callscan *s, srv_part part, const sk_buf *b)
{
    s->fn(s->arg, part, s->call, b->len ? b->p : "", b->len);
}

/* Appends what JSON text of a string says; what is no string is appended as it is. */
static void add_text(const sk_buf *json, sk_buf *out)
{
    json_t *v = NULL;
    if (json->len && sk_json_parse(json->p, json->len, 1, &v, NULL)) v = NULL;
    if (json_is_string(v))
        sk_buf_add(out, json_string_value(v), json_string_length(v));
    else
        sk_buf_add(out, json->p, json->len);
    json_decref(v);
}

/* The name is complete: from now on arguments need not wait. */
static void begin_call(srv_callscan *s)
{
    sk_buf text = SK_BUF_INIT;
    add_text(&s->name, &text);
    s->named = true;
    hand_out(s, SRV_PART_CALL, &text);
    sk_buf_fini(&text);
    if (s->got_args && s->args.len) hand_out(s, SRV_PART_ARGS, &s->args);
    sk_buf_reset(&s->args);
}

/* The arguments' value is complete. */
static void end_args(srv_callscan *s)
{
    s->got_args = true;
    if (s->is_text) { /* JSON in a string, or null: it was gathered in s->args */
        sk_buf text = SK_BUF_INIT;
        if (s->args.len && s->args.p[0] == '"')
            add_text(&s->args, &text);
        else
            sk_buf_adds(&text, "{}");
        sk_buf_reset(&s->args);
        sk_buf_add(&s->args, text.p, text.len);
        sk_buf_fini(&text);
        if (s->named && s->args.len) hand_out(s, SRV_PART_ARGS, &s->args);
        if (s->named) sk_buf_reset(&s->args);
    }
    if (s->named && s->out.len) hand_out(s, SRV_PART_ARGS, &s->out);
    sk_buf_reset(&s->out);
}

/* A byte of the value at hand. */
static void keep(srv_callscan *s, char c)
{
    if (s->which == NAME) sk_buf_addc(&s->name, c);
    if (s->which == ARGS) sk_buf_addc(s->named && !s->is_text ? &s->out : &s->args, c);
}

/* A value is complete; what follows is a key or the end. */
static srv_scan_state end_value(srv_callscan *s)
{
    s->phase = KEY_WAIT;
    if (s->which == NAME && !s->named) begin_call(s);
    if (s->which == ARGS) end_args(s);
    return s->bare ? SRV_SCAN_DONE : SRV_SCAN_MORE;
}

/* The first byte of a value. */
static void begin_value(srv_callscan *s, char c)
{
    s->phase = VALUE;
    s->esc = false;
    s->in_str = c == '"';
    s->depth = c == '{' || c == '[';
    s->is_text = s->which == ARGS && !s->depth;
    keep(s, c);
}

/* A further byte of it.  A number or word ends before a byte that is no part of it: *again. */
static srv_scan_state in_value(srv_callscan *s, char c, bool *again)
{
    if (!s->in_str && !s->depth && (is_blank(c) || c == ',' || c == '}')) {
        *again = true;
        return end_value(s);
    }
    keep(s, c);
    if (s->esc) {
        s->esc = false;
    } else if (s->in_str) {
        s->esc = c == '\\';
        if (c == '"') s->in_str = false;
    } else if (c == '"') {
        s->in_str = true;
    } else if (c == '{' || c == '[') {
        s->depth++;
    } else if ((c == '}' || c == ']') && s->depth) {
        s->depth--;
    }
    bool whole = !s->in_str && !s->depth && (c == '"' || c == '}' || c == ']');
    return whole ? end_value(s) : SRV_SCAN_MORE;
}

/* A byte of a key, or its end. */
static void in_key(srv_callscan *s, char c)
{
    if (c != '"') {
        if (s->n_key < sizeof s->key - 1) s->key[s->n_key++] = c;
        return;
    }
    s->key[s->n_key] = 0;
    s->phase = COLON;
    s->which = strcmp(s->key, "name") == 0 && !s->named ? NAME : OTHER;
    if (!s->got_args && (strcmp(s->key, "arguments") == 0 || strcmp(s->key, "parameters") == 0))
        s->which = ARGS;
}

/* The end of the object: it was a call if it had a name. */
static srv_scan_state end_object(srv_callscan *s)
{
    if (!s->named) return SRV_SCAN_BAD;
    if (!s->got_args) s->fn(s->arg, SRV_PART_ARGS, s->call, "{}", 2);
    return SRV_SCAN_DONE;
}

/* One byte. */
static srv_scan_state step(srv_callscan *s, char c, bool *again)
{
    if (s->phase == VALUE) return in_value(s, c, again);
    if (s->phase == KEY) {
        in_key(s, c);
        return SRV_SCAN_MORE;
    }
    if (is_blank(c) || (s->phase == KEY_WAIT && c == ',')) return SRV_SCAN_MORE;
    switch (s->phase) {
    case OPEN:
        s->phase = KEY_WAIT;
        return c == '{' ? SRV_SCAN_MORE : SRV_SCAN_BAD;
    case KEY_WAIT:
        s->n_key = 0;
        s->phase = KEY;
        if (c == '}') return end_object(s);
        return c == '"' ? SRV_SCAN_MORE : SRV_SCAN_BAD;
    case COLON:
        s->phase = VALUE_WAIT;
        return c == ':' ? SRV_SCAN_MORE : SRV_SCAN_BAD;
    default:
        if (strchr(",}]:", c)) return SRV_SCAN_BAD;
        begin_value(s, c);
        return SRV_SCAN_MORE;
    }
}

srv_scan_state srv_callscan_feed(srv_callscan *s, const char *p, size_t n, size_t *used)
{
    srv_scan_state st = SRV_SCAN_MORE;
    size_t i = 0;
    while (i < n && st == SRV_SCAN_MORE) {
        bool again = false;
        st = step(s, p[i], &again);
        if (!again) i++;
    }
    *used = i;
    if (s->out.len) hand_out(s, SRV_PART_ARGS, &s->out);
    sk_buf_reset(&s->out);
    if (st == SRV_SCAN_DONE) s->fn(s->arg, SRV_PART_DONE, s->call, "", 0);
    return st;
}

void srv_callscan_named(srv_callscan *s, const char *name, size_t n)
{
    s->named = s->bare = true;
    s->which = ARGS;
    s->phase = VALUE_WAIT;
    s->fn(s->arg, SRV_PART_CALL, s->call, name, n);
}

void srv_callscan_reset(srv_callscan *s)
{
    s->phase = OPEN;
    s->which = OTHER;
    s->named = s->bare = s->in_str = s->esc = s->is_text = s->got_args = false;
    s->depth = s->n_key = 0;
    sk_buf_reset(&s->name);
    sk_buf_reset(&s->args);
    sk_buf_reset(&s->out);
}

void srv_callscan_fini(srv_callscan *s)
{
    sk_buf_fini(&s->name);
    sk_buf_fini(&s->args);
    sk_buf_fini(&s->out);
}
