/* strftime.h - the date and time of the rendering, for strftime_now. */
#ifndef ENG_JINJA_STRFTIME_H
#define ENG_JINJA_STRFTIME_H

#include "engine/jinja/str.h"

/* The run's moment by a format of %-conversions, in English whatever the locale.  Not the C
 * library's strftime: %B would follow LC_TIME, and a prompt must not depend on the server's
 * locale.  What is no conversion stays as it is written.  SK_E_INVALID where the clock is out of
 * range. */
sk_status eng_jn_strftime(jn_run *r, const jn_str *form, jn_val *out);

#endif
