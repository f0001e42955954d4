// Keyboard shortcuts: single keys, which a person can switch off, and the list of them under `?`.

import { h } from "./dom.js";
import { recall, remember } from "./memory.js";

const LIST = [
  ["1 … 9", "the first … ninth symbol"],
  ["j, k", "next, previous symbol"],
  ["u", "all symbols"],
  ["c", "coverage of all symbols"],
  ["[, ]", "finer, coarser candles"],
  ["+, −", "closer, further away"],
  [", .", "back, forward in time"],
  ["r", "back to the newest candles"],
  ["t", "light or dark"],
  ["arrows", "in the calendar: from day to day"],
  ["?", "this list"],
];

const handlers = new Map();

/** Calls back for a key until the signal ends it; of several handlers, the last one has the key. */
export function onKey(key, handler, signal) {
  handlers.set(key, [...(handlers.get(key) ?? []), handler]);
  signal?.addEventListener("abort", () => handlers.set(key, handlers.get(key).filter((other) => other !== handler)));
}

const writing = (element) => element.closest("input, select, textarea, dialog, [contenteditable]") !== null;

const enabled = () => recall("shortcuts") !== "off";

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
  if (event.key !== "?" && !enabled()) return;
  const handler = handlers.get(event.key)?.at(-1);
  if (!handler) return;
  event.preventDefault();
  handler(event);
});

let dialog = null;

export function showHelp() {
  dialog ??= build();
  dialog.showModal();
}

function build() {
  const box = h("input", { type: "checkbox", checked: enabled() });
  box.addEventListener("change", () => remember("shortcuts", box.checked ? "on" : "off"));
  const element = h(
    "dialog",
    { class: "help", "aria-labelledby": "help-title" },
    h("h2", { id: "help-title" }, "Keyboard shortcuts"),
    h("dl", {}, LIST.map(([keys, meaning]) => h("div", {}, h("dt", {}, keys.split(" … ").flatMap((key, index) => [index ? " … " : "", h("kbd", {}, key)])), h("dd", {}, meaning)))),
    h("label", { class: "switch" }, box, "Single keys are shortcuts"),
    h("button", { type: "button", click: () => element.close() }, "Close"),
  );
  document.body.append(element);
  return element;
}
