#!/usr/bin/env python3
"""stoke up under each policy: what part of the machine training gets while people ask without a pause,
and what that costs their answers.

  bench/policy.py --stoke build/stoke -m models/starter.gguf

For each of --floors (0 is serve-first) a supervisor is started in a folder of its own, with training
that does not end meanwhile; CLIENTS people each ask one question after the other, 64 tokens.  With
--by PART one more has a deadline, the next full minute that is at least 40 s away, and so many steps to
do until then as take that part of the time when nobody asks.  What processes used and trained is taken from the supervisor's own status, and
compared with training alone, measured first.  Prints a table, --json FILE has it as JSON.
"""
import argparse
import datetime
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

SHAPE = "--dim 128 --layers 4 --heads 4 --kv-heads 2 --ffn 352 --vocab 1024 --context 256 --batch 1024 --seed 1 --save-every 100000 --eval-every 100000"


class Up:
    """A supervisor and all it starts, until end()."""

    def __init__(self, o, steps, flags):
        self.o, self.dir = o, tempfile.mkdtemp(prefix="policy-")
        plan = os.path.join(self.dir, "plan")
        with open(plan, "w") as f:
            f.write(f"train {{data}} {{valid}} --out {{round}}/base --steps {steps} {SHAPE}\n")
        self.p = subprocess.Popen([o.stoke, "up", "--dir", os.path.join(self.dir, "up"), "--port", "0", "-m", o.model, "--plan", plan, *flags],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.p.stdout:
            if line.startswith("listening on http://"):
                self.port = int(line.rsplit(":", 1)[1])
                threading.Thread(target=self.p.stdout.read, daemon=True).start()
                return
        sys.exit("it does not come up")

    def state(self):
        out = subprocess.run([self.o.stoke, "up", "--dir", os.path.join(self.dir, "up"), "--status", "--json"], capture_output=True, text=True)
        return json.loads(out.stdout)

    def wait_step(self, n):
        while (self.state()["trainer"].get("step") or 0) < n:
            time.sleep(.2)

    def end(self):
        subprocess.run([self.o.stoke, "up", "--dir", os.path.join(self.dir, "up"), "--stop"], stdout=subprocess.DEVNULL)
        self.p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def ask(port, until, took):
    """Questions one after the other; the seconds of each answer go into took."""
    c = http.client.HTTPConnection("127.0.0.1", port)
    i = 0
    while time.monotonic() < until():
        body = json.dumps({"prompt": f"Tell me of the {i}th ship that came.", "max_tokens": 64, "temperature": 0, "ignore_eos": True})
        t = time.monotonic()
        c.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
        r = c.getresponse()
        text = r.read()
        if r.status != 200:
            sys.exit(text)
        took.append(time.monotonic() - t)
        i += 1


def measure(o, name, up, until=None):
    """Asks for o.seconds, or until `until()` says a time has come; the row of the table."""
    took, end = [], time.monotonic() + o.seconds
    stop = until or (lambda: end)
    a, t0 = up.state(), time.monotonic()
    people = [threading.Thread(target=ask, args=(up.port, stop, took)) for _ in range(o.clients)]
    for p in people:
        p.start()
    for p in people:
        p.join()
    b, t = up.state(), time.monotonic() - t0
    took.sort()
    return {"policy": name, "seconds": t, "steps_per_s": ((b["trainer"].get("step") or 0) - (a["trainer"].get("step") or 0)) / t,
            "trainer_cores": (b["trainer"]["cpu_s"] - a["trainer"]["cpu_s"]) / t, "server_cores": (b["server"]["cpu_s"] - a["server"]["cpu_s"]) / t,
            "floor": b["share"]["floor"], "answers": len(took), "answers_per_s": len(took) / t,
            "p50": took[len(took) // 2], "p99": took[int(len(took) * .99)], "max": took[-1]}


def alone(o):
    up = Up(o, 10 ** 6, [])
    up.wait_step(3)
    a, t0 = up.state()["trainer"]["step"], time.monotonic()
    time.sleep(o.seconds)
    rate = (up.state()["trainer"]["step"] - a) / (time.monotonic() - t0)
    up.end()
    return rate


def deadline(o, rate, rows):
    """Until the stage is done, or five seconds past the time."""
    at = datetime.datetime.now() + datetime.timedelta(seconds=100)
    at = at.replace(second=0, microsecond=0)
    steps = int(o.by * rate * (at - datetime.datetime.now()).total_seconds())
    up = Up(o, steps, ["--train-by", at.strftime("%H:%M")])
    up.wait_step(1)
    done = []

    def watch():
        while not done and datetime.datetime.now() < at + datetime.timedelta(seconds=5):
            s = up.state()
            if s["trainer"]["round"] > 1 or s["trainer"]["state"] in ("gate", "off") or (s["trainer"].get("step") or 0) >= steps:
                done.append(datetime.datetime.now())
            time.sleep(.5)
        over.append(1)

    over = []
    threading.Thread(target=watch).start()
    row = measure(o, f"{o.by:g} of it by {at:%H:%M}", up, lambda: 0 if over else float("inf"))
    row["spare_s"] = (at - done[0]).total_seconds() if done else None
    up.end()
    rows.append(row)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--stoke", default="build/stoke")
    p.add_argument("-m", "--model", default="models/starter.gguf")
    p.add_argument("--floors", default="0,0.2,0.5")
    p.add_argument("--clients", type=int, default=2)
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--by", type=float, default=0, metavar="PART")
    p.add_argument("--json")
    o = p.parse_args()
    rate = alone(o)
    rows = []
    for floor in [float(f) for f in o.floors.split(",") if f]:
        up = Up(o, 10 ** 6, ["--floor", str(floor)] if floor else [])
        up.wait_step(3)
        rows.append(measure(o, f"floor {floor}" if floor else "serve-first", up))
        up.end()
    if o.by:
        deadline(o, rate, rows)
    print(f"training alone: {rate:.2f} steps/s; {o.clients} people, {o.seconds:.0f} s each")
    for r in rows:
        r["of_alone"] = r["steps_per_s"] / rate if rate else None
        spare = "" if "spare_s" not in r else f"  done {r['spare_s']:.0f} s before it" if r["spare_s"] is not None else "  not done in time"
        print(f"{r['policy']:22} training {r['of_alone']:.2f} of alone ({r['trainer_cores']:.2f} cores), {r['answers_per_s']:.1f} answers/s, "
              f"p50 {1e3 * r['p50']:.0f} ms, p99 {1e3 * r['p99']:.0f} ms, longest {1e3 * r['max']:.0f} ms, server {r['server_cores']:.2f} cores, floor at the end {r['floor']:.2f}{spare}")
    if o.json:
        with open(o.json, "w") as f:
            json.dump({"alone": rate, "rows": rows}, f, indent=1)


if __name__ == "__main__":
    main()
