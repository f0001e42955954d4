// The candles of the chart: the newest, older ones as one goes back, and each new one as it comes.

import { ended, get } from "./api.js";

const FIRST = 600;
const OLDER = 1000;
const NEWEST = 3;

export class Series {
  candles = [];
  #symbol;
  #chart;
  #signal;
  #onCandles;
  #onError;
  #timeframe = null;
  #next = null;
  #shown = {}; // another object with each load: answers to what was asked before it are dropped
  #goingBack = null;
  #updating = false;
  #askedAgain = false;

  constructor(symbol, chart, { signal, onCandles, onError }) {
    this.#symbol = symbol;
    this.#chart = chart;
    this.#signal = signal;
    this.#onCandles = onCandles;
    this.#onError = onError;
  }

  /** Shows the newest candles of a timeframe. */
  async load(timeframe) {
    this.#timeframe = timeframe;
    this.#shown = {};
    this.#next = null;
    const answer = await this.#ask({ limit: FIRST });
    if (answer === null) return;
    this.candles = answer.candles;
    this.#next = answer.next_to;
    this.#chart.setCandles(this.candles, timeframe);
    this.#onCandles();
  }

  async loadOlder() {
    const shown = this.#shown;
    if (this.#goingBack === shown || this.#next === null) return;
    this.#goingBack = shown;
    const answer = await this.#ask({ to: this.#next, limit: OLDER });
    if (this.#goingBack === shown) this.#goingBack = null;
    if (answer === null) return;
    const first = this.candles[0]?.ts;
    const older = answer.candles.filter(({ ts }) => first === undefined || ts < first);
    this.#next = older.length ? answer.next_to : null;
    this.candles = [...older, ...this.candles];
    this.redraw();
  }

  /** Adds the newest candles; while an answer is awaited, to ask once more is enough. */
  async loadNewest() {
    if (this.#updating) {
      this.#askedAgain = true;
      return;
    }
    this.#updating = true;
    do {
      this.#askedAgain = false;
      const answer = await this.#ask({ limit: NEWEST });
      if (answer !== null && answer.candles.length) await this.#add(answer.candles);
    } while (this.#askedAgain);
    this.#updating = false;
  }

  redraw() {
    this.#chart.setCandles(this.candles, this.#timeframe, { keep: true });
    this.#onCandles();
  }

  async #add(newest) {
    const last = this.candles.at(-1)?.ts;
    if (last === undefined || newest[0].ts > last) return this.load(this.#timeframe); // others came in between
    this.#chart.addNewest(newest);
    this.#onCandles();
    return undefined;
  }

  /** Returns an answer; null where it failed, or others were loaded meanwhile. */
  async #ask(parameters) {
    const shown = this.#shown;
    const timeframe = this.#timeframe;
    try {
      const answer = await get("candles", { symbol: this.#symbol, timeframe, ...parameters }, { signal: this.#signal });
      return shown === this.#shown ? answer : null;
    } catch (error) {
      if (!ended(error)) this.#onError(error);
      return null;
    }
  }
}
