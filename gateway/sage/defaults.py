"""What Sage 100 writes when nobody says otherwise: empty strings, zeros, and the creation defaults of a tiers."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy import Integer, SmallInteger, String, Table

from gateway.sage.tiers import F_COMPTET, F_COMPTETG, F_LIVRAISON
from gateway.sage.types import Amount

CREATOR = "SYNC"
"""`cbCreateur` of the rows this program writes."""


class TiersType(IntEnum):
    """`CT_Type`; only the first two take part in the synchronisation (CRM-05)."""

    CLIENT = 0
    SUPPLIER = 1
    EMPLOYEE = 2
    OTHER = 3


COLLECTIVE_ACCOUNTS = {
    TiersType.CLIENT: "4110000",
    TiersType.SUPPLIER: "4010000",
    TiersType.EMPLOYEE: "4210000",
    TiersType.OTHER: "4670000",
}

TIERS_DEFAULTS: dict[str, int] = {
    **dict.fromkeys(("N_Risque", "N_CatTarif", "N_CatCompta", "N_Period", "N_Expedition", "N_Condition"), 1),
    **dict.fromkeys(("CT_Facture", "CT_Lettrage", "CT_Saut"), 1),
}


@dataclass(frozen=True, kw_only=True)
class NewTiers:
    """The three rows the creation of a tiers inserts; the delivery address still lacks its `LI_No`."""

    tiers: dict[str, Any]
    account: dict[str, Any]
    delivery: dict[str, Any]


def blank(table: Table) -> dict[str, Any]:
    """A row of empty strings, zeros and empty dates, without its technical identity."""
    return {known.name: _empty(known.type) for known in table.columns if known.name != "cbMarq"}


def stamped(table: Table, at: dt.datetime, **columns: Any) -> dict[str, Any]:
    """A row written at this wall-clock time: blank but for the columns given."""
    written = {"cbCreateur": CREATOR, "cbModification": at, "cbCreation": at}
    return {**blank(table), **written, **columns}


def new_tiers(code: str, name: str, at: dt.datetime, kind: TiersType = TiersType.CLIENT, **columns: Any) -> NewTiers:
    """What creating a tiers writes: its row, its collective account, and its address as delivery address.

    CRM-42: the billing address is also created as a delivery address, titled with the start of the name.
    """
    account = columns.pop("CG_NumPrinc", COLLECTIVE_ACCOUNTS[kind])
    given = {
        **TIERS_DEFAULTS,
        "CT_Num": code,
        "CT_Intitule": name,
        "CT_Type": int(kind),
        "CG_NumPrinc": account,
        "CT_NumPayeur": code,
        "CT_Classement": name[:17].rstrip(),
        "CT_DateCreate": at.date(),
    }
    tiers = stamped(F_COMPTET, at, **{**given, **columns})
    return NewTiers(
        tiers=tiers,
        account=stamped(F_COMPTETG, at, CT_Num=code, CG_Num=account),
        delivery=stamped(F_LIVRAISON, at, **_delivery_of(tiers)),
    )


def _delivery_of(tiers: dict[str, Any]) -> dict[str, Any]:
    copied = ("Adresse", "Complement", "CodePostal", "CodeRegion", "Ville", "Pays", "Telephone", "EMail")
    return {
        "CT_Num": tiers["CT_Num"],
        "LI_Intitule": tiers["CT_Intitule"][:35].rstrip(),
        "LI_Contact": tiers["CT_Contact"],
        "N_Expedition": 1,
        "N_Condition": 1,
        "LI_Principal": 1,
        **{f"LI_{part}": tiers[f"CT_{part}"] for part in copied},
    }


def _empty(kind: Any) -> Any:
    if isinstance(kind, String):
        return ""
    if isinstance(kind, (SmallInteger, Integer, Amount)):
        return 0
    return None
