// math.js - formulas: finds TeX in Markdown and shows it as MathML.

import { cleanMaths } from "./sanitize.js";

const LONGEST = 4000; // characters of one formula
const INLINE = [
  [/^\$\$((?:[^$\\]|\\[^])+?)\$\$/, true],
  [/^\$(?!\s)((?:[^$\\\n]|\\[^\n])+?)(?<!\s)\$(?!\d)/, false], // "$5 and $6" is money
  [/^\\\(([^]+?)\\\)/, false],
  [/^\\\[([^]+?)\\\]/, true],
];
const BLOCK = [
  /^ {0,3}\$\$((?:[^$\\]|\\[^])+?)\$\$[ \t]*(?:\n+|$)/,
  /^ {0,3}\\\[([^]+?)\\\][ \t]*(?:\n+|$)/,
];
const OPEN = /^ {0,3}(?:\$\$|\\\[)[ \t]*(?:\n[^]*)?$/; // a display formula whose end has not come yet

let engine;
const load = () => engine ??= import("./vendor/temml.min.js").then((m) => m.default);

const escapeAttribute = (s) => s.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const place = (token) => `<span data-tex="${escapeAttribute(token.tex)}"${token.display ? ' data-display="1"' : ""}></span>`;

const inline = {
  name: "tex",
  level: "inline",
  start: (src) => {
    const at = src.search(/\$|\\[([]/);
    return at < 0 ? undefined : at;
  },
  tokenizer(src) {
    for (const [re, display] of INLINE) {
      const m = re.exec(src);
      if (m && m[1].length <= LONGEST) return { type: "tex", raw: m[0], tex: m[1].trim(), display };
    }
    return undefined;
  },
  renderer: place,
};

const block = {
  name: "texBlock",
  level: "block",
  start: (src) => /\n {0,3}(?:\$\$|\\\[)/.exec(src)?.index,
  tokenizer(src) {
    for (const re of BLOCK) {
      const m = re.exec(src);
      if (m) return { type: "texBlock", raw: m[0], tex: m[1].trim(), display: true };
    }
    const m = OPEN.exec(src);
    return m ? { type: "texBlock", raw: m[0], tex: "", display: true } : undefined;
  },
  renderer: (token) => `<p>${place(token)}</p>`,
};

// What a Markdown parser needs to find formulas.
export const texExtension = { extensions: [inline, block] };

async function draw(span) {
  const tex = span.dataset.tex;
  span.textContent = tex; // the source stands there until it is drawn, and stays if it can't be
  if (!tex || tex.length > LONGEST) return;
  try {
    const temml = await load();
    const box = document.createElement("span");
    temml.render(tex, box, { displayMode: Boolean(span.dataset.display), throwOnError: true, trust: false, maxSize: [30, 300], maxExpand: 300 });
    cleanMaths(box);
    span.replaceChildren(...box.childNodes);
    span.className = "formula";
    span.title = tex;
  } catch {
    span.className = "tex-source";
  }
}

// Draws all formulas in an element.
export const drawMaths = (root) => root.querySelectorAll("[data-tex]").forEach(draw);
