# recipe.sh - how ./run makes the first model.  Sourced; change a figure here and nowhere else.

# Pretraining, with the tokenizer made first.
train_flags="--data data/corpus.txt.zst --valid data/valid.txt.zst --steps 600 --batch 8192
    --dim 256 --layers 5 --heads 4 --kv-heads 2 --ffn 704 --vocab 4096 --context 256 --lr 3e-3 --seed 1"

# Fine-tuning on conversations.
tune_flags="--data data/chat.jsonl.zst --valid data/chat-valid.jsonl.zst --seed 1"
