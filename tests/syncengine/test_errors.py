"""The tree of problems and how the program ends for each."""

from __future__ import annotations

import pytest

from contracts.errors import (
    ContractError,
    InvalidRecord,
    MalformedReply,
    Problem,
    RemoteFault,
    Unreachable,
    VersionMismatch,
)
from syncengine import errors
from syncengine.errors import EngineProblem, ExitCode, exit_code


def branch(kind: type[EngineProblem]) -> list[type[EngineProblem]]:
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in branch(child))]


LEAVES = [kind for kind in branch(EngineProblem) if not kind.__subclasses__()]


@pytest.mark.parametrize("kind", LEAVES)
def test_every_engine_problem_has_a_code_of_its_own_and_a_remedy(kind: type[EngineProblem]) -> None:
    assert [other for other in LEAVES if other.code == kind.code] == [kind]
    assert kind.remedy_default
    assert kind.__name__ in (errors.__doc__ or "")
    assert exit_code(kind("what happened")) is kind.exit_code
    assert str(kind("what happened")) == f"{kind.code}: what happened — {kind.remedy_default}"


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (Unreachable("no answer"), ExitCode.UNREACHABLE),
        (MalformedReply("cut off"), ExitCode.UNREACHABLE),
        (ContractError("no body"), ExitCode.UNREACHABLE),
        (InvalidRecord("too long"), ExitCode.UNREACHABLE),
        (VersionMismatch("2.0"), ExitCode.REFUSED),
        (RemoteFault("wrong password", code="credentials_refused"), ExitCode.REFUSED),
        (RemoteFault("base locked", code="database_locked", may_retry=True), ExitCode.UNREACHABLE),
        (Problem("anything else"), ExitCode.CONFIGURATION),
    ],
)
def test_problems_of_the_wire_have_their_exit_codes(problem: Problem, code: ExitCode) -> None:
    assert exit_code(problem) is code
