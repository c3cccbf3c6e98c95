// state.js - what is going on: the conversations, the one that is shown, answers under way.

import { checkSettings, newChat } from "./tree.js";
import { DEFAULTS, drop, keep, loadChats, loadSettings, onOtherWindow, saveSettings } from "./store.js";

export const state = {
  chats: [], // the last changed first
  current: null, // id of the one shown; null: a new one, not begun
  settings: loadSettings(),
  models: [], // as /v1/models lists them
  runs: new Map(), // answers under way, by the conversation's id
  lasting: true, // this browser keeps conversations
};

const listeners = new Map();

// Calls fn whenever `what` changed: "list", "thread", "run", "settings".
export function on(what, fn) {
  listeners.set(what, [...(listeners.get(what) || []), fn]);
}

export function changed(...whats) {
  for (const what of whats) for (const fn of listeners.get(what) || []) fn();
}

export const current = () => state.chats.find((c) => c.id === state.current) || null;
export const running = () => state.runs.get(state.current) || null;

// The settings in force: the conversation's own, or those for new ones.
export const settings = () => current()?.settings ?? state.settings.chat;

// Changes settings of the conversation shown, and of those begun later.
export function set(fields) {
  Object.assign(state.settings.chat, fields);
  const chat = current();
  if (chat) {
    Object.assign(chat.settings, fields);
    keep(chat);
  }
  saveSettings(state.settings);
  changed("settings");
}

// Goes to a conversation (null: a new one).
export function show(id) {
  state.current = id;
  state.settings.current = id;
  saveSettings(state.settings);
  changed("thread", "list", "run", "settings");
}

// The conversation shown; a new one is begun if there is none.
export function currentOrNew() {
  if (current()) return current();
  const chat = newChat(state.settings.chat);
  state.chats.unshift(chat);
  show(chat.id);
  return chat;
}

// Keeps a conversation and puts it first.
export function touch(chat) {
  state.chats = [chat, ...state.chats.filter((c) => c !== chat)];
  keep(chat);
  changed("list");
}

// Takes conversations in, newest first; returns a way to take them out again.
export function addChats(chats) {
  state.chats = [...chats, ...state.chats].sort((a, b) => b.changed - a.changed);
  chats.forEach(keep);
  changed("list");
}

export function remove(chat) {
  state.runs.get(chat.id)?.stop();
  state.chats = state.chats.filter((c) => c !== chat);
  drop(chat.id);
  if (state.current === chat.id) show(null);
  else changed("list");
}

// Reads what the browser keeps, and follows what other windows do.
export async function begin() {
  const kept = await loadChats();
  state.lasting = kept !== null;
  state.chats = kept ?? [];
  for (const chat of state.chats) chat.settings = checkSettings(chat.settings, DEFAULTS);
  state.current = state.chats.some((c) => c.id === state.settings.current) ? state.settings.current : null;
  onOtherWindow((id, chat) => {
    if (state.runs.has(id)) return;
    state.chats = [...(chat ? [chat] : []), ...state.chats.filter((c) => c.id !== id)].sort((a, b) => b.changed - a.changed);
    if (!chat && state.current === id) state.current = null;
    changed(...(state.current === id || !chat ? ["list", "thread"] : ["list"]));
  });
}
