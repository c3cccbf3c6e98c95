/* t_packs.c - packed weights kept in a file: made, used, and never used when anything is wrong. */
#include "tests/unit/unit.h"

#include "base/cpu.h"
#include "base/fault.h"
#include "engine/engine.h"
#include "engine/infer/session.h"
#include "engine/model/model.h"
#include "tests/unit/fixture_model.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of the head, and where the packs begin. */
enum { HEAD = 72, PLAN_AT = 68, START = 2 << 20 };

static eng_exec *exec;
static char dir[512], model[600], file[640];

/* A folder with a model in it; kept files that cannot lie there go to "cache" below it. */
static int open_folder(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "%s", unit_tmpdir());
    (void)snprintf(model, sizeof model, "%s/m.gguf", dir);
    (void)snprintf(file, sizeof file, "%s.%s.pack", model, sk_cpu_name(sk_cpu()));
    (void)setenv("XDG_CACHE_HOME", unit_path(dir, "cache"), 1);
    return 0;
}

static int close_folder(void **state)
{
    (void)state;
    unit_rm_rf(dir);
    return 0;
}

static int open_exec(void **state)
{
    (void)state;
    return eng_exec_open(2, &exec, NULL);
}

static int close_exec(void **state)
{
    (void)state;
    eng_exec_close(exec);
    return 0;
}

static void write_model(eng_dtype type, uint64_t seed)
{
    sk_err e = SK_ERR_INIT;
    eng_config c = fixture_config("llama");
    c.n_embd = 64;
    c.n_ff = 96;
    assert_status_ok(fixture_model_write(model, &c, seed, type, &e), e);
}

/* Opens the model, writes what it computes to `out` (NULL: nothing), and returns whether its packs
 * came from a file. */
static bool opened(bool kept, sk_buf *out)
{
    static const int32_t ids[] = {1, 5, 9, 200};
    sk_err e = SK_ERR_INIT;
    eng_model *m = NULL;
    eng_model_opts o = {.pack_cache = kept};
    eng_session_opts like = {.kv_type = ENG_F32};
    assert_status_ok(eng_model_open_opts(exec, model, &o, &m, &e), e);
    const char *npy = unit_path(dir, "x.npy");
    assert_status_ok(eng_logits_write(exec, m, &like, ids, 4, npy, &e), e);
    if (out) assert_true(unit_read(npy, out));
    (void)remove(npy);
    bool filled = m->packs.filled;
    eng_model_close(m);
    return filled;
}

static void made_and_used(void **state)
{
    (void)state;
    static const eng_dtype types[] = {ENG_F32, ENG_F16, ENG_BF16, ENG_Q8_0, ENG_Q4_0};
    sk_buf plain = SK_BUF_INIT, made = SK_BUF_INIT, used = SK_BUF_INIT, one = SK_BUF_INIT,
           two = SK_BUF_INIT;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        write_model(types[i], 1);
        (void)remove(file);
        assert_false(opened(false, &plain));
        assert_int_equal(unit_count_files(dir), 1);
        assert_false(opened(true, &made));
        assert_int_equal(unit_count_files(dir), 2);
        assert_true(unit_read(file, &one));
        assert_true(opened(true, &used));
        assert_int_equal(plain.len, made.len);
        assert_memory_equal(plain.p, made.p, plain.len);
        assert_int_equal(plain.len, used.len);
        assert_memory_equal(plain.p, used.p, plain.len);
        (void)remove(file);
        assert_false(opened(true, NULL));
        assert_true(unit_read(file, &two));
        assert_int_equal(one.len, two.len);
        assert_memory_equal(one.p, two.p, one.len);
    }
    sk_buf_fini(&plain);
    sk_buf_fini(&made);
    sk_buf_fini(&used);
    sk_buf_fini(&one);
    sk_buf_fini(&two);
}

/* Another model, or the same one with another time, makes a new file. */
static void stale(void **state)
{
    (void)state;
    sk_buf plain = SK_BUF_INIT, kept = SK_BUF_INIT;
    write_model(ENG_Q8_0, 1);
    assert_false(opened(true, NULL));
    assert_true(opened(true, NULL));
    write_model(ENG_Q8_0, 2);
    assert_false(opened(false, &plain));
    assert_false(opened(true, &kept));
    assert_memory_equal(plain.p, kept.p, plain.len);
    assert_true(opened(true, &kept));
    assert_memory_equal(plain.p, kept.p, plain.len);
    const struct timespec t[2] = {{1000, 0}, {1000, 1}};
    assert_int_equal(utimensat(AT_FDCWD, model, t, 0), 0);
    assert_false(opened(true, NULL));
    assert_true(opened(true, NULL));
    sk_buf_fini(&plain);
    sk_buf_fini(&kept);
}

/* A weight changed in place, with the old time put back: found where the samples look. */
static void changed_in_place(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    struct stat s;
    write_model(ENG_F32, 1);
    assert_false(opened(true, NULL));
    assert_int_equal(stat(model, &s), 0);
    assert_true(unit_read(model, &b));
    b.p[b.len - 4] ^= 1; /* the end of the last tensor */
    unit_write(model, b.p, b.len);
    const struct timespec t[2] = {s.st_mtim, s.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, model, t, 0), 0);
    assert_false(opened(true, NULL));
    sk_buf_fini(&b);
}

