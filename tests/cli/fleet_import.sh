#!/bin/sh
# fleet_import.sh - a CSV of 5 MB with broken rows of every kind: each is told with its line and what
# is wrong, the others are taken, --strict takes nothing; hours around clock changes, leap seconds.
. "$(dirname "$0")/lib.sh"
export STOKE_FLEET="$tmp/f.db"
"$stoke" fleet init --example --file "$tmp/fleet.yaml" --quiet
result "an example fleet"

# usage.csv, and in want.txt LINE, TAB and what is said of each broken row.  A row in 90 is broken;
# kinds take turns.  Whole rows have quotes, CRLF, empty lines behind them.
cat >"$tmp/make.pl" <<'PERL'
use strict;
open my $csv, ">:raw", $ARGV[0] or die;
open my $want, ">", $ARGV[1] or die;
my $at = "2024-02-01T00:00:00Z,2024-02-01T01:00:00Z";
my $p = "azure-eastus";
my @bad = (
    ["K,nowhere,,8,$at,,,,,", 'pool: "nowhere" is no pool'],
    ["K,$p,nobody,8,$at,,,,,", 'workload: "nobody" is no workload'],
    [",$p,,8,$at,,,,,", 'key: "" is empty'],
    ["  ,$p,,8,$at,,,,,", 'key: "" is empty'],
    ["K\x01,$p,,8,$at,,,,,", 'control characters'],
    ["\"K,\nin \"\"two\"\"\nlines\",$p,,8,$at,,,,,", 'control characters'],
    ["K" . "y" x 200 . ",$p,,8,$at,,,,,", 'longer than 199 bytes'],
    ["K,$p,,0,$at,,,,,", 'chips: "0" is not more than 0'],
    ["K,$p,,,$at,,,,,", 'chips: "" is not a whole number'],
    ["K,$p,,-8,$at,,,,,", 'chips: "-8" is not a whole number'],
    ["K,$p,,1e3,$at,,,,,", 'chips: "1e3" is not a whole number'],
    ["K,$p,,2000000000,$at,,,,,", 'chips: "2000000000" is too large'],
    ["K,$p,,99999999999999999999,$at,,,,,", 'is not a whole number'],
    ["K,$p,,8,2024-02-01T01:00:00Z,2024-02-01T00:00:00Z,,,,,", 'did a clock go back?'],
    ["K,$p,,8,2024-02-01T01:00:00Z,2024-02-01T01:00:00Z,,,,,", 'did a clock go back?'],
    ["K,$p,,8,2024-02-01T00:00:00Z,9998-01-01T00:00:00Z,,,,,", 'is in the future'],
    ["K,$p,,8,2020-02-01T00:00:00Z,2024-02-01T00:00:00Z,,,,,", 'over a year'],
    ["K,$p,,8,2024-02-01T00:00:00,2024-02-01T01:00:00Z,,,,,", 'has no offset from UTC'],
    ["K,$p,,8,,2024-02-01T01:00:00Z,,,,,", 'from: '],
    ["K,$p,,8,yesterday,2024-02-01T01:00:00Z,,,,,", 'from: '],
    ["K,$p,,8,2023-02-29T00:00:00Z,2024-02-01T01:00:00Z,,,,,", 'from: '],
    ["K,$p,,8,2024-02-01T24:30:00Z,2024-02-02T01:00:00Z,,,,,", 'from: '],
    ["K,$p,,8,2024-02-01T11:59:60Z,2024-02-01T13:00:00Z,,,,,", 'from: '],
    ["K,$p,,8,$at,2024-02-01T00:00:00Z,,,,", 'has no other end'],
    ["K,$p,,8,$at,2024-02-01T00:30:00Z,2024-02-01T01:30:00Z,,,", 'are not within'],
    ["K,$p,,8,$at,,,gratis,,", 'category: "gratis" is none of'],
    ["K,$p,,8,$at,,,,4711,", 'reservation: "4711" is no reservation'],
    ["K,$p,,8,$at,,,,,sku\x02", 'sku: '],
    ["K,$p,,8,$at", 'only 6 fields'],
    ["K,$p,,8,$at,,,,,,,", 'more than 11 fields'],
    ["K,$p,,8,$at,,,\"on\"-demand,,", 'a quote inside a field'],
    ["K,$p,\"cha,8,$at,,,,,", 'quote'],
    ["K,$p\0,,8,$at,,,,,", 'a NUL byte'],
    ["first,$p,chat,9,$at,,,,,", 'is in the ledger with other content'],
);
my ($line, $broken, $whole, $twice) = (2, 0, 1, 0);
print $csv "\xEF\xBB\xBFkey,pool,workload,chips,from,to,useful_from,useful_to,category,reservation,sku\r\n";
sub put { my ($row, $end) = @_; print $csv $row, $end; $line += ($row . $end) =~ tr/\n//; }
put("first,$p,chat,8,$at,,,,,", "\n");
for my $i (1 .. 45000) {
    if ($i % 90 == 0) {
        my ($row, $why) = @{$bad[$broken++ % @bad]};
        $row =~ s/^("?)K/$1bad$i/;
        print $want "$line\t$why\n";
        put($row, $broken % 3 ? "\n" : "\r\n");
        next;
    }
    my $day = sprintf "2024-02-%02dT%02d", 1 + $i % 28, $i % 24;
    my ($key, $when) = ("key-of-a-job-that-ran/$i", "$day:00:00Z,$day:59:59Z");
    $key = "\"key $i, \"\"quoted\"\"\"" if $i % 1000 == 7;
    if ($i % 500 == 3) { # the same row again
        ($key, $when) = ("again", $at);
        $i == 3 ? $whole++ : $twice++;
    } else {
        $whole++;
    }
    put("$key,$p,chat,8,$when,,,on-demand,,\"nd96,isr\"", $i % 5 ? "\n" : "\r\n");
    put("", "\n") if $i % 333 == 0;
}
print $want "$line\tthe row is too long\n";
put("long" . "x" x (1 << 20) . ",$p,,8,$at,,,,,", "\n");
put("last,$p,chat,8,$at,,,,,", "");
print ++$broken, " ", ++$whole, " $twice\n";
PERL
counts=$(perl "$tmp/make.pl" "$tmp/usage.csv" "$tmp/want.txt")

# shellcheck disable=SC2086 # three numbers
set -- $counts
broken=$1 whole=$2 twice=$3 rows=$(($1 + $2 + $3))
[ "$(wc -c <"$tmp/usage.csv")" -gt 5000000 ]
result "a file of over 5 MB: $rows rows, $broken broken, $twice twice"

t "strict takes nothing" 65 "nothing was taken: [0-9]+ broken rows, the first" \
    "$stoke" fleet import -q --strict "$tmp/usage.csv"
t "of the whole file" 0 "usage, 1 rows: 1 new, 0 told before" \
    sh -c "sed -n '1p;\$p' '$tmp/usage.csv' | '$stoke' fleet import -q -"
t "the others are taken" 0 "usage, $rows rows: $((whole - 1)) new, $((twice + 1)) told before, $broken broken" \
    "$stoke" fleet import --most-told 100000 --rejects "$tmp/rejects.csv" "$tmp/usage.csv"
cat >"$tmp/compare.pl" <<'PERL'
use strict;
my %told;
open my $out, "<", $ARGV[1] or die;
while (<$out>) { $told{$1} = $2 if /usage\.csv:(\d+): (.*)/ }
open my $want, "<", $ARGV[0] or die;
my $n = 0;
while (<$want>) {
    chomp;
    my ($line, $why) = split /\t/;
    $n++ if defined $told{$line} && index($told{$line}, $why) >= 0;
    print "# $line: want $why, told ", $told{$line} // "nothing", "\n" if !defined $told{$line} || index($told{$line}, $why) < 0;
    delete $told{$line};
}
print "# $_: told $told{$_}, but the row is whole\n" for sort keys %told;
exit(%told || $n != $ARGV[2] ? 1 : 0);
PERL
perl "$tmp/compare.pl" "$tmp/want.txt" "$tmp/out" "$broken"
result "each broken row is told with its line and why, no other is"
t "broken rows were kept" 0 "usage, $broken rows: 0 new, 0 told before, $broken broken" \
    "$stoke" fleet import -q --most-told 0 "$tmp/rejects.csv"
t "again: nothing new" 0 "usage, $rows rows: 0 new, $((whole + twice)) told before, $broken broken" \
    "$stoke" fleet import -q --most-told 0 "$tmp/usage.csv"

# The hour that a clock shows twice or not at all (New York 2024-11-03 and 03-10), and leap seconds:
# offsets say what is meant; a leap second is read as the second after it, at the end of a UTC day
# only.
head='key,pool,chips,from,to'
lines() { printf '%s\n' "$head" "$@" >"$tmp/t.csv"; }
lines 'dst1,azure-eastus,8,2024-11-03T01:30:00-04:00,2024-11-03T01:30:00-05:00' \
    'dst2,azure-eastus,8,2024-03-10T01:30:00-05:00,2024-03-10T03:30:00-04:00' \
    'leap1,azure-eastus,8,2016-12-31T23:59:59Z,2016-12-31T23:59:60Z' \
    'leap2,azure-eastus,8,2016-12-31T18:59:60-05:00,2017-01-01T00:00:01Z'
t "clock changes and leap seconds" 0 "4 rows: 4 new" "$stoke" fleet import -q "$tmp/t.csv"
lines 'dst3,azure-eastus,8,2024-11-03T01:30:00-05:00,2024-11-03T01:30:00-04:00' \
    'leap3,azure-eastus,8,2016-12-31T23:59:60Z,2017-01-01T00:00:00Z' \
    'leap4,azure-eastus,8,2016-12-31T23:59:60-05:00,2017-01-01T06:00:00Z' \
    'leap5,azure-eastus,8,2016-12-31T23:59:61Z,2017-01-01T06:00:00Z'
t "what is none" 0 "4 rows: 0 new, 0 told before, 4 broken" "$stoke" fleet import "$tmp/t.csv"
[ "$(grep -oE 't\.csv:[2345]: (from|to): ' "$tmp/out" | sort -u | wc -l)" = 4 ]
result "is told by line"
t "the books balance" 0 "ok" "$stoke" fleet ledger --check
finish
