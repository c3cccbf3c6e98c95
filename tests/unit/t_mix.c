/* t_mix.c - the type each tensor gets, against llama-quantize's choice for models of the same
 * shapes.
 *
 * Expected: what llama-quantize (August 2026) wrote for such models of random weights. */
#include "engine/format/mix.h"
#include "tests/unit/unit.h"

#include "engine/format/gguf_build.h"

#include <stdio.h>

enum { TENSORS_MOST = 256 };

/* A model by its shape. */
typedef struct shape {
    const char *name, *arch;
    unsigned layers, heads, kv_heads, experts, cols, ff;
    bool tied, qkv;
} shape;

static const shape shapes[] = {
    {"dense", "llama", 18, 4, 4, 0, 256, 256, false, false},
    {"gqa, tied", "llama", 9, 8, 2, 0, 256, 256, true, false},
    {"experts", "llama", 9, 4, 4, 8, 256, 256, false, false},
    {"falcon", "falcon", 18, 4, 1, 0, 256, 256, false, true},
    {"odd", "llama", 4, 4, 4, 0, 288, 160, false, false},
};

/* What tensors get in a mix: output and token embedding; the value matrices of all layers; the down
 * projections; then attention output of layers 0 and 1, key matrix and up projection of layer 0. */
static const struct expected {
    const char *shape;
    eng_mix mix;
    bool weighed;
    const char *types; /* letters of letter_of, or "refused" */
} expected[] = {
    {"dense", ENG_MIX_F16, false, "hh hhhhhhhhhhhhhhhhhh hhhhhhhhhhhhhhhhhh hhhh"},
    {"dense", ENG_MIX_BF16, false, "gg gggggggggggggggggg gggggggggggggggggg gggg"},
    {"dense", ENG_MIX_Q8_0, false, "88 888888888888888888 888888888888888888 8888"},
    {"dense", ENG_MIX_Q6_K, false, "66 666666666666666666 666666666666666666 6666"},
    {"dense", ENG_MIX_Q5_K_M, false, "65 665565565565565666 665565565565565666 5555"},
    {"dense", ENG_MIX_Q5_K_S, false, "65 555555555555555555 555555555555555555 5555"},
    {"dense", ENG_MIX_Q5_1, false, "6d dddddddddddddddddd dddddddddddddddddd dddd"},
    {"dense", ENG_MIX_Q5_0, false, "6c cccccccccccccccccc cccccccccccccccccc cccc"},
    {"dense", ENG_MIX_Q5_0, true, "6c cccccccccccccccccc ddcccccccccccccccc cccc"},
    {"dense", ENG_MIX_Q4_K_M, false, "64 664464464464464666 664464464464464666 4444"},
    {"dense", ENG_MIX_Q4_K_S, false, "64 555544444444444444 554444444444444444 4444"},
    {"dense", ENG_MIX_Q4_1, false, "6b bbbbbbbbbbbbbbbbbb bbbbbbbbbbbbbbbbbb bbbb"},
    {"dense", ENG_MIX_Q4_0, false, "6a aaaaaaaaaaaaaaaaaa aaaaaaaaaaaaaaaaaa aaaa"},
    {"dense", ENG_MIX_Q4_0, true, "6a aaaaaaaaaaaaaaaaaa bbaaaaaaaaaaaaaaaa aaaa"},
    {"dense", ENG_MIX_IQ4_NL, false, "6n nnnnnnnnnnnnnnnnnn 55nnnnnnnnnnnnnnnn nnnn"},
    {"dense", ENG_MIX_IQ4_NL, true, "6n nnnnnnnnnnnnnnnnnn nnnnnnnnnnnnnnnnnn nnnn"},
    {"dense", ENG_MIX_IQ4_XS, false, "6x xxxxxxxxxxxxxxxxxx 55xxxxxxxxxxxxxxxx xxxx"},
    {"dense", ENG_MIX_IQ4_XS, true, "6x xxxxxxxxxxxxxxxxxx xxxxxxxxxxxxxxxxxx xxxx"},
    {"dense", ENG_MIX_MXFP4_MOE, false, "88 888888888888888888 888888888888888888 8888"},
    {"dense", ENG_MIX_Q3_K_L, false, "63 555555555555555555 555555555555555555 5533"},
    {"dense", ENG_MIX_Q3_K_M, false, "63 554444444444444444 544444444444444444 4433"},
    {"dense", ENG_MIX_Q3_K_S, false, "63 333333333333333333 333333333333333333 3333"},
    {"dense", ENG_MIX_Q2_K, false, "62 333333333333333333 333333333333333333 3322"},
    {"dense", ENG_MIX_Q2_K_S, false, "refused"},
    {"dense", ENG_MIX_Q2_K_S, true, "62 222222222222222222 442222222222222222 2222"},
    {"gqa, tied", ENG_MIX_F16, false, "-h hhhhhhhhh hhhhhhhhh hhhh"},
    {"gqa, tied", ENG_MIX_BF16, false, "-g ggggggggg ggggggggg gggg"},
    {"gqa, tied", ENG_MIX_Q8_0, false, "-8 888888888 888888888 8888"},
    {"gqa, tied", ENG_MIX_Q6_K, false, "-6 666666666 666666666 6666"},
    {"gqa, tied", ENG_MIX_Q5_K_M, false, "-6 655655666 655655666 5555"},
    {"gqa, tied", ENG_MIX_Q5_K_S, false, "-6 555555555 555555555 5555"},
    {"gqa, tied", ENG_MIX_Q5_1, false, "-6 ddddddddd ddddddddd dddd"},
    {"gqa, tied", ENG_MIX_Q5_0, false, "-6 ccccccccc ccccccccc cccc"},
    {"gqa, tied", ENG_MIX_Q5_0, true, "-6 ccccccccc dcccccccc cccc"},
    {"gqa, tied", ENG_MIX_Q4_K_M, false, "-6 644644666 644644666 4444"},
    {"gqa, tied", ENG_MIX_Q4_K_S, false, "-6 555544444 544444444 4444"},
    {"gqa, tied", ENG_MIX_Q4_1, false, "-6 bbbbbbbbb bbbbbbbbb bbbb"},
    {"gqa, tied", ENG_MIX_Q4_0, false, "-6 aaaaaaaaa aaaaaaaaa aaaa"},
    {"gqa, tied", ENG_MIX_Q4_0, true, "-6 aaaaaaaaa baaaaaaaa aaaa"},
    {"gqa, tied", ENG_MIX_IQ4_NL, false, "-6 555555555 5nnnnnnnn nnnn"},
    {"gqa, tied", ENG_MIX_IQ4_NL, true, "-6 555555555 nnnnnnnnn nnnn"},
    {"gqa, tied", ENG_MIX_IQ4_XS, false, "-6 555555555 5xxxxxxxx xxxx"},
    {"gqa, tied", ENG_MIX_IQ4_XS, true, "-6 555555555 xxxxxxxxx xxxx"},
    {"gqa, tied", ENG_MIX_MXFP4_MOE, false, "-8 888888888 888888888 8888"},
    {"gqa, tied", ENG_MIX_Q3_K_L, false, "-6 555555555 555555555 5533"},
    {"gqa, tied", ENG_MIX_Q3_K_M, false, "-6 554444444 444444444 4433"},
    {"gqa, tied", ENG_MIX_Q3_K_S, false, "-6 333333333 333333333 3333"},
    {"gqa, tied", ENG_MIX_Q2_K, false, "-6 444444444 333333333 3322"},
    {"gqa, tied", ENG_MIX_Q2_K_S, false, "refused"},
    {"gqa, tied", ENG_MIX_Q2_K_S, true, "-6 444444444 422222222 2222"},
    {"experts", ENG_MIX_F16, false, "hh hhhhhhhhh hhhhhhhhh hhh-"},
    {"experts", ENG_MIX_BF16, false, "gg ggggggggg ggggggggg ggg-"},
    {"experts", ENG_MIX_Q8_0, false, "88 888888888 888888888 888-"},
    {"experts", ENG_MIX_Q6_K, false, "66 888888888 666666666 668-"},
    {"experts", ENG_MIX_Q5_K_M, false, "65 888888888 655655666 558-"},
    {"experts", ENG_MIX_Q5_K_S, false, "65 888888888 555555555 558-"},
    {"experts", ENG_MIX_Q5_1, false, "6d 888888888 ddddddddd dd8-"},
    {"experts", ENG_MIX_Q5_0, false, "6c 888888888 ccccccccc cc8-"},
    {"experts", ENG_MIX_Q5_0, true, "6c 888888888 dcccccccc cc8-"},
    {"experts", ENG_MIX_Q4_K_M, false, "64 888888888 644644666 558-"},
    {"experts", ENG_MIX_Q4_K_S, false, "64 888888888 544444444 558-"},
    {"experts", ENG_MIX_Q4_1, false, "6b 888888888 bbbbbbbbb bb8-"},
    {"experts", ENG_MIX_Q4_0, false, "6a 888888888 aaaaaaaaa aa8-"},
    {"experts", ENG_MIX_Q4_0, true, "6a 888888888 baaaaaaaa aa8-"},
    {"experts", ENG_MIX_IQ4_NL, false, "6n 888888888 5nnnnnnnn 558-"},
    {"experts", ENG_MIX_IQ4_NL, true, "6n 888888888 nnnnnnnnn 558-"},
    {"experts", ENG_MIX_IQ4_XS, false, "6x 888888888 5xxxxxxxx 558-"},
    {"experts", ENG_MIX_IQ4_XS, true, "6x 888888888 xxxxxxxxx 558-"},
    {"experts", ENG_MIX_MXFP4_MOE, false, "88 888888888 mmmmmmmmm 888-"},
    {"experts", ENG_MIX_Q3_K_L, false, "63 888888888 555555555 338-"},
    {"experts", ENG_MIX_Q3_K_M, false, "63 888888888 444444444 558-"},
    {"experts", ENG_MIX_Q3_K_S, false, "63 888888888 333333333 558-"},
    {"experts", ENG_MIX_Q2_K, false, "62 888888888 333333333 558-"},
    {"experts", ENG_MIX_Q2_K_S, false, "refused"},
    {"experts", ENG_MIX_Q2_K_S, true, "62 888888888 422222222 228-"},
    {"falcon", ENG_MIX_F16, false, "hh hhhhhhhhhhhhhhhhhh hhhhhhhhhhhhhhhhhh hh-h"},
    {"falcon", ENG_MIX_BF16, false, "gg gggggggggggggggggg gggggggggggggggggg gg-g"},
    {"falcon", ENG_MIX_Q8_0, false, "88 888888888888888888 888888888888888888 88-8"},
    {"falcon", ENG_MIX_Q6_K, false, "86 666666666666666666 666666666666666666 66-6"},
    {"falcon", ENG_MIX_Q5_K_M, false, "85 665565565565565666 665565565565565666 55-5"},
    {"falcon", ENG_MIX_Q5_K_S, false, "85 555555555555555555 555555555555555555 55-5"},
    {"falcon", ENG_MIX_Q5_1, false, "8d dddddddddddddddddd dddddddddddddddddd dd-d"},
    {"falcon", ENG_MIX_Q5_0, false, "8c cccccccccccccccccc cccccccccccccccccc cc-c"},
    {"falcon", ENG_MIX_Q5_0, true, "8c cccccccccccccccccc ddcccccccccccccccc cc-c"},
    {"falcon", ENG_MIX_Q4_K_M, false, "84 664464464464464666 654454454454454555 44-4"},
    {"falcon", ENG_MIX_Q4_K_S, false, "84 555544444444444444 444444444444444444 44-4"},
    {"falcon", ENG_MIX_Q4_1, false, "8b bbbbbbbbbbbbbbbbbb bbbbbbbbbbbbbbbbbb bb-b"},
    {"falcon", ENG_MIX_Q4_0, false, "8a aaaaaaaaaaaaaaaaaa aaaaaaaaaaaaaaaaaa aa-a"},
    {"falcon", ENG_MIX_Q4_0, true, "8a aaaaaaaaaaaaaaaaaa bbaaaaaaaaaaaaaaaa aa-a"},
    {"falcon", ENG_MIX_IQ4_NL, false, "8n 555555555555555555 55nnnnnnnnnnnnnnnn nn-n"},
    {"falcon", ENG_MIX_IQ4_NL, true, "8n 555555555555555555 nnnnnnnnnnnnnnnnnn nn-n"},
    {"falcon", ENG_MIX_IQ4_XS, false, "8x 555555555555555555 55xxxxxxxxxxxxxxxx xx-x"},
    {"falcon", ENG_MIX_IQ4_XS, true, "8x 555555555555555555 xxxxxxxxxxxxxxxxxx xx-x"},
    {"falcon", ENG_MIX_MXFP4_MOE, false, "88 888888888888888888 888888888888888888 88-8"},
    {"falcon", ENG_MIX_Q3_K_L, false, "83 555555555555555555 444444444444444444 44-3"},
    {"falcon", ENG_MIX_Q3_K_M, false, "83 554444444444444444 543343343343343444 33-3"},
    {"falcon", ENG_MIX_Q3_K_S, false, "83 333333333333333333 333333333333333333 33-3"},
    {"falcon", ENG_MIX_Q2_K, false, "82 444444444444444444 333333333333333333 22-2"},
    {"falcon", ENG_MIX_Q2_K_S, false, "refused"},
    {"falcon", ENG_MIX_Q2_K_S, true, "82 444444444444444444 442222222222222222 22-2"},
    {"odd", ENG_MIX_F16, false, "hh hhhh hhhh hhhh"},
    {"odd", ENG_MIX_BF16, false, "gg gggg gggg gggg"},
    {"odd", ENG_MIX_Q8_0, false, "88 8888 8888 8888"},
    {"odd", ENG_MIX_Q6_K, false, "88 8888 8888 8888"},
    {"odd", ENG_MIX_Q5_K_M, false, "8d dd88 dd88 dddd"},
    {"odd", ENG_MIX_Q5_K_S, false, "8d dddd dddd dddd"},
    {"odd", ENG_MIX_Q5_1, false, "8d dddd dddd dddd"},
    {"odd", ENG_MIX_Q5_0, false, "8c cccc cccc cccc"},
    {"odd", ENG_MIX_Q5_0, true, "8c cccc cccc cccc"},
    {"odd", ENG_MIX_Q4_K_M, false, "8c cc88 cc88 cccc"},
    {"odd", ENG_MIX_Q4_K_S, false, "8c dddd cccc cccc"},
    {"odd", ENG_MIX_Q4_1, false, "8b bbbb bbbb bbbb"},
    {"odd", ENG_MIX_Q4_0, false, "8a aaaa aaaa aaaa"},
    {"odd", ENG_MIX_Q4_0, true, "8a aaaa aaaa aaaa"},
    {"odd", ENG_MIX_IQ4_NL, false, "8n nnnn nnnn nnnn"},
    {"odd", ENG_MIX_IQ4_NL, true, "8n nnnn nnnn nnnn"},
    {"odd", ENG_MIX_IQ4_XS, false, "8n nnnn nnnn nnnn"},
    {"odd", ENG_MIX_IQ4_XS, true, "8n nnnn nnnn nnnn"},
    {"odd", ENG_MIX_MXFP4_MOE, false, "88 8888 8888 8888"},
    {"odd", ENG_MIX_Q3_K_L, false, "8a dddd dddd ddaa"},
    {"odd", ENG_MIX_Q3_K_M, false, "8a ddcc cccc ccaa"},
    {"odd", ENG_MIX_Q3_K_S, false, "8a aaaa aaaa aaaa"},
    {"odd", ENG_MIX_Q2_K, false, "8a aaaa aaaa aaaa"},
    {"odd", ENG_MIX_Q2_K_S, false, "8a aaaa aaaa aaaa"},
    {"odd", ENG_MIX_Q2_K_S, true, "8a aaaa aaaa aaaa"},
};

