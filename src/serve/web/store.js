// store.js - what the page keeps in this browser: conversations in IndexedDB, one record each, and
// settings in localStorage.  Where a browser keeps nothing (private windows), all of it lives until
// the page is closed.

import { checkChat, checkSettings } from "./tree.js";

const SETTINGS = "stokehold.settings";
const LEFT = "stokehold.left"; // answers that were coming when the page was left
const OLD = "stokehold.1"; // conversations of the first page, a flat list

export const DEFAULTS = { system: "", temperature: 0.7, top_p: 1, seed: "", max: "", model: "" };

let database = null;
const news = new BroadcastChannel("stokehold");

const settled = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

async function open() {
  const request = indexedDB.open("stokehold", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("chats", { keyPath: "id" });
  return settled(request);
}

const chats = (mode) => database.transaction("chats", mode).objectStore("chats");

// Conversations of the first version of this page, once.
async function moveOld() {
  const kept = JSON.parse(localStorage.getItem(OLD) || "null");
  for (const old of kept?.chats ?? []) {
    try {
      await keep(checkChat(old, DEFAULTS));
    } catch { /* not a conversation: nothing to move */ }
  }
  localStorage.removeItem(OLD);
}

// Keeps answers under way, [[id of the conversation, message], ...], when there is no time for more.
export function leave(list) {
  if (list.length) localStorage.setItem(LEFT, JSON.stringify(list));
}

// Puts them where they belong.
async function takeLeft(all) {
  const list = JSON.parse(localStorage.getItem(LEFT) || "[]");
  localStorage.removeItem(LEFT);
  for (const [id, node] of list) {
    const chat = all.find((c) => c.id === id);
    if (!chat?.nodes[node.id]) continue;
    chat.nodes[node.id] = node;
    await keep(chat);
  }
}

// All conversations, the last changed first; null if this browser keeps none.
export async function loadChats() {
  try {
    database = await open();
    await moveOld();
    const all = await settled(chats("readonly").getAll());
    await takeLeft(all);
    return all.sort((a, b) => b.changed - a.changed);
  } catch {
    database = null;
    return null;
  }
}

// Keeps a conversation as it is now; false if there is no room.
export async function keep(chat) {
  if (!database) return false;
  try {
    await settled(chats("readwrite").put(structuredClone(chat)));
    news.postMessage(chat.id);
    return true;
  } catch {
    return false;
  }
}

export async function drop(id) {
  if (!database) return;
  await settled(chats("readwrite").delete(id)).catch(() => {});
  news.postMessage(id);
}

// Calls fn(id, chat or undefined) when another window of this page changed a conversation.
export function onOtherWindow(fn) {
  news.onmessage = async ({ data }) => {
    if (database) fn(data, await settled(chats("readonly").get(data)).catch(() => undefined));
  };
}

// What was set: {chat: defaults of new conversations, key, current}.
export function loadSettings() {
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(SETTINGS)) ?? {};
  } catch { /* unreadable: as if nothing had been set */ }
  return {
    chat: checkSettings(kept.chat, DEFAULTS),
    key: typeof kept.key === "string" ? kept.key : "",
    current: typeof kept.current === "string" ? kept.current : null,
  };
}

export function saveSettings(settings) {
  try {
    localStorage.setItem(SETTINGS, JSON.stringify(settings));
  } catch { /* no room or not allowed: it holds until the page is closed */ }
}
