// The page: reads what all views share, shows the view that the address names, and keeps it up to date.

import { ended, get, watchTrouble } from "./api.js";
import { announce } from "./announce.js";
import { coverageView } from "./coverage.js";
import { h, setText } from "./dom.js";
import { city, clock, day, utc, viewerZone } from "./format.js";
import { onKey, showHelp } from "./keys.js";
import { empty } from "./marks.js";
import { overview } from "./overview.js";
import { sidebar } from "./sidebar.js";
import { emit, learnNow, learnQuote, now, on, state } from "./state.js";
import { listen } from "./stream.js";
import { symbolView } from "./symbol.js";
import { current, onChange, toggle } from "./theme.js";

const MINUTE = 60_000;
const JUST_READ = 3000;
const STATES = { connecting: "Connecting", live: "Live", broken: "Reconnecting" };

const find = (selector) => document.querySelector(selector);
const main = find("main");
let view = new AbortController();
let readAt = 0;

function asked() {
  const path = location.hash.replace(/^#\/?/, "");
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // no encoding: no symbol is called so, and the view says it
  }
}

function place() {
  const path = asked();
  if (path === "") return { name: "overview", show: overview };
  if (path === "coverage") return { name: "coverage", show: coverageView };
  return { name: "symbol", show: (container, options) => symbolView(container, { ...options, symbol: path }) };
}

async function route({ focus = true } = {}) {
  view.abort();
  view = new AbortController();
  const { signal } = view;
  const { name, show } = place();
  const content = h("div", { class: `content ${name}` });
  main.replaceChildren(h("div", { class: `view ${name}` }, content, sidebar(signal)));
  document.querySelectorAll("[data-place]").forEach((link) => {
    if (link.dataset.place === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
  if (focus) {
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  try {
    await show(content, { signal });
  } catch (error) {
    if (!ended(error)) content.append(empty(error.message));
  }
}

async function readShared() {
  const [status, symbols, quotes] = await Promise.all([get("status"), get("symbols"), get("quotes")]);
  Object.assign(state, { status, symbols: symbols.symbols });
  learnNow(quotes.now);
  quotes.quotes.forEach(learnQuote);
  readAt = Date.now();
  showStatus();
}

function showStatus() {
  const { provenance, dagster_url: dagster, version, vendor, clock: kind } = state.status;
  const mark = find(".provenance");
  mark.hidden = provenance !== "simulated";
  mark.replaceChildren(h("strong", {}, "SIMULATED"), h("span", { class: "long" }, " prices: do not trade on them"));
  const link = find(".dagster");
  link.hidden = dagster === null;
  if (dagster !== null) link.href = dagster;
  find(".foot").replaceChildren(h("span", {}, `TradeMatrix Pipelines ${version}`), h("span", {}, `vendor ${vendor}`), kind === "trial" ? h("span", {}, "trial clock") : "", h("a", { href: "docs" }, "API"));
  showClock();
}

function showClock() {
  const instant = now();
  const element = find(".clock");
  setText(element, `${day(instant)} ${clock(instant)}`);
  element.dateTime = instant.toISOString();
  element.title = `${city(viewerZone)}; ${utc(instant)}`;
}

async function renew() {
  try {
    const { now: instant, quotes } = await get("quotes");
    learnNow(instant);
    quotes.forEach(learnQuote);
    showClock();
    emit("quotes", null);
  } catch (error) {
    if (!ended(error)) announce(error.message);
  }
}

function onEvent(name, data) {
  if (name === "quote") learnQuote(data);
  if (name === "hello") {
    learnNow(data.now);
    if (Date.now() - readAt < JUST_READ) return; // the first one: all of it was read a moment ago
    renew();
  }
  if (name === "coverage") renew();
  if (name === "incident" && data.open > (state.status?.open_incidents ?? 0)) announce("An incident was opened");
  if (name === "incident" && state.status) state.status.open_incidents = data.open;
  showClock();
  emit(name, data);
}

function showStream(connection) {
  const element = find(".stream");
  if (element.dataset.state === connection) return;
  if (connection === "broken") announce("The live connection is interrupted");
  if (connection === "live" && element.dataset.state === "broken") announce("Live again");
  element.dataset.state = connection;
  setText(element.querySelector(".word"), STATES[connection]);
}

function showTrouble(message) {
  const element = find(".trouble");
  element.hidden = message === null;
  setText(element, message ?? "");
}

function showTheme() {
  const button = find('[data-action="theme"]');
  const dark = current() === "dark";
  setText(button, dark ? "☀" : "☾");
  button.setAttribute("aria-label", dark ? "Use the light theme" : "Use the dark theme");
  button.title = `${dark ? "Light" : "Dark"} theme (t)`;
}

function listenToPerson() {
  find('[data-action="theme"]').addEventListener("click", toggle);
  find('[data-action="help"]').addEventListener("click", showHelp);
  find("[data-skip]").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
    main.scrollIntoView();
  });
  onChange(showTheme);
  showTheme();
  onKey("?", showHelp);
  onKey("t", toggle);
  onKey("u", () => (location.hash = "#/"));
  onKey("c", () => (location.hash = "#/coverage"));
  const open = (index) => state.symbols[index] && (location.hash = `#/${encodeURIComponent(state.symbols[index].symbol)}`);
  for (let digit = 1; digit <= 9; digit += 1) onKey(String(digit), () => open(digit - 1));
  onKey("j", () => open(0));
  onKey("k", () => open(state.symbols.length - 1));
}

watchTrouble(showTrouble);
listenToPerson();
try {
  await readShared();
} catch (error) {
  main.replaceChildren(empty(error.message));
  throw error;
}
addEventListener("hashchange", () => route());
route({ focus: false });
listen(onEvent, showStream);
setInterval(async () => {
  await renew(); // a market opens, a price gets old: without a new price, too
  emit("minute", null);
}, MINUTE);
on("coverage", () => get("status").then((status) => { state.status = status; showStatus(); }).catch(() => null));
