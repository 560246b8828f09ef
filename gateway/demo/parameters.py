"""What a company sets up before its first tiers: parameters, accounts, journals, representatives, articles."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from sqlalchemy import Connection, Table

from gateway.demo.pools import Pools
from gateway.sage import (
    CATEGORY_SLOTS,
    F_ARTICLE,
    F_COLLABORATEUR,
    F_COMPTEG,
    F_FAMILLE,
    F_JOURNAUX,
    FISCAL_YEARS,
    NATURE_BANK,
    NATURE_CASH,
    P_CATCOMPTA,
    P_CATTARIF,
    P_CRISQUE,
    P_DEVISE,
    P_DOSSIER,
    P_PARAMETRECIAL,
    P_REGLEMENT,
    P_SERVICECPTA,
    P_STATISTIQUE,
    P_TIERS,
    STATISTICS,
)
from gateway.sage.defaults import COLLECTIVE_ACCOUNTS, TiersType, blank, stamped

PRICE_CATEGORIES = ("Grossiste", "Détaillant", "Revendeur", "Particulier", "Export")
SALE_CATEGORIES = ("Ventes France", "Ventes CEE", "Ventes export", "Ventes DOM-TOM", "Ventes exonérées")
PURCHASE_CATEGORIES = ("Achats France", "Achats CEE", "Achats import")
SERVICES = ("Direction", "Commercial", "Comptabilité", "Logistique", "Informatique", "Achats")
PAYMENT_MODES = ("Chèque", "Virement", "Prélèvement", "Traite acceptée", "Espèces", "Carte bancaire")
STATISTIC_LABELS = ("Secteur", "Canal de vente", "Potentiel")
CURRENCIES = (("Euro", "EUR", "€"), ("Dollar US", "USD", "$"), ("Livre sterling", "GBP", "£"))
RISKS = (
    ("Sans risque", 0, 0, 5000),
    ("À surveiller", 1, 5000, 15000),
    ("Retards fréquents", 1, 15000, 30000),
    ("Compte bloqué", 2, 30000, 999999),
)
ACCOUNTS = (
    (COLLECTIVE_ACCOUNTS[TiersType.CLIENT], "Clients", 1),
    (COLLECTIVE_ACCOUNTS[TiersType.SUPPLIER], "Fournisseurs", 2),
    (COLLECTIVE_ACCOUNTS[TiersType.EMPLOYEE], "Personnel, rémunérations dues", 3),
    (COLLECTIVE_ACCOUNTS[TiersType.OTHER], "Autres débiteurs et créditeurs", 0),
    ("4456600", "TVA déductible", 0),
    ("4457100", "TVA collectée", 0),
    ("5120000", "Banque", NATURE_BANK),
    ("5300000", "Caisse", NATURE_CASH),
    ("6070000", "Achats de marchandises", 0),
    ("7070000", "Ventes de marchandises", 0),
    ("7080000", "Port et frais facturés", 0),
)
JOURNALS = (
    ("ACH", "Achats", "", 0),
    ("VTE", "Ventes", "", 1),
    ("BQ", "Banque", "5120000", 2),
    ("CAI", "Caisse", "5300000", 2),
    ("OD", "Opérations diverses", "", 3),
)
FAMILIES = (
    ("OUTIL", "Outillage à main"),
    ("ELEC", "Matériel électrique"),
    ("PLOMB", "Plomberie et sanitaire"),
    ("QUINC", "Quincaillerie"),
    ("EMBAL", "Emballages"),
    ("BUREAU", "Fournitures de bureau"),
    ("JARDIN", "Jardin et espaces verts"),
    ("PROTEC", "Protection individuelle"),
)
GOODS = ("Coffret", "Lot de vis", "Câble", "Raccord", "Gants", "Carton", "Perceuse", "Lampe", "Pompe", "Scie")
MAKES = ("standard", "renforcé", "compact", "professionnel", "grand modèle", "économique")
ARTICLES = 120
REPRESENTATIVES = 12


def write_parameters(connection: Connection, company: str, at: dt.datetime) -> None:
    """Fill the parameter tables, accounts and journals of an empty base; three fiscal years end with `at`'s."""
    for table, column, values in (
        (P_CATTARIF, "CT_Intitule", PRICE_CATEGORIES),
        (P_SERVICECPTA, "S_Intitule", SERVICES),
        (P_REGLEMENT, "R_Intitule", PAYMENT_MODES),
        (P_STATISTIQUE, "S_Intitule", STATISTIC_LABELS),
    ):
        slots = STATISTICS if table is P_STATISTIQUE else 32
        # Sage 100 lays out every slot at once: the unused ones have an empty label.
        labels = [*values, *[""] * (slots - len(values))]
        _insert(connection, table, [{"cbIndice": n, column: label} for n, label in enumerate(labels, 1)])
    _insert(connection, P_DEVISE, [_currency(n) for n in range(1, 33)])
    _insert(connection, P_CRISQUE, [_risk(n) for n in range(1, 11)])
    numbering = {"T_Numerotation": 0, "T_Lg": 17, "T_Racine": ""}
    _insert(connection, P_TIERS, [{"cbIndice": kind + 1, **numbering} for kind in TiersType])
    _insert(connection, P_PARAMETRECIAL, [{"P_BaseEncours": 2}])
    _insert(connection, P_CATCOMPTA, [_categories()])
    _insert(connection, P_DOSSIER, [_dossier(company, at.year)])
    _write_accounts(connection, at)


