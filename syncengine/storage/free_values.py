"""Values of free fields as the journal tells them: a line for each name (G3, CRM-46)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncengine.model.journal import Rule
from syncengine.model.link import Entity
from syncengine.storage.journal import Journal


def tell_free_values(
    journal: Journal,
    entity: Entity,
    record_id: int,
    key: str | None,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    rule: Rule,
) -> None:
    """A line for each free field whose value changes."""
    old, new = before or {}, after or {}
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            journal.value(entity, record_id, key, name, old.get(name), new.get(name), rule)
