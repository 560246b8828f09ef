"""What became of an order about several records: for how many it was carried out, and which were refused and why."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.errors import Problem


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One of them that nothing was done for; ``id`` is that of the error, conflict or Company it is about."""

    id: int | None
    record: str | None
    field: str | None
    code: str
    message: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """For how many it was done; the refused ones stay as they were."""

    done: int
    refused: tuple[Refusal, ...] = ()


def refusal(number: int | None, problem: Problem) -> Refusal:
    """The refusal that a problem is."""
    return Refusal(
        id=number,
        record=problem.record,
        field=problem.field,
        code=problem.problem_code,
        message=problem.message,
        remedy=problem.remedy,
    )
