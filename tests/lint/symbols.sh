#!/bin/sh
# symbols.sh - what the library exports carries its layer's prefix, and holds little state.
. "$(dirname "$0")/lib.sh"
lib=${B:-build}/libstoke.a

nm -g --defined-only "$lib" 2>/dev/null | awk 'NF == 3 { print $3 }' |
    grep -vE '^(sk|eng|srv|up|flt)_' | sort -u | check "exported names begin with sk_, eng_, srv_, up_ or flt_"

# Writable data that other files can reach (.data.rel.ro is constant once the program runs).
objdump -t "$lib" 2>/dev/null | awk '$2 == "g" && $4 ~ /^(\.data|\.bss|\.tbss|\.tdata|\*COM\*)/ &&
    $4 !~ /^\.data\.rel\.ro/ { print $NF }' | check "no writable globals are exported"
finish
