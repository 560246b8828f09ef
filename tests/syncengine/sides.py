"""What each side holds, read straight from its own tables: the columns of Sage 100, the rows of the CRM base.

Written by hand from the requirements (CRM-37..45), and not from the code that synchronises them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, select

from gateway.sage import F_COMPTET, F_CONTACTT, F_LIVRAISON
from tests.syncengine.world import World

Values: TypeAlias = dict[str, Any]
"""Field → text, or None where nothing is said."""
LISTS: Final = ("contacts", "addresses")
BILLING: Final = "billing"

LEAVES: Final = {
    "name": "CT_Intitule",
    "short_name": "CT_Raccourci",
    "contact_person": "CT_Contact",
    "web_site": "CT_Site",
    "dormant": "CT_Sommeil",
    "naf_code": "CT_Ape",
    "siret": "CT_Siret",
    "currency": "N_Devise",
    "accounting_category": "N_CatCompta",
    "price_category": "N_CatTarif",
    "language": "CT_Langue",
    "representative": "CO_No",
    "phone": "CT_Telephone",
    "fax": "CT_Telecopie",
    "email": "CT_EMail",
}
"""What both sides change of a tiers (CRM-37, CRM-39, CRM-17)."""
REPLICAS: Final = {"type": "CT_Type", "payer": "CT_NumPayeur", "statistic01": "CT_Statistique01"}
"""What only the ERP changes (CRM-40), some of it."""
BILLING_FIELDS: Final = {
    "street": "CT_Adresse",
    "complement": "CT_Complement",
    "postcode": "CT_CodePostal",
    "town": "CT_Ville",
    "region": "CT_CodeRegion",
    "country": "CT_Pays",
}
CHILDREN: Final = {
    "addresses": {"title": "LI_Intitule"} | {a: c.replace("CT_", "LI_") for a, c in BILLING_FIELDS.items()},
    "contacts": {
        "civility": "CT_Civilite",
        "last_name": "CT_Nom",
        "first_name": "CT_Prenom",
        "function": "CT_Fonction",
        "service": "N_Service",
        "phone": "CT_Telephone",
        "mobile": "CT_TelPortable",
        "fax": "CT_Telecopie",
        "email": "CT_EMail",
    },
}
_TABLES: Final = {"addresses": (F_LIVRAISON, "LI_No"), "contacts": (F_CONTACTT, "CT_No")}
_CIVILITIES: Final = ("M", "MME", "MLLE")
_KINDS: Final = {0: "client", 1: "supplier"}
_POSITIONS: Final = {"CO_No", "N_Service"}
"""Columns where 0 is none."""


@dataclass(frozen=True, kw_only=True)
class Tiers:
    """One tiers on one side. Children are by number in the ERP, by id of their row in the CRM, where 'key' is the number.

    ``raw`` are the ERP's rows as they are; ``at`` its last write, by its wall clock.
    """

    leaves: Values
    lists: Mapping[str, dict[Any, Values]]
    replicas: Values = field(default_factory=dict)
    raw: tuple[Any, ...] = ()
    at: datetime | None = None
    state: str = "present"
    company: Values | None = None
    account: Values = field(default_factory=dict)


def in_erp(connection: Connection) -> dict[str, Tiers]:
    """The clients and suppliers of the base, by code."""
    host = {row["CT_Num"]: dict(row) for row in connection.execute(select(F_COMPTET)).mappings()}
    rows: dict[str, list[tuple[str, str, dict[str, Any]]]] = {code: [] for code in host}
    for name, (table, number) in _TABLES.items():
        for row in connection.execute(select(table).order_by(table.c[number])).mappings():
            if row["CT_Num"] in rows:
                rows[row["CT_Num"]].append((name, str(row[number]), dict(row)))
    return {code: _tiers(row, rows[code]) for code, row in host.items() if row["CT_Type"] in _KINDS}


def _tiers(row: dict[str, Any], children: list[tuple[str, str, dict[str, Any]]]) -> Tiers:
    lists: dict[str, dict[Any, Values]] = {name: {} for name in LISTS}
    lists["addresses"][BILLING] = _said(row, BILLING_FIELDS)
    for name, number, child in children:
        lists[name][number] = _said(child, CHILDREN[name])
    return Tiers(
        leaves=_said(row, LEAVES),
        lists=lists,
        replicas=_said(row, REPLICAS),
        raw=(row, *children),
        at=max(one["cbModification"] for one in (row, *(child for _, _, child in children))),
    )


def _said(row: Mapping[str, Any], columns: Mapping[str, str]) -> Values:
    return {attr: _value(column, row[column]) for attr, column in columns.items()}


def _value(column: str, value: Any) -> Any:
    match column:
        case "CT_Type":
            return _KINDS.get(value)
        case "CT_Sommeil":
            return bool(value) or None
        case "CT_Civilite":
            return _CIVILITIES[value]
        case "N_CatTarif" | "N_CatCompta":
            # CRM-26: where nothing is said, the first of the list.
            return str(value or 1)
        case _ if column in _POSITIONS:
            return str(value) if value else None
        case _:
            return None if value in (None, "") else str(value)


def in_crm(made: World) -> dict[int, Tiers]:
    """The Accounts of the base, by id."""
    companies = {row["id"]: row for row in made.rows("companies")}
    links = {row["local_id"]: row for row in made.rows("links")}
    lists = {name: _rows(made, name) for name in LISTS}
    found = {}
    for row in made.rows("accounts"):
        mine = {name: {n: v for n, (owner, v) in lists[name].items() if owner == row["id"]} for name in LISTS}
        found[row["id"]] = Tiers(
            leaves={attr: row[attr] or None for attr in LEAVES},
            lists=mine,
            replicas={attr: row[attr] or None for attr in REPLICAS},
            state=str(row["erp_state"]),
            company=companies.get(row["company_id"]),
            account=row | {"link": links.get(row["id"])},
        )
    return found


def _rows(made: World, name: str) -> dict[int, tuple[int | None, Values]]:
    """Children by row, each with its Account."""
    found = {}
    numbers = {} if name == "addresses" else _numbers(made)
    for row in made.rows(name):
        values = {attr: row.get(attr) or None for attr in CHILDREN[name]} | numbers.get(row["id"], {})
        found[row["id"]] = (row["account_id"], values | {"key": row["erp_key"]})
    return found


def _numbers(made: World) -> dict[int, Values]:
    found: dict[int, Values] = {}
    for table, value in (("phones", "number"), ("emails", "address")):
        for row in made.rows(table):
            kind, contact = str(row["kind"]), row["contact_id"]
            if contact is not None:
                assert kind not in found.get(contact, {}), f"two numbers {kind} of contact {contact}"
                found.setdefault(contact, {})[kind] = row[value]
    return found
