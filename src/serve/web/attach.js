// attach.js - text files that go with the next question: chosen, dropped or pasted.

import { $, iconButton, make, toast } from "./dom.js";

const LARGEST = 256 * 1024; // bytes of all files of a question; the server takes 1 MiB a request
const LONG_PASTE = 4000; // characters; a longer paste becomes a file
const CROSS = "M5 5l10 10M15 5L5 15";

let files = [];
let tell = () => {};

const size = () => files.reduce((n, f) => n + f.bytes, 0);

function draw() {
  $("attached").hidden = !files.length;
  $("attached").replaceChildren(...files.map((f) => {
    const li = make("li", "");
    li.append(make("span", "", f.name),
      iconButton(CROSS, "icon small", () => { files = files.filter((x) => x !== f); draw(); }, `Remove ${f.name}`));
    return li;
  }));
  tell();
}

function put(name, text, bytes) {
  if (size() + bytes > LARGEST) return toast(`${name} is too large: files may have ${LARGEST >> 10} KiB together.`);
  files.push({ name: name.slice(0, 200), text, bytes });
  return draw();
}

// Takes a file if it is text in UTF-8.
async function take(file) {
  if (file.size > LARGEST) return put(file.name, "", file.size);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    if (text.includes("\0")) throw new Error("not text");
    return put(file.name, text, file.size);
  } catch {
    return toast(`${file.name} is not a text file.`);
  }
}

const takeAll = async (list) => { for (const f of list) await take(f); };

// The files chosen, as messages keep them; they are given up with that.
export function takeFiles() {
  const taken = files.map(({ name, text }) => ({ name, text }));
  files = [];
  draw();
  return taken;
}

export const anyFiles = () => files.length > 0;

// Starts; `onChange` hears of every change.
export function beginAttach(onChange) {
  tell = onChange;
  $("attach").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", async () => {
    await takeAll([...$("file").files]);
    $("file").value = "";
    $("ask").focus();
  });
  $("ask").addEventListener("paste", (e) => {
    const text = e.clipboardData.getData("text/plain");
    if (e.clipboardData.files.length) takeAll([...e.clipboardData.files]);
    else if (text.length > LONG_PASTE) put("pasted.txt", text, new Blob([text]).size);
    else return;
    e.preventDefault();
  });
  addEventListener("dragover", (e) => e.preventDefault());
  addEventListener("drop", (e) => {
    if (!e.dataTransfer.files.length) return;
    e.preventDefault();
    takeAll([...e.dataTransfer.files]);
  });
}
