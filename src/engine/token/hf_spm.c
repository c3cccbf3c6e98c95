/* hf_spm.c - tokenizer.model: SentencePiece's ModelProto, read field by field.
 *
 * Source: sentencepiece_model.proto.  Fields used: pieces (1: text 1, score 2, type 3),
 * trainer_spec (2: model_type 3, treat_whitespace_as_suffix 24, unk_id 40, bos_id 41, eos_id 42,
 * pad_id 43) and normalizer_spec (3: precompiled_charsmap 2, add_dummy_prefix 3,
 * remove_extra_whitespaces 4). Protobuf's wire format: a varint of field * 8 + type; type 0 a
 * varint, 1 eight bytes, 2 a length and bytes, 5 four bytes.
 */
#include "engine/token/hf_read.h"

#include <math.h>
#include <string.h>

/* Bytes still to be read. */
typedef struct span {
    const uint8_t *p, *end;
} span;

/* One field: a number, or bytes. */
typedef struct field {
    uint64_t number, value;
    unsigned wire;
    span bytes;
} field;

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

/* A varint of at most ten bytes; false when there is none. */
static bool varint(span *s, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70 && s->p < s->end; shift += 7) {
        uint8_t b = *s->p++;
        if (shift == 63 && b > 1) return false;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            *out = v;
            return true;
        }
    }
    return false;
}

/* The next field of s; false when what is there is none.  Protobuf's wire format: a tag holds
 * the field's number and how its length is told; groups (3, 4) are long gone and refused. */
static bool next(span *s, field *f)
{
    uint64_t tag, n = 0;
    if (!varint(s, &tag) || !(tag >> 3)) return false;
    *f = (field){.number = tag >> 3, .wire = (unsigned)(tag & 7)};
    if (f->wire == VARINT) return varint(s, &f->value);
    if (f->wire == BYTES && !varint(s, &n)) return false;
    if (f->wire == FIXED64) n = 8;
    if (f->wire == FIXED32) n = 4;
    if ((f->wire != BYTES && !n) || n > (uint64_t)(s->end - s->p)) return false;
    f->bytes = (span){s->p, s->p + n};
    s->p += n;
    return true;
}

/* The settings, with the defaults of the proto. */
typedef struct settings {
    uint64_t model_type, suffix;
    int64_t unk, bos, eos, pad;
    uint64_t dummy_prefix, merge_spaces;
    span charsmap;
} settings;

/* One piece, as the next token.  Field numbers are those of sentencepiece_model.proto: piece 1,
 * score 2, type 3.  Of a field that comes twice the last one counts, as protobuf has it. */
static bool read_piece(eng_hf_read *r, span s, int64_t id)
{
    static const uint8_t types[] = {0,
                                    ENG_TOKEN_NORMAL,
                                    ENG_TOKEN_UNKNOWN,
                                    ENG_TOKEN_CONTROL,
                                    ENG_TOKEN_USER,
                                    ENG_TOKEN_UNUSED,
                                    ENG_TOKEN_BYTE};
    field f;
    float score = 0;
    uint64_t type = 1;
    size_t at = r->text.len;
    while (s.p < s.end) {
        if (!next(&s, &f)) return false;
        if (f.number == 1 && f.wire == BYTES) {
            r->text.len = at;
            sk_buf_add(&r->text, f.bytes.p, (size_t)(f.bytes.end - f.bytes.p));
        } else if (f.number == 2 && f.wire == FIXED32) {
            memcpy(&score, f.bytes.p, 4);
        } else if (f.number == 3 && f.wire == VARINT) {
            type = f.value;
        }
    }
    if (type < 1 || type > 6 || isnan(score)) return false;
    return eng_hf_read_token(r, at, id, types[type], score);
}

/* The trainer's and the normaliser's settings.  Numbers as in sentencepiece_model.proto's
 * TrainerSpec. */
static bool read_trainer(span s, settings *t)
{
    field f;
    while (s.p < s.end) {
        if (!next(&s, &f)) return false;
        if (f.wire != VARINT) continue;
        if (f.number == 3) t->model_type = f.value;
        if (f.number == 24) t->suffix = f.value;
        if (f.number == 40) t->unk = (int64_t)f.value;
        if (f.number == 41) t->bos = (int64_t)f.value;
        if (f.number == 42) t->eos = (int64_t)f.value;
        if (f.number == 43) t->pad = (int64_t)f.value;
    }
    return true;
}

static bool read_normalizer(span s, settings *t)
{
    field f;
    while (s.p < s.end) {
        if (!next(&s, &f)) return false;
        if (f.number == 2 && f.wire == BYTES) t->charsmap = f.bytes;
        if (f.number == 3 && f.wire == VARINT) t->dummy_prefix = f.value;
        if (f.number == 4 && f.wire == VARINT) t->merge_spaces = f.value;
    }
    return true;
}

/* All fields of the file. */
static bool read_all(eng_hf_read *r, span s, settings *t)
{
    field f;
    int64_t id = 0;
    while (s.p < s.end) {
        if (!next(&s, &f)) return false;
        if (f.wire != BYTES) continue;
        if (f.number == 1 && !read_piece(r, f.bytes, id++)) return false;
        if (f.number == 2 && !read_trainer(f.bytes, t)) return false;
        if (f.number == 3 && !read_normalizer(f.bytes, t)) return false;
    }
    return id > 0;
}

/* Tells BPE from unigram and takes the settings over. */
static sk_status take_settings(eng_hf_read *r, const settings *t)
{
    enum { UNIGRAM = 1, BPE = 2 };
    if (t->model_type != UNIGRAM && t->model_type != BPE)
        return sk_fail(r->e, SK_E_UNSUPPORTED,
                       "tokenizer.model: model type %llu (words or characters) is not supported",
                       (unsigned long long)t->model_type);
    if (t->suffix)
        return sk_fail(r->e, SK_E_UNSUPPORTED,
                       "tokenizer.model: treat_whitespace_as_suffix is not supported");
    r->model = t->model_type == BPE ? "llama" : "t5";
    r->pre = "default";
    r->scores = true;
    r->space_prefix = t->dummy_prefix != 0;
    const eng_token_role roles[] = {ENG_ROLE_UNKNOWN, ENG_ROLE_BOS, ENG_ROLE_EOS, ENG_ROLE_PADDING};
    const int64_t ids[] = {t->unk, t->bos, t->eos, t->pad};
    for (size_t i = 0; i < 4; i++)
        if (ids[i] >= 0 && ids[i] < INT32_MAX) r->role[roles[i]] = (int32_t)ids[i];
    if (t->model_type == BPE) return SK_OK;
    r->merge_spaces = t->merge_spaces != 0;
    r->charsmap = (eng_str){(const char *)t->charsmap.p, (size_t)(t->charsmap.end - t->charsmap.p)};
    return SK_OK;
}

/* Reads tokenizer.model. */
sk_status eng_hf_read_spm(eng_hf_read *r, const char *p, size_t n)
{
    settings t = {
        .model_type = 1, .bos = 1, .eos = 2, .pad = -1, .dummy_prefix = 1, .merge_spaces = 1};
    span s = {(const uint8_t *)p, (const uint8_t *)p + n};
    bool ok = read_all(r, s, &t);
    if (!sk_buf_ok(&r->text) || !sk_buf_ok(&r->tokens)) return eng_hf_read_no_memory(r);
    if (!ok) return sk_fail(r->e, SK_E_FORMAT, "tokenizer.model is no SentencePiece model");
    return take_settings(r, &t);
}
