#!/usr/bin/env python3
"""Loads for a server that speaks OpenAI's API, this one or another, and what their clients see.

  bench/serve.py --start 'build/stoke serve -m MODEL --port 8080' shared late
  bench/serve.py --url http://127.0.0.1:8081 trace --trace FILE.csv --rate 0.8

Loads:
  shared   --streams at once, each asks --waves questions one after the other: --shared tokens that
           all prompts begin with, --own of its own, --answer tokens answered
  late     --among answers are under way when a prompt of --late tokens arrives
  trace    arrivals of a file of the form TIMESTAMP,ContextTokens,GeneratedTokens: its times squeezed
           so that --rate requests come a second, its lengths multiplied by --scale; which of them
           were answered in time (--ttft seconds to the first token, --tpot seconds a token then)

Prompts are random token ids (from --first-id up) sent to /v1/completions, streamed; an event with text counts as
a token's arrival.  Choose ids whose tokens are text, and a model whose answers do not end by themselves.
Prints a table; --json FILE also writes all figures, --requests each request's times.
"""
import argparse
import csv
import datetime
import heapq
import json
import os
import random
import selectors
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.parse


class Answer:
    """One request: its connection, the bytes that have come, and when each piece of text did."""

    def __init__(self, o, prompt, n_max, on_end=None, label=""):
        self.o, self.prompt, self.n_max, self.on_end, self.label = o, prompt, n_max, on_end, label
        self.sent = self.ended = None
        self.at, self.tokens, self.error = [], 0, None
        self.raw, self.text, self.chunked, self.head = b"", b"", False, None

    def open(self):
        body = {"prompt": self.prompt, "max_tokens": self.n_max, "temperature": 0, "stream": True,
                "stream_options": {"include_usage": True}, **self.o.extra}
        data = json.dumps(body).encode()
        head = (f"POST /v1/completions HTTP/1.1\r\nHost: {self.o.host}:{self.o.port}\r\nConnection: close\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n").encode()
        self.sent = time.monotonic()
        self.s = socket.create_connection((self.o.host, self.o.port), timeout=10)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.s.sendall(head + data)
        self.s.setblocking(False)

    def read(self):
        """Takes what has come; True at the end of the answer."""
        try:
            b = self.s.recv(1 << 18)
        except BlockingIOError:
            return False
        except OSError as e:
            self.error = str(e)
            return True
        now = time.monotonic()
        self.raw += b
        if self.head is None and b"\r\n\r\n" in self.raw:
            self.head, self.raw = self.raw.split(b"\r\n\r\n", 1)
            self.chunked = b"transfer-encoding: chunked" in self.head.lower()
        if self.head is not None:
            self.unframe()
            while b"\n" in self.text:
                line, self.text = self.text.split(b"\n", 1)
                if line.startswith(b"data:") and self.event(line[5:].strip(), now):
                    return True
        if not b and not self.tokens:
            self.error = (self.head or b"closed").decode(errors="replace").split("\r\n")[0] + " " + \
                self.text.decode(errors="replace")[:200]
        return not b

    def unframe(self):
        """Moves whole chunks of the body to self.text."""
        if not self.chunked:
            self.text, self.raw = self.text + self.raw, b""
        while self.chunked and b"\r\n" in self.raw:
            size, rest = self.raw.split(b"\r\n", 1)
            n = int(size.split(b";")[0] or b"0", 16)
            if len(rest) < n + 2:
                return
            self.text, self.raw = self.text + rest[:n], rest[n + 2:]

    def event(self, data, now):
        if data == b"[DONE]":
            return True
        d = json.loads(data)
        if d.get("error"):
            self.error = json.dumps(d["error"])
        if any(c.get("text") for c in d.get("choices") or []):
            self.at.append(now)
        if d.get("usage"):
            self.tokens = d["usage"].get("completion_tokens", 0)
        return False

    # What a client sees of it, in seconds.
    def ttft(self):
        return self.at[0] - self.sent if self.at else None

    def gaps(self):
        return [b - a for a, b in zip(self.at, self.at[1:])]

    def tpot(self):
        return (self.at[-1] - self.at[0]) / max(1, (self.tokens or len(self.at)) - 1) if self.at else None


