// lives.js - charts of both lives: who had the cores when, tokens to people and to training, and the loss
// of the stage that trains.

import { $ } from "./dom.js";
import { headers } from "./chat.js";
import { Plot } from "./plot.js";
import { state } from "./state.js";

const LEAST_S = 1; // a stretch of the timeline is no shorter

let plots = null;
let rows = []; // [seconds, server, gate, trainer] in cores, people, training in tokens/s

const clock = (t) => new Date(t * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

// The lines of the timeline as rates. Each says what was used since the one before it; short stretches, as
// when a process starts or ends, are taken together with what follows them.
export function rates(timeline) {
  const all = [];
  let from = timeline[0]?.at, sum = null;
  for (const line of timeline.slice(1)) {
    sum ??= { server: 0, gate: 0, trainer: 0, people: 0, training: 0 };
    for (const k of Object.keys(sum)) sum[k] += line[k] ?? 0;
    const s = (line.at - from) / 1000;
    if (s < 0) [from, sum] = [line.at, null]; // a clock that was set back
    if (s < LEAST_S) continue;
    all.push([line.at / 1000, sum.server / s, sum.gate / s, sum.trainer / s, sum.people / s, sum.training / s]);
    [from, sum] = [line.at, null];
  }
  return all;
}

function makePlots() {
  const own = (column) => (v, i) => (rows[i] ? rows[i][column].toFixed(2) : "–");
  const whole = (v) => String(Math.round(v));
  const zero = (u, lo, hi) => [0, Math.max(1, hi * 1.1)];
  return {
    // Each area reaches down to 0 and the next is drawn over it: what is seen of it is its own part.
    cores: new Plot($("plot-cores"), { x: clock, range: zero, series: [
      { name: "training", colour: "--brass", fill: true, width: 1, show: own(3) },
      { name: "judging", colour: "--raw", fill: true, width: 1, show: own(2) },
      { name: "answering", colour: "--ember", fill: true, width: 1, show: own(1) }] }),
    people: new Plot($("plot-people"), { x: clock, range: zero, series: [{ name: "to people", colour: "--ember", show: whole }] }),
    training: new Plot($("plot-training"), { x: clock, range: zero, series: [{ name: "to training", colour: "--brass", show: whole }] }),
    loss: new Plot($("plot-stage"), { x: String, gaps: false, series: [{ name: "loss", colour: "--ember", width: 1, show: (v) => v.toFixed(4) }] }),
  };
}

async function drawLoss() {
  const answer = await fetch("/run", { cache: "no-store", headers: headers(state.settings.key) }).catch(() => null);
  const run = answer?.status === 200 ? await answer.json() : null;
  const loss = run?.curves.loss ?? [];
  $("plot-stage").closest("figure").hidden = !loss.length;
  $("stage-name").textContent = run ? `Loss of this ${run.stage || "stage"}, nats per token` : "";
  if (loss.length) plots.loss.set([loss.map((p) => p[0]), loss.map((p) => p[1])]);
}

export function drawLives(timeline) {
  rows = rates(timeline);
  for (const id of ["plot-cores", "plot-people", "plot-training"]) $(id).closest("figure").hidden = !rows.length;
  plots ??= makePlots();
  const x = rows.map((r) => r[0]), column = (f) => rows.map(f);
  if (rows.length) {
    plots.cores.set([x, column((r) => r[1] + r[2] + r[3]), column((r) => r[1] + r[2]), column((r) => r[1])]);
    plots.people.set([x, column((r) => r[4])]);
    plots.training.set([x, column((r) => r[5])]);
  }
  return drawLoss();
}
