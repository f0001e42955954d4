// The levels as a table: what the chart draws, to be read, compared and heard.

import { h, hiddenText } from "./dom.js";
import { price, signed, tradeDate } from "./format.js";
import { colourOf } from "./chart_layers.js";
import { moment } from "./marks.js";

/** Returns the table's element, and `show` for the levels and `move` for a new price. */
export function levelsTable(info) {
  const body = h("tbody");
  const caption = h("caption");
  const element = h(
    "table",
    { class: "levels" },
    caption,
    h("thead", {}, h("tr", {}, ["Level", "Price", "Distance", "Touched"].map((name) => h("th", { scope: "col", class: name === "Level" || name === "Touched" ? null : "number" }, name)))),
    body,
  );
  let levels = [];
  let digits = info.digits;

  function show(newLevels, session) {
    levels = newLevels;
    caption.replaceChildren("To trade ", h("strong", {}, tradeDate(session)), " with");
  }

  function move(last) {
    const rows = levels.map((level) => row(level, last));
    const place = last === null ? -1 : levels.findIndex((level) => level.price < last);
    if (last !== null) rows.splice(place < 0 ? rows.length : place, 0, lastRow(last));
    body.replaceChildren(...rows);
  }

  function row(level, last) {
    return h(
      "tr",
      { data: { level: level.id, price: level.price } },
      h("th", { scope: "row", title: level.name }, h("span", { class: `swatch ${colourOf(level.group)}`, "aria-hidden": "true" }), level.short, hiddenText(` ${level.name}`)),
      h("td", { class: "number" }, price(level.price, digits)),
      h("td", { class: "number aside" }, last === null ? "–" : signed(level.price - last, digits)),
      h("td", { class: "touched" }, level.touchedAt ? moment(level.touchedAt, { zone: info.timezone, withDay: false, both: false }) : h("span", { class: "aside" }, "–")),
    );
  }

  const lastRow = (last) =>
    h("tr", { class: "last" }, h("th", { scope: "row" }, "Last price"), h("td", { class: "number" }, price(last, digits)), h("td", {}), h("td", {}));

  return { element, show, move };
}
