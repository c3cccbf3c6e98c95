/* db_impl.h - what the two kinds of database have to offer to db.c. */
#ifndef FLT_FLEET_STORE_DB_IMPL_H
#define FLT_FLEET_STORE_DB_IMPL_H

#include "fleet/store/db.h"

/* Functions of a kind; their contracts are those of db.h. */
typedef struct flt_db_ops {
    void (*close)(flt_db *db);
    sk_status (*fresh)(flt_db *db, bool *fresh, sk_err *e);
    sk_status (*exec)(flt_db *db, const char *sql, sk_err *e);
    bool (*in_transaction)(flt_db *db);
    sk_status (*prepare)(flt_db *db, const char *sql, flt_stmt **out, sk_err *e);
    void (*free)(flt_stmt *s);
    void (*bind_int)(flt_stmt *s, int k, int64_t v);
    void (*bind_num)(flt_stmt *s, int k, double v);
    void (*bind_text)(flt_stmt *s, int k, const char *text, size_t n); /* text NULL: null */
    sk_status (*step)(flt_stmt *s, bool *row, sk_err *e);
    int64_t (*changed)(flt_stmt *s);
    void (*reset)(flt_stmt *s);
    int64_t (*col_int)(flt_stmt *s, int k);
    double (*col_num)(flt_stmt *s, int k);
    const char *(*col_text)(flt_stmt *s, int k);
    bool (*col_null)(flt_stmt *s, int k);
    const char *begin, *begin_read;
    bool pg;
} flt_db_ops;

/* The beginning of every kind's database; `name` is owned. */
struct flt_db {
    const flt_db_ops *ops;
    char *name;
};

/* The beginning of every kind's statement. */
struct flt_stmt {
    flt_db *db;
};

/* Open without a name and name them. */
sk_status flt_sqlite_open(const char *path, bool create, flt_db **out, sk_err *e);
sk_status flt_pg_open(const char *url, flt_db **out, sk_err *e);

#endif
