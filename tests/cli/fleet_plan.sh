#!/bin/sh
# fleet_plan.sh - stoke fleet plan train, serve and buy: exact commands, tables, refusals.
. "$(dirname "$0")/lib.sh"

train="$stoke fleet plan train --params 405e9 --tokens 15.6e12 --chips 16384 --chip h100 --mfu 0.40"
serve="$stoke fleet plan serve --input-tokens-per-day 608e9 --cached 0.563 --output-tokens-per-day 168e9 \
    --prefill-rate 73700 --decode-rate 14800 --chips-per-node 8 --price-per-chip-hour 2"

t "the verbs of plan" 0 'fleet plan train' "$stoke" fleet plan
t "an unknown one" 2 'fleet plan' "$stoke" fleet plan trian

t "a run: FLOPs, days, hours, no failures" 0 \
    '^\{"flops":3.7908e\+25,"days":67\.6925[0-9]*,"chip_hours":26617795\.[0-9]*,"interruptions":0,"mtti_hours":null,"ettr":1,"cost_micros":null,' \
    $train --json
t "with failures: MTTI, ETTR and cost" 0 '"mtti_hours":3\.0838[0-9]*,"ettr":0\.91[0-9]*,"cost_micros":5[0-9]{13},' \
    $train --failures-per-1000-node-days 3.8 --restart-s 300 --checkpoint-every-s 600 --checkpoint-write-s 20 \
    --chips-per-node 8 --price-per-chip-hour 2 --json
t "a table for people" 0 'productive time' $train
t "a deadline" 0 '^chips +[0-9]+ on' "$stoke" fleet plan train --params 7e9 --tokens 2e12 --chip trainium2 \
    --mfu 0.35 --deadline-days 30
t "chips and a deadline" 2 'says how many' $train --deadline-days 30
t "no chip" 2 'say --chip' "$stoke" fleet plan train --params 1 --tokens 1 --chips 8 --mfu 0.4
t "an unknown chip" 66 'no chip is called h1000 .known are h100' "$stoke" fleet plan train --params 1 --tokens 1 \
    --chips 8 --mfu 0.4 --chip h1000
t "a share over 1" 2 'mfu' "$stoke" fleet plan train --params 1 --tokens 1 --chips 8 --mfu 40 --chip h100
t "a price that is none" 2 'price-per-chip-hour' $train --price-per-chip-hour two
t "too many failures" 2 'no time for progress' $train --failures-per-1000-node-days 1000 --restart-s 3600

# With a fleet: its chips go first, and its contract is looked at.
stoke=$(realpath "$stoke")
(cd "$tmp" && "$stoke" fleet init --example >/dev/null)
"$stoke" fleet chip set h100 --peak-bf16 494.5e12 --db "$tmp/fleet.db" >/dev/null
fleet="$train --price-per-chip-hour 2 --db $tmp/fleet.db"
t "a chip of the fleet" 0 '"days":135.38' $fleet --json
t "a contract beside the cost" 0 '^aws-edp/spend +asks for [0-9,.]+ USD meanwhile: pace [0-9.]+ by this run alone' \
    $fleet --contract aws-edp --start 2027-01-01
t "the same for a program" 0 '"contract":\[\{"commitment":"spend","committed_micros":[0-9]+,"pace":[0-9.]+\}\]\}' \
    $fleet --contract aws-edp --start 2027-01-01 --json
t "after its term" 0 'asks for nothing meanwhile' $fleet --contract aws-edp --start 2040-01-01
t "a contract that is none" 66 'there is no contract x' $fleet --contract x
t "a contract without a fleet" 2 'needs --db' $train --contract x

t "a service: nodes and a day's cost" 0 '^\{"nodes":226\.8635[0-9]*,"cost_per_day_micros":87115609504,' $serve --json
t "what is left for training" 0 'left for training +18\.4 %' $serve --peak-nodes 278
t "no rates" 2 'say --prefill-rate' "$stoke" fleet plan serve --users 5
t "no demand" 2 'no demand' "$stoke" fleet plan serve --prefill-rate 1 --decode-rate 1
t "a model that does not fit" 2 'leave no room' $serve --layers 61 --mean-context 1000 --tpot-s 0.05 \
    --chip h800 --weights-bytes 671e9

