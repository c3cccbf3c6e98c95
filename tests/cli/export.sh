#!/bin/sh
# export.sh - a run as a GGUF of any type and as a Hugging Face folder: the files' very text, ids that
# another library finds, the same logits all the way round, checkpoints, what is refused.
. "$(dirname "$0")/lib.sh"
d=tests/golden/export
ids="5 300 17 260 301 9 44 270 300 5"

"$stoke" tokenizer train $d/lines.txt --vocab 420 -o "$tmp/t.gguf" -q >/dev/null &&
    "$stoke" train --data $d/lines.txt --valid $d/lines.txt --tokenizer "$tmp/t.gguf" --out "$tmp/run" --steps 6 --dim 32 \
        --layers 2 --heads 4 --kv-heads 2 --ffn 48 --context 64 --batch 128 --save-every 2 --eval-every 2 -q
result "a run"

# ---- a folder ----
t "becomes a folder" 0 '/hf$' "$stoke" export "$tmp/run" "$tmp/hf"
for f in config.json generation_config.json tokenizer.json tokenizer_config.json; do
    cmp "$tmp/hf/$f" $d/$f
    result "its $f is the one other programs were tried with"
done
while IFS= read -r line; do
    printf '%s' "$line" | "$stoke" tokenize --parse-special -m "$tmp/hf" || echo failed
done <$d/lines.txt | cmp - $d/ids.txt
result "it encodes as another library does"
head -c 8000 "$tmp/hf/model.safetensors" | tr -d '\0' | grep -qa '"model.layers.1.self_attn.q_norm.weight":{"dtype":"F32","shape":\[8\]'
result "its tensors have their names"
logits() { "$stoke" logits -m "$1" --ids "$ids" -o "$2"; }
"$stoke" export "$tmp/hf" "$tmp/back.gguf" -q && logits "$tmp/run/model.gguf" "$tmp/a.npy" && logits "$tmp/hf" "$tmp/b.npy" &&
    logits "$tmp/back.gguf" "$tmp/c.npy" && cmp "$tmp/a.npy" "$tmp/b.npy" && cmp "$tmp/a.npy" "$tmp/c.npy"
result "model, folder and the GGUF of the folder have the same logits"
"$stoke" export "$tmp/run" "$tmp/half" --type BF16 --name "Other one" -q && grep -q '"torch_dtype": "bfloat16"' "$tmp/half/config.json"
result "a folder in BF16"
t "a folder has no quantised types" 2 "F32, F16 or BF16" "$stoke" export "$tmp/run" "$tmp/q" --type Q8_0

# ---- a GGUF ----
t "the last checkpoint" 0 'last.gguf' "$stoke" export "$tmp/run" "$tmp/last.gguf" --weights last
cmp "$tmp/last.gguf" "$tmp/run/model.gguf"
result "is the model of the run, byte for byte"
for type in F16 BF16 Q8_0 Q4_0; do
    "$stoke" export "$tmp/run" "$tmp/x.gguf" --type $type -q && "$stoke" inspect "$tmp/x.gguf" >"$tmp/i" &&
        grep -q "blk.0.attn_q.weight .* $type " "$tmp/i" && logits "$tmp/x.gguf" "$tmp/x.npy"
    result "as $type"
done
"$stoke" export "$tmp/run" "$tmp/named.gguf" --name "Other one" -q && "$stoke" inspect "$tmp/named.gguf" |
    grep -q 'general.name .*= "Other one"'
result "under another name"
t "--json" 0 '^\{"from":".*/run","to":".*/j.gguf","form":"gguf"\}$' "$stoke" export "$tmp/run" "$tmp/j.gguf" --json
t "the best checkpoint" 0 best "$stoke" export "$tmp/run" "$tmp/best.gguf" --weights best
t "an average that was not kept" 66 'kept no running average' "$stoke" export "$tmp/run" "$tmp/y.gguf" --weights ema
[ ! -e "$tmp/y.gguf" ]
result "leaves nothing behind"
t "--weights is for runs" 2 'is for the folder of a run' "$stoke" export "$tmp/t.gguf" "$tmp/y.gguf" --weights best
t "no type of that name" 2 'no type Q9' "$stoke" export "$tmp/run" "$tmp/y.gguf" --type Q9
t "a folder that would look like a file" 2 'name of a GGUF' "$stoke" export "$tmp/run" "$tmp/y.gguf" --to hf
t "a source that is not there" 66 'none' "$stoke" export "$tmp/none/" "$tmp/y.gguf"

# ---- a run that was stopped ----
mkdir "$tmp/cut" && cp "$tmp/run/checkpoint.stk" "$tmp/run/shape.gguf" "$tmp/cut"
"$stoke" export "$tmp/cut" "$tmp/cut.gguf" -q && cmp "$tmp/cut.gguf" "$tmp/run/model.gguf"
result "a checkpoint is a model as well"
rm "$tmp/cut/shape.gguf"
t "not without its shape" 66 'shape.gguf' "$stoke" export "$tmp/cut" "$tmp/y.gguf"
head -c 3000 "$tmp/run/shape.gguf" >"$tmp/cut/shape.gguf"
t "nor with a damaged one" 65 'shape.gguf' "$stoke" export "$tmp/cut" "$tmp/y.gguf"
finish