class Load:
    """Sends requests at their times and reads all answers in one thread."""

    def __init__(self, until):
        self.sel, self.due, self.all, self.open, self.until = selectors.DefaultSelector(), [], [], 0, until

    def add(self, answer, at=0.0):
        heapq.heappush(self.due, (at, len(self.all), answer))
        self.all.append(answer)
        return answer

    def end(self, a):
        a.ended = time.monotonic()
        self.sel.unregister(a.s)
        a.s.close()
        self.open -= 1
        if a.on_end:
            a.on_end(a)

    def run(self):
        """Until all have ended, or `until`: what is open then is cut off."""
        while (self.due or self.open) and time.monotonic() < self.until:
            now = time.monotonic()
            while self.due and self.due[0][0] <= now:
                a = heapq.heappop(self.due)[2]
                a.open()
                self.open += 1
                self.sel.register(a.s, selectors.EVENT_READ, a)
            wait = min(self.due[0][0] - now if self.due else 1, self.until - now, 1)
            for key, _ in self.sel.select(max(0, wait)):
                if key.data.read():
                    self.end(key.data)
        for key in list(self.sel.get_map().values()):
            key.data.error = key.data.error or "not ended in time"
            self.end(key.data)
        for a in self.all:
            if a.error:
                print(f"{a.label}: {a.error}", file=sys.stderr)


def quantile(v, q):
    v = sorted(v)
    return v[min(len(v) - 1, int(q * (len(v) - 1) + .5))] if v else float("nan")


def seen(answers):
    """The figures of a set of answers."""
    first = [a.ttft() for a in answers if a.at]
    gap = [g for a in answers for g in a.gaps()]
    return {"requests": len(answers), "failed": sum(a.error is not None for a in answers),
            "tokens": sum(a.tokens or len(a.at) for a in answers),
            "ttft_p50": quantile(first, .5), "ttft_p99": quantile(first, .99),
            "itl_p50": quantile(gap, .5), "itl_p99": quantile(gap, .99), "itl_max": max(gap, default=0)}


def ids(o, rng, n):
    return [o.first_id + rng.randrange(o.n_ids) for _ in range(n)]


def shared(o, rng):
    load, system = Load(time.monotonic() + o.limit), ids(o, rng, o.shared)

    def ask(wave):
        def again(_):
            if wave + 1 < o.waves:
                ask(wave + 1)
        a = Answer(o, system + ids(o, rng, o.own), o.answer, again, f"shared {wave}")
        load.add(a)
        a.wave = wave

    for _ in range(o.streams):
        ask(0)
    load.run()
    start, end = min(a.sent for a in load.all), max(a.ended for a in load.all)
    first, later = ([a for a in load.all if (a.wave > 0) == k] for k in (False, True))
    rows = [("first of each stream", first), ("later ones", later), ("all", load.all)]
    out = {name: seen(part) for name, part in rows if part}
    begun = max(a.ended for a in first)
    for name, a, b in (("first of each stream", start, begun), ("later ones", begun, end), ("all", start, end)):
        if name in out:
            n = sum(a < t <= b for x in load.all for t in x.at)
            out[name]["tokens_per_s"] = n / (b - a) if b > a else float("nan")
    return out, load.all


def late(o, rng):
    load, t0 = Load(time.monotonic() + o.limit), time.monotonic()
    some = [load.add(Answer(o, ids(o, rng, o.own), o.late_answer, None, "among")) for _ in range(o.among)]
    long = load.add(Answer(o, ids(o, rng, o.late), 2, None, "late"), t0 + o.after)
    load.run()
    done = long.at[0] if long.at else long.ended
    before, during = [], []
    for a in some:
        for x, y in zip(a.at[3:], a.at[4:]):
            if y < long.sent:
                before.append(y - x)
            elif x < done:
                during.append(y - x)
    step = quantile(before, .5) or float("nan")  # 0 where a server sends several at once
    worst = max(during, default=float("nan"))
    return {"late": {"late_ttft": long.ttft(), "step": step, "stall": worst, "steps": worst / step,
                     "itl_p50": quantile(during, .5), "still_answering": sum(a.at[-1] > done for a in some if a.at)}}, load.all


def arrivals(o):
    """(seconds, prompt, answer) of the trace's first requests: --rate times --seconds of them."""
    with open(o.trace) as f:
        rows = list(csv.DictReader(f))[:int(o.rate * o.seconds) + 1]
    at = [datetime.datetime.fromisoformat(r["TIMESTAMP"][:26]).timestamp() for r in rows]
    squeeze = o.seconds / (at[-1] - at[0])
    return [((t - at[0]) * squeeze, max(1, round(int(r["ContextTokens"]) * o.scale)),
             max(2, round(int(r["GeneratedTokens"]) * o.scale))) for t, r in zip(at[:-1], rows)]


