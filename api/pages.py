"""Lists a page at a time: ``{"items": […], "next": …}`` with opaque cursors, a stable order, and at most 200 at once."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import Select, tuple_
from sqlalchemy.orm import Session
from starlette.requests import Request

from api.problems import ApiProblem
from syncengine.core.fold import searchable
from syncengine.errors import InputRefused

LIMIT: Final = 50
LIMIT_MAX: Final = 200
_CURSOR_MAX: Final = 1_000
_INTEGER_MAX: Final = 2**63 - 1

Item = TypeVar("Item")
Row = TypeVar("Row")


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: str | None = Field(description="The cursor of the next page; null on the last one.")


class Place:
    """Where in a list the caller is: the dependency that declares ``limit`` and ``cursor``.

    A cursor holds the position behind the last item, for the list that gave it out and no other.
    """

    def __init__(
        self,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many items at most.")] = LIMIT,
        cursor: Annotated[
            str | None, Query(max_length=_CURSOR_MAX, description="`next` of the page before, unchanged.")
        ] = None,
    ) -> None:
        self._list = str(getattr(request.scope.get("endpoint"), "__name__", ""))
        self._cursor = cursor
        self.limit = limit

    @property
    def more(self) -> int:
        """How many to ask for: one more than shown tells whether there is a next page."""
        return self.limit + 1

    def after(self, *kinds: type[Any]) -> Any:
        """The position the cursor holds, None at the beginning; a single kind gives the value, several a tuple.

        ``kinds`` are int, str or datetime. Raises ApiProblem (cursor_invalid).
        """
        if self._cursor is None:
            return None
        values = [_value(kind, value) for kind, value in zip(kinds, self._parts(len(kinds)), strict=True)]
        return values[0] if len(kinds) == 1 else tuple(values)

    def page(self, found: Sequence[Row], view: Callable[[Row], Item], position: Callable[[Row], Any]) -> Page[Item]:
        """The page of what ``more`` found; ``position`` is the value, or values, that ``after`` gives back."""
        shown = found[: self.limit]
        last = position(shown[-1]) if len(found) > self.limit else None
        return Page(items=[view(row) for row in shown], next=None if last is None else self.cursor(last))

    def cursor(self, position: Any) -> str:
        """The cursor that stands for a position; for functions of the engine that page by themselves."""
        values = position if isinstance(position, tuple | list) else (position,)
        text = json.dumps([self._list, *map(_plain, values)], separators=(",", ":"), ensure_ascii=False)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def _parts(self, count: int) -> list[Any]:
        text = self._cursor or ""
        try:
            padded = f"{text}{'=' * (-len(text) % 4)}".encode("ascii")
            parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        except (ValueError, RecursionError):
            raise ApiProblem("cursor_invalid", field="cursor") from None
        if not isinstance(parts, list) or len(parts) != count + 1 or parts[0] != self._list:
            raise ApiProblem("cursor_invalid", field="cursor")
        return parts[1:]


ThePlace = Annotated[Place, Depends()]


def keyset(
    session: Session, query: Select[Any], columns: Sequence[Any], place: Place, kinds: Sequence[type[Any]]
) -> Sequence[Any]:
    """The rows of a query behind the cursor, in descending order of ``columns``, the last of which is unique.

    Page 1,000 costs what page 1 costs where an index holds the columns. Give the rows to ``Place.page``.
    """
    position = place.after(*kinds)
    if position is not None:
        values = position if isinstance(position, tuple) else (position,)
        query = query.where(tuple_(*columns) < tuple_(*values))
    return session.execute(query.order_by(*(column.desc() for column in columns)).limit(place.more)).all()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _value(kind: type[Any], value: Any) -> Any:
    """A value of a cursor, checked: people may write cursors of their own."""
    try:
        if kind is datetime:
            instant = datetime.fromisoformat(value)
            if instant.tzinfo is not None:
                return instant
        elif kind is int and type(value) is int and abs(value) <= _INTEGER_MAX:
            return value
        elif kind is str and isinstance(value, str):
            return searchable(value, "cursor")
    except (ValueError, TypeError, InputRefused):
        pass
    raise ApiProblem("cursor_invalid", field="cursor")