/* A letter for each type. */
static char letter_of(uint32_t type)
{
    static const struct letter {
        eng_dtype type;
        char letter;
    } letters[] = {{ENG_F32, 'f'},  {ENG_F16, 'h'},    {ENG_BF16, 'g'},   {ENG_Q8_0, '8'},
                   {ENG_Q6_K, '6'}, {ENG_Q5_K, '5'},   {ENG_Q4_K, '4'},   {ENG_Q3_K, '3'},
                   {ENG_Q2_K, '2'}, {ENG_Q4_0, 'a'},   {ENG_Q4_1, 'b'},   {ENG_Q5_0, 'c'},
                   {ENG_Q5_1, 'd'}, {ENG_IQ4_NL, 'n'}, {ENG_IQ4_XS, 'x'}, {ENG_MXFP4, 'm'}};
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if ((uint32_t)letters[i].type == type) return letters[i].letter;
    return '?';
}

/* Adds a float tensor; nobody reads its data here. */
static void add(eng_gguf_writer *w, const char *name, uint64_t cols, uint64_t rows, uint64_t n)
{
    static const float none;
    const uint64_t dim[3] = {cols, rows, n};
    eng_gguf_build_tensor(w, name, ENG_F32, n > 1 ? 3 : rows > 1 ? 2 : 1, dim, &none);
}

