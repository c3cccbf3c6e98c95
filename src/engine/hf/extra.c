/* extra.c - factors of RoPE as tensors. */
#include "engine/hf/extra.h"

#include <math.h>

/* Half the part of a head that RoPE turns: how many angles there are. */
static size_t n_angles(const eng_hf_in *in)
{
    double part = 1;
    (void)eng_hf_num(in, "partial_rotary_factor", &part);
    return part > 0 && part <= 1 ? (size_t)(part * in->head_dim) / 2 : in->head_dim / 2;
}

/* llama3: long waves are stretched by `factor`, short ones kept, those between blended.  Source:
 * the Llama 3.1 release, apply_scaling(). */
static sk_status llama3(const eng_hf_in *in, sk_arena *mem, eng_hf_extra *out, sk_err *e)
{
    json_t *r = eng_hf_rope(in);
    double base = 10000, factor = 8, low = 1, high = 4, old = 8192;
    if (!eng_hf_num(in, "rope_theta", &base)) (void)eng_hf_num_in(r, "rope_theta", &base);
    (void)eng_hf_num_in(r, "factor", &factor);
    (void)eng_hf_num_in(r, "low_freq_factor", &low);
    (void)eng_hf_num_in(r, "high_freq_factor", &high);
    (void)eng_hf_num_in(r, "original_max_position_embeddings", &old);
    if (!(factor > 0 && low > 0 && high > low && old > 0 && base > 1))
        return sk_fail(e, SK_E_FORMAT, "the llama3 RoPE scaling of config.json makes no sense");
    size_t n = in->head_dim / 2;
    float *f = sk_new_n(mem, float, n);
    if (!f) return sk_fail(e, SK_E_NOMEM, "no memory for the factors of RoPE");
    for (size_t i = 0; i < n; i++) {
        double wave = 2 * M_PI * pow(base, 2.0 * (double)i / in->head_dim);
        double smooth = (old / wave - low) / (high - low);
        if (wave < old / high)
            f[i] = 1;
        else if (wave > old / low)
            f[i] = (float)factor;
        else
            f[i] = (float)(1 / ((1 - smooth) / factor + smooth));
    }
    *out = (eng_hf_extra){"rope_freqs.weight", f, n};
    return SK_OK;
}

/* A list of factors, one an angle. */
static sk_status take_list(const eng_hf_in *in, const char *key, const char *name, sk_arena *mem,
                           eng_hf_extra *out, sk_err *e)
{
    json_t *list = json_object_get(eng_hf_rope(in), key);
    size_t n = n_angles(in);
    float *f = sk_new_n(mem, float, n);
    if (!f) return sk_fail(e, SK_E_NOMEM, "no memory for the factors of RoPE");
    if (json_array_size(list) != n)
        return sk_fail(e, SK_E_FORMAT, "%s of config.json has %zu factors, %zu are needed", key,
                       json_array_size(list), n);
    for (size_t i = 0; i < n; i++) {
        json_t *v = json_array_get(list, i);
        if (!json_is_number(v) || !(json_number_value(v) > 0))
            return sk_fail(e, SK_E_FORMAT, "%s of config.json holds something else than factors",
                           key);
        f[i] = (float)json_number_value(v);
    }
    *out = (eng_hf_extra){name, f, n};
    return SK_OK;
}

sk_status eng_hf_extra_make(const eng_hf_in *in, sk_arena *mem, eng_hf_extra *out, size_t *n,
                            sk_err *e)
{
    sk_status st;
    *n = 0;
    if (eng_hf_rope_is(in, "llama3")) {
        if ((st = llama3(in, mem, out, e))) return st;
        *n = 1;
        return SK_OK;
    }
    if (!eng_hf_rope_is(in, "longrope") && !eng_hf_rope_is(in, "su")) return SK_OK;
    if ((st = take_list(in, "long_factor", "rope_factors_long.weight", mem, &out[0], e)) ||
        (st = take_list(in, "short_factor", "rope_factors_short.weight", mem, &out[1], e)))
        return st;
    *n = 2;
    return SK_OK;
}
