/* files.h - what a build reads: arguments to sources, sources to files, in an order that depends on
 * names only.
 *
 * An argument is PATH or NAME=PATH: a file, a folder (every text in it and below, sorted by path)
 * or
 * "-".  Arguments of one NAME are one source; without a name it is the path's last part up to the
 * first dot.
 */
#ifndef ENG_DATA_FILES_H
#define ENG_DATA_FILES_H

#include "base/mem.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How documents lie in a file. */
typedef enum eng_data_form {
    ENG_DATA_AUTO, /* by name: *.jsonl, *.ndjson (perhaps .gz, .zst) are JSONL; standard input by
                      its first byte: '{' is JSONL; all else is text */
    ENG_DATA_TEXT, /* documents between lines <|endoftext|>; one document a file without them */
    ENG_DATA_JSONL /* a JSON object a line, the text in one member */
} eng_data_form;

typedef struct eng_data_file {
    const char *path;   /* as given, or folder/part; "-" for standard input */
    uint64_t bytes;     /* as packed; 0 where it is not known beforehand */
    size_t source;      /* index into source */
    eng_data_form form; /* AUTO only for standard input */
} eng_data_file;

/* All text is in the arena that eng_files_list was given. */
typedef struct eng_data_files {
    eng_data_file *file; /* [n] in the order they are read: by source, then as given */
    size_t n, cap;
    const char **source; /* [n_sources] names */
    size_t n_sources, source_cap;
    size_t n_left_out; /* files in folders that are no texts by their name */
    uint64_t bytes;    /* of all files together */
} eng_data_files;

/* Lists the files of n arguments.  A file given by name is read whatever it is called; in folders
 * .txt .text .md .jsonl .ndjson count, each also with .gz or .zst behind; names that begin with a
 * dot are passed over.  SK_E_UNSUPPORTED for .parquet with a hint, SK_E_INVALID where there is
 * nothing to read. */
sk_status eng_files_list(const char *const *arg, size_t n, eng_data_form form, sk_arena *mem,
                         eng_data_files *out, sk_err *e);

/* True for 1 to 64 letters, digits, '_', '-', '.'. */
bool eng_source_name_ok(const char *s, size_t n);

#endif
