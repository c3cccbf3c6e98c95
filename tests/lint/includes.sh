#!/bin/sh
# includes.sh - includes go one way (ARCHITECTURE.md, "Rooms and doors").
. "$(dirname "$0")/lib.sh"

# Prints "FILE: INCLUDED" for every include in folder $1 that the pattern $2 doesn't allow.
outside() {
    [ -d "$1" ] || return 0
    grep -rn --include='*.[ch]' '^ *# *include *"' "$1" | grep -vE "\"($2)\"" |
        sed 's/:[0-9]*: *# *include/:/'
}

check_room() { # check_room NAME FOLDER PATTERN
    outside "$2" "$3" | check "$1"
}

check_room "base includes only base" src/base 'base/[a-z0-9_]+\.h'
check_room "engine includes only base and engine" src/engine 'base/[a-z0-9_]+\.h|engine/.*'
check_room "serve includes base, the engine's door and serve" src/serve \
    'base/[a-z0-9_]+\.h|engine/engine\.h|serve/.*'
check_room "fleet includes only base and fleet" src/fleet 'base/[a-z0-9_]+\.h|fleet/.*'
check_room "up includes only base and up" src/up 'base/[a-z0-9_]+\.h|up/.*'
check_room "cli includes base, the doors and cli" src/cli \
    'base/[a-z0-9_]+\.h|engine/engine\.h|serve/serve\.h|up/up\.h|fleet/fleet\.h|cli/.*'

# Inside the engine a folder may include those before it in this list; from model on also the door,
# whose functions they are.
below=
door=
for room in tensor quant kernel format token grammar data jinja hf model infer eval train; do
    below=$below${below:+|}$room
    [ $room != model ] || door='|engine/engine\.h|engine/door/.*'
    check_room "engine/$room includes nothing above it" "src/engine/$room" \
        "base/[a-z0-9_]+\.h|engine/($below)/.*$door"
done

check_room "engine/door includes base and the rooms whose types it shows" src/engine/door \
    'base/[a-z0-9_]+\.h|engine/(tensor|kernel|token|jinja|door)/.*'

# Inside the fleet likewise; its door shows the headers of the rooms.
below=
for room in money book rate place plan sim store ledger focus; do
    below=$below${below:+|}$room
    check_room "fleet/$room includes nothing above it" "src/fleet/$room" "base/[a-z0-9_]+\.h|fleet/($below)/.*"
done

# A header of the project that is part of a cycle can't be understood alone.
find src -name '*.h' | xargs grep -H '^ *# *include *"' |
    sed -n 's|^src/\([^:]*\):.*"\(.*\)".*|\1 \2|p' | tsort 2>&1 >/dev/null |
    grep -v 'input contains a loop' | sort -u | check "no header includes itself through others"

# (The headers of kernel/x86 and kernel/vec are templates that a file of one instruction set includes.)
for h in $(find src -name '*.h' ! -path '*/kernel/x86/*' ! -path '*/kernel/arm/*' ! -path '*/kernel/vec/*'); do
    printf '#include "%s"\n' "${h#src/}" |
        ${CC:-gcc} -std=c11 -D_GNU_SOURCE -Isrc -I. -fsyntax-only -x c - 2>&1 |
        grep -m1 -E 'error|warning' | sed "s|^|$h: |"
done | check "every header compiles alone"
finish
