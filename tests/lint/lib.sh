# lib.sh - TAP for the lint scripts: one check is a name and the text of what it found.
set -u
cd "$(dirname "$0")/../.." || exit 1
tally=$(mktemp) || exit 1
trap 'rm -f "$tally"' EXIT

# COMMAND | check NAME: passes when nothing was found.  It stands at the end of a pipe, in a process
# of its own, so the count is kept in a file.
check() {
    found=$(cat)
    echo "${found:+bad}" >>"$tally"
    n=$(wc -l <"$tally")
    if [ -z "$found" ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        echo "$found" | sed 's/^/# /'
    fi
}

# skip NAME REASON
skip() {
    echo >>"$tally"
    echo "ok $(wc -l <"$tally") - $1 # SKIP $2"
}

# The plan comes last; without it a script that died half-way would pass.
finish() {
    echo "1..$(wc -l <"$tally")"
    ! grep -q bad "$tally"
    exit
}

# The C sources of the project, headers included.
sources() {
    find src include tests bench -name '*.[ch]' 2>/dev/null | sort
}
