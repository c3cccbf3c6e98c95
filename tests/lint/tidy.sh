#!/bin/sh
# tidy.sh - clang-tidy over the whole tree (checks: .clang-tidy), one file a process, all cores.
. "$(dirname "$0")/lib.sh"
flags='-std=c11 -D_GNU_SOURCE -DSK_VERSION="0" -Isrc -I.'
isa='-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx512bf16 -mavx2 -mfma -mf16c'
export flags isa
sources | grep '\.c$' | xargs -P "$(nproc)" -n 4 sh -c '
    for f; do
        extra="-include tests/lint/analyzer.h"
        case $f in
        */base/status.c) extra= ;;
        *_avx2.c | *_avx512.c | *_avx512bf16.c) extra="$extra $isa" ;;
        esac
        clang-tidy --quiet "$f" -- $flags $extra 2>/dev/null
    done' tidy | grep -E '(error|warning): ' | sort -u | check "clang-tidy"
finish
