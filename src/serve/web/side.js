// side.js - the log of conversations: opening, searching, renaming, deleting, to files and from them.

import { $, button, iconButton, make, toast } from "./dom.js";
import { addChats, changed, on, remove, show, state, touch } from "./state.js";
import { exportChats, importFile } from "./transfer.js";
import { showTalk } from "./views.js";

const DOTS = "M5 10h.01M10 10h.01M15 10h.01";

let renaming = null; // id of the conversation whose title is being written
let words = ""; // what is searched for
let chosen = null; // the conversation whose menu is open

// ---- the drawer of narrow screens ----

export function drawer(on) {
  $("side").classList.toggle("open", on);
  $("shade").hidden = !on;
  $("menu").setAttribute("aria-expanded", String(on));
}

export const drawerOpen = () => $("side").classList.contains("open");

function open(id) {
  drawer(false);
  showTalk();
  show(id);
  $("ask").focus();
}

export const newChat = () => open(null);

export function search() {
  if (getComputedStyle($("side")).visibility === "hidden") drawer(true);
  $("search").focus();
  $("search").select();
}

// ---- the list ----

function found(chat) {
  if (!words) return true;
  if (chat.title.toLowerCase().includes(words)) return true;
  return Object.values(chat.nodes).some((n) => n.content.toLowerCase().includes(words));
}

function nameField(chat) {
  const field = make("input", "rename");
  field.type = "text";
  field.value = chat.title;
  field.maxLength = 200;
  field.setAttribute("aria-label", "New name");
  const end = (keep) => {
    if (renaming !== chat.id) return;
    renaming = null;
    if (keep && field.value.trim()) chat.title = field.value.trim();
    touch(chat);
    changed("thread");
  };
  field.addEventListener("keydown", (e) => {
    if (e.key === "Enter") end(true);
    if (e.key === "Escape") {
      e.stopPropagation();
      end(false);
    }
  });
  field.addEventListener("blur", () => end(true));
  return field;
}

function row(chat) {
  const here = chat.id === state.current;
  const li = make("li", here ? "on" : "");
  if (renaming === chat.id) {
    li.append(nameField(chat));
    return li;
  }
  const title = chat.title || "New chat";
  const pick = button(title, "pick", () => open(chat.id));
  if (here) pick.setAttribute("aria-current", "true");
  pick.addEventListener("dblclick", () => rename(chat));
  const more = iconButton(DOTS, "icon more", () => openMenu(chat, more), `More for “${title}”`);
  more.setAttribute("aria-haspopup", "true");
  if (state.runs.has(chat.id)) li.append(make("span", "busy"));
  li.append(pick, more);
  return li;
}

function drawList() {
  const some = state.chats.filter((c) => Object.keys(c.nodes).length && found(c));
  $("chats").replaceChildren(...some.map(row));
  $("none").hidden = some.length > 0;
  $("none").textContent = words ? "Nothing found." : "No conversations yet.";
  $("chats").querySelector(".rename")?.focus();
}

// ---- what can be done with one ----

function rename(chat) {
  renaming = chat.id;
  drawList();
  $("chats").querySelector(".rename")?.select();
}

function forget(chat) {
  remove(chat);
  toast("Conversation deleted.", () => {
    addChats([chat]);
    show(chat.id);
  });
}

function openMenu(chat, at) {
  chosen = chat;
  const menu = $("chat-menu"), box = at.getBoundingClientRect();
  menu.showPopover();
  menu.style.left = `${Math.min(box.left, innerWidth - menu.offsetWidth - 8)}px`;
  menu.style.top = `${Math.min(box.bottom + 4, innerHeight - menu.offsetHeight - 8)}px`;
  menu.querySelector("button").focus();
}

async function bringIn(list) {
  try {
    let n = 0;
    for (const file of list) {
      const chats = await importFile(file);
      addChats(chats);
      n += chats.length;
      if (chats.length) show(chats[0].id);
    }
    toast(`${n} conversation${n === 1 ? "" : "s"} read.`);
  } catch (e) {
    toast(e.message);
  }
}

export function beginSide() {
  const menuItem = (id, fn) => $(id).addEventListener("click", () => {
    $("chat-menu").hidePopover();
    fn(chosen);
  });
  menuItem("chat-rename", rename);
  menuItem("chat-export", (chat) => exportChats([chat]));
  menuItem("chat-delete", forget);
  $("menu").addEventListener("click", () => drawer(!drawerOpen()));
  $("shade").addEventListener("click", () => drawer(false));
  $("new").addEventListener("click", newChat);
  $("search").addEventListener("input", () => {
    words = $("search").value.trim().toLowerCase();
    drawList();
  });
  $("search").addEventListener("keydown", (e) => {
    if (e.key === "Enter") $("chats").querySelector(".pick")?.click();
    if (e.key !== "Escape") return;
    $("search").value = words = "";
    drawList();
    $("ask").focus();
  });
  $("export-all").addEventListener("click", () => exportChats(state.chats.filter((c) => Object.keys(c.nodes).length)));
  $("import").addEventListener("click", () => $("import-file").click());
  $("import-file").addEventListener("change", async () => {
    await bringIn([...$("import-file").files]);
    $("import-file").value = "";
  });
  if (!state.lasting) $("kept").textContent = "This browser keeps nothing: conversations end with the page.";
  on("list", drawList);
  on("run", drawList);
}
