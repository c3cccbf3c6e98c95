/* ranks.c - what the processes of one run say to each other. */
#include "engine/train/ranks.h"

#include "base/crc.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/kernel/par.h"
#include "engine/train/ckptdir.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define CHUNK ((size_t)1 << 18)     /* floats of a lane that are sent and added at a time */
#define IN_FLOATS ((size_t)1 << 24) /* of all lanes together: fewer at a time of many */
#define SILENCE 600                 /* seconds a step may keep the others waiting */
#define ADD_PIECE 16384             /* elements one task adds */

struct eng_ranks {
    eng_exec *x;
    sk_mpi *mpi;
    const eng_layout *l;
    size_t rank, size;
    size_t *first;      /* [size + 1] first parameter a process owns */
    size_t *at;         /* [size + 1] where it begins in the flat array */
    size_t *v_at;       /* [size + 1] and in that of second moments */
    float *acc;         /* [owned] sum of the lanes so far; NULL while one round has been enough */
    size_t chunk;       /* floats of a lane at a time */
    float *in;          /* [size][chunk] lanes of the others */
    const float **src;  /* [size] scratch of a sum */
    struct word *words; /* [size] scratch of a vote */
    double *sums;       /* [pieces] of the sum of squares */
    sk_mpi_part *part;
};

/* ---- before the run ---- */

/* What each says where all have to hear of all.  One form for everything that is not a stretch of
 * floats, so that a process which gives up is understood wherever the others are. */
typedef struct word {
    int64_t status, value;
} word;

/* Everybody's word to everybody, [size] into all; the first failure of any is everybody's. */
static sk_status speak(sk_mpi *m, sk_status mine, int64_t value, word *all, unsigned seconds,
                       sk_err *e)
{
    size_t n = sk_mpi_size(m), me = sk_mpi_rank(m);
    if (sk_mpi_gave_up(m)) return mine ? mine : sk_fail(e, SK_E_REQUEUE, "the run has ended");
    all[me] = (word){mine, value};
    sk_err no = SK_ERR_INIT;
    sk_status st = sk_mpi_allgather(m, all, sizeof *all, seconds, &no);
    if (st || (mine && mine != SK_E_STOPPED)) sk_mpi_give_up(m);
    if (mine) return mine;
    if (st) return sk_fail(e, st, "%s", no.text);
    for (size_t i = 0; i < n; i++) {
        if (!all[i].status) continue; /* a stop is everybody's at once, or the end of all */
        sk_mpi_give_up(m);
        return sk_fail(e, (sk_status)all[i].status, "process %zu of %zu has ended the run", i, n);
    }
    return SK_OK;
}

/* The same with storage for the words; *first: the value of process 0. */
static sk_status speak_first(const eng_train_opts *o, sk_status mine, int64_t *value, sk_err *e)
{
    sk_mpi *m = o->mpi;
    if (!m) return mine;
    word *all = sk_calloc(SK_MEM_TRAIN, sk_mpi_size(m), sizeof *all);
    if (!all) return sk_fail(e, SK_E_NOMEM, "no memory for %zu processes", sk_mpi_size(m));
    sk_status st = speak(m, mine, *value, all, 0, e);
    if (!st) *value = all[0].value;
    sk_free(all);
    return st;
}

bool eng_ranks_first(const eng_train_opts *o)
{
    return sk_mpi_rank(o->mpi) == 0;
}

sk_status eng_ranks_agree(const eng_train_opts *o, sk_status mine, sk_err *e)
{
    int64_t none = 0;
    return speak_first(o, mine, &none, e);
}

sk_status eng_ranks_tell(const eng_train_opts *o, bool *yes, sk_err *e)
{
    int64_t v = *yes;
    sk_status st = speak_first(o, SK_OK, &v, e);
    if (!st) *yes = v != 0;
    return st;
}

