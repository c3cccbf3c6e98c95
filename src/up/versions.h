/* versions.h - the models that passed the gate: DIR/versions and DIR/versions.jsonl
 * (docs/format/up.md). */
#ifndef UP_VERSIONS_H
#define UP_VERSIONS_H

#include "up/dir.h"
#include "up/house.h"

/* Rows held: far more than are kept as files. */
enum { UP_VERSIONS_MOST = 1024 };

typedef struct up_row {
    uint32_t number, round; /* round 0: it was not trained here */
    int64_t at;             /* unix ms */
    uint64_t bytes;
    double live_bpb, new_bpb; /* NaN: not known */
    char path[UP_PATH];       /* absolute */
    char why[UP_WHY];
} up_row;

typedef struct up_versions {
    up_row *row; /* [n], by number; those whose file is there */
    size_t n, room;
    uint32_t last; /* highest number ever given */
} up_versions;

/* Reads versions.jsonl; a last line that is half written counts for nothing, of more than
 * UP_VERSIONS_MOST versions the oldest do not.  Free with up_versions_free. */
sk_status up_versions_open(const up_dir *d, up_versions *out, sk_err *e);

/* The same of its text: n bytes, of which nothing is expected.  SK_E_NOMEM is the only failure. */
sk_status up_versions_parse(const up_dir *d, const char *text, size_t n, up_versions *out,
                            sk_err *e);
void up_versions_free(up_versions *v);

/* Keeps the model at `path` as the version after the last one: a second name of its file in
 * DIR/versions, or where it is a folder that folder itself.  `like` has number, round, bits, why.
 */
sk_status up_versions_add(up_versions *v, const up_dir *d, const char *path, const up_row *like,
                          sk_err *e);

/* Removes a version's file, if it lies in DIR; its line stays. */
void up_versions_drop(up_versions *v, const up_dir *d, uint32_t number);

/* The row, NULL if there is none. */
const up_row *up_versions_find(const up_versions *v, uint32_t number);

/* The number of the version with that path, 0 if there is none. */
uint32_t up_versions_of_path(const up_versions *v, const char *path);

#endif
