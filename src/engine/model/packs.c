/* packs.c - the space of a model's packed weights: sized, taken from memory or a file, and kept. */
#include "engine/model/packs.h"

#include "base/crc.h"
#include "base/file.h"
#include "base/log.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Packs begin at a multiple of the huge page, in memory and in a file. */
#define HUGE_PAGE ((size_t)2 << 20)

/* What a file of packs begins with; no gaps, little-endian like all that is packed. */
typedef struct head {
    char magic[8];
    uint32_t version, layout; /* of this struct; eng_wspace_layout */
    uint64_t bytes;           /* of the packs */
    uint64_t model_bytes;     /* eng_gguf_id */
    int64_t model_changed;
    uint32_t stamps, heads, samples;
    char level[16]; /* sk_cpu_name, filled up with zeros */
    uint32_t plan;  /* eng_wspace.plan when all was packed */
} head;

_Static_assert(sizeof(head) == 72, "a head has no gaps");

/* The places a file may lie at, and what its head must be. */
struct eng_packfile {
    char *place[2]; /* beside the model, in the cache folder (or NULL) */
    head want;      /* plan: of the file that is mapped */
    sk_map map;     /* the file in use; len 0: none */
};

/* ---- the size ---- */

/* Whether a parameter is packed; embeddings are looked up in the file, and a tied one also is the
 * head. */
static bool is_packed(const eng_model *m, const eng_param *p)
{
    if (!p->is_matrix || p->kind == ENG_P_POS_EMBD || p->kind == ENG_P_TYPE_EMBD) return false;
    return p->kind != ENG_P_EMBD || (m->cfg.tied && !m->cfg.encoder);
}

/* Bytes of one stretch for all packs, in whole huge pages if it is not small.  Bytes that cannot be
 * counted are found out when the matrix is made. */
static sk_status count(const eng_model *m, unsigned flags, size_t *out, sk_err *e)
{
    size_t all = 0;
    for (size_t i = 0; i < m->layout.n_params; i++) {
        const eng_param *p = &m->layout.param[i];
        if (!is_packed(m, p)) continue;
        const eng_gguf_tensor *t = eng_gguf_tensor_find(m->gguf, p->name);
        if (!t) return sk_fail(e, SK_E_CORRUPT, "the tensor %s is gone from the file", p->name);
        eng_wpart part = {(eng_dtype)t->type, t->data, p->rows};
        size_t bytes, each = eng_wspace_need(&part, p->cols, flags);
        if (!sk_mul_size(p->outer, (each + 63) & ~(size_t)63, &bytes) || bytes > SIZE_MAX / 4 - all)
            return sk_fail(e, SK_E_TOOBIG, "the packed weights are too many bytes to count");
        all += bytes;
    }
    *out = all > HUGE_PAGE / 2 ? (all + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1) : all;
    return SK_OK;
}

/* ---- memory ---- */

/* `all` bytes of memory as the space. */
static sk_status in_memory(eng_model *m, size_t all, sk_err *e)
{
    if (!all) return SK_OK;
    assert(!m->packs.base);
    m->packs.base = sk_alloc(SK_MEM_WEIGHTS, all);
    if (!m->packs.base)
        return sk_fail(e, SK_E_NOMEM, "no memory for %zu bytes of packed weights", all);
    m->packs.cap = all;
    return SK_OK;
}

sk_status eng_packs_new(eng_model *m, unsigned flags, sk_err *e)
{
    size_t all;
    sk_status st = count(m, flags, &all, e);
    return st ? st : in_memory(m, all, e);
}

/* ---- the file ---- */

/* A copy of the buffer in the model's arena; NULL without memory.  The buffer is freed. */
static char *to_arena(const eng_model *m, sk_buf *b)
{
    char *s = sk_buf_ok(b) && b->p ? sk_arena_strndup(m->arena, b->p, b->len) : NULL;
    sk_buf_fini(b);
    return s;
}

