/* fz_kinds.c - vocabularies of all kinds made of any bytes, and any bytes as text: no token out of
 * range, and where every byte has a token, the text comes back. */
#include "engine/token/vocab_build.h"
#include "tests/fuzz/promise.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TOKENS_MAX = 600 };

/* Bytes being taken from the front. */
typedef struct source {
    const uint8_t *p, *end;
} source;

static unsigned take(source *s)
{
    return s->p < s->end ? *s->p++ : 0;
}

/* Encodes what is left and decodes it. */
static void round_trip(const eng_vocab *v, source s, unsigned flags, bool exact)
{
    eng_ids ids = {NULL, 0, 0};
    sk_buf back = SK_BUF_INIT;
    size_t n = (size_t)(s.end - s.p);
    must(eng_vocab_encode(v, (const char *)s.p, n, flags, &ids, NULL) == SK_OK);
    for (size_t i = 0; i < ids.n; i++)
        must(ids.id[i] >= 0 && (size_t)ids.id[i] < eng_vocab_size(v));
    must(eng_vocab_decode(v, ids.id, ids.n, true, &back, NULL) == SK_OK);
    if (exact && !memmem(s.p, n, "\342\226\201", 3))
        must(back.len == n && (!n || memcmp(back.p, s.p, n) == 0));
    sk_buf_fini(&back);
    eng_ids_fini(&ids);
}

/* The 256 byte tokens in front, when there are any; their number. */
static size_t put_bytes(eng_str *text, uint8_t *type, bool any)
{
    static char byte[256];
    for (int b = 0; b < 256 && any; b++) {
        byte[b] = (char)b;
        text[b] = (eng_str){&byte[b], 1};
        type[b] = ENG_TOKEN_BYTE;
    }
    return any ? 256 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static eng_str text[TOKENS_MAX];
    static uint8_t type[TOKENS_MAX];
    static float score[TOKENS_MAX];
    static eng_bpe_merge merge[64];
    source s = {data, data + size};
    unsigned head = take(&s), more = take(&s);
    bool bytes = head & 4;
    size_t n = put_bytes(text, type, bytes), wanted = n + 1 + take(&s) % 64;
    for (; n < wanted; n++) {
        unsigned len = take(&s) % 8, left = (unsigned)(s.end - s.p);
        if (len > left) len = left;
        text[n] = (eng_str){(const char *)s.p, len};
        s.p += len;
        type[n] = (uint8_t)(more & 8 ? 1 + take(&s) % 5 : ENG_TOKEN_NORMAL);
        score[n] = (float)(int8_t)take(&s);
        if (score[n] == 127) score[n] = INFINITY;
    }
    eng_vocab_parts p = {.kind = (eng_vocab_kind)(head & 3),
                         .n = n,
                         .text = text,
                         .type = type,
                         .score = score,
                         .pretok = head & 8 ? "gemma4" : "sarvam-moe",
                         .whole = -1,
                         .merge = merge,
                         .add_bos = -1,
                         .add_eos = -1,
                         .space_prefix = head >> 4 & 1,
                         .merge_spaces = head >> 5 & 1,
                         .lower = head >> 6 & 1,
                         .strip_accents = head >> 7 & 1,
                         .charsmap = {"", 0},
                         .chat_template = {"", 0}};
    for (int r = 0; r < ENG_ROLE_N; r++)
        p.role[r] = more & 16 ? (int32_t)(take(&s) % n) : -1;
    for (p.n_merges = 0; p.n_merges < (more & 7) * 8; p.n_merges++)
        merge[p.n_merges] =
            (eng_bpe_merge){(uint32_t)(take(&s) * 2 % n), (uint32_t)(take(&s) * 2 % n),
                            (uint32_t)(take(&s) * 3 % n)};
    eng_vocab *v = NULL;
    if (eng_vocab_new(&p, &v, NULL)) return 0;
    /* merges that are no joins change the text, tokens without a text lose it */
    bool exact = bytes && p.kind == ENG_VOCAB_SPM && !(more & 24);
    round_trip(v, s, 0, exact);
    round_trip(v, s, ENG_TOK_SPECIAL | ENG_TOK_ADD, false);
    eng_vocab_close(v);
    return 0;
}
