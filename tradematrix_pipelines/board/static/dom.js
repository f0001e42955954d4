// Elements. Text is always text: nothing that a server sends becomes markup.

const SVG = "http://www.w3.org/2000/svg";

function build(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const h = (tag, properties, ...children) => build(document.createElement(tag), properties, children);

export const svg = (tag, properties, ...children) => build(document.createElementNS(SVG, tag), properties, children);

/** Sets the text of an element only where it differs, so that nothing is drawn or read out again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const hiddenText = (text) => h("span", { class: "visually-hidden" }, text);

/** A heading with its content, as a landmark that has a name. */
export function section(title, properties, ...children) {
  const id = `section-${(section.count = (section.count ?? 0) + 1)}`;
  return h("section", { "aria-labelledby": id, ...properties }, h("h2", { id }, title), ...children);
}

export function copyButton(text) {
  const button = h("button", { type: "button", class: "quiet copy", "aria-label": `Copy ${text}` }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      setText(button, "Copied");
    } catch {
      setText(button, "Select it to copy");
    }
    setTimeout(() => setText(button, "Copy"), 2000);
  });
  return button;
}

/** A command to type, with a button that copies it. */
export const command = (text) => h("span", { class: "command" }, h("code", {}, text), copyButton(text));
