/* split.c - takes what a model writes apart. */
#include "serve/api/split.h"

#include "base/json.h"

#include <string.h>

/* START: nothing but blanks came.  REASON: inside <think>.  GAP: blanks after a marker or call.
 * TEXT.  BEGIN: behind the marker of a call.  CALL: inside its JSON.  NAME: inside a name that
 * stands alone.  BODY: inside <function=f>.  HEAD: before <|message|>.  SAID: behind it. */
enum { START, REASON, GAP, TEXT, BEGIN, CALL, NAME, BODY, HEAD, SAID };

#define THINK "<think>"
#define THOUGHT "</think>"
#define TAG "<tool_call>"
#define TAG_END "</tool_call>"
#define FN "<function="
#define FN_END "</function>"
#define BRACKET "[TOOL_CALLS]"
#define PYTHON "<|python_tag|>"
#define CHANNEL "<|channel|>"
#define MESSAGE "<|message|>"
#define LONGEST_HEAD 512u

/* Nesting of a parameter that is read as JSON. */
enum { MOST_DEEP = 64 };

static const char *const tag_marks[] = {TAG, FN, NULL}, *const bracket_marks[] = {BRACKET, NULL},
                         *const bare_marks[] = {PYTHON, NULL}, *const no_marks[] = {NULL};

/* Markers of calls in text. */
static const char *const *marks(const srv_split *s)
{
    if (s->calls == SRV_CALLS_TAGS) return tag_marks;
    if (s->calls == SRV_CALLS_BRACKET) return bracket_marks;
    return s->calls == SRV_CALLS_BARE ? bare_marks : no_marks;
}

/* ---- what is held ---- */

/* Drops the first n bytes. */
static void drop(srv_split *s, size_t n)
{
    if (!n) return;
    memmove(s->held.p, s->held.p + n, s->held.len - n);
    s->held.len -= n;
    s->held.p[s->held.len] = 0;
}

