"""The portfolio: what was sold and is not in the books yet, as far as `P_BaseEncours` lets it count."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from gateway.lists import rows
from gateway.sage import F_DOCENTETE, F_DOCLIGNE, P_PARAMETRECIAL, Amount
from gateway.turnover import RETURNS
from gateway.views.look import Look
from gateway.views.postings import total
from gateway.views.words import TYPES

COUNTED = tuple(TYPES.index(code) for code in ("FA", "BL", "PL", "BC"))
"""The types in the order in which `P_BaseEncours` adds them: 0 none of them, 4 all."""
TAKEN_OFF = tuple(TYPES.index(code) for code in ("BR", "BA"))


def portfolio(look: Look, code: str) -> Decimal | None:
    """Σ `DL_MontantTTC` of the lines that count (`DL_Valorise`), less returns and credits; None where the base has no lines.

    Returns (BR), credits (BA) and credit invoices (`DO_Provenance` 1, 2) take off, whichever sign the base writes them with.
    """
    probe = look.company.probe
    base = next(iter(rows(look.connection, probe, P_PARAMETRECIAL, "P_BaseEncours")), {}).get("P_BaseEncours") or 0
    if base <= 0:
        return Decimal("0.000000")
    if not probe.has(F_DOCLIGNE.name, "DL_MontantTTC") or not probe.has(F_DOCENTETE.name, "DO_Tiers"):
        return None
    header, line = probe.readable(F_DOCENTETE), probe.readable(F_DOCLIGNE)
    same = and_(line.c.DO_Type == header.c.DO_Type, line.c.DO_Piece == header.c.DO_Piece)
    less: ColumnElement[bool] = header.c.DO_Type.in_(TAKEN_OFF)
    if "DO_Provenance" in header.c:
        less = or_(less, header.c.DO_Provenance.in_(RETURNS))
    counted = [
        header.c.DO_Tiers == code,
        header.c.DO_Domaine == 0,
        (header.c.DO_Type + 0).in_([*COUNTED[:base], *TAKEN_OFF]),
        *([line.c.DL_Valorise == 1] if "DL_Valorise" in line.c else []),
    ]
    size = func.sum(line.c.DL_MontantTTC)
    # By document, since a document's lines may bear both signs; the outer sum is the portfolio.
    grouped = (header.c.DO_Type, header.c.DO_Piece)
    kind = func.max(case((less, 1), else_=0)).label("less")
    documents = (
        select(kind, size.label("size")).select_from(header.join(line, same)).where(*counted).group_by(*grouped)
    ).subquery("documents")
    signed = case((documents.c.less == 1, -func.abs(documents.c.size, type_=Amount())), else_=documents.c.size)
    return look.connection.scalar(select(total(signed)))
