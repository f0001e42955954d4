// What a screen reader is to say without being asked: a new view, the connection, an incident. Never a price.

import { setText } from "./dom.js";

const region = document.querySelector(".announcer");

export function announce(text) {
  setText(region, "");
  setTimeout(() => setText(region, text), 100);
}

export function announceTitle(title, { quiet = false } = {}) {
  document.title = `${title} – TradeMatrix`;
  if (!quiet && announceTitle.before !== undefined && announceTitle.before !== title) announce(title);
  announceTitle.before = title;
}
