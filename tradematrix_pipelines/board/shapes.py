"""The shapes of the board's answers: what ``/api/v1`` promises to the page and to other services.

Here: names, types and meanings. Not here: where the values come from. Prices are as they are stored, in price units;
``digits`` is how many a person sees after the point. Instants are UTC, trade dates are dates. Each shape is an object,
so that it can get further fields.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
"""An instant, written in UTC: ``2026-11-20T08:00:00Z``."""

Provenance = Literal["real", "simulated"]
DayStatus = Literal["complete", "partial", "missing", "failed", "closed", "open", "unfetched", "upcoming"]
Verdict = Literal["accepted", "doubtful", "refused"]
EventKind = Literal["open", "close", "deadline", "pull", "fetch", "credits_reset"]


class Shape(BaseModel):
    """An answer or a part of one."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Shape):
    """Why a request has no answer, as ``application/problem+json`` (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="one line that says what is wrong and what to do")


class SymbolInfo(Shape):
    symbol: str
    alias: str | None
    instrument: str
    calendar: str
    timezone: str = Field(description="IANA zone of the calendar")
    exchange: str | None
    currency: str
    tick_size: float
    digits: int = Field(description="digits after the point that a price is shown with")


class Symbols(Shape):
    """The active symbols, in the order in which they were added."""

    symbols: list[SymbolInfo]


class NearLevel(Shape):
    """The level that is nearest to a price on one side."""

    name: str = Field(description="y_high, prev_week_low, or method and level: classic r1")
    price: float
    distance: float = Field(description="level - price, in price units: positive above, negative below")


class Market(Shape):
    """Whether a symbol's market is open now, and its hours."""

    open: bool
    trade_date: date = Field(description="of the open session, else of the next one")
    opens_at: Instant = Field(description="open of that session")
    closes_at: Instant = Field(description="its close")
    next_opening: Instant = Field(description="the first open that is still to come")


class Freshness(Shape):
    """Whether what is stored is as new as the calendar requires."""

    fresh: bool
    reason: str | None = Field(description="why it is not, in one line")


class LastSession(Shape):
    """The last session that has closed."""

    trade_date: date
    status: DayStatus
    verdict: Verdict | None = Field(description="null where it was not judged")
    reason: str | None = Field(description="why it is not complete, or not believed")


class Quote(Shape):
    """A symbol's newest price, and where it stands."""

    symbol: str
    alias: str | None
    digits: int
    price: float | None = Field(description="close of the newest stored minute; null without one")
    at: Instant | None = Field(description="when that minute closed")
    trade_date: date | None = Field(description="session that the price is of")
    previous_close: float | None = Field(description="yesterday's close, from that session's levels")
    change: float | None = Field(description="price - previous close")
    change_percent: float | None
    session_high: float | None = Field(description="null where the price is not from a live pull")
    session_low: float | None
    levels_date: date = Field(description="session whose levels above and below are: the open one, else the next")
    above: NearLevel | None = Field(description="nearest level at the price or above it")
    below: NearLevel | None = Field(description="nearest level below the price")
    market: Market
    freshness: Freshness
    last_session: LastSession
    source: str | None = Field(description="vendor that the price came from")
    provenance: Provenance | None = Field(description="null where nothing is stored")


class Quotes(Shape):
    now: Instant
    quotes: list[Quote]


class Candle(Shape):
    ts: Instant = Field(description="the bar's open")
    trade_date: date | None
    open: float
    high: float
    low: float
    close: float
    volume: float | None = Field(description="null where the vendor gives none")
    source: str | None
    verdict: Verdict | None = Field(description="of its session; null where it was not judged")


class IncompleteSession(Shape):
    trade_date: date
    reason: str


class Candles(Shape):
    """Candles of one series, ascending: the newest ``limit`` of what was asked for."""

    symbol: str
    digits: int
    timeframe: str
    candles: list[Candle]
    incomplete: list[IncompleteSession] = Field(description="sessions among them that are not complete")
    next_to: Instant | None = Field(description="ask again with this as `to` for older ones; null = there are none")


class Levels(Shape):
    """The levels to trade one session with."""

    symbol: str
    digits: int
    trade_date: date
    from_session: date | None = Field(description="session that the daily levels come from")
    verdict: Verdict | None = Field(description="doubtful where they come from such a session")
    computed_at: Instant | None
    daily: dict[str, float | None] = Field(
        description="y_open, y_high, y_low, y_close, prev_week_high, prev_week_low; atr_14, which is a distance. "
        "Empty where none are stored"
    )
    pivots: dict[str, dict[str, float]] = Field(description="by method the levels that it has: pp, r1 … s1 …")
    unavailable_reason: str | None = Field(description="why there are none, and what brings them")


class BookLevel(Shape):
    kind: str = Field(description="family of levels: previous_week, opening_range …")
    name: str
    price: float
    unit: Literal["price", "distance", "ratio"] = Field(description="only a price can be drawn on a chart")
    known_at: Instant = Field(description="from when on it could be known")
    timeframe: str = Field(description="of the candles that it comes from")
    first_date: date
    last_date: date
    verdict: Verdict
    published_at: Instant


class LevelBook(Shape):
    """Every level of one session, by kind and then by when it was known."""

    symbol: str
    digits: int
    trade_date: date
    levels: list[BookLevel]


class Touch(Shape):
    level: str = Field(description="y_high, y_low, y_close, or method and level: classic r1")
    level_price: float
    price: float = Field(description="close of the minute that touched it")
    at: Instant = Field(description="when that minute closed")
    notified_at: Instant | None


