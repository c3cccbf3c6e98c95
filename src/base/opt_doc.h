/* opt_doc.h - pieces of text that help, man page and markdown share; for base/opt_*.c only. */
#ifndef SK_BASE_OPT_DOC_H
#define SK_BASE_OPT_DOC_H

#include "base/opt.h"

/* True for a row that is a flag and no group title. */
bool sk_opt_is_flag(const sk_opt *row);

/* Appends what follows the flag's name: " N", " FILE...", nothing for a switch. */
void sk_opt_doc_value(const sk_opt *row, sk_buf *out);

/* Appends "stoke train --data FILE... [flags] [ARG]". */
void sk_opt_doc_synopsis(const sk_opt_verb *verb, const char *program, sk_buf *out);

/* Appends the row's notes, " (default 900; from 1 to 10)", or nothing. */
void sk_opt_doc_notes(const sk_opt *row, sk_buf *out);

#endif
