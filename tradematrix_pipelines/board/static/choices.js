// What a person chose to see: pivot method, groups of levels, timeframe, clock. Kept in this browser.

import { GROUPS } from "./levels.js";
import { recall, remember } from "./memory.js";
import { state } from "./state.js";

export const METHODS = ["classic", "fibonacci", "camarilla", "woodie", "demark"];
export const TIMEFRAMES = ["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"];

export function chosenMethod() {
  const method = recall("method", state.status?.pivot_method);
  return METHODS.includes(method) ? method : "classic";
}

export const chooseMethod = (method) => remember("method", method);

export function chosenTimeframe() {
  const timeframe = recall("timeframe", "5m");
  return TIMEFRAMES.includes(timeframe) ? timeframe : "5m";
}

export const chooseTimeframe = (timeframe) => remember("timeframe", timeframe);

export function chosenGroups() {
  const standard = GROUPS.filter(({ shown }) => shown).map(({ id }) => id);
  const kept = recall("groups");
  return new Set(kept === null ? standard : kept.split(",").filter((id) => GROUPS.some((group) => group.id === id)));
}

export const chooseGroups = (groups) => remember("groups", [...groups].join(","));

/** The next of a list, and after the last the first again. */
export function step(list, current, by) {
  return list[(list.indexOf(current) + by + list.length) % list.length];
}
