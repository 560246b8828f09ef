"""The log analyser: what a cycle met, grouped, with counts, examples and what to do (CRM-51)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from syncengine.core.labels import label_of
from syncengine.core.paths import LISTS, split
from syncengine.core.reasons import why
from syncengine.desk.history import unknown_cycle
from syncengine.desk.status import CycleSummary, summary_of
from syncengine.model import Account, Conflict, Cycle, Link, Side, SyncError
from syncengine.model.journal import Rule

EXAMPLES: Final = 5


class Severity(StrEnum):
    """How much a group matters, the gravest first."""

    FATAL = "fatal"  # the cycle stopped
    ERROR = "error"  # records were set aside
    ANOMALY = "anomaly"  # somebody should look at it
    INFORMATION = "information"


@dataclass(frozen=True, kw_only=True)
class Example:
    """One record of a group; ``id`` is that of its error or conflict."""

    id: int | None
    record: str
    message: str | None


@dataclass(frozen=True, kw_only=True)
class Group:
    """What happened alike to ``count`` records; at most five of them as examples."""

    severity: Severity
    side: Side | None
    code: str
    field: str | None
    label: str
    count: int
    examples: tuple[Example, ...]
    remedy: str | None


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """A cycle and its groups, the gravest and most frequent first."""

    cycle: CycleSummary
    groups: tuple[Group, ...]


def analysis(session: Session, cycle_id: int, log: Iterable[str] = ()) -> Analysis:
    """Analyse a cycle from the base, and from the lines of its integration's log as far as they tell of it.

    Raises InputRefused (cycle_unknown).
    """
    cycle = session.get(Cycle, cycle_id)
    if cycle is None:
        raise unknown_cycle(cycle_id)
    groups = [*_stop(cycle), *_errors(session, cycle), *_conflicts(session, cycle)]
    told = {(group.code, group.field) for group in groups}
    groups += [group for group in _logged(log, cycle_id) if (group.code, group.field) not in told]
    order = list(Severity)
    return Analysis(
        cycle=summary_of(cycle),
        groups=tuple(sorted(groups, key=lambda group: (order.index(group.severity), -group.count, group.code))),
    )


def _stop(cycle: Cycle) -> Iterator[Group]:
    if cycle.error_code is not None:
        yield Group(
            severity=Severity.FATAL,
            side=None,
            code=cycle.error_code,
            field=None,
            label="Le cycle s'est arrêté",
            count=1,
            examples=(Example(id=None, record="", message=cycle.error_message),),
            remedy=cycle.error_remedy,
        )


def _errors(session: Session, cycle: Cycle) -> Iterator[Group]:
    """The records refused in it: those whose first and last refusal are around it, with what the last one told."""
    mine = (
        SyncError.integration_id == cycle.integration_id,
        SyncError.first_cycle_id <= cycle.id,
        SyncError.last_cycle_id >= cycle.id,
    )
    alike = (SyncError.side, SyncError.code, SyncError.field)
    counted = select(*alike, func.count(SyncError.id).label("number"), func.max(SyncError.remedy).label("remedy"))
    for row in session.execute(counted.where(*mine).group_by(*alike)):
        same = (SyncError.side == row.side, SyncError.code == row.code, SyncError.field.is_not_distinct_from(row.field))
        some = select(SyncError).where(*mine, *same).order_by(SyncError.id).limit(EXAMPLES)
        yield Group(
            severity=Severity.ERROR,
            side=row.side,
            code=row.code,
            field=row.field,
            label=_REFUSED[row.side],
            count=row.number,
            examples=tuple(Example(id=e.id, record=e.erp_key, message=e.message) for e in session.scalars(some)),
            remedy=row.remedy,
        )


_REFUSED: Final = {Side.CRM: "Fiches que le CRM n'a pas pu reprendre", Side.ERP: "Fiches refusées par Sage 100"}


def _conflicts(session: Session, cycle: Cycle) -> Iterator[Group]:
    """The values both sides had changed, by what decided and by field, whichever contact or address they belong to."""
    query = (
        select(Conflict.id, Conflict.field, Conflict.rule, Link.erp_key, Account.name)
        .join(Link, Link.id == Conflict.link_id)
        .outerjoin(Account, Account.id == Link.local_id)
        .where(Conflict.cycle_id == cycle.id, Conflict.integration_id == cycle.integration_id)
        .order_by(Conflict.id)
    )
    found: dict[tuple[str, str, str], _Gathered] = {}
    for row in session.execute(query):
        example = Example(id=row.id, record=row.erp_key, message=row.name)
        # Whichever contact or address it is of: the last part of its label.
        alike = (row.rule, _kind_of(row.field), label_of(row.field).rpartition(" – ")[2])
        found.setdefault(alike, _Gathered()).add(example)
    for (rule, name, label), gathered in found.items():
        asked = rule == Rule.ASKED.value
        yield gathered.group(
            severity=Severity.ANOMALY if asked else Severity.INFORMATION,
            code=rule,
            field=name,
            label=f"{label} : {why(rule)}",
            remedy="Decide: `syncengine conflicts list`." if asked else None,
        )


def _kind_of(path: str) -> str:
    """The field of a path as the policies name it: 'contact.phone'."""
    name, _, attr = split(path)
    return f"{LISTS[name].value if name else 'account'}.{attr}"


@dataclass(kw_only=True)
class _Gathered:
    count: int = 0
    examples: list[Example] = field(default_factory=list)

    def add(self, example: Example) -> None:
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(example)

    def group(
        self,
        *,
        severity: Severity,
        code: str,
        field: str | None,
        label: str,
        remedy: str | None,
        side: Side | None = None,
    ) -> Group:
        return Group(
            severity=severity,
            side=side,
            code=code,
            field=field,
            label=label,
            count=self.count,
            examples=tuple(self.examples),
            remedy=remedy,
        )


def _logged(log: Iterable[str], cycle_id: int) -> Iterator[Group]:
    """The warnings and errors between the lines that begin and end the cycle, by code and field."""
    found: dict[tuple[str, str | None, str], _Gathered] = {}
    remedies: dict[tuple[str, str | None, str], str | None] = {}
    for event in events_of_cycle(log, cycle_id):
        if event.get("level") not in _LEVELS or event.get("event") == _FAILED:
            continue
        key = (str(event.get("code") or event["event"]), event.get("field"), str(event["level"]))
        reason = event.get("reason")
        found.setdefault(key, _Gathered()).add(
            Example(id=None, record=str(event.get("record") or ""), message=None if reason is None else str(reason))
        )
        remedies[key] = event.get("remedy") or remedies.get(key)
    for (code, name, level), gathered in found.items():
        severity, words = _LEVELS[level], "Relevé dans le journal du cycle"
        yield gathered.group(severity=severity, code=code, field=name, label=words, remedy=remedies[code, name, level])


_LEVELS: Final = {"warning": Severity.ANOMALY, "error": Severity.ERROR, "critical": Severity.ERROR}
_STARTED, _FAILED, _ENDED = "cycle_started", "cycle_failed", "cycle_ended"


def events_of_cycle(log: Iterable[str], cycle_id: int) -> Iterator[Mapping[str, Any]]:
    """The events of one cycle; a line that is none, cut off by a crash, is passed over."""
    inside = False
    for line in log:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if not isinstance(event, dict) or "event" not in event:
            continue
        if event["event"] == _STARTED:
            inside = event.get("cycle") == cycle_id
        elif inside:
            yield event
        inside = inside and event["event"] not in {_FAILED, _ENDED}
