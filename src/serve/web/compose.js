// compose.js - the field where questions are written.

import { send } from "./answer.js";
import { anyFiles, beginAttach, takeFiles } from "./attach.js";
import { $, button, make } from "./dom.js";
import { currentOrNew, current, on, running } from "./state.js";
import { editLast, toEnd } from "./thread.js";
import { path } from "./tree.js";

const STARTERS = ["Hello! How are you?", "What is your name?", "Tell me a short story."];

// Asks with the text and the files chosen.
function ask(text) {
  const content = text.trim();
  if (running() || (!content && !anyFiles())) return;
  const files = takeFiles();
  const chat = currentOrNew();
  $("ask").value = "";
  grow();
  send(chat, path(chat).at(-1)?.id ?? null, { content, ...(files.length ? { files } : {}) });
  toEnd(true);
}

export const stop = () => running()?.stop();

function refresh() {
  const go = $("go"), busy = Boolean(running());
  go.classList.toggle("stop", busy);
  go.setAttribute("aria-label", busy ? "Stop" : "Send");
  go.disabled = !busy && !$("ask").value.trim() && !anyFiles();
}

function grow() {
  const a = $("ask");
  a.style.height = "auto";
  a.style.height = `${a.scrollHeight}px`;
  refresh();
}

function keyDown(e) {
  if (e.key === "ArrowUp" && !$("ask").value && current()) {
    e.preventDefault();
    editLast();
  }
  if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
  e.preventDefault();
  ask($("ask").value);
}

export function beginCompose() {
  beginAttach(refresh);
  $("ask").addEventListener("input", grow);
  $("ask").addEventListener("keydown", keyDown);
  $("form").addEventListener("submit", (e) => {
    e.preventDefault();
    if (running()) stop();
    else ask($("ask").value);
  });
  for (const text of STARTERS) {
    const li = make("li");
    li.append(button(text, "", () => ask(text)));
    $("starters").append(li);
  }
  on("run", refresh);
}
