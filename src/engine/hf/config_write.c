/* config_write.c - keys of a GGUF as a config.json. */
#include "base/json.h"
#include "engine/hf/config.h"
#include "engine/hf/extra.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The key "arch.suffix". */
static const char *key_of(const eng_hf_out *o, const char *suffix, char key[128])
{
    int n = snprintf(key, 128, "%s.%s", o->family->arch, suffix);
    return n > 0 && n < 128 ? key : "";
}

static bool num_of(const eng_hf_out *o, const char *suffix, double *out)
{
    char key[128];
    uint64_t u;
    if (!eng_gguf_f64(o->g, key_of(o, suffix, key), out, NULL)) return true;
    if (eng_gguf_u64(o->g, key, &u, NULL)) return false;
    *out = (double)u;
    return true;
}

static bool bool_of(const eng_hf_out *o, const char *suffix, bool *out)
{
    char key[128];
    return !eng_gguf_bool(o->g, key_of(o, suffix, key), out, NULL);
}

static void set(const eng_hf_out *o, const char *key, json_t *v)
{
    (void)json_object_set_new(o->cfg, key, v); /* memory is asked for once, at the end */
}

/* The shortest number that reads back as the float a GGUF holds. */
static double shortest(double v)
{
    char text[40];
    for (int digits = 1; digits < 10; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, v);
        double back = 0;
        if (sscanf(text, "%lf", &back) == 1 && (float)back == (float)v) return back;
    }
    return v;
}

/* The rows of a table that g has a key for, under the first of the names. */
static void write_keys(const eng_hf_out *o, const eng_hf_key *k)
{
    for (; k && k->hf; k++) {
        char name[64];
        size_t n = strcspn(k->hf, "|");
        double v = 0;
        bool b = false;
        if (n >= sizeof name) continue;
        memcpy(name, k->hf, n);
        name[n] = 0;
        if (k->kind == ENG_HF_BOOL && bool_of(o, k->gguf, &b)) set(o, name, json_boolean(b));
        if (k->kind == ENG_HF_BOOL || !num_of(o, k->gguf, &v)) continue;
        set(o, name, k->kind == ENG_HF_INT ? json_integer((json_int_t)v) : json_real(shortest(v)));
    }
}

/* llama3's scaling as the factors of g: tried with the lengths its models have, and believed only
 * if it gives these very factors. */
static bool llama3_fits(const eng_hf_out *o, const eng_gguf_tensor *t, json_t *scaling)
{
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    double base = 10000;
    eng_hf_extra extra[ENG_HF_EXTRA_MAX];
    size_t n = 0;
    (void)num_of(o, "rope.freq_base", &base);
    json_t *cfg = json_pack("{s:O,s:f}", "rope_scaling", scaling, "rope_theta", base);
    eng_hf_in in = {.cfg = cfg, .mem = mem, .head_dim = (uint32_t)(2 * t->dim[0])};
    bool ok = mem && cfg && !eng_hf_extra_make(&in, mem, extra, &n, NULL) && n == 1 &&
              extra[0].n == t->dim[0];
    const float *have = t->data;
    for (size_t i = 0; ok && i < extra[0].n; i++)
        ok = fabsf(have[i] - extra[0].data[i]) <= 1e-5f * fabsf(have[i]);
    json_decref(cfg);
    sk_arena_free(mem);
    return ok;
}

static sk_status write_llama3(const eng_hf_out *o, const eng_gguf_tensor *t, sk_err *e)
{
    double factor = 1;
    if (t->type != ENG_F32 || t->n_dims != 1 || t->dim[0] > 1024)
        return sk_fail(e, SK_E_UNSUPPORTED, "rope_freqs.weight is of no known form");
    for (uint64_t i = 0; i < t->dim[0]; i++)
        factor = fmax(factor, (double)((const float *)t->data)[i]);
    static const int lengths[] = {8192, 4096, 16384, 32768};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        json_t *s = json_pack("{s:s,s:f,s:f,s:f,s:i}", "rope_type", "llama3", "factor",
                              shortest(factor), "low_freq_factor", 1.0, "high_freq_factor", 4.0,
                              "original_max_position_embeddings", lengths[i]);
        bool fits = s && llama3_fits(o, t, s);
        if (fits) set(o, "rope_scaling", json_incref(s));
        json_decref(s);
        if (fits) return SK_OK;
    }
    return sk_fail(e, SK_E_UNSUPPORTED,
                   "the factors of rope_freqs.weight are none that config.json can say");
}

/* partial_rotary_factor, where less than a whole head is rotated. */
static void write_rotated_part(const eng_hf_out *o)
{
    double v = 0, head = 0, heads = 1, own = 0;
    if (!num_of(o, "rope.dimension_count", &v) || !num_of(o, "embedding_length", &head)) return;
    (void)num_of(o, "attention.head_count", &heads);
    head = num_of(o, "attention.key_length", &own) ? own : head / heads;
    if (v != head) set(o, "partial_rotary_factor", json_real(v / head));
}