/* By a checksum of what a checkpoint would say the run is. */
sk_status eng_ranks_same(const eng_train_opts *o, json_t *meta, sk_err *e)
{
    if (!o->mpi) return SK_OK;
    sk_buf text = SK_BUF_INIT;
    bool ok = sk_json_dump(meta, JSON_SORT_KEYS, &text);
    int64_t mine = ok ? (int64_t)sk_crc32c(0, text.p, text.len) : 0, first = mine;
    sk_status st = ok ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the settings");
    sk_buf_fini(&text);
    st = speak_first(o, st, &first, e);
    if (!st && first != mine)
        st = sk_fail(e, SK_E_INVALID,
                     "process %zu has other settings or reads other data than process 0: start "
                     "all with the same command and the same files",
                     sk_mpi_rank(o->mpi));
    return eng_ranks_agree(o, st, e);
}

/* More lanes than rows would be empty ones; loop.c counts those that are not. */
sk_status eng_ranks_lanes(eng_train_opts *o, sk_err *e)
{
    uint32_t has = 0;
    if (!o->lanes && eng_ranks_first(o)) eng_ckptdir_lanes(o->out, &has);
    int64_t lanes = o->lanes ? o->lanes : has ? has : (int64_t)sk_mpi_size(o->mpi);
    sk_status st = speak_first(o, SK_OK, &lanes, e);
    if (!st) o->lanes = (uint32_t)lanes;
    return st;
}

/* ---- opening ---- */

/* Cuts the parameters into ranges of about equal length, whole parameters each. */
static void cut(eng_ranks *r, const eng_optim *optim, size_t v_floats)
{
    const eng_layout *l = r->l;
    size_t i = 0;
    for (size_t k = 0; k <= r->size; k++) {
        while (i < l->n_params && l->param[i].offset < l->n_floats / r->size * k)
            i++;
        if (k == r->size) i = l->n_params;
        r->first[k] = i;
        r->at[k] = i < l->n_params ? l->param[i].offset : l->n_floats;
        size_t v = i;
        while (v < l->n_params && eng_optim_v_offset(optim, v) == SIZE_MAX)
            v++;
        r->v_at[k] = v < l->n_params ? eng_optim_v_offset(optim, v) : v_floats;
    }
}

/* Memory by the number of processes; acc comes when a second round does. */
static bool get_memory(eng_ranks *r)
{
    size_t n = r->size;
    r->first = sk_calloc(SK_MEM_TRAIN, n + 1, sizeof *r->first);
    r->at = sk_calloc(SK_MEM_TRAIN, n + 1, sizeof *r->at);
    r->v_at = sk_calloc(SK_MEM_TRAIN, n + 1, sizeof *r->v_at);
    r->chunk = IN_FLOATS / n < CHUNK ? IN_FLOATS / n + 1 : CHUNK;
    r->in = sk_calloc(SK_MEM_TRAIN, n * r->chunk, sizeof *r->in);
    r->src = sk_calloc(SK_MEM_TRAIN, n, sizeof *r->src);
    r->words = sk_calloc(SK_MEM_TRAIN, n, sizeof *r->words);
    r->sums = sk_calloc(SK_MEM_TRAIN, r->l->n_floats / ENG_PAR_FLAT + 1, sizeof *r->sums);
    r->part = sk_calloc(SK_MEM_TRAIN, 4 * n, sizeof *r->part);
    return r->first && r->at && r->v_at && r->in && r->src && r->words && r->sums && r->part;
}

sk_status eng_ranks_open(eng_exec *x, const eng_train_opts *o, const eng_layout *layout,
                         const eng_optim *optim, size_t v_floats, eng_ranks **out, sk_err *e)
{
    if (!o->mpi) return SK_OK;
    eng_ranks *r = sk_calloc(SK_MEM_TRAIN, 1, sizeof *r);
    if (!r) return sk_fail(e, SK_E_NOMEM, "no memory for several processes");
    *r = (eng_ranks){.x = x, .mpi = o->mpi, .l = layout};
    r->rank = sk_mpi_rank(o->mpi);
    r->size = sk_mpi_size(o->mpi);
    if (!get_memory(r)) {
        eng_ranks_close(r);
        return sk_fail(e, SK_E_NOMEM, "no memory for several processes");
    }
    cut(r, optim, v_floats);
    *out = r;
    return SK_OK;
}

void eng_ranks_close(eng_ranks *r)
{
    if (!r) return;
    sk_free(r->first);
    sk_free(r->at);
    sk_free(r->v_at);
    sk_free(r->acc);
    sk_free(r->in);
    sk_free(r->src);
    sk_free(r->words);
    sk_free(r->sums);
    sk_free(r->part);
    sk_free(r);
}

