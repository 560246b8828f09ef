"""Where the change log of each entity set ends, and whether that is beyond where a caller stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from contracts.messages import EntitySet
from gateway.refusals import CursorUnknown
from gateway.sidetables import GW_CHANGE


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a caller stands: in which log, and the last number it has dealt with of each entity set it asks about."""

    epoch: str
    last: Mapping[EntitySet, int]


@dataclass(frozen=True, kw_only=True)
class Heads:
    """The last number of each entity set; 0 for one without any."""

    epoch: str
    last: Mapping[EntitySet, int]

    def beyond(self, places: Places) -> bool:
        """Whether there is something after one of these places. Raises CursorUnknown when they are of another log."""
        if places.epoch != self.epoch:
            raise CursorUnknown(
                "the base is another one, or was restored, since the cursors were given", field="Cursor"
            )
        return any(self.last[entity] > seq for entity, seq in places.last.items())


def read_last(connection: Connection, entities: Sequence[EntitySet] = tuple(EntitySet)) -> dict[EntitySet, int]:
    """The last number of each of these sets: one look into the index each, whatever the log holds."""
    c = GW_CHANGE.c
    return {
        entity: connection.scalar(select(func.max(c.seq)).where(c.entity == entity.value)) or 0 for entity in entities
    }
