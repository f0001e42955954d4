// What all views share: the installation, its symbols, the newest quotes, and now.

const listeners = new Map();

export const state = { status: null, symbols: [], quotes: new Map(), now: null, readAt: 0 };

export const symbolInfo = (name) => state.symbols.find(({ symbol }) => symbol === name) ?? null;

/** Calls back for an event until the signal ends it. */
export function on(name, listener, signal) {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name).add(listener);
  signal?.addEventListener("abort", () => listeners.get(name).delete(listener));
}

export function emit(name, data) {
  listeners.get(name)?.forEach((listener) => listener(data));
}

/** The server's time, which only a real clock moves on by itself. */
export function now() {
  if (state.now === null) return new Date();
  const passed = state.status?.clock === "trial" ? 0 : Date.now() - state.readAt;
  return new Date(Date.parse(state.now) + passed);
}

export function learnNow(instant) {
  state.now = instant;
  state.readAt = Date.now();
}

export function learnQuote(quote) {
  state.quotes.set(quote.symbol, quote);
  if (quote.at && state.now && Date.parse(quote.at) > Date.parse(state.now)) learnNow(quote.at);
}