size_t eng_ranks_rank(const eng_ranks *r)
{
    return r ? r->rank : 0;
}

size_t eng_ranks_size(const eng_ranks *r)
{
    return r ? r->size : 1;
}

void eng_ranks_owns(const eng_ranks *r, size_t rank, size_t *first, size_t *end)
{
    *first = r->first[rank];
    *end = r->first[rank + 1];
}

/* ---- a step ---- */

sk_status eng_ranks_vote(eng_ranks *r, eng_vote *v, sk_status mine, sk_err *e)
{
    if (!r) return mine;
    const word *all = r->words;
    sk_status st = speak(r->mpi, mine, v->stop | v->save << 1, r->words, SILENCE, e);
    for (size_t i = 0; i < r->size && !st; i++) {
        v->stop |= all[i].value & 1;
        v->save |= (all[i].value & 2) != 0;
    }
    return st;
}

/* Floats a process owns from `off` on in its range, at most a chunk. */
static size_t chunk_of(const eng_ranks *r, size_t rank, size_t off)
{
    size_t n = r->at[rank + 1] - r->at[rank];
    return off >= n ? 0 : n - off < r->chunk ? n - off : r->chunk;
}

/* to[i] = (before[i] +) src 0 [i] + src 1 [i] + ... */
typedef struct add_job {
    float *to;
    const float *before; /* NULL: none */
    const float **src;   /* [n_src] */
    size_t n_src;
} add_job;

/* One piece; `to` may be one of the sources. */
static void add_piece(void *arg, size_t first, size_t n, size_t worker)
{
    const add_job *j = arg;
    float sum[256];
    (void)worker;
    for (size_t at = first; at < first + n; at += 256) {
        size_t k = first + n - at < 256 ? first + n - at : 256;
        memcpy(sum, (j->before ? j->before : j->src[0]) + at, k * sizeof *sum);
        for (size_t s = j->before ? 0 : 1; s < j->n_src; s++)
            for (size_t i = 0; i < k; i++)
                sum[i] += j->src[s][at + i];
        memcpy(j->to + at, sum, k * sizeof *sum);
    }
}

/* This chunk of the lanes of a round: everybody sends what others own and gets what it owns. */
static sk_status swap_chunk(eng_ranks *r, size_t off, size_t here, float *g, sk_err *e)
{
    size_t k = 0, mine = chunk_of(r, r->rank, off);
    for (size_t p = 0; p < r->size; p++) {
        size_t theirs = chunk_of(r, p, off);
        if (p == r->rank) continue;
        if (r->rank < here && theirs)
            r->part[k++] = (sk_mpi_part){g + r->at[p] + off, theirs * sizeof *g, p, true};
        if (p < here && mine)
            r->part[k++] = (sk_mpi_part){r->in + p * r->chunk, mine * sizeof *g, p, false};
    }
    return sk_mpi_exchange(r->mpi, r->part, k, SILENCE, e);
}

/* Adds the chunk's lanes in their order. */
static void add_chunk(eng_ranks *r, size_t off, size_t here, float *g, bool again, bool last)
{
    float *own = g + r->at[r->rank] + off;
    add_job j = {
        .to = last ? own : r->acc + off, .before = again ? r->acc + off : NULL, .src = r->src};
    for (size_t p = 0; p < here; p++)
        j.src[j.n_src++] = p == r->rank ? own : r->in + p * r->chunk;
    eng_par_rows(r->x, chunk_of(r, r->rank, off), ADD_PIECE, add_piece, &j);
}

sk_status eng_ranks_reduce(eng_ranks *r, size_t round, size_t lanes, float *g, sk_err *e)
{
    size_t done = round * r->size, left = lanes - done, here = left < r->size ? left : r->size;
    bool last = left <= r->size;
    assert(lanes > done);
    if (!last && !r->acc) {
        r->acc = sk_calloc(SK_MEM_TRAIN, r->at[r->rank + 1] - r->at[r->rank] + 1, sizeof *r->acc);
        if (!r->acc) return sk_fail(e, SK_E_NOMEM, "no memory for the sum of gradients");
    }
    size_t most = 0;
    for (size_t p = 0; p < r->size; p++)
        if (r->at[p + 1] - r->at[p] > most) most = r->at[p + 1] - r->at[p];
    for (size_t off = 0; off < most; off += r->chunk) {
        sk_status st = swap_chunk(r, off, here, g, e);
        if (st) return st;
        if (chunk_of(r, r->rank, off)) add_chunk(r, off, here, g, round > 0, last);
    }
    return SK_OK;
}

