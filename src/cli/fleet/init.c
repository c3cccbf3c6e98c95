/* init.c - stoke fleet init: a new fleet, empty or the example. */
#include "base/file.h"
#include "cli/fleet/example.h"
#include "cli/fleet/store.h"
#include "cli/verbs.h"

#include <string.h>

typedef struct init_opts {
    cmd_common common;
    const char *db, *file;
    bool example, json;
} init_opts;

static const sk_opt rows[] = {
    CMD_FLEET_DB_ROW(init_opts),
    CMD_ROW(init_opts, "example", 0, SK_OPT_BOOL, NULL, NULL,
            "write an example of a fleet to a file, and load it", example, 0, NULL),
    CMD_ROW(init_opts, "file", 0, SK_OPT_STRING, "FILE", "fleet.yaml", "where the example goes",
            file, 0, NULL),
    CMD_FLEET_JSON_ROW(init_opts),
    CMD_COMMON_ROWS(init_opts),
    {0},
};

/* Writes the example and loads it from there, as anybody would. */
static sk_status load_example(flt_db *db, const init_opts *o, sk_err *e)
{
    flt_saved saved;
    sk_status st = sk_file_replace(o->file, cmd_fleet_example, strlen(cmd_fleet_example), e);
    return st ? st : flt_yaml_import(db, o->file, &saved, e);
}

/* What was made: the database, and the file it was read from where there is one.  --quiet leaves
 * out what people read, never the JSON. */
static sk_status say(const init_opts *o, const char *where, sk_err *e)
{
    if (o->json) {
        sk_buf b = SK_BUF_INIT;
        sk_buf_adds(&b, "{\"db\":");
        sk_json_add_str(&b, where, strlen(where));
        sk_buf_adds(&b, ",\"file\":");
        if (o->example)
            sk_json_add_str(&b, o->file, strlen(o->file));
        else
            sk_buf_adds(&b, "null");
        sk_buf_adds(&b, "}\n");
        return cmd_out_buf(&b, e);
    }
    if (o->common.quiet) return SK_OK;
    if (!o->example) return cmd_outf(e, "made %s, an empty fleet\n", where);
    return cmd_outf(e,
                    "made %s from %s: an example. Look at it with `stoke fleet status`, change the "
                    "file and `stoke fleet import` it again.\n",
                    where, o->file);
}

static sk_status init(int argc, char **argv, sk_err *e)
{
    init_opts o = {0};
    sk_opt_list args = {.n = 0};
    bool done;
    sk_status st = cmd_parse(&cmd_fleet_init_verb, argc, argv, &o, &o.common, &args, &done, e);
    if (st || done) return st;
    if (args.n && o.db) return sk_fail(e, SK_E_USAGE, "name the fleet once: --db or the word");
    const char *where = cmd_fleet_where(args.n ? args.item[0] : o.db);
    if (o.example && sk_file_exists(o.file))
        return sk_fail(e, SK_E_INUSE, "%.200s is there already; --file names another", o.file);
    flt_db *db;
    st = flt_store_create(where, &db, e);
    if (st) return st;
    if (o.example) st = load_example(db, &o, e);
    where = flt_db_name(db);
    if (!st) st = say(&o, where, e);
    flt_db_close(db);
    return st;
}

const cmd_verb cmd_fleet_init_verb = {
    {"fleet-init", "make a new fleet", "[FILE|URL]", 0, 1,
     "Makes a fleet: a SQLite file, or the tables in a PostgreSQL database that exists. With "
     "--example it writes fleet.yaml, a commented fleet of three clouds and machines of one's own "
     "under two contracts, and loads it. A fleet that is there already is left as it is.",
     "stoke fleet init --example\n  fleet.db and fleet.yaml, to look at\n"
     "stoke fleet init --db postgresql://localhost/stoke\n  a fleet that several machines share\n",
     rows},
    init};
