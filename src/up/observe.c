/* observe.c - the tail of a run's metrics, the counters of a server. */
#include "up/observe.h"

#include "base/json.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 4096, TAIL = 16384 };

static void take_uint(json_t *v, const char *name, uint64_t *out)
{
    int64_t n = -1;
    if (!sk_json_get_int(v, name, 0, INT64_MAX / 2, &n, NULL) && n >= 0) *out = (uint64_t)n;
}

/* A line of the run; figures that are null are not known. */
static void take(json_t *v, up_training *out)
{
    const char *event = "";
    (void)sk_json_get_str(v, "event", &event, NULL);
    take_uint(v, "step", &out->step);
    if (strcmp(event, "run") == 0) take_uint(v, "total", &out->steps);
    if (strcmp(event, "eval") == 0 || strcmp(event, "done") == 0)
        (void)sk_json_get_num(v, "bits_per_byte", 0, 1e9, &out->bits_per_byte, NULL);
    if (strcmp(event, "step") != 0) return;
    take_uint(v, "tokens", &out->tokens);
    (void)sk_json_get_num(v, "loss", -1e9, 1e9, &out->loss, NULL);
    (void)sk_json_get_num(v, "tokens_per_s", 0, 1e15, &out->tokens_per_s, NULL);
    (void)sk_json_get_num(v, "eta_s", 0, 1e12, &out->eta_s, NULL);
}

/* Whole lines of text; the first and the last may be cut. */
static bool take_lines(char *text, up_training *out)
{
    bool any = false;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        json_t *v = NULL;
        if (sk_json_parse(line, (size_t)(end - line), 4, &v, NULL)) continue;
        if (json_is_object(v)) take(v, out);
        any |= json_is_object(v);
        json_decref(v);
    }
    return any;
}

static bool take_part(int fd, off_t at, size_t n, up_training *out)
{
    char text[TAIL + 1];
    ssize_t got = pread(fd, text, n < TAIL ? n : TAIL, at);
    if (got <= 0) return false;
    text[got] = 0;
    return take_lines(text, out);
}

bool up_training_read(const char *folder, up_training *out)
{
    char path[4200];
    struct stat st;
    up_training t = {.loss = NAN, .bits_per_byte = NAN, .tokens_per_s = NAN, .eta_s = NAN};
    (void)snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    bool any = false;
    if (fstat(fd, &st) == 0) {
        if (st.st_size > TAIL) any = take_part(fd, 0, HEAD, &t);
        any |= take_part(fd, st.st_size > TAIL ? st.st_size - TAIL : 0, TAIL, &t);
    }
    (void)close(fd);
    if (any) *out = t;
    return any;
}

/* The value of a metric without labels. */
static double metric(const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
        if (strncmp(p, name, n) == 0 && p[n] == ' ') return strtod(p + n, NULL);
    return 0;
}

void up_serving_read(const char *text, up_serving *out)
{
    out->generated = metric(text, "stoke_generated_tokens_total");
    out->prompt = metric(text, "stoke_prompt_tokens_total");
    out->finished = metric(text, "stoke_generations_finished_total");
    out->failed = metric(text, "stoke_generations_failed_total");
}

double up_grown(double *last, double now)
{
    double by = now >= *last ? now - *last : now;
    *last = now;
    return by;
}
