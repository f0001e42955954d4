"""What short commands cost, as a multiple of importing pandas in the same run.

A filled installation of one symbol whose server runs. Each command is a new process; its CPU is counted, and that of
the processes that it starts, but not the server's. Baseline (1.0): ``python -c "import pandas"``. Interleaved; medians
of the rounds' ratios.

    .venv/bin/python benchmarks/commands.py [--rounds 5] [--json]
"""

import argparse
import sys
from collections.abc import Iterator
from functools import partial

from lines import Line, report
from measuring import cpu_of, in_rounds, ratios
from scale import installation

from tradematrix_pipelines_tests.stack import command

BASELINE = 'python -c "import pandas"'
BARS = {"tradematrix levels": 1.3, "tradematrix symbols add": 1.5}
NAMES = ("AAPL", "MSFT", "NVDA", "AMZN", "TSLA", "SPY", "QQQ", "GBP/USD", "USD/JPY", "USD/CHF")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help=f"at most {len(NAMES)}: a symbol is added in each")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = iter(NAMES)
    with installation():
        ways = {
            BASELINE: partial(cpu_of, [sys.executable, "-c", "import pandas"]),
            "tradematrix levels": partial(cpu_of, command("levels")),
            "tradematrix pivots NDX": partial(cpu_of, command("pivots", "NDX")),
            "tradematrix symbols add": partial(_add, names),
        }
        rounds = in_rounds(ways, options.rounds, lambda way: way())
    lines = [
        Line(
            what=f"{name}, CPU",
            against=BASELINE,
            ratios=ratios(rounds, name, BASELINE),
            bar=BARS.get(name),
            note=f"{sorted(one[name] for one in rounds)[len(rounds) // 2]:.2f} s",
        )
        for name in ways
        if name != BASELINE
    ]
    report(lines, as_json=options.json)


def _add(names: Iterator[str]) -> float:
    return cpu_of(command("symbols", "add", next(names)))


if __name__ == "__main__":
    main()
