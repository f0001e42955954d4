// What concerns all symbols: what happens next, morning pages, incidents, credits.

import { ended, get } from "./api.js";
import { command, h, hiddenText, section } from "./dom.js";
import { clock, count, hour, span, tradeDate, utc } from "./format.js";
import { empty, moment } from "./marks.js";
import { now, on, symbolInfo } from "./state.js";

const NEXT = 8;
const LATELY = 5;
const PAGES = 3;
const GLYPHS = { open: "◐", close: "●", deadline: "◆", pull: "↻", fetch: "⇣", credits_reset: "○" };

/** Returns a container that keeps itself up to date until the signal ends it. */
export function sidebar(signal) {
  const parts = [upcoming(signal), reports(signal), incidents(signal), credits(signal)];
  return h("aside", { class: "sidebar", "aria-label": "All symbols" }, parts);
}

function kept(title, name, load, events, signal) {
  const body = h("div", {}, h("p", { class: "waiting" }, "…"));
  const again = () =>
    load({ signal })
      .then((content) => body.replaceChildren(...[content].flat()))
      .catch((error) => ended(error) || body.replaceChildren(empty(error.message)));
  for (const event of events) on(event, again, signal);
  again();
  return section(title, { class: `panel ${name}` }, body);
}

function upcoming(signal) {
  const load = async (options) => {
    const { events } = await get("upcoming", {}, options);
    if (events.length === 0) return empty("Nothing is planned.");
    return h("ol", { class: "events" }, together(events).slice(0, NEXT).map(nextEvent));
  };
  return kept("Next", "next", load, ["hello", "minute", "coverage"], signal);
}

/** Joins events that are the same for several symbols. */
function together(events) {
  const joined = new Map();
  for (const event of events) {
    const rest = event.symbol && event.summary.startsWith(event.symbol) ? event.summary.slice(event.symbol.length) : event.summary;
    const id = `${event.at} ${event.kind} ${rest}`;
    if (!joined.has(id)) joined.set(id, { ...event, rest, symbols: [] });
    if (event.symbol) joined.get(id).symbols.push(event.symbol);
  }
  return [...joined.values()].map(({ rest, symbols, ...event }) => (symbols.length > 1 ? { ...event, summary: `${symbols.join(", ")}${rest.replace(/^ is /, " are ")}` } : event));
}

function nextEvent({ at, kind, symbol, summary }) {
  const info = symbol && symbolInfo(symbol);
  return h(
    "li",
    {},
    h("span", { class: `glyph ${kind}`, "aria-hidden": "true" }, GLYPHS[kind] ?? "·"),
    h("span", { class: "what" }, withWholeDates(summary)),
    h("span", { class: "when aside" }, moment(at, { zone: info?.timezone, withDay: false, both: false }), ` · ${inTime(at)}`),
  );
}

const DATE = /(\d{4}-\d\d-\d\d)/;

/** A date is not cut at its hyphens. */
const withWholeDates = (summary) => summary.split(DATE).map((part) => (DATE.test(part) ? h("span", { class: "whole" }, part) : part));

function inTime(at) {
  const left = Date.parse(at) - now().getTime();
  return left > 0 ? `in ${span(left)}` : "now";
}

function reports(signal) {
  const load = async (options) => {
    const { reports: pages } = await get("reports", {}, options);
    if (pages.length === 0) return [empty("None is made yet."), command("tradematrix report")];
    const list = (items) => h("ul", { class: "page-list" }, items.map(page));
    return [list(pages.slice(0, PAGES)), pages.length > PAGES ? h("details", {}, h("summary", {}, `${count(pages.length - PAGES)} earlier`), list(pages.slice(PAGES))) : ""];
  };
  return kept("Morning pages", "reports", load, ["hello", "minute"], signal);
}