/* Adds "blk.LAYER.NAME.weight". */
static void add_in(eng_gguf_writer *w, unsigned layer, const char *name, uint64_t cols,
                   uint64_t rows, uint64_t n)
{
    char full[64];
    snprintf(full, sizeof full, "blk.%u.%s.weight", layer, name);
    add(w, full, cols, rows, n);
}

static void add_layer(eng_gguf_writer *w, const shape *s, unsigned i)
{
    uint64_t kv = s->cols / s->heads * s->kv_heads;
    add_in(w, i, "attn_norm", s->cols, 1, 1);
    if (s->qkv) {
        add_in(w, i, "attn_qkv", s->cols, s->cols + 2 * kv, 1);
    } else {
        add_in(w, i, "attn_q", s->cols, s->cols, 1);
        add_in(w, i, "attn_k", s->cols, kv, 1);
        add_in(w, i, "attn_v", s->cols, kv, 1);
    }
    add_in(w, i, "attn_output", s->cols, s->cols, 1);
    if (s->experts) {
        add_in(w, i, "ffn_gate_inp", s->cols, s->experts, 1);
        add_in(w, i, "ffn_up_exps", s->cols, s->ff, s->experts);
        add_in(w, i, "ffn_down_exps", s->ff, s->cols, s->experts);
    } else {
        add_in(w, i, "ffn_up", s->cols, s->ff, 1);
        add_in(w, i, "ffn_down", s->ff, s->cols, 1);
    }
}

