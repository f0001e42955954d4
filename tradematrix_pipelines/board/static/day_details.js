// What is known of one day: state, why, what remedies it, each timeframe, each finding.

import { badge, moment, shortMoment } from "./marks.js";
import { STATES, stateOf } from "./calendar_days.js";
import { command, h } from "./dom.js";
import { count, longDate } from "./format.js";
import { state } from "./state.js";

export function dayDetails(day, info) {
  const kind = stateOf(day);
  return [
    h("h3", {}, longDate(day.trade_date)),
    h("p", { class: "badges" }, h("span", { class: `day ${kind}`, "aria-hidden": "true" }, STATES[kind][0]), h("strong", {}, STATES[kind][1]), day.verdict && day.verdict !== kind ? verdictBadge(day.verdict) : null),
    day.reason ? h("p", { class: day.ok ? "aside" : "reason" }, day.reason) : null,
    day.command ? h("p", {}, command(day.command)) : null,
    partition(day, info),
    day.timeframes.length ? timeframes(day, info) : null,
    day.findings.length ? findings(day, info) : null,
  ].flat().filter(Boolean);
}

const verdictBadge = (verdict) => badge({ accepted: "✓", doubtful: "?", refused: "!" }[verdict], verdict, { accepted: "good", doubtful: "doubt", refused: "bad" }[verdict]);

function partition(day, info) {
  if (!day.dagster_path || !state.status?.dagster_url) return null;
  const href = `${state.status.dagster_url.replace(/\/$/, "")}/${day.dagster_path.replace(/^\//, "")}`;
  return h("p", {}, h("a", { class: "partition", href, target: "_blank", rel: "noreferrer" }, `${day.trade_date}|${info.symbol} in Dagster ↗`));
}

/** Columns of the table of timeframes; those that say nothing of any are left out. */
const COLUMNS = [
  ["Status", () => true, (series) => [h("span", { class: `word ${series.status}` }, STATES[series.status]?.[1].split(" ")[0] ?? series.status), series.final || series.status === "upcoming" ? null : h("span", { class: "aside" }, " not final")]],
  ["Candles", () => true, ({ expected, received, pruned_at }) => (expected ? [`${count(received)} / ${count(expected)}`, pruned_at ? h("span", { class: "aside" }, ", pruned") : null] : "–")],
  ["Rejected", ({ rejected }) => rejected > 0, ({ rejected }) => count(rejected)],
  ["Outside", ({ outside }) => outside > 0, ({ outside }) => count(outside)],
  ["Longest gap", ({ longest_gap: gap }) => gap > 0, ({ longest_gap: gap }) => `${count(gap)} min`],
  ["Vendor", ({ source }) => source !== null, ({ source }) => source],
  ["Attempts", (series) => series.attempts > 1 || series.exhausted || series.next_attempt !== null, attempts],
];

function timeframes(day, info) {
  const columns = COLUMNS.filter(([, says]) => day.timeframes.some(says));
  const head = h("tr", {}, h("td", {}), columns.map(([name]) => h("th", { scope: "col" }, name)));
  const rows = day.timeframes.map((series) =>
    h("tr", { title: series.reason }, h("th", { scope: "row" }, series.timeframe), columns.map(([, says, write]) => h("td", {}, says(series) ? write(series, info) : "–"))),
  );
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Timeframes of the day" }, h("table", { class: "series" }, h("thead", {}, head), h("tbody", {}, rows)));
}

function attempts(series, info) {
  if (series.exhausted) return `${series.attempts}, no more by itself`;
  if (series.next_attempt) return [`${series.attempts}, next `, shortMoment(series.next_attempt, info.timezone)];
  return series.attempts ? String(series.attempts) : "–";
}

const TONES = { note: ["·", "calm"], doubt: ["?", "doubt"], refusal: ["!", "bad"] };

function findings(day, info) {
  const items = day.findings.map(({ severity, timeframe, message, at }) => {
    const [glyph, tone] = TONES[severity];
    return h("li", {}, badge(glyph, severity, tone), ` ${timeframe} `, at ? [moment(at, { zone: info.timezone, both: false, withDay: false }), " "] : "", message);
  });
  return [h("h4", {}, "Findings"), h("ul", { class: "findings" }, items)];
}
