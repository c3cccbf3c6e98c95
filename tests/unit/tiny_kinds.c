/* tiny_kinds.c - see tiny_kinds.h. */
#include "tests/unit/tiny_kinds.h"

#include "tests/unit/unit.h"

typedef struct starved {
    const tiny_kind *k;
    const char *text;
} starved;

static sk_status build_and_encode(void *arg, sk_err *e)
{
    const starved *s = arg;
    eng_vocab *v = NULL;
    eng_ids ids = {NULL, 0, 0};
    sk_status st = eng_vocab_new(&s->k->parts, &v, e);
    if (!st) st = eng_vocab_encode(v, s->text, strlen(s->text), 0, &ids, e);
    eng_ids_fini(&ids);
    eng_vocab_close(v);
    return st;
}

void tiny_kind_starve(const tiny_kind *k, const char *text)
{
    starved s = {k, text};
    unit_starve(build_and_encode, &s, 200, 0);
}

/* Starts an empty one. */
void tiny_kind_start(tiny_kind *k, eng_vocab_kind kind)
{
    memset(k, 0, sizeof *k);
    k->parts = (eng_vocab_parts){.kind = kind,
                                 .text = k->text,
                                 .type = k->type,
                                 .score = k->score,
                                 .pretok = "gemma4",
                                 .whole = -1,
                                 .add_bos = -1,
                                 .add_eos = -1,
                                 .add_sep = -1,
                                 .space_prefix = -1,
                                 .lower = true,
                                 .strip_accents = true,
                                 .charsmap = {"", 0},
                                 .chat_template = {"", 0}};
    for (int r = 0; r < ENG_ROLE_N; r++)
        k->parts.role[r] = -1;
}

/* Adds a token. */
int32_t tiny_kind_add(tiny_kind *k, const char *text, uint8_t type, float score)
{
    size_t i = k->parts.n++;
    assert_true(i < sizeof k->text / sizeof k->text[0]);
    k->text[i] = (eng_str){text, strlen(text)};
    k->type[i] = type;
    k->score[i] = score;
    return (int32_t)i;
}

/* Adds the 256 byte tokens. */
void tiny_kind_bytes(tiny_kind *k)
{
    static char byte[256];
    for (int b = 0; b < 256; b++) {
        byte[b] = (char)b;
        int32_t id = tiny_kind_add(k, "", ENG_TOKEN_BYTE, 0);
        k->text[id] = (eng_str){&byte[b], 1};
    }
}

eng_vocab *tiny_kind_build(const tiny_kind *k)
{
    sk_err e = SK_ERR_INIT;
    eng_vocab *v = NULL;
    assert_status_ok(eng_vocab_new(&k->parts, &v, &e), e);
    return v;
}

void tiny_encodes_at(const eng_vocab *v, const char *text, size_t n, unsigned flags,
                     const char *ids, const char *file, int line)
{
    sk_err e = SK_ERR_INIT;
    eng_ids got = {NULL, 0, 0};
    sk_buf b = SK_BUF_INIT;
    unit_status_ok_at(eng_vocab_encode(v, text, n, flags, &got, &e), &e, "encode", file, line);
    sk_buf_adds(&b, "");
    for (size_t i = 0; i < got.n; i++)
        sk_buf_addf(&b, "%s%d", i ? " " : "", got.id[i]);
    _assert_string_equal(b.p, ids, file, line);
    eng_ids_fini(&got);
    sk_buf_fini(&b);
}

/* Fails unless encoding and decoding text[0..n) gives it back. */
void tiny_round_trip(const eng_vocab *v, const char *text, size_t n)
{
    sk_err e = SK_ERR_INIT;
    eng_ids ids = {NULL, 0, 0};
    sk_buf b = SK_BUF_INIT;
    assert_status_ok(eng_vocab_encode(v, text, n, 0, &ids, &e), e);
    assert_status_ok(eng_vocab_decode(v, ids.id, ids.n, true, &b, &e), e);
    assert_int_equal(b.len, n);
    assert_memory_equal(b.p ? b.p : "", text, n);
    eng_ids_fini(&ids);
    sk_buf_fini(&b);
}
