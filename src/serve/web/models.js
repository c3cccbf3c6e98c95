// models.js - which models there are, and which one answers.

import { $, make } from "./dom.js";
import { models } from "./chat.js";
import { contextGauge, model } from "./gauge.js";
import { on, set, state } from "./state.js";

const size = (n) => (n >= 1e9 ? `${(n / 1e9).toFixed(1)} B` : `${(n / 1e6).toFixed(1)} M`);
const words = (m) => (m.parameters ? `${m.id} · ${size(m.parameters)} parameters` : m.id);

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

async function load() {
  try {
    state.models = await models(state.settings.key);
    draw();
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
  return load();
}
