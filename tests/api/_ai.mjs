// _ai.mjs - Vercel's ai package (chat completions and responses) and what Open WebUI sends, against a
// server: node _ai.mjs URL FOLDER, the folder being that of the packages.  Prints TAP lines without a plan.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { check } from './_check.mjs';
const [url, modules] = process.argv.slice(2);
const need = createRequire(modules + '/x.js');
const load = (name) => import(pathToFileURL(need.resolve(name)));
const { embed, embedMany, generateObject, generateText, jsonSchema, stepCountIs, streamObject, streamText, tool } = await load('ai');
const { createOpenAICompatible } = await load('@ai-sdk/openai-compatible');
const { createOpenAI } = await load('@ai-sdk/openai');
const { z } = await load('zod');
globalThis.AI_SDK_LOG_WARNINGS = false;
const id = (await (await fetch(url + '/v1/models')).json()).data[0].id;
const compatible = createOpenAICompatible({ name: 'stoke', baseURL: url + '/v1', apiKey: 'none', supportsStructuredOutputs: true, includeUsage: true });
const openai = createOpenAI({ baseURL: url + '/v1', apiKey: 'none' });
const weather = tool({
  description: 'of a city',
  inputSchema: z.object({ city: z.enum(['Paris', 'Oslo']) }),
  execute: async ({ city }) => `rain in ${city}`,
});
const shape = z.object({ ok: z.boolean(), kind: z.enum(['a', 'b']), n: z.number().int().min(0).max(9) });
const text = async (s) => { let t = ''; for await (const x of s.textStream) t += x; return t; };

for (const [name, model] of [['openai-compatible', compatible(id)], ['openai, chat', openai.chat(id)], ['openai, responses', openai.responses(id)]]) {
  const base = { model, prompt: 'hello', maxOutputTokens: 16, temperature: 0, maxRetries: 0 };
  const free = { ...base, temperature: 1, maxOutputTokens: 300 }; // a greedy model this young writes blanks for ever
  const whole = await generateText(base).catch((e) => ({ text: String(e) }));
  await check(`${name}: generateText`, () => whole.text.length > 0 && whole.usage.inputTokens > 0 && whole.usage.outputTokens > 0 && ['stop', 'length'].includes(whole.finishReason));
  await check(`${name}: streamText`, async () => { const s = streamText(base); return (await text(s)) === whole.text && (await s.usage).outputTokens === whole.usage.outputTokens; });
  await check(`${name}: messages`, async () => (await generateText({ ...base, prompt: undefined, system: 'Be kind.', messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }] }, { role: 'assistant', content: 'b' }, { role: 'user', content: 'c' }] })).text.length >= 0);
  await check(`${name}: a tool that must be called`, async () => {
    const r = await generateText({ ...free, tools: { weather }, toolChoice: 'required' });
    return r.finishReason === 'tool-calls' && r.toolCalls[0].toolName === 'weather' && r.toolResults[0].output.startsWith('rain in ');
  });
  await check(`${name}: a tool, streamed`, async () => {
    const s = streamText({ ...free, tools: { weather }, toolChoice: { type: 'tool', toolName: 'weather' } });
    let input = '', call;
    for await (const p of s.fullStream) { if (p.type === 'tool-input-delta') input += p.delta ?? p.inputTextDelta ?? ''; if (p.type === 'tool-call') call = p; if (p.type === 'error') throw p.error; }
    return ['Paris', 'Oslo'].includes(call.input.city) && JSON.parse(input).city === call.input.city;
  });
  await check(`${name}: steps, what the tool gave goes back`, async () => {
    const r = await generateText({ ...free, tools: { weather }, stopWhen: stepCountIs(2), prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber ? 'none' : 'required' }) });
    return r.steps.length === 2 && r.steps[0].toolResults.length === 1 && !r.steps[1].toolCalls.length;
  });
  await check(`${name}: generateObject`, async () => { const o = (await generateObject({ ...free, schema: shape })).object; return typeof o.ok === 'boolean' && 'ab'.includes(o.kind); });
  await check(`${name}: streamObject`, async () => {
    const s = streamObject({ ...free, schema: shape });
    let parts = 0;
    for await (const p of s.partialObjectStream) parts += typeof p === 'object';
    return parts > 0 && typeof (await s.object).n === 'number';
  });
  await check(`${name}: an array of objects`, async () => (await generateObject({ ...base, maxOutputTokens: 400, output: 'array', schema: jsonSchema({ type: 'object', properties: { a: { enum: [1, 2] } }, required: ['a'], additionalProperties: false }) }).catch((e) => (e.finishReason === 'length' ? { object: [] } : Promise.reject(e)))).object.length >= 0);
  await check(`${name}: an aborted stream`, async () => {
    const c = new AbortController();
    const s = streamText({ ...base, maxOutputTokens: 2000, abortSignal: c.signal, onError() {} });
    for await (const p of s.fullStream) if (p.type === 'text-delta') { c.abort(); break; }
    return (await generateText(base)).text === whole.text;
  });
  await check(`${name}: a refusal`, async () => { try { await generateText({ ...base, maxOutputTokens: 10_000_000 }); } catch (e) { return e.statusCode === 400 && /context|max/.test(e.message); } return false; });
}
await check('completionModel', async () => (await generateText({ model: compatible.completionModel(id), prompt: 'the stoker', maxOutputTokens: 5, maxRetries: 0 })).usage.outputTokens > 0);
for (const [name, p] of [['openai-compatible', compatible.textEmbeddingModel?.(id) ?? compatible.embeddingModel(id)], ['openai', openai.embedding(id)]]) {
  await check(`${name}: embed`, async () => (await embed({ model: p, value: 'a', maxRetries: 0 })).embedding.length > 0);
  await check(`${name}: embedMany`, async () => (await embedMany({ model: p, values: ['a', 'b', 'c'], maxRetries: 0 })).embeddings.length === 3);
}

