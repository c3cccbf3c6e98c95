#!/bin/sh
# fleet_place.sh - stoke fleet place: a round over the example fleet, explained.
. "$(dirname "$0")/lib.sh"

stoke=$(realpath "$stoke")
(cd "$tmp" && "$stoke" fleet init --example >/dev/null)
result "an example fleet"
place="$stoke fleet place --db $tmp/fleet.db --at 2026-11-27T19:00:00Z"

t "who runs where" 0 '^pretrain +[a-z-]+ +[0-9]+ +0 +started' $place
t "a service has its least" 0 '^chat +[a-z-]+ +16 +0 +started' $place
t "and what its demand takes: 90,000 a second and a fifth, at 1,850 a chip" 0 '^chat +[a-z-]+ +64 +0 +started' \
    $place --demand chat=90000
t "prices, and what is paid" 0 '^azure-eastus +256 +0 +221 +12.2900 +USD +0 % +list price' $place --explain
for day in 2026-06-01 2026-07-01 2026-09-01 2026-11-28; do # without usage, on any day
    t "nothing is drawn: a shortfall is certain on $day" 0 '^aws-us-east +512 +0 +0 +0.0000 +USD +100 % +draws down' \
        "$stoke" fleet place --db "$tmp/fleet.db" --at $day --explain
done
t "a line a candidate" 0 '^pretrain +azure-eastus +on-demand .* chips \([0-9]+ free\) .*score' $place --explain
t "and why not" 0 '^pretrain +lab +on-demand +no: not its kind of chip' $place --explain
t "the same for a program" 0 '^\{"t":1795806000,"placements":\[\{"workload":"pretrain","pool":"[a-z-]+","chips":[0-9]+,"before":0,"what":"started","lost_chip_s":0\}' \
    $place --json
"$stoke" fleet pool set aws-us-east --state gone --db "$tmp/fleet.db" >/dev/null
t "a pool that is gone" 0 '^pretrain +aws-us-east +on-demand +no: the pool takes nothing new' $place --explain
t "a service that is none" 66 'there is no workload chatt' $place --demand chatt=1
t "a demand that is none" 2 'wants NAME=N' $place --demand chat
t "a demand that is no number" 2 'no number of tokens' $place --demand chat=many
t "a time that is none" 2 'at' "$stoke" fleet place --db "$tmp/fleet.db" --at noon
t "no fleet" 66 'nowhere' "$stoke" fleet place --db "$tmp/nowhere.db"
finish
