// The view of one symbol: price, chart, levels, coverage.

import { ended, get } from "./api.js";
import { announceTitle } from "./announce.js";
import { chooseGroups, chooseMethod, chooseTimeframe, chosenGroups, chosenMethod, chosenTimeframe, step, TIMEFRAMES } from "./choices.js";
import { Chart } from "./chart.js";
import { coverage } from "./coverage.js";
import { command, h, section } from "./dom.js";
import { city, dayAndClock, price, sameClock, viewerZone } from "./format.js";
import { Gutter } from "./gutter.js";
import { collect, shortName } from "./levels.js";
import { levelsTable } from "./levels_table.js";
import { legend } from "./legend.js";
import { empty } from "./marks.js";
import { blink } from "./overview.js";
import { onKey } from "./keys.js";
import { recall, remember } from "./memory.js";
import { Series } from "./series.js";
import { on, state, symbolInfo } from "./state.js";
import { symbolHead } from "./symbol_head.js";
import { toolbar } from "./toolbar.js";

const NEAR = 3;
const CREDIT = "https://www.tradingview.com/";

export async function symbolView(main, { signal, symbol }) {
  const info = symbolInfo(symbol);
  announceTitle(symbol);
  if (info === null) {
    main.replaceChildren(empty(`There is no active symbol ${symbol}.`, h("p", {}, h("a", { href: "#/" }, "All symbols")), command("tradematrix symbols")));
    return;
  }
  await new SymbolView(main, info, signal).open();
}

class SymbolView {
  #info;
  #signal;
  #method = chosenMethod();
  #groups = chosenGroups();
  #timeframe = chosenTimeframe();
  #zone;
  #answers = { levels: null, book: null, touches: null };

  constructor(main, info, signal) {
    this.#info = info;
    this.#signal = signal;
    this.#zone = recall("zone") === "exchange" ? info.timezone : viewerZone;
    this.#build(main);
    on("quote", (quote) => quote.symbol === info.symbol && this.#quoted(quote), signal);
    on("quotes", () => this.#head(this.#quote), signal);
    on("minute", () => this.#head(this.#quote), signal);
    on("hello", () => this.#again(), signal);
    on("coverage", ({ symbols }) => symbols.includes(info.symbol) && this.#again(), signal);
    this.#listenToKeys();
  }

  get #quote() {
    return state.quotes.get(this.#info.symbol) ?? null;
  }

  async open() {
    this.#head(this.#quote);
    await Promise.all([this.#series.load(this.#timeframe), this.#loadLevels(), coverage(this.#coverage, this.#info, this.#signal)]);
  }

  #build(main) {
    this.#header = h("header", { class: "symbol-head" });
    this.#legend = h("div", { class: "legend" });
    this.#canvas = h("div", { class: "canvas", role: "img" });
    this.#gutterElement = h("div", { class: "gutter", "aria-hidden": "true" });
    this.#note = h("div", { class: "chart-note", hidden: true });
    this.#coverage = h("div", {});
    this.#table = levelsTable(this.#info);
    this.#why = h("div", { class: "why-none" });
    this.#tools = toolbar({
      timeframe: this.#timeframe,
      method: this.#method,
      groups: this.#groups,
      zones: this.#zones(),
      zone: this.#zone,
      onTimeframe: (timeframe) => this.#chooseTimeframe(timeframe),
      onMethod: (method) => this.#chooseMethod(method),
      onGroups: (groups) => this.#chooseGroups(groups),
      onZone: (zone) => this.#chooseZone(zone),
      onReset: () => this.#chart.reset(),
      signal: this.#signal,
    });
    const frame = h("div", { class: "frame" }, this.#canvas, this.#gutterElement, this.#legend, this.#note);
    const credit = h("p", { class: "credit" }, "TradingView Lightweight Charts™ © TradingView, Inc. ", h("a", { href: CREDIT, target: "_blank", rel: "noreferrer" }, "www.tradingview.com"));
    const chart = section("Chart", { class: "panel chart" }, this.#tools.element, frame, credit);
    const levels = section("Levels", { class: "panel levels-panel" }, this.#why, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Levels, scrollable" }, this.#table.element));
    main.replaceChildren(this.#header, h("div", { class: "chart-and-levels" }, chart, levels), this.#coverage);
    this.#gutter = new Gutter(this.#gutterElement, this.#info.digits);
    this.#chart = new Chart(this.#canvas, {
      digits: this.#info.digits,
      signal: this.#signal,
      onLayout: () => this.#scheduleLabels(),
      onCrosshair: (candle) => this.#point(candle),
      onBeginning: () => this.#series.loadOlder(),
    });
    this.#chart.setZone(this.#zone);
    this.#series = new Series(this.#info.symbol, this.#chart, {
      signal: this.#signal,
      onCandles: () => this.#drawn(),
      onError: (error) => this.#explain(error.message),
    });
  }

  #drawn() {
    const none = this.#series.candles.length === 0;
    this.#explain(none ? "No candles are stored yet." : null, none ? `tradematrix backfill ${this.#info.symbol} --last 20d` : null);
    this.#point(null);
    this.#describe();
  }

  #header;
  #legend;
  #canvas;
  #gutterElement;
  #gutter;
  #note;
  #coverage;
  #table;
  #why;
  #tools;
  #chart;
  #series;
  #frameAsked = false;

  #zones() {
    const now = new Date();
    const zones = [[viewerZone, `${city(viewerZone)} (here)`]];
    if (!sameClock(this.#info.timezone, viewerZone, now)) zones.push([this.#info.timezone, `${city(this.#info.timezone)} (exchange)`]);
    return zones;
  }

  #head(quote) {
    return symbolHead(this.#header, this.#info, quote);
  }

  #quoted(quote) {
    const before = this.#shownPrice;
    const value = this.#head(quote);
    if (before !== null && value && quote.price !== null) blink(value, quote.price - before);
    this.#shownPrice = quote.price;
    this.#table.move(quote.price);
    this.#drawLabels();
    this.#series.loadNewest();
    if (quote.levels_date !== this.#answers.levels?.trade_date) this.#loadLevels().catch(this.#left);
  }

  #shownPrice = null;

  #left = (error) => {
    if (!ended(error)) this.#explain(error.message);
  };

  #again() {
    this.#loadLevels().catch(this.#left);
    this.#series.loadNewest();
  }

  async #loadLevels() {
    const symbol = this.#info.symbol;
    const asked = { symbol, date: this.#quote?.levels_date };
    const options = { signal: this.#signal };
    const [levels, book, touches] = await Promise.all([
      get("levels", asked, options),
      get("level-book", asked, options),
      get("touches", asked, options),
    ]);
    this.#answers = { levels, book, touches };
    this.#chart.setTouches(touches.touches);
    this.#showLevels();
  }

  #shownLevels() {
    return collect({ ...this.#answers, method: this.#method }).filter(({ group }) => this.#groups.has(group));
  }

  #showLevels() {
    const { levels } = this.#answers;
    if (levels === null) return;
    const shown = this.#shownLevels();
    const last = this.#quote?.price ?? null;
    this.#table.show(shown, levels.trade_date);
    this.#table.move(last);
    this.#shownPrice = last;
    const doubtful = levels.verdict === "doubtful" ? "They come from a doubtful session." : null;
    this.#why.replaceChildren(...[levels.unavailable_reason, doubtful].filter(Boolean).map((text) => h("p", { class: "warning" }, text)));
    this.#chart.setLevels(nearest(shown, last), levels.trade_date);
    this.#describe();
    this.#scheduleLabels();
  }

  #scheduleLabels() {
    if (this.#frameAsked) return;
    this.#frameAsked = true;
    requestAnimationFrame(() => {
      this.#frameAsked = false;
      this.#drawLabels();
    });
  }

  #drawLabels() {
    if (this.#signal.aborted || this.#series.candles.length === 0) return;
    this.#gutter.draw(this.#shownLevels(), this.#quote?.price ?? null, (value) => this.#chart.yOf(value), this.#chart.paneHeight);
  }

  #point(candle) {
    const shown = candle ?? this.#series.candles.at(-1) ?? null;
    const touched = (this.#answers.touches?.touches ?? []).filter(({ at }) => shown !== null && at > shown.ts && !this.#after(shown, at));
    legend(this.#legend, shown, { timeframe: this.#timeframe, zone: this.#zone, info: this.#info, touched: touched.map(({ level }) => shortName(level)) });
  }

  #after(candle, at) {
    const { candles } = this.#series;
    const next = candles[candles.indexOf(candle) + 1];
    return next !== undefined && at > next.ts;
  }

  #describe() {
    const last = this.#series.candles.at(-1);
    const text = last ? `${this.#timeframe} candles until ${dayAndClock(last.ts)}, close ${price(last.close, this.#info.digits)}` : "no candles";
    this.#canvas.setAttribute("aria-label", `Candlestick chart of ${this.#info.symbol}: ${text}. The levels are in the table beside it.`);
  }

  #explain(text, remedy = null) {
    this.#note.hidden = text === null;
    if (text !== null) this.#note.replaceChildren(empty(text, remedy ? command(remedy) : null));
  }

  #chooseTimeframe(timeframe) {
    this.#timeframe = timeframe;
    chooseTimeframe(timeframe);
    this.#tools.showTimeframe(timeframe);
    this.#series.load(timeframe);
  }

