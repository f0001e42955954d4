"""How a command's runs are carried out: one after the other in its own process, or all through Dagster's queue.

Not here: which runs these are (``defs.backfill``, ``automation.runs``), and how they are made (``defs.internals``).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import click
import dagster as dg

from tradematrix_pipelines.candles.coverage import Coverage
from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.backfill import Task, execute, submit
from tradematrix_pipelines.defs.internals.runs import FailedPartition, RunOutcome
from tradematrix_pipelines.defs.internals.submission import Queue, open_queue
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.settings import Settings

T = TypeVar("T")

submit_option = click.option(
    "--submit",
    "submitted",
    is_flag=True,
    help="Hand the runs to Dagster's queue and follow them, instead of carrying them out in this process.",
)


@dataclass(slots=True)
class Outcome:
    """The result of one symbol's runs."""

    symbol: Symbol
    failed: list[FailedPartition] = field(default_factory=list)
    stopped_by: str | None = None
    """Why a run failed as a whole, not only single partitions."""
    not_refreshed: list[Coverage] = field(default_factory=list)
    """Sessions that stay as they were stored, because fetching again returned nothing better."""

    @property
    def ok(self) -> bool:
        return self.stopped_by is None and not self.failed and not self.not_refreshed

    def add(self, result: RunOutcome) -> None:
        """Add the failures of one of its runs."""
        self.failed.extend(result.failed)
        if result.error is not None and not result.failed:
            self.stopped_by = result.error


class Carrier(Protocol):
    """Carries out runs."""

    def groups(self, outcomes: Sequence[T]) -> list[Sequence[T]]:
        """Return which symbols go together: their candles come before their levels."""

    def carry_out(self, tasks: Sequence[tuple[Outcome, Task]]) -> None:
        """Carry out these runs to their end, and add their failures to their outcomes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InProcess:
    """One run after the other, in this process."""

    instance: dg.DagsterInstance
    defs: dg.Definitions
    location: str

    def groups(self, outcomes: Sequence[T]) -> list[Sequence[T]]:
        return [[outcome] for outcome in outcomes]

    def carry_out(self, tasks: Sequence[tuple[Outcome, Task]]) -> None:
        for outcome, task in tasks:
            outcome.add(execute(self.instance, self.defs, task, location=self.location))


@dataclass(frozen=True, kw_only=True, slots=True)
class Queued:
    """All runs at once, through Dagster's queue."""

    queue: Queue

    def groups(self, outcomes: Sequence[T]) -> list[Sequence[T]]:
        return [outcomes]

    def carry_out(self, tasks: Sequence[tuple[Outcome, Task]]) -> None:
        queued = [(outcome, submit(self.queue, task)) for outcome, task in tasks]
        if queued:
            click.echo(f"queued {len(queued)} run{'s' * (len(queued) > 1)} in Dagster", err=True)
        try:
            for outcome, run_id in queued:
                outcome.add(self.queue.follow(run_id))
        except KeyboardInterrupt:
            click.echo("the runs go on without this command: Dagster's UI shows and cancels them", err=True)
            raise


@contextmanager
def open_carrier(instance: dg.DagsterInstance, settings: Settings, *, submitted: bool) -> Iterator[Carrier]:
    """Open what carries out a command's runs.

    Raises:
        TradeMatrixError: they are to be queued, and nobody would carry them out.
    """
    if not submitted:
        yield InProcess(instance=instance, defs=build_defs(settings), location=settings.code_location)
        return
    with open_queue(instance, settings) as queue:
        yield Queued(queue=queue)
