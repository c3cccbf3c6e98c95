/* talk.c - conversations as JSON has them. */
#include "engine/token/talk.h"

#include <string.h>

sk_status eng_talk_message(json_t *obj, eng_chat_msg *out, sk_err *e)
{
    const char *role = NULL, *text = NULL;
    if (!json_is_object(obj)) return sk_fail(e, SK_E_INVALID, "a message is not an object");
    sk_status st = sk_json_get_str(obj, "role", &role, e);
    if (!st) st = sk_json_get_str(obj, "content", &text, e);
    if (st) return st;
    if (!role || !text) return sk_fail(e, SK_E_INVALID, "a message needs \"role\" and \"content\"");
    if (strcmp(role, "system") != 0 && strcmp(role, "user") != 0 && strcmp(role, "assistant") != 0)
        return sk_fail(e, SK_E_INVALID,
                       "a message's role is \"%s\"; it must be system, user or assistant", role);
    *out = (eng_chat_msg){role, text, json_string_length(json_object_get(obj, "content"))};
    return SK_OK;
}

sk_status eng_talk_read(json_t *obj, eng_chat_msg *msg, size_t *n, sk_err *e)
{
    json_t *list = json_is_object(obj) ? json_object_get(obj, "messages") : NULL;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return sk_fail(e, SK_E_INVALID,
                       "expected an object {\"messages\":[{\"role\":..,\"content\":..},..]}");
    if (json_array_size(list) > ENG_TALK_MESSAGES)
        return sk_fail(e, SK_E_INVALID, "more than %d messages in one conversation",
                       ENG_TALK_MESSAGES);
    bool answers = false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        sk_status st = eng_talk_message(json_array_get(list, i), &msg[i], e);
        if (st) return st;
        answers |= strcmp(msg[i].role, "assistant") == 0;
    }
    if (!answers)
        return sk_fail(e, SK_E_INVALID, "no message of the assistant: nothing to learn from");
    *n = json_array_size(list);
    return SK_OK;
}
