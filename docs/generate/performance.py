"""The tables of what was measured, from the file that ``make bench`` writes."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from docs.generate.markdown import table

_FIGURES = Path(__file__).parents[1] / "figures" / "bench.json"
_BUSY = 3.0
"""A load average above which a machine of two cores is not quiet."""

Row = Mapping[str, Any]


def measured() -> str:
    """Return the machine, and a table a benchmark."""
    document = json.loads(_FIGURES.read_text())
    machine = ", ".join(f"{name} {value}" for name, value in document["machine"].items())
    return "\n\n".join([f"Machine and versions: {machine}.", *_sections(document["benchmarks"])])


def open_bars() -> str:
    """Return the lines whose bar is not met, the worst first."""
    rows = [row for benchmark in json.loads(_FIGURES.read_text())["benchmarks"].values() for row in benchmark["lines"]]
    unmet = sorted((row for row in rows if row["met"] is False), key=_distance, reverse=True)
    return table(
        ("what", "ratio", "bar", "against"),
        [(_what(row), f"{row['ratio']:.2f}", _bar(row), _prose(row["against"])) for row in unmet],
    )


def _sections(benchmarks: Mapping[str, Any]) -> Iterator[str]:
    for name, benchmark in benchmarks.items():
        at = datetime.fromisoformat(benchmark["at"])
        busy = ", a busy machine" if benchmark["load"] > _BUSY else ""
        when = f"`benchmarks/{name}.py`, {at:%-d %B %Y %H:%M} UTC, {benchmark['seconds']:.0f} s; load before: "
        curves = [row for row in benchmark["lines"] if row["curve"]]
        rows = [row for row in benchmark["lines"] if not row["curve"]]
        parts = [f"### {benchmark['about']}", f"{when}{benchmark['load']:g}{busy}."]
        yield "\n\n".join([*parts, *([_lines(rows)] if rows else []), *([_curves(curves)] if curves else [])])


def _lines(rows: Iterable[Row]) -> str:
    return table(
        ("what", "ratio", "rounds", "bar", "", "against", "note"),
        [
            (
                _what(row),
                f"{row['ratio']:.2f}",
                f"{min(row['ratios']):.2f}…{max(row['ratios']):.2f}" if len(row["ratios"]) > 1 else "one",
                _bar(row),
                _met(row),
                _prose(row["against"]),
                _prose(row["note"]),
            )
            for row in rows
        ],
    )


def _curves(rows: Sequence[Row]) -> str:
    """Return a row a curve and a column a size: the cost, and as a multiple of that of the smallest size."""
    sizes = sorted({row["size"] for row in rows})
    cells = {(row["curve"], row["size"]): row for row in rows}
    return table(
        ("what", *(f"{size:,.0f}" for size in sizes), "linear or better"),
        [
            (
                _prose(curve),
                *(_point(cells[curve, size]) for size in sizes),
                "met" if all(cells[curve, size]["met"] is not False for size in sizes) else "**NOT MET**",
            )
            for curve in dict.fromkeys(row["curve"] for row in rows)
        ],
    )


def _point(row: Row) -> str:
    return f"{_prose(row['note'])} ({row['ratio']:.2f})"


def _what(row: Row) -> str:
    return _prose(row["what"])


def _bar(row: Row) -> str:
    return "" if row["bar"] is None else f"{row['side']} {row['bar']:g}"


def _met(row: Row) -> str:
    return "" if row["met"] is None else "met" if row["met"] else "**NOT MET**"


def _distance(row: Row) -> float:
    """Return by how many times the bar is missed."""
    ratio, bar = max(row["ratio"], 1e-9), row["bar"]
    return float(ratio / bar if row["side"] == "≤" else bar / ratio)


def _prose(text: str) -> str:
    return text.replace("_", r"\_").replace("<", r"\<") if "`" not in text else text
