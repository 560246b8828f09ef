"""Traces of a cycle: what took how long and how much it did, with nothing of anybody's data."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from syncengine.cycle import tracing
from syncengine.errors import SettingsInvalid
from syncengine.model import CycleStatus
from syncengine.service.tracing import endpoint, traces_sent
from syncengine.settings import settings_from
from tests.syncengine.world import World, world


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What is traced while the test runs."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer(tracing.TRACER))
    yield exporter
    provider.shutdown()


@pytest.fixture
def both_sides(tmp_path: Path, sqlite_url: str) -> Iterator[World]:
    """A base that was not synchronised yet."""
    with world(tmp_path, sqlite_url, tiers=5) as made:
        yield made


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """The spans that ended, the last of each name."""
    return {span.name: span for span in exporter.get_finished_spans()}


@pytest.mark.req("NEW-09")
def test_a_cycle_is_traced_with_its_steps_and_figures(both_sides: World, spans: InMemorySpanExporter) -> None:
    report = both_sides.cycle()

    found = by_name(spans)
    assert {"cycle", "parameters", "pull", "apply", "push"} <= set(found)
    cycle = found["cycle"]
    assert cycle.context is not None
    assert cycle.attributes is not None
    assert cycle.attributes["syncengine.cycle"] == report.cycle_id
    assert cycle.attributes["syncengine.status"] == "success"
    assert cycle.attributes["syncengine.count.arrived"] == report.counts.arrived
    parents = {name: span.parent.span_id for name, span in found.items() if span.parent is not None}
    assert parents["pull"] == parents["push"] == cycle.context.span_id
    pull = found["pull"].context
    assert pull is not None
    assert parents["apply"] == pull.span_id
    assert sum(_arrived(span) for span in spans.get_finished_spans() if span.name == "apply") == report.counts.arrived

    told = " ".join(span.to_json() for span in spans.get_finished_spans())
    assert not any(str(row["name"]) in told or f'"{row["code"]}"' in told for row in both_sides.rows("accounts"))


def _arrived(span: ReadableSpan) -> int:
    found = (span.attributes or {}).get("syncengine.count.arrived", 0)
    assert isinstance(found, int)
    return found


@pytest.mark.req("NEW-09")
def test_a_failure_is_told_by_its_code_alone(both_sides: World, spans: InMemorySpanExporter) -> None:
    both_sides.set(company="Société secrète")
    assert both_sides.cycle().status is CycleStatus.FAILURE

    found = by_name(spans)
    for span in (found["cycle"], found["parameters"]):
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == "company_mismatch"
    assert "secrète" not in " ".join(span.to_json() for span in found.values())


def test_an_endpoint_without_the_extra_is_told_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_from({"home": tmp_path, "otlp_endpoint": "http://127.0.0.1:4318"})
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingsInvalid, match="extra `traces` is not installed"), traces_sent(settings):
        pytest.fail("not reached")
    with traces_sent(settings_from({"home": tmp_path})):
        pass


@pytest.mark.parametrize("address", ["http://c:4318", "http://c:4318/", "http://c:4318/v1/traces"])
def test_the_address_of_a_collector_is_completed(address: str) -> None:
    assert endpoint(address) == "http://c:4318/v1/traces"
