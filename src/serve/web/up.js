// up.js - the supervisor's part of the machine view: both lives of the machine, the versions, what was
// decided, and orders of those who may give them. Of a server that no supervisor runs nothing is shown.

import { $, button, make, toast } from "./dom.js";
import { headers } from "./chat.js";
import { compareWith } from "./compare.js";
import { drawLives } from "./lives.js";
import { state } from "./state.js";

const EVERY = 2000; // ms

let timer = 0;
let admin = false; // this page may give orders

const bits = (v) => (v === null || v === undefined ? "–" : v.toFixed(4));
const count = (v) => Math.round(v ?? 0).toLocaleString("en");
const when = (ms) => new Date(ms).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const since = (s) => (s < 1 ? `${Math.round(1000 * s)} ms` : s < 120 ? `${s.toFixed(1)} s` : `${Math.round(s / 60)} min`);

// {state, timeline}; null where no supervisor is known, or it has not written anything yet.
export async function fetchUp() {
  const answer = await fetch("/up", { cache: "no-store", headers: headers(state.settings.key) });
  if (answer.status !== 200) return null;
  const up = await answer.json();
  return up.state ? up : null;
}

// ---- announcements ----

// Says that another version answers, with what it is worth where that is known.
export async function announce(model) {
  const up = await fetchUp().catch(() => null);
  const live = up?.state.versions?.find((v) => v.version === up.state.live);
  if (live && live.new_bpb !== null && live.live_bpb !== null)
    toast(`Version ${live.version} is live: ${bits(live.live_bpb)} → ${bits(live.new_bpb)} bits per byte.`);
  else if (live) toast(`Version ${live.version} is live.`);
  else toast(`${model.id}: version ${model.version} answers from now on.`);
}

// ---- orders ----

async function order(what, version) {
  try {
    const answer = await fetch("/admin/up", {
      method: "POST",
      headers: headers(state.settings.key, { "Content-Type": "application/json" }),
      body: JSON.stringify(version ? { do: what, version } : { do: what }),
    });
    const body = await answer.json();
    toast(answer.ok ? body.text : body.error.message);
  } catch {
    toast("The server can't be reached.");
  }
  refresh();
}

async function mayOrder() {
  const answer = await fetch("/admin/models", { cache: "no-store", headers: headers(state.settings.key) }).catch(() => null);
  return Boolean(answer?.ok);
}

// ---- what is shown ----

// What training does, in words.
function training(t) {
  if (!t) return "";
  const work = t.verb ? `${t.verb}, step ${count(t.step)} of ${count(t.steps)}` : "";
  const states = {
    running: `training: ${work}`,
    standing: `training stands still: ${t.why || "people are answered"}`,
    waiting: "training is about to go on",
    gate: "a candidate is being judged",
    paused: "training is paused",
    off: `no training: ${t.why || "none was asked for"}`,
  };
  return states[t.state] ?? t.state;
}

// [name, value] of what is known.
function figures(s) {
  const t = s.trainer ?? {}, share = s.share ?? {};
  return [
    ["Live", s.live ? `version ${s.live}${s.pinned === s.live ? ", pinned" : ""}` : "none"],
    ["Round", t.round ? `${t.round}, stage ${t.stage} of ${t.stages}` : "–"],
    ["Tokens to people", count((s.tokens?.people ?? 0))],
    ["Tokens to training", count(s.tokens?.training)],
    ["Training now", t.tokens_per_s && t.state === "running" ? `${count(t.tokens_per_s)} tokens/s` : "–"],
    ["Training gave way", `${count(share.waits)} times, ${since(share.waited_s ?? 0)}`],
    ["Slowest to give way", share.slowest_ms ? `${share.slowest_ms.toFixed(1)} ms` : "–"],
    ["Serving at work", `${(100 * (share.busy ?? 0)).toFixed(0)} % of the last second`],
    s.price ? ["Spent", `${s.price.spent.toFixed(2)} ${s.price.currency}`] : null,
    s.disk?.full ? ["Disk", "full"] : null,
  ].filter(Boolean);
}

function words(v, s) {
  const marks = [];
  if (v.live) marks.push("live");
  if (v.version === s.pinned) marks.push("pinned");
  if (v.bad) marks.push("rolled back");
  return marks.join(", ");
}

function row(v, s) {
  const tr = make("tr");
  const head = make("th", "", String(v.version));
  head.scope = "row";
  tr.append(head, make("td", "", words(v, s)), make("td", "", when(v.at)),
    make("td", "", v.new_bpb === null ? "–" : `${bits(v.live_bpb)} → ${bits(v.new_bpb)}`));
  const cell = make("td");
  if (admin && v.version === s.pinned) cell.append(button("Unpin", "act", () => order("unpin"), "Unpin: the best version is live again"));
  else if (admin && !v.bad) cell.append(button("Pin", "act", () => order("pin", v.version), `Pin version ${v.version}: it stays live`));
  if (v.live === false && !v.bad && s.live) cell.append(button("Compare", "act", () => compareWith(v, s.live), `Compare version ${v.version} with the live one`));
  tr.append(cell);
  return tr;
}

// Buttons for the whole.
function orders(s) {
  const list = [];
  if (s.before) list.push(button(`Roll back to version ${s.before}`, "act", () => order("rollback")));
  if (s.trainer?.state === "paused") list.push(button("Go on training", "act", () => order("resume")));
  else if (s.trainer && s.trainer.state !== "off") list.push(button("Pause training", "act", () => order("pause")));
  return list;
}

// Leaves a part of the page alone that would read the same: somebody's focus may be in it.
function replace(place, nodes) {
  const fresh = make("div");
  fresh.append(...nodes);
  if (place.textContent === fresh.textContent) return;
  place.replaceChildren(...fresh.childNodes);
}

function draw({ state: s, timeline }) {
  $("up").hidden = false;
  $("up-state").textContent = [s.live ? `version ${s.live} answers` : "no version answers", training(s.trainer),
    s.gate?.state === "running" ? "the gate looks at a candidate" : ""].filter(Boolean).join(" · ");
  $("up-figures").replaceChildren(...figures(s).map(([name, value]) => {
    const box = make("div");
    box.append(make("dt", "", name), make("dd", "", value));
    return box;
  }));
  replace($("up-orders"), admin ? orders(s) : []);
  $("up-orders").hidden = !admin;
  $("versions-orders").hidden = !admin;
  replace($("versions"), [...s.versions].reverse().slice(0, 20).map((v) => row(v, s)));
  replace($("decisions"), s.decisions.slice(-8).reverse().map((d) => {
    const li = make("li");
    const time = make("time", "", when(d.at));
    time.dateTime = new Date(d.at).toISOString();
    li.append(time, ` ${d.text}`);
    return li;
  }));
  drawLives(timeline);
}

async function refresh() {
  clearTimeout(timer);
  try {
    const up = await fetchUp();
    if (up) draw(up);
    else $("up").hidden = true;
  } catch { /* the machine view says that the server is gone */ }
  if (!$("machine").hidden) timer = setTimeout(refresh, EVERY);
}

// With the machine view.
export async function showUp() {
  admin = await mayOrder();
  refresh();
}

export function hideUp() {
  clearTimeout(timer);
}