/* Part by part, since the parts of a process are not in one stretch. */
sk_status eng_ranks_share(eng_ranks *r, double *all, size_t n, size_t part, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t at = 0, i = 0; r && at < n && !st; at += part, i++) {
        size_t k = 0, count = n - at < part ? n - at : part, owner = i % r->size;
        for (size_t p = 0; p < r->size; p++) {
            if (p == r->rank || (r->rank != owner && p != owner)) continue;
            r->part[k++] = (sk_mpi_part){all + at, count * sizeof *all, p, r->rank == owner};
        }
        st = sk_mpi_exchange(r->mpi, r->part, k, SILENCE, e);
    }
    return st;
}

/* Who owns an element. */
static size_t owner_of(const eng_ranks *r, size_t at)
{
    size_t p = 0;
    while (r->at[p + 1] <= at)
        p++;
    return p;
}

/* A piece of the sum of squares may reach over the end of a range: its owner, who has its first
 * element, gets the rest of it. */
static sk_status mend_pieces(eng_ranks *r, float *g, sk_err *e)
{
    size_t k = 0;
    for (size_t p = 1; p < r->size; p++) {
        size_t from = r->at[p], start = from / ENG_PAR_FLAT * ENG_PAR_FLAT;
        if (from == start || from == r->at[p + 1]) continue;
        size_t end = start + ENG_PAR_FLAT, to = owner_of(r, start);
        if (end > r->at[p + 1]) end = r->at[p + 1];
        sk_mpi_part q = {g + from, (end - from) * sizeof *g, 0, r->rank == p};
        q.peer = r->rank == p ? to : p;
        if (r->rank == p || r->rank == to) r->part[k++] = q;
    }
    return sk_mpi_exchange(r->mpi, r->part, k, SILENCE, e);
}

/* Pieces whose first element a process owns. */
static void pieces_of(const eng_ranks *r, size_t p, size_t *first, size_t *count)
{
    *first = (r->at[p] + ENG_PAR_FLAT - 1) / ENG_PAR_FLAT;
    *count = (r->at[p + 1] + ENG_PAR_FLAT - 1) / ENG_PAR_FLAT - *first;
}

/* The parts of a process go to all others, and theirs come. */
static sk_status swap_ranges(eng_ranks *r, void *a, size_t size,
                             void (*range)(const eng_ranks *, size_t, size_t *, size_t *),
                             sk_err *e)
{
    size_t k = 0, first, count, own, n_own;
    char *p = a;
    range(r, r->rank, &own, &n_own);
    for (size_t i = 0; i < r->size; i++) {
        if (i == r->rank) continue;
        range(r, i, &first, &count);
        if (n_own) r->part[k++] = (sk_mpi_part){p + own * size, n_own * size, i, true};
        if (count) r->part[k++] = (sk_mpi_part){p + first * size, count * size, i, false};
    }
    return sk_mpi_exchange(r->mpi, r->part, k, SILENCE, e);
}

sk_status eng_ranks_sumsq(eng_ranks *r, eng_exec *x, float *g, size_t n, double *out, sk_err *e)
{
    size_t first, count;
    if (!r) {
        *out = eng_par_sumsq(x, g, n);
        return SK_OK;
    }
    sk_status st = mend_pieces(r, g, e);
    if (st) return st;
    pieces_of(r, r->rank, &first, &count);
    eng_par_sumsq_pieces(x, g, n, first, count, r->sums + first);
    st = swap_ranges(r, r->sums, sizeof *r->sums, pieces_of, e);
    double total = 0;
    for (size_t i = 0; i < (n + ENG_PAR_FLAT - 1) / ENG_PAR_FLAT; i++)
        total += r->sums[i];
    if (!st) *out = total;
    return st;
}

/* The floats a process owns. */
static void floats_of(const eng_ranks *r, size_t p, size_t *first, size_t *count)
{
    *first = r->at[p];
    *count = r->at[p + 1] - r->at[p];
}

