#!/usr/bin/env python3
"""How far two ways of training part: an SVG of their losses, and of the difference between them.

    bench/curves.py NAME=DIR,NAME=DIR [NAME=DIR,NAME=DIR ...] >curves.svg

Each argument is a pair of runs of one seed, told by their folders (log.jsonl is read).  The upper half has the
training loss of all of them, the mean over stretches of 20 steps; the lower half the second run of each pair
over the first, in percent.  The mean of the last hundred steps of each goes to standard error.
"""
import json
import sys

STRETCH, LAST = 20, 100
LEFT, RIGHT, TOP, MIDDLE, GAP, BOTTOM = 56, 708, 30, 236, 272, 336  # of the two halves, in pixels
STYLE = """<style>
svg{background:#fff;font:12px system-ui,sans-serif}
text{fill:#222}.g{stroke:#ddd}path{fill:none;stroke-width:1.6}
.s0{stroke:#0072b2}.s1{stroke:#d55e00}.s2{stroke:#009e73}.s3{stroke:#cc79a7}.d{stroke-dasharray:5 4}
@media(prefers-color-scheme:dark){svg{background:#16181c}text{fill:#e6e6e6}.g{stroke:#33373d}
.s0{stroke:#56b4e9}.s1{stroke:#e69f00}.s2{stroke:#2fc79a}.s3{stroke:#e3a3c6}}
</style>"""


def losses(folder):
    """The loss of every step, in order."""
    with open(f"{folder}/log.jsonl", encoding="utf-8") as f:
        events = [json.loads(line) for line in f]
    return [e["loss"] for e in events if e["event"] == "step"]


def means(v):
    """Of stretches, each with the step in its middle."""
    return [(i + STRETCH / 2, sum(v[i : i + STRETCH]) / STRETCH) for i in range(0, len(v) - STRETCH + 1, STRETCH)]


def text(x, y, anchor, words):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{words}</text>'


class Half:
    """Axes of steps and values between two heights, and curves in them."""

    def __init__(self, steps, low, high, top, bottom, ticks, unit):
        self.steps, self.low, self.high, self.top, self.bottom = steps, low, high, top, bottom
        for v in ticks:
            y = self.y(v)
            print(f'<path class="g" d="M{LEFT} {y:.1f}H{RIGHT}"/>{text(LEFT - 6, y + 4, "end", f"{v:g}{unit}")}')

    def y(self, v):
        return self.bottom - (v - self.low) / (self.high - self.low) * (self.bottom - self.top)

    def curve(self, points, style):
        at = (f"{LEFT + x / self.steps * (RIGHT - LEFT):.1f} {self.y(v):.1f}" for x, v in points)
        print(f'<path class="{style}" d="M{"L".join(at)}"/>')


def main():
    pairs = [[w.split("=", 1) for w in arg.split(",")] for arg in sys.argv[1:]]
    if not pairs or any(len(p) != 2 or any(len(w) != 2 for w in p) for p in pairs):
        sys.exit(__doc__)
    runs = [[(name, losses(folder)) for name, folder in p] for p in pairs]
    curves = [[means(v) for _, v in p] for p in runs]
    apart = [[(x, 100 * (b / a - 1)) for (x, a), (_, b) in zip(*p)] for p in curves]
    steps = max(len(v) for p in runs for _, v in p)
    values = [v for p in curves for c in p for _, v in c]
    low, high = int(min(values)), int(max(values)) + 1
    far = max(1, int(max(abs(v) for d in apart for _, v in d)) + 1)
    print('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 360" width="720" height="360" role="img">')
    print(STYLE)
    upper = Half(steps, low, high, TOP, MIDDLE, range(low, high + 1), "")
    lower = Half(steps, -far, far, GAP, BOTTOM, (-far, 0, far), "%")
    print(text(LEFT, 18, "start", f"training loss, means of {STRETCH} steps"))
    print(text(LEFT, GAP - 12, "start", "the second of each pair over the first"))
    for s in range(0, steps + 1, steps // 6 or 1):
        print(text(LEFT + s / steps * (RIGHT - LEFT), 354, "middle", s))
    for k, pair in enumerate(runs):
        for i, (name, v) in enumerate(pair):
            style = f"s{(2 * k + i) % 4}" + (" d" if i else "")
            upper.curve(curves[k][i], style)
            y = TOP + 16 * (2 * k + i) + 12
            print(f'<path class="{style}" d="M540 {y - 4}h28"/>{text(576, y, "start", name)}')
            print(f"{name}: {sum(v[-LAST:]) / len(v[-LAST:]):.4f}", file=sys.stderr)
        lower.curve(apart[k], f"s{2 * k % 4}")
    print("</svg>")


main()
