// What is painted below the candles: bands of sessions, and the lines of levels.

const DASHES = { daily: [], pivots: [6, 4] };
const OTHER_DASH = [2, 3];

/** A primitive of the series that shades every other session, and names each at its beginning. */
export class SessionBands {
  #chart = null;
  #bands = [];
  colours = {};

  attached({ chart }) {
    this.#chart = chart;
  }

  /** Learns which candles belong to which session: `dates` has a candle's trade date each. */
  setDates(dates) {
    this.#bands = [];
    dates.forEach((date, index) => {
      const last = this.#bands.at(-1);
      if (last && last.date === date) last.to = index;
      else this.#bands.push({ date, from: index, to: index, shaded: dayNumber(date) % 2 === 0 });
    });
    for (let index = 1; index < this.#bands.length; index += 1) this.#bands[index].shaded = !this.#bands[index - 1].shaded;
  }

  paneViews() {
    return [{ zOrder: () => "bottom", renderer: () => ({ draw: () => null, drawBackground: (target) => this.#paint(target) }) }];
  }

  #paint(target) {
    const time = this.#chart.timeScale();
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      const half = time.options().barSpacing / 2;
      for (const { from, to, shaded } of this.#bands) {
        const left = time.logicalToCoordinate(from);
        const right = time.logicalToCoordinate(to);
        if (left === null || right === null || right < 0 || left > mediaSize.width) continue;
        if (shaded) {
          context.fillStyle = this.colours["chart-band"];
          context.fillRect(left - half, 0, right - left + 2 * half, mediaSize.height);
        }
        context.fillStyle = this.colours["chart-border"];
        context.fillRect(Math.round(left - half), 0, 1, mediaSize.height);
      }
    });
  }
}

const dayNumber = (date) => Math.floor(Date.parse(date) / 86_400_000);

/** A primitive that draws levels: strong from the session that they are for, faint before it. */
export class LevelLines {
  #chart = null;
  #series = null;
  #levels = [];
  #from = 0;
  #onDraw;
  colours = {};

  constructor(onDraw) {
    this.#onDraw = onDraw;
  }

  attached({ chart, series, requestUpdate }) {
    this.#chart = chart;
    this.#series = series;
    this.redraw = requestUpdate;
  }

  /** `from` is the index of the first candle of the session that the levels are for. */
  setLevels(levels, from) {
    this.#levels = levels;
    this.#from = from;
    this.redraw?.();
  }

  updateAllViews() {
    this.#onDraw();
  }

  /** The scale shows the levels next to the price as well as the candles. */
  autoscaleInfo() {
    const near = this.#levels.filter(({ near }) => near).map(({ price }) => price);
    return near.length ? { priceRange: { minValue: Math.min(...near), maxValue: Math.max(...near) } } : null;
  }

  paneViews() {
    // Above the grid, whose lines may lie on the same pixels.
    return [{ zOrder: () => "normal", renderer: () => ({ draw: (target) => this.#paint(target) }) }];
  }

  #paint(target) {
    const time = this.#chart.timeScale();
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      const start = Math.max(0, (time.logicalToCoordinate(this.#from) ?? 0) - time.options().barSpacing / 2);
      for (const level of this.#levels) {
        const y = this.#series.priceToCoordinate(level.price);
        if (y === null || y < -2 || y > mediaSize.height + 2) continue;
        context.strokeStyle = this.colours[colourOf(level.group)];
        context.lineWidth = 1;
        context.setLineDash(DASHES[level.group] ?? OTHER_DASH);
        line(context, start, mediaSize.width, y, 0.95);
        line(context, 0, start, y, 0.35);
      }
      context.setLineDash([]);
    });
  }
}

function line(context, from, to, y, strength) {
  context.globalAlpha = strength;
  context.beginPath();
  context.moveTo(from, Math.round(y) + 0.5);
  context.lineTo(to, Math.round(y) + 0.5);
  context.stroke();
  context.globalAlpha = 1;
}

export const colourOf = (group) => (group === "daily" ? "level-daily" : group === "pivots" ? "level-pivots" : "level-book");
