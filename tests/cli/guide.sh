#!/bin/sh
# guide.sh - answers bound to a schema or a grammar: a random model keeps to them, and what can't be
# enforced is refused; and the bench of schemas.
. "$(dirname "$0")/lib.sh"
m=tests/golden/tiny.gguf
g() { "$stoke" generate -m "$m" -p "in the" -n 200 "$@"; }

schema='{"type":"object","properties":{"a":{"type":"integer","minimum":10,"maximum":99},"b":{"enum":["x","y"]},"c":{"type":"array","items":{"type":"boolean"},"minItems":2,"maxItems":3}},"required":["a","b","c"],"additionalProperties":false}'
for seed in 1 2 3 4 5 6; do
    g --temp 1.5 --seed $seed --json-schema "$schema" >"$tmp/a"
    tr -d ' \t\r\n' <"$tmp/a" | grep -qE '^\{"a":[1-9][0-9],"b":"[xy]","c":\[(true|false)(,(true|false)){1,2}\]\}$'
    result "an answer of the schema, seed $seed" || sed 's/^/# /' "$tmp/a"
done
printf '%s' "$schema" >"$tmp/s.json"
g --seed 1 --temp 1.5 --json-schema "$schema" >"$tmp/a"
g --seed 1 --temp 1.5 --json-schema "$tmp/s.json" | cmp -s - "$tmp/a"
result "the schema may be a file"
g --seed 1 --temp 1.5 --lookup --json-schema "$schema" | cmp -s - "$tmp/a"
result "the same answer with tokens guessed ahead"
printf 'root ::= "(" root ")" | [0-9]{3} "-" [a-c]+ "."\n' >"$tmp/g.gbnf"
for seed in 1 2 3; do
    g --temp 1 --seed $seed --grammar "$tmp/g.gbnf" >"$tmp/a"
    grep -qE '^\(*[0-9]{3}-[abc]+\.\)*$|^\(*[0-9]*-?[abc]*$' "$tmp/a"
    result "an answer of the grammar, seed $seed" || sed 's/^/# /' "$tmp/a"
done

t "what can't be enforced is refused with its place" 69 '#/properties/a/uniqueItems' \
    "$stoke" generate -m "$m" -p a --json-schema '{"properties":{"a":{"uniqueItems":true}}}'
t "a schema that is no JSON" 2 'json-schema: the schema, line 1' \
    "$stoke" generate -m "$m" -p a --json-schema '{"a"'
t "a grammar with a mistake" 2 'grammar: the grammar has no rule root' \
    "$stoke" generate -m "$m" -p a --grammar /dev/null
t "both at once" 2 'exclude each other' \
    "$stoke" generate -m "$m" -p a --json-schema '{}' --grammar "$tmp/g.gbnf"
t "a file that isn't there" 66 'nowhere' "$stoke" generate -m "$m" -p a --grammar "$tmp/nowhere"

mkdir "$tmp/d"
echo '{"schema":{"type":"integer"},"tests":[{"data":5,"valid":true},{"data":"a","valid":false}]}' >"$tmp/d/a.json"
echo '{"schema":{"uniqueItems":true},"tests":[]}' >"$tmp/d/b.json"
echo '{"schema":{"maximum":5},"tests":[{"data":7,"valid":true}]}' >"$tmp/d/c.json"
t "schemas with instances" 0 '"schemas":3,"passing":1,"refused":1,"wrongly_accepted":0,"wrongly_rejected":1,"failed":0' \
    "$stoke" bench --grammar "$tmp/d" -m "$m" --json
t "what doesn't pass is named" 0 '^b.json: refused: #/uniqueItems' "$stoke" bench --grammar "$tmp/d" -m "$m"
t "a folder that isn't there" 66 'nowhere' "$stoke" bench --grammar "$tmp/nowhere" -m "$m"
t "a vocabulary is needed" 2 'needs -m' "$stoke" bench --grammar "$tmp/d"
finish
