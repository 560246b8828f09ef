"""What GetConfiguration answers: product, versions, company, options, codification, fiscal years, lists (CRM-06, 12, 15)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any

from sqlalchemy import Connection

from contracts.fields import ABSENT, Many, Record, Struct, Value
from contracts.messages import CONFIGURATION, CONTRACT_VERSION, FISCAL_YEAR
from contracts.tables import PARAMETER
from gateway.company import Company
from gateway.lists import labels, rows
from gateway.probe import Probe
from gateway.sage import (
    CATEGORY_SLOTS,
    F_COMPTET,
    P_CATCOMPTA,
    P_CATTARIF,
    P_DEVISE,
    P_DOSSIER,
    P_SERVICECPTA,
    P_STATISTIQUE,
    P_TIERS,
)
from gateway.settings import GatewaySettings

PRODUCT = "Sage 100 Gestion Commerciale"
DISTRIBUTION = "crm-sage100-sync"
CODIFICATION = {0: "manual", 1: "automatic", 2: "manual_with_root"}
LANGUAGES = {"0": "Langue courante", "1": "Langue 1", "2": "Langue 2"}
EURO = ("Euro", "EUR")
_CLIENT_SLOT = 1


def configuration(
    connection: Connection, company: Company, settings: GatewaySettings, operations: Iterable[str]
) -> Record:
    """The configuration as a record of CONFIGURATION, with the operations that are served."""
    probe, options = company.probe, settings.synchronise
    label, iso = _base_currency(connection, probe)
    return CONFIGURATION.record(
        product=PRODUCT,
        product_version=_product_version(probe),
        gateway_version=version(DISTRIBUTION),
        contract_version=CONTRACT_VERSION,
        company=settings.company,
        base_currency=iso,
        synchronise_contacts=options.contacts,
        synchronise_addresses=options.addresses,
        synchronise_phones=options.phones,
        synchronise_dormant=options.dormant,
        **_codification(connection, probe),
        fiscal_years=[FISCAL_YEAR.record(start=year.start, end=year.end) for year in company.fiscal_years],
        operations=[_operation().record(name=name) for name in operations],
        parameters=[*_parameters(connection, company, (label, iso))],
    )


def _operation() -> Struct:
    part = CONFIGURATION.parts[CONFIGURATION.index["operations"]]
    if not isinstance(part, Many):
        raise TypeError("operations are a list")
    return part.of


def _product_version(probe: Probe) -> str:
    """The generation of the base, told by columns that came with later versions."""
    if probe.minute_clock:
        return "ancienne base (horodatage à la minute)"
    return "base récente" if probe.has(F_COMPTET.name, "cbCreation") else "base intermédiaire"


def _codification(connection: Connection, probe: Probe) -> dict[str, Value]:
    slots = {row["cbIndice"]: row for row in rows(connection, probe, P_TIERS, "T_Numerotation", "T_Lg", "T_Racine")}
    slot: Mapping[str, Any] = slots.get(_CLIENT_SLOT, {})
    return {
        "codification": CODIFICATION.get(slot.get("T_Numerotation") or 0, "manual"),
        "codification_length": slot.get("T_Lg") or ABSENT,
        "codification_root": slot.get("T_Racine") or "",
    }


def _base_currency(connection: Connection, probe: Probe) -> tuple[str, str]:
    """Label and ISO code of the currency the books are kept in."""
    dossier = next(iter(rows(connection, probe, P_DOSSIER, "N_DeviseCompte")), {})
    currencies = {row["cbIndice"]: row for row in rows(connection, probe, P_DEVISE, "D_Intitule", "D_CodeISO")}
    kept = currencies.get(dossier.get("N_DeviseCompte") or 1)
    if kept is None or not kept["D_Intitule"]:
        return EURO
    return kept["D_Intitule"], kept["D_CodeISO"] or ""


def currencies(connection: Connection, probe: Probe) -> dict[int, str]:
    """The ISO codes of the currencies by position (`P_DEVISE`); 0 is the one the books are kept in."""
    named = {row["cbIndice"]: row["D_CodeISO"] or "" for row in rows(connection, probe, P_DEVISE, "D_CodeISO")}
    return {**named, 0: _base_currency(connection, probe)[1]}


def _parameters(connection: Connection, company: Company, base_currency: tuple[str, str]) -> Iterator[Record]:
    probe = company.probe
    listed: dict[str, Callable[[], Mapping[Any, str]]] = {
        "accounting_category": lambda: accounting_categories(connection, probe),
        "price_category": lambda: labels(connection, probe, P_CATTARIF, "CT_Intitule"),
        "contact_service": lambda: labels(connection, probe, P_SERVICECPTA, "S_Intitule"),
        "language": lambda: LANGUAGES,
        "payment_method": lambda: company.lists.payment_methods,
        "statistic": lambda: labels(connection, probe, P_STATISTIQUE, "S_Intitule"),
    }
    for kind, values in listed.items():
        for code, label in values().items():
            yield PARAMETER.record(kind=kind, code=str(code), label=label)
    yield PARAMETER.record(kind="currency", code="0", label=base_currency[0], iso_code=base_currency[1])
    for row in rows(connection, probe, P_DEVISE, "D_Intitule", "D_CodeISO"):
        if row["D_Intitule"]:
            code, iso = str(row["cbIndice"]), row["D_CodeISO"] or ""
            yield PARAMETER.record(kind="currency", code=code, label=row["D_Intitule"], iso_code=iso)
    for position, risk in company.lists.risks.items():
        yield PARAMETER.record(kind="risk", code=str(position), label=risk.label, action=risk.action)


def accounting_categories(connection: Connection, probe: Probe) -> dict[int, str]:
    """The sale categories by position: one wide row, `N_CatCompta` = n picks `CA_ComptaVen{n}`."""
    names = [f"CA_ComptaVen{slot:02}" for slot in range(1, CATEGORY_SLOTS + 1)]
    wide = next(iter(rows(connection, probe, P_CATCOMPTA, *names)), {})
    return {slot: wide[name] for slot, name in enumerate(names, 1) if wide.get(name)}
