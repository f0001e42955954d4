// Coverage: the calendar of one symbol with what is known of a day, and the view of all symbols.

import { ended, get } from "./api.js";
import { announceTitle } from "./announce.js";
import { dayDetails } from "./day_details.js";
import { h, section } from "./dom.js";
import { heatMap, key } from "./heat_map.js";
import { empty } from "./marks.js";
import { now, on, state } from "./state.js";

const DAYS_BACK = 182;
const DAYS_AHEAD = 5;
const DAY = 86_400_000;

export async function coverageView(main, { signal }) {
  announceTitle("Coverage");
  const parts = state.symbols.map(() => h("div", {}));
  main.replaceChildren(h("div", { class: "coverage-head" }, h("h1", {}, "Coverage"), key()), ...parts);
  await Promise.all(state.symbols.map((info, index) => coverage(parts[index], info, signal, { title: info.symbol, withKey: false })));
}

/** Fills a container with a symbol's calendar, and renews it when its coverage changes. */
export async function coverage(container, info, signal, { title = "Coverage", withKey = true } = {}) {
  const details = h("div", { class: "day-details" });
  const grid = h("div", { class: "grid-scroll" });
  const part = section(title, { class: "panel coverage", data: { symbol: info.symbol } }, h("div", { class: "calendar-and-day" }, h("div", { class: "calendar" }, grid), details), withKey ? key() : null);
  container.replaceChildren(part);
  let chosen = null;

  async function load() {
    const from = new Date(now().getTime() - DAYS_BACK * DAY).toISOString().slice(0, 10);
    const to = new Date(now().getTime() + DAYS_AHEAD * DAY).toISOString().slice(0, 10);
    const answer = await get("coverage", { symbol: info.symbol, from, to }, { signal });
    const days = answer.days;
    if (days.length === 0) return grid.replaceChildren(empty("The calendar has no session here."));
    const focused = grid.contains(document.activeElement);
    const map = heatMap(info.symbol, days, (day) => {
      chosen = day.trade_date;
      details.replaceChildren(...dayDetails(day, info));
    });
    grid.replaceChildren(map.element);
    grid.scrollLeft = grid.scrollWidth;
    map.select(chosen ?? worthALook(days));
    if (focused) grid.querySelector('[aria-selected="true"]')?.focus();
    return undefined;
  }

  const again = () => load().catch((error) => ended(error) || grid.replaceChildren(empty(error.message)));
  on("coverage", ({ symbols }) => symbols.includes(info.symbol) && again(), signal);
  on("hello", again, signal);
  await again();
}

/** The newest day of the last weeks that is not in order, else the last one that is over. */
function worthALook(days) {
  const past = days.filter(({ status }) => status !== "upcoming");
  const recent = past.slice(-15);
  const wrong = recent.findLast(({ ok }) => !ok);
  return (wrong ?? past.findLast(({ status }) => status === "complete") ?? past.at(-1) ?? days[0]).trade_date;
}