def trace(o, rng):
    t0 = time.monotonic() + .1
    load = Load(t0 + o.seconds + o.grace)
    for at, n, n_max in arrivals(o):
        load.add(Answer(o, ids(o, rng, n), n_max, None, "trace"), t0 + at)
    load.run()
    good = [a for a in load.all if not a.error and a.at and a.ttft() <= o.ttft and a.tpot() <= o.tpot]
    out = seen(load.all)
    out.update(rate=o.rate, good=len(good), goodput=len(good) / o.seconds, share=len(good) / len(load.all),
               late_first=sum(not a.at or a.ttft() > o.ttft for a in load.all),
               slow=sum(bool(a.at) and a.tpot() > o.tpot for a in load.all))
    return {f"trace, {o.rate:g}/s": out}, load.all


def show(what, figures):
    """A line for each row, times in milliseconds."""
    for row, f in figures.items():
        cells = []
        for k, v in f.items():
            if not isinstance(v, float):
                cells.append(f"{k} {v}")
            elif any(k.startswith(p) for p in ("ttft", "itl", "step", "stall", "late_ttft")) and k != "steps":
                cells.append(f"{k} {v * 1e3:.0f} ms")
            else:
                cells.append(f"{k} {v:.3g}")
        print(f"{what}, {row}: " + ", ".join(cells), flush=True)


def wait_ready(o, server):
    """Until /health says 200."""
    for _ in range(1200):
        if server and server.poll() is not None:
            sys.exit("the server ended")
        try:
            with socket.create_connection((o.host, o.port), timeout=2) as s:
                s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if b" 200 " in s.recv(64):
                    return
        except OSError:
            pass
        time.sleep(.1)
    sys.exit("the server is not ready")


def is_taken(o):
    """True if a server of somebody's answers there: what is measured must be the one started."""
    try:
        socket.create_connection((o.host, o.port), timeout=2).close()
        return True
    except OSError:
        return False


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("load", nargs="+", choices=["shared", "late", "trace"])
    p.add_argument("--url", default="http://127.0.0.1:8080")
    p.add_argument("--start", help="command of a server to run meanwhile")
    p.add_argument("--log", help="file for what that server says")
    p.add_argument("--extra", type=json.loads, default={}, help="JSON object: further members of each request")
    p.add_argument("--first-id", type=int, default=1000)
    p.add_argument("--n-ids", type=int, default=20000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--limit", type=float, default=600, help="seconds for shared and for late")
    p.add_argument("--json", help="file for all figures")
    p.add_argument("--requests", help="file for each request's times, as JSON lines")
    p.add_argument("--streams", type=int, default=16)
    p.add_argument("--waves", type=int, default=4)
    p.add_argument("--shared", type=int, default=512)
    p.add_argument("--own", type=int, default=64)
    p.add_argument("--answer", type=int, default=64)
    p.add_argument("--among", type=int, default=8)
    p.add_argument("--late", type=int, default=4096)
    p.add_argument("--late-answer", type=int, default=400)
    p.add_argument("--after", type=float, default=6)
    p.add_argument("--trace", help="CSV file")
    p.add_argument("--rate", type=float, default=.6)
    p.add_argument("--seconds", type=float, default=75)
    p.add_argument("--scale", type=float, default=.25)
    p.add_argument("--grace", type=float, default=15, help="seconds after the last arrival")
    p.add_argument("--ttft", type=float, default=5)
    p.add_argument("--tpot", type=float, default=.2)
    o = p.parse_args()
    u = urllib.parse.urlparse(o.url)
    o.host, o.port = u.hostname, u.port or 80
    if "trace" in o.load and not o.trace:
        p.error("trace needs --trace FILE")
    return o


def main():
    o = options()
    server = None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server ends, too
    if o.start and is_taken(o):
        sys.exit(f"something listens at {o.url} already")
    if o.start:
        server = subprocess.Popen(shlex.split(o.start), stdout=subprocess.DEVNULL, stderr=open(o.log, "w") if o.log else subprocess.DEVNULL,
                                  preexec_fn=os.setpgrp)
    try:
        wait_ready(o, server)
        warm = Load(time.monotonic() + 60)
        warm.add(Answer(o, ids(o, random.Random(0), 20), 4, None, "warm-up"))
        warm.run()
        result, each = {}, []
        for what in o.load:
            figures, answers = {"shared": shared, "late": late, "trace": trace}[what](o, random.Random(o.seed))
            show(what, figures)
            result[what] = figures
            each += [{"load": what, "prompt": len(a.prompt), "tokens": a.tokens, "sent": a.sent, "at": a.at,
                      "error": a.error} for a in answers]
        if o.json:
            with open(o.json, "w") as f:
                json.dump(result, f, indent=1)
        if o.requests:
            with open(o.requests, "w") as f:
                f.writelines(json.dumps(r) + "\n" for r in each)
    finally:
        if server:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


if __name__ == "__main__":
    main()
