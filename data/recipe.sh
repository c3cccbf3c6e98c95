# recipe.sh - how ./run --train makes a model.  Sourced; change a figure here and nowhere else.
#
# Chosen by short runs on two cores: at equal tokens a step of 2,048 beats 4,096 (1.71 against 1.77 bits
# per byte after 1.5 M tokens), and a decay over the last 0.3 of the steps beats one over 0.8 (1.71 against
# 1.75).  Muon beats AdamW by far (docs/guide/training.md).  2.4 M parameters are about what
# six minutes of two cores can feed.

# Pretraining, with the tokenizer made first: 3.7 M tokens.
train_flags="--data data/corpus.txt.zst --valid data/valid.txt.zst --steps 1800 --batch 2048 --dim 192 --layers 4
    --heads 3 --kv-heads 1 --ffn 512 --vocab 4096 --context 256 --optimizer muon --lr 5e-3 --seed 1 --name stokehold"

# Fine-tuning on conversations: 1.5 times over.
tune_flags="--data data/chat.jsonl.zst --valid data/chat-valid.jsonl.zst --epochs 1.5 --batch 2048 --lr 2e-3
    --decay 0.7 --seed 1 --name stokehold-chat"
