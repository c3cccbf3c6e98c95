// markdown.js - shows Markdown while it grows.
//
// A text is a row of blocks (paragraphs, lists, code ...), and more text can only change the last
// one.  So what stands before it is settled: it keeps its elements and is never parsed again, and a
// long answer costs its last block per update.

import { Lexer, Marked, Parser } from "./vendor/marked.esm.js";
import { codeBlock, highlight } from "./code.js";
import { make } from "./dom.js";
import { drawMaths, texExtension } from "./math.js";
import { cleanAnswer, safeLink } from "./sanitize.js";

const PLAIN_TAG = /^<\/?(?:br|sub|sup|kbd)\s*\/?>$/i; // what of HTML an answer may use; all else is text
const SELF_ENDED = new Set(["code", "heading", "hr"]);
const BARE_NUMBER = /^ {0,3}\d{1,9}[.)]?$/; // may become the next item of the list before it
const CLOSED = /\n {0,3}(?:`{3,}|~{3,})[ \t]*\n*$/;

const escapeAll = (s) => s.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const escapeText = (s) => s.replace(/&(?!#?\w{1,31};)|[<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const renderer = {
  html: ({ text, block }) => (PLAIN_TAG.test(text.trim()) ? text
    : block ? `<p>${escapeAll(text.trim()).replace(/\n/g, "<br>")}</p>` : escapeAll(text)),
  text(token) {
    return token.tokens ? this.parser.parseInline(token.tokens) : escapeText(token.text);
  },
  code: ({ text, lang }) => `<pre><code data-lang="${escapeAll((lang || "").trim().split(/\s/)[0].slice(0, 24))}">${escapeAll(text)}</code></pre>`,
  link({ href, tokens }) {
    const words = this.parser.parseInline(tokens);
    return safeLink(href) ? `<a href="${escapeAll(href)}">${words}</a>` : words;
  },
  // Nothing is loaded from elsewhere: a picture is a link to it, or its description.
  image({ href, text }) {
    const words = escapeAll(text || "picture");
    return safeLink(href) ? `<a href="${escapeAll(href)}">${words}</a>` : words;
  },
};

const md = new Marked({ gfm: true, breaks: true });
md.use(texExtension, { renderer });

// Elements of one token, safe to show.
function drawToken(token) {
  const box = make("div", "block");
  box.append(cleanAnswer(new Parser(md.defaults).parse([token])));
  for (const code of box.querySelectorAll("pre > code")) {
    code.parentElement.replaceWith(codeBlock(code.dataset.lang, code.textContent.replace(/\n$/, "")));
  }
  for (const table of box.querySelectorAll("table")) {
    const frame = make("div", "wide");
    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", "Table");
    table.replaceWith(frame);
    frame.append(table);
  }
  drawMaths(box);
  return box;
}

export class MarkdownView {
  constructor(element) {
    this.element = element;
    this.clear();
  }

  clear() {
    this.element.replaceChildren();
    this.text = "";
    this.blocks = []; // {raw, node, lang} of every block shown
    this.settled = 0; // blocks that can't change any more
    this.from = 0; // where the first of the others begins in the text
    this.links = {}; // link definitions seen
  }

  // Shows text; `whole` says that it has ended. Text that begins like the last one costs little.
  set(text, whole = false) {
    const now = text.replace(/\r\n?/g, "\n");
    if (!now.startsWith(this.text)) this.clear();
    this.text = now;
    const tail = now.slice(this.from);
    const lexer = new Lexer(md.defaults);
    Object.assign(lexer.tokens.links, this.links);
    const tokens = lexer.lex(tail).filter((t) => t.type !== "space");
    this.links = { ...lexer.tokens.links };
    tokens.forEach((token, i) => this.put(this.settled + i, token, whole || i < tokens.length - 1));
    while (this.blocks.length > this.settled + tokens.length) this.blocks.pop().node.remove();
    if (whole && this.from && Object.keys(this.links).length) this.again();
    else this.settle(tail, tokens);
  }

  // A definition may come after its links have settled: then the whole text is shown once more.
  again() {
    const text = this.text;
    this.clear();
    this.set(text, true);
  }

  put(i, token, whole) {
    let block = this.blocks[i];
    if (!block || (block.raw !== token.raw && !this.grow(block, token))) {
      const node = drawToken(token);
      if (block) block.node.replaceWith(node);
      else this.element.append(node);
      block = this.blocks[i] = { raw: token.raw, node, lang: token.type === "code" ? token.lang : undefined };
    }
    if (whole || CLOSED.test(token.raw)) block.node.querySelectorAll(".code").forEach(highlight);
  }

  // Open code that got longer keeps its box (and where the reader has scrolled it); false if it is
  // something else.
  grow(old, token) {
    if (token.type !== "code" || old.lang !== token.lang) return false;
    const code = old.node.querySelector("code");
    const text = token.text.replace(/\n$/, "");
    if (!code || !text.startsWith(code.textContent)) return false;
    code.append(text.slice(code.textContent.length));
    old.raw = token.raw;
    return true;
  }

  // Moves past the blocks that can't change any more: those before the last which a blank line or
  // their own form ends. Where the parser's account of the text has a gap, nothing moves.
  settle(tail, tokens) {
    const base = this.from, first = this.settled;
    let at = 0;
    for (let i = 0; i + 1 < tokens.length; i++) {
      const token = tokens[i], next = tokens[i + 1];
      const begin = tail.indexOf(token.raw, at);
      const then = tail.indexOf(next.raw, begin + token.raw.length);
      if (begin < 0 || then < 0 || tail.slice(at, begin).trim()) return;
      at = begin + token.raw.length;
      const blank = /\n[ \t]*\n[ \t\n]*$/.test(tail.slice(begin, then));
      if (!blank && !SELF_ENDED.has(token.type)) continue;
      if (token.type === "list" && BARE_NUMBER.test(next.raw)) continue;
      this.settled = first + i + 1;
      this.from = base + at;
    }
  }
}
