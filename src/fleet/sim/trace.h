/* trace.h - requests as they came: times and lengths from a file.
 *
 * CSV rows "time,input tokens,output tokens", as Azure's LLM inference traces have them
 * (AzurePublicDataset, "TIMESTAMP,ContextTokens,GeneratedTokens"); times are dates with fractions
 * of a second, or seconds.  They must not go back.
 */
#ifndef FLT_FLEET_SIM_TRACE_H
#define FLT_FLEET_SIM_TRACE_H

#include "base/mem.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct flt_trace_row {
    int64_t t; /* nanoseconds from the first row */
    uint32_t input, output;
} flt_trace_row;

typedef struct flt_trace {
    const flt_trace_row *row;
    size_t n;
    const double *rate; /* requests a second, by minute */
    size_t minutes;
    double input, output; /* mean lengths */
} flt_trace;

enum { FLT_TRACE_ROWS = 8 << 20 };

/* Reads the file at path (zstd is unpacked) into mem: 16 bytes a row.  SK_E_INVALID names the line,
 * SK_E_TOOBIG for more than FLT_TRACE_ROWS. */
sk_status flt_trace_load(const char *path, sk_arena *mem, flt_trace *out, sk_err *e);

/* Requests a second at second s from the beginning; behind its last minute it begins again. */
double flt_trace_rate(const flt_trace *t, double s);

#endif
