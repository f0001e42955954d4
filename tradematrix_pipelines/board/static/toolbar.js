// The chart's controls: timeframe, pivot method, groups of levels, clock.

import { METHODS, TIMEFRAMES } from "./choices.js";
import { h } from "./dom.js";
import { GROUPS } from "./levels.js";

export function toolbar({ timeframe, method, groups, zones, zone, onTimeframe, onMethod, onGroups, onZone, onReset, signal }) {
  const buttons = TIMEFRAMES.map((name) => h("button", { type: "button", "aria-pressed": String(name === timeframe), data: { timeframe: name }, click: () => onTimeframe(name) }, name));
  const element = h(
    "div",
    { class: "toolbar" },
    h("div", { class: "segmented", role: "group", "aria-label": "Timeframe" }, buttons),
    choice("Pivots", METHODS.map((name) => [name, name]), method, onMethod),
    levelGroups(groups, onGroups, signal),
    zones.length > 1 ? choice("Clock", zones, zone, onZone) : null,
    h("button", { type: "button", class: "quiet", title: "Back to the newest candles (r)", click: onReset }, "Reset"),
  );

  function showTimeframe(chosen) {
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.timeframe === chosen)));
  }

  return { element, showTimeframe };
}

function choice(label, options, chosen, onChoice) {
  const select = h("select", {}, options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
  select.addEventListener("change", () => onChoice(select.value));
  return h("label", { class: "choice" }, h("span", {}, label), select);
}

function levelGroups(chosen, onGroups, signal) {
  const summary = h("summary", {});
  const boxes = GROUPS.map(({ id, label }) => {
    const box = h("input", { type: "checkbox", value: id, checked: chosen.has(id) });
    box.addEventListener("change", () => {
      onGroups(new Set(boxes.map(({ firstChild }) => firstChild).filter(({ checked }) => checked).map(({ value }) => value)));
      count();
    });
    return h("label", {}, box, label);
  });
  const count = () => summary.replaceChildren(`Levels: ${boxes.filter(({ firstChild }) => firstChild.checked).length} of ${GROUPS.length} groups`);
  count();
  const details = h("details", { class: "groups" }, summary, h("fieldset", {}, h("legend", { class: "visually-hidden" }, "Groups of levels"), boxes));
  details.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !details.open) return;
    event.stopPropagation();
    details.open = false;
    summary.focus();
  });
  details.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget !== null && !details.contains(relatedTarget)) details.open = false;
  });
  document.addEventListener("pointerdown", ({ target }) => details.contains(target) || (details.open = false), { signal });
  return details;
}
