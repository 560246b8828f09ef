"""What is read live as JSON: sheets made from the contract's structures, and pages that the ERP counts."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.requests import Request
from starlette.responses import Response

from api.pages import LIMIT, LIMIT_MAX, Place
from api.problems import ApiProblem
from contracts.codec import instant_text
from contracts.fields import ABSENT, Kind, Many, Record, Struct
from contracts.fields import Field as Leaf
from syncengine.rtdv.tabs import Found
from syncengine.rtdv.whom import Whom

_TYPES: Final[dict[Kind, Any]] = {
    Kind.FLAG: bool,
    Kind.INTEGER: int,
    Kind.AMOUNT: Decimal,
    Kind.DATE: date,
    Kind.INSTANT: datetime,
}


class LivePlace:
    """Which page of a live list. The ERP pages by number: rows that come or go between two pages move the others."""

    def __init__(self, place: Place) -> None:
        self._place = place
        number, size = place.after(int, int) or (1, place.limit)
        if number < 1 or not 1 <= size <= LIMIT_MAX or number * size >= 2**31:
            raise ApiProblem("cursor_invalid", field="cursor")
        self.number, self.size = number, size

    def next(self, found: Found) -> str | None:
        """The cursor of the next page; None on the last one."""
        more = found.rows and self.number * self.size < found.total
        return self._place.cursor((self.number + 1, self.size)) if more else None


async def _live_place(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many items at most.")] = LIMIT,
    cursor: Annotated[str | None, Query(max_length=1_000, description="`next` of the page before, unchanged.")] = None,
) -> LivePlace:
    return LivePlace(Place(request, limit, cursor))


# Dependencies that wait for nothing are asynchronous: each other one costs a change of threads.
TheLivePlace = Annotated[LivePlace, Depends(_live_place)]


@cache
def sheet_of(struct: Struct) -> type[BaseModel]:
    """A structure of the contract as the API shows it: null is what this ERP does not say."""
    fields: dict[str, Any] = {}
    for part in struct.parts:
        if isinstance(part, Leaf):
            kind = _TYPES.get(part.kind, str)
            fields[part.attr] = (kind | None, Field(description=part.label or part.doc or None))
        elif isinstance(part, Many):
            fields[part.attr] = (list[sheet_of(part.of)], ...)  # type: ignore[misc]
    config = ConfigDict(json_schema_serialization_defaults_required=True)
    return create_model(f"{struct.name}Sheet", __doc__=struct.doc, __config__=config, **fields)


@cache
def page_of(struct: Struct) -> type[BaseModel]:
    """A page of such sheets."""
    return create_model(
        f"{struct.name}Page",
        __doc__=f"A page of {struct.name}.",
        items=(list[sheet_of(struct)], ...),  # type: ignore[arg-type,misc]
        next=(str | None, Field(description="The cursor of the next page; null on the last one.")),
        total=(int, Field(description="Rows in all pages.")),
        currency=(str | None, Field(description="ISO 4217 code of amounts that name no other.")),
        read_at=(datetime, Field(description="When the ERP said so.")),
    )


@cache
def single_of(struct: Struct) -> type[BaseModel]:
    """One such sheet, with its currency and the moment it was read at."""
    return create_model(
        f"{struct.name}Now",
        __base__=sheet_of(struct),
        __doc__=struct.doc,
        base_currency=(str | None, Field(description="ISO 4217 code of amounts that name no other.")),
        read_at=(datetime, Field(description="When the ERP said so.")),
    )


def live_page(found: Found, whom: Whom, following: str | None = None) -> Response:
    """The answer for a page."""
    body = {
        "items": list(map(plain, found.rows)),
        "next": following,
        "total": found.total,
        "currency": whom.currency,
        "read_at": instant_text(found.at),
    }
    return _answer(body)


def live_single(record: Record, whom: Whom, at: datetime) -> Response:
    """The answer for one record."""
    return _answer({**plain(record), "base_currency": whom.currency, "read_at": instant_text(at)})


def plain(record: Record) -> dict[str, Any]:
    """A record as JSON takes it."""
    return {name: _plain(value) for name, value in record.items()}


def _plain(value: Any) -> Any:
    # These rows are the bulk of the answer and were checked on arrival: no model checks them again.
    if value is ABSENT:
        return None
    return list(map(plain, value)) if isinstance(value, list) else value


def _answer(body: Any) -> Response:
    return Response(
        json.dumps(body, default=str, ensure_ascii=False, separators=(",", ":")), media_type="application/json"
    )
