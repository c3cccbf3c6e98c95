// store.js - what the page keeps in this browser: conversations and settings.

const KEY = "stokehold.1";
const MAX_CHATS = 100;

export const DEFAULTS = { system: "", temperature: 0.7, seed: "", max: "" };

const fresh = () => ({ chats: [], current: null, settings: { ...DEFAULTS } });

// What was kept, or a fresh start if there is nothing or it can't be read.
export function load() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY));
    if (!kept || !Array.isArray(kept.chats)) return fresh();
    const chats = kept.chats.filter((c) => c && typeof c.id === "string" && Array.isArray(c.messages));
    return { chats, current: kept.current, settings: { ...DEFAULTS, ...kept.settings } };
  } catch {
    return fresh();
  }
}

// Keeps the state. When the browser has no room, the oldest conversations go first.
export function save(state) {
  state.chats.length = Math.min(state.chats.length, MAX_CHATS);
  for (;;) {
    try {
      localStorage.setItem(KEY, JSON.stringify(state));
      return;
    } catch {
      if (state.chats.length <= 1) return;
      state.chats.pop();
    }
  }
}

// A new conversation, put first.
export function addChat(state) {
  const chat = { id: Date.now().toString(36) + Math.random().toString(36).slice(2, 8), title: "", messages: [] };
  state.chats.unshift(chat);
  state.current = chat.id;
  return chat;
}