def write_catalogue(connection: Connection, pools: Pools, rng: random.Random, at: dt.datetime) -> None:
    """Fill representatives, families and articles; what dormant articles a base has, too."""
    names = zip(pools.last_names, pools.first_names, strict=False)
    people = [_representative(n, *who, at) for n, who in zip(range(1, REPRESENTATIVES + 1), names, strict=False)]
    _insert(connection, F_COLLABORATEUR, people)
    families = [stamped(F_FAMILLE, at, FA_CodeFamille=code, FA_Intitule=label) for code, label in FAMILIES]
    _insert(connection, F_FAMILLE, families)
    _insert(connection, F_ARTICLE, [_article(n, rng, at) for n in range(ARTICLES)])


def _write_accounts(connection: Connection, at: dt.datetime) -> None:
    accounts = [
        stamped(F_COMPTEG, at, CG_Num=number, CG_Intitule=label, CG_Classement=number, N_Nature=nature)
        for number, label, nature in ACCOUNTS
    ]
    _insert(connection, F_COMPTEG, accounts)
    journals = [
        stamped(F_JOURNAUX, at, JO_Num=code, JO_Intitule=label, CG_Num=account, JO_Type=kind)
        for code, label, account, kind in JOURNALS
    ]
    _insert(connection, F_JOURNAUX, journals)


def _currency(slot: int) -> dict[str, Any]:
    name, iso, sign = CURRENCIES[slot - 1] if slot <= len(CURRENCIES) else ("", "", "")
    return {"cbIndice": slot, "D_Intitule": name, "D_CodeISO": iso, "D_Sigle": sign}


def _risk(slot: int) -> dict[str, Any]:
    label, action, least, most = RISKS[slot - 1] if slot <= len(RISKS) else ("", 0, 0, 0)
    return {"cbIndice": slot, "R_Intitule": label, "R_Type": action, "R_Min": least, "R_Max": most}


def _categories() -> dict[str, Any]:
    row = blank(P_CATCOMPTA)
    for prefix, labels in (("CA_ComptaVen", SALE_CATEGORIES), ("CA_ComptaAch", PURCHASE_CATEGORIES)):
        row |= {f"{prefix}{n:02}": label for n, label in zip(range(1, CATEGORY_SLOTS + 1), labels, strict=False)}
    return row


def _dossier(company: str, year: int) -> dict[str, Any]:
    row = blank(P_DOSSIER) | {"D_RaisonSoc": company, "N_DeviseCompte": 1}
    for slot, fiscal in zip(range(1, FISCAL_YEARS + 1), (year - 2, year - 1, year), strict=False):
        row |= {f"D_DebutExo{slot:02}": dt.date(fiscal, 1, 1), f"D_FinExo{slot:02}": dt.date(fiscal, 12, 31)}
    return row


def _representative(number: int, last: str, first: tuple[str, int], at: dt.datetime) -> dict[str, Any]:
    return stamped(
        F_COLLABORATEUR,
        at,
        CO_No=number,
        CO_Nom=last,
        CO_Prenom=first[0],
        CO_Fonction="Responsable de secteur" if number % 4 == 1 else "Commercial",
        CO_Service="Ventes",
        CO_Vendeur=1,
        CO_EMail=f"commercial{number}@societe.example",
        CO_Matricule=f"V{number:03}",
    )


def _article(number: int, rng: random.Random, at: dt.datetime) -> dict[str, Any]:
    family = FAMILIES[number % len(FAMILIES)][0]
    design = f"{GOODS[number % len(GOODS)]} {MAKES[number // len(GOODS) % len(MAKES)]} n° {number + 1}"
    price = round(rng.uniform(2, 400), 2)
    dormant = int(number % 20 == 19)
    reference = f"{family}{number + 1:04}"
    columns = {"AR_Ref": reference, "AR_Design": design, "FA_CodeFamille": family, "AR_PrixVen": price}
    return stamped(F_ARTICLE, at, AR_Sommeil=dormant, **columns)


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    connection.execute(table.insert(), rows)
