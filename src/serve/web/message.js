// message.js - one message as it is shown: text, files, reasoning, tool calls, figures, and what can
// be done with it.

import { button, copy, iconButton, make } from "./dom.js";
import { rate } from "./gauge.js";
import { MarkdownView } from "./markdown.js";
import { children } from "./tree.js";

const LEFT = "M12 5l-5 5 5 5", RIGHT = "M8 5l5 5-5 5";

function statsLine(s, speed) {
  if (!s) return "";
  const parts = [];
  const v = speed ?? s.rate;
  if (s.tokens) parts.push(`${s.tokens} token${s.tokens === 1 ? "" : "s"}`);
  if (v) parts.push(`${rate(v)} tokens/s`);
  if (s.first !== undefined) parts.push(`first after ${s.first < 1000 ? Math.round(s.first) + " ms" : (s.first / 1000).toFixed(1) + " s"}`);
  if (s.cached) parts.push(`${s.cached}/${s.prompt} remembered`);
  if (s.finish === "length") parts.push("cut at the longest length");
  if (s.finish === "stopped") parts.push("stopped");
  if (!s.finish && speed === undefined) parts.push("broke off");
  return parts.join(" · ");
}

// The arrows between branches, where there are several.
function arrows(chat, node, acts) {
  const all = children(chat, node.parent);
  if (all.length < 2) return [];
  const box = make("span", "branches");
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Versions of this message");
  box.append(iconButton(LEFT, "icon small", () => acts.turn(chat, node, -1), "Previous version"),
    make("span", "", `${all.indexOf(node) + 1}/${all.length}`),
    iconButton(RIGHT, "icon small", () => acts.turn(chat, node, 1), "Next version"));
  return [box];
}

function actions(chat, node, acts) {
  const box = make("span", "acts");
  const put = (text, label, fn) => box.append(button(text, "act", fn, label));
  if (node.role === "user") {
    put("Edit", "Edit this question", () => acts.edit(chat, node));
    put("Copy", "Copy this question", (e) => copy(node.content, e.currentTarget));
  } else {
    put("Copy", "Copy this answer", (e) => copy(node.content, e.currentTarget));
    put("Again", "Answer again", () => acts.again(chat, node));
    const cut = ["length", "stopped"].includes(node.stats?.finish) || node.error || !node.stats?.finish;
    if (cut && node.content && !children(chat, node.id).length) put("Continue", "Continue this answer", () => acts.goOn(chat, node));
    put("Edit", "Edit this answer", () => acts.edit(chat, node));
    put("JSON", "Request and response as JSON", () => acts.raw(chat, node));
  }
  put("Delete", "Delete this message and what follows", () => acts.prune(chat, node));
  return box;
}

function fileList(node) {
  const list = make("ul", "files");
  list.setAttribute("aria-label", "Attached files");
  for (const f of node.files ?? []) {
    const li = make("li", ""), more = make("details", ""), pre = make("pre", "", f.text);
    pre.tabIndex = 0;
    more.append(make("summary", "", `${f.name} · ${f.text.length.toLocaleString("en")} characters`), pre);
    li.append(more);
    list.append(li);
  }
  return list;
}

// What came beside the text: reasoning and tool calls, folded.
class Aside {
  constructor() {
    this.box = make("div", "aside");
    this.thoughts = make("details", "thoughts");
    this.thoughts.append(make("summary", "", "Reasoning"), make("div", "thought-text"));
    this.calls = make("div", "calls");
    this.box.append(this.thoughts, this.calls);
  }

  set(node) {
    this.thoughts.hidden = !node.reasoning;
    this.thoughts.lastChild.textContent = node.reasoning ?? "";
    if (!node.tools && !this.calls.firstChild) return;
    this.calls.replaceChildren(...(node.tools ?? []).map((t) => {
      const one = make("details", "call");
      one.append(make("summary", "", `Calls ${t.name}`), make("pre", "", pretty(t.arguments)));
      return one;
    }));
  }
}

export function pretty(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

// Draws a message of a conversation; returns {box, update(speed), end()} for an answer under way.
export function drawMessage(chat, node, acts, live) {
  const mine = node.role === "user";
  const box = make("article", `msg ${node.role}`);
  box.setAttribute("aria-label", mine ? "You" : "Answer");
  box.dataset.id = node.id;
  if (!mine) {
    const lamp = make("img", "lamp");
    lamp.src = "/assets/logo.svg";
    lamp.alt = "";
    box.append(lamp);
  }
  const body = make("div", mine ? "text mine" : "text");
  const view = mine ? null : new MarkdownView(body);
  const aside = mine ? null : new Aside();
  const fault = make("p", "fault");
  const meta = make("div", "meta");
  const stats = make("span", "stats");
  fault.setAttribute("role", "alert");
  const draw = (speed, whole) => {
    if (mine) body.textContent = node.content;
    else view.set(node.content, whole);
    aside?.set(node);
    stats.textContent = mine ? "" : statsLine(node.stats, speed);
    fault.textContent = node.error ?? "";
  };
  const tools = () => meta.replaceChildren(...arrows(chat, node, acts), actions(chat, node, acts), ...(mine ? [] : [stats]));
  draw(undefined, !live);
  if (!live) tools();
  box.classList.toggle("live", live);
  if (live) {
    box.setAttribute("aria-busy", "true");
    meta.append(stats);
  }
  box.append(...(aside ? [aside.box] : []), ...(node.files?.length ? [fileList(node)] : []), body, fault, meta);
  if (mine && !node.content) body.hidden = true;
  return {
    box,
    update: (speed) => { draw(speed, false); acts.grew(); },
    end: () => {
      draw(undefined, true);
      tools();
      box.classList.remove("live");
      box.removeAttribute("aria-busy");
      acts.grew();
    },
  };
}
