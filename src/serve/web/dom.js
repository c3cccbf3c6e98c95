// dom.js - the few ways in which the page makes elements, hands out text and announces things.

export const $ = (id) => document.getElementById(id);

// An element with a class and text; never reads HTML.
export function make(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

// A button; `label` is its name for who can't see it, where the text alone does not say enough.
export function button(text, className, onClick, label) {
  const b = make("button", className, text);
  b.type = "button";
  if (label) {
    b.setAttribute("aria-label", label);
    b.title = label;
  }
  b.addEventListener("click", onClick);
  return b;
}

// A line drawing of 20 by 20.
export function drawing(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const p = document.createElementNS(svg.namespaceURI, "path");
  p.setAttribute("d", path);
  svg.append(p);
  return svg;
}

// A button that is a drawing; its name is for screen readers and the pointer.
export function iconButton(path, className, onClick, label) {
  const b = button("", className, onClick, label);
  b.append(drawing(path));
  return b;
}

// Puts text on the clipboard and says so in the button for a moment.
export async function copy(text, from) {
  const was = from.textContent;
  try {
    await navigator.clipboard.writeText(text);
    from.textContent = "Copied";
  } catch {
    from.textContent = "Can't copy";
  }
  setTimeout(() => { from.textContent = was; }, 1200);
}

// Hands a file to the person.
export function download(name, text) {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Tells screen readers what changed on the screen elsewhere.
export function say(words) {
  $("said").textContent = words;
}

let fade = 0;

// A line at the foot of the page for some seconds, with a way back if there is one.
export function toast(words, undo) {
  clearTimeout(fade);
  const line = $("toast");
  const end = () => { line.hidden = true; };
  line.replaceChildren(make("span", "", words));
  if (undo) line.append(button("Undo", "act", () => { end(); undo(); }));
  line.hidden = false;
  fade = setTimeout(end, 8000);
}