// ---- what Open WebUI does: models, a chat with fields of its own, a title, tags, stop ----

const api = (path, body, signal) => fetch(url + path, { method: body ? 'POST' : 'GET', signal, headers: { Authorization: 'Bearer none', 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) });
const talk = { model: id, messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'hello' }] };
const own = { session_id: 's1', chat_id: 'c1', id: 'm1', background_tasks: { title_generation: true }, features: { web_search: false }, variables: { '{{USER_NAME}}': 'a' }, params: {}, tool_servers: [], metadata: { task: 'chat' } };
await check('Open WebUI: models', async () => { const v = await (await api('/v1/models')).json(); return v.object === 'list' && v.data.every((m) => m.id && m.object === 'model' && m.owned_by); });
await check('Open WebUI: a chat with fields of its own', async () => {
  const r = await api('/v1/chat/completions', { ...talk, ...own, stream: true, stream_options: { include_usage: true }, max_tokens: 12 });
  const lines = (await r.text()).split('\n').filter((l) => l.startsWith('data: ')).map((l) => l.slice(6));
  const chunks = lines.slice(0, -1).map((l) => JSON.parse(l));
  return r.status === 200 && lines.at(-1) === '[DONE]' && chunks.at(-1).usage.completion_tokens > 0 && chunks.some((c) => c.choices[0]?.delta?.content);
});
for (const task of ['a title', 'tags', 'follow-up questions'])
  await check(`Open WebUI: ${task} of a conversation`, async () => {
    const r = await api('/v1/chat/completions', { model: id, messages: [{ role: 'user', content: `### Task:\nGenerate ${task} as JSON.\n### Chat History:\n<chat_history>\nUSER: hello\nASSISTANT: hi\n</chat_history>` }], stream: false, max_completion_tokens: 20, metadata: { task: 'title_generation', chat_id: 'c1' } });
    const v = await r.json();
    return r.status === 200 && typeof v.choices[0].message.content === 'string';
  });
await check('Open WebUI: stop', async () => {
  const c = new AbortController();
  const r = await api('/v1/chat/completions', { ...talk, ...own, stream: true, max_tokens: 2000, temperature: 0 }, c.signal);
  await r.body.getReader().read();
  c.abort();
  for (let i = 0; i < 200; i++) {
    if (/^stoke_requests_running 0$/m.test(await (await api('/metrics')).text())) return true;
    await new Promise((f) => setTimeout(f, 50));
  }
  return false;
});
