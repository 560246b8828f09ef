"""A desk in Sage 100 for the demonstration: somebody who works there and reads what is there, one order at a time.

An order is a JSON object, answered by another. Values are named as in the contract (`phone`) and are those of the base's own
columns, read without the gateway that the engine calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Engine, RowMapping, Table, select

from contracts.fields import Struct
from contracts.tables import ADDRESS, CONTACT, TIERS
from gateway.database import reading, writing
from gateway.demo.edits import delete_representative, edit_tiers, insert_representative
from gateway.errors import InputInvalid
from gateway.mapping import sources_in
from gateway.sage import F_COMPTET, F_CONTACTT, F_LIVRAISON

Answer: TypeAlias = dict[str, Any]


def work(engine: Engine, orders: Iterable[str]) -> Iterator[str]:
    """The answer to each order, a line of ASCII each. Raises InputInvalid for what is no order, and what an edit raises."""
    for line in orders:
        if line.strip():
            yield json.dumps(_done(engine, _order(line)), default=str)


def _order(line: str) -> dict[str, Any]:
    try:
        order = json.loads(line)
    except ValueError:
        order = None
    if not isinstance(order, dict) or order.get("do") not in {*_EDITS, *_LOOKS}:
        raise InputInvalid(f"no order: {line.strip()[:80]}", remedy=f'Write {{"do": …}}: {", ".join(_EDITS | _LOOKS)}.')
    return order


def _done(engine: Engine, order: dict[str, Any]) -> Answer:
    name = order.pop("do")
    begin = writing if name in _EDITS else reading
    with begin(engine) as connection:
        try:
            return (_EDITS | _LOOKS)[name](connection, **order)
        except TypeError as error:
            raise InputInvalid(f"{name}: {error}", remedy="Name what the order needs, and nothing else.") from error


def _edit(connection: Connection, codes: Iterable[str], values: Mapping[str, Any]) -> Answer:
    """Change values of tiers."""
    columns = {_column(attr): value for attr, value in values.items()}
    for code in codes:
        edit_tiers(connection, code, **columns)
    return {}


def _column(attr: str) -> str:
    column = _columns(TIERS, F_COMPTET).get(attr)
    if column is None:
        raise InputInvalid(f"a tiers has no field {attr!r} of its own")
    return column


def _hire(connection: Connection, last_name: str, first_name: str) -> Answer:
    """A representative comes."""
    return {"code": str(insert_representative(connection, last_name, CO_Prenom=first_name))}


def _dismiss(connection: Connection, code: str) -> Answer:
    """A representative goes."""
    delete_representative(connection, int(code))
    return {}


def _show(connection: Connection, code: str) -> Answer:
    """A tiers with its addresses and contacts; all empty when there is none."""
    tiers = _rows(connection, TIERS, F_COMPTET, code)
    return {
        "tiers": next(iter(tiers), {}),
        "billing": next(iter(_rows(connection, ADDRESS, F_COMPTET, code)), {}),
        "deliveries": _rows(connection, ADDRESS, F_LIVRAISON, code),
        "contacts": _rows(connection, CONTACT, F_CONTACTT, code),
    }


def _rows(connection: Connection, struct: Struct, table: Table, code: str) -> list[Answer]:
    query = select(table).where(table.c.CT_Num == code).order_by(table.c.cbMarq)
    columns = _columns(struct, table)
    return [_named(row, columns) for row in connection.execute(query).mappings()]


def _named(row: RowMapping, columns: Mapping[str, str]) -> Answer:
    return {attr: row[column] for attr, column in columns.items()}


def _columns(struct: Struct, table: Table) -> dict[str, str]:
    """The columns of a table by the names that the contract has for them."""
    sources = sources_in(struct.fields, table)
    return {known.attr: sources[known.name].partition(".")[2] for known in struct.fields if known.name in sources}


_EDITS: Final[dict[str, Callable[..., Answer]]] = {"edit": _edit, "hire": _hire, "dismiss": _dismiss}
_LOOKS: Final[dict[str, Callable[..., Answer]]] = {"show": _show}
