/* strftime.h - the date and time of the rendering, for strftime_now. */
#ifndef ENG_JINJA_STRFTIME_H
#define ENG_JINJA_STRFTIME_H

#include "engine/jinja/str.h"

/* The run's moment by a format of %-conversions, in English whatever the locale. */
sk_status eng_jn_strftime(jn_run *r, const jn_str *form, jn_val *out);

#endif