static void put(eng_gguf_writer *w, const char *arch, const char *name, uint32_t v)
{
    char key[64];
    snprintf(key, sizeof key, "%s.%s", arch, name);
    eng_gguf_put_u32(w, key, v);
}

/* The layers come last to first: it must not matter. */
static eng_gguf *make(const shape *s)
{
    sk_err e = SK_ERR_INIT;
    eng_gguf_writer *w = NULL;
    eng_gguf *g = NULL;
    assert_status_ok(eng_gguf_build(&w, &e), e);
    eng_gguf_put_str(w, "general.architecture", s->arch, strlen(s->arch));
    put(w, s->arch, "block_count", s->layers);
    put(w, s->arch, "attention.head_count", s->heads);
    put(w, s->arch, "attention.head_count_kv", s->kv_heads);
    if (s->experts) put(w, s->arch, "expert_count", s->experts);
    for (unsigned i = s->layers; i-- > 0;)
        add_layer(w, s, i);
    add(w, "output_norm.weight", s->cols, 1, 1);
    add(w, "token_embd.weight", s->cols, 64, 1);
    if (!s->tied) add(w, "output.weight", s->cols, 64, 1);
    assert_status_ok(eng_gguf_build_open(w, &g, &e), e);
    return g;
}

/* The letter of a tensor's choice, '-' when the model lacks it. */
static char chosen(const eng_gguf *g, const eng_mix_choice *c, const char *name)
{
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        eng_str s = eng_gguf_tensor_at(g, i)->name;
        if (s.n == strlen(name) && memcmp(s.p, name, s.n) == 0) return letter_of(c[i].type);
    }
    return '-';
}

