/* mix.c - the rules of the mixes, as a table; and what they need to know of a model. */
#include "engine/format/mix.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct mix_row {
    const char *name;
    eng_dtype type;
    uint32_t number;
} mixes[ENG_MIXES] = {
#define ROW(id, type, number) {#id, ENG_##type, number},
    ENG_MIX_TABLE(ROW)
#undef ROW
};

/* The mix of a name. */
bool eng_mix_of_name(const char *name, eng_mix *out)
{
    char medium[16];
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < ENG_MIXES; i++)
            if (strcasecmp(name, mixes[i].name) == 0) {
                *out = (eng_mix)i;
                return true;
            }
        int n = snprintf(medium, sizeof medium, "%s_M", name);
        if (n < 0 || (size_t)n >= sizeof medium) return false;
        name = medium;
    }
    return false;
}

const char *eng_mix_name(eng_mix m)
{
    assert((unsigned)m < ENG_MIXES);
    return mixes[m].name;
}

uint32_t eng_mix_number(eng_mix m)
{
    assert((unsigned)m < ENG_MIXES);
    return mixes[m].number;
}

/* What a tensor is for, as far as the rules care. */
typedef enum role { OTHER, OUTPUT, EMBEDDING, VALUE, KEY, PROJECTION, DOWN } role;