/* Hands out the first n bytes as text or reasoning. */
static void say(srv_split *s, srv_part part, size_t n)
{
    if (n) s->fn(s->arg, part, 0, s->held.p, n);
    drop(s, n);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Drops blanks at the beginning; true if something else is left. */
static bool skip_blanks(srv_split *s)
{
    size_t n = 0;
    while (n < s->held.len && is_blank(s->held.p[n]))
        n++;
    drop(s, n);
    return s->held.len > 0;
}

/* 1: what is held begins with the mark; 0: it may yet; -1: it does not. */
static int begins(const srv_split *s, const char *mark)
{
    size_t n = strlen(mark), len = s->held.len < n ? s->held.len : n;
    if (len && memcmp(s->held.p, mark, len) != 0) return -1;
    return len == n ? 1 : 0;
}

/* Bytes before the first of the marks, which is then *mark; or (*mark NULL) before what may become
 * one. */
static size_t before(const srv_split *s, const char *const *list, const char **mark)
{
    *mark = NULL;
    for (size_t i = 0; i < s->held.len; i++) {
        for (const char *const *m = list; *m; m++) {
            size_t n = strlen(*m), left = s->held.len - i;
            if (memcmp(s->held.p + i, *m, left < n ? left : n) != 0) continue;
            if (left >= n) *mark = *m;
            return i;
        }
    }
    return s->held.len;
}

/* ---- calls ---- */

/* What a call consists of goes on, unless only one is wanted. */
static void on_call(void *arg, srv_part part, size_t call, const char *p, size_t n)
{
    srv_split *s = arg;
    if (part == SRV_PART_CALL) sk_buf_reset(&s->raw);
    if (!s->one_call || call == 0) s->fn(s->arg, part, call, p, n);
}

/* Ready to read a call. */
static void begin_call(srv_split *s, int state)
{
    srv_callscan_reset(&s->scan);
    sk_buf_reset(&s->raw);
    s->scan.fn = on_call;
    s->scan.arg = s;
    s->scan.call = s->n_calls;
    s->state = state;
}

/* What began like a call is none: its bytes are text. */
static void give_up(srv_split *s)
{
    if (s->raw.len) s->fn(s->arg, SRV_PART_TEXT, 0, s->raw.p, s->raw.len);
    sk_buf_reset(&s->raw);
    s->in_list = false;
    s->state = s->calls == SRV_CALLS_HARMONY ? SAID : TEXT;
    s->part = SRV_PART_TEXT;
}

/* Inside a call's JSON; false when more must come. */
static bool in_call(srv_split *s)
{
    size_t used;
    if (!s->held.len) return false;
    srv_scan_state st = srv_callscan_feed(&s->scan, s->held.p, s->held.len, &used);
    if (!s->scan.named) sk_buf_add(&s->raw, s->held.p, used);
    drop(s, used);
    if (st == SRV_SCAN_BAD) give_up(s);
    if (st == SRV_SCAN_DONE) {
        s->n_calls++;
        s->state = GAP;
    }
    return st != SRV_SCAN_MORE;
}

/* A value of <parameter=..>: JSON if it is some, else text. */
static json_t *value_of(const char *p, size_t n)
{
    while (n && is_blank(*p))
        p++, n--;
    while (n && is_blank(p[n - 1]))
        n--;
    json_t *v = NULL;
    return n && !sk_json_parse(p, n, MOST_DEEP, &v, NULL) ? v : json_stringn(p, n);
}

static int append(const char *p, size_t n, void *out)
{
    sk_buf_add(out, p, n);
    return 0;
}

/* The arguments in <parameter=NAME>VALUE</parameter> ..., as JSON. */
static void add_parameters(const char *p, size_t n, sk_buf *out)
{
    static const char open[] = "<parameter=", close[] = "</parameter>";
    json_t *o = json_object();
    const char *end = p + n;
    while (o && p && p < end && (p = memmem(p, (size_t)(end - p), open, sizeof open - 1))) {
        const char *name = p + sizeof open - 1, *gt = memchr(name, '>', (size_t)(end - name));
        const char *stop = gt ? memmem(gt, (size_t)(end - gt), close, sizeof close - 1) : NULL;
        if (!stop) break;
        (void)json_object_setn_new(o, name, (size_t)(gt - name),
                                   value_of(gt + 1, (size_t)(stop - gt - 1)));
        p = stop + sizeof close - 1;
    }
    if (!o || json_dump_callback(o, append, out, JSON_COMPACT | JSON_ENSURE_ASCII)) out->oom = true;
    json_decref(o);
}

/* Inside <function=f>..</function>: read whole, since only then it is JSON. */
static bool in_body(srv_split *s)
{
    char *gt = s->held.len ? memchr(s->held.p, '>', s->held.len) : NULL;
    char *stop =
        gt ? memmem(gt, s->held.len - (size_t)(gt - s->held.p), FN_END, strlen(FN_END)) : NULL;
    if (!stop) return false;
    sk_buf args = SK_BUF_INIT;
    const char *p = gt + 1;
    while (p < stop && is_blank(*p))
        p++;
    size_t n = (size_t)(stop - p);
    on_call(s, SRV_PART_CALL, s->n_calls, s->held.p, (size_t)(gt - s->held.p));
    if (n && *p == '{')
        sk_buf_add(&args, p, n);
    else
        add_parameters(p, n, &args);
    while (args.len && is_blank(args.p[args.len - 1]))
        args.p[--args.len] = 0;
    on_call(s, SRV_PART_ARGS, s->n_calls, args.p, args.len);
    on_call(s, SRV_PART_DONE, s->n_calls, "", 0);
    if (!sk_buf_ok(&args)) s->held.oom = true;
    sk_buf_fini(&args);
    drop(s, (size_t)(stop - s->held.p) + strlen(FN_END));
    s->n_calls++;
    s->state = GAP;
    return true;
}

/* A name that stands alone before its arguments: f[ARGS]{..}, f[CALL_ID]x[ARGS]{..}, f{..}. */
static bool in_name(srv_split *s)
{
    char *brace = s->held.len ? memchr(s->held.p, '{', s->held.len) : NULL;
    if (!brace) return false;
    size_t n = strcspn(s->held.p, "[{ \n"), to = (size_t)(brace - s->held.p);
    s->state = CALL;
    srv_callscan_named(&s->scan, s->held.p, n < to ? n : to);
    drop(s, to);
    return true;
}

/* Behind the marker of a call. */
static bool in_begin(srv_split *s)
{
    if (!skip_blanks(s)) return false;
    int fn = begins(s, FN);
    if (s->calls == SRV_CALLS_TAGS && *s->held.p == '<') {
        if (!fn) return false;
        if (fn > 0) drop(s, strlen(FN));
        begin_call(s, fn > 0 ? BODY : TEXT);
        return true;
    }
    if (s->calls == SRV_CALLS_BRACKET && *s->held.p == '[' && !s->in_list) {
        drop(s, 1);
        s->in_list = true;
        return true;
    }
    bool name = s->calls == SRV_CALLS_BRACKET && *s->held.p != '{' && !s->in_list;
    begin_call(s, name ? NAME : CALL);
    return true;
}

/* ---- around them ---- */

/* After a call: its closing marker, the next one of a list. */
static bool in_gap(srv_split *s)
{
    if (!skip_blanks(s)) return false;
    char c = *s->held.p;
    if (s->n_calls && s->calls == SRV_CALLS_TAGS && begins(s, TAG_END) >= 0) {
        if (begins(s, TAG_END) == 0) return false;
        drop(s, strlen(TAG_END));
        return true;
    }
    if (s->in_list && (c == ',' || c == ']')) {
        drop(s, 1);
        s->in_list = c == ',';
        if (c == ',') s->state = BEGIN;
        return true;
    }
    if (s->n_calls && s->calls == SRV_CALLS_BARE && (c == ';' || c == ',')) {
        drop(s, 1);
        s->state = BEGIN;
        return true;
    }
    s->state = s->calls == SRV_CALLS_BARE && !s->n_calls ? START : TEXT;
    if (s->calls == SRV_CALLS_HARMONY) s->state = HEAD;
    return true;
}

/* ---- channels ---- */

/* Nothing came yet, and a head should: other text is the answer without one. */
static bool start_harmony(srv_split *s)
{
    static const char *const first[] = {CHANNEL, "<|start|>", "to=", " to="};
    bool maybe = false;
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        if (begins(s, first[i]) > 0) s->state = HEAD;
        maybe = maybe || begins(s, first[i]) == 0;
    }
    if (s->state == START && !maybe) s->state = SAID;
    return s->state != START;
}

