// Small parts that several views show: times, changes, states of a market, verdicts.

import { arrow, city, clock, day, dayAndClock, direction, percent, sameClock, signed, span, tooltip, viewerZone } from "./format.js";
import { h, hiddenText } from "./dom.js";
import { now } from "./state.js";

/** An instant in the viewer's zone; the exchange's clock beside it where that differs, UTC in the tooltip. */
export function moment(instant, { zone, withDay = true, both = true } = {}) {
  const write = withDay ? dayAndClock : clock;
  const other = both && zone && !sameClock(zone, viewerZone, instant) ? ` · ${clock(instant, zone)} ${city(zone)}` : "";
  return h("time", { datetime: instant, title: tooltip(instant, zone) }, write(instant) + other);
}

/** A day's name where an instant is on another day than now. */
export function shortMoment(instant, zone) {
  return moment(instant, { zone, withDay: day(instant) !== day(now()), both: false });
}

export function change(quote) {
  if (quote.change === null) return h("span", { class: "change flat", title: "yesterday's close is not known" }, "–");
  return h(
    "span",
    { class: `change ${direction(quote.change)}` },
    h("span", { class: "glyph", "aria-hidden": "true" }, arrow(quote.change)),
    h("span", { class: "by" }, signed(quote.change, quote.digits)),
    h("span", { class: "percent" }, percent(quote.change_percent)),
  );
}

export function market({ open, opens_at, closes_at, next_opening }, zone) {
  const left = (instant) => span(Date.parse(instant) - now().getTime());
  if (open) {
    const title = `open since ${tooltip(opens_at, zone)}\ncloses ${tooltip(closes_at, zone)}`;
    return h("span", { class: "market open", title }, h("span", { class: "dot", "aria-hidden": "true" }), "Open ", h("span", { class: "aside" }, `closes in ${left(closes_at)}`));
  }
  const title = `opens ${tooltip(next_opening, zone)}`;
  return h("span", { class: "market shut", title }, h("span", { class: "dot", "aria-hidden": "true" }), "Closed ", h("span", { class: "aside" }, "opens ", shortMoment(next_opening, zone)));
}

const VERDICTS = {
  accepted: ["✓", "accepted", "good"],
  doubtful: ["?", "doubtful", "doubt"],
  refused: ["!", "refused", "bad"],
};

export function badge(glyph, word, tone, title = null) {
  return h("span", { class: `badge ${tone}`, title }, h("span", { class: "glyph", "aria-hidden": "true" }, glyph), word);
}

export function verdict(session) {
  if (session.status !== "complete") return badge("!", session.status, session.status === "closed" ? "calm" : "bad", session.reason);
  if (session.verdict === null) return badge("·", "not judged", "calm", session.reason);
  return badge(...VERDICTS[session.verdict], session.reason);
}

export function freshness({ fresh, reason }) {
  return fresh ? badge("✓", "fresh", "good") : badge("!", "stale", "bad", reason);
}

export const simulated = () => h("span", { class: "simulated", title: "made up by the simulator; do not trade on it" }, "SIM", hiddenText("ULATED"));

export function empty(text, ...more) {
  return h("div", { class: "empty-state" }, h("p", {}, text), ...more);
}
