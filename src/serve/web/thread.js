// thread.js - the conversation on the screen: its messages, branches, editing in place, scrolling.

import { answer, goOn, send } from "./answer.js";
import { $, button, make, toast } from "./dom.js";
import { drawMessage } from "./message.js";
import { showRaw } from "./raw.js";
import { changed, current, on, state, touch } from "./state.js";
import { add, children, path, prune, turn } from "./tree.js";

// ---- scrolling: follow the answer unless the reader has gone up ----

let following = true;

export function toEnd(force) {
  if (force) following = true;
  if (following) $("scroll").scrollTop = $("scroll").scrollHeight;
}

function watchScroll() {
  $("scroll").addEventListener("scroll", () => {
    const s = $("scroll");
    following = s.scrollHeight - s.scrollTop - s.clientHeight < 40;
    $("latest").hidden = following;
  });
  $("latest").addEventListener("click", () => toEnd(true));
}

// ---- what can be done with a message ----

const free = (chat) => !state.runs.has(chat.id);

const acts = {
  grew: () => toEnd(false),
  edit: (chat, node) => free(chat) && editor(chat, node),
  again: (chat, node) => free(chat) && answer(chat, chat.nodes[node.parent]),
  goOn,
  raw: showRaw,
  turn(chat, node, step) {
    if (!free(chat)) return;
    const shown = turn(chat, node, step);
    touch(chat);
    changed("thread");
    document.querySelector(`[data-id="${shown.id}"] .branches button:${step < 0 ? "first" : "last"}-of-type`)?.focus();
  },
  prune(chat, node) {
    if (!free(chat)) return;
    const before = structuredClone({ nodes: chat.nodes, picks: chat.picks });
    prune(chat, node);
    touch(chat);
    changed("thread");
    toast("Message deleted.", () => {
      Object.assign(chat, before);
      touch(chat);
      changed("thread");
    });
  },
};

// Puts a field in place of a message. What is written there becomes a branch beside it; a question is
// asked, an answer is taken as it stands.
function editor(chat, node) {
  const box = document.querySelector(`[data-id="${node.id}"]`);
  const form = make("form", "editor");
  const field = make("textarea", "");
  const done = button(node.role === "user" ? "Send" : "Save", "solid", () => {});
  field.value = node.content;
  field.setAttribute("aria-label", node.role === "user" ? "Edited question" : "Edited answer");
  done.type = "submit";
  const row = make("div", "row");
  row.append(button("Cancel", "quiet", () => changed("thread")), done);
  form.append(field, row);
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const content = field.value.trim();
    if (!content && !node.files?.length) return;
    if (node.role === "user") {
      send(chat, node.parent, { content, ...(node.files ? { files: node.files } : {}) });
    } else {
      add(chat, node.parent, { role: "assistant", content, stats: { finish: "stop" } });
      touch(chat);
      changed("thread");
    }
  });
  field.addEventListener("keydown", (e) => {
    if (e.key === "Escape") {
      e.stopPropagation();
      changed("thread");
    }
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) form.requestSubmit();
  });
  box.replaceChildren(form);
  box.classList.add("editing");
  field.style.height = `${Math.min(field.scrollHeight + 4, innerHeight / 2)}px`;
  field.focus();
}

// Edits the last question, as the arrow up in an empty field asks for.
export function editLast() {
  const chat = current();
  const last = chat && path(chat).findLast((n) => n.role === "user");
  if (last) acts.edit(chat, last);
}

// ---- drawing ----

let shown = null; // id of the conversation drawn last
let drawn = new Map(); // its messages: {node, sign, parts} by id, so that what is as before is not drawn again

// All that decides how a message looks.
function sign(chat, node) {
  const all = children(chat, node.parent);
  return JSON.stringify([node.content, node.error, node.stats, all.length, all.indexOf(node), children(chat, node.id).length > 0]);
}

// A message's element: the one there is, if it still holds.
function boxOf(chat, node, run) {
  const live = run?.node === node, now = live ? null : sign(chat, node), old = drawn.get(node.id);
  if (!live && old && old.node === node && old.sign === now && !old.parts.box.classList.contains("editing")) return old;
  const parts = drawMessage(chat, node, acts, live);
  if (live) run.parts = parts;
  return { node, sign: now, parts };
}

function drawThread() {
  const chat = current();
  const messages = chat ? path(chat) : [];
  const run = chat && state.runs.get(chat.id);
  const log = $("log");
  const within = log.contains(document.activeElement);
  if (shown !== state.current) drawn.clear();
  drawn = new Map(messages.map((node) => [node.id, boxOf(chat, node, run)]));
  log.setAttribute("aria-live", "off"); // what was said before is not news
  log.replaceChildren(...[...drawn.values()].map((d) => d.parts.box));
  requestAnimationFrame(() => log.setAttribute("aria-live", "polite"));
  if (within && matchMedia("(pointer: fine)").matches) $("ask").focus({ preventScroll: true });
  $("hello").hidden = messages.length > 0;
  document.title = chat?.title ? `${chat.title} · Stokehold` : "Stokehold";
  if (shown !== state.current || run) toEnd(true);
  shown = state.current;
}

export function beginThread() {
  watchScroll();
  on("thread", drawThread);
}
