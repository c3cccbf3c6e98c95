// transfer.js - conversations to a file and from one.

import { download } from "./dom.js";
import { checkChat } from "./tree.js";
import { DEFAULTS } from "./store.js";

const FORMAT = "stokehold-conversations";
const LARGEST = 64 << 20;

const fileName = (title) => title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 50) || "conversation";

// The file's text: one conversation, or several.
export const exported = (chats) => JSON.stringify({ format: FORMAT, version: 1, conversations: chats }, null, 1) + "\n";

// Hands conversations out as a file.
export function exportChats(chats) {
  const name = chats.length === 1 ? fileName(chats[0].title) : `conversations-${new Date().toISOString().slice(0, 10)}`;
  download(`${name}.json`, exported(chats));
}

// The conversations of a file's text; throws a sentence if there is anything wrong with it.
export function imported(text) {
  let v;
  try {
    v = JSON.parse(text);
  } catch {
    throw new Error("The file is not JSON.");
  }
  const list = Array.isArray(v) ? v : Array.isArray(v?.conversations) ? v.conversations : [v];
  if (v?.format === FORMAT && v.version !== 1) throw new Error("The file is of a newer version of this page.");
  try {
    return list.map((c) => checkChat(c, DEFAULTS)).filter((c) => Object.keys(c.nodes).length);
  } catch (e) {
    throw new Error(`The file holds no conversations of this page: ${e.message}.`);
  }
}

// Reads a file a person chose.
export async function importFile(file) {
  if (file.size > LARGEST) throw new Error("The file is too large.");
  return imported(await file.text());
}
