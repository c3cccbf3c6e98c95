/* dir.h - the folder of stoke up: where what lies in it, who has it, lines added to its logs. */
#ifndef UP_DIR_H
#define UP_DIR_H

#include "base/buf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define UP_PATH 4096

typedef struct up_dir {
    char path[UP_PATH];  /* absolute, without links */
    char share[UP_PATH]; /* file by which training gives way; in memory if there is such a place */
    int lock;            /* -1: not taken */
    int fd;              /* the folder */
} up_dir;

/* Makes the folder with those in it, and takes its lock.  SK_E_INUSE: another supervisor has it. */
sk_status up_dir_open(const char *path, up_dir *out, sk_err *e);

/* The same to look only: nothing is made, no lock taken.  SK_E_NOTFOUND. */
sk_status up_dir_look(const char *path, up_dir *out, sk_err *e);

/* Gives the lock back; end: the share's file goes too. */
void up_dir_close(up_dir *d, bool end);

/* "DIR/NAME" into b[UP_PATH]; cut if it is too long, which up_dir_open rules out. */
const char *up_dir_at(const up_dir *d, const char *name, char b[UP_PATH]);

/* The folder of a round, the candidate's verdict, a version's file (relative: without DIR). */
const char *up_dir_round(const up_dir *d, uint32_t round, char b[UP_PATH]);
const char *up_dir_gate(const up_dir *d, uint32_t round, char b[UP_PATH]);
const char *up_dir_version(uint32_t number, char b[64]);

/* Adds a line to a file of the folder, at once; sync: it is on the disk afterwards.  A half line at
 * the end, of a writer that was killed, is ended first. */
sk_status up_dir_add_line(const up_dir *d, const char *name, const sk_buf *line, bool sync,
                          sk_err *e);

/* Replaces a file of the folder for those who look; what a power cut leaves is not promised. */
sk_status up_dir_show(const up_dir *d, const char *name, const sk_buf *text, sk_err *e);

/* Makes the file NAME the file TO and begins it anew, if it is longer than `most`; who appends to
 * it goes on in what is then an empty file (what it writes meanwhile may be lost). */
void up_dir_trim(const up_dir *d, const char *name, const char *to, uint64_t most);

/* Removes the folder of a round, with all in it, and its verdict. */
void up_dir_drop_round(const up_dir *d, uint32_t round);

/* The last line of a file of the folder, its last `size` - 1 bytes at most, into b; "" if there is
 * none. */
void up_dir_last_line(const up_dir *d, const char *name, char *b, size_t size);

/* Bytes free on the folder's file system for this user; UINT64_MAX: unknown. */
uint64_t up_dir_free(const up_dir *d);

#endif
