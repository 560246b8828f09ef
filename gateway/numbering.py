"""The code of a new tiers: checked when it is given (CRM-20), the ERP's next one when it is not (CRM-23)."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, select

from contracts.stored import stored
from contracts.tables import TIERS
from gateway.codes import CODE_LENGTH, is_code
from gateway.lists import rows
from gateway.probe import Probe
from gateway.rejection import Rejected
from gateway.sage import F_COMPTET, P_TIERS
from gateway.sage.defaults import TiersType

AUTOMATIC = 1
INVALID = "N° de compte invalide"
_CODE = F_COMPTET.c.CT_Num
# Each in the form that an index serves: the base's own on SQL Server, which compares without regard to case by itself, elsewhere
# that of `sidetables.index_codes`.
_TAKEN = {
    "mssql": select(_CODE).where(bindparam("code") == _CODE),
    "sqlite": select(_CODE).where(_CODE.collate("NOCASE") == bindparam("code")),
    "postgresql": select(_CODE).where(func.upper(_CODE) == bindparam("code")),
}


def new_code(connection: Connection, probe: Probe, given: str, kind: TiersType) -> str:
    """The code to create the tiers under. Raises Rejected."""
    wanted = stored(TIERS.field("code"), given)
    if not isinstance(wanted, str):
        return _next_code(connection, probe, kind)
    if not is_code(wanted):
        raise Rejected("account_code_invalid", f"{INVALID} : {given!r}", field="Code")
    if is_taken(connection, wanted):
        raise Rejected("code_in_use", f"there is a tiers {wanted} already", field="Code")
    return wanted


def is_taken(connection: Connection, code: str) -> bool:
    """Whether a tiers of any kind has this code, whatever the case; `code` is in capitals."""
    query = _TAKEN.get(connection.dialect.name, _TAKEN["postgresql"])
    return connection.execute(query, {"code": code}).first() is not None


def stored_code(connection: Connection, given: str) -> str | None:
    """The code of a tiers as the base has it; None when there is none."""
    spelled = {given, given.upper(), given.lower()}
    found = list(connection.scalars(select(_CODE).where(_CODE.in_(spelled))))
    return given if given in found else next(iter(found), None)


def _next_code(connection: Connection, probe: Probe, kind: TiersType) -> str:
    slots = {row["cbIndice"]: row for row in rows(connection, probe, P_TIERS, "T_Numerotation", "T_Lg", "T_Racine")}
    slot = slots.get(int(kind) + 1, {})
    if slot.get("T_Numerotation") != AUTOMATIC:
        raise Rejected("account_code_invalid", INVALID, field="Code")
    root = (slot.get("T_Racine") or "").strip().upper()
    length = min(slot.get("T_Lg") or CODE_LENGTH, CODE_LENGTH)
    digits = length - len(root)
    number = _last_number(connection, root, digits) + 1
    while is_taken(connection, code := f"{root}{number:0{max(digits, 1)}}"):
        number += 1
    if digits < 1 or len(code) > length:
        raise Rejected("account_code_invalid", f"{INVALID} : no number is left after {root!r}", field="Code")
    return code


def _last_number(connection: Connection, root: str, digits: int) -> int:
    low, high = root + "0" * digits, root + "9" * digits
    query = select(_CODE).where(_CODE.between(low, high)).order_by(_CODE.desc())
    for code in connection.scalars(query):
        tail = code[len(root) :]
        if code.startswith(root) and len(tail) == digits and tail.isascii() and tail.isdecimal():
            return int(tail)
    return 0