/* No bit of the head may be another. */
static void wrong_head(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT, plain = SK_BUF_INIT, got = SK_BUF_INIT;
    write_model(ENG_Q8_0, 1);
    assert_false(opened(true, &plain));
    assert_true(unit_read(file, &b));
    for (size_t i = 0; i < HEAD; i++) {
        b.p[i] ^= (char)(1 << i % 8);
        unit_write(file, b.p, b.len);
        assert_false(opened(true, &got));
        assert_memory_equal(plain.p, got.p, plain.len);
        b.p[i] ^= (char)(1 << i % 8);
    }
    assert_true(opened(true, NULL));
    sk_buf_fini(&b);
    sk_buf_fini(&plain);
    sk_buf_fini(&got);
}

/* Nor the length. */
static void wrong_length(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    write_model(ENG_BF16, 1);
    assert_false(opened(true, NULL));
    assert_true(unit_read(file, &b));
    sk_buf_addc(&b, 0);
    const size_t lens[] = {0,     1,         PLAN_AT,   HEAD,      4096, START - 1,
                           START, START + 1, b.len / 2, b.len - 2, b.len};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        unit_write(file, b.p, lens[i]);
        assert_false(opened(true, NULL));
        assert_true(opened(true, NULL));
    }
    sk_buf_fini(&b);
}

/* What cannot lie beside the model lies in the cache folder, and where that fails too, nowhere. */
static void elsewhere(void **state)
{
    (void)state;
    write_model(ENG_Q8_0, 1);
    assert_int_equal(mkdir(file, 0700), 0); /* not to be replaced, whoever runs this */
    assert_false(opened(true, NULL));
    assert_int_equal(unit_count_files(unit_path(dir, "cache/stokehold")), 1);
    assert_true(opened(true, NULL));
    write_model(ENG_Q8_0, 2);
    assert_false(opened(true, NULL));
    assert_true(opened(true, NULL));
    unit_rm_rf(unit_path(dir, "cache"));
    unit_write(unit_path(dir, "cache"), "", 0);
    assert_false(opened(true, NULL));
    assert_false(opened(true, NULL));
    (void)setenv("XDG_CACHE_HOME", "relative", 1);
    (void)setenv("HOME", "relative", 1);
    assert_false(opened(true, NULL));
}

/* A write that fails leaves the model open and no file. */
static void full_disk(void **state)
{
    (void)state;
    write_model(ENG_Q8_0, 1);
    for (int kind = SK_FAULT_WRITE; kind <= SK_FAULT_RENAME; kind++) {
        sk_err e = SK_ERR_INIT;
        eng_model *m = NULL;
        eng_model_opts o = {.pack_cache = true};
        for (unsigned long nth = 1; nth < 3; nth++) {
            sk_fault_plan((sk_fault_kind)kind, nth, true);
            sk_status st = eng_model_open_opts(exec, model, &o, &m, &e);
            bool hit = sk_fault_count((sk_fault_kind)kind) >= nth;
            sk_fault_plan((sk_fault_kind)kind, 0, false);
            assert_status_ok(st, e);
            assert_false(m->packs.filled);
            eng_model_close(m);
            /* The last thing to fail is the folder's fsync, when the file is there. */
            if (hit && !(kind == SK_FAULT_FSYNC && nth == 2))
                assert_int_equal(unit_count_files(dir), 1);
            (void)remove(file);
        }
    }
}

static sk_status open_starved(void *without_file, sk_err *e)
{
    eng_model_opts o = {.pack_cache = true};
    eng_model *m = NULL;
    if (*(const bool *)without_file) (void)remove(file);
    sk_status st = eng_model_open_opts(exec, model, &o, &m, e);
    eng_model_close(m);
    return st;
}

/* Every allocation fails once, making a file and using it. */
static void no_memory(void **state)
{
    (void)state;
    write_model(ENG_Q8_0, 1);
    assert_false(opened(true, NULL));
    unit_starve(open_starved, &(bool){false}, 5000, UNIT_GROWS);
    unit_starve(open_starved, &(bool){true}, 5000, UNIT_GROWS);
}

/* Says no at the nth question, and after it. */
typedef struct asked {
    unsigned long n, nth;
} asked;

static bool until_nth(void *arg, eng_work next)
{
    asked *a = arg;
    (void)next;
    return ++a->n < a->nth;
}

/* Opening asks between its pieces; stopped at any of them it leaves nothing, and being asked
 * changes no byte. */
