// settings.js - the dialog of settings: for the model's answers, the key, the looks.

import { $ } from "./dom.js";
import { DEFAULTS, saveSettings } from "./store.js";
import { changed, set, settings, state } from "./state.js";

const decimals = (v) => Number(v).toFixed(2);

function fill() {
  const s = settings();
  $("set-system").value = s.system;
  $("set-temperature").value = s.temperature;
  $("set-top_p").value = s.top_p;
  $("set-seed").value = s.seed;
  $("set-max").value = s.max;
  $("set-key").value = state.settings.key;
  $("set-theme").value = document.documentElement.dataset.theme ?? "auto";
  $("out-temperature").textContent = decimals(s.temperature);
  $("out-top_p").textContent = decimals(s.top_p);
}

function take() {
  set({
    system: $("set-system").value,
    temperature: Number($("set-temperature").value),
    top_p: Number($("set-top_p").value),
    seed: $("set-seed").value.trim(),
    max: $("set-max").value.trim(),
  });
  if (state.settings.key !== $("set-key").value.trim()) {
    state.settings.key = $("set-key").value.trim();
    saveSettings(state.settings);
    changed("key");
  }
  $("out-temperature").textContent = decimals(settings().temperature);
  $("out-top_p").textContent = decimals(settings().top_p);
}

export function beginSettings() {
  $("settings-form").addEventListener("input", take);
  $("set-theme").addEventListener("change", () => globalThis.stokeTheme($("set-theme").value));
  $("set-reset").addEventListener("click", () => {
    const { model, ...rest } = DEFAULTS;
    set(rest);
    fill();
  });
  $("gear").addEventListener("click", () => {
    fill();
    $("settings").showModal();
  });
}
