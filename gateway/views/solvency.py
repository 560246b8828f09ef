"""The tab Solvabilité: credit, outstanding and aged balance of one tiers (CRM-54)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping, select

from contracts.fields import ABSENT, Record, Value
from contracts.messages import VIEW_SOLVENCY
from contracts.views import SOLVENCY
from gateway.lists import Risk
from gateway.views.aged import aged_balance
from gateway.views.look import Look
from gateway.views.portfolio import portfolio
from gateway.views.postings import Postings, is_kept, total

CONTROLS = {0: "automatic", 1: "risk_code", 2: "blocked"}
BLOCKED, BLOCK = 2, "block"


def view_solvency(look: Look, request: Record) -> Record:
    """The figures of one tiers; what this base cannot tell is not said. Raises UnknownTiers.

    Outstanding is the accounting balance of the open years and the portfolio. The ERP refuses to deliver when the control is
    'blocked', or when the outstanding has reached the limit and the action of the risk code is to block.
    """
    tiers = look.tiers(request)
    figures: dict[str, Value] = dict(_accounting(look, tiers["CT_Num"]))
    sold = portfolio(look, tiers["CT_Num"])
    balance = figures.get("accounting_balance")
    outstanding = balance + sold if isinstance(balance, Decimal) and sold is not None else None
    limit = tiers.get("CT_Encours")
    risk = look.company.lists.risks.get(tiers.get("N_Risque") or 0)
    solvency = SOLVENCY.record(
        **figures,
        **_said(tiers, risk),
        portfolio=_or_absent(sold),
        outstanding=_or_absent(outstanding),
        available=ABSENT if outstanding is None or limit is None else limit - outstanding,
        blocked=_blocked(tiers, risk, outstanding),
    )
    return VIEW_SOLVENCY.response.record(solvency=solvency)


def _accounting(look: Look, code: str) -> dict[str, Decimal]:
    if not is_kept(look):
        return {}
    postings = Postings(look)
    query = select(total(postings.signed)).where(postings.of(code, look.company.fiscal_years))
    balance = look.connection.execute(query).scalar_one()
    return {"accounting_balance": balance, **aged_balance(look, postings, code)}


def _said(tiers: RowMapping, risk: Risk | None) -> dict[str, Value]:
    """What stands on the tiers itself."""
    said: dict[str, Value] = {
        "credit_limit": _or_absent(tiers.get("CT_Encours")),
        "insurance": _or_absent(tiers.get("CT_Assurance")),
    }
    if "CT_ControlEnc" in tiers:
        said["credit_control"] = CONTROLS.get(tiers["CT_ControlEnc"] or 0, "")
    if "N_Risque" in tiers:
        said |= {"risk_label": risk.label if risk else "", "risk_action": risk.action if risk else ""}
    return said


def _blocked(tiers: RowMapping, risk: Risk | None, outstanding: Decimal | None) -> bool:
    if tiers.get("CT_ControlEnc") == BLOCKED:
        return True
    limit = tiers.get("CT_Encours")
    reached = limit is not None and outstanding is not None and outstanding >= limit
    return reached and risk is not None and risk.action == BLOCK


def _or_absent(value: Any) -> Any:
    return ABSENT if value is None else value
