"""Edits as a user of Sage 100 makes them: each sets `cbModification`, as Sage 100 itself does.

Every function takes `at`, the wall-clock time of the edit, now by default. Free fields are edited like any other
column: `edit_tiers(connection, "DUPONT", **{"GRATUIT OU ECHANGE": "Gratuit"})`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, Table, TableClause, func, select

from gateway.clock import wall_clock
from gateway.errors import GatewayProblem
from gateway.free_fields import FreeFieldKind, column_type
from gateway.probe import probe_connection
from gateway.sage import (
    CB_SYSLIBRE,
    F_COLLABORATEUR,
    F_COMPTET,
    F_COMPTETG,
    F_CONTACTT,
    F_DOCENTETE,
    F_ECRITUREC,
    F_ENUMLIBRECPTA,
    F_LIVRAISON,
    F_REGLEMENTT,
)
from gateway.sage.defaults import TiersType, new_tiers, stamped

At = dt.datetime | None


def insert_tiers(
    connection: Connection,
    code: str,
    name: str,
    *,
    kind: TiersType = TiersType.CLIENT,
    at: At = None,
    **columns: Any,
) -> None:
    """Create a tiers with its collective account and the delivery address Sage 100 makes with it (CRM-42)."""
    new = new_tiers(code, name, at or wall_clock(), kind, **columns)
    connection.execute(F_COMPTET.insert(), [new.tiers])
    connection.execute(F_COMPTETG.insert(), [new.account])
    number = next_number(connection, F_LIVRAISON.c.LI_No)
    connection.execute(F_LIVRAISON.insert(), [{**new.delivery, "LI_No": number}])


def edit_tiers(connection: Connection, code: str, *, at: At = None, **columns: Any) -> None:
    """Change columns of a tiers, free fields included."""
    _edit(connection, F_COMPTET.c.CT_Num, code, at, columns)


def delete_tiers(connection: Connection, code: str) -> None:
    """Delete a tiers with all that hangs on it; refused, as in Sage 100, when it has documents or entries."""
    for used in (F_DOCENTETE.c.DO_Tiers, F_ECRITUREC.c.CT_Num):
        if connection.scalar(select(func.count()).where(used == code)):
            raise GatewayProblem(f"the tiers {code} is used in {used.table.name}", code="tiers_in_use", record=code)
    for child in (F_CONTACTT, F_LIVRAISON, F_REGLEMENTT, F_COMPTETG):
        connection.execute(child.delete().where(child.c.CT_Num == code))
    _delete(connection, F_COMPTET.c.CT_Num, code)


def insert_contact(connection: Connection, code: str, last_name: str, *, at: At = None, **columns: Any) -> int:
    """Add a contact to a tiers; answers its number."""
    number = next_number(connection, F_CONTACTT.c.CT_No)
    given = {"CT_No": number, "CT_Num": code, "CT_Nom": last_name, "N_Service": 1, **columns}
    connection.execute(F_CONTACTT.insert(), [stamped(F_CONTACTT, at or wall_clock(), **given)])
    return number


def edit_contact(connection: Connection, number: int, *, at: At = None, **columns: Any) -> None:
    """Change columns of a contact."""
    _edit(connection, F_CONTACTT.c.CT_No, number, at, columns)


def delete_contact(connection: Connection, number: int) -> None:
    """Delete a contact; its tiers keeps its `cbModification`, as in Sage 100."""
    _delete(connection, F_CONTACTT.c.CT_No, number)


def insert_delivery(connection: Connection, code: str, title: str, *, at: At = None, **columns: Any) -> int:
    """Add a delivery address to a tiers; answers its number."""
    number = next_number(connection, F_LIVRAISON.c.LI_No)
    given = {"LI_No": number, "CT_Num": code, "LI_Intitule": title, "N_Expedition": 1, "N_Condition": 1}
    connection.execute(F_LIVRAISON.insert(), [stamped(F_LIVRAISON, at or wall_clock(), **{**given, **columns})])
    return number


def edit_delivery(connection: Connection, number: int, *, at: At = None, **columns: Any) -> None:
    """Change columns of a delivery address."""
    _edit(connection, F_LIVRAISON.c.LI_No, number, at, columns)


def delete_delivery(connection: Connection, number: int) -> None:
    """Delete a delivery address."""
    _delete(connection, F_LIVRAISON.c.LI_No, number)


def insert_representative(connection: Connection, last_name: str, *, at: At = None, **columns: Any) -> int:
    """Add a representative; answers its number."""
    number = next_number(connection, F_COLLABORATEUR.c.CO_No)
    given = {"CO_No": number, "CO_Nom": last_name, "CO_Vendeur": 1, **columns}
    connection.execute(F_COLLABORATEUR.insert(), [stamped(F_COLLABORATEUR, at or wall_clock(), **given)])
    return number


def delete_representative(connection: Connection, number: int) -> None:
    """Delete a representative; refused, as in Sage 100, while a tiers has it."""
    used = select(func.count()).where(F_COMPTET.c.CO_No == number)
    if connection.scalar(used):
        raise GatewayProblem("tiers have this representative", code="representative_in_use", record=str(number))
    _delete(connection, F_COLLABORATEUR.c.CO_No, number)


def touch(connection: Connection, column: Column[Any], key: str | int, *, at: At = None) -> None:
    """Set `cbModification` of the row whose key column holds `key`, and change nothing else."""
    _edit(connection, column, key, at, {})


def add_free_field(
    connection: Connection,
    name: str,
    kind: FreeFieldKind,
    length: int = 0,
    *,
    items: Sequence[str] = (),
) -> None:
    """Define a free field on the tiers: its metadata, its column, the choices of a list."""
    position = 1 + connection.scalar(select(func.coalesce(func.max(CB_SYSLIBRE.c.CB_Pos), 0)))  # type: ignore[operator]
    definition = {"CB_File": F_COMPTET.name, "CB_Name": name, "CB_Pos": position, "CB_Type": int(kind)}
    connection.execute(CB_SYSLIBRE.insert(), [{**definition, "CB_Len": length, "CB_Formule": ""}])
    choices = [{"N_File": 0, "N_Info": position, "N_Enum": n, "EL_Intitule": item} for n, item in enumerate(items, 1)]
    if choices:
        connection.execute(F_ENUMLIBRECPTA.insert(), choices)
    dialect = connection.dialect
    quote = dialect.identifier_preparer.quote
    sql_type = column_type(kind, length).compile(dialect=dialect)
    connection.exec_driver_sql(f"ALTER TABLE {quote(F_COMPTET.name)} ADD {quote(name)} {sql_type}")


def delete_free_field(connection: Connection, name: str) -> None:
    """Delete a free field of the tiers: its metadata and its column."""
    named = (CB_SYSLIBRE.c.CB_File == F_COMPTET.name, CB_SYSLIBRE.c.CB_Name == name)
    connection.execute(CB_SYSLIBRE.delete().where(*named))
    quote = connection.dialect.identifier_preparer.quote
    connection.exec_driver_sql(f"ALTER TABLE {quote(F_COMPTET.name)} DROP COLUMN {quote(name)}")


def next_number(connection: Connection, column: Column[int]) -> int:
    """The number after the highest one in use."""
    return 1 + (connection.scalar(select(func.max(column))) or 0)


def _edit(connection: Connection, key: Column[Any], value: str | int, at: At, columns: dict[str, Any]) -> None:
    model = key.table
    target: Table | TableClause = model
    if not columns.keys() <= {*model.columns.keys()}:
        target = probe_connection(connection).readable(model)
    values = {**columns, "cbModification": at or wall_clock()}
    changed = connection.execute(target.update().where(target.c[key.name] == value).values(values))
    _require(changed.rowcount, key, value)


def _delete(connection: Connection, key: Column[Any], value: str | int) -> None:
    _require(connection.execute(key.table.delete().where(key == value)).rowcount, key, value)


def _require(count: int, key: Column[Any], value: str | int) -> None:
    if count == 0:
        raise GatewayProblem(f"no row of {key.table.name} has {key.name} {value}", code="no_such_record")