/* In the cache folder models of all folders meet, so the name says by a number which it is. */
static char *cache_place(const eng_model *m, const char *path, const char *level)
{
    char real[PATH_MAX];
    const char *whole = realpath(path, real) ? real : path, *slash = strrchr(whole, '/');
    sk_buf name = SK_BUF_INIT, b = SK_BUF_INIT;
    sk_buf_addf(&name, "%.200s-%08x.%s.pack", slash ? slash + 1 : whole,
                sk_crc32c(0, whole, strlen(whole)), level);
    (void)(sk_buf_ok(&name) && sk_cache_path(name.p, &b));
    sk_buf_fini(&name);
    return to_arena(m, &b);
}

/* Fills in the places and the head; false where there can be no file. */
static bool describe(const eng_model *m, const char *path, uint32_t layout, size_t bytes,
                     struct eng_packfile *f)
{
    eng_gguf_id id;
    const char *level = sk_cpu_name(sk_cpu());
    sk_buf beside = SK_BUF_INIT;
    if (!eng_gguf_identify(m->gguf, &id)) return false;
    f->want = (head){.magic = "STKPACKS",
                     .version = 1,
                     .layout = layout,
                     .bytes = bytes,
                     .model_bytes = id.bytes,
                     .model_changed = id.changed,
                     .stamps = id.stamps,
                     .heads = id.heads,
                     .samples = id.samples};
    memcpy(f->want.level, level, strlen(level));
    sk_buf_addf(&beside, "%s.%s.pack", path, level);
    f->place[0] = to_arena(m, &beside);
    f->place[1] = cache_place(m, path, level);
    return f->place[0];
}

/* Maps the file at path if it is what it must be.  *is_other is set if there is one that is not. */
static bool map_good(struct eng_packfile *f, const char *path, bool *is_other)
{
    sk_map map;
    if (!path || sk_map_open(path, &map, NULL)) return false;
    bool good =
        map.len == HUGE_PAGE + f->want.bytes && !memcmp(map.p, &f->want, offsetof(head, plan));
    if (!good) {
        *is_other = true;
        sk_map_close(&map);
        return false;
    }
    memcpy(&f->want.plan, map.p + offsetof(head, plan), sizeof f->want.plan);
    f->map = map;
    sk_map_watch(&map);
    sk_map_want(&map, HUGE_PAGE);
    sk_log(SK_LOG_INFO, "packed weights are mapped from %s", path);
    return true;
}

/* Says that there is a file which will be written anew. */
static void warn_other(const char *path)
{
    sk_log(SK_LOG_WARN,
           "the packed weights in %s are not of this model as it is now, of another version, or "
           "damaged: they are not used and are made anew",
           path);
}

/* The file of the model at path, mapped if there is a good one.  *out is NULL if there can be none.
 */
static sk_status find(eng_exec *x, const eng_model *m, const char *path, size_t bytes,
                      struct eng_packfile **out, sk_err *e)
{
    uint32_t layout;
    sk_status st = eng_wspace_layout(x, &layout, e);
    if (st) return st;
    struct eng_packfile *f = sk_new(m->arena, struct eng_packfile);
    if (!f) return sk_fail(e, SK_E_NOMEM, "no memory for the name of a file");
    *out = NULL;
    if (!describe(m, path, layout, bytes, f)) {
        sk_log(SK_LOG_WARN, "packed weights of %s cannot be kept: it is not a GGUF file", path);
        return SK_OK;
    }
    bool other[2] = {false, false};
    *out = f;
    for (int i = 0; i < 2; i++)
        if (map_good(f, f->place[i], &other[i])) return SK_OK;
    if (other[0] || other[1]) warn_other(f->place[other[0] ? 0 : 1]);
    return SK_OK;
}

sk_status eng_packs_open(eng_exec *x, eng_model *m, unsigned flags, const char *path, sk_err *e)
{
    size_t all;
    sk_status st = count(m, flags, &all, e);
    if (!st && all && path) st = find(x, m, path, all, &m->kept, e);
    if (st) return st;
    if (!m->kept || !m->kept->map.len) return in_memory(m, all, e);
    m->packs = (eng_wspace){
        .base = (char *)(uintptr_t)m->kept->map.p + HUGE_PAGE, .cap = all, .filled = true};
    return SK_OK;
}

bool eng_packs_agree(const eng_model *m)
{
    if (!m->packs.filled || m->packs.plan == m->kept->want.plan) return true;
    warn_other("their file");
    return false;
}