/* The role of a tensor by its name: the first row whose text is in it. */
static role role_of(eng_str name)
{
    static const struct role_row {
        const char *text;
        bool whole; /* the text is all of the name */
        role role;
    } rows[] = {
        {"output.weight", true, OUTPUT},
        {"token_embd.weight", true, EMBEDDING},
        {"per_layer_token_embd.weight", true, EMBEDDING},
        {"attn_qkv.weight", false, VALUE},
        {"attn_kv_b.weight", false, VALUE},
        {"attn_v.weight", false, VALUE},
        {"attn_k.weight", false, KEY},
        {"attn_output.weight", false, PROJECTION},
        {"ffn_down", false, DOWN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = strlen(rows[i].text);
        if (rows[i].whole ? name.n == n && memcmp(name.p, rows[i].text, n) == 0
                          : memmem(name.p, name.n, rows[i].text, n) != NULL)
            return rows[i].role;
    }
    return OTHER;
}

/* Dimensions that are not 1 at the end. */
static unsigned real_dims(const eng_gguf_tensor *t)
{
    unsigned n = 4;
    while (n > 1 && t->dim[n - 1] == 1)
        n--;
    return n;
}

/* Whether a tensor is quantised at all: matrices named "...weight", without the small ones whose
 * error costs more than their bytes. */
static bool is_matrix(const eng_gguf_tensor *t)
{
    static const char *const left_alone[] = {"_norm.weight",
                                             "ffn_gate_inp.weight",
                                             "ffn_gate_tid2eid.weight",
                                             "altup",
                                             "laurel",
                                             "per_layer_model_proj",
                                             "ssm_conv1d",
                                             "shortconv.conv.weight",
                                             "indexer.k_proj.weight",
                                             "indexer.q_proj.weight",
                                             "time_mix_first.weight",
                                             "time_mix_w0.weight",
                                             "time_mix_w1.weight",
                                             "time_mix_w2.weight",
                                             "time_mix_v0.weight",
                                             "time_mix_v1.weight",
                                             "time_mix_v2.weight",
                                             "time_mix_a0.weight",
                                             "time_mix_a1.weight",
                                             "time_mix_a2.weight",
                                             "time_mix_g1.weight",
                                             "time_mix_g2.weight",
                                             "time_mix_decay_w1.weight",
                                             "time_mix_decay_w2.weight",
                                             "time_mix_lerp_fused.weight",
                                             "attn_rel_b.weight",
                                             ".position_embd",
                                             "sam.pos_embd",
                                             "sam.neck.",
                                             "sam.net_",
                                             ".rel_pos",
                                             ".patch_embd",
                                             ".patch_merger",
                                             "a.rvq.codebook",
                                             "mm.a.code_embd"};
    static const char *const whole[] = {"position_embd.weight", "token_types.weight"};
    static const char end[] = "weight";
    const size_t n_end = sizeof end - 1;
    if (real_dims(t) < 2 || t->name.n < n_end ||
        memcmp(t->name.p + t->name.n - n_end, end, n_end) != 0)
        return false;
    for (size_t i = 0; i < sizeof left_alone / sizeof left_alone[0]; i++)
        if (memmem(t->name.p, t->name.n, left_alone[i], strlen(left_alone[i]))) return false;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        if (t->name.n == strlen(whole[i]) && memcmp(t->name.p, whole[i], t->name.n) == 0)
            return false;
    return true;
}

/* What the rules ask of the model. */
typedef struct facts {
    bool falcon, is_70b, eight_experts, many_experts, gqa4, tied, has_imatrix;
    int n_layer, n_value; /* layers, and tensors with the role VALUE */
} facts;

/* What must hold for a rule. */
typedef enum condition {
    ALWAYS,
    GQA4,    /* four query heads or more share a key head */
    FIRST_2, /* by the number i of the tensor among those of its role */
    FIRST_4,
    FIRST_8TH, /* of the layers */
    FIRST_16TH,
    MORE, /* the first and the last eighth, and every third between */
    MORE_OR_NO_FALCON,
    FALCON,
    FALCON_16TH,
    FALCON_MORE,
    NO_FALCON_8TH,
    NO_FALCON_MORE,
    NO_FALCON,
    EIGHT,      /* a model with eight experts */
    PLAIN_8TH,  /* the first eighth, without an importance matrix */
    WEIGHED_8TH /* the first eighth, with one */
} condition;

/* Whether number i of n is worth more bits. */
static bool is_more(int i, int n)
{
    return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
}

/* Whether a rule's condition holds for tensor i of n. */
static bool holds(condition c, const facts *f, int i, int n)
{
    switch (c) {
    case ALWAYS:
        return true;
    case GQA4:
        return f->gqa4;
    case FIRST_2:
        return i < 2;
    case FIRST_4:
        return i < 4;
    case FIRST_8TH:
        return i < n / 8;
    case FIRST_16TH:
        return i < n / 16;
    case MORE:
        return is_more(i, n);
    case MORE_OR_NO_FALCON:
        return !f->falcon || is_more(i, n);
    case FALCON:
        return f->falcon;
    case FALCON_16TH:
        return f->falcon && i < n / 16;
    case FALCON_MORE:
        return f->falcon && is_more(i, n);
    case NO_FALCON_8TH:
        return !f->falcon && i < n / 8;
    case NO_FALCON_MORE:
        return !f->falcon && is_more(i, n);
    case NO_FALCON:
        return !f->falcon;
    case EIGHT:
        return f->eight_experts;
    case PLAIN_8TH:
        return i < n / 8 && !f->has_imatrix;
    case WEIGHED_8TH:
        return i < n / 8 && f->has_imatrix;
    }
    return false;
}

/* A rule: in this mix a tensor of this role gets this type when the condition holds.  The first
 * that fits counts; without one it is the mix's own type. */
typedef struct rule {
    eng_mix mix;
    role role;
    condition when;
    eng_dtype type;
} rule;

#define RULE(mix, role, when, type)                                                                \
    {                                                                                              \
        ENG_MIX_##mix, role, when, ENG_##type                                                      \
    }
static const rule rules[] = {
    RULE(Q2_K, VALUE, GQA4, Q4_K),
    RULE(Q2_K, VALUE, ALWAYS, Q3_K),
    RULE(Q2_K_S, VALUE, GQA4, Q4_K),
    RULE(Q3_K_M, VALUE, FIRST_2, Q5_K),
    RULE(Q3_K_M, VALUE, ALWAYS, Q4_K),
    RULE(Q3_K_L, VALUE, ALWAYS, Q5_K),
    RULE(IQ4_NL, VALUE, GQA4, Q5_K),
    RULE(IQ4_XS, VALUE, GQA4, Q5_K),
    RULE(Q4_K_M, VALUE, MORE, Q6_K),
    RULE(Q5_K_M, VALUE, MORE, Q6_K),
    RULE(Q4_K_S, VALUE, FIRST_4, Q5_K),

    RULE(Q2_K, DOWN, ALWAYS, Q3_K),
    RULE(Q2_K_S, DOWN, FIRST_8TH, Q4_K),
    RULE(Q3_K_M, DOWN, FIRST_16TH, Q5_K),
    RULE(Q3_K_M, DOWN, MORE_OR_NO_FALCON, Q4_K),
    RULE(Q3_K_L, DOWN, FALCON, Q4_K),
    RULE(Q3_K_L, DOWN, ALWAYS, Q5_K),
    RULE(Q4_K_M, DOWN, FALCON_16TH, Q6_K),
    RULE(Q4_K_M, DOWN, FALCON_MORE, Q5_K),
    RULE(Q4_K_M, DOWN, NO_FALCON_MORE, Q6_K),
    RULE(IQ4_NL, DOWN, PLAIN_8TH, Q5_K),
    RULE(IQ4_XS, DOWN, PLAIN_8TH, Q5_K),
    RULE(Q5_K_M, DOWN, MORE, Q6_K),
    RULE(Q4_K_S, DOWN, NO_FALCON_8TH, Q5_K),
    RULE(Q4_0, DOWN, WEIGHED_8TH, Q4_1),
    RULE(Q5_0, DOWN, WEIGHED_8TH, Q5_1),

    RULE(Q3_K_L, PROJECTION, FALCON, Q4_K),
    RULE(Q2_K, PROJECTION, EIGHT, Q5_K),
    RULE(Q3_K_S, PROJECTION, EIGHT, Q5_K),
    RULE(Q3_K_M, PROJECTION, EIGHT, Q5_K),
    RULE(IQ4_NL, PROJECTION, EIGHT, Q5_K),
    RULE(IQ4_XS, PROJECTION, EIGHT, Q5_K),
    RULE(Q4_K_S, PROJECTION, EIGHT, Q5_K),
    RULE(Q4_K_M, PROJECTION, EIGHT, Q5_K),
    RULE(Q3_K_L, PROJECTION, EIGHT, Q3_K),
    RULE(Q2_K, PROJECTION, NO_FALCON, Q3_K),
    RULE(Q3_K_M, PROJECTION, NO_FALCON, Q4_K),
    RULE(Q3_K_L, PROJECTION, NO_FALCON, Q5_K),
};
#undef RULE

/* The type of a role in a mix, for tensor i of n of that role. */
static eng_dtype by_rule(eng_mix mix, role r, const facts *f, int i, int n)
{
    for (size_t k = 0; k < sizeof rules / sizeof rules[0]; k++) {
        const rule *u = &rules[k];
        /* falcon's projections have one rule of their own, its other conditions don't apply */
        if (u->when == EIGHT && f->falcon) continue;
        if (u->mix == mix && u->role == r && holds(u->when, f, i, n)) return u->type;
    }
    return mixes[mix].type;
}

/* The type of the output matrix, or of an embedding that stands in for it: its errors reach every
 * logit, so it keeps 6 bits, and 8 where its rows are no whole super-blocks. */
static eng_dtype output_type(const eng_mix_opts *o, const facts *f, const eng_gguf_tensor *t)
{
    bool eight = o->mix == ENG_MIX_MXFP4_MOE || o->mix == ENG_MIX_Q8_0 || f->falcon ||
                 t->dim[0] % eng_dtype_block(mixes[o->mix].type);
    return eight ? ENG_Q8_0 : ENG_Q6_K;
}

/* The type a tensor should have, shapes aside; i counts the tensors of its role. */
static eng_dtype wanted(const eng_mix_opts *o, const facts *f, const eng_gguf_tensor *t, role r,
                        int i)
{
    assert((unsigned)o->mix < ENG_MIXES);
    eng_dtype own = mixes[o->mix].type;
    if (o->pure || eng_dtype_block(own) == 1) return own;
    if (r == OUTPUT || (r == EMBEDDING && f->tied)) return output_type(o, f, t);
    if (o->mix == ENG_MIX_MXFP4_MOE) return t->dim[2] > 1 ? ENG_MXFP4 : ENG_Q8_0;
    if ((r == VALUE || r == KEY) && f->eight_experts) return ENG_Q8_0;
    eng_dtype type = by_rule(o->mix, r, f, i, r == VALUE ? f->n_value : f->n_layer);
    if (r == VALUE && f->is_70b && (type == ENG_Q3_K || type == ENG_Q4_K)) return ENG_Q5_K;
    return type;
}

/* The type for rows that are no whole blocks of the wanted one; F16 fits all. */
static eng_dtype fallback(eng_dtype t, uint64_t cols)
{
    eng_dtype to = ENG_F16;
    switch (t) {
    case ENG_IQ4_XS:
        to = ENG_IQ4_NL;
        break;
    case ENG_Q2_K:
    case ENG_Q3_K:
        to = ENG_Q4_0;
        break;
    case ENG_Q4_K:
        to = ENG_Q5_0;
        break;
    case ENG_Q5_K:
        to = ENG_Q5_1;
        break;
    case ENG_Q6_K:
        to = ENG_Q8_0;
        break;
    default:
        break;
    }
    return cols % eng_dtype_block(to) ? ENG_F16 : to;
}

/* A number of the model, <architecture>.NAME; an array's first element; 0 when there is none. */
static uint64_t number_of(const eng_gguf *g, const char *name)
{
    char key[128];
    eng_str arch;
    uint64_t u = 0;
    int64_t i = 0;
    if (eng_gguf_str(g, "general.architecture", &arch, NULL)) return 0;
    int n = snprintf(key, sizeof key, "%.*s.%s", arch.n < 64 ? (int)arch.n : 64, arch.p, name);
    if (n < 0 || (size_t)n >= sizeof key) return 0;
    if (!eng_gguf_u64(g, key, &u, NULL)) return u;
    return !eng_gguf_arr_i64(g, key, 0, &i, NULL) && i > 0 ? (uint64_t)i : 0;
}

/* A count as int, cut where no model is. */
static int count_of(const eng_gguf *g, const char *name)
{
    uint64_t n = number_of(g, name);
    return n < 1000000 ? (int)n : 1000000;
}

static bool arch_is(const eng_gguf *g, const char *name)
{
    eng_str arch;
    return !eng_gguf_str(g, "general.architecture", &arch, NULL) && arch.n == strlen(name) &&
           memcmp(arch.p, name, arch.n) == 0;
}

/* llama.cpp's "70B": models of 80 layers whose value matrices are shared by eight query heads, so
 * small that more bits for them cost next to nothing. */
static bool is_70b(const eng_gguf *g, int n_layer, bool shares)
{
    if (n_layer == 68) return arch_is(g, "jais2");
    if (n_layer != 80) return false;
    return (arch_is(g, "llama") && shares) || arch_is(g, "qwen2") || arch_is(g, "deci") ||
           arch_is(g, "olmo");
}

/* What the rules ask about a model.  n_value counts the value matrices, by which "the first eighth"
 * is measured for them; a model without an output matrix uses its embedding for it. */
static facts facts_of(const eng_gguf *g, const eng_mix_opts *o)
{
    int heads = count_of(g, "attention.head_count"), n_layer = count_of(g, "block_count");
    int shared = count_of(g, "attention.head_count_kv"), experts = count_of(g, "expert_count");
    if (!shared) shared = heads;
    facts f = {.falcon = arch_is(g, "falcon"),
               .eight_experts = experts == 8,
               .many_experts = experts > 1,
               .gqa4 = shared && heads / shared >= 4,
               .is_70b = is_70b(g, n_layer, heads != shared),
               .tied = true,
               .has_imatrix = o->has_imatrix,
               .n_layer = n_layer};
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        role r = role_of(eng_gguf_tensor_at(g, i)->name);
        f.n_value += r == VALUE;
        if (r == OUTPUT) f.tied = false;
    }
    return f;
}

