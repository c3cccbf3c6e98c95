// code.js - blocks of code: their language, a button that copies them, and highlighting once they end.

import { button, copy, make } from "./dom.js";
import { cleanSpans } from "./sanitize.js";

const LONGEST = 60000; // characters; longer code stays plain

let engine;
const load = () => engine ??= import("./vendor/highlight.min.js").then((m) => m.default);

// A block of code. `language` is what stood behind the fence.
export function codeBlock(language, text) {
  const box = make("div", "code");
  box.dataset.lang = language;
  const head = make("div", "code-head");
  const pre = make("pre", "");
  pre.tabIndex = 0; // long lines scroll, by keys too
  pre.setAttribute("role", "region");
  pre.setAttribute("aria-label", `Code${language ? ", " + language : ""}`);
  const code = make("code", "", text);
  pre.append(code);
  head.append(make("span", "", language || "text"),
    button("Copy", "act", (e) => copy(code.textContent, e.currentTarget), "Copy this code"));
  box.append(head, pre);
  return box;
}

// Colours a block whose text is whole, if its language is known. Once is enough.
export async function highlight(box) {
  const code = box.querySelector("code");
  const language = box.dataset.lang, text = code.textContent;
  if (!language || text.length > LONGEST || box.dataset.lit === String(text.length)) return;
  box.dataset.lit = String(text.length);
  const hljs = await load();
  if (!hljs.getLanguage(language) || code.textContent !== text) return;
  code.replaceChildren(cleanSpans(hljs.highlight(text, { language, ignoreIllegals: true }).value));
}