/* True for a text that reads so. */
static bool reads(eng_str s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

/* rope_theta, rope_scaling, partial_rotary_factor. */
static sk_status write_rope(const eng_hf_out *o, sk_err *e)
{
    char key[128];
    double v = 0;
    eng_str type = {"", 0};
    if (num_of(o, "rope.freq_base", &v)) set(o, "rope_theta", json_real(shortest(v)));
    write_rotated_part(o);
    const eng_gguf_tensor *freqs = eng_gguf_tensor_find(o->g, "rope_freqs.weight");
    if (freqs) return write_llama3(o, freqs, e);
    (void)eng_gguf_str(o->g, key_of(o, "rope.scaling.type", key), &type, NULL);
    if (!type.n || reads(type, "none")) return SK_OK;
    bool yarn = reads(type, "yarn");
    if (!yarn && !reads(type, "linear"))
        return sk_fail(e, SK_E_UNSUPPORTED, "%s %.*s cannot be written", key, (int)type.n, type.p);
    if (!num_of(o, "rope.scaling.factor", &v)) return SK_OK;
    json_t *s =
        json_pack("{s:s,s:f}", "rope_type", yarn ? "yarn" : "linear", "factor", shortest(v));
    if (s && num_of(o, "rope.scaling.original_context_length", &v))
        (void)json_object_set_new(s, "original_max_position_embeddings",
                                  json_integer((json_int_t)v));
    set(o, "rope_scaling", s);
    return SK_OK;
}

/* Ids of special tokens, as the tokenizer's keys have them. */
static void write_ids(const eng_hf_out *o)
{
    uint64_t id;
    if (!eng_gguf_u64(o->g, "tokenizer.ggml.bos_token_id", &id, NULL))
        set(o, "bos_token_id", json_integer((json_int_t)id));
    if (!eng_gguf_u64(o->g, "tokenizer.ggml.eos_token_id", &id, NULL))
        set(o, "eos_token_id", json_integer((json_int_t)id));
}

static void write_switches(const eng_hf_out *o, const char *dtype)
{
    bool gemma = !strncmp(o->family->arch, "gemma", 5);
    const char *act =
        gemma || !strcmp(o->family->arch, "starcoder2") ? "gelu_pytorch_tanh" : "silu";
    set(o, "architectures", json_pack("[s]", o->family->classes[0]));
    set(o, "model_type", json_string(o->family->model_type));
    set(o, "torch_dtype", json_string(dtype));
    set(o, "hidden_act", json_string(act));
    if (gemma) set(o, "hidden_activation", json_string(act));
    set(o, "attention_bias", json_boolean(eng_gguf_tensor_find(o->g, "blk.0.attn_q.bias")));
    set(o, "mlp_bias", json_boolean(eng_gguf_tensor_find(o->g, "blk.0.ffn_up.bias")));
    set(o, "tie_word_embeddings", json_boolean(!eng_gguf_tensor_find(o->g, "output.weight")));
    if (!json_object_get(o->cfg, "vocab_size")) {
        const eng_gguf_tensor *t = eng_gguf_tensor_find(o->g, "token_embd.weight");
        if (t) set(o, "vocab_size", json_integer((json_int_t)t->dim[1]));
    }
}

sk_status eng_hf_write_plain(eng_hf_out *o, sk_err *e)
{
    write_keys(o, eng_hf_common_keys);
    write_keys(o, o->family->keys);
    return write_rope(o, e);
}

/* The family that writes g. */
static sk_status find_family(eng_hf_out *o, sk_err *e)
{
    eng_str s;
    char arch[64];
    sk_status st = eng_gguf_str(o->g, "general.architecture", &s, e);
    if (st) return st;
    (void)snprintf(arch, sizeof arch, "%.*s", s.n < sizeof arch ? (int)s.n : 63, s.p);
    o->family = eng_hf_family_of_arch(
        arch, eng_gguf_tensor_find(o->g, "blk.0.ffn_gate_exps.weight") != NULL);
    if (o->family && o->family->write) return SK_OK;
    return sk_fail(e, SK_E_UNSUPPORTED,
                   "a model of the architecture \"%s\" cannot be written as a Hugging Face folder",
                   arch);
}

sk_status eng_hf_config_write(const eng_gguf *g, const char *dtype, sk_buf *out,
                              const eng_hf_family **family, sk_err *e)
{
    eng_hf_out o = {.g = g, .cfg = json_object()};
    sk_status st = o.cfg ? find_family(&o, e) : sk_fail(e, SK_E_NOMEM, "no memory for config.json");
    if (!st) st = o.family->write(&o, e);
    if (!st) {
        write_switches(&o, dtype);
        write_ids(&o);
        size_t how = JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9);
        bool ok = sk_json_dump(o.cfg, how, out);
        sk_buf_addc(out, '\n');
        if (!ok || !sk_buf_ok(out)) st = sk_fail(e, SK_E_NOMEM, "no memory for config.json");
        *family = o.family;
    }
    json_decref(o.cfg);
    return st;
}
