"""Reading candles, in bulk, as pandas frames or Arrow tables.

Through ADBC: rows arrive as Arrow columns, which is several times cheaper than a Python object per value.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING, Any

from psycopg.sql import SQL, Literal
from sqlalchemy import URL

from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.limits import Limits

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_ONE_SERIES = """
    SELECT ts, open, high, low, close, volume FROM ohlc
    WHERE symbol_id = $1 AND timeframe = $2::text::ohlc_timeframe AND ts >= $3 AND ts < $4
    ORDER BY ts DESC LIMIT $5
"""
# Its values are literals, quoted by psycopg: ADBC streams only what has no parameters, which is a quarter cheaper.
_TABLE = """
    SELECT ts, open, high, low, close, volume FROM ohlc
    WHERE symbol_id = {symbol_id} AND timeframe = {timeframe} AND ts >= {start} AND ts < {end}
    ORDER BY ts
"""
_MANY_SERIES = """
    SELECT s.symbol, o.ts, o.open, o.high, o.low, o.close, o.volume, o.source, o.stored_at
    FROM ohlc AS o JOIN market_symbols AS s ON s.id = o.symbol_id
    WHERE o.symbol_id = ANY(string_to_array($1, ',')::int[]) AND o.timeframe = $2::text::ohlc_timeframe
      AND o.ts >= $3 AND o.ts < $4
    ORDER BY s.symbol, o.ts
"""
# A candle's versions don't overlap, unless the clock was set back between its withdrawal and its return: the later one
# counts. What was stored before stamps were kept counts from its open.
_AS_OF = """(
    SELECT DISTINCT ON (symbol_id, timeframe, ts) * FROM (
        SELECT ts, open, high, low, close, volume, symbol_id, timeframe, source,
               coalesce(stored_at, ts) AS stored_at, 'infinity'::timestamptz AS replaced_at
        FROM ohlc
        UNION ALL
        SELECT ts, open, high, low, close, volume, symbol_id, timeframe, source, coalesce(stored_at, ts), revised_at
        FROM ohlc_revisions
    ) AS versions
    WHERE stored_at <= {as_of} AND replaced_at > {as_of}
    ORDER BY symbol_id, timeframe, ts, replaced_at DESC
)"""
_ONE_SERIES_AS_OF = _ONE_SERIES.replace("FROM ohlc", f"FROM {_AS_OF.format(as_of='$6')} AS ohlc")
_TABLE_AS_OF = _TABLE.replace("FROM ohlc", f"FROM {_AS_OF} AS ohlc")
_MANY_SERIES_AS_OF = _MANY_SERIES.replace("FROM ohlc", f"FROM {_AS_OF.format(as_of='$5')}")

_ALL = 2**63 - 1
_ENDED_BY_LIMIT = "57014"


class NoConnection(TradeMatrixError):
    """No connection came free in time."""


class CandleReader:
    """Reads candles over one connection of its own, opened at the first read (29 ms) and kept.

    Args:
        read_only: whether its transactions may not write, whatever the user may.
        limits: how long a statement of one that is read-only may take; ``None`` = as the server says.
    """

    def __init__(self, url: URL, *, read_only: bool = False, limits: Limits | None = None) -> None:
        self._read_only, self._limits = read_only, limits
        self._uri = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: Any = None

    def series(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        start: datetime,
        end: datetime,
        *,
        newest: int | None = None,
        as_of: datetime | None = None,
    ) -> "pd.DataFrame":
        """Return the candles of one series with ``start <= ts < end`` (aware), shaped as ``candles.frame``.

        Args:
            newest: return only that many, the newest.
            as_of: return what was stored at this instant, aware; ``None`` = now.
        """
        from tradematrix_pipelines.candles.frame import as_candles  # noqa: PLC0415 - see _read

        terms = (symbol.id, str(timeframe), start, end, _ALL if newest is None else newest)
        if as_of is None:
            return as_candles(self._read(_ONE_SERIES, terms)[::-1])
        return as_candles(self._read(_ONE_SERIES_AS_OF, (*terms, as_of))[::-1])

    def rectangle(
        self,
        symbols: Sequence[Symbol],
        timeframe: Timeframe,
        start: datetime,
        end: datetime,
        *,
        as_of: datetime | None = None,
    ) -> "pd.DataFrame":
        """Return the candles of several series with ``start <= ts < end``, by symbol and ``ts``.

        Columns: ``symbol`` (str), those of ``candles.frame``, ``source`` (str), ``stored_at`` (when the candle got its
        values; ``NaT`` where that was not kept).

        Args:
            as_of: return what was stored at this instant, aware; ``None`` = now. The source is that of the values, by
                the last vendor that served the same ones.
        """
        from tradematrix_pipelines.candles.frame import COLUMNS, TS_DTYPE, VALUES  # noqa: PLC0415 - see _read

        terms: tuple[object, ...] = (",".join(str(symbol.id) for symbol in symbols), str(timeframe), start, end)
        query, terms = (_MANY_SERIES, terms) if as_of is None else (_MANY_SERIES_AS_OF, (*terms, as_of))
        frame = self._read(query, terms)
        return frame[["symbol", *COLUMNS, "source", "stored_at"]].astype(
            {
                "symbol": "str",
                "ts": TS_DTYPE,
                **dict.fromkeys(VALUES, "float64"),
                "source": "str",
                "stored_at": TS_DTYPE,
            }
        )

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def table(
        self, symbol: Symbol, timeframe: Timeframe, start: datetime, end: datetime, *, as_of: datetime | None = None
    ) -> "pa.Table":
        """Return the columns of ``candles.frame`` of one series with ``start <= ts < end`` (aware), by ``ts``.

        As Arrow: no copy is made, and a volume that the vendor does not give is null.

        Args:
            as_of: return what was stored at this instant, aware; ``None`` = now.
        """
        values = {"symbol_id": symbol.id, "timeframe": str(timeframe), "start": start, "end": end, "as_of": as_of}
        query = SQL(_TABLE if as_of is None else _TABLE_AS_OF)
        return self.read_table(query.format(**{name: Literal(value) for name, value in values.items()}).as_string())

    def _read(self, query: str, parameters: tuple[object, ...]) -> "pd.DataFrame":
        frame: pd.DataFrame = self.read_table(query, parameters).to_pandas()
        return frame

    def open(self) -> None:
        """Open the connection, if it is not open yet."""
        if self._connection is None:
            # Imported here: most commands read no candles, and frames and this driver take long to import.
            from adbc_driver_postgresql import dbapi  # noqa: PLC0415

            self._connection = dbapi.connect(self._uri, autocommit=True)

    def read_table(self, query: str, parameters: tuple[object, ...] = ()) -> "pa.Table":
        """Return the rows of a query."""
        self.open()
        with self._connection.cursor() as cursor, self._transaction(cursor):
            cursor.execute(query, parameters or None)
            return cursor.fetch_arrow_table()

    @contextmanager
    def _transaction(self, cursor: Any) -> Iterator[None]:
        """A transaction that can't write, where there may be none that can: a pooler may share the connection."""
        if not self._read_only:
            yield
            return
        cursor.execute("BEGIN READ ONLY")
        try:
            if self._limits is not None:
                cursor.execute(self._limits.statement)
            yield
        finally:
            cursor.execute("ROLLBACK")


