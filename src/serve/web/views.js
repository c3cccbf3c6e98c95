// views.js - which of the views is shown: the talk, the machine, the training run.  The address says it,
// so that a view can be linked to and the way back works.

import { $ } from "./dom.js";

const views = new Map([["", { part: "talk", button: null, show() {}, hide() {} }]]);
let now = "";

// Adds a view: #name, the element of that part, the button that turns it on and off, and what is to
// be done when it comes and goes.
export function addView(name, part, button, show, hide) {
  views.set(name, { part, button, show, hide });
  $(button).hidden = false;
  $(button).addEventListener("click", () => { location.hash = now === name ? "" : name; });
  turn();
}

function turn() {
  const asked = location.hash.slice(1);
  const next = views.has(asked) ? asked : "";
  for (const [name, v] of views) {
    $(v.part).hidden = name !== next;
    if (v.button) $(v.button).setAttribute("aria-pressed", String(name === next));
  }
  if (next === now) return;
  views.get(now).hide();
  now = next;
  views.get(now).show();
}

// Back to the talk, from wherever.
export function showTalk() {
  if (now) location.hash = "";
}

addEventListener("hashchange", turn);
