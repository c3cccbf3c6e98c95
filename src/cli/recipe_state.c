/* recipe_state.c - what is known of stages that ran. */
#include "cli/recipe_state.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/instream.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { VERSION = 1, DEPTH = 16, CHUNK = 1 << 20, MAX_FILES = 4096 };

#define STATE_BYTES ((uint64_t)64 << 20)

static sk_status no_memory(sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory for the state of the recipe");
}

/* ---- the file ---- */

static json_t *fresh(void)
{
    return json_pack("{s:i,s:{},s:{}}", "version", VERSION, "files", "stages");
}

/* No file is a fresh state; a damaged one is an error, since taking it for fresh would train again
 * what is done. */
sk_status cmd_state_open(const cmd_recipe *r, cmd_state *s, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    int64_t version = 0;
    s->root = NULL;
    int n = snprintf(s->path, sizeof s->path, "%s/state.json", r->dir);
    if (n < 0 || (size_t)n >= sizeof s->path)
        return sk_fail(e, SK_E_INVALID, "the folder's name is too long");
    if (!sk_file_exists(s->path)) {
        s->root = fresh();
        return s->root ? SK_OK : no_memory(e);
    }
    sk_status st = sk_file_load(s->path, STATE_BYTES, &b, e);
    if (!st) st = sk_json_parse(b.p ? b.p : "", b.len, DEPTH, &s->root, e);
    sk_buf_fini(&b);
    if (!st) st = sk_json_get_int(s->root, "version", 0, INT32_MAX, &version, e);
    bool ok = !st && version == VERSION && json_is_object(json_object_get(s->root, "files")) &&
              json_is_object(json_object_get(s->root, "stages"));
    if (st) return sk_while(e, "%s", s->path);
    if (ok) return SK_OK;
    return sk_fail(e, SK_E_FORMAT, "%s is no state of a recipe: remove it to begin anew", s->path);
}

void cmd_state_close(cmd_state *s)
{
    json_decref(s->root);
    s->root = NULL;
}

sk_status cmd_state_save(const cmd_state *s, sk_err *e)
{
    sk_buf text = SK_BUF_INIT;
    bool ok = sk_json_dump(s->root, JSON_INDENT(1) | JSON_PRESERVE_ORDER, &text);
    sk_status st = ok ? sk_file_replace(s->path, text.p, text.len, e) : no_memory(e);
    sk_buf_fini(&text);
    return st;
}

/* ---- hashes ---- */

static sk_status hash_bytes(const char *path, char hex[SK_SHA256_HEX], sk_err *e)
{
    sk_map m;
    uint8_t hash[SK_SHA256_BYTES];
    sk_sha256 h;
    sk_status st = sk_map_open(path, &m, e);
    if (st) return st;
    sk_sha256_init(&h);
    for (size_t at = 0; !st && at < m.len; at += CHUNK) {
        size_t n = m.len - at < CHUNK ? m.len - at : CHUNK;
        sk_sha256_add(&h, m.p + at, n);
        if (cmd_stopped(NULL)) st = cmd_stopped_err(e);
    }
    sk_sha256_end(&h, hash);
    sk_sha256_hex(hash, hex);
    sk_map_close(&m);
    return st;
}

