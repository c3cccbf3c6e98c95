// models.js - which models there are, and which one answers; new versions are announced.

import { $, make } from "./dom.js";
import { models } from "./chat.js";
import { contextGauge, model } from "./gauge.js";
import { on, set, state } from "./state.js";
import { announce } from "./up.js";

const size = (n) => (n >= 1e9 ? `${(n / 1e9).toFixed(1)} B` : `${(n / 1e6).toFixed(1)} M`);
const named = (m) => (m.version > 1 ? `${m.id} v${m.version}` : m.id);
const words = (m) => (m.parameters ? `${named(m)} · ${size(m.parameters)} parameters` : named(m));

// How often the list is looked at while the page is seen.
const LOOK_MS = 20000;

function draw() {
  const now = model();
  $("model").replaceChildren(...state.models.map((m) => {
    const o = make("option", "", words(m));
    o.value = m.id;
    o.selected = m === now;
    return o;
  }));
  $("model").disabled = !state.models.length;
  if (now) $("hello-model").textContent = now.id;
  contextGauge();
}

// Says so if another version of the model in force answers than at the last look.
function compare(before) {
  const now = model(), was = before.find((m) => m.id === now?.id);
  if (was && was.version !== now.version) announce(now);
}

async function load() {
  try {
    const before = state.models;
    const list = await models(state.settings.key);
    // An open picker would be drawn from under the pointer.
    if (JSON.stringify(list) === JSON.stringify(before) && !$("model").disabled) return;
    state.models = list;
    draw();
    compare(before);
  } catch {
    $("model").replaceChildren(make("option", "", "the server can't be reached"));
    $("model").disabled = true;
  }
}

export function beginModels() {
  $("model").addEventListener("change", () => set({ model: $("model").value }));
  // The list may have changed since: a model loaded, a server come back.
  $("model").addEventListener("focus", load);
  on("settings", draw);
  on("key", load);
  setInterval(() => { if (!document.hidden) load(); }, LOOK_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });
  return load();
}
