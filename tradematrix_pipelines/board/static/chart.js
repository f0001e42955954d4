// The candlestick chart: one series, its sessions, levels and touches. Times are true UTC; labels are in a zone.

import { LevelLines, SessionBands } from "./chart_layers.js";
import { clock, day, price, tradeDate } from "./format.js";
import { colours, onChange } from "./theme.js";
import {
  CandlestickSeries,
  ColorType,
  CrosshairMode,
  LineStyle,
  createChart,
  createSeriesMarkers,
} from "./vendor/lightweight-charts.standalone.production.mjs";

const TOKENS = ["chart-text", "chart-grid", "chart-border", "chart-band", "up", "down", "surface", "level-daily", "level-pivots", "level-book", "accent"];
const DAY_TICK = 2;
const SPACE_FOR_CANDLES = 120;

/** Whether a series' bars are whole sessions or more, which have a date instead of a time. */
export const isDaily = (timeframe) => /[dw]$|mo/i.test(timeframe);

export const barTime = (candle, timeframe) =>
  (isDaily(timeframe) ? Date.parse(`${(candle.trade_date ?? candle.ts).slice(0, 10)}T00:00:00Z`) : Date.parse(candle.ts)) / 1000;

export class Chart {
  #chart;
  #series;
  #bands = new SessionBands();
  #lines;
  #markers;
  #candles = [];
  #timeframe = "5m";
  #zone = "UTC";
  #levels = [];
  #session = null;
  #touches = [];
  #colour = "";
  #zoomed = null;

