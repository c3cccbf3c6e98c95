/* reply.c - prompts with the answers that are accepted. */
#include "engine/eval/reply.h"

#include "base/pattern.h"
#include "engine/token/talk.h"

#include <string.h>

static sk_status no_memory(sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory for the items");
}

/* ---- reading ---- */

/* A text that is not empty and has no NUL, copied. */
static sk_status copy(sk_arena *mem, const char *what, json_t *v, const char **out, sk_err *e)
{
    const char *text = json_string_value(v);
    if (!text || !*text || strlen(text) != json_string_length(v))
        return sk_fail(e, SK_E_FORMAT, "%s must be a text, or a list of texts", what);
    *out = sk_arena_strndup(mem, text, strlen(text));
    return *out ? SK_OK : no_memory(e);
}

/* The texts of "contains", "one_of", "regex"; a regular expression is tried. */
static sk_status read_texts(sk_arena *mem, const char *what, json_t *v, eng_accept *a, sk_err *e)
{
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    bool alone = a->how == ENG_ACCEPT_REGEX;
    if (alone && json_is_array(v)) return sk_fail(e, SK_E_FORMAT, "%s must be a text", what);
    if (n < 1 || n > ENG_SUITE_OPTIONS)
        return sk_fail(e, SK_E_FORMAT, "%s must have 1 to %d texts", what, ENG_SUITE_OPTIONS);
    const char **text = sk_new_n(mem, const char *, n);
    if (!text) return no_memory(e);
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < n; i++)
        st = copy(mem, what, json_is_array(v) ? json_array_get(v, i) : v, &text[i], e);
    if (!st && alone) st = sk_pattern_check(text[0], e);
    a->text = text;
    a->n = n;
    return st;
}

static sk_status read_accept(sk_arena *mem, json_t *obj, eng_accept *a, sk_err *e)
{
    static const char *const name[] = {"contains", "one_of", "regex"};
    json_t *v = json_object_get(obj, "accept"), *texts;
    if (!json_is_object(v) || json_object_size(v) != 1)
        return sk_fail(e, SK_E_FORMAT,
                       "\"accept\" must have one member: \"contains\", \"one_of\" or \"regex\"");
    for (int how = 0; how < 3; how++) {
        texts = json_object_get(v, name[how]);
        if (!texts) continue;
        a->how = (eng_accept_how)how;
        return read_texts(mem, name[how], texts, a, e);
    }
    return sk_fail(e, SK_E_FORMAT, "\"accept\" has neither \"contains\", \"one_of\" nor \"regex\"");
}

/* A message with its texts copied. */
static sk_status copy_message(sk_arena *mem, const eng_chat_msg *from, eng_chat_msg *to, sk_err *e)
{
    const char *role = sk_arena_strndup(mem, from->role, strlen(from->role));
    const char *text = sk_arena_strndup(mem, from->text, from->n);
    if (!role || !text) return no_memory(e);
    *to = (eng_chat_msg){role, text, from->n};
    return SK_OK;
}

/* The conversation up to the answer: its last message is the user's. */
static sk_status read_messages(sk_arena *mem, json_t *obj, eng_suite_item *it, sk_err *e)
{
    json_t *list = json_object_get(obj, "messages");
    size_t n = json_array_size(list);
    if (n < 1 || n > ENG_TALK_MESSAGES)
        return sk_fail(e, SK_E_FORMAT, "\"messages\" must be a list of 1 to %d messages",
                       ENG_TALK_MESSAGES);
    eng_chat_msg *msg = sk_new_n(mem, eng_chat_msg, n), one;
    if (!msg) return no_memory(e);
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < n; i++) {
        st = eng_talk_message(json_array_get(list, i), &one, e);
        if (!st) st = copy_message(mem, &one, &msg[i], e);
    }
    if (!st && strcmp(msg[n - 1].role, "user") != 0)
        st = sk_fail(e, SK_E_FORMAT, "the last of \"messages\" must be the user's");
    it->msg = msg;
    it->n_msg = n;
    return st;
}

/* "prompt" is short for one message. */
static sk_status read_prompt(sk_arena *mem, json_t *obj, eng_suite_item *it, sk_err *e)
{
    const char *text = NULL;
    sk_status st = sk_json_get_str(obj, "prompt", &text, e);
    if (st) return st;
    if (!text && json_object_get(obj, "messages")) return read_messages(mem, obj, it, e);
    if (!text || !text[strspn(text, " \t\r\n")])
        return sk_fail(e, SK_E_FORMAT, "\"prompt\" is %s", text ? "empty" : "missing");
    eng_chat_msg *msg = sk_new(mem, eng_chat_msg);
    if (!msg) return no_memory(e);
    it->msg = msg;
    it->n_msg = 1;
    return copy_message(mem, &(eng_chat_msg){"user", text, strlen(text)}, msg, e);
}

sk_status eng_reply_read(sk_arena *mem, json_t *obj, eng_suite_item *it, sk_err *e)
{
    sk_status st = read_prompt(mem, obj, it, e);
    if (!st) st = read_accept(mem, obj, &it->accept, e);
    if (!st) it->query = it->msg[it->n_msg - 1].text;
    return st;
}

/* ---- judging ---- */

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* n bytes that are equal but for the case of ASCII; a ends in a NUL, b has n bytes. */
static bool same(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char p = (unsigned char)a[i], q = (unsigned char)b[i];
        if (p >= 'A' && p <= 'Z') p |= 0x20;
        if (q >= 'A' && q <= 'Z') q |= 0x20;
        if (p != q) return false;
    }
    return true;
}

/* True if what is at the first byte of `found`, n bytes of text, doesn't go on at either end. */
static bool stands_alone(const char *text, const char *found, size_t n)
{
    if (found > text && is_word(found[-1]) && is_word(found[0])) return false;
    return !(is_word(found[n - 1]) && is_word(found[n]));
}

static bool contains(const char *text, const char *want)
{
    size_t n = strlen(want);
    for (const char *at = text; *at; at++)
        if (same(at, want, n) && stands_alone(text, at, n)) return true;
    return false;
}

static bool is_one(const char *text, const char *want)
{
    text += strspn(text, " \t\r\n");
    size_t n = strlen(text);
    while (n && strchr(" \t\r\n", text[n - 1]))
        n--;
    if (n == strlen(want) + 1 && strchr(".!", text[n - 1])) n--;
    return n == strlen(want) && same(text, want, n);
}

sk_status eng_reply_is_right(const eng_suite_item *it, const char *text, bool *right, sk_err *e)
{
    const eng_accept *a = &it->accept;
    if (a->how == ENG_ACCEPT_REGEX)
        return sk_pattern_find(a->text[0], text, strlen(text), right, e);
    bool found = false;
    for (size_t i = 0; !found && i < a->n; i++)
        found =
            a->how == ENG_ACCEPT_CONTAINS ? contains(text, a->text[i]) : is_one(text, a->text[i]);
    *right = found;
    return SK_OK;
}
