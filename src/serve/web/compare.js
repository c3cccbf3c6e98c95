// compare.js - two versions side by side: the same question to the live one and to another, which is loaded
// beside it for as long as the dialog is open.

import { $, make, toast } from "./dom.js";
import { ask, headers } from "./chat.js";
import { model } from "./gauge.js";
import { settings, state } from "./state.js";

let other = null; // {name, path} of the version that is held against the live one
let stop = null; // AbortController of the answers under way

async function admin(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: headers(state.settings.key, { "Content-Type": "application/json" }),
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error((await answer.json()).error.message);
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
    if (!other.loaded) await admin("/admin/models/load", { model: other.path, name: other.name });
    other.loaded = true;
    await Promise.all([answer(model().id, question, $("compare-live")), answer(other.name, question, $("compare-other"))]);
  } catch (e) {
    $("compare-other").textContent = e.message;
  }
  $("compare-go").disabled = false;
}

// The version that was loaded for this goes again.
async function end() {
  stop?.abort();
  const was = other;
  other = null;
  if (was?.loaded) await admin("/admin/models/unload", { name: was.name }).catch((e) => toast(e.message));
}

// Opens the dialog: version v against the live one.
export function compareWith(v, live) {
  other = { name: `${model()?.id ?? "model"}-v${v.version}`, path: v.path, loaded: false };
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
