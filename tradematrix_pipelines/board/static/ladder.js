// Where a price stands among its levels, on one line. Its scale follows from the levels, so nothing moves but the price.

import { price as written } from "./format.js";
import { h } from "./dom.js";

const MARGIN = 0.06;
const LABELS = ["pp", "r1", "s1", "r2", "s2"];
const LABEL_GAP = 9;

/** Returns the ladder's element, and `update` for a new quote. */
export function ladder() {
  const track = h("div", { class: "track" });
  const element = h("div", { class: "ladder", role: "img" }, track);
  let scale = null;
  let levels = null;

  function show(newLevels, method) {
    levels = newLevels;
    scale = scaleOf(newLevels, method);
    track.replaceChildren();
    if (scale) draw(track, scale, newLevels, method);
    element.classList.toggle("empty", scale === null);
  }

  function update(quote) {
    element.setAttribute("aria-label", spoken(quote, levels));
    track.querySelectorAll(".now, .travelled").forEach((mark) => mark.remove());
    if (!scale) return;
    if (quote.session_high !== null && quote.session_low !== null) {
      track.append(bar("travelled", scale(quote.session_low), scale(quote.session_high), "session so far"));
    }
    if (quote.price !== null) track.append(at(h("span", { class: `now${beyond(scale(quote.price))}` }), clamped(scale(quote.price))));
  }

  return { element, show, update };
}

function scaleOf(levels, method) {
  const pivots = levels?.pivots[method] ?? {};
  const prices = [...LABELS.map((name) => pivots[name]), levels?.daily.y_high, levels?.daily.y_low].filter(Number.isFinite);
  if (prices.length < 2) return null;
  const [low, high] = [Math.min(...prices), Math.max(...prices)];
  if (low === high) return null;
  const margin = (high - low) * MARGIN;
  return (value) => (100 * (value - low + margin)) / (high - low + 2 * margin);
}

function draw(track, scale, levels, method) {
  const { y_low: low, y_high: high } = levels.daily;
  if (Number.isFinite(low) && Number.isFinite(high)) track.append(bar("yesterday", scale(low), scale(high), "yesterday"));
  const taken = [];
  for (const name of LABELS) {
    const value = levels.pivots[method]?.[name];
    if (!Number.isFinite(value)) continue;
    const place = scale(value);
    const rung = at(h("span", { class: "rung", title: `${name.toUpperCase()} ${written(value, levels.digits)}` }), place);
    if (taken.every((other) => Math.abs(other - place) >= LABEL_GAP)) {
      taken.push(place);
      rung.append(h("span", { class: "rung-name" }, name.toUpperCase()));
    }
    track.append(rung);
  }
}

function bar(name, from, to, title) {
  const element = at(h("span", { class: name, title }), clamped(from));
  element.style.width = `${clamped(to) - clamped(from)}%`;
  return element;
}

function at(element, place) {
  element.style.left = `${place}%`;
  return element;
}

const clamped = (place) => Math.min(100, Math.max(0, place));
const beyond = (place) => (place > 100 ? " beyond-high" : place < 0 ? " beyond-low" : "");

function spoken(quote, levels) {
  if (quote.price === null) return "no price yet";
  const parts = [];
  if (quote.below) parts.push(`${written(Math.abs(quote.below.distance), quote.digits)} above ${quote.below.name.replaceAll("_", " ")}`);
  if (quote.above) parts.push(`${written(Math.abs(quote.above.distance), quote.digits)} below ${quote.above.name.replaceAll("_", " ")}`);
  if (parts.length === 0) return levels?.unavailable_reason ?? "no levels yet";
  return `The price is ${parts.join(" and ")}`;
}
