// tree.js - a conversation as a tree: every edit and every further answer is a branch beside the old
// one, and the picks say which branch is shown.  Pure data; nothing here draws or stores.

const ROLES = ["user", "assistant"];
const LONGEST = 2_000_000; // characters of one text, read from a file
const MOST = 20_000; // messages of one conversation, read from a file

const newId = () => Date.now().toString(36) + Math.random().toString(36).slice(2, 8);

// An empty conversation with its own copy of the settings.
export function newChat(settings) {
  const now = Date.now();
  return { id: newId(), title: "", created: now, changed: now, settings: { ...settings }, next: 1, nodes: {}, picks: {} };
}

const key = (id) => id ?? "root";

// The messages that answer one (null: the first ones), oldest first.
export const children = (chat, id) => Object.values(chat.nodes).filter((n) => n.parent === id);

// The messages shown, from the first to the last.
export function path(chat) {
  const below = new Map();
  for (const n of Object.values(chat.nodes)) {
    if (!below.has(n.parent)) below.set(n.parent, []);
    below.get(n.parent).push(n);
  }
  const list = [];
  for (let at = null; below.has(at);) {
    const some = below.get(at);
    const node = some.find((n) => n.id === chat.picks[key(at)]) || some[some.length - 1];
    list.push(node);
    at = node.id;
  }
  return list;
}

// The messages up to and with one, whatever is picked.
export function pathTo(chat, node) {
  const list = [];
  for (let n = node; n; n = chat.nodes[n.parent]) list.unshift(n);
  return list;
}

// Adds a message after `parent` (an id, or null for a first one) and shows its branch.
export function add(chat, parent, fields) {
  const node = { id: `n${chat.next++}`, parent, at: Date.now(), content: "", ...fields };
  chat.nodes[node.id] = node;
  chat.picks[key(parent)] = node.id;
  chat.changed = Date.now();
  return node;
}

// Shows another of a message's siblings: `step` further, round and round.
export function turn(chat, node, step) {
  const all = children(chat, node.parent);
  const at = (all.indexOf(node) + step + all.length) % all.length;
  chat.picks[key(node.parent)] = all[at].id;
  return all[at];
}

// Takes a message away with all that follows it.
export function prune(chat, node) {
  for (const n of children(chat, node.id)) prune(chat, n);
  delete chat.nodes[node.id];
  delete chat.picks[node.id];
  if (chat.picks[key(node.parent)] === node.id) delete chat.picks[key(node.parent)];
  chat.changed = Date.now();
}

// ---- what comes from a file or an older version ----

const text = (v) => {
  if (typeof v !== "string" || v.length > LONGEST) throw new Error("a text is missing or too long");
  return v;
};
const number = (v) => (Number.isFinite(v) ? v : undefined);

function checkFiles(files) {
  if (!Array.isArray(files)) return undefined;
  return files.slice(0, 100).map((f) => ({ name: text(f.name).slice(0, 200), text: text(f.text) }));
}

function checkStats(s) {
  if (!s || typeof s !== "object") return undefined;
  const clean = {};
  for (const k of ["tokens", "prompt", "cached", "rate", "first"]) if (number(s[k]) !== undefined) clean[k] = s[k];
  if (typeof s.finish === "string") clean.finish = s.finish.slice(0, 40);
  return clean;
}

function checkNode(n) {
  if (!n || typeof n !== "object" || !ROLES.includes(n.role)) throw new Error("a message has no role");
  const clean = { role: n.role, content: text(n.content), at: number(n.at) ?? Date.now() };
  if (typeof n.reasoning === "string") clean.reasoning = text(n.reasoning);
  if (typeof n.error === "string") clean.error = n.error.slice(0, 2000);
  if (typeof n.model === "string") clean.model = n.model.slice(0, 200);
  if (n.files) clean.files = checkFiles(n.files);
  if (n.stats) clean.stats = checkStats(n.stats);
  if (Array.isArray(n.tools)) {
    clean.tools = n.tools.slice(0, 100).map((t) => ({ name: text(t.name).slice(0, 200), arguments: text(t.arguments) }));
  }
  return clean;
}

// The settings of a conversation, as far as they are of the right kind.
export function checkSettings(s, defaults) {
  const clean = { ...defaults };
  for (const k of Object.keys(defaults)) if (typeof s?.[k] === typeof defaults[k]) clean[k] = s[k];
  return clean;
}

// A conversation out of anything, with a fresh id; throws a sentence if it is none.  Both forms are
// read: the tree, and the flat list of `messages` that others export.
export function checkChat(v, defaults) {
  if (!v || typeof v !== "object") throw new Error("a conversation is not an object");
  const chat = newChat(checkSettings(v.settings, defaults));
  chat.title = typeof v.title === "string" ? v.title.slice(0, 200) : "";
  chat.created = number(v.created) ?? chat.created;
  const flat = Array.isArray(v.messages);
  const list = flat ? v.messages.filter((m) => m?.role !== "system") : Object.values(v.nodes ?? {});
  if (list.length > MOST) throw new Error("a conversation has too many messages");
  const ids = new Map([[null, null]]);
  let last = null;
  for (const n of list) {
    const parent = flat ? last : ids.get(n?.parent ?? null);
    if (parent === undefined) throw new Error("a message answers one that is not there");
    last = add(chat, parent, checkNode(n)).id;
    if (!flat) ids.set(n.id, last);
  }
  for (const [from, to] of Object.entries(flat ? {} : v.picks ?? {})) {
    const at = ids.get(from === "root" ? null : from), picked = ids.get(to);
    if (at !== undefined && picked && chat.nodes[picked].parent === at) chat.picks[key(at)] = picked;
  }
  chat.changed = number(v.changed) ?? chat.changed;
  return chat;
}
