# lib.sh - TAP for tests of the program's surface.
set -u
cd "$(dirname "$0")/../.." || exit 1
stoke=${STOKE:-build/stoke}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
n=0
failed=0

# result NAME: the status of the command before it makes the line.
result() {
    rc=$?
    n=$((n + 1))
    [ $rc -eq 0 ] || failed=1
    [ $rc -eq 0 ] && echo "ok $n - $1" || echo "not ok $n - $1"
    return $rc
}

# t NAME STATUS PATTERN COMMAND...: COMMAND exits with STATUS and prints (on either stream) a line that
# matches the extended regular expression PATTERN.
t() {
    name=$1 want=$2 pattern=$3
    shift 3
    "$@" >"$tmp/out" 2>&1 </dev/null
    got=$?
    [ "$got" = "$want" ] && grep -qE -- "$pattern" "$tmp/out"
    result "$name" || {
        echo "# $* gave exit status $got, not $want; or nothing like: $pattern"
        head -20 "$tmp/out" | sed 's/^/# /'
    }
}

finish() {
    echo "1..$n"
    exit $failed
}
