/* picture.h - the timeline of a supervisor as a picture: who had the cores when. */
#ifndef UP_PICTURE_H
#define UP_PICTURE_H

#include "base/buf.h"
#include "base/status.h"

/* Appends an SVG of timeline.1.jsonl and timeline.jsonl in the folder `dir` (docs/format/up.md):
 * cores of server, gate and trainer over minutes, one on the other.  Lines that are none are passed
 * over, and a stretch in which no supervisor ran counts as idle.  SK_E_NOTFOUND: there is no
 * timeline. */
sk_status up_picture(const char *dir, sk_buf *out, sk_err *e);

#endif
