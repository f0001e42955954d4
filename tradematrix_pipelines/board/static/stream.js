// Server-sent events: one connection of the page, and its state.

const NAMES = ["hello", "quote", "coverage", "incident"];
const RETRY = 3000;

/** Listens until the page is left. `onState` gets connecting, live, or broken. */
export function listen(onEvent, onState) {
  let source = null;
  let timer = 0;

  function open() {
    clearTimeout(timer);
    source = new EventSource(new URL("events", document.baseURI));
    source.onopen = () => onState("live");
    source.onerror = () => {
      onState("broken");
      // A browser connects again by itself, but not after an answer that is no stream.
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, RETRY);
    };
    for (const name of NAMES) {
      source.addEventListener(name, (event) => onEvent(name, JSON.parse(event.data)));
    }
  }

  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && open());
  open();
}
