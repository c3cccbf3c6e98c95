/* gguf_json.c - the values of a GGUF's keys as JSON, for programs that look at a file. */
#include "base/json.h"
#include "engine/format/gguf_type.h"
#include "engine/format/gguf_value.h"

#include <inttypes.h>
#include <string.h>

/* A value of fixed size at p. */
static void add_scalar(sk_buf *out, uint32_t type, const uint8_t *p)
{
    eng_gguf_number v = eng_gguf_read_number(type, p);
    if (type == ENG_GGUF_BOOL)
        sk_buf_adds(out, v.u ? "true" : "false");
    else if (!v.is_int)
        sk_json_add_num(out, v.f);
    else if (v.negative)
        sk_buf_addf(out, "%" PRId64, (int64_t)v.u);
    else
        sk_buf_addf(out, "%" PRIu64, v.u);
}

/* An array: its type and length, and what it begins with. */
static void add_array(sk_buf *out, const eng_gguf_key *k)
{
    enum { SHOWN = 16 };
    size_t size = eng_gguf_value_bytes(k->elem);
    sk_buf_addf(out, "{\"type\":\"%s\",\"length\":%" PRIu64 ",\"values\":[",
                eng_gguf_value_name(k->elem), k->n);
    for (uint64_t i = 0; i < k->n && i < SHOWN && k->elem != ENG_GGUF_ARR; i++) {
        if (i) sk_buf_addc(out, ',');
        if (k->elem == ENG_GGUF_STR) {
            eng_str s = eng_gguf_string_at(k->str[i]);
            sk_json_add_str(out, s.p, s.n);
        } else {
            add_scalar(out, k->elem, k->val + i * size);
        }
    }
    sk_buf_adds(out, "]}");
}

/* The value of key i. */
void eng_gguf_key_json(const eng_gguf *g, size_t i, sk_buf *out)
{
    const eng_gguf_key k = eng_gguf_key_read(g, i);
    if (k.type == ENG_GGUF_STR)
        sk_json_add_str(out, (const char *)k.val, (size_t)k.n);
    else if (k.type == ENG_GGUF_ARR)
        add_array(out, &k);
    else
        add_scalar(out, k.type, k.val);
}
