#!/bin/sh
# tests/tap.sh - runs one check, counts its TAP lines, and adds a line to the results.
#
#   tests/tap.sh LOGS NAME SECONDS COMMAND...
#
# LOGS/NAME.log gets the output, LOGS/results "passed failed skipped NAME".  A program that dies, runs
# too long, ends before its plan or prints no TAP has failed.  A NAME that begins with "=" is a
# command without TAP: its exit status is the one check.
logs=$1 name=$2 limit=$3
shift 3
log=$logs/$(printf %s "$name" | tr '/ =' '___').log
start=$(date +%s%N)
CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null
rc=$?
ms=$((($(date +%s%N) - start) / 1000000))
awk -v rc="$rc" -v name="$name" -v ms="$ms" -v limit="$limit" -v results="$logs/results" '
    /^1\.\.[0-9]+/ { plan += substr($1, 4); planned = 1 }
    /^(not )?ok .*# *[Ss][Kk][Ii][Pp]/ { skip++; next }
    /^ok( |$)/ { ok++ }
    /^not ok( |$)/ { bad++; why = why "    " $0 "\n" }
    END {
        if (name ~ /^=/) { ok = rc == 0; bad = rc != 0; plan = 1 }
        else if (!planned && ok + bad + skip == 0) { bad = 1; why = "    no TAP output\n" }
        if (ok + bad + skip < plan) {
            why = why "    " plan - ok - bad - skip " of " plan " never ran\n"
            bad = plan - ok - skip
        }
        if (rc != 0 && bad == 0) bad = 1
        if (rc == 124 || rc == 137) why = why "    ran longer than " limit " s, or was killed\n"
        else if (rc != 0) why = why "    exit status " rc "\n"
        printf "%s %-40s %4d passed", bad ? "FAIL" : "ok  ", name, ok
        if (skip) printf ", %d skipped", skip
        if (bad) printf ", %d failed", bad
        printf "  %.1f s\n%s", ms / 1000, why
        printf "%d %d %d %s\n", ok, bad, skip, name >> results
    }' "$log"
