// How numbers, instants and dates are written. Pure.

const MINUS = "\u2212";
const numbers = new Map();

function fixed(value, digits) {
  if (!numbers.has(digits)) {
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    numbers.set(digits, new Intl.NumberFormat("en-US", options));
  }
  return numbers.get(digits).format(value);
}

const unsigned = (value, digits) => fixed(Math.abs(value), digits);

export const price = (value, digits) => (value === null || value === undefined ? "–" : fixed(value, digits).replace("-", MINUS));

/** Writes a difference with its sign; what rounds to nothing has none. */
export function signed(value, digits) {
  if (value === null || value === undefined) return "–";
  const text = unsigned(value, digits);
  if (!/[1-9]/.test(text)) return text;
  return (value > 0 ? "+" : MINUS) + text;
}

export const percent = (value) => (value === null || value === undefined ? "–" : `${signed(value, 2)} %`);

export const count = (value) => fixed(value, 0);

/** The direction of a difference as a glyph, so that colour is never the only sign. */
export const arrow = (value) => (!value ? "" : value > 0 ? "▲" : "▼");

export const direction = (value) => (!value ? "flat" : value > 0 ? "up" : "down");

export const viewerZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const formats = new Map();

function inZone(zone, options) {
  const key = zone + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }));
  return formats.get(key);
}

const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const DAY = { weekday: "short", day: "numeric", month: "short" };

export const clock = (instant, zone = viewerZone) => inZone(zone, CLOCK).format(new Date(instant));

export const day = (instant, zone = viewerZone) => inZone(zone, DAY).format(new Date(instant)).replace(",", "");

export const hour = (instant, zone = viewerZone) => inZone(zone, { hour: "2-digit", hourCycle: "h23" }).format(new Date(instant));

export const dayAndClock = (instant, zone = viewerZone) => `${day(instant, zone)} ${clock(instant, zone)}`;

export const utc = (instant) => `${new Date(instant).toISOString().slice(0, 16).replace("T", " ")} UTC`;

export const city = (zone) => (zone === "UTC" ? "UTC" : zone.split("/").at(-1).replaceAll("_", " "));

/** Whether two zones show the same clock at an instant. */
export const sameClock = (one, other, instant) => dayAndClock(instant, one) === dayAndClock(instant, other);

/** A trade date: a day without a zone. */
export const tradeDate = (text, options = DAY) => inZone("UTC", options).format(new Date(`${text}T00:00:00Z`)).replace(",", "");

export const longDate = (text) => tradeDate(text, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

export const month = (text) => tradeDate(text, { month: "short" });

/** A span of time, in the two largest units. */
export function span(milliseconds) {
  const minutes = Math.max(0, Math.round(milliseconds / 60_000));
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

/** The whole instant for a tooltip: the exchange's clock, and UTC. */
export function tooltip(instant, zone) {
  const exchange = zone && zone !== "UTC" ? `${dayAndClock(instant, zone)} ${city(zone)}\n` : "";
  return `${exchange}${utc(instant)}`;
}
