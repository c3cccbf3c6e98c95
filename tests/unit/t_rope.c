/* t_rope.c - angles of every RoPE scaling against their formulas in double. */
#include "tests/unit/unit.h"

#include "engine/model/rope.h"
#include "tests/unit/fixture_model.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* A llama whose heads have n_rot rotated elements, base theta. */
static eng_config config(uint32_t n_rot, float theta)
{
    eng_config c = fixture_config("llama");
    c.head_dim = n_rot;
    c.rope_theta = theta;
    c.n_ctx = 4096;
    return c;
}

/* Frequencies of r against want(i). */
static void assert_freqs(const eng_rope *r, size_t half, const double *want, double magnitude)
{
    assert_int_equal(r->half, half);
    assert_true(fabs(r->magnitude - magnitude) < 1e-12);
    for (size_t i = 0; i < half; i++)
        assert_true(fabs(r->freq[i] - want[i]) <= 1e-12 * want[i]);
}

static void table(void **state)
{
    (void)state;
    eng_config c = config(8, 1e6f);
    float co[50 * 4], si[50 * 4];
    eng_rope_table(&c, 50, co, si);
    for (size_t p = 0; p < 50; p++)
        for (size_t i = 0; i < 4; i++) {
            double a = (double)p * pow(1e6, -2.0 * (double)i / 8.0);
            assert_true(fabs(cos(a) - (double)co[p * 4 + i]) < 1e-7);
            assert_true(fabs(sin(a) - (double)si[p * 4 + i]) < 1e-7);
        }
    assert_true(co[0] == 1.0f && si[0] == 0.0f);
}

static void linear_and_factors(void **state)
{
    (void)state;
    eng_config c = config(16, 500000);
    float factor[8];
    double want[8];
    eng_rope r;
    c.rope_factor = 4;
    for (int i = 0; i < 8; i++)
        want[i] = pow(500000, -i / 8.0) / 4;
    eng_rope_init(&r, &c, false, NULL);
    assert_freqs(&r, 8, want, 1);
    /* Llama 3: by wave length, as its config's rope_scaling "llama3" says (factor 8, low 1, high 4,
     * original context 8192); files hold the divisors */
    c.rope_factor = 0;
    for (int i = 0; i < 8; i++) {
        double f = pow(500000, -i / 8.0), wave = 2 * pi / f;
        double smooth = (8192 / wave - 1) / (4 - 1), kept = (1 - smooth) * f / 8 + smooth * f;
        want[i] = wave < 8192 / 4.0 ? f : wave > 8192 ? f / 8 : kept;
        factor[i] = (float)(f / want[i]);
        want[i] = f / (double)factor[i];
    }
    eng_rope_init(&r, &c, false, factor);
    assert_freqs(&r, 8, want, 1);
    /* longrope: divisors, and a factor of cosines and sines */
    c.rope_attn_factor = 1.19f;
    eng_rope_init(&r, &c, false, factor);
    assert_freqs(&r, 8, want, (double)1.19f);
    float co[8], si[8];
    eng_rope_row(&r, 77, co, si);
    for (int i = 0; i < 8; i++)
        assert_true(fabs((double)co[i] - (double)1.19f * cos(77 * want[i])) < 1e-7);
}

/* Peng et al. 2023, section 3.2, with the ramp over pair numbers of the authors' code. */
static void yarn(void **state)
{
    (void)state;
    eng_config c = config(128, 10000);
    double want[64], log_base = log(10000);
    eng_rope r;
    c.rope_yarn = true;
    c.rope_factor = 16;
    c.n_ctx_orig = 4096;
    double low = floor(128 * log(4096 / (32 * 2 * pi)) / (2 * log_base));
    double high = ceil(128 * log(4096 / (1 * 2 * pi)) / (2 * log_base));
    assert_true(low == 20 && high == 46);
    for (int i = 0; i < 64; i++) {
        double f = pow(10000, -2.0 * i / 128), ramp = (i - low) / (high - low);
        ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
        want[i] = f / 16 * ramp + f * (1 - ramp);
    }
    eng_rope_init(&r, &c, false, NULL);
    assert_freqs(&r, 64, want, 1 + 0.1 * log(16));
    assert_true(eng_config_attn_scale(&c) == 1.0f / sqrtf(128));
    /* DeepSeek: the magnitude goes into the scores */
    c.kv_lora = 64;
    c.head_dim_mla = 192;
    c.yarn_log_mul = 0.707f;
    eng_rope_init(&r, &c, false, NULL);
    assert_freqs(&r, 64, want, 1);
    double m = 1 + 0.1 * (double)0.707f * log(16);
    assert_true(fabs((double)eng_config_attn_scale(&c) - m * m / sqrt(192)) < 1e-8);
}

/* NTK-aware: base alpha^(d / (d - 2)); partial rotation: the pairs of n_rot elements. */
static void ntk_and_partial(void **state)
{
    (void)state;
    eng_config c = config(32, 10000);
    double want[4], base = 10000 * pow(1000, 8.0 / 6.0);
    eng_rope r;
    c.n_rot = 8;
    c.rope_alpha = 1000;
    for (int i = 0; i < 4; i++)
        want[i] = pow(base, -i / 4.0);
    eng_rope_init(&r, &c, false, NULL);
    assert_freqs(&r, 4, want, 1);
}

/* Windowed layers: a base of their own (gemma3), and no scaling (gemma3, olmo3). */
static void windowed(void **state)
{
    (void)state;
    eng_config c = config(8, 1000000);
    double want[4];
    eng_rope r;
    c.rope_factor = 8;
    c.rope_yarn = true;
    c.rope_theta_local = 10000;
    c.local_unscaled = true;
    c.rope_attn_factor = 3;
    for (int i = 0; i < 4; i++)
        want[i] = pow(10000, -i / 4.0);
    eng_rope_init(&r, &c, true, NULL);
    assert_freqs(&r, 4, want, 1);
    c.local_unscaled = c.rope_yarn = false;
    c.rope_attn_factor = 0;
    for (int i = 0; i < 4; i++)
        want[i] /= 8;
    eng_rope_init(&r, &c, true, NULL);
    assert_freqs(&r, 4, want, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),    cmocka_unit_test(linear_and_factors),
        cmocka_unit_test(yarn),     cmocka_unit_test(ntk_and_partial),
        cmocka_unit_test(windowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
