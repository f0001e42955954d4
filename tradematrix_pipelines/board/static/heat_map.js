// The coverage calendar as a grid: weeks are columns, weekdays rows. One cell is in the tab order; arrows go on.

import { spoken, STATES, stateOf, weeks } from "./calendar_days.js";
import { h } from "./dom.js";
import { month } from "./format.js";

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const WORKDAYS = 5;
const ROOM = 2;

/** Returns a grid of days that calls back with the day that is chosen. */
export function heatMap(name, days, onDay) {
  const columns = weeks(days);
  const count = columns.some(({ days: week }) => week.has(5) || week.has(6)) ? WEEKDAYS.length : WORKDAYS;
  const cells = new Map();
  const rows = WEEKDAYS.slice(0, count).map((weekday, row) => {
    const head = h("th", { scope: "row", role: "rowheader" }, weekday);
    return h("tr", { role: "row" }, head, columns.map(({ days: week }, column) => cell(week.get(row), row, column)));
  });
  const element = h(
    "table",
    { class: "heat-map", role: "grid", "aria-label": `Coverage of ${name}`, "aria-readonly": "true" },
    h("thead", { role: "rowgroup", "aria-hidden": "true" }, h("tr", {}, h("td", {}), months(columns))),
    h("tbody", { role: "rowgroup" }, rows),
  );

  function cell(day, row, column) {
    if (!day) return h("td", { role: "gridcell", class: "none" });
    const state = stateOf(day);
    const element = h("td", { role: "gridcell", tabindex: "-1", class: `day ${state}`, "aria-label": spoken(day), "aria-selected": "false", data: { date: day.trade_date } }, STATES[state][0]);
    element.addEventListener("click", () => choose(element, day));
    element.addEventListener("focus", () => choose(element, day, { focus: false }));
    cells.set(`${row},${column}`, { element, day, row, column });
    return element;
  }

  let chosen = null;

  function choose(target, day, { focus = true } = {}) {
    if (chosen === target) return;
    chosen?.setAttribute("aria-selected", "false");
    chosen?.setAttribute("tabindex", "-1");
    chosen = target;
    target.setAttribute("aria-selected", "true");
    target.setAttribute("tabindex", "0");
    if (focus) target.focus();
    onDay(day);
  }

  element.addEventListener("keydown", (event) => {
    const here = [...cells.values()].find(({ element: target }) => target === event.target);
    const next = here && neighbour(here, event.key);
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    next.element.focus();
  });

  function neighbour({ row, column, day }, key) {
    const all = [...cells.values()].sort((one, other) => one.day.trade_date.localeCompare(other.day.trade_date));
    const index = all.findIndex(({ day: other }) => other === day);
    const inRow = all.filter((other) => other.row === row);
    return {
      ArrowUp: () => all[index - 1],
      ArrowDown: () => all[index + 1],
      ArrowLeft: () => inRow.findLast((other) => other.column < column),
      ArrowRight: () => inRow.find((other) => other.column > column),
      Home: () => inRow[0],
      End: () => inRow.at(-1),
    }[key]?.();
  }

  /** Makes a day the one that Tab reaches, and the one that is shown. */
  function select(date) {
    const target = [...cells.values()].find(({ day }) => day.trade_date === date);
    if (target) choose(target.element, target.day, { focus: false });
  }

  return { element, select };
}

/** A month's name over the first week that begins in it, where there is room before the next. */
function months(columns) {
  const begins = (index) => index === 0 || month(columns[index].start) !== month(columns[index - 1].start);
  return columns.map(({ start }, index) => {
    const next = columns.findIndex((_, later) => later > index && begins(later));
    const room = next < 0 ? ROOM : next - index;
    return begins(index) && room >= ROOM ? h("td", { class: "month" }, h("span", {}, month(start))) : h("td", {});
  });
}

export function key() {
  const entries = Object.entries(STATES).map(([state, [letter, words]]) => h("li", {}, h("span", { class: `day ${state}`, "aria-hidden": "true" }, letter), words));
  return h("ul", { class: "key", "aria-label": "Key" }, entries);
}
