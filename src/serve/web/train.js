// train.js - the training view: curves and figures of the run that the server watches, live.

import { $, make } from "./dom.js";
import { headers } from "./chat.js";
import { Plot } from "./plot.js";
import { state } from "./state.js";
import { addView } from "./views.js";

let timer = 0;
let plots = null;

// A running mean, so that the noise of single steps does not hide where a loss is going.
function smooth(points) {
  let mean;
  return points.map(([x, y]) => {
    mean = mean === undefined ? y : 0.8 * mean + 0.2 * y;
    return [x, mean];
  });
}

// Columns for a chart out of several rows of [step, value]: every step once, null where a row has none.
function columns(...series) {
  const steps = [...new Set(series.flatMap((s) => s.map((p) => p[0])))].sort((a, b) => a - b);
  return [steps, ...series.map((s) => {
    const at = new Map(s);
    return steps.map((x) => at.get(x) ?? null);
  })];
}

function makePlots() {
  const four = (v) => v.toFixed(4);
  const x = (v) => (v >= 10000 ? `${+(v / 1000).toPrecision(4)}k` : String(v));
  return {
    loss: new Plot($("plot-loss"), { x, gaps: false, series: [{ name: "training", colour: "--raw", width: 1, show: four },
      { name: "held out", colour: "--brass", show: four }, { name: "smoothed", colour: "--ember", show: four }] }),
    bpb: new Plot($("plot-bpb"), { x, gaps: false, series: [{ name: "bits per byte", colour: "--ember", show: four }] }),
  };
}

function plot(chart, place, data) {
  $(place).closest("figure").hidden = !data[0].length;
  if (data[0].length) chart.set(data);
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

function draw(run) {
  $("run-state").textContent = `${run.stage || "run"} · ${run.state} · step ${run.step} of ${run.total}`;
  $("run-bar").max = run.total || 1;
  $("run-bar").value = run.step;
  $("run-figures").replaceChildren(...figures(run).map(([name, value]) => {
    const box = make("div");
    box.append(make("dt", "", name), make("dd", "", value));
    return box;
  }));
  $("run-notes").replaceChildren(...run.notes.slice(-3).map((text) => make("li", "", text)));
  const { loss, val_loss: held, bits_per_byte: bpb } = run.curves;
  plots ??= makePlots();
  plot(plots.loss, "plot-loss", columns(loss, held, smooth(loss)));
  plot(plots.bpb, "plot-bpb", columns(bpb));
}

// ---- the view ----

async function fetchRun() {
  const answer = await fetch("/run", { cache: "no-store", headers: headers(state.settings.key) });
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
  if (!$("training").hidden) timer = setTimeout(refresh, wait);
}

// Offers the view where the server watches a run; #training opens it at once.
export async function offerTraining() {
  const run = await fetchRun().catch(() => null);
  if (run) addView("training", "training", "train", refresh, () => clearTimeout(timer));
}
