/* wform.c - the packed form of each quantised type. */
#include "engine/kernel/wform.h"

/* Bytes of 32 by 32 codes by family, and of a group's scales by kind (for subs of 1 and 2). */
#define CODES_8 1024
#define CODES_4 512
#define CODES_4_1 640
#define CODES_4_2 768
#define CODES_2 256
#define CODES_2_1 384
#define CODES_LOOKUP 512
#define SCALES_F16(subs) 64
#define SCALES_F16_MIN(subs) 128
#define SCALES_E8(subs) 32
#define SCALES_K45(subs) (128 + 384)
#define SCALES_K8(subs) (64 + 256 * (subs))
#define SCALES_K2(subs) (128 + 512)

#define FORM(t, c, s, off, n_sub, has_min, n_block, table)                                         \
    {                                                                                              \
        .type = ENG_##t, .code = ENG_WC_##c, .scale = ENG_WS_##s, .offset = (off),                 \
        .subs = (n_sub), .mins = (has_min), .blocks = (n_block), .values = (table),                \
        .block_bytes = CODES_##c, .group_bytes = (n_block)*CODES_##c + SCALES_##s(n_sub)           \
    }

static const eng_wform forms[] = {
    FORM(Q8_0, 8, F16, 0, 1, false, 1, NULL),
    FORM(Q4_0, 4, F16, 8, 1, false, 1, NULL),
    FORM(Q4_1, 4, F16_MIN, 0, 1, true, 1, NULL),
    FORM(Q5_0, 4_1, F16, 16, 1, false, 1, NULL),
    FORM(Q5_1, 4_1, F16_MIN, 0, 1, true, 1, NULL),
    FORM(Q2_K, 2, K2, 0, 2, true, 8, NULL),
    FORM(Q3_K, 2_1, K8, 4, 2, false, 8, NULL),
    FORM(Q4_K, 4, K45, 0, 1, true, 8, NULL),
    FORM(Q5_K, 4_1, K45, 0, 1, true, 8, NULL),
    FORM(Q6_K, 4_2, K8, 32, 2, false, 8, NULL),
    FORM(IQ4_NL, LOOKUP, F16, 0, 1, false, 1, eng_iq4_values),
    FORM(IQ4_XS, LOOKUP, K8, 0, 1, false, 8, eng_iq4_values),
    FORM(MXFP4, LOOKUP, E8, 0, 1, false, 1, eng_mxfp4_values),
};

const eng_wform *eng_wform_of(eng_dtype t)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (forms[i].type == t) return &forms[i];
    return NULL;
}

size_t eng_wform_panel_bytes(const eng_wform *f, size_t n_in)
{
    size_t group = (size_t)f->blocks * ENG_QB;
    assert(n_in % group == 0);
    return n_in / group * f->group_bytes;
}
