"""Plan: what a cycle would do, line by line; kept, looked at, and applied only while it is still true (NEW-02, NEW-06). Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

from syncengine.core.guards import Counts, Totals
from syncengine.core.journal_text import as_text
from syncengine.model import RecordStatus, Side
from syncengine.model.journal import Rule


class LineKind(StrEnum):
    """What a line tells of."""

    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"
    REFUSE = "refuse"
    CONFLICT = "conflict"


class Place(NamedTuple):
    """Where a line writes: ``key`` is the code of the tiers, ``name`` its name, ``field`` a column or path, '' for the whole."""

    side: str
    entity: str
    key: str
    name: str
    field: str = ""


@dataclass(frozen=True, kw_only=True, order=True)
class Line:
    """One write, refusal or conflict at a ``Place``; values are as the journal's.

    Of a conflict, ``before`` is the CRM's value and ``after`` the ERP's; of a refusal, ``after`` says why.
    """

    side: str
    key: str
    kind: str
    entity: str
    name: str
    field: str
    before: str
    after: str
    rule: str


def line(kind: LineKind, place: Place, before: Any, after: Any, rule: str = "") -> Line:
    """A line with its values as text."""
    told = (as_text(before) or "", as_text(after) or "", rule)
    return Line(**dict(zip(("before", "after", "rule"), told, strict=True)), kind=kind.value, **place._asdict())


def fingerprint(lines: Iterable[Line]) -> str:
    """The same for two plans exactly when they would do the same."""
    told = json.dumps(sorted(map(astuple, lines)), ensure_ascii=False)
    return sha256(told.encode()).hexdigest()


def dump_lines(lines: Iterable[Line]) -> str:
    """The lines as a Plan keeps them."""
    return json.dumps([astuple(line) for line in lines], ensure_ascii=False, separators=(",", ":"))


def load_lines(text: str) -> list[Line]:
    """The lines of a Plan."""
    names = tuple(Line.__dataclass_fields__)
    return [Line(**dict(zip(names, values, strict=True))) for values in json.loads(text)]


def totals_of(lines: Sequence[Line]) -> Totals:
    """How many tiers each side would create, change and deactivate; each counts once, by the gravest."""
    created, changed, deactivated = (_tiers(lines, of) for of in (_creates, _changes, _deactivates))
    return Totals(**{side.value: _counts(side, created, changed - deactivated - created, deactivated) for side in Side})


def _counts(side: Side, *keys: set[tuple[str, str]]) -> Counts:
    created, changed, deactivated = (sum(own == side for own, _ in some) for some in keys)
    return Counts(created=created, changed=changed, deactivated=deactivated)


def _tiers(lines: Sequence[Line], wanted: Callable[[Line], bool]) -> set[tuple[str, str]]:
    return {(line.side, line.key) for line in lines if wanted(line)}


def _creates(line: Line) -> bool:
    whole = "company" if line.side == Side.CRM else "account"
    return line.kind == LineKind.CREATE and line.entity == whole


def _changes(line: Line) -> bool:
    return line.kind in {LineKind.CHANGE, LineKind.REMOVE} or (line.kind == LineKind.CREATE and not _creates(line))


def _deactivates(line: Line) -> bool:
    if line.side == Side.ERP:
        return line.field == "dormant" and line.after == "true"
    return line.field == "status" and line.after == RecordStatus.INACTIVE and line.rule != Rule.EDITED
