// gauge.js - the instruments of the bar: how fast the engine turns, how full the context is.

import { $ } from "./dom.js";
import { current, running, settings, state } from "./state.js";
import { path } from "./tree.js";

export const rate = (v) => (v >= 100 ? Math.round(v).toString() : v.toFixed(1));

// The telegraph: 1 token/s at the left stop, 1,000 at the right one.
export function telegraph() {
  const run = running();
  const speed = run?.chunks ? run.speed() : 0;
  const share = speed > 0 ? Math.min(1, Math.max(0.03, Math.log10(speed) / 3)) : 0;
  $("needle").style.transform = `rotate(${-78 + 156 * share}deg)`;
  const words = speed > 0 ? `${rate(speed)} tok/s` : run ? "reading" : "standing by";
  $("speed").textContent = words;
  $("telegraph").classList.toggle("idle", !run);
  $("telegraph").setAttribute("aria-label", `Speed: ${words}`);
}

// The model in force: the one picked if it is served, else the first.
export const model = () => state.models.find((m) => m.id === settings().model) ?? state.models[0];

// Tokens of the conversation shown, as the server last counted them (and what has come since).
function used() {
  const chat = current();
  const last = chat && path(chat).findLast((n) => n.stats?.prompt || state.runs.get(chat.id)?.node === n);
  if (!last) return 0;
  const run = state.runs.get(chat.id);
  return (last.stats.prompt ?? 0) + (run?.node === last ? run.chunks : last.stats.tokens ?? 0);
}

// The context gauge.
export function contextGauge() {
  const most = model()?.context_length, n = used();
  $("context").hidden = !n || !most;
  if (!n || !most) return;
  const words = `${n.toLocaleString("en")} of ${most.toLocaleString("en")} tokens`;
  const meter = $("context-meter");
  meter.max = most;
  meter.high = most * 0.85;
  meter.value = n;
  meter.textContent = words;
  $("context-words").textContent = words;
}
