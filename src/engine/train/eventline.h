/* eventline.h - an event of a training run as a line of JSON: what --json prints, and what
 * metrics.jsonl keeps. */
#ifndef ENG_TRAIN_EVENTLINE_H
#define ENG_TRAIN_EVENTLINE_H

#include "base/buf.h"

struct eng_train_event;

/* Appends {"event":NAME,"step":N,..} and a line feed; figures that were not measured are null,
 * speeds are rounded, since their last digits are noise.  time: seconds since 1970, a member
 * "time"; below 0: none. */
void eng_event_line(const struct eng_train_event *ev, double time, sk_buf *out);

#endif
