/* page.h - the chat page: files in the program, served with ETag, gzip and a strict policy. */
#ifndef SRV_WEB_PAGE_H
#define SRV_WEB_PAGE_H

#include "serve/http/http.h"

typedef struct srv_page srv_page;

/* Prepares the embedded files (checksums, unpacked copies for clients without gzip). */
sk_status srv_page_open(srv_page **out, sk_err *e);

/* Frees the unpacked copies; NULL is allowed. */
void srv_page_close(srv_page *p);

/* Answers GET / and GET /assets/NAME. */
void srv_page_get(const srv_page *p, srv_req *r);

#endif