static char chosen_in(const eng_gguf *g, const eng_mix_choice *c, unsigned layer, const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "blk.%u.%s.weight", layer, name);
    return chosen(g, c, full);
}

/* The choices in the form of the table. */
static void summary(const eng_gguf *g, const shape *s, const eng_mix_choice *c, sk_buf *out)
{
    sk_buf_reset(out);
    sk_buf_addc(out, chosen(g, c, "output.weight"));
    sk_buf_addc(out, chosen(g, c, "token_embd.weight"));
    sk_buf_addc(out, ' ');
    for (unsigned i = 0; i < s->layers; i++)
        sk_buf_addc(out, chosen_in(g, c, i, s->qkv ? "attn_qkv" : "attn_v"));
    sk_buf_addc(out, ' ');
    for (unsigned i = 0; i < s->layers; i++)
        sk_buf_addc(out, chosen_in(g, c, i, s->experts ? "ffn_down_exps" : "ffn_down"));
    sk_buf_addc(out, ' ');
    sk_buf_addc(out, chosen_in(g, c, 0, "attn_output"));
    sk_buf_addc(out, chosen_in(g, c, 1, "attn_output"));
    sk_buf_addc(out, chosen_in(g, c, 0, "attn_k"));
    sk_buf_addc(out, chosen_in(g, c, 0, "ffn_up"));
}

