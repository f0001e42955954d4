"""Traces, as a collector on loopback receives them."""

import logging
import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.tracing import send_traces, span, stop_traces
from tradematrix_pipelines_tests.defs.day import running_day


class Collector:
    """What was sent to ``url``."""

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Span] = []
        self.paths: set[str] = set()
        self.services: set[str] = set()

    def add(self, path: str, body: bytes) -> None:
        self.paths.add(path)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            named = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
            self.services.add(named["service.name"])
            self.spans += [one for scope in resource.scope_spans for one in scope.spans]

    def named(self, name: str) -> list[Span]:
        return [one for one in self.spans if one.name == name]

    def parent(self, of: Span) -> str | None:
        """Return the name of a span's parent."""
        return next((one.name for one in self.spans if one.span_id == of.parent_span_id), None)


@contextmanager
def listening(collector: Collector) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.add(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            del arguments

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    with listening(collector) as collector.url:
        yield collector
        stop_traces()


def attributes(of: Span) -> dict[str, object]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in of.attributes}


def test_a_pull_from_the_vendor_to_copy(
    settings: Settings, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    del settings
    monkeypatch.setenv("TRADEMATRIX_TRACES_URL", collector.url)
    with running_day(monkeypatch) as day:
        assert day.pull(day.schedule("live"))
    stop_traces()
    assert (collector.paths, collector.services) == ({"/v1/traces"}, {"tradematrix"})
    [pull] = collector.named("pull")
    assert {one.trace_id for one in collector.spans} == {pull.trace_id}
    steps = ("fetch together", "fetch", "screen", "store", "copy")
    assert {name: {collector.parent(one) for one in collector.named(name)} for name in steps} == {
        "fetch together": {"pull"}, "fetch": {"pull"}, "screen": {"pull"}, "store": {"pull"}, "copy": {"store"},
    }  # fmt: skip
    screened = [attributes(one) for one in collector.named("screen")]
    copied = [attributes(one) for one in collector.named("copy")]
    assert {row["tradematrix.symbol"] for row in screened} == {"DAX", "NDX", "DJI", "EUR/USD", "XAG/USD"}
    assert sum(int(str(row["tradematrix.rows"])) for row in copied) > 1000
    assert all(one.end_time_unix_nano >= one.start_time_unix_nano > 0 for one in collector.spans)


def test_an_error_is_known_by_its_type_alone(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEMATRIX_TRACES_URL", collector.url)
    send_traces(load_settings())
    with pytest.raises(UsageError), span("breaks"):
        raise UsageError("the key c0ffee")
    stop_traces()
    [broken] = collector.named("breaks")
    assert (broken.status.code, broken.status.message, list(broken.events)) == (
        Status.STATUS_CODE_ERROR, "UsageError", [],
    )  # fmt: skip


def test_nobody_waits_for_a_collector_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEMATRIX_TRACES_URL", "http://127.0.0.1:1")
    send_traces(load_settings())
    with span("goes nowhere"):
        pass
    stop_traces()
    with span("nor does this"):
        pass


def test_without_the_extra_a_warning_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.setenv("TRADEMATRIX_TRACES_URL", "http://127.0.0.1:4318")
    with caplog.at_level(logging.WARNING):
        send_traces(load_settings())
    assert "pip install 'tradematrix-pipelines[otel]'" in caplog.text
    with span("costs nothing"):
        pass


def trace(url: str) -> None:
    send_traces(load_settings({"TRADEMATRIX_TRACES_URL": url}))
    with span("forked"):
        pass


def test_a_fork_sends_what_is_left_when_it_ends() -> None:
    collector = Collector()
    with listening(collector) as url:
        process = multiprocessing.get_context("forkserver").Process(target=trace, args=[url])
        process.start()
        process.join(60)
    assert process.exitcode == 0
    assert collector.named("forked")
