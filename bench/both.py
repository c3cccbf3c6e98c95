#!/usr/bin/env python3
"""A server and a trainer on one machine: what each costs the other.

  bench/both.py --serve 'build/stoke serve -m MODEL --port 8080 --share /dev/shm/s' \\
      --train 'build/stoke train ... --out {dir} --share /dev/shm/s --json' --trace FILE.csv --rate 0.3

Each round has four parts, one after the other: the load on the server alone; the same load while the
trainer runs; the trainer alone; the trainer beside the server that nobody asks.  Works with other
programs too: --step is what a line of the trainer's output for each step matches, --first for how
many of them to wait before time is taken.  {dir} is a new folder each time.

Prints medians over the rounds of each figure and of its ratio, round by round; --json FILE has all.
"""
import argparse
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """A program in a group of its own; the times of the lines of its output that match `step`."""

    def __init__(self, command, step=None, log=None):
        self.at, self.log = [], open(log, "a") if log else subprocess.DEVNULL
        self.p = subprocess.Popen(shlex.split(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT if step else self.log,
                                  text=True, errors="replace", preexec_fn=os.setpgrp)
        self.step = re.compile(step) if step else None
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.p.stdout:
            if self.step and self.step.search(line):
                self.at.append(time.monotonic())

    def cpu(self):
        """Seconds of processor time it has used, all threads."""
        with open(f"/proc/{self.p.pid}/stat") as f:
            field = f.read().rsplit(")", 1)[1].split()
        return (int(field[11]) + int(field[12])) / TICKS

    def steps(self, a, b):
        """Steps a second from a to b, ends interpolated between steps."""
        def count(t):
            n = sum(x <= t for x in self.at)
            if n == 0 or n == len(self.at):
                return float(n)
            return n + (t - self.at[n - 1]) / (self.at[n] - self.at[n - 1])
        return (count(b) - count(a)) / (b - a)

    def wait_steps(self, n):
        while len(self.at) < n:
            if self.p.poll() is not None:
                sys.exit("the trainer ended: " + self.p.args[0])
            time.sleep(.05)

    def end(self):
        for sig, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            try:
                os.killpg(self.p.pid, sig)
                self.p.wait(patience)
                return
            except (subprocess.TimeoutExpired, ProcessLookupError):
                pass


def start_server(o):
    s = Process(o.serve, log=o.log)
    u = urllib.parse.urlparse(o.url)
    for _ in range(600):
        try:
            with socket.create_connection((u.hostname, u.port), timeout=2) as c:
                c.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if b" 200 " in c.recv(64):
                    return s
        except OSError:
            pass
        if s.p.poll() is not None:
            sys.exit("the server ended")
        time.sleep(.1)
    sys.exit("the server is not ready")


def start_trainer(o):
    t = Process(o.train.replace("{dir}", tempfile.mkdtemp(prefix="both-")), o.step)
    t.wait_steps(o.first)
    return t


def load(o, server, seed):
    """The load's figures, and the server's part of all cores meanwhile; another seed has other
    prompts, of the same lengths at the same times."""
    with tempfile.NamedTemporaryFile(suffix=".json") as f:
        t0, c0 = time.monotonic(), server.cpu()
        subprocess.run([sys.executable, os.path.join(HERE, "serve.py"), "--url", o.url, "--extra", o.extra, "--json", f.name, "--seed", str(seed),
                        "--trace", o.trace, "--rate", str(o.rate), "--seconds", str(o.seconds), "--scale", str(o.scale), "trace"],
                       check=True, stdout=subprocess.DEVNULL)
        t1, c1 = time.monotonic(), server.cpu()
        figures = next(iter(json.load(f)["trace"].values()))
    return figures, (c1 - c0) / (t1 - t0) / os.cpu_count(), t0, t1


def one_round(o):
    r, keep = {}, ("ttft_p50", "ttft_p99", "itl_p50", "itl_p99", "itl_max", "failed")
    s = start_server(o)
    load(argparse.Namespace(**{**vars(o), "seconds": 5}), s, 1)  # warm
    off, r["server_share"], _, _ = load(o, s, 2)
    t = start_trainer(o)
    on, _, t0, t1 = load(o, s, 3)
    r["steps_on"] = t.steps(t0, t1)
    time.sleep(1)
    a = time.monotonic()
    time.sleep(o.alone)
    r["steps_idle"] = t.steps(a, time.monotonic() - .01)
    s.end()
    time.sleep(1)
    a = time.monotonic()
    time.sleep(o.alone)
    r["steps_alone"] = t.steps(a, time.monotonic() - .01)
    t.end()
    r.update({k + "_off": off[k] for k in keep}, **{k + "_on": on[k] for k in keep})
    r["idle_ratio"] = r["steps_idle"] / r["steps_alone"]
    r["progress"] = r["steps_on"] / r["steps_alone"]
    r["progress_of_left"] = r["progress"] / (1 - r["server_share"])
    r.update({k + "_ratio": on[k] / off[k] for k in keep if off[k]})
    return r


def median(v):
    return sorted(v)[len(v) // 2] if len(v) % 2 else sum(sorted(v)[len(v) // 2 - 1:len(v) // 2 + 1]) / 2


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--serve", required=True)
    p.add_argument("--train", required=True)
    p.add_argument("--step", default='"event":"step"', help="regular expression")
    p.add_argument("--first", type=int, default=3)
    p.add_argument("--url", default="http://127.0.0.1:8080")
    p.add_argument("--extra", default="{}")
    p.add_argument("--trace", required=True)
    p.add_argument("--rate", type=float, default=.3)
    p.add_argument("--seconds", type=float, default=40)
    p.add_argument("--scale", type=float, default=.25)
    p.add_argument("--alone", type=float, default=10, help="seconds of training alone, and beside an idle server")
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--log", help="file for what the server says")
    p.add_argument("--json")
    o = p.parse_args()
    rounds = []
    for i in range(o.rounds):
        rounds.append(one_round(o))
        print(f"round {i + 1}: " + ", ".join(f"{k} {v:.4g}" for k, v in rounds[-1].items()), flush=True)
    print("medians: " + ", ".join(f"{k} {median([r[k] for r in rounds if k in r]):.4g}" for k in rounds[0]))
    if o.json:
        with open(o.json, "w") as f:
            json.dump(rounds, f, indent=1)


if __name__ == "__main__":
    main()
