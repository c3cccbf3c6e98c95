// machine.js - the view of the machine: speed, queue, cache, and how long people wait, live.

import { $, make } from "./dom.js";
import { headers } from "./chat.js";
import { parse, quantile } from "./metrics.js";
import { Plot } from "./plot.js";
import { state } from "./state.js";
import { hideUp, showUp } from "./up.js";
import { addView } from "./views.js";

const EVERY = 1000; // ms
const MOST = 300; // samples shown

let timer = 0;
let before = null; // {at, values} of the last reading
const rows = []; // [seconds, generated/s, read/s, running, waiting, kv %, remembered %]
let plots = null;

const percent = (v) => `${v.toFixed(1)} %`;
const number = (v) => (v >= 100 ? Math.round(v).toString() : v.toFixed(1));
const time = (s) => (s < 1 ? `${+(1000 * s).toPrecision(2)} ms` : `${s.toFixed(1)} s`);
const bytes = (n) => (n >= 2 ** 30 ? `${(n / 2 ** 30).toFixed(2)} GiB` : `${(n / 2 ** 20).toFixed(1)} MiB`);
const clock = (t) => new Date(t * 1000).toLocaleTimeString("en-GB");

function makePlots() {
  const share = { range: [0, 100] };
  return [
    [new Plot($("plot-speed"), { x: clock, range: (u, lo, hi) => [0, Math.max(1, hi * 1.1)],
      series: [{ name: "written", colour: "--ember", show: number }, { name: "read", colour: "--brass", show: number }] }), [1, 2]],
    [new Plot($("plot-requests"), { x: clock, range: (u, lo, hi) => [0, Math.max(4, hi + 1)],
      series: [{ name: "running", colour: "--ember" }, { name: "waiting", colour: "--brass" }] }), [3, 4]],
    [new Plot($("plot-kv"), { x: clock, ...share, series: [{ name: "in use", colour: "--ember", show: percent }] }), [5]],
    [new Plot($("plot-hits"), { x: clock, ...share, series: [{ name: "remembered", colour: "--ember", show: percent }] }), [6]],
  ];
}

// One sample out of two readings.
function sample(at, v, old) {
  const s = (at - old.at) / 1000;
  const grown = (name) => Math.max(0, (v.get(name) ?? 0) - (old.values.get(name) ?? 0));
  const prompt = grown("stoke_prompt_tokens_total"), cached = grown("stoke_prompt_tokens_cached_total");
  return [at / 1000, grown("stoke_generated_tokens_total") / s, (prompt - cached) / s, v.get("stoke_requests_running"),
    v.get("stoke_requests_waiting"), 100 * (v.get("stoke_kv_used_ratio") ?? 0), prompt ? (100 * cached) / prompt : null];
}

function figures(v, last) {
  const prompt = v.get("stoke_prompt_tokens_total") ?? 0;
  const q = (name, share) => {
    const s = quantile(v, name, share);
    return s === undefined ? "–" : time(s);
  };
  const memory = [...v].filter(([k]) => k.startsWith("stoke_memory_bytes")).reduce((n, [, b]) => n + b, 0);
  const both = (name) => `${q(name, 0.5)} / ${q(name, 0.99)}`;
  return [
    ["Written", `${number(last?.[1] ?? 0)} tokens/s`],
    ["Running", `${v.get("stoke_requests_running")} of ${v.get("stoke_slots")}`],
    ["Waiting", `${v.get("stoke_requests_waiting")}`],
    ["KV in use", percent(100 * (v.get("stoke_kv_used_ratio") ?? 0))],
    ["Remembered since the start", prompt ? percent((100 * v.get("stoke_prompt_tokens_cached_total")) / prompt) : "–"],
    ["First token, p50 / p99", both("stoke_time_to_first_token_seconds")],
    ["Between tokens, p50 / p99", both("stoke_inter_token_seconds")],
    ["In the queue, p50 / p99", both("stoke_queue_seconds")],
    ["Tokens written", (v.get("stoke_generated_tokens_total") ?? 0).toLocaleString("en")],
    ["Turned away", `${v.get("stoke_http_answers_overloaded_total")}`],
    ["Connections", `${v.get("stoke_http_connections")}`],
    ["Memory", bytes(memory)],
  ];
}

function draw(v) {
  $("machine-figures").replaceChildren(...figures(v, rows.at(-1)).map(([name, value]) => {
    const box = make("div");
    box.append(make("dt", "", name), make("dd", "", value));
    return box;
  }));
  for (const [plot, columns] of plots) plot.set([0, ...columns].map((c) => rows.map((r) => r[c])));
}

async function refresh() {
  clearTimeout(timer);
  try {
    const answer = await fetch("/metrics", { cache: "no-store", headers: headers(state.settings.key) });
    if (!answer.ok) throw new Error(String(answer.status));
    const values = parse(await answer.text()), at = Date.now();
    if (before && at - before.at < 5 * EVERY) rows.push(sample(at, values, before));
    rows.splice(0, rows.length - MOST);
    before = { at, values };
    $("machine-state").textContent = values.get("stoke_requests_running") ? "under steam" : "fires banked";
    draw(values);
  } catch {
    $("machine-state").textContent = "the server can't be reached";
  }
  if (!$("machine").hidden) timer = setTimeout(refresh, EVERY);
}

// Offers the view.
export function beginMachine() {
  addView("machine", "machine", "engine", () => {
    plots ??= makePlots();
    refresh();
    showUp();
  }, () => {
    clearTimeout(timer);
    hideUp();
  });
}
