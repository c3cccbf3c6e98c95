// theme.js - light or dark as it was chosen, before anything is painted (so no module: those wait).
"use strict";

(() => {
  const KEY = "stokehold.theme";
  const root = document.documentElement;

  // "light", "dark", or "auto" for what the system says.
  globalThis.stokeTheme = (name) => {
    if (name === "auto") delete root.dataset.theme;
    else root.dataset.theme = name;
    try {
      localStorage.setItem(KEY, name);
    } catch { /* not allowed to keep it: it holds for this page */ }
  };

  try {
    const kept = localStorage.getItem(KEY);
    if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  } catch { /* as the system says */ }
})();
