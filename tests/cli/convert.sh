#!/bin/sh
# convert.sh - a real small model through every format: checkpoint, GGUF, folder and back; the known
# stories; what is refused.
. "$(dirname "$0")/lib.sh"
d=tests/golden/stories

story() { # story MODEL PROMPT BYTES
    "$stoke" generate -m "$1" -p "$2" -n 250 --temp 0 2>"$tmp/err" | head -c "$3"
}

"$stoke" convert $d/stories260K.bin "$tmp/s.gguf"
result "a llama2.c checkpoint becomes a GGUF"
story "$tmp/s.gguf" "" "$(wc -c <$d/empty.txt)" | cmp -s - $d/empty.txt
result "it tells its story"
{ printf 'One day, a boy named Tom'; story "$tmp/s.gguf" "One day, a boy named Tom" 2000; } |
    head -c "$(wc -c <$d/tom.txt)" | cmp -s - $d/tom.txt
result "and goes on with one that was begun"

"$stoke" convert "$tmp/s.gguf" "$tmp/folder"
result "the GGUF becomes a folder"
for f in config.json model.safetensors tokenizer.json tokenizer_config.json; do
    [ -s "$tmp/folder/$f" ]
    result "the folder has $f"
done
story "$tmp/folder" "" "$(wc -c <$d/empty.txt)" | cmp -s - $d/empty.txt
result "the folder tells the story as it is"
"$stoke" convert "$tmp/folder" "$tmp/again.gguf" && "$stoke" convert "$tmp/again.gguf" "$tmp/folder2" &&
    cmp -s "$tmp/folder/model.safetensors" "$tmp/folder2/model.safetensors"
result "folder to GGUF to folder keeps every byte"
story "$tmp/again.gguf" "" "$(wc -c <$d/empty.txt)" | cmp -s - $d/empty.txt
result "and the GGUF of the folder tells it"
"$stoke" convert "$tmp/folder" "$tmp/h.gguf" --type F16 && "$stoke" inspect "$tmp/h.gguf" | grep -q 'blk.0.attn_q.weight .*F16'
result "--type F16 changes the matrices"
"$stoke" inspect "$tmp/h.gguf" | grep -q 'blk.0.attn_norm.weight .*F32'
result "but not the norms"

t "GGUF to GGUF is for quantize" 2 'stoke quantize' "$stoke" convert "$tmp/s.gguf" "$tmp/x.gguf"
t "a folder needs a GGUF's name to go to" 2 'NAME.gguf' "$stoke" convert "$tmp/folder" "$tmp/x"
t "a missing source" 66 'x.bin' "$stoke" convert "$tmp/x.bin" "$tmp/y"
head -c 100000 $d/stories260K.bin >"$tmp/cut.bin"
t "a checkpoint that was cut" 65 'not a GGUF' "$stoke" convert "$tmp/cut.bin" "$tmp/y"
[ ! -e "$tmp/y" ]
result "leaves nothing behind"
head -c 50000 "$tmp/folder/model.safetensors" >"$tmp/cut" && mkdir "$tmp/bad" &&
    cp "$tmp"/folder/*.json "$tmp/bad" && mv "$tmp/cut" "$tmp/bad/model.safetensors"
t "a folder with a cut file" 65 'model.safetensors' "$stoke" convert "$tmp/bad" "$tmp/z.gguf"
[ ! -e "$tmp/z.gguf" ]
result "leaves nothing behind either"
finish
