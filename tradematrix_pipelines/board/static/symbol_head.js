// The head of a symbol's view: its name, the newest price, the market's state.

import { h } from "./dom.js";
import { price } from "./format.js";
import { change, freshness, market, moment, simulated, verdict } from "./marks.js";

/** Fills the head for a quote, and returns the element of the price; without a quote there is none. */
export function symbolHead(element, info, quote) {
  const { symbol, alias, instrument, exchange, currency, timezone } = info;
  const about = [alias, instrument.replaceAll("_", " "), exchange, currency].filter(Boolean).join(" · ");
  const title = h("div", { class: "title" }, h("a", { class: "back", href: "#/", title: "All symbols (u)" }, "‹ All"), h("h1", {}, symbol), h("span", { class: "aside" }, about));
  element.replaceChildren(title);
  if (quote === null) return null;
  const value = h("span", { class: "value" }, price(quote.price, quote.digits));
  element.append(h("div", { class: "last-price" }, value, change(quote), when(quote, timezone)), facts(quote, timezone));
  document.title = `${symbol} ${price(quote.price, quote.digits)} – TradeMatrix`;
  return value;
}

function when({ at, provenance }, zone) {
  if (at === null) return h("span", { class: "aside" }, "no price yet");
  return h("span", { class: "aside" }, moment(at, { zone }), provenance === "simulated" ? simulated() : null);
}

function facts(quote, zone) {
  const { session_high: high, session_low: low, digits } = quote;
  return h(
    "div",
    { class: "facts" },
    market(quote.market, zone),
    freshness(quote.freshness),
    quote.freshness.fresh ? null : h("span", { class: "aside" }, quote.freshness.reason),
    h("span", {}, "last session ", verdict(quote.last_session)),
    high === null ? null : h("span", { class: "aside" }, `high ${price(high, digits)} · low ${price(low, digits)}`),
  );
}