class Touches(Shape):
    """The first touch of each watched level in one session, by time."""

    symbol: str
    digits: int
    trade_date: date
    touches: list[Touch]


class Finding(Shape):
    """What the plausibility judgement noticed of a session."""

    timeframe: str
    kind: str
    severity: Literal["note", "doubt", "refusal"]
    message: str
    value: float | None
    threshold: float | None
    at: Instant | None = Field(description="open of the bar it is about; null = the whole session")


class SeriesCoverage(Shape):
    """What is known of one session of one timeframe."""

    timeframe: str
    status: DayStatus
    final: bool
    expected: int
    received: int
    rejected: int
    outside: int
    longest_gap: int = Field(description="minutes")
    source: str | None
    attempts: int
    next_attempt: Instant | None = Field(description="when it is fetched again by itself")
    exhausted: bool = Field(description="it is not fetched again by itself")
    verdict: Verdict | None
    pruned_at: Instant | None = Field(description="when its candles were deleted because they were old")
    reason: str | None


class CoverageDay(Shape):
    """One day of the coverage calendar."""

    trade_date: date
    status: DayStatus = Field(
        description="the worst over timeframes. closed: no session; open: it runs and all is there so far; "
        "unfetched: it is over and nothing is known of it; upcoming: it has not opened yet"
    )
    verdict: Verdict | None = Field(description="the most severe over timeframes; null where none was judged")
    ok: bool = Field(description="nothing is to be done: complete and believed, closed, running well, or to come")
    reason: str | None = Field(description="one sentence where it is not ok, or why there is no session")
    command: str | None = Field(description="what remedies it; null where nothing has to be done by a person")
    dagster_path: str | None = Field(description="its partition in Dagster's UI, beside the UI's address")
    timeframes: list[SeriesCoverage]
    findings: list[Finding]


class CoverageCalendar(Shape):
    """Each weekday, and each other day that has a session, from first to last, ascending."""

    symbol: str
    first: date
    last: date
    days: list[CoverageDay]


class Incident(Shape):
    id: int
    kind: str
    key: str = Field(description="what it is about; at most one of a key is open")
    message: str
    opened_at: Instant
    closed_at: Instant | None
    notified: bool = Field(description="whether its opening, or where it is closed its end, was notified")


class Incidents(Shape):
    """Incidents, oldest first."""

    incidents: list[Incident]


class HourCredits(Shape):
    hour: Instant = Field(description="beginning of the hour")
    total: int
    by_purpose: dict[str, int]


class PurposeBudget(Shape):
    purpose: str
    per_minute: int | None = Field(description="credits that it may spend; null = no limit")
    per_day: int | None


class VendorCredits(Shape):
    """A vendor's credits of this UTC day."""

    vendor: str
    per_minute: int | None = Field(description="the plan's limit; null = none")
    per_day: int | None
    minute_used: int
    minute_left: int | None
    day_used: int
    day_left: int | None
    resets_at: Instant
    by_purpose: dict[str, int]
    budgets: list[PurposeBudget]
    hours: list[HourCredits] = Field(description="each hour of the day up to now")


class Credits(Shape):
    """The vendors that have a limit; a vendor without one is not listed."""

    now: Instant
    vendors: list[VendorCredits]


class UpcomingEvent(Shape):
    at: Instant
    kind: EventKind
    symbol: str | None
    summary: str = Field(description="one line")


class MorningReport(Shape):
    trade_date: date
    written_at: Instant = Field(description="when it was made last")
    size: int = Field(description="bytes")
    path: str = Field(description="its address on the board, a page of HTML")


class MorningReports(Shape):
    """The morning pages that are stored, the newest trade dates first."""

    reports: list[MorningReport]


class Upcoming(Shape):
    """What happens next, ascending."""

    now: Instant
    events: list[UpcomingEvent]


class SessionHours(Shape):
    trade_date: date
    opens_at: Instant
    closes_at: Instant
    break_starts_at: Instant | None
    break_ends_at: Instant | None


class Sessions(Shape):
    """The sessions of a symbol's calendar, with the user's corrections, ascending."""

    symbol: str
    timezone: str
    sessions: list[SessionHours]


class Status(Shape):
    """What this installation is."""

    now: Instant
    version: str
    vendor: str
    provenance: Provenance | None = Field(description="of the stored prices; null where nothing is stored")
    clock: Literal["real", "trial"] = Field(description="trial: TRADEMATRIX_CLOCK is set")
    automation: bool = Field(description="whether live pulls, closes and healing run by themselves")
    pivot_method: str = Field(description="the method whose pivots are shown unless another is asked for")
    timeframes: list[str] = Field(description="those that are stored; others are made on reading")
    symbols: int
    open_incidents: int
    newest_price_at: Instant | None
    dagster_url: str | None = Field(description="where Dagster's UI is; null where the board runs alone")


class Check(Shape):
    name: str
    ok: bool
    detail: str


class Readiness(Shape):
    ready: bool
    checks: list[Check]


class Health(Shape):
    alive: Literal[True] = True


class CoverageChange(Shape):
    """The data of an event ``coverage``: what was fetched or judged since the last one."""

    symbols: list[str]


class IncidentChange(Shape):
    """The data of an event ``incident``: how many incidents are open now."""

    open: int


class Hello(Shape):
    """The data of the event ``hello``, the first of each connection: what was shown before may be outdated."""

    now: Instant
