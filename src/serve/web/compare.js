// compare.js - two versions side by side: the same question to the live one and to another, which the server
// loads when it is asked for as MODEL@VERSION.

import { $, make } from "./dom.js";
import { ask, headers } from "./chat.js";
import { model } from "./gauge.js";
import { settings, state } from "./state.js";

let other = ""; // name of the version that is held against the live one
let stop = null; // AbortController of the answers under way

// Until the version is loaded: what asks for little asks for it.
async function loaded(name, signal) {
  for (;;) {
    const answer = await fetch("/tokenize", {
      method: "POST",
      headers: headers(state.settings.key, { "Content-Type": "application/json" }),
      body: JSON.stringify({ model: name, content: "x" }),
      signal,
    });
    if (answer.ok) return;
    const { error } = await answer.json();
    if (error.code !== "model_loading") throw new Error(error.message);
    await new Promise((wake) => setTimeout(wake, 300));
  }
}

// One answer, as it comes, into its place.
async function answer(name, question, place) {
  const chat = settings(), messages = [{ role: "user", content: question }];
  if (chat.system) messages.unshift({ role: "system", content: chat.system });
  place.textContent = "";
  place.setAttribute("aria-busy", "true");
  try {
    // The likeliest words of both: what differs is the versions' doing, not chance.
    const request = { model: name, messages, temperature: 0, stream: true, max_tokens: 300 };
    for await (const part of ask(request, state.settings.key, stop.signal)) if (part.text) place.append(part.text);
  } catch (e) {
    if (e.name !== "AbortError") place.append(make("span", "remark", ` ${e.message}`));
  }
  place.setAttribute("aria-busy", "false");
}

async function both(event) {
  event.preventDefault();
  const question = $("compare-ask").value.trim();
  if (!question || !other) return;
  stop?.abort();
  stop = new AbortController();
  $("compare-go").disabled = true;
  try {
    await loaded(other, stop.signal);
    await Promise.all([answer(model().id, question, $("compare-live")), answer(other, question, $("compare-other"))]);
  } catch (e) {
    if (e.name !== "AbortError") $("compare-other").textContent = e.message;
  }
  $("compare-go").disabled = false;
}

// The server lets go of the version by itself.
function end() {
  stop?.abort();
  other = "";
}

// Opens the dialog: version v against the live one.
export function compareWith(v, live) {
  other = `${(model()?.id ?? "model").replace(/@\d+$/, "")}@${v.version}`;
  $("compare-live-name").textContent = `Version ${live}, live`;
  $("compare-other-name").textContent = `Version ${v.version}`;
  $("compare-live").textContent = $("compare-other").textContent = "";
  $("compare").showModal();
  $("compare-ask").focus();
}

export function beginCompare() {
  $("compare-form").addEventListener("submit", both);
  $("compare-close").addEventListener("click", () => $("compare").close());
  $("compare").addEventListener("close", end);
}
