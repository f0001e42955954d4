// A symbol's last sessions as one small line, with yesterday's range and the pivot point: a picture, not a reading.

import { get } from "./api.js";
import { h, hiddenText, svg } from "./dom.js";
import { direction, percent, price } from "./format.js";

const BARS = 96;
const WIDTH = 300;
const HEIGHT = 84;
const TIMEFRAME = "15m";

/** Returns a link with the line; `ask` reads the candles, `show` takes the levels, `update` a quote. */
export function smallChart(info) {
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const head = h("span", { class: "small-head" });
  const element = h("a", { class: "panel small-chart", href: `#/${encodeURIComponent(info.symbol)}` }, head, drawing);
  let candles = [];
  let lines = [];

  async function ask(signal) {
    candles = (await get("candles", { symbol: info.symbol, timeframe: TIMEFRAME, limit: BARS }, { signal })).candles;
    draw();
  }

  function show(levels, method) {
    const { y_high: high, y_low: low } = levels.daily;
    lines = [["daily", high], ["daily", low], ["pivots", levels.pivots[method]?.pp]].filter(([, value]) => Number.isFinite(value));
    draw();
  }

  function update(quote) {
    const tone = direction(quote.change);
    head.replaceChildren(h("strong", {}, hiddenText("Chart of "), info.symbol), h("span", {}, price(quote.price, quote.digits)), h("span", { class: tone }, percent(quote.change_percent)));
    drawing.setAttribute("class", tone);
  }

  function draw() {
    if (candles.length < 2) return drawing.replaceChildren();
    const closes = candles.map(({ close }) => close);
    const values = [...closes, ...lines.map(([, value]) => value)];
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const y = (value) => 4 + ((HEIGHT - 8) * (most - value)) / (most - least || 1);
    const x = (index) => (WIDTH * index) / (closes.length - 1);
    const days = candles.flatMap(({ trade_date: date }, index) => (index && date !== candles[index - 1].trade_date ? [x(index - 0.5)] : []));
    return drawing.replaceChildren(
      ...days.map((at) => svg("path", { class: "day-line", d: `M${at.toFixed(1)} 0V${HEIGHT}` })),
      ...lines.map(([group, value]) => svg("path", { class: `level-line level-${group}`, d: `M0 ${y(value).toFixed(1)}H${WIDTH}` })),
      svg("path", { class: "closes", d: closes.map((value, index) => `${index ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`).join("") }),
    );
  }

  return { element, ask, show, update };
}
