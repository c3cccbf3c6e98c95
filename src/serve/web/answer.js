// answer.js - has messages answered: makes the request, gathers what comes, and keeps it.

import { ask, ChatError } from "./chat.js";
import { say } from "./dom.js";
import { keep, leave } from "./store.js";
import { changed, state, touch } from "./state.js";
import { add, pathTo } from "./tree.js";

const MOST_RAW = 4_000_000; // characters of raw events remembered for the JSON view
const KEEP_EVERY = 2000; // ms between two savings of an answer under way

// Raw events of the answers made since the page was opened, by conversation and message.
export const rawEvents = new Map();

// Text of attached files as the model gets it: fenced, with a fence longer than any in the text.
export function fenced({ name, text }) {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((m) => m[0].length));
  const fence = "`".repeat(longest + 1);
  return `${name}:\n${fence}\n${text}${text.endsWith("\n") ? "" : "\n"}${fence}`;
}

const said = (n) => [...(n.files ?? []).map(fenced), n.content].filter(Boolean).join("\n\n");

// The request that has the last of some messages answered; or, if it is an answer, gone on with from
// its last letter.
export function requestFor(chat, messages, more) {
  const s = chat.settings;
  const list = messages.map((n) => ({ role: n.role, content: said(n) })).filter((m) => m.content);
  if (s.system.trim()) list.unshift({ role: "system", content: s.system });
  const request = { messages: list, temperature: Number(s.temperature) };
  if (more) Object.assign(request, { add_generation_prompt: false, continue_final_message: true });
  if (state.models.some((m) => m.id === s.model)) request.model = s.model;
  if (Number(s.top_p) < 1) request.top_p = Number(s.top_p);
  if (/^-?\d{1,15}$/.test(s.seed)) request.seed = Number(s.seed);
  if (/^[1-9]\d{0,6}$/.test(s.max)) request.max_tokens = Number(s.max);
  return { ...request, stream: true, stream_options: { include_usage: true } };
}

// One answer under way. `parts` (set by whoever draws the message) is told about changes.
class Run {
  constructor(chat, node) {
    this.chat = chat;
    this.node = node;
    this.abort = new AbortController();
    this.began = performance.now();
    this.saved = this.began;
    this.chunks = 0;
    this.events = [];
    this.rawSize = 0;
    this.frame = 0;
    this.parts = null;
    this.before = node.stats?.tokens ?? 0; // tokens of an answer that is gone on with
    node.stats = {};
    delete node.error;
    rawEvents.set(`${chat.id}/${node.id}`, this.events);
  }

  stop() {
    this.abort.abort();
  }

  take(event) {
    const n = this.node;
    if (event.data && this.rawSize < MOST_RAW) {
      this.events.push(event.data);
      this.rawSize += event.data.length;
    }
    if (event.model) n.model = event.model;
    if (event.finish) n.stats.finish = event.finish;
    if (event.usage) this.count(event.usage);
    if (event.text) n.content += event.text;
    if (event.reasoning) n.reasoning = (n.reasoning ?? "") + event.reasoning;
    if (event.tool) this.takeTool(event.tool);
    if (event.text || event.reasoning || event.tool) this.tick();
  }

  takeTool({ index = 0, function: f = {} }) {
    const tools = this.node.tools ??= [];
    const tool = tools[index] ??= { name: "", arguments: "" };
    tool.name += f.name ?? "";
    tool.arguments += f.arguments ?? "";
  }

  count(usage) {
    const s = this.node.stats;
    s.tokens = usage.completion_tokens;
    s.prompt = usage.prompt_tokens;
    s.cached = usage.prompt_tokens_details?.cached_tokens;
  }

  tick() {
    const now = performance.now();
    if (!this.chunks++) {
      this.first = now;
      this.node.stats.first = now - this.began;
    }
    this.last = now;
    this.frame ||= requestAnimationFrame(() => this.draw());
    if (now - this.saved < KEEP_EVERY) return;
    this.saved = now;
    keep(this.chat);
  }

  // Tokens a second after the first; chunks stand for tokens until the server has counted.  A short
  // answer may come in one piece: then the wait for it is all the time there is to go by.
  speed(tokens = this.chunks) {
    const stream = this.last - this.first;
    const [n, ms] = stream > 100 ? [tokens - 1, stream] : [tokens, this.last - this.began];
    return n > 0 && ms > 0 ? (n * 1000) / ms : 0;
  }

  draw() {
    this.frame = 0;
    this.parts?.update(this.speed());
    changed("speed");
  }

  end(error) {
    cancelAnimationFrame(this.frame);
    const s = this.node.stats;
    s.rate = this.chunks ? this.speed(s.tokens ?? this.chunks) : 0;
    s.tokens = (s.tokens ?? this.chunks) + this.before;
    if (error) this.node.error = error;
  }
}

// Follows one answer to its end.
async function follow(run, request) {
  const { chat, node } = run;
  changed("run");
  let error;
  try {
    for await (const event of ask(request, state.settings.key, run.abort.signal)) run.take(event);
  } catch (e) {
    if (e.name === "AbortError") node.stats.finish = "stopped";
    else error = e instanceof ChatError ? e.message : `The page failed: ${e.message}`;
  }
  run.end(error);
  state.runs.delete(chat.id);
  run.parts?.end();
  if (chat.nodes[node.id] && state.chats.includes(chat)) touch(chat);
  changed("run");
  if (state.current === chat.id) say(error ? "The answer failed." : "The answer is complete.");
}

// Answers a message; the answer is a new branch after it.
export function answer(chat, question) {
  if (state.runs.has(chat.id)) return;
  const request = requestFor(chat, pathTo(chat, question));
  const node = add(chat, question.id, { role: "assistant" });
  keep(chat);
  const run = new Run(chat, node);
  state.runs.set(chat.id, run);
  changed("thread");
  follow(run, request);
}

// Goes on with an answer that was cut or stopped.
export function goOn(chat, node) {
  if (state.runs.has(chat.id)) return;
  const request = requestFor(chat, pathTo(chat, node), true);
  const run = new Run(chat, node);
  state.runs.set(chat.id, run);
  changed("thread");
  follow(run, request);
}

// Asks: a new message after `parent` (an id or null), and its answer.
export function send(chat, parent, fields) {
  if (state.runs.has(chat.id)) return;
  const node = add(chat, parent, { role: "user", ...fields });
  if (!chat.title) chat.title = (fields.content || fields.files?.[0]?.name || "").slice(0, 60).replace(/\s+/g, " ");
  touch(chat);
  answer(chat, node);
}

// A page that is left keeps what has come so far; only this store is quick enough then.
addEventListener("pagehide", () => leave([...state.runs.values()].map(({ chat, node }) => [chat.id, node])));
