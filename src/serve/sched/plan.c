/* plan.c - which tokens go into the next step. */
#include "serve/sched/batch_in.h"
#include "serve/sched/score.h"

#include <assert.h>

/* Of the steps, this part serves the oldest prompt first, the others the shortest. */
#define OLDEST_EVERY 4u

/* A prompt of which the cache lacks no more than this is brief: it goes in as soon as a reader can
 * bear, since one longer pause of the answers costs them less than the asker's wait of many steps.
 */
#define BRIEF 128u

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Work that goes into masks between two steps (grammar.h): some milliseconds, shared by the answers
 * that follow a grammar; and what each may have at least, which is more than most masks take. */
#define MASK_WORK 40000u
#define MASK_LEAST 2000u

/* Work for the masks of each answer. */
static uint64_t mask_work(const srv_batch *b)
{
    uint64_t n = 0;
    for (size_t i = 0; i < b->eng->n_slots; i++)
        n += b->slot[i] && b->slot[i]->guide.ready;
    uint64_t each = MASK_WORK / (n ? n : 1);
    return each > MASK_LEAST ? each : MASK_LEAST;
}

/* True if a token may be chosen for j in this step.  A grammar that takes long to tell what may
 * come next holds up its own answer, not the others. */
static bool is_ready(srv_batch *b, srv_job *j, uint64_t work)
{
    j->unready = j->guide.ready && !j->guide.ready(j->guide.self, work);
    b->n_unready += j->unready;
    return !j->unready;
}

/* Puts j's next n tokens into the step. */
static void plan_item(srv_batch *b, srv_job *j, size_t n)
{
    assert(!j->planned && b->n_items < b->eng->n_slots && j->n_fed + n <= j->n_seq);
    bool whole = j->n_fed + n == j->n_seq;
    j->planned = true;
    b->who[b->n_items] = j;
    b->item[b->n_items++] = (eng_step_item){.slot = (uint32_t)j->slot,
                                            .pos = j->n_fed,
                                            .n = n,
                                            .ids = j->seq + j->n_fed,
                                            .want = srv_score_left(j) ? ENG_WANT_ALL
                                                    : whole           ? ENG_WANT_LAST
                                                                      : ENG_WANT_NONE};
}

/* One token for each answer that is neither paused nor unready; returns their number. */
static size_t plan_decode(srv_batch *b, uint64_t work)
{
    size_t n = 0;
    for (size_t i = 0; i < b->eng->n_slots; i++) {
        srv_job *j = b->slot[i];
        if (!j || j->state != SRV_JOB_DECODE || srv_job_stalls(j)) continue;
        if (!is_ready(b, j, work)) continue;
        plan_item(b, j, 1);
        n++;
    }
    return n;
}

/* True if j's prompt goes before that of k: higher priority first; then most often the one with
 * least left, so that a short question is not held up by a long one; regularly the oldest, so that
 * a long one is not held up for ever. */
static bool goes_first(const srv_job *j, const srv_job *k, bool oldest)
{
    size_t left = j->n_seq - j->n_fed, other = k->n_seq - k->n_fed;
    if (j->priority != k->priority) return j->priority > k->priority;
    if (!oldest && left != other) return left < other;
    return j->order < k->order;
}

/* True if j's prompt may be worked on: it is not in the step yet, and waits for nothing, not for a
 * reader of its log-probabilities either. */
static bool is_open(const srv_job *j)
{
    bool waits = j->leader || j->fetching || j->unready || srv_job_stalls(j);
    return j->state == SRV_JOB_PREFILL && !j->planned && !waits;
}

/* The next prompt to work on; not one that wants rows of logits when the step has no more of them.
 */
static srv_job *next_prefill(const srv_batch *b, bool rows)
{
    srv_job *best = NULL;
    for (size_t i = 0; i < b->eng->n_slots; i++) {
        srv_job *j = b->slot[i];
        if (!j || !is_open(j)) continue;
        if (!rows && srv_score_left(j)) continue;
        if (!best || goes_first(j, best, b->n_steps % OLDEST_EVERY == 0)) best = j;
    }
    return best;
}

/* Prompts that are not read to their end, also those that wait for another's or for the disk. */
static size_t n_prompts(const srv_batch *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->eng->n_slots; i++)
        if (b->slot[i] && b->slot[i]->state == SRV_JOB_PREFILL) n++;
    return n;
}

static bool is_brief(const srv_job *j)
{
    return j->n_seq <= j->n_cached + BRIEF;
}

/* Fills the rest of the step with prompt tokens; returns their number. */
static size_t plan_prefill(srv_batch *b, size_t n_decode, uint64_t work)
{
    size_t all = b->eng->max_step - n_decode, rows = srv_score_rows(b->eng);
    size_t n_wait = n_prompts(b), room = all, some = all; /* some: of room, for long prompts */
    if (n_decode && n_wait) {
        some = min_size(srv_tempo_chunk(&b->tempo, n_decode, n_wait), all);
        room = some ? min_size(srv_tempo_brief(&b->tempo, n_decode, some), all) : 0;
    }
    all = room;
    srv_job *j;
    while (room && (j = next_prefill(b, rows > 0))) {
        size_t n = min_size(j->n_seq - j->n_fed, is_brief(j) ? room : some);
        if (!n) break;
        if (srv_score_left(j)) {
            n = min_size(min_size(n, rows), srv_score_most(j));
            rows -= n;
        }
        if (j->n_fed + n == j->n_seq && !is_ready(b, j, work)) n--;
        if (n) plan_item(b, j, n);
        room -= n;
        some -= min_size(some, n);
    }
    return all - room;
}

void srv_plan(srv_batch *b, size_t *n_decode, size_t *n_prefill)
{
    uint64_t work = mask_work(b);
    b->n_items = b->n_unready = 0;
    for (size_t i = 0; i < b->eng->n_slots; i++)
        if (b->slot[i]) b->slot[i]->unready = false;
    *n_decode = plan_decode(b, work);
    *n_prefill = plan_prefill(b, *n_decode, work);
}
