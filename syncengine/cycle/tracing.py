"""Traces of a cycle: parameters, pull, apply, push, each with how long it took and how much it did, never with data (NEW-09).

Nothing is recorded and next to nothing spent unless ``service.tracing`` sends the traces somewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode

from contracts.errors import Problem
from syncengine.cycle.run import Report, Run

TRACER: Final = "syncengine"
_tracer = trace.get_tracer(TRACER)


@contextmanager
def cycle(run: Run) -> Iterator[Span]:
    """The whole of a cycle; ``told`` says how it ended."""
    facts = {"integration": run.integration.id, "cycle": run.cycle_id, "kind": run.kind.value}
    attributes = {f"syncengine.{name}": value for name, value in facts.items()}
    # An exception's own words may hold values: only its code is told.
    with _tracer.start_as_current_span(
        "cycle", attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        yield span


def told(span: Span, report: Report) -> Report:
    """The report, once its status, figures and calls are in the span of its cycle."""
    span.set_attribute("syncengine.status", report.status.value)
    span.set_attribute("syncengine.calls", report.calls)
    _set_counts(span, report.counts.as_dict())
    if report.problem is not None:
        _fail(span, report.problem)
    return report


@contextmanager
def step(name: str, run: Run) -> Iterator[None]:
    """A part of a cycle, with the figures that it added."""
    with _tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as span:
        if not span.is_recording():
            yield
            return
        before = run.counts.as_dict()
        try:
            yield
        except Problem as problem:
            _fail(span, problem)
            raise
        finally:
            after = run.counts.as_dict()
            _set_counts(span, {key: count - before.get(key, 0) for key, count in after.items()})


def _set_counts(span: Span, counts: dict[str, int]) -> None:
    span.set_attributes({f"syncengine.count.{name}": count for name, count in counts.items() if count})


def _fail(span: Span, problem: Problem) -> None:
    span.set_status(Status(StatusCode.ERROR, problem.problem_code))
    span.set_attribute("error.type", problem.problem_code)
