"""Informations libres: a company's own fields, real columns of the host table (`cbSysLibre`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy import ColumnClause, Connection, RowMapping, String, column, select
from sqlalchemy.types import TypeEngine

from gateway.sage import CB_SYSLIBRE, F_ENUMLIBRECPTA, Amount, SageDate, SageMoment


class FreeFieldKind(IntEnum):
    """`CB_Type`: what a free field holds."""

    DELETED = 0
    DATE = 3
    VALUE = 7
    TEXT = 9
    MOMENT = 14
    AMOUNT = 20
    LIST = 22


@dataclass(frozen=True, kw_only=True)
class FreeField:
    """One definition of `cbSysLibre`; `kind` is None when the base knows a type this program does not.

    `present` tells whether the host table has the column (a definition without it is a damaged base).
    """

    table: str
    name: str
    position: int
    kind: FreeFieldKind | None
    length: int
    formula: str
    present: bool

    @property
    def readable(self) -> bool:
        """Whether values can be read: the column is there, the field not deleted, its type known."""
        return self.present and self.kind not in (None, FreeFieldKind.DELETED)

    @property
    def column(self) -> ColumnClause[Any]:
        """The column holding the values, typed; its name may contain spaces."""
        return column(self.name, column_type(self.kind, self.length))


def column_type(kind: FreeFieldKind | None, length: int) -> TypeEngine[Any]:
    """The column type a free field of this kind has."""
    if kind is FreeFieldKind.DATE:
        return SageDate()
    if kind is FreeFieldKind.MOMENT:
        return SageMoment()
    if kind in (FreeFieldKind.VALUE, FreeFieldKind.AMOUNT):
        return Amount()
    return String(length or None)


def read_free_fields(connection: Connection, columns: Mapping[str, set[str]]) -> tuple[FreeField, ...]:
    """Every definition in the base, in the order of the tables and positions; `columns` are those present."""
    known = [known for known in CB_SYSLIBRE.columns if known.name in columns[CB_SYSLIBRE.name]]
    order = (CB_SYSLIBRE.c.CB_File, CB_SYSLIBRE.c.CB_Pos, CB_SYSLIBRE.c.CB_Name)
    rows = connection.execute(select(*known).order_by(*order)).mappings()
    return tuple(_field(row, columns) for row in rows)


def _field(row: RowMapping, columns: Mapping[str, set[str]]) -> FreeField:
    kind = row["CB_Type"]
    return FreeField(
        table=row["CB_File"],
        name=row["CB_Name"],
        position=row["CB_Pos"] or 0,
        kind=FreeFieldKind(kind) if kind in FreeFieldKind._value2member_map_ else None,
        length=row["CB_Len"] or 0,
        formula=row.get("CB_Formule") or "",
        present=row["CB_Name"] in columns.get(row["CB_File"], set()),
    )


def list_items(connection: Connection, position: int) -> tuple[str, ...]:
    """The choices of the list field at this position of the tiers' free fields, in their order."""
    items = F_ENUMLIBRECPTA.c
    query = select(items.EL_Intitule).where(items.N_File == 0, items.N_Info == position).order_by(items.N_Enum)
    return tuple(label for label in connection.scalars(query) if label)
