# lib_pg.sh - a PostgreSQL server of a test's own, on a socket in a folder, gone when the test ends.
#
#   . tests/cli/lib_pg.sh
#   pg_start || skip_all "$pg_why"    makes a cluster in $TMPDIR and sets $PGURL
#   ... stoke fleet ... --db "$PGURL"
#   pg_stop                           (call it from the script's trap)
#
# A server refuses to run as root: then it runs as postgres or nobody.  Starting takes 2 seconds, so
# one server serves all of a script; `pg_new NAME` prints the URL of a fresh database on it.
pg_dir='' pg_why='' PGURL=''

pg_bin() { # prints the folder of the newest server's programs
    ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -V | tail -1 | grep . ||
        { command -v initdb >/dev/null && dirname "$(command -v initdb)"; }
}

pg_run() { # pg_run COMMAND...: as the server's user
    if [ -n "$pg_user" ]; then
        setpriv --reuid="$pg_user" --regid="$pg_user_group" --clear-groups env HOME="$pg_dir" "$@"
    else
        "$@"
    fi
}

pg_start() {
    bin=$(pg_bin) || { pg_why="needs a PostgreSQL server" && return 1; }
    pg_user=''
    if [ "$(id -u)" = 0 ]; then
        command -v setpriv >/dev/null || { pg_why="needs setpriv, as root" && return 1; }
        for u in postgres nobody; do id "$u" >/dev/null 2>&1 && pg_user=$u && break; done
        [ -n "$pg_user" ] || { pg_why="needs a user postgres or nobody" && return 1; }
        pg_user_group=$(id -g "$pg_user")
    fi
    # A socket's path may have 107 bytes, so the folder is not under a long $TMPDIR.
    pg_dir=$(mktemp -d /tmp/stoke-pg.XXXXXX) || return 1
    [ -z "$pg_user" ] || chown "$pg_user" "$pg_dir"
    (cd "$pg_dir" && pg_run "$bin/initdb" -D "$pg_dir/data" -U stoke -A trust -E UTF8 --locale=C \
        --no-sync --no-instructions) >"$pg_dir/log" 2>&1 &&
        (cd "$pg_dir" && pg_run "$bin/pg_ctl" -D "$pg_dir/data" -l "$pg_dir/server.log" -w -t 60 \
            -o "-F -k $pg_dir -c listen_addresses= -c max_connections=40 -c shared_buffers=32MB" \
            start) >>"$pg_dir/log" 2>&1 || {
        pg_why="no server could be started: $(tail -1 "$pg_dir/log")"
        return 1
    }
    PGURL="postgresql://stoke@/postgres?host=$pg_dir"
}

pg_new() { # pg_new NAME: an empty database, and its URL
    "$(pg_bin)/psql" -X -q -h "$pg_dir" -U stoke -d postgres -c "CREATE DATABASE $1" >/dev/null &&
        echo "postgresql://stoke@/$1?host=$pg_dir"
}

pg_sql() { # pg_sql URL SQL: what a query prints, bare
    "$(pg_bin)/psql" -X -A -t -q "$1" -c "$2"
}

pg_stop() {
    [ -n "$pg_dir" ] || return 0
    pg_run "$(pg_bin)/pg_ctl" -D "$pg_dir/data" -m immediate -w stop >/dev/null 2>&1
    rm -rf "$pg_dir"
    pg_dir=''
}