static void stopped(void **state)
{
    (void)state;
    static const eng_dtype types[] = {ENG_Q8_0, ENG_BF16, ENG_F32};
    sk_buf plain = SK_BUF_INIT, got = SK_BUF_INIT;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        eng_model_opts o = {.pack_cache = true};
        sk_status st = SK_E_STOPPED;
        write_model(types[i], 1);
        (void)remove(file);
        assert_false(opened(true, &plain));
        assert_true(unit_read(file, &plain));
        (void)remove(file);
        unsigned long n = 0;
        while (st == SK_E_STOPPED) {
            sk_err e = SK_ERR_INIT;
            eng_model *m = NULL;
            asked a = {.nth = ++n};
            eng_exec_between(exec, until_nth, &a);
            st = eng_model_open_opts(exec, model, &o, &m, &e);
            eng_exec_between(exec, NULL, NULL);
            if (st != SK_E_STOPPED) assert_status_ok(st, e);
            assert_int_equal(unit_count_files(dir), st ? 1 : 2);
            eng_model_close(m);
        }
        assert_true(n > 20);
        assert_true(unit_read(file, &got));
        assert_int_equal(plain.len, got.len);
        assert_memory_equal(plain.p, got.p, plain.len);
    }
    sk_buf_fini(&plain);
    sk_buf_fini(&got);
}

static bool cut_at_nth(void *arg, eng_work next)
{
    asked *a = arg;
    (void)next;
    if (++a->n == a->nth) assert_int_equal(truncate(model, 4096), 0);
    return true;
}

/* A file that is cut short while it is read is no model; one that is while it is in use fails the
 * steps that read it. */
static void cut_short(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_model *m = NULL;
    eng_session *s = NULL;
    eng_session_opts so = {1, 32, 8, ENG_F32};
    int32_t ids[8] = {1, 2, 3, 4, 250, 200, 100, 150};
    for (unsigned long nth = 1; nth < 12; nth += 5) {
        asked a = {.nth = nth};
        write_model(ENG_F32, 1);
        eng_exec_between(exec, cut_at_nth, &a);
        sk_status st = eng_model_open(exec, model, &m, &e);
        eng_exec_between(exec, NULL, NULL);
        assert_status(st, SK_E_CORRUPT, e, "cut short while it was read");
    }
    write_model(ENG_F32, 1);
    assert_status_ok(eng_model_open(exec, model, &m, &e), e);
    assert_status_ok(eng_session_open(exec, m, &so, &s, &e), e);
    eng_step_item it = {.n = 3, .ids = ids, .want = ENG_WANT_LAST};
    assert_status_ok(eng_session_step(s, &it, 1, &e), e);
    assert_int_equal(truncate(model, 0), 0);
    it = (eng_step_item){.pos = 3, .n = 5, .ids = ids + 3, .want = ENG_WANT_LAST};
    assert_status(eng_session_step(s, &it, 1, &e), SK_E_CORRUPT, e,
                  "cut short while it was in use");
    assert_int_equal(eng_session_len(s, 0), 3);
    assert_status(eng_session_step(s, &it, 1, &e), SK_E_CORRUPT, e, "load it again");
    eng_session_close(s);
    eng_model_close(m);
    /* the file of packs, where that is what is computed from */
    write_model(ENG_Q8_0, 1);
    assert_false(opened(true, NULL));
    eng_model_opts o = {.pack_cache = true};
    assert_status_ok(eng_model_open_opts(exec, model, &o, &m, &e), e);
    assert_true(m->packs.filled);
    assert_status_ok(eng_session_open(exec, m, &so, &s, &e), e);
    assert_int_equal(truncate(file, 0), 0);
    it = (eng_step_item){.n = 5, .ids = ids, .want = ENG_WANT_LAST};
    assert_status(eng_session_step(s, &it, 1, &e), SK_E_CORRUPT, e, "cut short");
    eng_session_close(s);
    eng_model_close(m);
    assert_false(opened(true, NULL)); /* made anew */
    assert_true(opened(true, NULL));
}

static void refusals(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_model *m = NULL;
    eng_model_opts o = {.pack_cache = true, .no_repack = true};
    write_model(ENG_Q8_0, 1);
    assert_status(eng_model_open_opts(exec, model, &o, &m, &e), SK_E_INVALID, e, "repack");
    eng_gguf *g = NULL;
    eng_gguf_id id = {.bytes = 7}, again;
    sk_buf b = SK_BUF_INIT;
    assert_true(unit_read(model, &b));
    assert_status_ok(eng_gguf_open_bytes(b.p, b.len, &g, &e), e);
    assert_false(eng_gguf_identify(g, &id));
    assert_int_equal(id.bytes, 7);
    eng_gguf_close(g);
    assert_status_ok(eng_gguf_open(model, &g, &e), e);
    assert_true(eng_gguf_identify(g, &id));
    assert_int_equal(id.bytes, b.len);
    memset(&again, 0, sizeof again);
    assert_true(eng_gguf_identify(g, &again));
    assert_true(again.heads == id.heads && again.samples == id.samples &&
                again.stamps == id.stamps && again.changed == id.changed);
    eng_gguf_close(g);
    sk_buf_fini(&b);
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown((f), open_folder, close_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(made_and_used), IN_DIR(stale),     IN_DIR(changed_in_place), IN_DIR(wrong_head),
        IN_DIR(wrong_length),  IN_DIR(elsewhere), IN_DIR(full_disk),        IN_DIR(no_memory),
        IN_DIR(refusals),      IN_DIR(stopped),   IN_DIR(cut_short),
    };
    return cmocka_run_group_tests(tests, open_exec, close_exec);
}
