// Open, high, low and close of the candle that is pointed at, above the chart.

import { h } from "./dom.js";
import { arrow, city, clock, day, direction, percent, price, sameClock, signed, tradeDate, utc } from "./format.js";
import { isDaily } from "./chart.js";
import { viewerZone } from "./format.js";

export function legend(element, candle, { timeframe, zone, info, touched }) {
  if (candle === null) return element.replaceChildren();
  const { open, high, low, close } = candle;
  const values = Object.entries({ O: open, H: high, L: low, C: close }).map(([name, value]) => h("span", { class: "ohlc" }, h("abbr", { title: TITLES[name] }, name), " ", price(value, info.digits)));
  const by = close - open;
  return element.replaceChildren(
    h("span", { class: "when", title: utc(candle.ts) }, when(candle, timeframe, zone, info)),
    ...values,
    h("span", { class: `by ${direction(by)}` }, `${arrow(by)} ${signed(by, info.digits)} (${percent((100 * by) / open)})`),
    candle.verdict && candle.verdict !== "accepted" ? h("span", { class: "warning" }, candle.verdict) : "",
    touched.length ? h("span", { class: "touched" }, `● touched ${touched.join(", ")}`) : "",
  );
}

const TITLES = { O: "open", H: "high", L: "low", C: "close" };

function when(candle, timeframe, zone, { timezone }) {
  if (isDaily(timeframe)) return tradeDate(candle.trade_date ?? candle.ts.slice(0, 10));
  const other = zone === timezone ? viewerZone : timezone;
  const second = sameClock(zone, other, candle.ts) ? "" : ` · ${clock(candle.ts, other)} ${city(other)}`;
  return `${day(candle.ts, zone)} ${clock(candle.ts, zone)}${second}`;
}
