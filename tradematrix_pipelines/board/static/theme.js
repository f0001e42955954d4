// Light and dark: the system's theme until a person chooses, and the colours as a canvas needs them.

import { forget, recall, remember } from "./memory.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();

export function current() {
  return document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
}

export function toggle() {
  const wanted = current() === "dark" ? "light" : "dark";
  if (wanted === (dark.matches ? "dark" : "light")) {
    delete document.documentElement.dataset.theme;
    forget("theme");
  } else {
    document.documentElement.dataset.theme = wanted;
    remember("theme", wanted);
  }
  listeners.forEach((listener) => listener(current()));
}

/** Calls back at each change; returns what ends that. */
export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

dark.addEventListener("change", () => listeners.forEach((listener) => listener(current())));
addEventListener("storage", (event) => {
  if (event.key !== "board.theme") return;
  const theme = recall("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  listeners.forEach((listener) => listener(current()));
});

/** Returns tokens of the style sheet as computed colours, which a canvas can be painted with. */
export function colours(...names) {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const computed = Object.fromEntries(
    names.map((name) => {
      probe.style.color = `var(--${name})`;
      return [name, getComputedStyle(probe).color];
    }),
  );
  probe.remove();
  return computed;
}
