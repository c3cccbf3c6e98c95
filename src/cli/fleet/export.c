/* export.c - stoke fleet export: charges and commitments as FOCUS files. */
#include "base/clock.h"
#include "base/outfile.h"
#include "cli/cmd.h"
#include "cli/fleet/ledger.h"
#include "cli/fleet/store.h"
#include "cli/verbs.h"
#include "fleet/fleet.h"

#include <inttypes.h>

typedef struct export_opts {
    cmd_common common;
    const char *db, *focus, *commitments, *version, *month, *from, *to;
} export_opts;

static const sk_opt rows[] = {
    CMD_FLEET_DB_ROW(export_opts),
    CMD_ROW(export_opts, "focus", 0, SK_OPT_STRING, "FILE", NULL,
            "write charges here (Cost and Usage)", focus, 0, NULL),
    CMD_ROW(export_opts, "commitments", 0, SK_OPT_STRING, "FILE", NULL,
            "write commitments here (Contract Commitment, FOCUS 1.3 or later)", commitments, 0,
            NULL),
    CMD_ROW(export_opts, "version", 0, SK_OPT_STRING, "V", "1.2", "version of FOCUS", version, 0,
            "1.2 1.3 1.4"),
    CMD_LEDGER_SPAN_ROWS(export_opts),
    CMD_COMMON_ROWS(export_opts),
    {0},
};

/* Writes the charges; the file appears whole. */
static sk_status write_charges(flt_db *db, const flt_book *book, const char *path, int version,
                               sk_span span, sk_err *e)
{
    sk_outfile *f;
    flt_export x = {.version = version, .billing = span};
    sk_status st = sk_outfile_open(path, &f, e);
    if (st) return st;
    st = flt_focus_export(db, book, &x, f, e);
    if (st) {
        sk_outfile_abort(f);
        return st;
    }
    st = sk_outfile_commit(f, e);
    return st ? st : cmd_outf(e, "%s: %" PRIu64 " charges\n", path, x.rows);
}

static sk_status write_commitments(const flt_book *book, const char *path, int version,
                                   sk_span span, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    flt_focus_commitments(book, span, version, sk_unix_s(), &b);
    sk_status st = sk_buf_ok(&b) ? sk_file_replace(path, b.p, b.len, e)
                                 : sk_fail(e, SK_E_NOMEM, "no memory for commitments");
    sk_buf_fini(&b);
    return st;
}

/* Both files are of one reading of the fleet, so they agree with each other. */
static sk_status run(int argc, char **argv, sk_err *e)
{
    export_opts o = {.db = NULL};
    bool done;
    sk_span span;
    flt_db *db;
    flt_book book;
    sk_status st = cmd_parse(&cmd_fleet_export_verb, argc, argv, &o, &o.common, NULL, &done, e);
    if (st || done) return st;
    if (!o.focus && !o.commitments)
        return sk_fail(e, SK_E_USAGE, "nothing to write: give --focus FILE or --commitments FILE");
    st = cmd_ledger_span(o.month, o.from, o.to, &span, e);
    if (st) return st;
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    if (!a) return sk_fail(e, SK_E_NOMEM, "no memory to export");
    st = cmd_fleet_open(o.db, &db, e);
    if (!st) {
        int version = flt_focus_version(o.version);
        st = flt_store_read(db, a, &book, e);
        if (!st && o.focus) st = write_charges(db, &book, o.focus, version, span, e);
        if (!st && o.commitments) st = write_commitments(&book, o.commitments, version, span, e);
        flt_db_close(db);
    }
    sk_arena_free(a);
    return st;
}

const cmd_verb cmd_fleet_export_verb = {
    {"fleet-export", "write charges and commitments in FOCUS form", "", 0, 0,
     "Writes our own charges (not bills that were imported) as a file of the FinOps Open Cost and "
     "Usage Specification, and commitments as its data set Contract Commitment. --month and "
     "--from/--to choose by billing month.",
     "stoke fleet export --focus november.csv --month 2026-11\n"
     "  charges of November\n"
     "stoke fleet export --commitments promises.csv --version 1.4\n"
     "  all that was promised\n",
     rows},
    run};
