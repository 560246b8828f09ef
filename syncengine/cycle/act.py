"""Who writes, when and why; and what an edit did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from syncengine.model.journal import Rule


@dataclass(frozen=True, kw_only=True)
class Act:
    """An edit's author: ``by`` is a login. ``rule`` and ``cycle_id`` go into the journal: undo and resolution have their own."""

    at: datetime
    by: str | None
    rule: Rule = Rule.EDITED
    cycle_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Edited:
    """What an edit did to the record of that id. ``changed`` is empty when nothing was written.

    ``marked``: a link was marked, the next cycle sends it. ``warnings`` are in words and kept nothing out.
    """

    id: int
    changed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    marked: bool = False
