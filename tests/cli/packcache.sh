#!/bin/sh
# packcache.sh - --pack-cache: the same bytes from the kept file, on every level, by two at once; what is refused.
. "$(dirname "$0")/lib.sh"
export XDG_CACHE_HOME="$tmp/cache"
m=$tmp/m.gguf
l() { out=$1; shift; "$stoke" logits -m "$m" --ids "1 5 9" -o "$tmp/$out" "$@"; }
packs() { find "$tmp" -maxdepth 1 -name 'm.gguf.*.pack' | wc -l; }

for type in F16 Q8_0 Q4_K_M; do
    rm -f "$tmp"/m.gguf*
    "$stoke" quantize tests/golden/tiny.gguf "$m" $type >/dev/null 2>&1
    l plain && l made --pack-cache --log-level info 2>"$tmp/log" && grep -q 'are kept in .*m\.gguf\..*\.pack' "$tmp/log" &&
        cmp -s "$tmp/plain" "$tmp/made"
    result "$type: the file is written"
    l used --pack-cache --log-level info 2>"$tmp/log" && grep -q 'are mapped from' "$tmp/log" && cmp -s "$tmp/plain" "$tmp/used"
    result "$type: then used, to the same bytes"
done

pack=$(ls "$m".*.pack)
l c1 --cpu c && l c2 --cpu c --pack-cache && l c3 --cpu c --pack-cache && cmp -s "$tmp/c1" "$tmp/c2" && cmp -s "$tmp/c1" "$tmp/c3"
result "plain C: the same bytes"
if [ "$(packs)" = 2 ]; then
    cp "$m.c.pack" "$pack"
    l used --pack-cache 2>"$tmp/log" && grep -q 'warn.*not of this model as it is now' "$tmp/log" && cmp -s "$tmp/plain" "$tmp/used"
    result "another level's file is not used"
fi

rm -f "$m".*.pack
l one --pack-cache &
l two --pack-cache && wait $! && cmp -s "$tmp/plain" "$tmp/one" && cmp -s "$tmp/plain" "$tmp/two"
result "two processes at once"
[ "$(packs)" = 1 ] && [ "$(find "$tmp" -name '*.tmp.*' | wc -l)" = 0 ] && l used --pack-cache && cmp -s "$tmp/plain" "$tmp/used"
result "leave one good file"

rm -f "$m".*.pack
SK_FAULT=write:2+ "$stoke" generate -m "$m" -p a -n 3 --temp 0 --pack-cache >"$tmp/out" 2>"$tmp/log"
result "a full disk only warns"
grep -q 'warn.*are not kept: ' "$tmp/log" && [ "$(packs)" = 0 ] && [ "$(find "$tmp" -name '*.tmp.*' | wc -l)" = 0 ]
result "and leaves nothing"
SK_FAULT=kill:3 "$stoke" generate -m "$m" -p a -n 3 --pack-cache >/dev/null 2>&1
[ "$(packs)" = 0 ] && l used --pack-cache && [ "$(find "$tmp" -name '*.tmp.*' | wc -l)" = 0 ] && cmp -s "$tmp/plain" "$tmp/used"
result "what a killed writer left is swept"

if [ "$(id -u)" != 0 ]; then
    mkdir "$tmp/ro" && cp "$m" "$tmp/ro/" && chmod 555 "$tmp/ro"
    "$stoke" logits -m "$tmp/ro/m.gguf" --ids "1 5 9" -o "$tmp/used" --pack-cache && ls "$tmp"/cache/stokehold/*.pack >/dev/null
    result "a folder that can't be written: the cache folder"
    chmod 755 "$tmp/ro"
fi
t "not with --no-repack" 2 'without repacking' "$stoke" generate -m "$m" -p a -n 1 --no-repack --pack-cache
for verb in "bench --prefill 8 --decode 4 --repeat 1 --limit-ms 1" "generate -p a -n 2" "chat -n 2"; do
    t "stoke ${verb%% *}" 0 'are mapped from' "$stoke" $verb -m "$m" --pack-cache --log-level info
done
finish
