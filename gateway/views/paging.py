"""Pages of a live view: which rows, in which order, and how many there are in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, func

from contracts.fields import ABSENT, Record
from gateway.refusals import InvalidRequest
from gateway.views.look import Look

PAGE_SIZE = 50
PAGE_SIZE_MAX = 500


@dataclass(frozen=True, kw_only=True)
class Key:
    """A column to sort by, and which way."""

    column: ColumnElement[Any]
    descending: bool = False

    @property
    def sorted(self) -> ColumnElement[Any]:
        """As it stands in ORDER BY."""
        return self.column.desc() if self.descending else self.column.asc()


@dataclass(frozen=True, kw_only=True)
class Order:
    """The orders a view can be had in: by one of its fields, then and by default newest first, down to a unique key."""

    sortable: Mapping[str, Sequence[ColumnElement[Any]]]
    newest: Sequence[Key]

    def asked(self, request: Record) -> list[ColumnElement[Any]]:
        """The order asked for; `Descending` turns the field sorted by, the rest stays. Raises InvalidRequest."""
        name = request.text("sort")
        if name and name not in self.sortable:
            raise InvalidRequest(f"there is no sort on {name!r}: {', '.join(self.sortable)}", field="Sort")
        first = [Key(column=column, descending=request.flag("descending")) for column in self.sortable.get(name, ())]
        chosen: dict[str, Key] = {}
        for key in (*first, *self.newest):
            # SQL Server refuses a column named twice.
            chosen.setdefault(str(key.column), key)
        return [key.sorted for key in chosen.values()]


def page(look: Look, query: Select[Any], request: Record, order: Order) -> tuple[int, Sequence[RowMapping]]:
    """How many rows the query has in all, and those of the page asked for: two statements. Raises InvalidRequest."""
    size = _whole(request, "page_size", "PageSize", PAGE_SIZE, PAGE_SIZE_MAX)
    number = _whole(request, "page", "Page", 1)
    sorted_by = order.asked(request)
    total = look.connection.scalar(query.with_only_columns(func.count(), maintain_column_froms=True)) or 0
    wanted = query.order_by(*sorted_by).offset((number - 1) * size).limit(size)
    return total, look.connection.execute(wanted).mappings().all()


def _whole(request: Record, attr: str, name: str, default: int, most: int | None = None) -> int:
    value = request[attr]
    if value is ABSENT or value is None:
        return default
    if not isinstance(value, int) or value < 1 or (most is not None and value > most):
        allowed = "1 or more" if most is None else f"1 to {most}"
        raise InvalidRequest(f"{name} is {value}, {allowed} is allowed", field=name)
    return value
