/* unit.h - what every unit test includes: cmocka with the headers it needs, and a few helpers. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/status.h"

/* A new folder under $TMPDIR or /tmp; static storage, good until the next call.  Fails the test if
 * there is none. */
const char *unit_tmpdir(void);

/* Removes a folder and all in it. */
void unit_rm_rf(const char *path);

/* A test's folder: setup makes it and puts its name here, teardown removes it. */
extern char unit_dir[512];
int unit_dir_make(void **state);
int unit_dir_remove(void **state);

/* A stop function that always stops. */
bool unit_stop(void *arg);

/* "folder/name", static storage, four of them in turn. */
const char *unit_path(const char *folder, const char *name);

/* Writes n bytes to path without ceremony. */
void unit_write(const char *path, const void *p, size_t n);

/* The whole file into b (emptied first); false if it can't be read. */
bool unit_read(const char *path, sk_buf *b);

/* Number of entries in a folder. */
size_t unit_count_files(const char *folder);

/* Runs a script by /bin/sh with "$1" = arg; what it prints, errors included, goes into out (emptied
 * first).  Returns the exit status, -1 if a signal ended it. */
int unit_shell(const char *script, const char *arg, sk_buf *out);

/* True when there is a program of that name. */
bool unit_have(const char *program);

/* Fails unless a and b are finite and |a - b| <= tol * |b| in the L2 norm over n elements (b is the
 * reference; where it is all zero, |a| <= tol). */
#define unit_close(a, b, n, tol) unit_close_at((a), (b), (n), (tol), __FILE__, __LINE__)
void unit_close_at(const float *a, const float *b, size_t n, double tol, const char *file,
                   int line);

/* Fails with e's sentence unless st is SK_OK. */
#define assert_status_ok(st, e) unit_status_ok_at((st), &(e), #st, __FILE__, __LINE__)
void unit_status_ok_at(sk_status st, const sk_err *e, const char *what, const char *file, int line);

/* Fails unless st is `want` and e has that status and a sentence with `part` in it. */
#define assert_status(st, want, e, part)                                                           \
    unit_status_at((st), (want), &(e), (part), #st, __FILE__, __LINE__)
void unit_status_at(sk_status st, sk_status want, const sk_err *e, const char *part,
                    const char *what, const char *file, int line);

/* What unit_starve tries: makes, uses and gives back something.  SK_OK, or why not, with e set. */
typedef sk_status (*unit_attempt)(void *arg, sk_err *e);

enum unit_starve_how {
    UNIT_LATER = 1,  /* every later allocation fails too */
    UNIT_TOLD = 2,   /* no failed allocation can be got over: each of those runs fails */
    UNIT_GROWS = 4,  /* an executor's scratch may grow: SK_MEM_SCRATCH is not compared */
    UNIT_STRIDES = 8 /* leaves out more and more of them: for thousands */
};

/* Runs attempt(arg, e) with the 1st, 2nd, 3rd ... allocation failing until a run asks for fewer.
 * Fails unless each run gives back all memory it took and, where an allocation failed, is SK_OK or
 * SK_E_NOMEM with a sentence; unless the last run is SK_OK; and unless at least one and fewer than
 * `most` were made to fail.  Returns the number of the last that was. */
#define unit_starve(attempt, arg, most, how)                                                       \
    unit_starve_at((attempt), (arg), (most), (how), #attempt, __FILE__, __LINE__)
unsigned long unit_starve_at(unit_attempt attempt, void *arg, unsigned long most, unsigned how,
                             const char *what, const char *file, int line);

/* Inside an attempt: from here to its end no allocation fails, for what must go on after one did.
 */
void unit_starve_end(void);

/* What an attempt returns that wrote to b alone, which it empties. */
sk_status unit_starved_buf(sk_buf *b, sk_err *e);

/* Fails unless text contains part. */
#define assert_contains(text, part) unit_contains_at((text), (part), __FILE__, __LINE__)
void unit_contains_at(const char *text, const char *part, const char *file, int line);

#endif
