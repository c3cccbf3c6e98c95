// train.js - the training view: curves and figures of the run that the server watches, live.

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const WIDE = 640, HIGH = 230, LEFT = 46, RIGHT = 10, TOP = 10, BOTTOM = 26;

let timer = 0;
let shown = false;

function node(name, attributes, text) {
  const e = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  if (text !== undefined) e.textContent = text;
  return e;
}

// ---- a plot ----

// Round steps for about n ticks between two values.
function ticks(low, high, n) {
  const raw = (high - low) / n || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw);
  const list = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step) list.push(v);
  return list;
}

const short = (v) => (Math.abs(v) >= 1000 ? `${+(v / 1000).toPrecision(3)}k` : `${+v.toPrecision(3)}`);

// A running mean, so that the noise of single steps does not hide where a loss is going.
function smooth(points) {
  let mean;
  return points.map(([x, y]) => {
    mean = mean === undefined ? y : 0.8 * mean + 0.2 * y;
    return [x, mean];
  });
}

// Draws series ({points: [[x, y]], style}) into an SVG; its last series answers the pointer.
function plot(svg, series) {
  const all = series.flatMap((s) => s.points);
  svg.replaceChildren();
  svg.closest("figure").hidden = all.length === 0;
  if (!all.length) return;
  const xs = all.map((p) => p[0]), ys = all.map((p) => p[1]);
  const x0 = Math.min(...xs), x1 = Math.max(...xs, x0 + 1);
  let y0 = Math.min(...ys), y1 = Math.max(...ys);
  if (y0 === y1) [y0, y1] = [y0 - 0.5, y1 + 0.5];
  const X = (v) => LEFT + ((v - x0) / (x1 - x0)) * (WIDE - LEFT - RIGHT);
  const Y = (v) => TOP + ((y1 - v) / (y1 - y0)) * (HIGH - TOP - BOTTOM);
  for (const v of ticks(y0, y1, 4)) {
    svg.append(node("line", { class: "grid", x1: LEFT, x2: WIDE - RIGHT, y1: Y(v), y2: Y(v) }));
    svg.append(node("text", { x: LEFT - 6, y: Y(v) + 4, "text-anchor": "end" }, short(v)));
  }
  for (const v of ticks(x0, x1, 5)) svg.append(node("text", { x: X(v), y: HIGH - 8, "text-anchor": "middle" }, short(v)));
  for (const s of series) {
    const d = s.points.map(([x, y], i) => `${i ? "L" : "M"}${X(x).toFixed(1)} ${Y(y).toFixed(1)}`).join("");
    svg.append(node("path", { class: s.style, d }));
  }
  point(svg, series[series.length - 1].points.length ? series[series.length - 1] : series[0], X, Y);
}

// Under the pointer: the nearest point of a series, with its step and value.
function point(svg, s, X, Y) {
  const dot = node("circle", { class: "dot", r: 4, cx: -9, cy: -9 });
  const label = node("text", { class: "read", x: WIDE - RIGHT, y: TOP + 12, "text-anchor": "end" });
  svg.append(dot, label);
  svg.onpointermove = (e) => {
    const at = ((e.clientX - svg.getBoundingClientRect().left) / svg.clientWidth) * WIDE;
    const near = s.points.reduce((a, b) => (Math.abs(X(b[0]) - at) < Math.abs(X(a[0]) - at) ? b : a));
    dot.setAttribute("cx", X(near[0]));
    dot.setAttribute("cy", Y(near[1]));
    label.textContent = `step ${near[0]}: ${near[1].toFixed(4)}`;
  };
  svg.onpointerleave = () => {
    dot.setAttribute("cx", -9);
    label.textContent = "";
  };
}

// ---- figures ----

function duration(seconds) {
  const s = Math.round(seconds), h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60);
  return h ? `${h} h ${m} min` : m ? `${m} min ${s % 60} s` : `${s} s`;
}

// [name, value] of what is known.
function figures(run) {
  const row = (name, value, text) => (value === null || value === undefined ? null : [name, text(value)]);
  return [
    row("Loss", run.loss, (v) => v.toFixed(4)),
    row("Held-out loss", run.val_loss, (v) => v.toFixed(4)),
    row("Bits per byte", run.bits_per_byte, (v) => v.toFixed(4)),
    row("Best", run.best_bits_per_byte, (v) => v.toFixed(4)),
    row("Speed", run.tokens_per_s, (v) => `${Math.round(v)} tokens/s`),
    row("Of the peak", run.mfu, (v) => `${(100 * v).toFixed(1)} %`),
    row("Left", run.state === "running" ? run.eta_s : null, duration),
    row("Spent", run.seconds, duration),
    row("Tokens", run.tokens, (v) => `${(v / 1e6).toFixed(2)} M`),
    row("Parameters", run.params || null, (v) => `${(v / 1e6).toFixed(2)} M`),
    row("Checkpoint", run.checkpoint_step, (v) => `step ${v}`),
    row("Loss spikes", run.spikes || null, String),
  ].filter(Boolean);
}

function list(id, items) {
  $(id).replaceChildren(...items);
}

function line(tag, text) {
  const e = document.createElement(tag);
  e.textContent = text;
  return e;
}

function draw(run) {
  $("run-state").textContent = `${run.stage || "run"} · ${run.state} · step ${run.step} of ${run.total}`;
  $("run-bar").max = run.total || 1;
  $("run-bar").value = run.step;
  list("run-figures", figures(run).map(([name, value]) => {
    const box = document.createElement("div");
    box.append(line("dt", name), line("dd", value));
    return box;
  }));
  list("run-notes", run.notes.slice(-3).map((text) => line("li", text)));
  const { loss, val_loss: held, bits_per_byte: bpb } = run.curves;
  plot($("plot-loss"), [
    { points: loss, style: "raw" },
    { points: held, style: "held" },
    { points: smooth(loss), style: "curve" },
  ]);
  plot($("plot-bpb"), [{ points: bpb, style: "curve" }]);
}

// ---- the view ----

async function fetchRun() {
  const answer = await fetch("/run", { cache: "no-store" });
  return answer.status === 200 ? answer.json() : null; // 204: no run is watched
}

async function refresh() {
  clearTimeout(timer);
  let wait = 2000;
  try {
    const run = await fetchRun();
    if (run) draw(run);
    if (run && run.state !== "running") wait = 10000;
  } catch {
    $("run-state").textContent = "the server can't be reached";
  }
  if (shown) timer = setTimeout(refresh, wait);
}

function show(on) {
  shown = on;
  $("training").hidden = !on;
  for (const id of ["scroll", "form", "hint"]) $(id).hidden = on;
  $("train").setAttribute("aria-pressed", String(on));
  clearTimeout(timer);
  if (on) refresh();
}

// Offers the view where the server watches a run; #training opens it at once.
export async function offerTraining() {
  const run = await fetchRun().catch(() => null);
  if (!run) return;
  $("train").hidden = false;
  $("train").addEventListener("click", () => {
    location.hash = shown ? "" : "training";
  });
  addEventListener("hashchange", () => show(location.hash === "#training"));
  show(location.hash === "#training");
}
