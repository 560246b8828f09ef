"""One look at the ERP: the connection, what is known of the base, today, and the tiers that may be looked at."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, TableClause, select

from contracts.fields import Field, Kind, Record, Value
from gateway.company import Company
from gateway.mapping import KINDS
from gateway.refusals import UnknownTiers
from gateway.sage import F_COMPTET

CREDIT = ("CT_Encours", "CT_Assurance", "CT_ControlEnc", "N_Risque")


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a live view is read with; `today` is the day of the database server's wall clock."""

    connection: Connection
    company: Company
    today: dt.date

    def tiers(self, request: Record) -> RowMapping:
        """The tiers asked for, with its credit as far as this base tells. Raises UnknownTiers for all but clients and suppliers."""
        code = request.text("code")
        host = self.company.probe.readable(F_COMPTET)
        columns = [host.c[name] for name in ("CT_Num", *CREDIT) if name in host.c]
        query = select(*columns).where(host.c.CT_Num == code, host.c.CT_Type.in_(KINDS))
        row = self.connection.execute(query).mappings().one_or_none()
        if row is None:
            raise UnknownTiers(f"there is no client or supplier {code!r}", record=code, field="Code")
        return row


def present(field: Field, host: TableClause) -> Any:
    """The column of that table a field of the contract comes from; None when this base lacks it."""
    for place in field.erp.split("|"):
        table, _, column = place.rpartition(".")
        if table == host.name and column in host.c:
            return host.c[column]
    return None


def told(field: Field, value: Any) -> Value:
    """The value of a column as the contract sends it; a text that is too long is cut, for one row must not fail the page."""
    if field.kind is Kind.TEXT:
        return "" if value is None else str(value)[: field.length]
    return bool(value) if field.kind is Kind.FLAG else value
