/* saver.c - the thread that writes checkpoints.
 *
 * One checkpoint at a time.  The thread takes the image (trainstate.h) piece by piece; between two
 * pieces the training thread may put a copy of the rest in place of the live arrays.
 */
#include "engine/train/saver.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/train/rundir.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define PIECE ((size_t)4 << 20)

struct eng_saver {
    eng_ckptdir dir;
    eng_lease lease;
    char log[ENG_PATH_MAX];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* of anything below */
    eng_image image;        /* what is being written */
    uint8_t *rest;          /* copy of what was left when the state was about to change */
    uint64_t limit;         /* bytes of it, at most */
    size_t at;              /* section being read */
    uint64_t from;          /* bytes of it that were read */
    size_t cut;             /* section that `rest` begins in, SIZE_MAX: there is no copy */
    uint64_t cut_from;      /* and the byte of it */
    bool busy, reading;     /* a checkpoint is being written; its image is still being read */
    bool in_piece, hold;    /* the thread is within a piece; it is asked not to begin another */
    bool quit;
    uint64_t saved, waited_us;
    sk_err err; /* of the first checkpoint that failed */
};

/* ---- the thread ---- */

/* The next piece, waiting while the training thread copies; n = 0 at the end. */
static const void *next_piece(eng_saver *s, size_t *n)
{
    const eng_image *im = &s->image;
    (void)pthread_mutex_lock(&s->lock);
    s->in_piece = false;
    (void)pthread_cond_broadcast(&s->changed);
    while (s->hold)
        (void)pthread_cond_wait(&s->changed, &s->lock);
    assert(s->at == im->n || s->from <= im->sec[s->at].n);
    while (s->at < im->n && s->from == im->sec[s->at].n) {
        s->at++;
        s->from = 0;
    }
    const uint8_t *p = NULL;
    *n = 0;
    if (s->at < im->n) {
        const eng_ckpt_section *c = &im->sec[s->at];
        p = (const uint8_t *)c->p + (s->from - (s->at == s->cut ? s->cut_from : 0));
        *n = c->n - s->from < PIECE ? (size_t)(c->n - s->from) : PIECE;
        s->from += *n;
        s->in_piece = true;
    } else {
        s->reading = false;
        (void)pthread_cond_broadcast(&s->changed);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return p;
}

/* Nothing reads the state any more, however the write went. */
static void stop_reading(eng_saver *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->reading = s->in_piece = false;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

/* log.jsonl comes after its checkpoint: it can be made again from it, not the other way round. */
static sk_status write_log(const eng_saver *s, sk_err *e)
{
    const sk_buf *t = &s->image.log;
    sk_status st = eng_lease_check(&s->lease, e);
    return st ? st : sk_file_replace(s->log, t->p ? t->p : "", t->len, e);
}

/* The whole of one checkpoint. */
static sk_status write_image(eng_saver *s, sk_err *e)
{
    char path[ENG_PATH_MAX + 32];
    eng_ckpt_out *c = NULL;
    const void *p;
    size_t n;
    (void)snprintf(path, sizeof(path), "%s/checkpoint.stk", s->dir.out);
    sk_status st = eng_ckpt_begin(path, s->image.sec, s->image.n, &c, e);
    while (!st && (p = next_piece(s, &n)) != NULL)
        st = eng_ckpt_add(c, p, n, e);
    stop_reading(s);
    if (!st) st = eng_ckpt_sync(c, e);
    if (st) {
        eng_ckpt_abort(c);
        return st;
    }
    st = eng_ckptdir_publish(&s->dir, &s->lease, c, s->image.step, s->image.guard->base,
                             s->image.val_loss, e);
    return st ? st : write_log(s, e);
}

/* Its life: wait for an image, write it, tell. */
static void *saver_main(void *arg)
{
    eng_saver *s = arg;
    (void)pthread_mutex_lock(&s->lock);
    for (;;) {
        while (!s->busy && !s->quit)
            (void)pthread_cond_wait(&s->changed, &s->lock);
        if (!s->busy) break;
        (void)pthread_mutex_unlock(&s->lock);
        sk_err e = SK_ERR_INIT;
        sk_status st = write_image(s, &e);
        (void)pthread_mutex_lock(&s->lock);
        if (!st) s->saved = s->image.step;
        if (st && !s->err.status) s->err = e;
        eng_image_fini(&s->image);
        sk_free(s->rest);
        s->rest = NULL;
        s->busy = false;
        (void)pthread_cond_broadcast(&s->changed);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- the training thread ---- */

/* With all signals blocked in the thread: they are for the main one. */
static int start_thread(eng_saver *s)
{
    sigset_t all, old;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&s->thread, NULL, saver_main, s);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err;
}

/* The lease first: a folder that can't be written to is found out before anything is computed. */
sk_status eng_saver_open(const char *out, eng_saver **out_saver, sk_err *e)
{
    eng_saver *s = sk_calloc(SK_MEM_TRAIN, 1, sizeof *s);
    if (!s) return sk_fail(e, SK_E_NOMEM, "no memory for writing checkpoints");
    s->saved = s->limit = UINT64_MAX;
    s->dir = (eng_ckptdir){.keep = 1, .current = UINT64_MAX, .best = INFINITY};
    (void)snprintf(s->dir.out, sizeof(s->dir.out), "%s", out);
    (void)snprintf(s->log, sizeof(s->log), "%s/log.jsonl", out);
    sk_status st = eng_lease_take(out, &s->lease, e);
    if (st) {
        sk_free(s);
        return st;
    }
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->changed, NULL);
    int err = start_thread(s);
    if (err) {
        sk_free(s);
        return sk_fail_errno(e, err, "cannot start a thread for checkpoints");
    }
    *out_saver = s;
    return SK_OK;
}

/* The thread ends when it has nothing left to write. */
void eng_saver_close(eng_saver *s)
{
    if (!s) return;
    (void)pthread_mutex_lock(&s->lock);
    s->quit = true;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_join(s->thread, NULL);
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->lock);
    sk_free(s);
}

/* Nothing is being written yet. */
void eng_saver_limit(eng_saver *s, uint64_t bytes)
{
    s->limit = bytes;
}

/* The folder's checkpoints; not while one is being written. */
eng_ckptdir *eng_saver_dir(eng_saver *s)
{
    return &s->dir;
}

/* Set once, at the opening. */
const eng_lease *eng_saver_lease(const eng_saver *s)
{
    return &s->lease;
}

/* Waits, under the lock, until nothing is being written. */
static void wait_idle(eng_saver *s)
{
    uint64_t t = sk_now_us();
    while (s->busy)
        (void)pthread_cond_wait(&s->changed, &s->lock);
    s->waited_us += sk_now_us() - t;
}

/* The error of the first checkpoint that failed, under the lock. */
static sk_status told(const eng_saver *s, sk_err *e)
{
    return s->err.status ? sk_fail(e, s->err.status, "%s", s->err.text) : SK_OK;
}

/* After a failure nothing more is begun. */
sk_status eng_saver_begin(eng_saver *s, const eng_trainstate *state, json_t *meta, sk_err *e)
{
    (void)pthread_mutex_lock(&s->lock);
    wait_idle(s);
    sk_status st = told(s, e);
    (void)pthread_mutex_unlock(&s->lock);
    if (!st) st = eng_image_init(&s->image, state, meta, e);
    if (st) return st;
    (void)pthread_mutex_lock(&s->lock);
    assert(!s->busy && !s->rest);
    s->at = 0;
    s->from = 0;
    s->cut = SIZE_MAX;
    s->busy = s->reading = true;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
    return SK_OK;
}

/* Copies all that was not read yet and lets the thread read the copy; false where that is too much.
 */
static bool copy_rest(eng_saver *s)
{
    eng_image *im = &s->image;
    uint64_t n = 0;
    for (size_t i = s->at; i < im->n; i++)
        n += im->sec[i].n;
    n -= s->at < im->n ? s->from : 0;
    s->rest = n <= s->limit ? sk_alloc(SK_MEM_TRAIN, (size_t)n) : NULL;
    if (!s->rest) return false;
    uint8_t *to = s->rest;
    assert(!s->in_piece); /* what the thread reads keeps its place */
    s->cut = s->at;
    s->cut_from = s->from;
    for (size_t i = s->at; i < im->n; i++) {
        eng_ckpt_section *c = &im->sec[i];
        uint64_t done = i == s->at ? s->from : 0;
        if (c->n > done) memcpy(to, (const uint8_t *)c->p + done, (size_t)(c->n - done));
        c->p = to;
        to += c->n - done;
    }
    assert(to == s->rest + n);
    return true;
}

/* The thread finishes its piece, then waits while the rest is copied.  Without memory for a copy
 * the wait is for the last piece. */
void eng_saver_settle(eng_saver *s)
{
    if (!s) return;
    (void)pthread_mutex_lock(&s->lock);
    if (s->reading && !s->rest) {
        uint64_t t = sk_now_us();
        s->hold = true;
        while (s->reading && s->in_piece)
            (void)pthread_cond_wait(&s->changed, &s->lock);
        bool live = s->reading && !copy_rest(s);
        s->hold = false;
        (void)pthread_cond_broadcast(&s->changed);
        while (live && s->reading)
            (void)pthread_cond_wait(&s->changed, &s->lock);
        s->waited_us += sk_now_us() - t;
    }
    (void)pthread_mutex_unlock(&s->lock);
}

/* Without waiting. */
sk_status eng_saver_poll(eng_saver *s, uint64_t *step, uint64_t *us, sk_err *e)
{
    (void)pthread_mutex_lock(&s->lock);
    *step = s->saved;
    *us = s->waited_us;
    sk_status st = told(s, e);
    (void)pthread_mutex_unlock(&s->lock);
    return st;
}

/* For the end of a run, whatever end it is. */
sk_status eng_saver_wait(eng_saver *s, sk_err *e)
{
    (void)pthread_mutex_lock(&s->lock);
    wait_idle(s);
    sk_status st = told(s, e);
    (void)pthread_mutex_unlock(&s->lock);
    return st;
}