/* Where the word behind the last `mark` of a head of n bytes begins, and its length; NULL if there
 * is none. */
static const char *word_after(const char *p, size_t n, const char *mark, size_t *len)
{
    const char *word = NULL, *end = p + n;
    for (const char *at = p; (at = memmem(at, (size_t)(end - at), mark, strlen(mark)));)
        word = at += strlen(mark);
    *len = 0;
    while (word && word + *len < end && !strchr(" \n\r\t<", word[*len]))
        ++*len;
    return word;
}

/* What ends what a channel says: a head begins with it. */
static const char *const heads[] = {"<|end|>",   "<|return|>", "<|call|>",
                                    "<|start|>", CHANNEL,      NULL};

/* A head that never ends is none: its marker goes, for it would begin a head again, and what
 * follows is text. */
static void drop_head_mark(srv_split *s)
{
    for (const char *const *mark = heads; *mark; mark++) {
        if (begins(s, *mark) <= 0) continue;
        drop(s, strlen(*mark));
        return;
    }
}

/* A head: what follows is reasoning, text, or the arguments of a function. */
static bool in_head(srv_split *s)
{
    static const char fns[] = "functions.";
    size_t n_to, n_channel;
    size_t most = LONGEST_HEAD + strlen(MESSAGE), look = s->held.len < most ? s->held.len : most;
    const char *end = memmem(s->held.p, look, MESSAGE, strlen(MESSAGE));
    if (!end && look < most) return false;
    size_t n = end ? (size_t)(end - s->held.p) : 0;
    const char *to = word_after(s->held.p, n, "to=", &n_to);
    const char *channel = word_after(s->held.p, n, CHANNEL, &n_channel);
    bool thought = channel && n_channel == 8 && memcmp(channel, "analysis", 8) == 0;
    if (to && n_to && !s->no_calls) {
        if (n_to > strlen(fns) && memcmp(to, fns, strlen(fns)) == 0)
            to += strlen(fns), n_to -= strlen(fns);
        begin_call(s, CALL);
        srv_callscan_named(&s->scan, to, n_to);
    } else {
        s->state = SAID;
        s->part = thought && s->reasoning ? SRV_PART_REASON : SRV_PART_TEXT;
        s->in_reason = s->part == SRV_PART_REASON;
    }
    if (end)
        drop(s, n + strlen(MESSAGE));
    else
        drop_head_mark(s);
    return true;
}