/* The layer in a tensor's name ("blk.7."), -1 if there is none. */
static int layer_of(eng_str name)
{
    int layer = 0;
    size_t i = 4;
    if (name.n < 6 || memcmp(name.p, "blk.", 4) != 0) return -1;
    for (; i < name.n && name.p[i] >= '0' && name.p[i] <= '9' && layer < 1000000; i++)
        layer = layer * 10 + (name.p[i] - '0');
    return i > 4 ? layer : -1;
}

/* Order in which tensors are counted: by layer, then by name. */
static int by_layer(const void *a, const void *b, void *arg)
{
    const eng_gguf *g = arg;
    eng_str x = eng_gguf_tensor_at(g, *(const size_t *)a)->name;
    eng_str y = eng_gguf_tensor_at(g, *(const size_t *)b)->name;
    int i = layer_of(x), j = layer_of(y);
    return i != j ? (i > j) - (i < j) : eng_str_cmp(x, y);
}

/* One tensor, its number i among those of its role. */
static sk_status choose(const eng_gguf_tensor *t, const eng_mix_opts *o, const facts *f, role r,
                        int i, eng_mix_choice *out, sk_err *e)
{
    /* layers of expert models are not counted but named: their tensors may be many a layer */
    if (r == DOWN && f->many_experts) i = layer_of(t->name);
    eng_dtype type = wanted(o, f, t, r, i);
    out->is_fallback = t->dim[0] % eng_dtype_block(type) != 0;
    if (out->is_fallback) type = fallback(type, t->dim[0]);
    out->type = (uint32_t)type;
    if (o->mix == ENG_MIX_Q2_K_S && type == ENG_Q2_K && !o->has_imatrix && r != OUTPUT &&
        r != EMBEDDING)
        return sk_fail(e, SK_E_INVALID,
                       "Q2_K_S keeps too little without an importance matrix (--imatrix); Q2_K "
                       "needs none");
    return SK_OK;
}

/* All tensors of g, counted in the order of their layers. */
sk_status eng_mix_choose(const eng_gguf *g, const eng_mix_opts *o, eng_mix_choice *out, sk_err *e)
{
    size_t n = eng_gguf_n_tensors(g);
    size_t *order = sk_alloc(SK_MEM_MISC, n * sizeof *order + 1);
    if (!order) return sk_fail(e, SK_E_NOMEM, "no memory to look at %zu tensors", n);
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    qsort_r(order, n, sizeof *order, by_layer, (void *)g);
    facts f = facts_of(g, o);
    int n_value = 0, n_down = 0;
    sk_status st = SK_OK;
    for (size_t k = 0; k < n && !st; k++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_at(g, order[k]);
        role r = role_of(t->name);
        out[order[k]] = (eng_mix_choice){t->type, false};
        if (!is_matrix(t)) continue;
        int i = r == VALUE ? n_value++ : r == DOWN ? n_down++ : 0;
        st = choose(t, o, &f, r, i, &out[order[k]], e);
    }
    sk_free(order);
    return st;
}