/* The hash of a file, out of the table if it has not changed since. */
static sk_status hash_file(cmd_state *s, const char *path, const struct stat *f,
                           char hex[SK_SHA256_HEX], sk_err *e)
{
    json_t *files = json_object_get(s->root, "files"), *known = json_object_get(files, path);
    int64_t bytes = -1, changed = -1;
    int64_t now = (int64_t)f->st_mtim.tv_sec * 1000000000 + (int64_t)f->st_mtim.tv_nsec;
    const char *old = NULL;
    uint8_t ignored[SK_SHA256_BYTES];
    if (json_is_object(known)) {
        (void)sk_json_get_int(known, "bytes", 0, INT64_MAX, &bytes, NULL);
        (void)sk_json_get_int(known, "changed_ns", 0, INT64_MAX, &changed, NULL);
        (void)sk_json_get_str(known, "sha256", &old, NULL);
    }
    if (bytes == f->st_size && changed == now && old && sk_sha256_parse(old, ignored)) {
        memcpy(hex, old, SK_SHA256_HEX);
        return SK_OK;
    }
    sk_status st = hash_bytes(path, hex, e);
    if (st) return st;
    json_t *row = json_pack("{s:I,s:I,s:s}", "bytes", (json_int_t)f->st_size, "changed_ns",
                            (json_int_t)now, "sha256", hex);
    return row && !json_object_set_new(files, path, row) ? SK_OK : no_memory(e);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What a process leaves while it works, and what tells the time. */
static bool is_passing(const char *name)
{
    return name[0] == '.' || !strcmp(name, "lock") || !strcmp(name, "lease") ||
           !strcmp(name, "metrics.jsonl") || strstr(name, ".tmp.");
}

/* The names in a folder, sorted, in mem. */
static sk_status list_folder(const char *path, sk_arena *mem, const char ***out, size_t *n,
                             sk_err *e)
{
    const char **name = sk_arena_calloc(mem, MAX_FILES, sizeof *name);
    DIR *d = opendir(path);
    if (!d || !name) {
        if (d) (void)closedir(d);
        return sk_fail(e, name ? SK_E_PERM : SK_E_NOMEM, "cannot read the folder %s", path);
    }
    *n = 0;
    sk_status st = SK_OK;
    for (struct dirent *it; !st && (it = readdir(d)) != NULL;) {
        if (is_passing(it->d_name)) continue;
        if (*n == MAX_FILES) {
            st = sk_fail(e, SK_E_TOOBIG, "%s has too many files to look through", path);
            break;
        }
        name[*n] = sk_arena_strndup(mem, it->d_name, strlen(it->d_name));
        if (!name[(*n)++]) st = no_memory(e);
    }
    (void)closedir(d);
    if (st) return st;
    qsort(name, *n, sizeof *name, by_text);
    *out = name;
    return SK_OK;
}

static sk_status hash_at(cmd_state *s, const char *path, int depth, char hex[SK_SHA256_HEX],
                         sk_err *e);

/* The hash over the lines "HASH  NAME" of what a folder holds. */
static sk_status hash_all(cmd_state *s, const char *path, int depth, char hex[SK_SHA256_HEX],
                          sk_err *e)
{
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    const char **name = NULL;
    size_t n = 0;
    sk_buf lines = SK_BUF_INIT;
    uint8_t hash[SK_SHA256_BYTES];
    sk_status st = mem ? list_folder(path, mem, &name, &n, e) : no_memory(e);
    for (size_t i = 0; !st && i < n; i++) {
        char full[CMD_PATH_MAX], one[SK_SHA256_HEX];
        int k = snprintf(full, sizeof full, "%s/%s", path, name[i]);
        st = k > 0 && k < CMD_PATH_MAX ? hash_at(s, full, depth + 1, one, e)
                                       : sk_fail(e, SK_E_INVALID, "a path is too long");
        if (!st) sk_buf_addf(&lines, "%s  %s\n", one, name[i]);
    }
    if (!st && !sk_buf_ok(&lines)) st = no_memory(e);
    if (!st) sk_sha256_of(lines.p ? lines.p : "", lines.len, hash);
    if (!st) sk_sha256_hex(hash, hex);
    sk_buf_fini(&lines);
    sk_arena_free(mem);
    return st;
}

static sk_status hash_at(cmd_state *s, const char *path, int depth, char hex[SK_SHA256_HEX],
                         sk_err *e)
{
    static const char *const marks[] = {"manifest.json", "model.gguf"};
    struct stat f;
    char mark[CMD_PATH_MAX];
    if (stat(path, &f) != 0) return sk_fail(e, SK_E_NOTFOUND, "there is no %s", path);
    if (S_ISREG(f.st_mode)) return hash_file(s, path, &f, hex, e);
    if (!S_ISDIR(f.st_mode)) return sk_fail(e, SK_E_INVALID, "%s is no file", path);
    if (depth > 8) return sk_fail(e, SK_E_INVALID, "%s: folders too deep", path);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        int n = snprintf(mark, sizeof mark, "%s/%s", path, marks[i]);
        bool fits = n > 0 && n < CMD_PATH_MAX;
        if (fits && stat(mark, &f) == 0 && S_ISREG(f.st_mode))
            return hash_file(s, mark, &f, hex, e);
    }
    return hash_all(s, path, depth, hex, e);
}

sk_status cmd_state_hash(cmd_state *s, const char *path, char hex[SK_SHA256_HEX], sk_err *e)
{
    return hash_at(s, path, 0, hex, e);
}

/* ---- stages ---- */

