/* document.h - the documents of a training text: separated by lines that read <|endoftext|>. */
#ifndef ENG_TOKEN_DOCUMENT_H
#define ENG_TOKEN_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

/* The next document of text[0..n) from *pos on, borrowed; *pos moves past it and its separator.
 * The separator line and its newline belong to no document; the newline before it ends the last
 * line of the document.  Empty documents are passed over; false when there is none left. */
bool eng_document_next(const char *text, size_t n, size_t *pos, const char **doc, size_t *len);

/* What follows the last separator line of text[0..n) that is whole, its newline included; 0 if
 * there is none. */
size_t eng_document_last(const char *text, size_t n);

#endif
