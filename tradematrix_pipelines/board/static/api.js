// The board's API, and whether it answers.

export class Unavailable extends Error {}

export class Refusal extends Error {
  constructor(problem) {
    super(problem.detail || problem.title);
    this.status = problem.status;
  }
}

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 15_000;
const NO_ANSWER = "The board's server does not answer. Is `tradematrix up` running? Trying again …";
const NO_DATABASE = "The database can't be reached, trying again …";

const watchers = new Set();
let trouble = null;

/** Calls back with what is wrong with the API, or null once it answers again. */
export function watchTrouble(watcher) {
  watchers.add(watcher);
}

function report(message) {
  if (message === trouble) return;
  trouble = message;
  watchers.forEach((watcher) => watcher(trouble));
}

async function once(path, parameters, signal) {
  const url = new URL(`api/v1/${path}`, document.baseURI);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined) url.searchParams.set(name, value);
  }
  let response;
  try {
    response = await fetch(url, { signal, headers: { accept: "application/json" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unavailable(NO_ANSWER);
  }
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({ title: response.statusText, status: response.status }));
  if (response.status >= 502) throw new Unavailable(response.status === 503 ? problem.detail ?? NO_DATABASE : NO_ANSWER);
  throw new Refusal({ status: response.status, ...problem });
}

/** Returns an answer, as late as it comes: what is unavailable is asked for again until the signal ends it. */
export async function get(path, parameters = {}, { signal } = {}) {
  for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    try {
      const answer = await once(path, parameters, signal);
      report(null);
      return answer;
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      report(error.message);
    }
    await waited(pause, signal);
  }
}

function waited(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("ended", "AbortError"));
    });
  });
}

/** Ignores the end of a view that was left; everything else is shown by the view. */
export const ended = (error) => error.name === "AbortError";