static json_t *stage_of(const cmd_state *s, const cmd_stage *g)
{
    return json_object_get(json_object_get(s->root, "stages"), g->name);
}

/* Flags that change how a stage runs, not what comes out. */
static bool is_manner(const char *word)
{
    static const char *const names[] = {"threads", "quiet",  "log-level", "log-json",
                                        "json",    "resume", "pack-cache"};
    if (strncmp(word, "--", 2) != 0) return false;
    size_t n = strcspn(word + 2, "=");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == n && memcmp(names[i], word + 2, n) == 0) return true;
    return false;
}

/* The words that decide the result, sorted: the order of settings in a file means nothing.  What
 * stands behind "--" keeps its order. */
static json_t *settings_of(const cmd_stage *g)
{
    sk_opt_list flag = {.n = 0};
    json_t *list = json_array();
    size_t i = 1;
    bool ok = list && !json_array_append_new(list, json_string(g->words.item[0]));
    for (; i < g->words.n && strcmp(g->words.item[i], "--") != 0; i++)
        if (!is_manner(g->words.item[i])) flag.item[flag.n++] = g->words.item[i];
    /* One flag may come several times in a list, whose order counts. */
    for (size_t k = 1; k < flag.n; k++)
        for (size_t m = k; m > 0; m--) {
            size_t a = strcspn(flag.item[m - 1], "="), b = strcspn(flag.item[m], "=");
            int order = strncmp(flag.item[m - 1], flag.item[m], a < b ? a : b);
            if (order < 0 || (order == 0 && a <= b)) break;
            const char *swap = flag.item[m];
            flag.item[m] = flag.item[m - 1];
            flag.item[m - 1] = swap;
        }
    for (size_t k = 0; ok && k < flag.n; k++)
        ok = !json_array_append_new(list, json_string(flag.item[k]));
    for (; ok && i < g->words.n; i++)
        ok = !json_array_append_new(list, json_string(g->words.item[i]));
    if (ok) return list;
    json_decref(list);
    return NULL;
}

/* Inputs being hashed. */
typedef struct hashing {
    cmd_state *s;
    const cmd_recipe *r;
    json_t *hashes; /* {path: hash} */
} hashing;

static sk_status on_input(void *arg, const char *path, unsigned line, sk_err *e)
{
    hashing *h = arg;
    char hex[SK_SHA256_HEX], found[CMD_PATH_MAX];
    /* A model may be given by a name that is looked for. */
    const char *at = sk_file_exists(path) || cmd_model_path(path, found, NULL) ? path : found;
    sk_status st = cmd_state_hash(h->s, at, hex, e);
    if (st == SK_E_NOTFOUND)
        return sk_yaml_fail(h->r->yaml, line, e, st, "there is no file or folder %s", path);
    if (st) return st;
    return json_object_set_new(h->hashes, path, json_string(hex)) ? no_memory(e) : SK_OK;
}

static sk_status hash_inputs(cmd_state *s, const cmd_recipe *r, const cmd_stage *g, json_t **out,
                             sk_err *e)
{
    hashing h = {s, r, json_object()};
    sk_status st = h.hashes ? cmd_stage_inputs(r, g, on_input, &h, e) : no_memory(e);
    if (st)
        json_decref(h.hashes);
    else
        *out = h.hashes;
    return st;
}

/* The first input whose hash is another than it was; NULL: none. */
static const char *changed_input(json_t *was, json_t *now)
{
    const char *path;
    json_t *hash;
    json_object_foreach(now, path, hash)
    {
        if (!json_equal(json_object_get(was, path), hash)) return path;
    }
    return NULL;
}

/* *stands: what the stage wrote is there as it was.  What can't be looked at is an error: taken for
 * changed, it would be made again and the old be moved away. */
static sk_status result_stands(cmd_state *s, const cmd_stage *g, json_t *known, bool *stands,
                               sk_err *e)
{
    char path[CMD_PATH_MAX], hex[SK_SHA256_HEX];
    const char *was = NULL;
    sk_err no = SK_ERR_INIT;
    *stands = true;
    if (!cmd_stage_result(g, path)) return SK_OK;
    (void)sk_json_get_str(known, "result", &was, NULL);
    sk_status st = cmd_state_hash(s, path, hex, &no);
    *stands = was && !st && strcmp(was, hex) == 0;
    return !st || st == SK_E_NOTFOUND ? SK_OK : sk_fail(e, st, "%s", no.text);
}

