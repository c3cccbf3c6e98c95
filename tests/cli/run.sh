#!/bin/sh
# run.sh - recipes: all stages, what is left out and why, stopped and gone on with, the report, refusals.
. "$(dirname "$0")/lib.sh"
root=$(pwd)
case $stoke in /*) ;; *) stoke=$root/$stoke ;; esac

cp tests/golden/export/lines.txt "$tmp/text"
cat >"$tmp/chat.jsonl" <<'JSON'
{"messages":[{"role":"user","content":"Who are you?"},{"role":"assistant","content":"I am the stoker."}]}
{"messages":[{"role":"user","content":"What do you do?"},{"role":"assistant","content":"I shovel coal."}]}
JSON
cat >"$tmp/suite.jsonl" <<'JSON'
{"query":"The stoker shovels","choices":["coal","the moon"],"gold":0}
{"query":"The lamp is","choices":["lit","seven"],"gold":0}
JSON
cat >"$tmp/r.yaml" <<'YAML'
name: trial
price_per_hour: 2.5
currency: EUR
prompts: ["Who are you?"]
stages:
  - tokenizer: {args: [text], vocab: 400, out: r.run/tok.gguf}
  - data: {args: [text], tokenizer: r.run/tok.gguf, valid: 0.3, out: r.run/set, dedup: none}
  - train:
      data: text
      valid: text
      tokenizer: r.run/tok.gguf
      steps: 30
      dim: 32
      layers: 1
      heads: 2
      kv-heads: 1
      ffn: 32
      context: 32
      batch: 64
      lr: 4e-3
      save-every: 2
      out: r.run/base
  - tune: {model: r.run/base/model.gguf, data: [chat.jsonl], steps: 4, batch: 64, out: r.run/chat}
  - eval: {model: r.run/chat/model.gguf, args: [suite.jsonl]}
  - export: {args: [r.run/chat, r.run/chat.gguf], type: Q8_0}
YAML
cd "$tmp" || exit 1

t "a dry run" 0 '\[3/6\] train: run, r.run/tok.gguf is made by tokenizer, which runs' "$stoke" run r.yaml --dry-run
[ ! -e r.run ]
result "does nothing"
t "a recipe" 0 'r.run/report.md' "$stoke" run r.yaml
for f in tok.gguf set/manifest.json base/model.gguf chat/model.gguf chat.gguf report.md train-loss.svg train-bpb.svg; do
    [ -s r.run/$f ]
    result "makes $f"
done
grep -qE '^\| suite \| multiple|^\| suite \| kind' r.run/report.md && grep -q '^\*\*Who are you?\*\*$' r.run/report.md &&
    grep -qE 'operations of training, .* EUR at 2.5 EUR an hour' r.run/report.md
result "the report has a table, an answer and the cost"
"$stoke" train --data text --valid text --tokenizer r.run/tok.gguf --steps 30 --dim 32 --layers 1 --heads 2 --kv-heads 1 \
    --ffn 32 --context 32 --batch 64 --lr 4e-3 --save-every 2 --out byhand -q && cmp byhand/model.gguf r.run/base/model.gguf
result "its model is the one that the command makes"
t "again, nothing runs" 0 '\[6/6\] export: skip, nothing has changed' "$stoke" run r.yaml
[ "$(grep -c skip out)" = 6 ]
result "none of them"

# ---- what makes a stage run ----
sed 's/kv-heads: 1/kv-heads: 2/' r.yaml >other.yaml && sed -i 's/^name:/out: r.run\n&/' other.yaml
t "other settings" 0 'train: run, its settings have changed' "$stoke" run other.yaml --dry-run
grep -q 'tokenizer: skip' out && grep -q 'tune: run, r.run/base/model.gguf is made by train' out
result "concern what is behind"
echo >>text
t "another text" 0 'tokenizer: run, text has changed' "$stoke" run r.yaml --dry-run
cp "$root/tests/golden/export/lines.txt" text
t "the same text again" 0 'tokenizer: skip' "$stoke" run r.yaml --dry-run
rm r.run/chat.gguf
t "a result that was removed" 0 'export: run, r.run/chat.gguf is not what it wrote' "$stoke" run r.yaml --dry-run
t "--from" 0 'eval: run, it was asked for' "$stoke" run r.yaml --from eval
grep -q '\[1/6\]' out
[ $? = 1 ]
result "leaves those before it alone"
t "--json" 0 '^\{"stage":"tokenizer","number":1,"of":6,"action":"skip","why":"nothing has changed","command":\["tokenizer","--vocab=400"' \
    "$stoke" run r.yaml --json --dry-run

# ---- killed and gone on with; settings changed ----
SK_FAULT=kill:60 "$stoke" run other.yaml >/dev/null 2>&1
t "a stage that was killed" 0 'train: resume, it was stopped before its end' "$stoke" run other.yaml --dry-run
t "goes on" 0 'r.run/report.md' "$stoke" run other.yaml
[ -e r.run/base.old1/model.gguf ] && cmp -s r.run/base.old1/model.gguf byhand/model.gguf
result "what other settings had made is kept"
"$stoke" train --data text --valid text --tokenizer r.run/tok.gguf --steps 30 --dim 32 --layers 1 --heads 2 --kv-heads 2 \
    --ffn 32 --context 32 --batch 64 --lr 4e-3 --save-every 2 --out byhand2 -q && cmp byhand2/model.gguf r.run/base/model.gguf
result "and the model is that of a run never stopped"

# ---- refusals, with their line ----
bad() { # bad NAME PATTERN LINE...: a recipe of these lines is refused
    name=$1 pattern=$2
    shift 2
    printf '%s\n' "$@" >bad.yaml
    t "$name" 2 "bad.yaml:$pattern" "$stoke" run bad.yaml
}
bad "no stages" "1: stages is a list" "name: x"
bad "an unknown key" "1: no such key" "nam: x" "stages: []"
bad "an unknown stage" '3: "trian" is no stage' "name: x" "stages:" "  - trian: {}"
bad "an unknown flag" "4: unknown flag stps: did you mean steps" "stages:" "  - train:" "      out: x" "      stps: 3"
bad "a value out of bounds" "3: --steps must be" "stages:" "  - train:" "      steps: 0"
bad "something that is missing" "2: train needs data" "stages:" "  - train: {out: x}"
bad "two of a name" "3: a stage eval is in line 2" "stages:" "  - eval: {model: x, text: y}" "  - eval: {model: x, text: z}"
bad "standard input" "2: a recipe can't read" "stages:" "  - eval: {model: x, args: ['-']}"
printf 'stages:\n  - eval: {model: no.gguf,\n      text: text}\n' >bad.yaml
t "a file that is not there" 66 "bad.yaml:2: there is no file or folder no.gguf" "$stoke" run bad.yaml
printf 'stages:\n  - train:\n     - 1\n' >bad.yaml
t "no mapping" 2 "bad.yaml:2: train has no settings" "$stoke" run bad.yaml
printf 'a: [\n' >bad.yaml
t "no YAML" 65 "bad.yaml:2: " "$stoke" run bad.yaml
t "no recipe" 66 "none.yaml" "$stoke" run none.yaml
t "no such stage" 2 "no stage nix" "$stoke" run r.yaml --from nix
echo '{' >r.run/state.json
t "a damaged state" 2 "state.json" "$stoke" run r.yaml

# ---- the bundled recipe is recipe.sh ----
cd "$root" || exit 1
. data/recipe.sh
words() { # the flags of a command line, "--name=value" a line, sorted
    printf '%s\n' "$@" | awk '/^--/ { if (f) print f; f = $0; next } { print f "=" $0; f = "" } END { if (f) print f }' | sort
}
# shellcheck disable=SC2086 # lists of words
{
    words $train_flags --out models/local/base
    words --model models/local/base/model.gguf $tune_flags --out models/local/chat
} >"$tmp/want"
"$stoke" run data/recipe.yaml --dry-run --json | sed -n 's/.*"command":\["[a-z]*",\(.*\)\]}$/\1/p' | while read -r line; do
    echo "$line" | tr ',' '\n' | tr -d '"' | sort
done | cmp - "$tmp/want"
result "data/recipe.yaml has the flags of data/recipe.sh"
finish
