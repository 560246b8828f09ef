"""The parameters of a company: rows addressed by their 1-based `cbIndice`; an unused slot has no label.

None of them has a `cbModification`: a change is found by reading them again.
"""

from __future__ import annotations

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, SmallInteger, String, Table

from gateway.sage.columns import SAGE, amount, day, key, label, labels, marker, small

CATEGORY_SLOTS = 50
"""How many accounting categories `P_CATCOMPTA` holds of each kind (sale, purchase, stock)."""
FISCAL_YEARS = 5
"""How many fiscal years `P_DOSSIER` holds."""


def position() -> Column[int]:
    """`cbIndice`: the slot, 1-based."""
    return Column("cbIndice", SmallInteger, nullable=False, unique=True)


P_DOSSIER = Table(
    "P_DOSSIER",
    SAGE,
    marker(),
    label("D_RaisonSoc", 35),
    *day(*(f"D_DebutExo{year:02}" for year in range(1, FISCAL_YEARS + 1))),
    *day(*(f"D_FinExo{year:02}" for year in range(1, FISCAL_YEARS + 1))),
    # The currency the books are kept in, as a position in P_DEVISE; remembered, so probe it.
    *small("N_DeviseCompte"),
)

P_TIERS = Table(
    "P_TIERS",
    SAGE,
    marker(),
    # One slot for each CT_Type: 1 client, 2 supplier, 3 employee, 4 other.
    position(),
    *small("T_Numerotation", "T_Lg"),
    label("T_Racine", 17),
)

P_PARAMETRECIAL = Table("P_PARAMETRECIAL", SAGE, marker(), *small("P_BaseEncours"))

P_CATTARIF = Table("P_CATTARIF", SAGE, marker(), position(), label("CT_Intitule", 35))

P_CATCOMPTA = Table(
    "P_CATCOMPTA",
    SAGE,
    marker(),
    *labels("CA_ComptaVen{:02}", CATEGORY_SLOTS, 35),
    *labels("CA_ComptaAch{:02}", CATEGORY_SLOTS, 35),
    *labels("CA_ComptaSto{:02}", CATEGORY_SLOTS, 35),
)

P_SERVICECPTA = Table("P_SERVICECPTA", SAGE, marker(), position(), label("S_Intitule", 35))

P_REGLEMENT = Table("P_REGLEMENT", SAGE, marker(), position(), label("R_Intitule", 35))

P_DEVISE = Table(
    "P_DEVISE",
    SAGE,
    marker(),
    position(),
    label("D_Intitule", 35),
    label("D_CodeISO", 3),
    label("D_Sigle", 5),
)

P_CRISQUE = Table(
    "P_CRISQUE",
    SAGE,
    marker(),
    position(),
    label("R_Intitule", 35),
    *small("R_Type"),
    *amount("R_Min", "R_Max"),
)

P_STATISTIQUE = Table("P_STATISTIQUE", SAGE, marker(), position(), label("S_Intitule", 35))

CB_SYSLIBRE = Table(
    "cbSysLibre",
    SAGE,
    key("CB_File", 31),
    key("CB_Name", 31),
    *small("CB_Pos", "CB_Type", "CB_Len"),
    Column("CB_Formule", String(255)),
    PrimaryKeyConstraint("CB_File", "CB_Name"),
)

F_ENUMLIBRECPTA = Table(
    "F_ENUMLIBRECPTA",
    SAGE,
    marker(),
    # The host table (0: F_COMPTET) and the field's CB_Pos; remembered, not seen in a base.
    Column("N_File", SmallInteger, nullable=False),
    Column("N_Info", SmallInteger, nullable=False),
    Column("N_Enum", Integer, nullable=False),
    label("EL_Intitule", 35),
)
