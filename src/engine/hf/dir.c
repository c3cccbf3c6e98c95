/* dir.c - opening the files of a Hugging Face folder. */
#include "engine/hf/dir.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { CONFIG_MAX = 16 << 20, INDEX_MAX = 256 << 20, FILES_MAX = 4096, JSON_DEPTH = 8 };

/* folder/name, to be freed with sk_free; NULL without memory. */
static char *path_of(const char *folder, const char *name)
{
    sk_buf b = SK_BUF_INIT;
    sk_buf_addf(&b, "%s/%s", folder, name);
    return sk_buf_detach(&b, NULL);
}

bool eng_hf_dir_has(const char *path, const char *name)
{
    char *full = path_of(path, name);
    bool has = full && sk_file_exists(full);
    sk_free(full);
    return has;
}

/* A file of the folder loaded into b. */
static sk_status load(const char *folder, const char *name, uint64_t max, sk_buf *b, sk_err *e)
{
    char *path = path_of(folder, name);
    if (!path) return sk_fail(e, SK_E_NOMEM, "no memory to open %s", folder);
    sk_status st = sk_file_load(path, max, b, e);
    sk_free(path);
    return st;
}

/* Opens one more safetensors file. */
static sk_status add_file(eng_hf_dir *d, const char *name, sk_err *e)
{
    char *path = path_of(d->path, name);
    eng_st **more = sk_realloc(SK_MEM_WEIGHTS, d->file, (d->n_files + 1) * sizeof *more);
    if (more) d->file = more;
    if (!path || !more) {
        sk_free(path);
        return sk_fail(e, SK_E_NOMEM, "no memory to open %s", d->path);
    }
    sk_status st = eng_st_open(path, &d->file[d->n_files], e);
    if (!st) d->n_files++;
    sk_free(path);
    return st;
}

/* The names the index has seen, so that each file is opened once. */
static bool seen(json_t *names, const char *name)
{
    if (json_object_get(names, name)) return true;
    return json_object_set_new(names, name, json_true()) != 0;
}

/* Opens the files that the index spreads the tensors over. */
static sk_status open_index(eng_hf_dir *d, json_t *index, sk_err *e)
{
    const char *tensor;
    json_t *v, *map = json_object_get(index, "weight_map"), *names = json_object();
    if (!json_is_object(map) || !names) {
        json_decref(names);
        return sk_fail(e, SK_E_FORMAT, "model.safetensors.index.json has no weight_map");
    }
    sk_status st = SK_OK;
    json_object_foreach(map, tensor, v)
    {
        const char *name = json_string_value(v);
        if (!name || strchr(name, '/') || d->n_files >= FILES_MAX) {
            st = sk_fail(e, SK_E_FORMAT,
                         "model.safetensors.index.json puts %.100s into no file "
                         "of the folder",
                         tensor);
            break;
        }
        if (seen(names, name)) continue;
        if ((st = add_file(d, name, e))) break;
    }
    json_decref(names);
    return st;
}

/* The index says which files there are; a folder without one has a single file. */
static sk_status open_tensors(eng_hf_dir *d, sk_err *e)
{
    sk_buf text = SK_BUF_INIT;
    sk_err why = SK_ERR_INIT;
    sk_status st = load(d->path, "model.safetensors.index.json", INDEX_MAX, &text, &why);
    if (st == SK_E_NOTFOUND) {
        st = add_file(d, "model.safetensors", e);
        return st == SK_E_NOTFOUND
                   ? sk_fail(e, st,
                             "%s holds no model.safetensors (files of other formats, such as "
                             "pytorch_model.bin, are not read)",
                             d->path)
                   : st;
    }
    json_t *index = NULL;
    if (!st) st = sk_json_parse(text.p, text.len, JSON_DEPTH, &index, &why);
    if (st)
        st = sk_fail(e, st == SK_E_INVALID ? SK_E_FORMAT : st, "model.safetensors.index.json: %s",
                     why.text);
    else
        st = open_index(d, index, e);
    json_decref(index);
    sk_buf_fini(&text);
    return st;
}

/* Only opened, not understood: config.json is read by config.c, once the files are there. */
sk_status eng_hf_dir_open(const char *path, eng_hf_dir **out, sk_err *e)
{
    eng_hf_dir *d = sk_calloc(SK_MEM_WEIGHTS, 1, sizeof *d);
    sk_buf p = SK_BUF_INIT;
    sk_buf_adds(&p, path);
    char *copy = sk_buf_detach(&p, NULL);
    if (!d || !copy) {
        sk_free(d);
        sk_free(copy);
        return sk_fail(e, SK_E_NOMEM, "no memory to open %s", path);
    }
    d->path = copy;
    sk_status st = load(path, "config.json", CONFIG_MAX, &d->config, e);
    if (!st) st = open_tensors(d, e);
    if (st) {
        eng_hf_dir_close(d);
        return st;
    }
    *out = d;
    return SK_OK;
}

void eng_hf_dir_watch(const eng_hf_dir *d, bool on)
{
    for (size_t i = 0; i < d->n_files; i++)
        eng_st_watch(d->file[i], on);
}

bool eng_hf_dir_torn(const eng_hf_dir *d)
{
    for (size_t i = 0; i < d->n_files; i++)
        if (eng_st_torn(d->file[i])) return true;
    return false;
}

void eng_hf_dir_close(eng_hf_dir *d)
{
    if (!d) return;
    for (size_t i = 0; i < d->n_files; i++)
        eng_st_close(d->file[i]);
    sk_free(d->file);
    sk_buf_fini(&d->config);
    sk_free(d->path);
    sk_free(d);
}

size_t eng_hf_dir_n(const eng_hf_dir *d)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n_files; i++)
        n += eng_st_n(d->file[i]);
    return n;
}

const eng_st_tensor *eng_hf_dir_at(const eng_hf_dir *d, size_t i)
{
    for (size_t f = 0; f < d->n_files; f++) {
        if (i < eng_st_n(d->file[f])) return eng_st_at(d->file[f], i);
        i -= eng_st_n(d->file[f]);
    }
    assert(!"index of a tensor out of range");
    return NULL;
}

const eng_st_tensor *eng_hf_dir_find(const eng_hf_dir *d, const char *name)
{
    for (size_t i = 0; i < d->n_files; i++) {
        const eng_st_tensor *t = eng_st_find(d->file[i], name);
        if (t) return t;
    }
    return NULL;
}
