"""How many small faults in the rules the tests notice.

mutmut makes one fault at a time in the code that ``pyproject.toml`` names, and runs the tests that execute it. Printed:
the faults that no test noticed, and the share of those that one did, or that made it run for ever (the score).
``mutmut show NAME`` shows one of them. Results are kept in ``mutants/``: a run that was interrupted goes on, and faults
that are named are tried again.

    .venv/bin/python benchmarks/mutants.py [--max-children 1] [NAME …]
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tradematrix_pipelines.postgres.embedded import lease_server

LEAST = 0.85


def mutmut(*arguments: str) -> None:
    """Run it, and end where it fails."""
    subprocess.run([Path(sys.executable).with_name("mutmut"), *arguments], check=True)


def main() -> None:
    """Run it whole, or for what is named, and print the score."""
    # One server for all: each run of the tests would start its own, which takes longer than they do.
    with tempfile.TemporaryDirectory(prefix="tradematrix-") as home, lease_server(Path(home)):
        os.environ["TRADEMATRIX_TEST_SERVER"] = home
        mutmut("run", *sys.argv[1:])
    mutmut("results")
    mutmut("export-cicd-stats")
    counts: dict[str, int] = json.loads(Path("mutants/mutmut-cicd-stats.json").read_text())
    score = (counts["killed"] + counts["timeout"]) / counts["total"]
    print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count))
    print(f"score {score:.1%}")
    if score < LEAST:
        sys.exit(f"less than {LEAST:.0%}: look at the survivors with {sys.executable} -m mutmut show NAME")


if __name__ == "__main__":
    main()
