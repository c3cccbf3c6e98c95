// raw.js - the request and the response of an answer as JSON, for those who want to see them.

import { rawEvents, requestFor } from "./answer.js";
import { $, copy } from "./dom.js";
import { pathTo } from "./tree.js";

// The response in the form that a request without `stream` would have got.
function response(node) {
  const message = { role: "assistant", content: node.content };
  if (node.reasoning) message.reasoning_content = node.reasoning;
  if (node.tools) message.tool_calls = node.tools.map((f) => ({ type: "function", function: f }));
  const s = node.stats ?? {};
  return {
    object: "chat.completion",
    model: node.model,
    choices: [{ index: 0, message, finish_reason: s.finish ?? null }],
    usage: s.prompt === undefined ? undefined : {
      prompt_tokens: s.prompt,
      completion_tokens: s.tokens,
      prompt_tokens_details: { cached_tokens: s.cached ?? 0 },
    },
    error: node.error,
  };
}

// Opens the view of one answer.
export function showRaw(chat, node) {
  const events = rawEvents.get(`${chat.id}/${node.id}`);
  const texts = {
    request: JSON.stringify(requestFor(chat, pathTo(chat, chat.nodes[node.parent])), null, 2),
    response: JSON.stringify(response(node), null, 2),
    stream: events ? events.map((d) => `data: ${d}`).join("\n\n") : "",
  };
  for (const [name, text] of Object.entries(texts)) $(`raw-${name}`).textContent = text;
  $("raw-stream-part").hidden = !events;
  $("raw").showModal();
}

export function beginRaw() {
  for (const b of $("raw").querySelectorAll("[data-copy]")) {
    b.addEventListener("click", () => copy($(b.dataset.copy).textContent, b));
  }
}
