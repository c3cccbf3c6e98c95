/* ckpt.c - the checkpoint container; the bytes are described in docs/format/checkpoint.md. */
#include "engine/format/ckpt.h"

#include "base/crc.h"
#include "base/file.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

enum { VERSION = 1, ALIGN = 64, SECTIONS_MAX = 1024 };

static const char magic[8] = {'S', 'T', 'K', 'C', 'K', 'P', 'T', '\n'};

/* The first 64 bytes of the file. */
typedef struct header {
    char magic[8];
    uint32_t version, n_sections;
    uint64_t file_bytes;
    uint32_t crc; /* of header and table, with this field 0 */
    uint32_t zero[9];
} header;

/* A row of the table that follows. */
typedef struct row {
    char name[8];
    uint64_t offset, n;
    uint32_t crc, zero;
} row;

_Static_assert(sizeof(header) == 64 && sizeof(row) == 32, "the layout is the file's");

struct eng_ckpt {
    sk_map map; /* p is NULL when opened from bytes */
    const uint8_t *p;
    size_t n;
    uint32_t n_sections;
};

static uint64_t align_up(uint64_t n)
{
    return (n + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

/* Where the first section starts. */
static uint64_t table_end(uint32_t n_sections)
{
    return align_up(sizeof(header) + n_sections * sizeof(row));
}

static row row_at(const uint8_t *p, uint32_t i)
{
    row r;
    memcpy(&r, p + sizeof(header) + i * sizeof r, sizeof r);
    return r;
}

/* Checksum of the header with its own field taken as 0, and of the table and the padding behind. */
static uint32_t directory_crc(const uint8_t *p, uint32_t n_sections)
{
    header h;
    memcpy(&h, p, sizeof h);
    h.crc = 0;
    return sk_crc32c(sk_crc32c(0, &h, sizeof h), p + sizeof h,
                     (size_t)table_end(n_sections) - sizeof h);
}

struct eng_ckpt_out {
    sk_outfile *f;
    const eng_ckpt_section *s;
    uint8_t *dir; /* header and table as they will be */
    uint32_t n, at;
    uint64_t left; /* bytes of section `at` still to come */
};

/* Lays out header and table for the sections in a zeroed buffer of table_end(n) bytes; checksums
 * are filled in as the sections pass. */
static void lay_out(uint8_t *dir, const eng_ckpt_section *s, uint32_t n)
{
    uint64_t at = table_end(n);
    for (uint32_t i = 0; i < n; i++) {
        row r = {.offset = at, .n = s[i].n};
        memcpy(r.name, s[i].name, sizeof r.name);
        memcpy(dir + sizeof(header) + i * sizeof r, &r, sizeof r);
        at = align_up(at + s[i].n);
    }
    header h = {.version = VERSION, .n_sections = n, .file_bytes = at};
    memcpy(h.magic, magic, sizeof magic);
    memcpy(dir, &h, sizeof h);
}

/* Goes on to the next section that has bytes, padding what is done. */
static sk_status next_section(eng_ckpt_out *c, sk_err *e)
{
    static const char zeros[ALIGN];
    sk_status st = SK_OK;
    while (!st && c->left == 0 && c->at < c->n) {
        uint64_t n = c->s[c->at].n;
        st = sk_outfile_write(c->f, zeros, (size_t)(align_up(n) - n), e);
        if (++c->at < c->n) c->left = c->s[c->at].n;
    }
    return st;
}

/* No name twice, not too many. */
static sk_status check_names(const char *path, const eng_ckpt_section *s, size_t n, sk_err *e)
{
    if (n > SECTIONS_MAX)
        return sk_fail(e, SK_E_INTERNAL, "%s: %zu sections, at most %d", path, n, SECTIONS_MAX);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (memcmp(s[i].name, s[j].name, sizeof s[i].name) == 0)
                return sk_fail(e, SK_E_INTERNAL, "%s: section %.8s is there twice", path,
                               s[i].name);
    return SK_OK;
}

/* The directory stands in front but is known last: zeros keep its place, so a file that was cut
 * short has no magic either. */
sk_status eng_ckpt_begin(const char *path, const eng_ckpt_section *s, size_t n, eng_ckpt_out **out,
                         sk_err *e)
{
    sk_status st = check_names(path, s, n, e);
    if (st) return st;
    size_t bytes = (size_t)table_end((uint32_t)n);
    eng_ckpt_out *c = sk_calloc(SK_MEM_TRAIN, 1, sizeof *c);
    if (c) c->dir = sk_calloc(SK_MEM_TRAIN, 1, bytes);
    if (!c || !c->dir) {
        sk_free(c);
        return sk_fail(e, SK_E_NOMEM, "no memory to write %s", path);
    }
    c->s = s;
    c->n = (uint32_t)n;
    c->left = n ? s[0].n : 0;
    st = sk_outfile_open(path, &c->f, e);
    if (!st) st = sk_outfile_write(c->f, c->dir, bytes, e);
    if (!st) st = next_section(c, e);
    if (st) {
        eng_ckpt_abort(c);
        return st;
    }
    lay_out(c->dir, s, c->n);
    *out = c;
    return SK_OK;
}

/* The checksum grows in the row of the table. */
sk_status eng_ckpt_add(eng_ckpt_out *c, const void *p, size_t n, sk_err *e)
{
    assert(n <= c->left);
    if (!n) return SK_OK;
    row r = row_at(c->dir, c->at);
    r.crc = sk_crc32c(r.crc, p, n);
    memcpy(c->dir + sizeof(header) + c->at * sizeof r, &r, sizeof r);
    c->left -= n;
    sk_status st = sk_outfile_write(c->f, p, n, e);
    return st ? st : next_section(c, e);
}

/* The directory gets its own checksum and its place in front. */
sk_status eng_ckpt_sync(eng_ckpt_out *c, sk_err *e)
{
    assert(c->at == c->n);
    header h;
    memcpy(&h, c->dir, sizeof h);
    h.crc = directory_crc(c->dir, c->n);
    memcpy(c->dir, &h, sizeof h);
    sk_status st = sk_outfile_patch(c->f, 0, c->dir, (size_t)table_end(c->n), e);
    return st ? st : sk_outfile_sync(c->f, e);
}

/* The rename. */
sk_status eng_ckpt_commit(eng_ckpt_out *c, sk_err *e)
{
    sk_status st = sk_outfile_commit(c->f, e);
    c->f = NULL;
    eng_ckpt_abort(c);
    return st;
}

/* Drops the file, if it is not committed, and the object. */
void eng_ckpt_abort(eng_ckpt_out *c)
{
    if (!c) return;
    sk_outfile_abort(c->f);
    sk_free(c->dir);
    sk_free(c);
}

/* Writes the sections to path, replacing it when all is on disk. */
sk_status eng_ckpt_write(const char *path, const eng_ckpt_section *s, size_t n, sk_err *e)
{
    eng_ckpt_out *c = NULL;
    sk_status st = eng_ckpt_begin(path, s, n, &c, e);
    for (size_t i = 0; i < n && !st; i++)
        st = eng_ckpt_add(c, s[i].p, (size_t)s[i].n, e);
    if (!st) st = eng_ckpt_sync(c, e);
    if (!st) return eng_ckpt_commit(c, e);
    eng_ckpt_abort(c);
    return st;
}

/* Whether the file is one of ours but for a version that was damaged: with the right one its
 * directory has its checksum. */
static bool turned_version(const uint8_t *p, size_t n)
{
    header h;
    memcpy(&h, p, sizeof h);
    if (h.n_sections > SECTIONS_MAX || table_end(h.n_sections) > n) return false;
    uint32_t crc = h.crc;
    h.crc = 0;
    h.version = VERSION;
    return crc == sk_crc32c(sk_crc32c(0, &h, sizeof h), p + sizeof h,
                            (size_t)table_end(h.n_sections) - sizeof h);
}

/* Checks header and table: after this every row lies within the file. */
static sk_status check_directory(const uint8_t *p, size_t n, sk_err *e)
{
    header h;
    if (n < sizeof h || memcmp(p, magic, sizeof magic) != 0)
        return sk_fail(e, SK_E_FORMAT, "not a checkpoint");
    memcpy(&h, p, sizeof h);
    if (h.version != VERSION && !turned_version(p, n))
        return sk_fail(e, SK_E_UNSUPPORTED, "checkpoint version %u; this program reads %d",
                       h.version, VERSION);
    if (h.n_sections > SECTIONS_MAX || table_end(h.n_sections) > n || h.file_bytes != n)
        return sk_fail(e, SK_E_CORRUPT, "the checkpoint is %zu bytes long, its header says %llu", n,
                       (unsigned long long)h.file_bytes);
    if (directory_crc(p, h.n_sections) != h.crc)
        return sk_fail(e, SK_E_CORRUPT, "the checkpoint's header is damaged");
    return SK_OK;
}

/* Checks one section: it stands where the one before ends, its bytes have its checksum, and the
 * padding behind it is zero. */
static sk_status check_section(const uint8_t *p, size_t n, uint32_t i, uint64_t *at, sk_err *e)
{
    row r = row_at(p, i);
    assert(*at <= n);
    if (r.offset != *at || r.n > n - *at || align_up(r.n) > n - *at)
        return sk_fail(e, SK_E_CORRUPT, "section %.8s is not where it should be", r.name);
    if (sk_crc32c(0, p + r.offset, (size_t)r.n) != r.crc)
        return sk_fail(e, SK_E_CORRUPT, "section %.8s is damaged", r.name);
    for (uint64_t k = r.offset + r.n; k < align_up(r.offset + r.n); k++)
        if (p[k]) return sk_fail(e, SK_E_CORRUPT, "section %.8s is damaged behind its end", r.name);
    *at = align_up(r.offset + r.n);
    return SK_OK;
}

/* Checks the bytes and makes the object; map (may be NULL) belongs to it on success. */
static sk_status open_view(const void *p, size_t n, const sk_map *map, eng_ckpt **out, sk_err *e)
{
    sk_status st = check_directory(p, n, e);
    if (st) return st;
    header h;
    memcpy(&h, p, sizeof h);
    uint64_t at = table_end(h.n_sections);
    for (uint32_t i = 0; i < h.n_sections && !st; i++)
        st = check_section(p, n, i, &at, e);
    if (!st && at != n)
        st = sk_fail(e, SK_E_CORRUPT, "the checkpoint has bytes behind its last section");
    if (st) return st;
    eng_ckpt *c = sk_calloc(SK_MEM_TRAIN, 1, sizeof *c);
    if (!c) return sk_fail(e, SK_E_NOMEM, "no memory to open it");
    if (map) c->map = *map;
    c->p = p;
    c->n = n;
    c->n_sections = h.n_sections;
    *out = c;
    return SK_OK;
}

/* Maps and checks the file. */
sk_status eng_ckpt_open(const char *path, eng_ckpt **out, sk_err *e)
{
    sk_map map;
    sk_status st = sk_map_open(path, &map, e);
    if (st) return st;
    st = open_view(map.p, map.len, &map, out, e);
    if (st) {
        sk_map_close(&map);
        (void)sk_while(e, "%s", path);
    }
    return st;
}

/* The same over n bytes in memory, which must outlive the object. */
sk_status eng_ckpt_open_bytes(const void *p, size_t n, eng_ckpt **out, sk_err *e)
{
    assert(p || !n);
    return open_view(p, n, NULL, out, e);
}

/* Closes the file; NULL is allowed. */
void eng_ckpt_close(eng_ckpt *c)
{
    if (!c) return;
    if (c->map.p) sk_map_close(&c->map);
    sk_free(c);
}

/* A section by name, borrowed. */
sk_status eng_ckpt_get(const eng_ckpt *c, const char *name, const void **p, uint64_t *n, sk_err *e)
{
    char want[8] = {0};
    size_t len = strlen(name);
    assert(len <= sizeof want);
    memcpy(want, name, len < sizeof want ? len : sizeof want);
    for (uint32_t i = 0; i < c->n_sections; i++) {
        row r = row_at(c->p, i);
        if (memcmp(r.name, want, sizeof want) != 0) continue;
        *p = c->p + r.offset;
        *n = r.n;
        return SK_OK;
    }
    return sk_fail(e, SK_E_FORMAT, "the checkpoint has no section %s", name);
}