/* ---- keeping ---- */

/* Bytes that are written from one question whether to go on to the next, and that the disk may be
 * behind: so that the end does not wait for all of them. */
#define ASKED_BYTES ((size_t)32 << 20)

/* n bytes in pieces. */
static sk_status write_pieces(const eng_exec *x, sk_outfile *to, const char *p, size_t n, sk_err *e)
{
    size_t piece = eng_exec_is_asked(x) ? ASKED_BYTES : n;
    for (size_t at = 0; at < n; at += piece) {
        if (!eng_exec_go_on(x, ENG_WORK_WAIT))
            return sk_fail(e, SK_E_STOPPED, "stopped while packed weights were written");
        size_t some = n - at < piece ? n - at : piece;
        sk_status st = sk_outfile_write(to, p + at, some, e);
        if (!st && some < n) st = sk_outfile_sync(to, e);
        if (st) return st;
    }
    return SK_OK;
}

/* Head, zeros up to the packs, packs, zeros up to the end of the space. */
static sk_status write_all(const eng_exec *x, const eng_model *m, sk_outfile *to, sk_err *e)
{
    const eng_wspace *s = &m->packs;
    assert(s->used <= s->cap);
    size_t tail = s->cap - s->used, most = tail > HUGE_PAGE ? tail : HUGE_PAGE;
    char *block = sk_calloc(SK_MEM_WEIGHTS, 1, most);
    if (!block) return sk_fail(e, SK_E_NOMEM, "no memory to write packed weights");
    memcpy(block, &m->kept->want, sizeof m->kept->want);
    sk_status st = sk_outfile_write(to, block, HUGE_PAGE, e);
    memset(block, 0, sizeof m->kept->want);
    if (!st) st = write_pieces(x, to, s->base, s->used, e);
    if (!st) st = sk_outfile_write(to, block, tail, e);
    sk_free(block);
    return st;
}

/* Makes the folder of the file at path. */
static void make_folder(const char *path)
{
    sk_buf b = SK_BUF_INIT;
    sk_buf_add(&b, path, (size_t)(strrchr(path, '/') - path));
    if (sk_buf_ok(&b) && b.len) (void)sk_mkdirs(b.p, NULL);
    sk_buf_fini(&b);
}

/* Opens the first place that can be written. */
static sk_status open_place(const struct eng_packfile *f, sk_outfile **out, const char **path,
                            sk_err *e)
{
    sk_file_sweep(*path = f->place[0]);
    sk_status st = sk_outfile_open(f->place[0], out, e);
    if (!st || !f->place[1]) return st;
    make_folder(f->place[1]);
    sk_file_sweep(*path = f->place[1]);
    return sk_outfile_open(f->place[1], out, e);
}

/* A cache: what fails here is told in the log and costs only the packing at the next start.
 * Weights that came out of a file (filled) are not written again. */
sk_status eng_packs_keep(eng_exec *x, eng_model *m, sk_err *e)
{
    struct eng_packfile *f = m->kept;
    sk_err why = SK_ERR_INIT;
    sk_outfile *to = NULL;
    const char *path = NULL;
    if (!f || m->packs.filled) return SK_OK;
    f->want.plan = m->packs.plan;
    sk_status st = open_place(f, &to, &path, &why);
    if (!st) {
        st = write_all(x, m, to, &why);
        if (st)
            sk_outfile_abort(to);
        else
            st = sk_outfile_commit(to, &why);
    }
    if (st == SK_E_STOPPED) return sk_fail(e, st, "%s", why.text);
    if (st)
        sk_log(SK_LOG_WARN, "packed weights are not kept: %s", why.text);
    else
        sk_log(SK_LOG_INFO, "packed weights are kept in %s", path);
    return SK_OK;
}

bool eng_packs_torn(const eng_model *m)
{
    return m->packs.filled && sk_map_torn(&m->kept->map);
}

void eng_packs_close(eng_model *m)
{
    if (m->packs.filled)
        sk_map_close(&m->kept->map);
    else
        sk_free(m->packs.base);
    m->packs = (eng_wspace){.base = NULL};
}
