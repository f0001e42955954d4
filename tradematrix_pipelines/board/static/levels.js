// Levels as a person reads them: groups, names, and the one list that chart, labels and table share. Pure.

/** Groups in the order in which they are offered. `kinds` are those of the level book. */
export const GROUPS = [
  { id: "daily", label: "Yesterday, last week", shown: true },
  { id: "pivots", label: "Pivots", shown: true },
  { id: "longer", label: "Month, quarter", kinds: ["previous_week", "previous_month", "previous_quarter", "opens"] },
  { id: "pivots_longer", label: "Weekly, monthly pivots", kinds: ["week_pivots", "month_pivots", "central_pivot_range"] },
  { id: "profile", label: "Profile, VWAP", kinds: ["time_profile", "volume_profile", "vwap"] },
  { id: "session", label: "Opening range, windows, gap", kinds: ["opening_range", "initial_balance", "session_windows", "gap", "previous_day"] },
];

const DAILY = {
  y_high: ["Y high", "Yesterday's high"],
  y_low: ["Y low", "Yesterday's low"],
  y_close: ["Y close", "Yesterday's close"],
  y_open: ["Y open", "Yesterday's open"],
  prev_week_high: ["W high", "Last week's high"],
  prev_week_low: ["W low", "Last week's low"],
};

const BOOK = {
  previous_day: ["Y", "Yesterday's"],
  previous_week: ["W", "Last week's"],
  previous_month: ["M", "Last month's"],
  previous_quarter: ["Q", "Last quarter's"],
  week_pivots: ["Wk", "Weekly pivot"],
  month_pivots: ["Mo", "Monthly pivot"],
  central_pivot_range: ["CPR", "Central pivot range"],
  time_profile: ["TP", "Time profile"],
  volume_profile: ["VP", "Volume profile"],
  vwap: ["VWAP", "VWAP of the"],
  opens: ["Open", "Open of the"],
  gap: ["Gap", "Gap"],
  session_windows: ["", "Window"],
  opening_range: ["OR", "Opening range"],
  initial_balance: ["IB", "Initial balance"],
};

const PARTS = { poc: "POC", value_area_high: "VAH", value_area_low: "VAL", pp: "PP", tc: "TC", bc: "BC" };
const METHODS = { pp: "Pivot point" };

/** Kinds whose levels are shown from the daily levels and pivots already. */
const SHOWN_ALREADY = { previous_day: ["open", "high", "low", "close"], previous_week: ["high", "low"], gap: ["size", "filled"] };

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const readable = (text) => text.replaceAll("_", " ");

const pivotName = (name) => METHODS[name] ?? `${name.startsWith("r") ? "Resistance" : "Support"} ${name.slice(1)}`;

/** Returns the name of a level as a quote or a touch has it: y_high, or method and level. */
export function shortName(name) {
  if (name in DAILY) return DAILY[name][0];
  const level = name.split(" ")[1];
  return level && /^(pp|[rs]\d)$/.test(level) ? level.toUpperCase() : capital(readable(name));
}

/** Returns the levels of a session that are prices, those of one pivot method, highest first. */
export function collect({ levels, book, method, touches }) {
  const touched = new Map((touches?.touches ?? []).map((touch) => [touch.level, touch.at]));
  const all = [...daily(levels, touched), ...pivots(levels, method, touched), ...booked(book, method)];
  return all.sort((one, other) => other.price - one.price || one.name.localeCompare(other.name));
}

function daily(levels, touched) {
  return Object.entries(DAILY)
    .filter(([id]) => typeof levels?.daily[id] === "number")
    .map(([id, [short, name]]) => ({ id, group: "daily", short, name, price: levels.daily[id], touchedAt: touched.get(id) ?? null }));
}

function pivots(levels, method, touched) {
  return Object.entries(levels?.pivots[method] ?? {}).map(([id, value]) => ({
    id: `${method} ${id}`,
    group: "pivots",
    short: id.toUpperCase(),
    name: `${pivotName(id)} (${method})`,
    price: value,
    touchedAt: touched.get(`${method} ${id}`) ?? null,
  }));
}

function booked(book, method) {
  const wanted = new Map(GROUPS.flatMap(({ id, kinds = [] }) => kinds.map((kind) => [kind, id])));
  return (book?.levels ?? [])
    .filter(({ kind, unit, name }) => unit === "price" && wanted.has(kind) && !SHOWN_ALREADY[kind]?.includes(name))
    .filter(({ kind, name }) => !kind.endsWith("_pivots") || name.startsWith(`${method} `))
    .map((level) => ({ id: `${level.kind} ${level.name}`, group: wanted.get(level.kind), ...bookNames(level), price: level.price, knownAt: level.known_at, touchedAt: null }));
}

function bookNames({ kind, name }) {
  const [prefix, long] = BOOK[kind] ?? ["", capital(readable(kind))];
  const part = kind.endsWith("_pivots") ? name.split(" ").at(-1) : name;
  const label = PARTS[part] ?? (/^[rs]\d$/.test(part) ? part.toUpperCase() : readable(part));
  if (kind === "session_windows") return { short: capital(label.replace("new york", "NY")), name: `${long} ${label}` };
  if (kind === "vwap") return { short: "VWAP", name: `${long} previous day` };
  return { short: capital(`${prefix}${prefix === "OR" ? "" : " "}${label}`.trim()), name: `${long} ${label}` };
}