class SharedCandleReader(CandleReader):
    """Reads candles for several threads at once, over a few connections, each used by one thread at a time.

    A connection that fails is dropped. One that the server closed while it was idle is replaced at once.
    """

    def __init__(self, url: URL, *, limits: Limits) -> None:
        super().__init__(url, read_only=True, limits=limits)
        self._url, self._wait = limits.within(url), limits.wait_seconds
        self._readers: LifoQueue[CandleReader | None] = LifoQueue()
        for _ in range(limits.connections):
            self._readers.put(None)

    def open(self) -> None:
        """Do nothing: connections are opened when they are needed."""

    def read_table(self, query: str, parameters: tuple[object, ...] = ()) -> "pa.Table":
        """Return the rows of a query.

        Raises:
            NoConnection: all connections are in use for too long.
        """
        try:
            reader = self._readers.get(timeout=self._wait)
        except Empty:
            raise NoConnection("every connection for candles is in use: ask again in a few seconds") from None
        try:
            reader, table = self._read_with(reader, query, parameters)
        except BaseException:
            self._readers.put(None)
            raise
        self._readers.put(reader)
        return table

    def close(self) -> None:
        """Close the connections that are idle."""
        while True:
            try:
                reader = self._readers.get_nowait()
            except Empty:
                return
            if reader is not None:
                reader.close()

    def _read_with(
        self, reader: CandleReader | None, query: str, parameters: tuple[object, ...]
    ) -> "tuple[CandleReader, pa.Table]":
        if reader is not None:
            try:
                return reader, reader.read_table(query, parameters)
            except Exception as error:
                _drop(reader)
                if getattr(error, "sqlstate", None) == _ENDED_BY_LIMIT:
                    raise
        fresh = CandleReader(self._url, read_only=True, limits=self._limits)
        try:
            return fresh, fresh.read_table(query, parameters)
        except BaseException:
            _drop(fresh)
            raise


def _drop(reader: CandleReader) -> None:
    with suppress(Exception):  # it has failed already, and is not used again
        reader.close()
