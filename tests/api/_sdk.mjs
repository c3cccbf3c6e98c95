// _sdk.mjs - OpenAI's and Anthropic's own clients against a server: node _sdk.mjs URL, with the
// packages in NODE_PATH's folder given as the second argument.  Prints TAP lines without a plan.
import { createRequire } from 'node:module';
import { check } from './_check.mjs';
const [url, modules] = process.argv.slice(2);
const need = createRequire(modules + '/x.js');
const OpenAI = need('openai').default ?? need('openai');
let Anthropic;
try { Anthropic = need('@anthropic-ai/sdk').default ?? need('@anthropic-ai/sdk'); } catch { Anthropic = null; }
const ai = new OpenAI({ baseURL: url + '/v1', apiKey: 'none', maxRetries: 0 });
const model = (await ai.models.list()).data[0].id;
const refused = async (status, fn) => {
  try { await fn(); } catch (e) { return e.status === status && !!e.message; }
  return false;
};
const hello = [{ role: 'user', content: 'hello' }];
const base = { model, messages: hello, max_tokens: 12, seed: 3 };
const tools = [{ type: 'function', function: { name: 'weather', description: 'of a city', parameters: { type: 'object', properties: { city: { type: 'string', enum: ['Paris', 'Oslo'] } }, required: ['city'], additionalProperties: false } } }];
const schema = { type: 'object', properties: { ok: { type: 'boolean' }, n: { type: 'integer', minimum: 0, maximum: 9 } }, required: ['ok', 'n'], additionalProperties: false };