/* The first reason that holds is the one told.  A result that was changed by hand runs anew, and an
 * input that changed runs even what was stopped half-way: it may not go on from other data. */
static sk_status decide(cmd_state *s, const cmd_stage *g, json_t *known, json_t *settings,
                        json_t *inputs, cmd_todo *todo, char why[256], sk_err *e)
{
    const char *path;
    bool stands = true;
    if (json_is_true(json_object_get(known, "done"))) {
        sk_status st = result_stands(s, g, known, &stands, e);
        if (st) return st;
    }
    *todo = CMD_RUN;
    if (!json_is_object(known))
        (void)snprintf(why, 256, "it has not run yet");
    else if (!json_equal(json_object_get(known, "settings"), settings))
        (void)snprintf(why, 256, "its settings have changed");
    else if ((path = changed_input(json_object_get(known, "inputs"), inputs)) != NULL)
        (void)snprintf(why, 256, "%.200s has changed", path);
    else if (!json_is_true(json_object_get(known, "done"))) {
        *todo = g->kind->resumes ? CMD_RESUME : CMD_RUN;
        (void)snprintf(why, 256, "it was stopped before its end");
    } else if (!stands)
        (void)snprintf(why, 256, "%.200s is not what it wrote", g->out);
    else {
        *todo = CMD_SKIP;
        (void)snprintf(why, 256, "nothing has changed");
    }
    return SK_OK;
}

sk_status cmd_state_look(cmd_state *s, const cmd_recipe *r, const cmd_stage *g, cmd_todo *todo,
                         char why[256], sk_err *e)
{
    json_t *inputs = NULL, *settings = settings_of(g);
    sk_status st = settings ? hash_inputs(s, r, g, &inputs, e) : no_memory(e);
    if (!st) st = decide(s, g, stage_of(s, g), settings, inputs, todo, why, e);
    json_decref(settings);
    json_decref(inputs);
    return st;
}

sk_status cmd_state_begin(cmd_state *s, const cmd_recipe *r, const cmd_stage *g, bool anew,
                          sk_err *e)
{
    json_t *inputs = NULL, *settings = settings_of(g);
    double seconds = anew ? 0 : cmd_state_seconds(s, g);
    sk_status st = settings ? hash_inputs(s, r, g, &inputs, e) : no_memory(e);
    if (!st) {
        json_t *row = json_pack("{s:b,s:O,s:O,s:f}", "done", 0, "settings", settings, "inputs",
                                inputs, "seconds", seconds);
        if (!row || json_object_set_new(json_object_get(s->root, "stages"), g->name, row))
            st = no_memory(e);
    }
    json_decref(settings);
    json_decref(inputs);
    return st ? st : cmd_state_save(s, e);
}

/* The hash is of what was written, taken now: decide() compares with it before a stage is passed
 * over. */
sk_status cmd_state_end(cmd_state *s, const cmd_stage *g, bool done, double seconds,
                        const char *printed, sk_err *e)
{
    char path[CMD_PATH_MAX], hex[SK_SHA256_HEX];
    json_t *row = stage_of(s, g), *value = NULL;
    assert(row);
    bool bad = json_object_set_new(row, "done", json_boolean(done)) ||
               json_object_set_new(row, "seconds", json_real(cmd_state_seconds(s, g) + seconds)) ||
               json_object_set_new(row, "ended", json_integer((json_int_t)sk_unix_s()));
    sk_status st = SK_OK;
    if (done && cmd_stage_result(g, path)) {
        st = cmd_state_hash(s, path, hex, e);
        bad |= !st && json_object_set_new(row, "result", json_string(hex));
    }
    if (printed) { /* text that is no JSON is nothing for the report */
        sk_status parsed = sk_json_parse(printed, strlen(printed), DEPTH, &value, NULL);
        bad |= parsed ? parsed == SK_E_NOMEM : json_object_set_new(row, "printed", value) != 0;
    }
    if (!st && bad) st = no_memory(e);
    return st ? st : cmd_state_save(s, e);
}

double cmd_state_seconds(const cmd_state *s, const cmd_stage *g)
{
    double seconds = 0;
    json_t *row = stage_of(s, g);
    if (row) (void)sk_json_get_num(row, "seconds", 0, 1e12, &seconds, NULL);
    return seconds;
}

const json_t *cmd_state_printed(const cmd_state *s, const cmd_stage *g)
{
    return json_object_get(stage_of(s, g), "printed");
}
