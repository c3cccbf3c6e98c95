/* schema_format.c - "format" as patterns (RFC 3339, 5321, 1123, 2673, 4291, 3986, 4122, 6901). */
#include "engine/grammar/schema_core.h"

#include <string.h>

#define MONTH_DAY                                                                                  \
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"       \
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
#define YEAR "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
#define LEAP_YEAR                                                                                  \
    "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26]|0[48])00)"
#define DATE "(?:" YEAR "-" MONTH_DAY "|" LEAP_YEAR "-02-29)"
#define CLOCK "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
#define TIME CLOCK ":[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-]" CLOCK ")"
#define LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define HOST LABEL "(?:\\." LABEL ")*"
#define ATOM "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
#define OCTET "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define IPV4 OCTET "(?:\\." OCTET "){3}"
#define H16 "[0-9A-Fa-f]{1,4}"
#define LS32 "(?:" H16 ":" H16 "|" IPV4 ")"
#define IPV6                                                                                       \
    "(?:(?:" H16 ":){6}" LS32 "|::(?:" H16 ":){5}" LS32 "|(?:" H16 ")?::(?:" H16 ":){4}" LS32      \
    "|(?:(?:" H16 ":){0,1}" H16 ")?::(?:" H16 ":){3}" LS32 "|(?:(?:" H16 ":){0,2}" H16             \
    ")?::(?:" H16 ":){2}" LS32 "|(?:(?:" H16 ":){0,3}" H16 ")?::" H16 ":" LS32 "|(?:(?:" H16       \
    ":){0,4}" H16 ")?::" LS32 "|(?:(?:" H16 ":){0,5}" H16 ")?::" H16 "|(?:(?:" H16 ":){0,6}" H16   \
    ")?::)"
#define PCT "%[0-9A-Fa-f]{2}"
#define UNRESERVED "[A-Za-z0-9._~-]"
#define SUB "[!$&'()*+,;=]"
#define PCHAR "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|" PCT ")"
#define USER "(?:[A-Za-z0-9._~!$&'()*+,;=:-]|" PCT ")*"
#define REG_NAME "(?:[A-Za-z0-9._~!$&'()*+,;=-]|" PCT ")*"
#define AUTHORITY "(?:" USER "@)?(?:\\[" IPV6 "\\]|" REG_NAME ")(?::[0-9]*)?"
#define ABEMPTY "(?:/" PCHAR "*)*"
#define PATH_ROOTED "/(?:" PCHAR "+" ABEMPTY ")?"
#define TAIL "(?:\\?(?:" PCHAR "|[/?])*)?(?:#(?:" PCHAR "|[/?])*)?"
#define SCHEME "[A-Za-z][A-Za-z0-9+.-]*"
#define URI SCHEME ":(?://" AUTHORITY ABEMPTY "|" PATH_ROOTED "|" PCHAR "+" ABEMPTY "|)" TAIL
#define NO_COLON "(?:[A-Za-z0-9._~!$&'()*+,;=@-]|" PCT ")"
#define RELATIVE "(?://" AUTHORITY ABEMPTY "|" PATH_ROOTED "|" NO_COLON "+" ABEMPTY "|)" TAIL
#define POINTER "(?:/(?:[^~/]|~[01])*)*"
#define DURATION_TIME "T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"
#define DURATION                                                                                   \
    "P(?:(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)(?:" DURATION_TIME         \
    ")?|" DURATION_TIME "|[0-9]+W)"
#define UUID "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"

/* A format and its pattern; NULL: defined by JSON Schema, but not to be had. */
static const struct {
    const char *name, *pattern;
} formats[] = {
    {"date", "^" DATE "$"},
    {"time", "^" TIME "$"},
    {"date-time", "^" DATE "T" TIME "$"},
    {"duration", "^" DURATION "$"},
    {"email", "^" ATOM "(?:\\." ATOM ")*@" HOST "$"},
    {"idn-email", NULL},
    {"hostname", "^(?=.{1,253}$)" HOST "$"},
    {"idn-hostname", NULL},
    {"ipv4", "^" IPV4 "$"},
    {"ipv6", "^" IPV6 "$"},
    {"uri", "^" URI "$"},
    {"uri-reference", "^(?:" URI "|" RELATIVE ")$"},
    {"iri", NULL},
    {"iri-reference", NULL},
    {"uri-template", NULL},
    {"uuid", "^" UUID "$"},
    {"json-pointer", "^" POINTER "$"},
    {"relative-json-pointer", "^(?:0|[1-9][0-9]*)(?:#|" POINTER ")$"},
    {"regex", NULL},
};

eng_rx eng_sc_format(eng_sc *c, const eng_sval *s, const eng_sval *format)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(formats[i].name, format->str.p) != 0) continue;
        eng_str pattern = {formats[i].pattern, formats[i].pattern ? strlen(formats[i].pattern) : 0};
        if (pattern.p) return eng_sc_pattern(c, s, "format", &pattern);
        (void)eng_sc_refuse(c, s, "format", "this format cannot be enforced");
        return ENG_RX_NONE;
    }
    return ENG_RX_ALL;
}
