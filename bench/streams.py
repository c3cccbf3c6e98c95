#!/usr/bin/env python3
"""Many answers at once from a running `stoke serve`, by token ids, so that any model will do.

  bench/streams.py PORT 16 512 64 64      16 at once: 512 tokens shared, 64 of their own, 64 answered
  bench/streams.py PORT 8 0 64 256 --late 4096      8 answers, and a prompt of 4096 tokens among them

Prints tokens a second over all, and from the server's own histograms how long first tokens, the gaps between tokens
and steps took (upper bounds of their buckets), and how much of the prompts the prefix cache had.
"""
import argparse
import http.client
import json
import random
import threading
import time


def ask(port, prompt, n_max, out):
    body = {"prompt": prompt, "max_tokens": n_max, "temperature": 1, "seed": len(out) + 1}
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=3600)
    t0 = time.monotonic()
    c.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
    r = c.getresponse()
    answer = json.loads(r.read())
    out.append((time.monotonic() - t0, answer.get("usage", {}).get("completion_tokens", 0)))
    if r.status != 200:
        print(r.status, answer)


def metrics(port):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    c.request("GET", "/metrics")
    lines = c.getresponse().read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {k: float(v) for k, v in pairs}


def quantile(before, after, name, q):
    """The bucket's bound below which the part q of the new observations lies."""
    rows = [(k.split('"')[1], after[k] - before.get(k, 0)) for k in after if k.startswith(name + "_bucket")]
    total = max([n for _, n in rows], default=0)
    return next((le for le, n in rows if n >= q * total), "?") if total else "-"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("port", type=int)
    p.add_argument("streams", type=int)
    p.add_argument("shared", type=int)
    p.add_argument("own", type=int)
    p.add_argument("answer", type=int)
    p.add_argument("--late", type=int, default=0, help="a prompt of so many tokens, some time after the others")
    p.add_argument("--after", type=float, default=5, help="seconds until then")
    p.add_argument("--vocab", type=int, default=1000)
    p.add_argument("--seed", type=int, default=1)
    o = p.parse_args()
    rng = random.Random(o.seed)

    def ids(n):
        return [rng.randrange(300, 300 + o.vocab) for _ in range(n)]

    system, out, before, t0 = ids(o.shared), [], metrics(o.port), time.monotonic()
    threads = [threading.Thread(target=ask, args=(o.port, system + ids(o.own), o.answer, out)) for _ in range(o.streams)]
    for t in threads:
        t.start()
    if o.late:
        time.sleep(o.after)
        ask(o.port, ids(o.late), 1, late := [])
        print(f"late prompt {late[0][0]:.2f} s")
    for t in threads:
        t.join()
    took, after = time.monotonic() - t0, metrics(o.port)
    made = sum(n for _, n in out)
    print(f"{o.streams} streams, {made} tokens in {took:.2f} s: {made / took:.1f} tokens/s; longest answer {max(s for s, _ in out):.2f} s")
    for what, name in (("first token", "stoke_time_to_first_token_seconds"), ("between tokens", "stoke_inter_token_seconds"),
                       ("step", "stoke_engine_step_seconds")):
        print(f"{what}: p50 <= {quantile(before, after, name, .5)}, p99 <= {quantile(before, after, name, .99)}, all <= {quantile(before, after, name, 1)} s")
    hits, asked = (after[f"stoke_prefix_cache_{k}_total"] - before.get(f"stoke_prefix_cache_{k}_total", 0) for k in ("hits", "queries"))
    print(f"prefix cache: {hits:.0f} of {asked:.0f} tokens")


main()