function page({ trade_date: date, written_at: at, path }) {
  return h("li", {}, h("a", { href: `.${path}`, target: "_blank", rel: "noopener" }, tradeDate(date), hiddenText(", opens a new tab")), h("span", { class: "aside" }, " made ", moment(at)));
}

function incidents(signal) {
  const load = async (options) => {
    const all = (await get("incidents", { open: false }, options)).incidents;
    const open = all.filter(({ closed_at: closed }) => closed === null);
    const closed = all.filter(({ closed_at: at }) => at !== null).slice(-LATELY);
    const list = (items) => h("ul", { class: "incident-list" }, items.map(incident));
    return [
      open.length ? list(open.toReversed()) : h("p", { class: "fine" }, h("span", { class: "glyph", "aria-hidden": "true" }, "✓"), "None is open."),
      open.length ? h("p", {}, command("tradematrix alerts")) : "",
      closed.length ? h("details", {}, h("summary", {}, `${closed.length} closed lately`), list(closed.toReversed())) : "",
    ];
  };
  return kept("Incidents", "incidents", load, ["hello", "incident"], signal);
}

function incident({ kind, message, opened_at: opened, closed_at: closed, notified }) {
  const since = closed === null ? ["since ", moment(opened)] : ["closed ", moment(closed)];
  return h(
    "li",
    { class: closed === null ? "open" : "closed" },
    h("strong", {}, kind.replaceAll("_", " ")),
    h("p", {}, message),
    h("p", { class: "aside" }, since, notified ? "" : " · not yet notified"),
  );
}

function credits(signal) {
  const load = async (options) => {
    const { vendors } = await get("credits", {}, options);
    if (vendors.length === 0) return h("p", { class: "fine aside" }, "The vendor in use has no limit.");
    return vendors.map(vendorCredits);
  };
  return kept("Credits", "credits", load, ["hello", "minute"], signal);
}

function vendorCredits(vendor) {
  const { vendor: name, day_used: used, per_day: limit, minute_used: minute, per_minute: perMinute, resets_at: resets, hours } = vendor;
  const of = (some, all) => (all === null ? count(some) : `${count(some)} of ${count(all)}`);
  const meter = h("div", { class: "meter", "aria-hidden": "true" }, h("span", {}));
  meter.firstChild.style.width = `${limit ? Math.min(100, (100 * used) / limit) : 0}%`;
  return h(
    "div",
    { class: "vendor" },
    h("h3", {}, name.replaceAll("_", " ")),
    h("p", { class: "numbers" }, `${of(used, limit)} today · ${of(minute, perMinute)} this minute`),
    limit ? meter : null,
    bars(hours),
    h("p", { class: "aside" }, purposes(vendor), "resets ", h("time", { datetime: resets, title: utc(resets) }, clock(resets))),
  );
}

const purposes = ({ by_purpose: by }) => Object.entries(by).map(([purpose, total]) => `${purpose.replaceAll("_", " ")} ${count(total)} · `).join("");

const HOURS = 24;

/** A bar an hour of the UTC day; in words for a screen reader. */
function bars(hours) {
  const most = Math.max(1, ...hours.map(({ total }) => total));
  const byHour = new Map(hours.map((one) => [new Date(one.hour).getUTCHours(), one]));
  const words = hours.filter(({ total }) => total).map(({ hour: at, total }) => `${hour(at)}:00: ${total}`);
  const chart = h("div", { class: "bars", role: "img", "aria-label": `Credits by hour. ${words.join(", ") || "None yet"}` });
  for (let at = 0; at < HOURS; at += 1) {
    const spent = byHour.get(at);
    const bar = h("span", { class: spent?.total ? "used" : "", title: spent ? `${clock(spent.hour)}: ${spent.total} credits` : null });
    bar.style.height = `${Math.max(2, (100 * (spent?.total ?? 0)) / most)}%`;
    chart.append(bar);
  }
  return h("div", { class: "by-hour" }, h("span", { class: "most aside", "aria-hidden": "true" }, `${count(most)} an hour`), chart);
}
