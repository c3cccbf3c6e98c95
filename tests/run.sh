#!/bin/bash
# tests/run.sh - runs sets of checks and counts them.
#
#   tests/run.sh BUILD SET...     sets: unit kern scripts fuzz-replay lint asan tsan aarch64 all
#
# BUILD is the folder of a finished build.  The last line is "N passed, N failed"; the exit status
# is 0 only if nothing failed.  Programs print TAP (docs/testing.md); logs stay in BUILD/logs.
# TEST_TOTAL=FILE adds the counts to FILE, for a caller that runs this several times.
set -u
cd "$(dirname "$0")/.." || exit 1
B=$1
shift
logs=$B/logs/$(IFS=-; echo "$*")
rm -rf "$logs"
mkdir -p "$logs"
export B STOKE=$B/stoke LC_ALL=C.UTF-8
TMPDIR=$(mktemp -d) || exit 1
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

# A set is printed as lines "NAME SECONDS COMMAND".
programs() { # programs PREFIX FOLDER...: compiled tests of tests/FOLDER
    local prefix=$1 d f n
    shift
    for d; do
        for f in tests/"$d"/t_*.c; do
            n=${f##*/t_}
            [ -e "$f" ] && echo "$prefix$d/${n%.c} 300 $B/tests/t_${n%.c}"
        done
    done
}
scripts() { # scripts PREFIX FOLDER...: executable files of tests/FOLDER, libraries left out
    local prefix=$1 d f limit
    shift
    for d; do
        for f in tests/"$d"/*; do
            limit=600
            case ${f##*/} in
            lib* | _*) continue ;;
            tidy.sh) limit=2400 ;; # clang-tidy reads the whole tree: 20 minutes of a slow core
            esac
            [ -f "$f" ] && [ -x "$f" ] && echo "$prefix$d/${f##*/} $limit $f"
        done
    done
}
kern() { # kern PREFIX: every processor level this machine has
    [ -x "$B/checkkern" ] || return 0
    for level in c avx2 avx512 avx512vnni avx512bf16 amx; do
        "$B/stoke" version --cpu $level >/dev/null 2>&1 &&
            echo "$1kern/$level 600 env STOKE_CPU=$level $B/checkkern"
    done
}
aarch64() { # aarch64 PREFIX: the kernels for ARM under qemu; the levels above NEON add to wmat alone
    local run="qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu $B/checkkern"
    [ -x "$B/checkkern" ] || return 0
    echo "$1kern/neon 900 $run --from neon --cpu neon"
    for level in dotprod i8mm; do
        echo "$1kern/$level 600 $run --from $level --cpu $level --only wmat"
    done
}
replay() { # replay PREFIX: every fuzz target over its corpus
    local f n
    for f in "$B"/fuzz/fz_*; do
        n=${f##*/fz_}
        [ -x "$f" ] && echo "$1fuzz/$n 300 $f tests/fuzz/corpus/$n"
    done
}
list() {
    case $1 in
    unit) programs "" unit arch grad fault crash ;;
    kern) kern "" ;;
    aarch64) aarch64 aarch64/ ;;
    scripts) scripts "" cli golden fault crash api e2e ;;
    fuzz-replay) replay "" ;;
    lint) scripts "" lint ;;
    asan) programs asan/ unit arch fault crash; scripts asan/ api fault; replay asan/ ;;
    tsan) programs tsan/ unit | grep -E "$(cat tests/tsan.list)"; scripts tsan/ api ;;
    all) list kern; list unit; list scripts; list fuzz-replay; list lint ;;
    *) echo "tests/run.sh: there is no set $1" >&2 && exit 2 ;;
    esac
}

for set; do list "$set"; done | xargs -r -P "${JOBS:-$(nproc)}" -L 1 tests/tap.sh "$logs"

[ -s "$logs/results" ] || echo "0 1 0 $*:nothing-ran" >"$logs/results"
[ -z "${TEST_TOTAL:-}" ] || cat "$logs/results" >>"$TEST_TOTAL"
awk '{ p += $1; f += $2; s += $3; if ($2) bad = bad "failed: " substr($0, length($1 $2 $3) + 4) "\n" }
    END { printf "%s", bad; if (s) print s " skipped"; print p + 0 " passed, " f + 0 " failed"; exit f > 0 }' \
    "$logs/results"
