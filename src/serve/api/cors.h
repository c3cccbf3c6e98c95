/* cors.h - browser pages of other origins: which may ask, and what their browsers are told. */
#ifndef SRV_API_CORS_H
#define SRV_API_CORS_H

#include "serve/http/http.h"

/* True when a request may be answered: it carries no Origin, or the host's own, or one of `allowed`
 * (origins with commas between, "*" for all; NULL: none).  A page of another origin must not spend
 * this machine's time.  Adds the headers that let the page read the answer. */
bool srv_cors_allow(const char *allowed, srv_req *r);

/* Answers the question that a browser asks before a request; false if r is none. */
bool srv_cors_preflight(const char *allowed, srv_req *r);

#endif