  constructor(container, { digits, onLayout, onCrosshair, onBeginning, signal }) {
    this.#lines = new LevelLines(onLayout);
    this.#chart = createChart(container, {
      autoSize: true,
      layout: { attributionLogo: false, fontSize: 11, fontFamily: getComputedStyle(document.body).fontFamily },
      leftPriceScale: { visible: true, borderVisible: false, entireTextOnly: true, scaleMargins: { top: 0.08, bottom: 0.06 } },
      rightPriceScale: { visible: false },
      crosshair: { mode: CrosshairMode.Normal },
      timeScale: { borderVisible: false, allowBoldLabels: false, timeVisible: true, secondsVisible: false, rightOffset: 4, minBarSpacing: 0.5, tickMarkFormatter: (time, kind) => this.#tick(time, kind) },
      localization: { locale: "en-GB", priceFormatter: (value) => price(value, digits), timeFormatter: (time) => this.timeText(time) },
      handleScale: { axisPressedMouseMove: { time: true, price: true } },
    });
    this.#series = this.#chart.addSeries(CandlestickSeries, {
      priceScaleId: "left",
      priceFormat: { type: "price", precision: digits, minMove: 10 ** -digits },
      lastValueVisible: false,
      priceLineStyle: LineStyle.SparseDotted,
    });
    this.#series.attachPrimitive(this.#bands);
    this.#series.attachPrimitive(this.#lines);
    this.#markers = createSeriesMarkers(this.#series, []);
    this.#chart.subscribeCrosshairMove(({ time }) => onCrosshair(time === undefined ? null : this.#candleAt(time)));
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && range.from < 20 && this.#candles.length) onBeginning();
    });
    this.recolour();
    const forget = onChange(() => this.recolour());
    signal.addEventListener("abort", () => {
      forget();
      this.#chart.remove();
    });
  }

  recolour() {
    const palette = colours(...TOKENS);
    this.#bands.colours = palette;
    this.#lines.colours = palette;
    this.#chart.applyOptions({
      layout: { background: { type: ColorType.Solid, color: palette.surface }, textColor: palette["chart-text"] },
      grid: { vertLines: { visible: false }, horzLines: { color: palette["chart-grid"] } },
    });
    // A rising candle is hollow, a falling one filled: the direction shows without colour.
    this.#series.applyOptions({
      upColor: palette.surface,
      downColor: palette.down,
      borderUpColor: palette.up,
      borderDownColor: palette.down,
      wickUpColor: palette.up,
      wickDownColor: palette.down,
      priceLineColor: palette.accent,
    });
    this.#colour = palette.accent;
    this.#mark();
  }

  setZone(zone) {
    this.#zone = zone;
    this.#chart.applyOptions({ localization: { timeFormatter: (time) => this.timeText(time) } });
  }

  /** Shows a series, ascending. What is visible stays where older candles are added in front. */
  setCandles(candles, timeframe, { keep = false } = {}) {
    const before = keep ? this.#chart.timeScale().getVisibleLogicalRange() : null;
    const added = candles.length - this.#candles.length;
    this.#candles = candles;
    this.#timeframe = timeframe;
    this.#chart.applyOptions({ timeScale: { timeVisible: !isDaily(timeframe) } });
    this.#series.setData(candles.map((candle) => this.#bar(candle)));
    this.#arrange();
    if (before) this.#chart.timeScale().setVisibleLogicalRange({ from: before.from + added, to: before.to + added });
    else this.reset();
  }

  /** Takes the newest candles: the last one changed, or further ones follow. */
  addNewest(candles) {
    const known = this.#candles;
    for (const candle of candles) {
      const time = barTime(candle, this.#timeframe);
      const last = known.length ? barTime(known.at(-1), this.#timeframe) : -Infinity;
      if (time < last) continue;
      if (time === last) known[known.length - 1] = candle;
      else known.push(candle);
      this.#series.update(this.#bar(candle));
    }
    this.#arrange();
  }

  setLevels(levels, session) {
    this.#levels = levels;
    this.#session = session;
    this.#arrange();
  }

  setTouches(touches) {
    this.#touches = touches;
    this.#mark();
  }

  reset() {
    const last = this.#candles.length;
    const room = Math.max(40, Math.min(SPACE_FOR_CANDLES, this.#chart.timeScale().width() / 7));
    this.#chart.priceScale("left").applyOptions({ autoScale: true });
    this.#chart.timeScale().setVisibleLogicalRange({ from: last - room, to: last + 4 });
  }

  zoom(factor) {
    const range = this.#zoomed ?? this.#chart.timeScale().getVisibleLogicalRange();
    if (!range) return;
    // The chart takes a range over with its next frame: several keys within one frame build on one another.
    this.#zoomed = { from: range.to - (range.to - range.from) * factor, to: range.to };
    this.#chart.timeScale().setVisibleLogicalRange(this.#zoomed);
    requestAnimationFrame(() => (this.#zoomed = null));
  }

  scroll(bars) {
    this.#chart.timeScale().scrollToPosition(this.#chart.timeScale().scrollPosition() + bars, false);
  }

  /** The height of the pane, and where a price is in it. */
  get paneHeight() {
    return this.#chart.panes()[0].getHeight();
  }

  yOf(price) {
    return this.#series.priceToCoordinate(price);
  }

  timeText(time) {
    if (isDaily(this.#timeframe)) return tradeDate(new Date(time * 1000).toISOString().slice(0, 10));
    return `${day(time * 1000, this.#zone)} ${clock(time * 1000, this.#zone)}`;
  }

  #tick(time, kind) {
    if (isDaily(this.#timeframe)) {
      const date = new Date(time * 1000).toISOString().slice(0, 10);
      if (kind === 0) return date.slice(0, 4);
      return tradeDate(date, kind === 1 ? { month: "short" } : { day: "numeric", month: "short" });
    }
    return kind <= DAY_TICK ? day(time * 1000, this.#zone) : clock(time * 1000, this.#zone);
  }

  #bar(candle) {
    const { open, high, low, close } = candle;
    return { time: barTime(candle, this.#timeframe), open, high, low, close };
  }

  #candleAt(time) {
    return this.#candles.find((candle) => barTime(candle, this.#timeframe) === time) ?? null;
  }

  #arrange() {
    const daily = isDaily(this.#timeframe);
    this.#bands.setDates(daily ? [] : this.#candles.map((candle) => candle.trade_date ?? candle.ts.slice(0, 10)));
    const first = this.#candles.findIndex(({ trade_date: date }) => date !== null && this.#session !== null && date >= this.#session);
    this.#lines.setLevels(this.#levels, first < 0 ? Math.max(0, this.#candles.length - 1) : first);
    this.#mark();
  }

  #mark() {
    const times = this.#candles.map((candle) => barTime(candle, this.#timeframe));
    const marks = this.#touches.flatMap(({ at, level_price: touched }) => {
      const minute = (Date.parse(at) - 1000) / 1000; // the minute that touched closed then
      const index = isDaily(this.#timeframe) ? times.length - 1 : times.findLastIndex((time) => time <= minute);
      return index < 0 ? [] : [{ time: times[index], position: "atPriceMiddle", price: touched, shape: "circle", color: this.#colour, size: 0.6 }];
    });
    this.#markers.setMarkers(marks.sort((one, other) => one.time - other.time));
  }
}
