// The view of one symbol: price, chart, levels, coverage.

import { ended, get } from "./api.js";
import { announceTitle } from "./announce.js";
import { chooseGroups, chooseMethod, chooseTimeframe, chosenGroups, chosenMethod, chosenTimeframe, step, TIMEFRAMES } from "./choices.js";
import { Chart } from "./chart.js";
import { coverage } from "./coverage.js";
import { command, h, section, setText } from "./dom.js";
import { city, dayAndClock, price, sameClock, viewerZone } from "./format.js";
import { Gutter } from "./gutter.js";
import { collect, shortName } from "./levels.js";
import { levelsTable } from "./levels_table.js";
import { legend } from "./legend.js";
import { change, empty, freshness, market, moment, simulated, verdict } from "./marks.js";
import { blink } from "./overview.js";
import { onKey } from "./keys.js";
import { recall, remember } from "./memory.js";
import { on, state, symbolInfo } from "./state.js";
import { toolbar } from "./toolbar.js";

const FIRST_CANDLES = 600;
const OLDER_CANDLES = 1000;
const NEWEST_CANDLES = 3;
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
  #candles = [];
  #older = null;
  #loading = false;
  #updating = false;
  #asked = false;

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
    await Promise.all([this.#loadCandles(), this.#loadLevels(), coverage(this.#coverage, this.#info, this.#signal)]);
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
      onBeginning: () => this.#loadOlder(),
    });
    this.#chart.setZone(this.#zone);
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
  #frameAsked = false;

  #zones() {
    const now = new Date();
    const zones = [[viewerZone, `${city(viewerZone)} (here)`]];
    if (!sameClock(this.#info.timezone, viewerZone, now)) zones.push([this.#info.timezone, `${city(this.#info.timezone)} (exchange)`]);
    return zones;
  }

  #head(quote) {
    const { symbol, alias, instrument, exchange, currency, timezone } = this.#info;
    const about = [alias, instrument.replaceAll("_", " "), exchange, currency].filter(Boolean).join(" · ");
    const title = h("div", { class: "title" }, h("a", { class: "back", href: "#/", title: "All symbols (u)" }, "‹ All"), h("h1", {}, symbol), h("span", { class: "aside" }, about));
    if (quote === null) return this.#header.replaceChildren(title);
    const value = h("span", { class: "value" }, price(quote.price, quote.digits));
    const facts = h(
      "div",
      { class: "facts" },
      market(quote.market, timezone),
      freshness(quote.freshness),
      h("span", {}, "last session ", verdict(quote.last_session)),
      quote.session_high === null ? null : h("span", { class: "aside" }, `high ${price(quote.session_high, quote.digits)} · low ${price(quote.session_low, quote.digits)}`),
    );
    const at = quote.at ? h("span", { class: "aside" }, moment(quote.at, { zone: timezone }), quote.provenance === "simulated" ? simulated() : null) : null;
    this.#header.replaceChildren(title, h("div", { class: "last-price" }, value, change(quote), at), facts);
    if (quote.reason) facts.append(h("span", { class: "aside" }, quote.reason));
    document.title = `${symbol} ${price(quote.price, quote.digits)} – TradeMatrix`;
    return value;
  }

  #quoted(quote) {
    const before = this.#shownPrice;
    const value = this.#head(quote);
    if (before !== null && value && quote.price !== null) blink(value, quote.price - before);
    this.#shownPrice = quote.price;
    this.#table.move(quote.price);
    this.#drawLabels();
    this.#loadNewest();
    if (quote.levels_date !== this.#answers.levels?.trade_date) this.#loadLevels().catch(this.#left);
  }

  #shownPrice = null;

  #left = (error) => {
    if (!ended(error)) this.#explain(error.message);
  };

  #again() {
    this.#loadLevels().catch(this.#left);
    this.#loadNewest();
  }

  async #loadCandles() {
    const timeframe = this.#timeframe;
    this.#explain(null);
    let answer;
    try {
      answer = await get("candles", { symbol: this.#info.symbol, timeframe, limit: FIRST_CANDLES }, { signal: this.#signal });
    } catch (error) {
      return this.#left(error);
    }
    if (timeframe !== this.#timeframe) return undefined;
    this.#candles = answer.candles;
    this.#older = answer.next_to;
    this.#chart.setCandles(this.#candles, timeframe);
    this.#point(null);
    if (this.#candles.length === 0) this.#explain("No candles are stored yet.", `tradematrix backfill ${this.#info.symbol} --last 20d`);
    this.#describe();
    return undefined;
  }

  async #loadOlder() {
    if (this.#loading || this.#older === null) return;
    this.#loading = true;
    const timeframe = this.#timeframe;
    try {
      const answer = await get("candles", { symbol: this.#info.symbol, timeframe, to: this.#older, limit: OLDER_CANDLES }, { signal: this.#signal });
      if (timeframe !== this.#timeframe) return;
      const first = this.#candles[0]?.ts;
      const older = answer.candles.filter(({ ts }) => first === undefined || ts < first);
      this.#older = older.length ? answer.next_to : null;
      this.#candles = [...older, ...this.#candles];
      this.#chart.setCandles(this.#candles, timeframe, { keep: true });
    } catch (error) {
      this.#left(error);
    } finally {
      this.#loading = false;
    }
  }

  /** Asks for the newest candles; while an answer is awaited, once more is enough. */
  async #loadNewest() {
    if (this.#updating) {
      this.#asked = true;
      return;
    }
    this.#updating = true;
    const timeframe = this.#timeframe;
    try {
      const answer = await get("candles", { symbol: this.#info.symbol, timeframe, limit: NEWEST_CANDLES }, { signal: this.#signal });
      if (timeframe === this.#timeframe && answer.candles.length) await this.#append(answer.candles);
    } catch (error) {
      this.#left(error);
    } finally {
      this.#updating = false;
      if (this.#asked) {
        this.#asked = false;
        this.#loadNewest();
      }
    }
  }

  async #append(newest) {
    const last = this.#candles.at(-1)?.ts;
    if (last === undefined || newest[0].ts > last) return this.#loadCandles(); // a gap since the last one: read it whole
    this.#chart.addNewest(newest);
    this.#point(null);
    return undefined;
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
    if (this.#signal.aborted || this.#candles.length === 0) return;
    this.#gutter.draw(this.#shownLevels(), this.#quote?.price ?? null, (value) => this.#chart.yOf(value), this.#chart.paneHeight);
  }

  #point(candle) {
    const shown = candle ?? this.#candles.at(-1) ?? null;
    const touched = (this.#answers.touches?.touches ?? []).filter(({ at }) => shown !== null && at > shown.ts && !this.#after(shown, at));
    legend(this.#legend, shown, { timeframe: this.#timeframe, zone: this.#zone, info: this.#info, touched: touched.map(({ level }) => shortName(level)) });
  }

  #after(candle, at) {
    const next = this.#candles[this.#candles.indexOf(candle) + 1];
    return next !== undefined && at > next.ts;
  }

  #describe() {
    const last = this.#candles.at(-1);
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
    this.#loadCandles();
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
    this.#chart.setCandles(this.#candles, this.#timeframe, { keep: true });
    this.#point(null);
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
