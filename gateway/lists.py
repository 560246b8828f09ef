"""The lists of a Sage 100 company (`P_*`): rows addressed by position, an empty label for an unused slot."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, select

from gateway.probe import Probe
from gateway.sage import FISCAL_YEARS, P_CRISQUE, P_DOSSIER, P_REGLEMENT

RISK_ACTIONS = {0: "deliver", 1: "watch", 2: "block"}


@dataclass(frozen=True, kw_only=True)
class Risk:
    """A risk code: its label, and what the ERP does (deliver, watch or block)."""

    label: str
    action: str


@dataclass(frozen=True, kw_only=True)
class FiscalYear:
    """A fiscal year, both days included."""

    start: dt.date
    end: dt.date


def rows(connection: Connection, probe: Probe, model: Table, *columns: str) -> list[dict[str, Any]]:
    """The rows of a parameter table in the order of their slots; a column this base lacks reads as None."""
    if not probe.has(model.name):
        return []
    present = [name for name in ("cbIndice", *columns) if probe.has(model.name, name)]
    if not present:
        return []
    query = select(*(model.c[name] for name in present))
    if "cbIndice" in present:
        query = query.order_by(model.c.cbIndice)
    missing = dict.fromkeys(columns)
    return [{**missing, **row} for row in connection.execute(query).mappings()]


def labels(connection: Connection, probe: Probe, model: Table, column: str) -> dict[int, str]:
    """Labels by position, unused slots left out."""
    return {row["cbIndice"]: row[column] for row in rows(connection, probe, model, column) if row[column]}


def risks(connection: Connection, probe: Probe) -> dict[int, Risk]:
    """The risk codes by position (`N_Risque`)."""
    found = rows(connection, probe, P_CRISQUE, "R_Intitule", "R_Type")
    return {
        row["cbIndice"]: Risk(label=row["R_Intitule"], action=RISK_ACTIONS.get(row["R_Type"] or 0, ""))
        for row in found
        if row["R_Intitule"]
    }


def payment_methods(connection: Connection, probe: Probe) -> dict[int, str]:
    """The payment methods by position (`N_Reglement`)."""
    return labels(connection, probe, P_REGLEMENT, "R_Intitule")


def fiscal_years(connection: Connection, probe: Probe) -> tuple[FiscalYear, ...]:
    """The fiscal years of `P_DOSSIER`, oldest first; slots without dates are unused."""
    names = [f"D_{end}Exo{year:02}" for year in range(1, FISCAL_YEARS + 1) for end in ("Debut", "Fin")]
    dossier = next(iter(rows(connection, probe, P_DOSSIER, *names)), None)
    if dossier is None:
        return ()
    pairs = [(dossier[names[slot]], dossier[names[slot + 1]]) for slot in range(0, len(names), 2)]
    return tuple(FiscalYear(start=start, end=end) for start, end in sorted((s, e) for s, e in pairs if s and e))