  #chooseMethod(method) {
    this.#method = method;
    chooseMethod(method);
    this.#showLevels();
  }

  #chooseGroups(groups) {
    this.#groups = groups;
    chooseGroups(groups);
    this.#showLevels();
  }

  #chooseZone(zone) {
    this.#zone = zone;
    remember("zone", zone === viewerZone ? "viewer" : "exchange");
    this.#chart.setZone(zone);
    this.#series.redraw();
  }

  #listenToKeys() {
    const symbols = state.symbols.map(({ symbol }) => symbol);
    const go = (by) => () => { location.hash = `#/${encodeURIComponent(step(symbols, this.#info.symbol, by))}`; };
    onKey("j", go(1), this.#signal);
    onKey("k", go(-1), this.#signal);
    onKey("]", () => this.#chooseTimeframe(step(TIMEFRAMES, this.#timeframe, 1)), this.#signal);
    onKey("[", () => this.#chooseTimeframe(step(TIMEFRAMES, this.#timeframe, -1)), this.#signal);
    onKey("+", () => this.#chart.zoom(0.7), this.#signal);
    onKey("-", () => this.#chart.zoom(1.4), this.#signal);
    onKey(",", () => this.#chart.scroll(-10), this.#signal);
    onKey(".", () => this.#chart.scroll(10), this.#signal);
    onKey("r", () => this.#chart.reset(), this.#signal);
  }
}

/** Marks the levels next to a price on either side, which the scale has to show. */
function nearest(levels, last) {
  if (last === null) return levels.map((level) => ({ ...level, near: true }));
  const near = new Set([
    ...levels.filter((level) => level.price >= last).slice(-NEAR),
    ...levels.filter((level) => level.price < last).slice(0, NEAR),
  ]);
  return levels.map((level) => ({ ...level, near: near.has(level) }));
}
