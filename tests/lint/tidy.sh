#!/bin/sh
# tidy.sh - clang-tidy over the whole tree (checks: .clang-tidy), all cores.  Tests are left out of
# the analyser, the slow part: they run under sanitizers.
. "$(dirname "$0")/lib.sh"
flags="-std=c11 -D_GNU_SOURCE -DSK_VERSION=\"0\" -Isrc -I. $(pkg-config --cflags libpq 2>/dev/null)"
isa='-mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx512bf16 -mamx-tile -mamx-int8 -mamx-bf16 -mavx2 -mfma -mf16c'
arm='--target=aarch64-linux-gnu -march=armv8.2-a+dotprod+i8mm -isystem /usr/aarch64-linux-gnu/include'
export flags isa arm
sources | grep '\.c$' | xargs -P "$(nproc)" -n 4 sh -c '
    for f; do
        extra="-include tests/lint/analyzer.h" less=
        case $f in
        tests/*) less="--checks=-clang-analyzer-*" ;;
        */base/status.c) extra= ;;
        */kernel/arm/*) extra="$extra $arm" ;;
        *_avx2.c | *_avx512.c | *_avx512vnni.c | *_avx512bf16.c | *_amx.c) extra="$extra $isa" ;;
        esac
        clang-tidy --quiet $less "$f" -- $flags $extra 2>/dev/null
    done' tidy | grep -E '(error|warning): ' | sort -u | check "clang-tidy"
finish