/* What a channel says, up to the next head. */
static bool in_said(srv_split *s)
{
    const char *mark;
    size_t n = before(s, heads, &mark);
    say(s, s->part, n);
    if (!mark) return false;
    if (s->in_reason) s->reason_end = s->n_in - s->held.len;
    s->in_reason = false;
    s->state = HEAD;
    return true;
}

/* Nothing came yet: reasoning, a bare call, or text. */
static bool in_start(srv_split *s)
{
    size_t n = 0;
    if (s->calls == SRV_CALLS_HARMONY) return start_harmony(s);
    while (n < s->held.len && is_blank(s->held.p[n]))
        n++;
    if (n == s->held.len) return false;
    srv_split t = *s; /* looks behind the blanks, which may be text's own */
    t.held.p += n;
    t.held.len -= n;
    int think = s->reasoning ? begins(&t, THINK) : -1;
    bool bare = s->calls == SRV_CALLS_BARE && *t.held.p == '{';
    if (!think) return false;
    if (think > 0) drop(s, n + strlen(THINK));
    if (bare) begin_call(s, CALL);
    if (bare) drop(s, n);
    if (!bare) s->state = think > 0 ? REASON : TEXT;
    s->in_reason = think > 0;
    return true;
}

static bool in_reason(srv_split *s)
{
    static const char *const list[] = {THOUGHT, NULL};
    const char *mark;
    size_t n = before(s, list, &mark), said = n;
    while (said && is_blank(s->held.p[said - 1]))
        said--;
    say(s, SRV_PART_REASON, said);
    if (!mark) return false;
    drop(s, n - said + strlen(THOUGHT));
    s->in_reason = false;
    s->reason_end = s->n_in - s->held.len;
    s->state = GAP;
    s->reasoning = false;
    return true;
}

/* Text; blanks before a marker are dropped, so they wait where markers are looked for. */
static bool in_text(srv_split *s)
{
    const char *mark;
    size_t n = before(s, marks(s), &mark), said = n;
    while (s->calls && said && is_blank(s->held.p[said - 1]))
        said--;
    say(s, SRV_PART_TEXT, said);
    if (!mark) return false;
    drop(s, n - said + strlen(mark));
    if (strcmp(mark, FN) == 0)
        begin_call(s, BODY);
    else
        s->state = BEGIN;
    return true;
}

/* Does what can be done; false when more must come. */
static bool advance(srv_split *s)
{
    static bool (*const fn[])(srv_split *) = {in_start, in_reason, in_gap,  in_text, in_begin,
                                              in_call,  in_name,   in_body, in_head, in_said};
    return s->held.len && fn[s->state](s);
}

void srv_split_feed(srv_split *s, const char *p, size_t n)
{
    if (!n) return;
    bool headed = s->calls == SRV_CALLS_HARMONY;
    bool text = !s->in_reason && !s->reasoning && s->calls != SRV_CALLS_BARE && !headed;
    if (!s->n_in && s->in_reason) s->state = REASON;
    if (!s->n_in && (text || s->mid)) s->state = headed ? SAID : TEXT;
    s->n_in += n;
    if (s->state == TEXT && !s->calls && !s->held.len) { /* nothing to look for */
        s->fn(s->arg, SRV_PART_TEXT, 0, p, n);
        return;
    }
    sk_buf_add(&s->held, p, n);
    while (sk_buf_ok(&s->held) && advance(s))
        continue;
}

void srv_split_end(srv_split *s)
{
    if (s->state == CALL && !s->scan.named) give_up(s);
    bool none = s->state == CALL || s->state == GAP || s->state == HEAD;
    srv_part part = s->state == REASON ? SRV_PART_REASON : SRV_PART_TEXT;
    if (s->held.len && !none && sk_buf_ok(&s->held))
        say(s, s->state == SAID ? s->part : part, s->held.len);
    sk_buf_reset(&s->held);
}

bool srv_split_ok(const srv_split *s)
{
    return sk_buf_ok(&s->held) && sk_buf_ok(&s->raw) && sk_buf_ok(&s->scan.name) &&
           sk_buf_ok(&s->scan.args) && sk_buf_ok(&s->scan.out);
}

void srv_split_fini(srv_split *s)
{
    sk_buf_fini(&s->held);
    sk_buf_fini(&s->raw);
    srv_callscan_fini(&s->scan);
}
