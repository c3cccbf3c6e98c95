#!/bin/sh
# run_fault.sh - a recipe whose every allocation fails once: a sentence, status 71, and nothing that was
# made is lost, made anew or moved away.
. "$(dirname "$0")/lib.sh"
case $stoke in /*) ;; *) stoke=$(pwd)/$stoke ;; esac

cp tests/golden/export/lines.txt "$tmp/text"
cat >"$tmp/suite.jsonl" <<'JSON'
{"query":"The stoker shovels","choices":["coal","the moon"],"gold":0}
JSON
cat >"$tmp/r.yaml" <<'YAML'
name: trial
stages:
  - tokenizer: {args: [text], vocab: 300, out: r.run/tok.gguf}
  - train: {data: text, valid: text, tokenizer: r.run/tok.gguf, steps: 2, dim: 32, layers: 1, heads: 2, kv-heads: 1,
            ffn: 32, context: 32, batch: 64, out: r.run/base}
  - eval: {model: r.run/base/model.gguf, args: [suite.jsonl]}
YAML
cd "$tmp" || exit 1
t "a recipe" 0 'r.run/report.md' "$stoke" run r.yaml
sums() { find r.run -type f ! -name lock ! -name report.md ! -name '*.svg' -exec sha256sum {} + | sort -k 2; }
sums >right

# walk STEP WORD...: the recipe with allocation 1, 1 + STEP, .. failing, until five in a row end well; a
# few failures are borne, the others end with a sentence.
walk() {
    step=$1 i=1 bad=0 well=0 refused=0
    shift
    while [ $i -lt 4000 ] && [ $bad -eq 0 ] && [ $well -lt 5 ]; do
        SK_FAULT=alloc:$i "$stoke" run r.yaml "$@" >out 2>err </dev/null
        code=$?
        sums | cmp -s - right || bad=1
        [ -s r.run/report.md ] || bad=1
        case $code in
        0) well=$((well + 1)) ;;
        71) well=0 refused=$((refused + 1)) && grep -q 'memory' err || bad=1 ;;
        *) bad=1 ;;
        esac
        i=$((i + step))
    done
    [ $bad -eq 0 ] && [ $refused -gt 20 ] && [ $i -lt 4000 ]
}
told() { echo "# allocation $((i - step)): status $code" && sed 's/^/# /' err && sums | diff right - | sed 's/^/# /'; }

# Everything is done: the recipe, its state, the hashes and the report are all there is to do.
walk 3
result "done stages stay as they are, whichever allocation fails" || told
echo "# $i allocations, $refused refusals"

# Anew from the last stage: its process meets the fault as well, and what others made stays.
sums() { find r.run -type f ! -name lock ! -name report.md ! -name '*.svg' ! -name state.json -exec sha256sum {} + | sort -k 2; }
sums >right
walk 13 --from eval
result "a stage that is done anew" || told
t "the next run ends well" 0 'r.run/report.md' "$stoke" run r.yaml
finish
