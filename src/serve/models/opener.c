/* opener.c - checks the memory, opens, tries, starts. */
#include "serve/models/opener.h"

#include "serve/sched/turns.h"

#include <inttypes.h>

static void close_local(void *self)
{
    srv_local_close(self);
}

/* Weights take about what their file has, packed or mapped; the cache's bytes are known before the
 * model is read only if they were asked for, else srv_local_open checks them. */
static sk_status check_room(const srv_local_opts *lo, const srv_source *s, sk_err *e)
{
    uint64_t weights = srv_source_bytes(s), room = srv_local_room(lo);
    uint64_t need = weights + lo->kv_bytes;
    if (!lo->aside && !lo->memory) return SK_OK;
    if (need <= room) return SK_OK;
    if (lo->kv_bytes)
        return sk_fail(e, SK_E_NOMEM,
                       "%s needs %" PRIu64 " MiB, %" PRIu64
                       " of them for its cache, and there is room for %" PRIu64
                       " MiB beside what is loaded",
                       s->path, need >> 20, (uint64_t)lo->kv_bytes >> 20, room >> 20);
    return sk_fail(e, SK_E_NOMEM,
                   "%s needs %" PRIu64 " MiB, and there is room for %" PRIu64
                   " MiB beside what is loaded",
                   s->path, need >> 20, room >> 20);
}

/* Opens the model of lo in turns; beside others it must also make a first token. */
static sk_status open_local(srv_local_opts *lo, srv_turns *t, srv_local **out, sk_err *e)
{
    srv_local *l = NULL;
    lo->between = srv_turns_between;
    lo->between_arg = t;
    sk_status st = srv_local_open(lo, &l, e);
    srv_turns_end(t);
    if (!st && lo->aside) st = srv_local_try(l, srv_turns_between, t, e);
    srv_turns_end(t);
    if (st)
        srv_local_close(l);
    else
        *out = l;
    return st;
}

/* The same, and its file must be afterwards what it was before: one that is written over in place
 * may have been read half before and half after. */
static sk_status open_steady(const srv_source *s, srv_local_opts *lo, srv_turns *t, srv_local **out,
                             sk_err *e)
{
    srv_ident before, after;
    bool is_file = srv_source_ident(s, &before);
    sk_status st = open_local(lo, t, out, e);
    if (st || !is_file || (srv_source_ident(s, &after) && srv_ident_same(&before, &after)))
        return st;
    srv_local_close(*out);
    return sk_fail(e, SK_E_CORRUPT,
                   "%s was written to while it was read: put new files in the place of old ones by "
                   "renaming them",
                   s->path);
}

/* A source with descriptors is read through them, so that what was checked is what is read, whoever
 * took its name meanwhile; packs that are kept go by a path, and are not used then. */
sk_status srv_local_opener_open(void *arg, const srv_opening *o, srv_core **out, sk_err *e)
{
    const srv_local_opener *how = arg;
    char model[SRV_SOURCE_FD_NAME], lora[SRV_SOURCE_FD_NAME];
    srv_local_opts lo = how->local;
    srv_local *l = NULL;
    srv_source source = {.path = NULL};
    lo.path = srv_source_path(o->source, false, model);
    lo.lora = srv_source_path(o->source, true, lora);
    lo.lora_scale = o->source->scale;
    lo.name = o->name;
    lo.mapped = o->mapped;
    lo.aside = o->aside;
    if (lo.path == model) lo.pack_cache = false; /* kept packs go by a model's path */
    srv_turns turns = {
        .baton = how->sched.baton, .stop = o->stop, .stop_fd = o->aside ? -1 : how->stop_fd};
    sk_status st = check_room(&lo, o->source, e);
    if (!st) st = open_steady(o->source, &lo, &turns, &l, e);
    if (st) return st;
    st = srv_source_copy(o->source, &source, e);
    if (st) {
        srv_local_close(l);
        return st;
    }
    st = srv_core_open(srv_local_engine(l), close_local, l, &how->sched, &source, out, e);
    if (st) return st;
    (*out)->info = *srv_local_info(l);
    if (lo.no_repack || lo.pack_cache) (*out)->mapped_bytes = (*out)->info.file_bytes;
    return SK_OK;
}
