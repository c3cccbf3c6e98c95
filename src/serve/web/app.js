// app.js - the page itself: what is on it and what happens when it is used.

import { ask, ChatError, model } from "./chat.js";
import { addChat, DEFAULTS, load, save } from "./store.js";
import { TextView } from "./text.js";
import { offerTraining } from "./train.js";

const $ = (id) => document.getElementById(id);
const state = load();
let running = null; // {abort, chat} while an answer is being made

const STARTERS = ["Hello! How are you?", "What is your name?", "Tell me a short story."];

// ---- small things ----

function make(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

function button(text, className, onClick, label) {
  const b = make("button", className, text);
  b.type = "button";
  if (label) b.setAttribute("aria-label", label);
  b.addEventListener("click", onClick);
  return b;
}

async function copy(text, from) {
  const was = from.textContent;
  try {
    await navigator.clipboard.writeText(text);
    from.textContent = "Copied";
  } catch {
    from.textContent = "Can't copy";
  }
  setTimeout(() => { from.textContent = was; }, 1200);
}

const current = () => state.chats.find((c) => c.id === state.current) || null;

// ---- the telegraph: how fast the engine turns ----

function telegraph(tokensPerSecond) {
  const on = tokensPerSecond > 0;
  // 1 token/s at the left stop, 1,000 at the right one
  const share = on ? Math.min(1, Math.max(0.03, Math.log10(tokensPerSecond) / 3)) : 0;
  $("needle").style.transform = `rotate(${-78 + 156 * share}deg)`;
  const words = on ? `${rate(tokensPerSecond)} tok/s` : running ? "reading" : "standing by";
  $("speed").textContent = words;
  $("telegraph").classList.toggle("idle", !on && !running);
  $("telegraph").setAttribute("aria-label", `Speed: ${words}`);
}

const rate = (v) => (v >= 100 ? Math.round(v).toString() : v.toFixed(1));

// ---- messages ----

function statsLine(s) {
  if (!s) return "";
  const parts = [];
  if (s.tokens) parts.push(`${s.tokens} token${s.tokens === 1 ? "" : "s"}`);
  if (s.rate) parts.push(`${rate(s.rate)} tokens/s`);
  if (s.first !== undefined) parts.push(`first after ${s.first < 1000 ? Math.round(s.first) + " ms" : (s.first / 1000).toFixed(1) + " s"}`);
  if (s.finish === "length") parts.push("cut at the longest length");
  if (s.finish === "stopped") parts.push("stopped");
  return parts.join(" · ");
}

// Draws one message; returns what an answer under way needs to change it.
function drawMessage(chat, index) {
  const message = chat.messages[index];
  const box = make("article", `msg ${message.role}`);
  box.setAttribute("aria-label", message.role === "user" ? "You" : "Answer");
  if (message.role === "assistant") {
    const lamp = make("img", "lamp");
    lamp.src = "/assets/logo.svg";
    lamp.alt = "";
    box.append(lamp);
  }
  const text = make("div", "text");
  const view = new TextView(text, copy);
  view.set(message.content);
  const fault = make("p", "fault", message.error || "");
  fault.setAttribute("role", "alert");
  const meta = make("div", "meta");
  const stats = make("span", "stats", statsLine(message.stats));
  const acts = make("span", "acts");
  if (message.role === "user") {
    acts.append(button("Edit", "act", () => edit(chat, index), "Edit this question"));
  } else {
    acts.append(button("Copy", "act", (e) => copy(message.content, e.currentTarget), "Copy this answer"));
    acts.append(button("Again", "act", () => again(chat, index), "Answer again"));
  }
  meta.append(...(message.role === "user" ? [acts] : [acts, stats]));
  box.append(text, fault, meta);
  $("log").append(box);
  return { box, view, stats, fault };
}

function drawChat() {
  const chat = current();
  $("log").replaceChildren();
  $("hello").hidden = Boolean(chat && chat.messages.length);
  if (chat) chat.messages.forEach((_, i) => drawMessage(chat, i));
  drawList();
  toEnd(true);
}

function drawList() {
  $("chats").replaceChildren(...state.chats.filter((c) => c.messages.length).map((chat) => {
    const li = make("li", chat.id === state.current ? "on" : "");
    const pick = button(chat.title || "New chat", "pick", () => open(chat.id));
    if (chat.id === state.current) pick.setAttribute("aria-current", "true");
    const drop = button("", "icon drop", () => forget(chat), `Delete “${chat.title}”`);
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 20 20");
    const path = document.createElementNS(svg.namespaceURI, "path");
    path.setAttribute("d", "M5 5l10 10M15 5L5 15");
    svg.append(path);
    drop.append(svg);
    li.append(pick, drop);
    return li;
  }));
}

// ---- scrolling: follow the answer unless the reader has gone up ----

let following = true;

function toEnd(force) {
  if (force) following = true;
  if (following) $("scroll").scrollTop = $("scroll").scrollHeight;
}

$("scroll").addEventListener("scroll", () => {
  const s = $("scroll");
  following = s.scrollHeight - s.scrollTop - s.clientHeight < 40;
  $("latest").hidden = following;
});
$("latest").addEventListener("click", () => toEnd(true));

// ---- conversations ----

function open(id) {
  stop();
  state.current = id;
  save(state);
  menu(false);
  drawChat();
  $("ask").focus();
}

function newChat() {
  stop();
  state.chats = state.chats.filter((c) => c.messages.length);
  state.current = null;
  save(state);
  menu(false);
  drawChat();
  $("ask").focus();
}

function forget(chat) {
  if (running?.chat === chat) stop();
  state.chats = state.chats.filter((c) => c !== chat);
  if (state.current === chat.id) state.current = null;
  save(state);
  drawChat();
}

function edit(chat, index) {
  stop();
  $("ask").value = chat.messages[index].content;
  chat.messages.length = index;
  save(state);
  drawChat();
  grow();
  $("ask").focus();
}

function again(chat, index) {
  stop();
  chat.messages.length = index;
  drawChat();
  answer(chat);
}

// ---- asking ----

function requestFor(chat) {
  const s = state.settings;
  const request = {
    messages: chat.messages.filter((m) => m.content).map(({ role, content }) => ({ role, content })),
    temperature: Number(s.temperature),
  };
  if (s.system.trim()) request.messages.unshift({ role: "system", content: s.system });
  if (/^-?\d{1,18}$/.test(s.seed)) request.seed = Number(s.seed);
  if (/^[1-9]\d{0,6}$/.test(s.max)) request.max_tokens = Number(s.max);
  return request;
}

// Gathers what a stream brings and shows it once a frame.
class Live {
  constructor(message, parts) {
    this.message = message;
    this.parts = parts;
    this.began = performance.now();
    this.chunks = 0;
    this.frame = 0;
    this.message.stats = {};
  }

  text(piece) {
    const now = performance.now();
    if (!this.chunks) {
      this.first = now;
      this.message.stats.first = now - this.began;
    }
    this.chunks++;
    this.last = now;
    this.message.content += piece;
    this.frame ||= requestAnimationFrame(() => this.show());
  }

  // Tokens a second after the first; chunks stand for tokens until the server has counted.  A short
  // answer may come in one piece: then the wait for it is all the time there is to go by.
  speed(tokens) {
    const stream = this.last - this.first;
    const [n, ms] = stream > 100 ? [tokens - 1, stream] : [tokens, this.last - this.began];
    return n > 0 && ms > 0 ? (n * 1000) / ms : 0;
  }

  show() {
    this.frame = 0;
    this.parts.view.set(this.message.content);
    this.parts.stats.textContent = statsLine({ ...this.message.stats, rate: this.speed(this.chunks) });
    telegraph(this.speed(this.chunks));
    toEnd(false);
  }

  // The end: counts are the server's where it sent them.
  end(finish, usage, error) {
    cancelAnimationFrame(this.frame);
    const s = this.message.stats;
    s.tokens = usage ? usage.completion_tokens : this.chunks;
    s.rate = this.chunks ? this.speed(s.tokens) : 0;
    if (finish) s.finish = finish;
    if (error) this.message.error = error;
    this.parts.fault.textContent = error || "";
    this.show();
    this.parts.stats.textContent = statsLine(s);
    this.parts.box.classList.remove("live");
    this.parts.box.removeAttribute("aria-busy");
  }
}

// Answers the last message of a chat.
async function answer(chat) {
  const request = requestFor(chat);
  const message = { role: "assistant", content: "" };
  const me = { abort: new AbortController(), chat };
  chat.messages.push(message);
  const parts = drawMessage(chat, chat.messages.length - 1);
  parts.box.classList.add("live");
  parts.box.setAttribute("aria-busy", "true");
  const live = new Live(message, parts);
  running = me;
  busy();
  toEnd(true);
  let finish, usage, error;
  try {
    for await (const event of ask(request, me.abort.signal)) {
      if (event.text) live.text(event.text);
      if (event.finish) finish = event.finish;
      if (event.usage) usage = event.usage;
    }
  } catch (e) {
    if (e.name === "AbortError") finish = "stopped";
    else error = e instanceof ChatError ? e.message : `The page failed: ${e.message}`;
  }
  live.end(finish, usage, error);
  if (running === me) running = null;
  save(state);
  busy();
}

function send(text) {
  const question = text.trim();
  if (!question || running) return;
  const chat = current() || addChat(state);
  if (!chat.title) chat.title = question.slice(0, 60).replace(/\s+/g, " ");
  chat.messages.push({ role: "user", content: question });
  $("hello").hidden = true;
  drawMessage(chat, chat.messages.length - 1);
  $("ask").value = "";
  grow();
  save(state);
  drawList();
  answer(chat);
}

function stop() {
  if (!running) return;
  running.abort.abort();
  running = null;
  busy();
}

// ---- the question field ----

function busy() {
  const go = $("go");
  go.classList.toggle("stop", Boolean(running));
  go.setAttribute("aria-label", running ? "Stop" : "Send");
  go.disabled = !running && !$("ask").value.trim();
  telegraph(0);
}

function grow() {
  const a = $("ask");
  a.style.height = "auto";
  a.style.height = `${a.scrollHeight}px`;
  $("go").disabled = !running && !a.value.trim();
}

$("ask").addEventListener("input", grow);
$("ask").addEventListener("keydown", (e) => {
  if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
  e.preventDefault();
  send($("ask").value);
});
$("form").addEventListener("submit", (e) => {
  e.preventDefault();
  if (running) stop();
  else send($("ask").value);
});
document.addEventListener("keydown", (e) => {
  if (e.key === "Escape" && $("side").classList.contains("open")) menu(false);
  else if (e.key === "Escape" && !$("settings").open) stop();
  if (e.ctrlKey && e.shiftKey && e.key.toLowerCase() === "o") {
    e.preventDefault();
    newChat();
  }
});

// ---- the bar ----

function menu(on) {
  $("side").classList.toggle("open", on);
  $("shade").hidden = !on;
  $("menu").setAttribute("aria-expanded", String(on));
}

$("menu").addEventListener("click", () => menu(!$("side").classList.contains("open")));
$("shade").addEventListener("click", () => menu(false));
$("new").addEventListener("click", newChat);

// ---- settings ----

function showSettings() {
  const s = state.settings;
  $("set-system").value = s.system;
  $("set-temperature").value = s.temperature;
  $("out-temperature").textContent = Number(s.temperature).toFixed(2);
  $("set-seed").value = s.seed;
  $("set-max").value = s.max;
}

$("settings-form").addEventListener("input", () => {
  state.settings = {
    system: $("set-system").value,
    temperature: Number($("set-temperature").value),
    seed: $("set-seed").value.trim(),
    max: $("set-max").value.trim(),
  };
  $("out-temperature").textContent = state.settings.temperature.toFixed(2);
  save(state);
});
$("set-reset").addEventListener("click", () => {
  state.settings = { ...DEFAULTS };
  showSettings();
  save(state);
});
$("gear").addEventListener("click", () => {
  showSettings();
  $("settings").showModal();
});

// ---- the start ----

for (const text of STARTERS) {
  const li = make("li");
  li.append(button(text, "", () => send(text)));
  $("starters").append(li);
}

model().then((m) => {
  const size = m.parameters >= 1e9 ? `${(m.parameters / 1e9).toFixed(1)} B` : `${(m.parameters / 1e6).toFixed(1)} M`;
  $("model").textContent = m.parameters ? `${m.id} · ${size} parameters` : m.id;
  $("hello-model").textContent = m.id;
}).catch(() => {
  $("model").textContent = "the server can't be reached";
});

drawChat();
busy();
$("ask").focus();
offerTraining();
