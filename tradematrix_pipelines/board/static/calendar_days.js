// What a day of the coverage calendar is called, and how it is marked: colour, letter and words. Pure.

import { longDate } from "./format.js";

/** By state: letter in its cell, words. The order is that of the key. */
export const STATES = {
  complete: ["", "complete and believed"],
  doubtful: ["?", "doubtful"],
  refused: ["!", "refused"],
  partial: ["P", "partial"],
  missing: ["M", "missing"],
  failed: ["F", "failed"],
  unfetched: ["U", "not fetched"],
  closed: ["–", "no session"],
  open: ["○", "open"],
  upcoming: ["", "to come"],
};

export function stateOf(day) {
  if (day.status === "complete" && (day.verdict === "refused" || day.verdict === "doubtful")) return day.verdict;
  return day.status in STATES ? day.status : "unfetched";
}

export const words = (day) => STATES[stateOf(day)][1];

/** What a day's cell says to a screen reader: date, state, and what is to be done. */
export const spoken = (day) => `${longDate(day.trade_date)}: ${words(day)}${day.ok || !day.reason ? "" : `. ${day.reason}`}`;

const MONDAY_FIRST = 7;

export const weekday = (date) => (new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % MONDAY_FIRST;

/** Returns the Monday of a date's week. */
export function monday(date) {
  const start = new Date(`${date}T00:00:00Z`);
  start.setUTCDate(start.getUTCDate() - weekday(date));
  return start.toISOString().slice(0, 10);
}

/** Returns the weeks from the first day to the last: each Monday, with its days by weekday. */
export function weeks(days) {
  const byMonday = new Map();
  for (const day of days) {
    const start = monday(day.trade_date);
    if (!byMonday.has(start)) byMonday.set(start, new Map());
    byMonday.get(start).set(weekday(day.trade_date), day);
  }
  return [...byMonday].map(([start, byWeekday]) => ({ start, days: byWeekday }));
}
