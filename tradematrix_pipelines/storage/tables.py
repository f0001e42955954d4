"""The tables of the market database, as SQLAlchemy metadata.

Here: columns, keys and constraints. Not here: their history (``migrations``; a test compares the two), or what is read
from and written to them.

TradeMatrix's other services read ``market_symbols``, ``ohlc`` and ``levels_daily``: their names and keys are fixed.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    func,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, ENUM, JSONB, TIMESTAMP

from tradematrix_pipelines.candles.coverage import Status, Verdict
from tradematrix_pipelines.levels.daily import LEVELS as DAILY_LEVELS
from tradematrix_pipelines.levels.pivots import LEVELS as PIVOT_LEVELS
from tradematrix_pipelines.levels.pivots import Method
from tradematrix_pipelines.markets.timeframes import Timeframe

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

# Enums take 4 bytes a row, sort in the order of their values, and still compare with plain text: timeframe = '1m'.
timeframe_type = ENUM(*(str(t) for t in Timeframe), name="ohlc_timeframe", metadata=metadata)
status_type = ENUM(*(str(s) for s in Status), name="coverage_status", metadata=metadata)
verdict_type = ENUM(*(str(v) for v in Verdict), name="session_verdict", metadata=metadata)
method_type = ENUM(*(str(m) for m in Method), name="pivot_method", metadata=metadata)

_UTC = TIMESTAMP(timezone=True)
_INFINITY = "'Infinity'::float8"
_NOW = text("tradematrix_now()")  # the writer's time (``storage.stamps``), else the database's


def _price(name: str, *, nullable: bool = False, doc: str | None = None) -> "Column[float]":
    return Column(name, Double, nullable=nullable, doc=doc)


def _levels_verdict() -> "Column[str]":
    return Column(
        "verdict",
        verdict_type,
        nullable=False,
        server_default=str(Verdict.ACCEPTED),
        comment="doubtful where a session that they come from is, and they were published all the same",
    )


market_symbols = Table(
    "market_symbols",
    metadata,
    Column("id", Integer, Identity(always=False), primary_key=True),
    Column("vendor", Text, nullable=False, server_default="twelve_data"),
    Column("symbol", Text, nullable=False, comment="TradeMatrix's name; the symbol half of a partition key"),
    Column("alias", Text, comment="what a person calls it"),
    Column("instrument", Text, nullable=False),
    Column("calendar", Text, nullable=False, comment="session calendar, e.g. XETR or FX"),
    Column("timezone", Text, nullable=False, comment="IANA zone of the calendar"),
    Column("exchange", Text),
    Column("currency", Text, nullable=False),
    _price("tick_size"),
    Column("vendor_symbols", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    _price("price_min", nullable=True),
    _price("price_max", nullable=True),
    Column("gap_tolerance", Integer, comment="minutes without a bar in a complete session; null = none"),
    Column("active", Boolean, nullable=False, server_default=true()),
    Column("created_at", _UTC, nullable=False, server_default=func.now()),
    Column(
        "touch_alerts", Boolean, nullable=False, server_default=false(), comment="tell of levels that the price touches"
    ),
    Column("touch_levels", ARRAY(Text), comment="levels that are watched for touches, by name; null = the usual ones"),
    Column(
        "thresholds",
        JSONB,
        nullable=False,
        server_default=text("'{}'::jsonb"),
        comment="thresholds of the judgement that differ for it, by name",
    ),
    Column("level_kinds", ARRAY(Text), comment="kinds of levels in its book; null = those of its market"),
    Column(
        "legacy_id",
        Uuid,
        nullable=False,
        server_default=text("gen_random_uuid()"),
        comment="its id in the schema legacy: that of the old system, where candles were imported from it",
    ),
    UniqueConstraint("legacy_id"),
    UniqueConstraint("vendor", "symbol"),
    # A partition key names a symbol without its vendor, so the name alone must be unique too.
    UniqueConstraint("symbol"),
    CheckConstraint(f"tick_size > 0 AND tick_size < {_INFINITY}", name="tick_size"),
)

ohlc = Table(
    "ohlc",
    metadata,
    # Widest first: no padding between the columns. The last one was added later.
    Column("ts", _UTC, nullable=False, comment="bar open"),
    _price("open"),
    _price("high"),
    _price("low"),
    _price("close"),
    Column("volume", Double, comment="null where the vendor gives none"),
    # No foreign key: it would be checked row by row. session_coverage's keeps a symbol with candles from being deleted.
    Column("symbol_id", Integer, nullable=False),
    Column("timeframe", timeframe_type, nullable=False),
    Column("source", Text, nullable=False, comment="vendor that served it"),
    Column("stored_at", _UTC, server_default=_NOW, comment="when it got these values; null: before that was kept"),
    PrimaryKeyConstraint("symbol_id", "timeframe", "ts"),
    # NaN sorts above every number in Postgres, so only an upper bound keeps it out.
    CheckConstraint(
        f"low > 0 AND high < {_INFINITY} AND open < {_INFINITY} AND close < {_INFINITY} AND low < {_INFINITY}",
        name="finite",
    ),
    CheckConstraint("high >= open AND high >= close AND low <= open AND low <= close", name="bounds"),
    CheckConstraint(f"volume >= 0 AND volume < {_INFINITY}", name="volume"),
)

ohlc_revisions = Table(
    "ohlc_revisions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("ts", _UTC, nullable=False),
    _price("open"),
    _price("high"),
    _price("low"),
    _price("close"),
    Column("volume", Double),
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("timeframe", timeframe_type, nullable=False),
    Column("source", Text, nullable=False),
    Column("revised_at", _UTC, nullable=False, server_default=_NOW, comment="when these values were replaced"),
    Column(
        "withdrawn",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="the vendor no longer has the candle at all",
    ),
    Column("stored_at", _UTC, comment="when the candle had got these values; null: before that was kept"),
    Index(None, "symbol_id", "timeframe", "ts"),
)

rejected_candles = Table(
    "rejected_candles",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("timeframe", timeframe_type, nullable=False),
    Column("ts", _UTC, comment="null where the vendor's could not be read"),
    Column("open", Double),
    Column("high", Double),
    Column("low", Double),
    Column("close", Double),
    Column("volume", Double),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("rejected_at", _UTC, nullable=False),
    # The same bad bar, fetched again, is the same rejection.
    UniqueConstraint(
        "symbol_id",
        "timeframe",
        "ts",
        "reason",
        "source",
        "open",
        "high",
        "low",
        "close",
        "volume",
        name="rejected_candles_once_key",
        postgresql_nulls_not_distinct=True,
    ),
)

session_coverage = Table(
    "session_coverage",
    metadata,
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("timeframe", timeframe_type, nullable=False),
    Column("trade_date", Date, nullable=False),
    Column("status", status_type, nullable=False),
    Column("final", Boolean, nullable=False, comment="the session was over when this was found"),
    Column("expected", Integer, nullable=False),
    Column("received", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("outside", Integer, nullable=False, comment="bars dropped because they lay outside the session"),
    Column("longest_gap", Integer, nullable=False, comment="minutes"),
    Column("source", Text),
    Column("opens_at", _UTC, comment="null on a closed day"),
    Column("closes_at", _UTC),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text),
    Column("retry_at", _UTC, comment="when asking again helps, where the failure knew"),
    Column("checked_at", _UTC, nullable=False),
    Column(
        "transient", Boolean, nullable=False, server_default=false(), comment="asking again within minutes may help"
    ),
    Column("verdict", verdict_type, comment="whether it can be believed; null where it was not judged"),
    Column("doubt", Text, comment="the most severe finding, where it was not believed at once"),
    Column("pruned_at", _UTC, comment="when its candles were deleted for their age; null: they were not"),
    PrimaryKeyConstraint("symbol_id", "timeframe", "trade_date"),
    Index(None, "retry_at", postgresql_where=text("retry_at IS NOT NULL")),
)

session_summaries = Table(
    "session_summaries",
    metadata,
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("timeframe", timeframe_type, nullable=False),
    Column("trade_date", Date, nullable=False),
    Column("verdict", verdict_type, nullable=False),
    Column("cold", Boolean, nullable=False, comment="judged with too few sessions before it to know what is usual"),
    Column("summary", JSONB, nullable=False, comment="what later sessions are judged by"),
    Column("judged_at", _UTC, nullable=False),
    PrimaryKeyConstraint("symbol_id", "timeframe", "trade_date"),
)

session_findings = Table(
    "session_findings",
    metadata,
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("timeframe", timeframe_type, nullable=False),
    Column("trade_date", Date, nullable=False),
    Column("position", Integer, nullable=False, comment="in the order of the detectors"),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False, comment="note, doubt or refusal"),
    Column("value", Double, nullable=False),
    Column("threshold", Double, nullable=False),
    Column("message", Text, nullable=False, comment="one sentence, with the numbers"),
    Column("at", _UTC, comment="open of the bar it is about; null = the whole session"),
    Column("until", _UTC),
    PrimaryKeyConstraint("symbol_id", "timeframe", "trade_date", "position"),
)

session_acceptances = Table(
    "session_acceptances",
    metadata,
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("timeframe", timeframe_type, nullable=False),
    Column("trade_date", Date, nullable=False),
    _price("open"),
    _price("high"),
    _price("low"),
    _price("close"),
    Column("reason", Text, nullable=False),
    Column("accepted_at", _UTC, nullable=False),
    PrimaryKeyConstraint("symbol_id", "timeframe", "trade_date"),
)

verifications = Table(
    "verifications",
    metadata,
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("timeframe", timeframe_type, nullable=False),
    Column("trade_date", Date, nullable=False),
    Column("vendor", Text, nullable=False, comment="who was asked"),
    Column("own", Boolean, nullable=False, comment="the session is stored from this vendor"),
    Column("outcome", Text, nullable=False, comment="exact, within tolerance, different or unavailable"),
    Column("bars", Integer, nullable=False, comment="bars compared"),
    Column("largest", Double, comment="largest difference, in price units"),
    Column("at", _UTC, comment="open of the bar with it; null = the whole session"),
    Column("what", Text, comment="open, high, low or close; absent: only one has the bar"),
    Column("reason", Text, comment="why nothing was compared"),
    Column("verified_at", _UTC, nullable=False),
    PrimaryKeyConstraint("symbol_id", "timeframe", "trade_date", "vendor"),
)

# Rows come from a trigger: each version of a row that a reader could see, from when to when.
session_coverage_history = Table(
    "session_coverage_history",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("timeframe", timeframe_type, nullable=False),
    Column("trade_date", Date, nullable=False),
    Column("coverage", JSONB, nullable=False, comment="the row of session_coverage, without its key"),
    Column("stored_at", _UTC, nullable=False),
    Column("replaced_at", _UTC, comment="null: this is the present one"),
    Index(None, "symbol_id", "timeframe", "trade_date"),
)

run_requests = Table(
    "run_requests",
    metadata,
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("asset", Text, nullable=False, comment="a candle asset, or levels"),
    Column("trade_date", Date, nullable=False),
    Column("requested_at", _UTC, nullable=False, comment="when a run for it was last requested"),
    PrimaryKeyConstraint("symbol_id", "trade_date", "asset"),
)

levels_daily = Table(
    "levels_daily",
    metadata,
    Column("trade_date", Date, nullable=False, comment="the session to trade with these levels"),
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("y_trade_date", Date, nullable=False, comment="the session they come from"),
    *(_price(name, nullable=level.optional, doc=level.meaning) for name, level in DAILY_LEVELS.items()),
    *(_price(name, doc="classic") for name in ("pivot", "r1", "r2", "r3", "s1", "s2", "s3")),
    Column("computed_at", _UTC, nullable=False),
    _levels_verdict(),
    PrimaryKeyConstraint("trade_date", "symbol_id"),
)

pivot_levels = Table(
    "pivot_levels",
    metadata,
    Column("trade_date", Date, nullable=False),
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("method", method_type, nullable=False),
    _price("pp"),
    *(_price(name, nullable=True, doc="null where the method has none") for name in PIVOT_LEVELS if name != "pp"),
    Column("computed_at", _UTC, nullable=False),
    _levels_verdict(),
    PrimaryKeyConstraint("trade_date", "symbol_id", "method"),
)

# Rows come from triggers on the two tables of levels, whoever writes these.
levels_history = Table(
    "levels_history",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("trade_date", Date, nullable=False),
    Column("kind", Text, nullable=False, comment="daily, or a pivot method"),
    Column(
        "levels",
        JSONB,
        nullable=False,
        comment="the row of levels_daily or pivot_levels, without its key and computed_at",
    ),
    Column("published_at", _UTC, nullable=False),
    Column("replaced_at", _UTC, comment="null: these are the present ones"),
    Index(None, "symbol_id", "trade_date"),
)


def _book_columns() -> "list[Column[Any]]":
    return [
        Column("trade_date", Date, nullable=False, comment="the session to trade with the level"),
        Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
        Column("kind", Text, nullable=False, comment="family of levels, e.g. previous_week"),
        Column("name", Text, nullable=False, comment="e.g. high"),
        _price("price"),
        Column("unit", Text, nullable=False, comment="price; distance of two prices; ratio"),
        Column("known_at", _UTC, nullable=False, comment="when the last candle that it comes from closed"),
        Column("timeframe", timeframe_type, nullable=False, comment="of the candles that it comes from"),
        Column("first_date", Date, nullable=False, comment="trade date of the first session that it comes from"),
        Column("last_date", Date, nullable=False, comment="of the last one"),
        _levels_verdict(),
        Column("published_at", _UTC, nullable=False, server_default=_NOW, comment="when it got these values"),
    ]


levels = Table(
    "levels",
    metadata,
    *_book_columns(),
    PrimaryKeyConstraint("symbol_id", "trade_date", "kind", "name"),
)

level_revisions = Table(
    "level_revisions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    *_book_columns(),
    Column("replaced_at", _UTC, nullable=False, server_default=_NOW, comment="when these values were replaced"),
    Index(None, "symbol_id", "trade_date"),
)

level_outcomes = Table(
    "level_outcomes",
    metadata,
    Column("trade_date", Date, nullable=False, comment="the session in which it happened"),
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("kind", Text, nullable=False, comment="of the level, as in levels"),
    Column("name", Text, nullable=False),
    Column("result", Text, nullable=False, comment="untouched, held, broken or undecided; of gaps filled or unfilled"),
    PrimaryKeyConstraint("symbol_id", "trade_date", "kind", "name"),
)

history_starts = Table(
    "history_starts",
    metadata,
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("vendor", Text, nullable=False),
    Column("timeframe", timeframe_type, nullable=False),
    Column(
        "vendor_symbol",
        Text,
        nullable=False,
        comment="the name it was asked for by; under another one it may be another instrument",
    ),
    Column("starts_at", _UTC, nullable=False, comment="open of the first bar; of a daily one midnight UTC of its date"),
    Column("asked_at", _UTC, nullable=False),
    PrimaryKeyConstraint("symbol_id", "vendor", "timeframe"),
)

vendor_credits = Table(
    "vendor_credits",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("vendor", Text, nullable=False),
    Column("reserved_at", _UTC, nullable=False, comment="when booked; once settled, when the answer came"),
    Column("credits", Integer, nullable=False, comment="reserved, then corrected from the answer"),
    Column("purpose", Text, nullable=False),
    Column("settled", Boolean, nullable=False),
    Index(None, "vendor", "reserved_at"),
    CheckConstraint("credits >= 0", name="credits"),
)

current_prices = Table(
    "current_prices",
    metadata,
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), primary_key=True, autoincrement=False),
    Column("trade_date", Date, nullable=False, comment="the session that the price is of"),
    Column("price", Double, nullable=False, comment="close of the newest stored minute"),
    Column("change", Double, comment="price - y_close; null without levels for the session"),
    Column("change_percent", Double),
    _price("session_high"),
    _price("session_low"),
    Column("at", _UTC, nullable=False, comment="when that minute closed"),
    Column("source", Text, nullable=False),
    Column("updated_at", _UTC, nullable=False),
)

level_touches = Table(
    "level_touches",
    metadata,
    Column("trade_date", Date, nullable=False),
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("level", Text, nullable=False, comment="y_high, y_low, y_close, or method and level: classic r1"),
    _price("level_price"),
    Column("price", Double, nullable=False, comment="close of the minute that touched it"),
    Column("at", _UTC, nullable=False, comment="when that minute closed"),
    Column("notified_at", _UTC, comment="null until somebody was notified"),
    PrimaryKeyConstraint("trade_date", "symbol_id", "level"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False, comment="what it is about; at most one of a key is open"),
    Column("kind", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("opened_at", _UTC, nullable=False),
    Column("opening_notified_at", _UTC),
    Column("closed_at", _UTC),
    Column("closing_notified_at", _UTC),
    Index("incidents_open_key", "key", unique=True, postgresql_where=text("closed_at IS NULL")),
)

morning_reports = Table(
    "morning_reports",
    metadata,
    Column("trade_date", Date, primary_key=True, autoincrement=False),
    Column("html", Text, nullable=False, comment="one page that needs nothing else"),
    Column("written_at", _UTC, nullable=False),
    Column("notified_at", _UTC, comment="when it was sent to the alert services; null: it was not"),
)

splits = Table(
    "splits",
    metadata,
    Column("symbol_id", Integer, ForeignKey("market_symbols.id"), nullable=False),
    Column("trade_date", Date, nullable=False, comment="the first session in the new units"),
    Column("ratio", Double, comment="new units for an old one; null: a person says that there was no split"),
    Column("reason", Text),
    Column("decided_at", _UTC, nullable=False),
    Column("undone_at", _UTC, comment="null while it is in force"),
    PrimaryKeyConstraint("symbol_id", "trade_date"),
    CheckConstraint(f"ratio > 0 AND ratio < {_INFINITY}", name="ratio"),
)

calendar_corrections = Table(
    "calendar_corrections",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("calendar", Text, nullable=False),
    Column("trade_date", Date, nullable=False),
    Column("kind", Text, nullable=False, comment="closed, or hours"),
    Column("opens_at", _UTC, comment="null on a closed day"),
    Column("closes_at", _UTC),
    Column("reason", Text, nullable=False),
    Column("made_at", _UTC, nullable=False),
    Column("undone_at", _UTC, comment="null while it is in force"),
    Column("replaced", JSONB, nullable=False, comment="coverage that a closed day replaced, restored when undone"),
    Index(
        "calendar_corrections_in_force_key",
        "calendar",
        "trade_date",
        unique=True,
        postgresql_where=text("undone_at IS NULL"),
    ),
    CheckConstraint(
        "kind = 'closed' AND opens_at IS NULL AND closes_at IS NULL OR kind = 'hours' AND opens_at < closes_at",
        name="hours",
    ),
)

defined_calendars = Table(
    "defined_calendars",
    metadata,
    Column("name", Text, primary_key=True),
    Column("opens", Text, nullable=False, comment="time and zone: 00:30 UTC"),
    Column("closes", Text, nullable=False),
    Column("pause_starts", Text, comment="null where there is no break"),
    Column("pause_ends", Text),
    Column("holidays", Text, comment="the calendar on whose closed days it is closed; null = none"),
    Column("defined_at", _UTC, nullable=False),
)
