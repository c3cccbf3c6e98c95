// text.js - shows text as paragraphs and fenced code, by DOM nodes only: what the model writes is
// never read as HTML.

// Cuts text into blocks {kind: "p" | "code", lang, text}. An open fence is a block up to the end.
export function blocks(text) {
  const out = [];
  let para = [];
  let code = null;
  const flush = () => {
    const joined = para.join("\n");
    if (joined.trim()) out.push({ kind: "p", lang: "", text: joined });
    para = [];
  };
  for (const line of text.split("\n")) {
    const fence = /^\s{0,3}```(.*)$/.exec(line);
    if (code && fence && !fence[1].trim()) {
      out.push(code);
      code = null;
    } else if (code) {
      code.text += (code.text ? "\n" : "") + line;
    } else if (fence) {
      flush();
      code = { kind: "code", lang: fence[1].trim().slice(0, 24), text: "" };
    } else if (line.trim() === "") {
      flush();
    } else {
      para.push(line);
    }
  }
  flush();
  if (code) out.push(code);
  return out;
}

function make(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

// Text with `code` spans.
function fillInline(p, text) {
  p.replaceChildren();
  text.split(/(`[^`\n]+`)/).forEach((part, i) => {
    if (part) p.append(i % 2 ? make("code", "", part.slice(1, -1)) : part);
  });
}

function codeBlock(block, copy) {
  const box = make("div", "code");
  const head = make("header", "");
  const button = make("button", "act", "Copy");
  button.type = "button";
  button.addEventListener("click", () => copy(box.querySelector("pre").textContent, button));
  head.append(make("span", "", block.lang || "text"), button);
  const pre = make("pre", "");
  pre.tabIndex = 0;
  pre.append(make("code", "", block.text));
  box.append(head, pre);
  return box;
}

// Shows text in an element and, called again with more of it, changes only the blocks that differ:
// a long answer costs its last paragraph per update, not all of it.
export class TextView {
  constructor(element, copy) {
    this.element = element;
    this.copy = copy;
    this.shown = [];
  }

  set(text) {
    const now = blocks(text);
    const same = (a, b) => a && b && a.kind === b.kind && a.lang === b.lang && a.text === b.text;
    let i = 0;
    while (same(now[i], this.shown[i])) i++;
    for (; i < now.length; i++) this.put(i, now[i]);
    while (this.element.childNodes.length > now.length) this.element.lastChild.remove();
    this.shown = now;
  }

  put(i, block) {
    const old = this.element.childNodes[i];
    const alike = old && this.shown[i] && this.shown[i].kind === block.kind && this.shown[i].lang === block.lang;
    const node = alike ? old : block.kind === "p" ? make("p", "") : codeBlock(block, this.copy);
    if (block.kind === "p") fillInline(node, block.text);
    else node.querySelector("code").textContent = block.text;
    if (alike) return;
    if (old) old.replaceWith(node);
    else this.element.append(node);
  }
}
