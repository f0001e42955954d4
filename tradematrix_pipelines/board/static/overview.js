// The start page: a row a symbol.

import { get } from "./api.js";
import { announceTitle } from "./announce.js";
import { command, h, section, setText } from "./dom.js";
import { direction, price, signed, tradeDate } from "./format.js";
import { ladder } from "./ladder.js";
import { smallChart } from "./small_chart.js";
import { shortName } from "./levels.js";
import { change, empty, freshness, market, shortMoment, simulated, verdict } from "./marks.js";
import { chosenMethod } from "./choices.js";
import { on, state } from "./state.js";

const HEADS = ["Symbol", "Price", "Change", "Among its levels", "Market", "Stored", "Last session"];

export async function overview(main, { signal }) {
  announceTitle("Board");
  if (state.symbols.length === 0) {
    main.replaceChildren(h("h1", { class: "visually-hidden" }, "Board"), empty("No symbol is active.", command("tradematrix symbols --help")));
    return;
  }
  const rows = new Map(state.symbols.map((info) => [info.symbol, row(info)]));
  main.replaceChildren(h("h1", { class: "visually-hidden" }, "Board"), section("Symbols", { class: "panel symbols" }, table([...rows.values()])), h("div", { class: "small-charts" }, [...rows.values()].map(({ chart }) => chart.element)));
  for (const quote of state.quotes.values()) rows.get(quote.symbol)?.update(quote);
  on("quote", (quote) => rows.get(quote.symbol)?.quoted(quote, signal), signal);
  on("quotes", () => state.quotes.forEach((quote) => rows.get(quote.symbol)?.update(quote)), signal);
  on("minute", () => state.quotes.forEach((quote) => rows.get(quote.symbol)?.update(quote)), signal);
  const ask = () => Promise.all([...rows].map(([symbol, shown]) => shown.ask(symbol, signal)));
  on("coverage", ({ symbols }) => symbols.forEach((symbol) => rows.get(symbol)?.ask(symbol, signal).catch(() => null)), signal);
  on("hello", () => ask().catch(() => null), signal);
  await ask();
}

function table(rows) {
  const heads = HEADS.map((head) => h("th", { scope: "col", role: "columnheader", class: head === "Price" || head === "Change" ? "number" : null }, head));
  return h(
    "table",
    { class: "quotes", role: "table" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)),
    h("tbody", { role: "rowgroup" }, rows.map(({ element }) => element)),
  );
}

function row(info) {
  const cell = (name) => h("td", { class: name, role: "cell" });
  const [priced, changed, among, hours, stored, last] = ["price number", "change-cell number", "among", "market-cell", "stored", "last"].map(cell);
  const value = h("span", { class: "value" });
  const at = h("span", { class: "aside at" });
  priced.append(value, at);
  const rungs = ladder();
  const chart = smallChart(info);
  const below = h("span", { class: "below" });
  const above = h("span", { class: "above" });
  among.append(rungs.element, h("div", { class: "sides", "aria-hidden": "true" }, below, above));
  const link = h("a", { href: `#/${encodeURIComponent(info.symbol)}` }, info.symbol);
  const name = h("th", { scope: "row", role: "rowheader", class: "symbol" }, link, h("span", { class: "aside" }, info.alias ?? info.instrument.replaceAll("_", " ")));
  const element = h("tr", { role: "row", data: { symbol: info.symbol } }, name, priced, changed, among, hours, stored, last);
  let drawn = null;

  function update(quote, { flash = false } = {}) {
    const text = price(quote.price, quote.digits);
    if (flash && drawn?.price !== null && drawn && quote.price !== drawn.price) blink(value, quote.price - drawn.price);
    setText(value, text);
    at.replaceChildren(...(quote.at ? [shortMoment(quote.at, info.timezone), quote.provenance === "simulated" ? simulated() : ""] : ["no price yet"]));
    changed.replaceChildren(change(quote));
    rungs.update(quote);
    chart.update(quote);
    setText(below, side(quote.below, quote.digits));
    setText(above, side(quote.above, quote.digits));
    hours.replaceChildren(market(quote.market, info.timezone));
    stored.replaceChildren(freshness(quote.freshness), ...(quote.freshness.fresh ? [] : [h("span", { class: "aside why" }, quote.freshness.reason)]));
    last.replaceChildren(verdict(quote.last_session), h("span", { class: "aside" }, tradeDate(quote.last_session.trade_date)));
    drawn = quote;
  }

  async function ask(symbol, signal) {
    const [levels] = await Promise.all([get("levels", { symbol, date: drawn?.levels_date }, { signal }), chart.ask(signal)]);
    rungs.show(levels, chosenMethod());
    chart.show(levels, chosenMethod());
    if (drawn) rungs.update(drawn);
    among.classList.toggle("without", levels.unavailable_reason !== null);
    among.querySelector(".why")?.remove();
    if (levels.unavailable_reason) among.append(h("span", { class: "aside why" }, levels.unavailable_reason));
  }

  /** Takes a new price; its levels are read again where they are another session's. */
  function quoted(quote, signal) {
    const before = drawn?.levels_date;
    update(quote, { flash: true });
    const work = before === quote.levels_date ? chart.ask(signal) : ask(info.symbol, signal);
    work.catch(() => null);
  }

  return { element, chart, update, quoted, ask };
}

function side(level, digits) {
  if (!level) return "";
  const text = `${shortName(level.name)} ${signed(level.distance, digits)}`;
  return level.distance >= 0 ? `${text} ↑` : `↓ ${text}`;
}



/** A short tint of the price; the style sheet leaves it out where a person wants less motion. */
export function blink(element, difference) {
  element.classList.remove("tick-up", "tick-down");
  void element.offsetWidth; // begin the animation anew
  if (difference) element.classList.add(`tick-${direction(difference)}`);
}


