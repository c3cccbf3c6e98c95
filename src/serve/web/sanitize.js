// sanitize.js - the gate between what a model writes and the page.  Markdown becomes HTML, and only
// what is named here comes through it: no scripts, no styles, no images, no forms, no other origins'
// parts.  The page's policy (page.c) lets HTML be made from text by DOMPurify alone, nowhere else.

import "./vendor/purify.min.js";

const purify = globalThis.DOMPurify;

const TAGS = ["p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "del", "a", "ul", "ol", "li",
  "input", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "pre", "code", "sub", "sup", "kbd", "span"];
const ATTRIBUTES = ["href", "title", "start", "align", "type", "checked", "disabled", "data-lang", "data-tex", "data-display"];
const ANSWER = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ATTRIBUTES,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};
const SPANS = { ...ANSWER, ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"] };
const MATHS = {
  IN_PLACE: true,
  USE_PROFILES: { mathMl: true },
  ADD_TAGS: ["span"],
  ADD_ATTR: ["style", "class"],
  FORBID_ATTR: ["href", "xlink:href", "id", "name", "actiontype"],
};

// The address of a link, if it is one that a reader may be sent to; else null.
export function safeLink(href) {
  try {
    const url = new URL(href); // absolute ones only: an answer has no business with the server's paths
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

// Links open elsewhere, learn nothing of this page, and say where they lead.
function mendLink(a) {
  const href = safeLink(a.getAttribute("href") || "");
  if (!href) {
    a.removeAttribute("href");
    return;
  }
  a.setAttribute("href", href);
  a.setAttribute("target", "_blank");
  a.setAttribute("rel", "noopener noreferrer");
  a.setAttribute("title", href);
}

purify.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName === "A") mendLink(node);
  if (node.nodeName !== "INPUT") return;
  if (node.getAttribute("type") !== "checkbox") node.remove();
  else node.setAttribute("aria-label", node.hasAttribute("checked") ? "done" : "not done");
});

// HTML of an answer as a fragment that is safe to show.
export const cleanAnswer = (html) => purify.sanitize(html, ANSWER);

// HTML of highlighted code: spans with classes, nothing else.
export const cleanSpans = (html) => purify.sanitize(html, SPANS);

// A formula's element, cleaned where it stands.
export const cleanMaths = (element) => purify.sanitize(element, MATHS);
