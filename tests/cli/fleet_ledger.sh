#!/bin/sh
# fleet_ledger.sh - stoke fleet import, ledger, pace, export: from usage to a report and back.
. "$(dirname "$0")/lib.sh"
db=$tmp/f.db
export STOKE_FLEET="$db"

"$stoke" fleet init --example --file "$tmp/fleet.yaml" >/dev/null
result "an example fleet"

# Two days of September: three hours of the second day are told twice, three rows are broken.
{
    echo 'key,pool,workload,chips,from,to,category'
    for d in 1 2; do
        for h in 00 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22; do
            next=$(printf %02d $((${h#0} + 1)))
            echo "az:$d:$h,azure-eastus,chat,160,2026-09-0${d}T$h:00:00Z,2026-09-0${d}T$next:00:00Z,"
            echo "aws:$d:$h,aws-us-east,pretrain,256,2026-09-0${d}T$h:00:00Z,2026-09-0${d}T$next:00:00Z,"
        done
    done
    for h in 00 01 02; do
        echo "az:2:$h,azure-eastus,chat,160,2026-09-02T$h:00:00Z,2026-09-02T0$((${h#0} + 1)):00:00Z,"
    done
    echo 'az:1:00,azure-eastus,chat,999,2026-09-01T00:00:00Z,2026-09-01T01:00:00Z,'
    echo 'x,nowhere,,8,2026-09-01T00:00:00Z,2026-09-01T01:00:00Z,'
    echo 'y,aws-us-east,,8,2026-09-01T01:00:00Z,2026-09-01T00:00:00Z,'
} >"$tmp/usage.csv"

t "strict takes nothing" 65 'nothing was taken: 3 broken rows, the first .*usage\.csv:98: pool: "nowhere"' \
    "$stoke" fleet import --strict "$tmp/usage.csv"
t "usage is taken" 0 'usage, 98 rows: 92 new, 3 told before, 3 broken' \
    "$stoke" fleet import --rejects "$tmp/broken.csv" "$tmp/usage.csv"
[ "$(wc -l <"$tmp/broken.csv")" = 4 ] && grep -q '^x,nowhere' "$tmp/broken.csv"
result "broken rows are kept"
t "again: nothing new" 0 'usage, 98 rows: 0 new, 95 told before, 3 broken' "$stoke" fleet import -q "$tmp/usage.csv"
t "as JSON" 0 '"new":0,"twice":95,"broken":3' "$stoke" fleet import -q --json "$tmp/usage.csv"
t "packed, from standard input" 0 'usage, 98 rows: 0 new' \
    sh -c "gzip -c '$tmp/usage.csv' | '$stoke' fleet import -q -"
t "not more than told to" 0 '98: pool' "$stoke" fleet import --most-told 1 "$tmp/usage.csv"
[ "$(grep -c "usage.csv:[0-9]" "$tmp/out")" = 1 ]
result "one broken row is printed"
t "nothing is rated yet" 0 'ledger --close' "$stoke" fleet ledger
t "the future can't be closed" 2 'is in the future' "$stoke" fleet ledger --close 2999-01-01
t "closing" 0 'closed up to 2026-09-03: 92 rows of usage' "$stoke" fleet ledger --close 2026-09-03
t "closing again" 0 'closed up to 2026-09-03: 0 rows of usage, 0 charges' "$stoke" fleet ledger --close 2026-09-03
t "the books balance" 0 '^ok .*every second of usage is rated once' "$stoke" fleet ledger --check
! grep -q WRONG "$tmp/out"
result "nothing is wrong"
# 46 h x 256 chips x 6.88 less 30 %; 46 h x 160 chips on a commitment of 1500 an hour at 12.29 less 45 %.
t "by workload" 0 '^pretrain +11,776\.00 +81,018\.88 +56,713\.22 +56,713\.22 +56,713\.22 +USD' \
    "$stoke" fleet ledger --by workload --month 2026-09
t "by month, as JSON" 0 '"name":"2026-09","currency":"USD"' "$stoke" fleet ledger --by month --json
for by in provider contract commitment pool category kind; do
    t "by $by" 0 'chip-hours' "$stoke" fleet ledger --by $by --from 2026-09-01 --to 2026-09-03
done
t "a plot" 0 'chip-hours' "$stoke" fleet ledger --plot "$tmp/m.svg"
grep -q '</svg>' "$tmp/m.svg"
result "is drawn"
t "pace" 0 '^aws-edp/spend +2027-01-01 +20,000,000\.00 +56,713\.22 ' "$stoke" fleet pace
t "pace as JSON" 0 '"drawn_micros":56713216000' "$stoke" fleet pace --json
t "pace, drawn" 0 'aws-edp/spend' "$stoke" fleet pace --commitment aws-edp/spend --plot "$tmp/d.svg"
grep -q '</svg>' "$tmp/d.svg"
result "the drawdown is drawn"
t "which one to draw" 2 'commitment NAME says which' "$stoke" fleet pace --plot "$tmp/d.svg"
t "no such commitment" 66 'no commitment none' "$stoke" fleet pace --commitment none

# Late usage, an hour of which was closed.
printf 'key,pool,workload,chips,from,to\nlate,aws-us-east,chat,8,2026-09-01T05:00:00Z,2026-09-01T06:00:00Z\n' >"$tmp/late.csv"
t "late usage" 0 '1 new' "$stoke" fleet import "$tmp/late.csv"
t "becomes corrections" 0 '1 late rows, [1-9][0-9]* corrections' "$stoke" fleet ledger --close 2026-09-03
t "and the books balance" 0 '^ok' "$stoke" fleet ledger --check
! grep -q WRONG "$tmp/out"
result "still nothing is wrong"

# FOCUS: written, read back, compared, changed, taken.
for v in 1.2 1.3 1.4; do
    t "FOCUS $v is written" 0 'charges' "$stoke" fleet export --version $v --focus "$tmp/$v.csv" --month 2026-09 \
        --commitments "$tmp/c$v.csv"
    t "and agrees" 0 'sums agree, 0 differ' "$stoke" fleet import --reconcile "$tmp/$v.csv"
done
head -1 "$tmp/c1.4.csv" | grep -q ContractCommitmentModel
result "commitments are written"
sed '2s/^[0-9.]*/1.25/' "$tmp/1.2.csv" >"$tmp/other.csv"
t "a difference" 10 '1 sum of the bill differs from ours' "$stoke" fleet import --reconcile "$tmp/other.csv"
grep -qE '^2026-0[0-9] +[a-z]+ ' "$tmp/out"
result "is printed with both figures"
t "a bill" 0 'FOCUS bill, [0-9]+ rows: [1-9][0-9]* new' "$stoke" fleet import "$tmp/other.csv"
t "counts once" 0 'FOCUS bill, [0-9]+ rows: 0 new, [1-9][0-9]* told before' "$stoke" fleet import "$tmp/other.csv"
t "and is kept apart" 0 'chip-hours' "$stoke" fleet ledger --bills
t "the specification's own example" 65 'month/day' "$stoke" fleet import --strict --provider aws \
    tests/golden/focus/saas_spend_agreements_a1.csv
t "with its dates" 0 '4 rows: 4 new' "$stoke" fleet import --dates us --provider aws tests/golden/focus/saas_spend_agreements_a1.csv
grep -q 'not one of the words' "$tmp/out"
result "what it breaks is told"
t "an excerpt is none" 65 '--partial takes an excerpt' "$stoke" fleet import --provider aws \
    tests/golden/focus/commitment_discount_usage_scenario_3.csv
t "unless it is said" 0 '2 rows: 2 new' "$stoke" fleet import --provider aws --currency USD --partial \
    tests/golden/focus/commitment_discount_usage_scenario_3.csv

# Price lists and what is none.
printf 'InstanceType,AcceleratorName,AcceleratorCount,Price,SpotPrice,Region\nnd96,H100,12,98.32,,eastus\nnd96,H100,8,98.32,20,eastus2\nz,B900,8,1,,x\n' >"$tmp/vms.csv"
t "a price list" 0 'price list, 3 rows: 2 new, 0 told before, 2 broken' \
    "$stoke" fleet import --provider azure --valid-from 2026-10-01 "$tmp/vms.csv"
grep -q '12' "$tmp/out" && grep -q 'vms.csv:4: AcceleratorName: "b900" is no chip' "$tmp/out"
result "its errors are told"
printf 'a,b\n1,2\n' >"$tmp/none.csv"
t "no form at all" 65 'neither that of usage' "$stoke" fleet import "$tmp/none.csv"
t "a fleet" 0 'fleet, 0 rows new, 0 changed' "$stoke" fleet import "$tmp/fleet.yaml"
t "nothing to write" 2 'nothing to write' "$stoke" fleet export
finish
