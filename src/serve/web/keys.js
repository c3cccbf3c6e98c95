// keys.js - what the keyboard does, wherever the focus is.

import { stop } from "./compose.js";
import { $ } from "./dom.js";
import { drawer, drawerOpen, newChat, search } from "./side.js";

const typing = (e) => e.target.matches?.("input, textarea, select");

function escape() {
  if (document.querySelector("dialog[open], :popover-open")) return; // they close by themselves
  if (drawerOpen()) drawer(false);
  else stop();
}

function pressed(e) {
  const control = e.ctrlKey || e.metaKey, key = e.key.toLowerCase();
  if (e.key === "Escape") return escape();
  if (control && e.shiftKey && key === "o") newChat();
  else if (control && !e.shiftKey && key === "k") search();
  else if (e.key === "?" && !control && !typing(e)) $("help").showModal();
  else return undefined;
  return e.preventDefault();
}

export function beginKeys() {
  document.addEventListener("keydown", pressed);
  $("show-help").addEventListener("click", () => $("help").showModal());
}
