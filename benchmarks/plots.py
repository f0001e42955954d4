"""Draws cost against size, from the file that ``make bench`` writes.

.venv/bin/python benchmarks/plots.py docs/figures/bench.json
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from lines import Line
from matplotlib.figure import Figure

_GROUPS = {"ticks": ("sensor ", "schedule "), "commands and rounds": ("",)}


def main() -> None:
    """Draw the picture beside the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    draw(parser.parse_args().file)


def draw(file: Path) -> None:
    """Write a picture of the curves in a file of results beside it, where it has some."""
    benchmarks = json.loads(file.read_text())["benchmarks"].values()
    lines = [Line.from_json(row) for benchmark in benchmarks for row in benchmark["lines"]]
    points = [line for line in lines if line.curve and line.size is not None]
    if points:
        _symbols(points, file.with_name("symbols.svg"))


def _symbols(points: Sequence[Line], path: Path) -> None:
    # The same figures make the same file; letters stay text.
    with mpl.rc_context({"svg.hashsalt": path.name, "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(10, 4.5), layout="constrained")
        left = list(dict.fromkeys(point.curve for point in points))
        for place, (title, beginnings) in enumerate(_GROUPS.items()):
            axes = figure.add_subplot(1, len(_GROUPS), place + 1)
            curves = [curve for curve in left if curve.startswith(beginnings)]
            left = [curve for curve in left if curve not in curves]
            for curve in curves:
                own = [point for point in points if point.curve == curve]
                axes.loglog(
                    [point.size for point in own], [point.ratio for point in own], marker="o", ms=3, label=curve
                )
            sizes = sorted({point.size for point in points if point.size is not None})
            axes.loglog(sizes, [size / sizes[0] for size in sizes], "k--", lw=0.8, label="linear")
            axes.set(title=title, xlabel="symbols", ylabel=f"CPU, of that with {sizes[0]:g} symbols")
            axes.set_xticks(sizes, [f"{size:g}" for size in sizes], minor=False)
            axes.minorticks_off()
            axes.grid(visible=True, alpha=0.3)
            axes.legend(fontsize=6)
        figure.savefig(path, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
