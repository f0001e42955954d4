// The labels of the levels, right of the chart: one a level, joined to its line, none over another.

import { colourOf } from "./chart_layers.js";
import { h, svg } from "./dom.js";
import { price } from "./format.js";
import { joinedName, layOut } from "./labels.js";

const HEIGHT = 17;
const LEADER = 14;
const NARROW = 100;

export class Gutter {
  #element;
  #digits;
  #shown = "";

  constructor(element, digits) {
    this.#element = element;
    this.#digits = digits;
  }

  /** Places the labels of `levels` and of the last price by what `yOf` says; draws only what has changed. */
  draw(levels, last, yOf, room) {
    const items = levels.map((level) => ({ ...level, y: yOf(level.price) })).filter(({ y }) => y !== null);
    const above = items.filter(({ y }) => y < 0);
    const below = items.filter(({ y }) => y > room);
    const inside = items.filter(({ y }) => y >= 0 && y <= room);
    const y = last === null ? null : yOf(last);
    if (y !== null && y >= 0 && y <= room) inside.push({ id: "last", group: "last", short: "Last", price: last, y, fixed: true });
    const head = above.length ? HEIGHT : 0;
    const foot = below.length ? HEIGHT : 0;
    const rows = layOut(inside.map((item) => ({ ...item, y: item.y - head })), { height: HEIGHT, room: room - head - foot });
    const narrow = this.#element.clientWidth < NARROW;
    const key = JSON.stringify([room, narrow, above.length, below.length, rows.map((row) => [row.top, row.y, row.members.map(({ id, price: value }) => [id, value])])]);
    if (key === this.#shown) return;
    this.#shown = key;
    this.#element.replaceChildren(
      svg("svg", { class: "leaders", width: LEADER, height: room, "aria-hidden": "true" }, rows.flatMap((row) => this.#leaders(row, head))),
      ...rows.map((row) => this.#label(row, head, narrow)),
      ...this.#beyond(above, "above", 0),
      ...this.#beyond(below, "below", room - HEIGHT),
    );
    this.#shorten();
  }

  /** Where the name of a shared label has no room, their number has. */
  #shorten() {
    for (const label of this.#element.querySelectorAll(".label")) {
      const name = label.querySelector(".label-name");
      const count = label.dataset.levels?.split("|").length ?? 1;
      if (count > 1 && name.scrollWidth > name.clientWidth) name.textContent = `${count} levels`;
    }
  }

  #leaders(row, head) {
    const middle = row.top + head + HEIGHT / 2;
    return row.members.map((member) => {
      const from = member.y + head;
      return svg("path", { d: `M0 ${from.toFixed(1)} L4 ${from.toFixed(1)} L10 ${middle.toFixed(1)} L${LEADER} ${middle.toFixed(1)}`, class: lineClass(member) });
    });
  }

  #label({ members, top }, head, narrow) {
    const title = members.map(({ name, short, price: value }) => `${name ?? short} ${price(value, this.#digits)}`).join("\n");
    const [first] = members;
    const value = sameTick(members, this.#digits) ? price(first.price, this.#digits) : "";
    const label = h(
      "div",
      { class: `label ${lineClass(first)}`, title, data: { levels: members.map(({ id }) => id).join("|") } },
      h("span", { class: "label-name" }, joinedName(members, narrow)),
      h("span", { class: "label-price" }, value),
    );
    label.style.top = `${top + head}px`;
    return label;
  }

  #beyond(levels, where, top) {
    if (levels.length === 0) return [];
    const title = levels.map(({ name, price: value }) => `${name} ${price(value, this.#digits)}`).join("\n");
    const label = h("div", { class: "label beyond", title }, `${where === "above" ? "↑" : "↓"} ${levels.length} ${where}`);
    label.style.top = `${top}px`;
    return [label];
  }
}

const lineClass = ({ group }) => (group === "last" ? "level-last" : colourOf(group));

const sameTick = (members, digits) => new Set(members.map(({ price: value }) => price(value, digits))).size === 1;