sk_status eng_ranks_optim(eng_ranks *r, eng_optim *op, const eng_update *u, eng_trainstate *s,
                          const float *g, sk_err *e)
{
    if (!r) {
        eng_optim_step(op, u, s->param, g, s->m, s->v);
        return SK_OK;
    }
    for (size_t i = r->first[r->rank]; i < r->first[r->rank + 1]; i++)
        eng_optim_param(op, u, i, s->param, g, s->m, s->v);
    return swap_ranges(r, s->param, sizeof *s->param, floats_of, e);
}

void eng_ranks_add(eng_exec *x, float *to, const float *from, size_t n)
{
    add_job j = {.to = to, .before = to, .src = &from, .n_src = 1};
    eng_par_rows(x, n, ADD_PIECE, add_piece, &j);
}

/* Process 0 collects all of them for each checkpoint, so it keeps its memory. */
void eng_ranks_release(const eng_ranks *r, eng_trainstate *s)
{
    if (!r || r->rank == 0) return;
    size_t k = r->rank;
    sk_mem_rest(s->m, r->at[k] * sizeof *s->m);
    sk_mem_rest(s->m + r->at[k + 1], (s->n_floats - r->at[k + 1]) * sizeof *s->m);
    sk_mem_rest(s->v, r->v_at[k] * sizeof *s->v);
    sk_mem_rest(s->v + r->v_at[k + 1], (s->v_floats - r->v_at[k + 1]) * sizeof *s->v);
}

/* ---- the state ---- */

/* The ranges [at[p], at[p + 1]) of a between process 0 and their owners. */
static sk_status move_ranges(eng_ranks *r, float *a, const size_t *at, bool to_first, sk_err *e)
{
    size_t k = 0;
    for (size_t p = 1; p < r->size; p++) {
        size_t n = at[p + 1] - at[p];
        if (!n || (r->rank && r->rank != p)) continue;
        bool send = (r->rank == 0) != to_first;
        r->part[k++] = (sk_mpi_part){a + at[p], n * sizeof *a, r->rank == 0 ? p : 0, send};
    }
    return sk_mpi_exchange(r->mpi, r->part, k, SILENCE, e);
}

sk_status eng_ranks_collect(eng_ranks *r, eng_trainstate *s, sk_err *e)
{
    if (!r) return SK_OK;
    sk_status st = move_ranges(r, s->m, r->at, true, e);
    return st ? st : move_ranges(r, s->v, r->v_at, true, e);
}

/* n bytes of process 0 to all. */
static sk_status from_first(eng_ranks *r, void *p, size_t n, sk_err *e)
{
    size_t k = 0;
    for (size_t i = 1; i < r->size; i++) {
        if (!n || (r->rank && r->rank != i)) continue;
        r->part[k++] = (sk_mpi_part){p, n, r->rank == 0 ? i : 0, r->rank == 0};
    }
    return sk_mpi_exchange(r->mpi, r->part, k, 0, e);
}

/* Numbers first: they say how much of the curve follows. */
sk_status eng_ranks_spread(eng_ranks *r, eng_trainstate *s, sk_err *e)
{
    if (!r) return SK_OK;
    uint64_t number[2] = {s->step, s->curve.n};
    sk_status st = from_first(r, number, sizeof number, e);
    if (!st) st = from_first(r, s->cpu, sizeof s->cpu, e);
    if (!st) st = from_first(r, s->param, s->n_floats * sizeof(float), e);
    if (!st) st = from_first(r, &s->guard, sizeof s->guard, e);
    if (!st && s->ema) st = from_first(r, s->ema, s->n_floats * sizeof(float), e);
    if (!st) st = move_ranges(r, s->m, r->at, false, e);
    if (!st) st = move_ranges(r, s->v, r->v_at, false, e);
    if (!st && number[1] > s->curve.cap)
        st = sk_fail(e, SK_E_INTERNAL, "process 0 has more of the run than it is long");
    if (!st) st = from_first(r, s->curve.point, number[1] * sizeof(eng_point), e);
    if (st) return st;
    s->step = number[0];
    s->curve.n = (size_t)number[1];
    return SK_OK;
}
