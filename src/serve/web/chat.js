// chat.js - asks the server and yields the answer as it comes.

// A refusal or fault in words for a person.
export class ChatError extends Error {}

// Headers of every request; a key only if the person gave one.
export const headers = (key, more = {}) => (key ? { ...more, Authorization: `Bearer ${key}` } : more);

// What a failed answer says, from OpenAI's error object if there is one.
async function refusal(response) {
  let message = `The server answered ${response.status}.`;
  try {
    const body = await response.json();
    if (body.error?.message) message = sentence(body.error.message);
  } catch { /* not JSON: the status has to do */ }
  const wait = response.headers.get("retry-after");
  if (wait && response.status === 429) message = `The server is busy. Try again in ${wait} s.`;
  if (response.status === 401) message += " A key can be entered in the settings.";
  return new ChatError(message);
}

function sentence(text) {
  const s = text.trim();
  return s.charAt(0).toUpperCase() + s.slice(1) + (/[.!?]$/.test(s) ? "" : ".");
}

// Data lines of a server-sent event stream, one string an event.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    let end;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      const event = rest.slice(0, end);
      rest = rest.slice(end + 2);
      if (event.startsWith("data: ")) yield event.slice(6);
    }
  }
}

// What one chunk brings.
function* parts(chunk) {
  const choice = chunk.choices?.[0];
  const delta = choice?.delta ?? {};
  if (chunk.model) yield { model: chunk.model };
  if (delta.reasoning_content) yield { reasoning: delta.reasoning_content };
  if (delta.content) yield { text: delta.content };
  for (const call of delta.tool_calls ?? []) yield { tool: call };
  if (choice?.finish_reason) yield { finish: choice.finish_reason };
  if (chunk.usage) yield { usage: chunk.usage };
}

// Asks; yields {data} (each event as it came), {model}, {text}, {reasoning}, {tool}, {finish} and
// {usage}. Aborting the signal ends it with an AbortError.
export async function* ask(request, key, signal) {
  let response;
  try {
    response = await fetch("/v1/chat/completions", {
      method: "POST",
      headers: headers(key, { "Content-Type": "application/json" }),
      body: JSON.stringify(request),
      signal,
    });
  } catch (e) {
    if (e.name === "AbortError") throw e;
    throw new ChatError("The server can't be reached. Is it still running?");
  }
  if (!response.ok) throw await refusal(response);
  let finished = false;
  try {
    for await (const data of events(response.body)) {
      yield { data };
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new ChatError(sentence(chunk.error.message));
      for (const part of parts(chunk)) {
        finished ||= Boolean(part.finish);
        yield part;
      }
    }
  } catch (e) {
    if (e.name === "AbortError" || e instanceof ChatError) throw e;
    throw new ChatError("The connection broke off.");
  }
  if (!finished) throw new ChatError("The answer broke off.");
}

// The models that are served: [{id, context_length, parameters, ...}].
export async function models(key) {
  const response = await fetch("/v1/models", { headers: headers(key) });
  if (!response.ok) throw await refusal(response);
  return (await response.json()).data;
}