static void as_llama_quantize(void **state)
{
    (void)state;
    sk_buf got = SK_BUF_INIT;
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        const shape *s = &shapes[k];
        eng_gguf *g = make(s);
        eng_mix_choice c[TENSORS_MOST];
        assert_true(eng_gguf_n_tensors(g) <= TENSORS_MOST);
        for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
            const struct expected *x = &expected[i];
            const eng_mix_opts o = {x->mix, false, x->weighed};
            sk_err e = SK_ERR_INIT;
            if (strcmp(x->shape, s->name) != 0) continue;
            sk_status st = eng_mix_choose(g, &o, c, &e);
            if (strcmp(x->types, "refused") == 0) {
                assert_status(st, SK_E_INVALID, e, "importance matrix");
                continue;
            }
            assert_status_ok(st, e);
            summary(g, s, c, &got);
            if (strcmp(got.p, x->types) != 0)
                fail_msg("%s %s %d: %s, not %s", s->name, eng_mix_name(x->mix), x->weighed, got.p,
                         x->types);
        }
        eng_gguf_close(g);
    }
    sk_buf_fini(&got);
}

/* Names with and without the ending; pure mixes; what is never touched. */
static void names_and_pure(void **state)
{
    (void)state;
    eng_mix m = ENG_MIX_F32;
    assert_true(eng_mix_of_name("q4_k", &m) && m == ENG_MIX_Q4_K_M);
    assert_true(eng_mix_of_name("Q5_K_s", &m) && m == ENG_MIX_Q5_K_S);
    assert_true(eng_mix_of_name("q2_k", &m) && m == ENG_MIX_Q2_K);
    assert_false(eng_mix_of_name("Q4", &m));
    assert_false(eng_mix_of_name("", &m));
    assert_false(eng_mix_of_name("a name that is longer than any", &m));
    assert_int_equal(eng_mix_number(ENG_MIX_Q4_K_M), 15);
    eng_gguf *g = make(&shapes[2]);
    eng_mix_choice c[TENSORS_MOST];
    sk_err e = SK_ERR_INIT;
    const eng_mix_opts o = {ENG_MIX_Q4_K_M, true, false};
    assert_status_ok(eng_mix_choose(g, &o, c, &e), e);
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_at(g, i);
        bool router = memmem(t->name.p, t->name.n, "ffn_gate_inp", 12) != NULL;
        assert_int_equal(c[i].type, t->n_dims == 1 || router ? ENG_F32 : ENG_Q4_K);
        assert_false(c[i].is_fallback);
    }
    eng_gguf_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_llama_quantize),
        cmocka_unit_test(names_and_pure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
