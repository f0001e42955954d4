"""Traces of what a pull or a backfill spends its time on, for OpenTelemetry.

Here: spans, and sending them to the collector of the settings. Without one, or without the extra ``otel``, a span costs
nothing. Not here: what is worth a span, which is said where it happens.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from tradematrix_pipelines.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

P = ParamSpec("P")
T = TypeVar("T")

Value = str | int | float | bool

_SECONDS = 5
"""How long the collector may take, also at the end of the process: nobody waits longer for what is only watched."""
_logger = logging.getLogger(__name__)
_provider: "TracerProvider | None" = None


def send_traces(settings: Settings) -> None:
    """Let this process send its spans to ``settings.traces_url``, if there is one. Only the first call counts.

    Without the extra ``otel`` a warning says so.
    """
    global _provider  # noqa: PLW0603 - as with logs, where they go belongs to the process
    if settings.traces_url is None or _provider is not None:
        return
    try:
        # Slow to import, and seldom asked for.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        _logger.warning("TRADEMATRIX_TRACES_URL: install the extra `otel`: pip install 'tradematrix-pipelines[otel]'")
        return
    provider = TracerProvider(resource=Resource.create({"service.name": "tradematrix"}))
    exporter = OTLPSpanExporter(endpoint=f"{settings.traces_url}/v1/traces", timeout=_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _provider = provider
    # What ends as a fork does, a run of the code server, calls these and nothing of ``atexit``.
    Finalize(None, stop_traces, exitpriority=0)


def stop_traces() -> None:
    """Send what is left, and no more from here on."""
    global _provider
    if _provider is not None:
        provider, _provider = _provider, None
        provider.shutdown()


@contextmanager
def span(name: str, **attributes: Value) -> Iterator[None]:
    """Trace the block as a part of the span around it.

    An error is recorded by its type alone: messages may have what no collector should read.

    Args:
        name: what the block does, the same for all symbols.
        attributes: of which symbol, how many, from where; sent as ``tradematrix.…``.
    """
    if _provider is None:
        yield
        return
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - only where spans are sent

    named = {f"tradematrix.{key}": value for key, value in attributes.items()}
    tracer = _provider.get_tracer(__name__)
    with tracer.start_as_current_span(
        name, attributes=named, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def within_span(work: Callable[P, T]) -> Callable[P, T]:
    """Return ``work`` for another thread, where its spans are parts of the span that is current here and now."""
    context = copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.run(work, *args, **kwargs)

    return run
