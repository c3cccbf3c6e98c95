/* memo.c - the lasting part of the house as JSON. */
#include "up/memo.h"

#include "base/file.h"
#include "base/json.h"

#include <assert.h>
#include <string.h>

enum { MEMO_MOST = 1 << 20 };

/* A number of the house that lasts. */
typedef struct part {
    const char *name;
    size_t offset;
} part;

#define PART(name)                                                                                 \
    {                                                                                              \
#name, offsetof(up_house, name)                                                            \
    }

static const part parts[] = {PART(live),  PART(before), PART(pinned), PART(round),
                             PART(stage), PART(base),   PART(against)};

#define N_PARTS (sizeof parts / sizeof *parts)

static uint32_t get(const up_house *h, size_t i)
{
    uint32_t v;
    memcpy(&v, (const char *)h + parts[i].offset, sizeof v);
    return v;
}

static void set(up_house *h, size_t i, uint32_t v)
{
    memcpy((char *)h + parts[i].offset, &v, sizeof v);
}

bool up_memo_same(const up_house *a, const up_house *b)
{
    bool same = a->phase == b->phase && a->paused == b->paused && a->n_versions == b->n_versions;
    for (size_t i = 0; i < N_PARTS; i++)
        same &= get(a, i) == get(b, i);
    for (size_t i = 0; same && i < a->n_versions; i++)
        same =
            a->version[i].number == b->version[i].number && a->version[i].bad == b->version[i].bad;
    return same;
}

/* Written whole each time, to the disk: a supervisor that is killed goes on from the state before
 * or after. */
sk_status up_memo_save(const up_dir *d, const up_house *h, uint32_t micro, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    char path[UP_PATH];
    const char *sep = "";
    sk_buf_adds(&b, "{\"format\":1");
    for (size_t i = 0; i < N_PARTS; i++)
        sk_buf_addf(&b, ",\"%s\":%u", parts[i].name, get(h, i));
    sk_buf_addf(&b, ",\"phase\":%d,\"paused\":%s,\"micro\":%u,\"bad\":[", (int)h->phase,
                h->paused ? "true" : "false", micro);
    for (size_t i = 0; i < h->n_versions; i++) {
        if (!h->version[i].bad) continue;
        sk_buf_addf(&b, "%s%u", sep, h->version[i].number);
        sep = ",";
    }
    sk_buf_adds(&b, "]}\n");
    sk_status st = sk_buf_ok(&b) ? sk_file_replace(up_dir_at(d, "memo.json", path), b.p, b.len, e)
                                 : sk_fail(e, SK_E_NOMEM, "no memory for the memo");
    sk_buf_fini(&b);
    return st;
}

/* ---- reading ---- */

/* The versions there are; of more than the house holds the newest, and the first. */
static void take_versions(const up_versions *v, up_house *h)
{
    size_t skip = v->n > UP_VERSIONS / 2 ? v->n - UP_VERSIONS / 2 : 0;
    h->n_versions = 0;
    for (size_t i = skip; i < v->n; i++)
        h->version[h->n_versions++] = (up_version){.number = v->row[i].number};
    h->last = v->last;
    h->live = h->version[h->n_versions - 1].number;
    h->round = v->row[v->n - 1].round + 1;
}

static void take_bad(json_t *bad, up_house *h)
{
    size_t i;
    json_t *it;
    json_array_foreach(bad, i, it)
    {
        for (size_t k = 0; k < h->n_versions; k++)
            if (json_integer_value(it) == h->version[k].number) h->version[k].bad = true;
    }
}

/* A version that is there no more is none. */
static void mend(const up_versions *v, up_house *h)
{
    uint32_t newest = h->version[h->n_versions - 1].number;
    if (!up_house_version(h, h->live)) h->live = newest;
    if (!up_house_version(h, h->before)) h->before = 0;
    if (!up_house_version(h, h->pinned)) h->pinned = 0;
    bool made = v->row[v->n - 1].round >= h->round; /* kept, but not noted */
    bool lost = h->base && !up_house_version(h, h->base);
    if (made) h->round = v->row[v->n - 1].round;
    if (made || lost) {
        h->round++;
        h->stage = h->base = h->against = 0;
        h->phase = UP_PHASE_STAGE;
    }
    if (h->phase == UP_PHASE_STAGE && h->n_stages && h->stage >= h->n_stages)
        h->phase = UP_PHASE_GATE;
    if (h->phase != UP_PHASE_STAGE) h->stage = h->n_stages;
}

static sk_status take_memo(json_t *root, up_house *h, uint32_t *micro, sk_err *e)
{
    int64_t value, phase = 0, rows = 0;
    sk_status st = SK_OK;
    for (size_t i = 0; i < N_PARTS && !st; i++) {
        value = get(h, i);
        st = sk_json_get_int(root, parts[i].name, 0, UINT32_MAX - 1, &value, e);
        if (!st) set(h, i, (uint32_t)value);
    }
    if (!st) st = sk_json_get_int(root, "phase", 0, UP_PHASE_KEEP, &phase, e);
    if (!st) st = sk_json_get_int(root, "micro", 0, UINT32_MAX, &rows, e);
    if (!st) st = sk_json_get_bool(root, "paused", &h->paused, e);
    if (st) return st;
    h->phase = (up_phase)phase;
    *micro = (uint32_t)rows;
    if (h->round == 0) h->round = 1;
    take_bad(json_object_get(root, "bad"), h);
    return SK_OK;
}

sk_status up_memo_parse(const char *text, size_t n, const up_versions *v, up_house *h,
                        uint32_t *micro, sk_err *e)
{
    json_t *root = NULL;
    assert(v->n > 0);
    take_versions(v, h);
    *micro = 0;
    up_house plain = *h;
    sk_status st = sk_json_parse(text, n, 4, &root, e);
    if (!st) st = take_memo(root, h, micro, e);
    if (st) {
        *h = plain;
        *micro = 0;
    } else {
        mend(v, h);
    }
    json_decref(root);
    return st;
}

sk_status up_memo_load(const up_dir *d, const up_versions *v, up_house *h, uint32_t *micro,
                       sk_err *e)
{
    char path[UP_PATH];
    sk_buf b = SK_BUF_INIT;
    sk_err own = SK_ERR_INIT;
    if (!e) e = &own;
    assert(v->n > 0);
    take_versions(v, h);
    *micro = 0;
    if (!sk_file_exists(up_dir_at(d, "memo.json", path))) return SK_OK;
    sk_status st = sk_file_load(path, MEMO_MOST, &b, e);
    if (!st) st = up_memo_parse(b.p ? b.p : "", b.len, v, h, micro, e);
    sk_buf_fini(&b);
    if (!st || st == SK_E_NOMEM) return st;
    (void)sk_while(e, "%s is not what it should be, so the newest version is taken", path);
    return sk_fail(e, SK_E_CORRUPT, "%s", e->text);
}