buy="$stoke fleet plan buy --demand"
if command -v glpsol >/dev/null; then
    t "what to buy" 0 '^2027-01 +aws +p5 for a year +296 chips, 12 months' $buy tests/cli/fleet_buy.yaml
    t "and what it saves" 0 '^in all 17,865,98[0-9.]* USD; all by the hour 27,282,839.52, 52.7 % more' \
        $buy tests/cli/fleet_buy.yaml --hourly
    t "the same for a program" 0 '^\{"cost_micros":1786598[0-9]*,"on_demand_micros":27282839[0-9]*,"currency":"USD","proven":true,"buy":\[\{"what":"commit","offer":"p5 for a year","provider":"aws","month":"2027-01","units":37,"chips":296,' \
        $buy tests/cli/fleet_buy.yaml --json
    sed 's/limit-chips: 2000/limit-chips: 8/; /reserved/d; /block/d' tests/cli/fleet_buy.yaml >"$tmp/few.yaml"
    t "what can't be had" 2 'serving chat needs [0-9]+ chips in 2027-01 at ..:00: [0-9.]+ of them are not to be had' \
        $buy "$tmp/few.yaml"
    mkdir "$tmp/t"
    TMPDIR="$tmp/t" $buy tests/cli/fleet_buy.yaml >/dev/null && rmdir "$tmp/t"
    result "nothing is left behind"
fi
mkdir "$tmp/none"
t "without the solver: what to install" 69 'apt-get install glpk-utils' env PATH="$tmp/none" "$(realpath "$stoke")" fleet plan buy \
    --demand tests/cli/fleet_buy.yaml
t "no such file" 66 'nowhere' $buy nowhere.yaml
printf 'start: 2027-01\nmonths: 3\nserve:\n  - {name: a}\n' >"$tmp/bad.yaml"
t "a file that lacks something" 2 'bad.yaml:4: each of serve needs chips' $buy "$tmp/bad.yaml"

# The offers and contracts of a fleet: 221 chips of Azure's hourly plan are held, what is signed at
# aws pays for the rest.
printf 'start: 2026-11\nmonths: 1\nserve:\n  - {name: chat, chips: 321}\n' >"$tmp/use.yaml"
# Of a second kind there is plenty at 0.5 an hour and half the work: 1 for what costs 4.816.
cp "$tmp/fleet.db" "$tmp/two.db"
"$stoke" fleet chip add --db "$tmp/two.db" slow --peak-bf16 500e12 --source test >/dev/null
"$stoke" fleet chip add --db "$tmp/two.db" dark --source test >/dev/null
"$stoke" fleet offer add --db "$tmp/two.db" --provider aws --chip slow --price 0.5 --from 2026-01-01 --source test >/dev/null
if command -v glpsol >/dev/null; then
    (cd "$tmp" && "$stoke" fleet plan buy --demand use.yaml --db fleet.db --chip h100 >own.txt)
    grep -qE '^all months aws +[^ ]+ +by the hour, up to 100 chips, aws-edp +72000 +346,752.00' "$tmp/own.txt"
    result "a fleet's offers and contracts"

    (cd "$tmp" && "$stoke" fleet plan buy --demand use.yaml --db two.db --chip h100 --also slow=0.5 >two.txt)
    grep -qE '^all months aws +slow +by the hour, up to 200 chips' "$tmp/two.txt"
    result "a second kind of chip that does the work for less"
fi
t "kinds that nothing compares" 2 'say --also dark=RATE' $buy "$tmp/use.yaml" --db "$tmp/two.db" --chip h100 --also dark
t "a rate that is none" 2 'the rate is a number over 0' $buy "$tmp/use.yaml" --db "$tmp/fleet.db" --chip h100 --also a100=-1
t "a kind twice" 2 'named twice' $buy "$tmp/use.yaml" --db "$tmp/fleet.db" --chip h100 --also h100=1
t "another kind without a fleet" 2 'needs --db' $buy "$tmp/use.yaml" --also h100=1
t "a chip that the fleet has not" 66 'has no chip x' $buy "$tmp/use.yaml" --db "$tmp/fleet.db" --chip x
t "a fleet without a chip" 2 'belong together' $buy "$tmp/use.yaml" --db "$tmp/fleet.db"
finish
