"""What taking a cycle back would do, as values: edits, what has changed since, what goes, what comes back, what stays (NEW-04)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from syncengine.core.snapshot import Snapshot, Values
from syncengine.model.journal import Side
from syncengine.model.link import Entity


@dataclass(frozen=True, kw_only=True)
class Written:
    """A line of the journal. ``record_id`` is that of the Company, Account or child row; values are as the journal keeps them."""

    id: int
    side: Side
    entity: Entity
    record_id: int
    account_id: int | None
    erp_key: str | None
    field: str
    before: str | None
    after: str | None
    rule: str


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A Company that came with the cycle; ``held_by`` says what has been hung on it since."""

    company_id: int
    account_id: int
    link_id: int
    code: str
    name: str | None
    held_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Present:
    """What the CRM holds now: tiers by Account, columns by Company, main Account by Company, and code by Account.

    ``arrivals`` came with the cycle. ``reborn`` are the ids, by list, under which other children came since.
    """

    tiers: Mapping[int, Snapshot] = field(default_factory=dict)
    companies: Mapping[int, Values] = field(default_factory=dict)
    main: Mapping[int, int] = field(default_factory=dict)
    codes: Mapping[int, str | None] = field(default_factory=dict)
    arrivals: tuple[Arrival, ...] = ()
    reborn: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True, kw_only=True)
class UndoEdit:
    """One value to go back to ``value``; ``written`` is what the cycle wrote, ``present`` what the CRM holds now.

    ``path`` is one of the tiers ``account_id``, a whole child included; without one it is a column of the Company.
    """

    account_id: int | None
    company_id: int | None
    code: str | None
    path: str
    label: str
    value: Any
    written: Any
    present: Any


@dataclass(frozen=True, kw_only=True)
class Left:
    """What cannot be taken back, and why; ``path`` None is the tiers as a whole."""

    code: str | None
    path: str | None
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class UndoPlan:
    """What taking a cycle back does. ``changed_since`` are values that are no longer what it wrote: kept, unless asked for.

    ``removed`` are Companies that came with it and go again; ``put_back`` codes of those that an undo removed, which it undoes.
    """

    edits: tuple[UndoEdit, ...] = ()
    changed_since: tuple[UndoEdit, ...] = ()
    removed: tuple[Arrival, ...] = ()
    put_back: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is to be written without being asked again."""
        return bool(self.edits or self.removed or self.put_back)


WHY_LEFT: Final = {
    "created_in_erp": "Le tiers a été créé dans Sage 100 par ce cycle : il ne peut être supprimé que dans Sage 100.",
    "from_erp": "Ce champ suit Sage 100 : il se change dans Sage 100.",
    "vanished": "Le tiers a été supprimé, mis en sommeil ou sorti du périmètre dans Sage 100.",
    "edit_beats_delete": "Supprimé d'un côté, modifié de l'autre : il n'y a pas d'état commun auquel revenir.",
    "record_gone": "La fiche n'existe plus dans le CRM.",
    "in_use": "La société est arrivée avec ce cycle, mais elle a servi depuis : {why}.",
}
"""Reason → words."""


def left(code: str | None, path: str | None, reason: str, **words: str) -> Left:
    """What is left, with its reason in words."""
    return Left(code=code, path=path, reason=reason, message=WHY_LEFT[reason].format(**words))
