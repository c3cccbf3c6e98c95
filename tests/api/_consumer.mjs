// _consumer.mjs - the page's reader of streams (serve/web/chat.js) over streams that come in odd
// pieces, break off, or hold anything at all.  Run by tests/api/consumer.
import { readFileSync } from "node:fs";

const source = readFileSync("src/serve/web/chat.js", "utf8");
const { ask, ChatError } = await import("data:text/javascript," + encodeURIComponent(source));
let n = 0;
const ok = (yes, name) => console.log(`${yes ? "ok" : "not ok"} ${++n} - ${name}`);

// Has ask() read the pieces; what it yielded, and how it ended.
async function read(pieces) {
  globalThis.fetch = async () => new Response(new ReadableStream({
    start(c) {
      for (const p of pieces) if (p.length) c.enqueue(p);
      c.close();
    },
  }), { status: 200 });
  const said = { text: "", reasoning: "", tools: "", finish: null, usage: null, error: null };
  try {
    for await (const e of ask({}, "", undefined)) {
      said.text += e.text ?? "";
      said.reasoning += e.reasoning ?? "";
      if (e.tool) said.tools += JSON.stringify(e.tool);
      said.finish ??= e.finish ?? null;
      said.usage ??= e.usage ?? null;
    }
  } catch (e) {
    said.error = e instanceof ChatError ? "told" : `thrown: ${e}`;
  }
  return said;
}

const chunk = (delta, more = {}) =>
  `data: ${JSON.stringify({ model: "m", choices: [{ index: 0, delta, finish_reason: null, ...more }] })}\n\n`;
const whole = Buffer.from(": still here\n\n" + chunk({ role: "assistant", content: "" })
  + chunk({ reasoning_content: "h\u00e4 \u{1f525}" }) + chunk({ content: "a \"b\"\n\\u \u2028\u{1f6a2}" })
  + chunk({ tool_calls: [{ index: 0, function: { name: "f", arguments: "{\"\u00e9\":" } }] })
  + chunk({ content: "data: no event" }) + chunk({}, { finish_reason: "stop" })
  + "data: {\"choices\":[],\"usage\":{\"completion_tokens\":7}}\n\ndata: [DONE]\n\n");
const want = JSON.stringify(await read([whole]));
ok(JSON.parse(want).text === "a \"b\"\n\\u \u2028\u{1f6a2}data: no event" && JSON.parse(want).usage.completion_tokens === 7,
  "a stream in one piece");

let same = true;
for (let i = 1; i < whole.length; i++)
  same &&= JSON.stringify(await read([whole.subarray(0, i), whole.subarray(i)])) === want;
ok(same, `cut in two at each of ${whole.length} bytes it says the same`);
const bytes = [...whole].map((b) => Uint8Array.of(b));
ok(JSON.stringify(await read(bytes)) === want, "and byte by byte");

// What breaks off before the reason of its end is an error, and what came before it stays.
let good = true;
const end = whole.indexOf("\"stop\"");
for (let i = 0; i < whole.length; i++) {
  const r = await read([whole.subarray(0, i)]);
  const cut = i < end;
  good &&= (!cut || r.error === "told") && JSON.parse(want).text.startsWith(r.text) && !String(r.error).startsWith("thrown");
}
ok(good, "broken off at each byte it is no answer");

// Anything at all: a pure function of the seed.
let seed = 1;
const draw = (k) => { seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff; return (seed >> 8) % k; };
const bits = ["data: ", "\n\n", "\n", "{", "}", "[DONE]", "null", "\"choices\"", ":", "[", "]", "\u0000", "\ufffd", "data: {}\n\n",
  "data: {\"choices\":[{\"delta\":null}]}\n\n", "data: {\"choices\":{\"0\":7}}\n\n", "data: []\n\n", "data: 7\n\n", "data: null\n\n",
  "data: {\"choices\":[{\"delta\":{\"content\":{\"a\":1}}}]}\n\n", "data: {\"error\":{}}\n\n", "data: {\"error\":\"x\"}\n\n",
  "data: {\"choices\":[{\"delta\":{\"tool_calls\":7}}]}\n\n", "event: x\nid: 3\n\n", "\r\n\r\n"];
let thrown = "";
for (let i = 0; i < 3000 && !thrown; i++) {
  const pieces = [];
  for (let k = draw(30); k >= 0; k--) {
    const p = draw(4) ? Buffer.from(bits[draw(bits.length)]) : Buffer.from(whole.subarray(draw(whole.length), draw(whole.length)));
    if (p.length && draw(6) === 0) p[draw(p.length)] = draw(256);
    pieces.push(p);
  }
  const r = await read(pieces);
  if (String(r.error).startsWith("thrown")) thrown = `${r.error}: ${Buffer.concat(pieces)}`;
  if (!r.error && !r.finish && !pieces.some((p) => p.includes("[DONE]"))) thrown = `no end: ${Buffer.concat(pieces)}`;
}
ok(!thrown, "3,000 streams of anything end in an answer or in words for a person");
if (thrown) console.log("# " + thrown.replaceAll("\n", "\n# "));
console.log(`1..${n}`);
