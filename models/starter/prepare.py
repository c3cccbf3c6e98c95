#!/usr/bin/env python3
"""prepare.py DATA OUT - the texts that recipe.yaml reads, out of the collection the starter model
was made from (card.md says what it is and where its parts come from).

DATA has corpus/{train,extra,valid}.txt.zst and sft/*.jsonl.  OUT gets train.txt, extra.txt and
valid.txt, sft.txt (the conversations as plain text, since a model that has read them in
pretraining answers better), and chats.jsonl (the mixture it is tuned on).  Nothing depends on the
clock or the machine: the same DATA gives the same bytes.
"""
import json
import pathlib
import random
import re
import subprocess
import sys

import unknown

# How often each part is seen in tuning.  What a first conversation is made of comes often; long
# dialogues and quiz questions, which a model of this size can only guess at, are left out.
PARTS = {"smalltalk": 6, "facts": 6, "memory": 3, "unknown": 3, "geo": 2, "arith": 1, "reading": 1,
         "lists": 1, "words": 1, "terms": 1, "encyclopedia": 1, "stories": 3, "dialog_personachat": 1,
         "dolly": 1}
SMALL_SUMS = 3  # times more, with numbers up to 12: what a person tries first
UNKNOWN = 4000  # conversations of unknown.py
SEPARATOR = "\n<|endoftext|>\n"


def lines_of(path):
    with open(path, encoding="utf-8") as f:
        return [line.rstrip("\n") for line in f if line.strip()]


def unpack(source, target):
    subprocess.run(["zstd", "-q", "-d", "-f", "--long=27", str(source), "-o", str(target)], check=True)


def plain(folder, target):
    with open(target, "w", encoding="utf-8", newline="\n") as out:
        for path in sorted(folder.glob("*.jsonl")):
            if path.name == "valid.jsonl":
                continue
            for line in lines_of(path):
                out.write("\n".join(m["content"] for m in json.loads(line)["messages"]) + SEPARATOR)


def small(line):
    """Numbers up to 12 in a question, none larger."""
    asked = [m["content"] for m in json.loads(line)["messages"] if m["role"] == "user"]
    return all(int(number) <= 12 for number in re.findall(r"\d+", " ".join(asked)))


def mixture(folder, target):
    chats = [line for name, times in PARTS.items() for line in lines_of(folder / (name + ".jsonl")) * times]
    chats += [line for line in lines_of(folder / "arith.jsonl") if small(line)] * SMALL_SUMS
    chats += unknown.conversations(UNKNOWN, 1)
    random.Random(1).shuffle(chats)
    with open(target, "w", encoding="utf-8", newline="\n") as out:
        out.write("\n".join(chats) + "\n")


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: prepare.py DATA OUT")
    data, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name in ("train", "extra", "valid"):
        unpack(data / "corpus" / (name + ".txt.zst"), out / (name + ".txt"))
    plain(data / "sft", out / "sft.txt")
    mixture(data / "sft", out / "chats.jsonl")
    (out / "chats-valid.jsonl").write_bytes((data / "sft" / "valid.jsonl").read_bytes())


main()
