#!/bin/sh
# fleet_sim.sh - stoke fleet sim: the example, repeatable bytes, outages, comparing, what is refused.
. "$(dirname "$0")/lib.sh"

sim() { "$stoke" fleet sim "$@"; }

"$stoke" fleet init --example --file "$tmp/fleet.yaml" "$tmp/fleet.db" >/dev/null && sim --example >"$tmp/sim.yaml"
result "the examples of fleet and scenario are written"
t "... and go together" 0 "azure-plan hourly utilization" sim "$tmp/sim.yaml" --db "$tmp/fleet.db" --days 10
t "a fleet that is not there" 66 "no pools of its own" sim "$tmp/sim.yaml" --db "$tmp/none.db"
cp tests/fuzz/corpus/scenario/example.yaml "$tmp/ex.yaml"
t "a scenario with a fleet of its own" 0 "pretrain ETTR" sim "$tmp/ex.yaml" --days 20
sim "$tmp/ex.yaml" --days 20 --json >"$tmp/a.json" && sim "$tmp/ex.yaml" --days 20 --json >"$tmp/b.json" &&
    cmp -s "$tmp/a.json" "$tmp/b.json"
result "the same seed gives the same bytes"
sim "$tmp/ex.yaml" --days 20 --seed 2 --json >"$tmp/c.json" && ! cmp -s "$tmp/a.json" "$tmp/c.json"
result "another seed gives others"
sim "$tmp/ex.yaml" --days 3 --outage '*@day1+1d' --json >"$tmp/d.json"
result "an outage on the command line"
perl -MJSON::PP -0 -ne '
    my $s = decode_json($_)->{serving};
    exit !(abs($s->{served} / $s->{asked} - 2 / 3) < 0.05 && $s->{asked} == $s->{served} + $s->{refused} + $s->{waiting})
    ' "$tmp/d.json"
result "... of all for a day of three leaves two thirds"
sed 's/^name: .*/name: one cloud/; /azure\|gcp/d; /interval: annual, amount: 120e6/d; /max-share/d' "$tmp/ex.yaml" |
    awk '/contract: azure/ { skip = 2 } skip-- > 0 { next } { print }' >"$tmp/one.yaml"
t "two fleets side by side" 0 "three clouds +one cloud" sim "$tmp/ex.yaml" --compare "$tmp/one.yaml" --days 5
t "pictures" 0 "" sim "$tmp/ex.yaml" --days 5 --plot "$tmp/p"
grep -q '</svg>' "$tmp/p-capacity.svg" && grep -q '</svg>' "$tmp/p-demand.svg" && grep -q '</svg>' "$tmp/p-pace.svg"
result "... are written"
t "request by request" 0 "first token p99" sim "$tmp/ex.yaml" --events --at 12h --for 2m
sim "$tmp/ex.yaml" --events --for 1m --json >"$tmp/e1" && sim "$tmp/ex.yaml" --events --for 1m --json >"$tmp/e2" &&
    cmp -s "$tmp/e1" "$tmp/e2" && grep -q '"ttft_s"' "$tmp/e1"
result "... with the same bytes each time"
printf 'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n' >"$tmp/t.csv"
t "... of a trace" 0 "requests asked +4[0-9][0-9]$" sim "$tmp/ex.yaml" --trace "$tmp/t.csv" --scale 200 --events --for 1m
t "a slice beyond the end" 2 "not within" sim "$tmp/ex.yaml" --events --at 400d
t "a slice that is no time" 2 "--for" sim "$tmp/ex.yaml" --events --for ever
t "no scenario" 2 "say which scenario" sim
t "one that is not there" 66 "nowhere.yaml" sim "$tmp/nowhere.yaml"
printf 'days: 3\nusers: 5\n' >"$tmp/bad.yaml"
t "a wrong key has its line" 2 'bad.yaml:2: a scenario has no "users"' sim "$tmp/bad.yaml"
printf 'days: 3\n' >"$tmp/none.yaml"
t "one without pools" 66 "has no pools" sim "$tmp/none.yaml" --db "$tmp/none.db"
t "an outage of nobody" 2 'no pool or provider "ibm"' sim "$tmp/ex.yaml" --outage 'ibm@day1+1h'
t "an outage that is none" 2 "write POOL@day12" sim "$tmp/ex.yaml" --outage 'aws'
t "a folder for pictures that is not there" 66 "nowhere" sim "$tmp/ex.yaml" --days 1 --plot "$tmp/nowhere/p"
finish