await check('models.retrieve', async () => (await ai.models.retrieve(model)).id === model);
await check('an unknown model is 404', () => refused(404, () => ai.models.retrieve('nothing')));
await check('chat', async () => (await ai.chat.completions.create(base)).choices[0].message.role === 'assistant');
await check('chat with usage', async () => { const u = (await ai.chat.completions.create(base)).usage; return u.total_tokens === u.prompt_tokens + u.completion_tokens; });
await check('chat, streamed', async () => {
  let text = '', end;
  for await (const c of await ai.chat.completions.create({ ...base, stream: true })) { text += c.choices[0]?.delta?.content ?? ''; end = c.choices[0]?.finish_reason ?? end; }
  return text === (await ai.chat.completions.create(base)).choices[0].message.content && !!end;
});
await check('stream with usage', async () => {
  let u;
  for await (const c of await ai.chat.completions.create({ ...base, stream: true, stream_options: { include_usage: true } })) u = c.usage ?? u;
  return u.completion_tokens > 0;
});
await check('n', async () => (await ai.chat.completions.create({ ...base, n: 3 })).choices.length === 3);
await check('logprobs', async () => { const c = (await ai.chat.completions.create({ ...base, logprobs: true, top_logprobs: 2 })).choices[0]; return c.logprobs.content[0].top_logprobs.length === 2; });
await check('stop', async () => (await ai.chat.completions.create({ ...base, max_tokens: 100, stop: ['e'] })).choices[0].finish_reason === 'stop');
await check('the same seed, the same answer', async () => (await ai.chat.completions.create(base)).choices[0].message.content === (await ai.chat.completions.create(base)).choices[0].message.content);
await check('JSON of a schema', async () => {
  const c = (await ai.chat.completions.create({ ...base, max_tokens: 300, response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true, schema } } })).choices[0];
  return typeof JSON.parse(c.message.content).ok === 'boolean';
});
await check('a schema that is none is 400', () => refused(400, () => ai.chat.completions.create({ ...base, response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'nonsense' } } } })));
await check('a required tool', async () => {
  const c = (await ai.chat.completions.create({ ...base, max_tokens: 200, tools, tool_choice: 'required' })).choices[0];
  return c.finish_reason === 'tool_calls' && ['Paris', 'Oslo'].includes(JSON.parse(c.message.tool_calls[0].function.arguments).city);
});
await check('a named tool, streamed', async () => {
  let args = '', name = '';
  for await (const c of await ai.chat.completions.create({ ...base, max_tokens: 200, tools, tool_choice: { type: 'function', function: { name: 'weather' } }, stream: true }))
    for (const t of c.choices[0]?.delta?.tool_calls ?? []) { name += t.function.name ?? ''; args += t.function.arguments ?? ''; }
  return name === 'weather' && !!JSON.parse(args).city;
});
await check('the stream helper puts a call together', async () => {
  const s = ai.chat.completions.stream({ ...base, max_tokens: 200, tools, tool_choice: 'required' });
  return (await s.finalChatCompletion()).choices[0].message.tool_calls[0].function.name === 'weather';
});
await check('tools in a conversation', async () => !!(await ai.chat.completions.create({ model, max_tokens: 4, messages: [...hello, { role: 'assistant', content: null, tool_calls: [{ id: 'a', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } }] }, { role: 'tool', tool_call_id: 'a', content: 'rain' }] })).choices[0]);
await check('an unknown role is 400', () => refused(400, () => ai.chat.completions.create({ ...base, messages: [{ role: 'pirate', content: 'x' }] })));
await check('an unknown model name is 404', () => refused(404, () => ai.chat.completions.create({ ...base, model: 'gpt-99' })));
await check('a bad temperature is 400', () => refused(400, () => ai.chat.completions.create({ ...base, temperature: 9 })));
await check('completions', async () => typeof (await ai.completions.create({ model, prompt: 'the stoker', max_tokens: 5 })).choices[0].text === 'string');
await check('completions with echo', async () => (await ai.completions.create({ model, prompt: 'the stoker', max_tokens: 5, echo: true })).choices[0].text.startsWith('the stoker'));
await check('several prompts', async () => (await ai.completions.create({ model, prompt: ['a', 'b', 'c'], max_tokens: 2 })).choices.length === 3);
await check('completions, streamed', async () => { let k = 0; for await (const c of await ai.completions.create({ model, prompt: 'x', max_tokens: 4, stream: true })) k += c.choices.length; return k > 0; });
await check('embeddings (base64 inside)', async () => { const v = (await ai.embeddings.create({ model, input: ['a', 'b'] })).data; return v.length === 2 && Math.abs(v[1].embedding.reduce((s, x) => s + x * x, 0) - 1) < 1e-3; });
await check('embeddings as floats', async () => (await ai.embeddings.create({ model, input: 'a', encoding_format: 'float' })).data[0].embedding.length > 0);
await check('responses', async () => typeof (await ai.responses.create({ model, input: 'hello', max_output_tokens: 16 })).output_text === 'string');
await check('responses, streamed', async () => {
  let text = '', last = -1, ordered = true, done;
  for await (const e of await ai.responses.create({ model, input: 'hello', max_output_tokens: 16, stream: true })) {
    ordered &&= e.sequence_number === last + 1;
    last = e.sequence_number;
    if (e.type === 'response.output_text.delta') text += e.delta;
    if (e.type === 'response.completed' || e.type === 'response.incomplete') done = e.response;
  }
  return ordered && done && done.output[0].content[0].text === text;
});
await check('responses go on', async () => { const a = await ai.responses.create({ model, input: 'hello', max_output_tokens: 16 }); return !!(await ai.responses.create({ model, input: 'and?', previous_response_id: a.id, max_output_tokens: 16 })).id; });
await check('responses.stream helper', async () => { const s = ai.responses.stream({ model, input: 'hello', max_output_tokens: 16 }); return !!(await s.finalResponse()).id; });
await check('an aborted stream', async () => { const s = await ai.chat.completions.create({ ...base, max_tokens: 2000, stream: true }); for await (const c of s) { s.controller.abort(); break; } return (await ai.chat.completions.create(base)).choices.length === 1; });

if (Anthropic) {
  const cl = new Anthropic({ baseURL: url, apiKey: 'none', maxRetries: 0 });
  const m = { model, messages: hello, max_tokens: 12 };
  const t = [{ name: 'weather', input_schema: tools[0].function.parameters }];
  await check('messages', async () => (await cl.messages.create(m)).content[0].type === 'text');
  await check('messages, streamed', async () => (await cl.messages.stream(m).finalMessage()).role === 'assistant');
  await check('messages with a tool', async () => { const r = await cl.messages.create({ ...m, max_tokens: 200, tools: t, tool_choice: { type: 'any' } }); return r.stop_reason === 'tool_use' && !!r.content[0].input.city; });
  await check('messages with a tool, streamed', async () => { const r = await cl.messages.stream({ ...m, max_tokens: 200, tools: t, tool_choice: { type: 'tool', name: 'weather' } }).finalMessage(); return !!r.content[0].input.city; });
  await check('countTokens', async () => (await cl.messages.countTokens({ model, messages: hello })).input_tokens > 1);
  await check('a refusal of messages', () => refused(400, () => cl.messages.create({ ...m, max_tokens: 0 })));
}
