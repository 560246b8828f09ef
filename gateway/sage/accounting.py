"""The accounting side: chart of accounts, journals, entries."""

from __future__ import annotations

from sqlalchemy import Index, Table, UniqueConstraint

from gateway.sage.columns import SAGE, amount, day, key, label, marker, number_key, small, technical

NATURE_BANK, NATURE_CASH = 4, 5
"""`F_COMPTEG.N_Nature` of the cash accounts (banque, caisse); remembered, not seen in a base."""

F_COMPTEG = Table(
    "F_COMPTEG",
    SAGE,
    marker(),
    key("CG_Num", 13),
    label("CG_Intitule", 35),
    label("CG_Classement", 17),
    *small("CG_Type", "N_Nature", "CG_Sommeil"),
    *technical(),
    UniqueConstraint("CG_Num", name="UK_F_COMPTEG_CG_Num"),
    sqlite_autoincrement=True,
)

F_JOURNAUX = Table(
    "F_JOURNAUX",
    SAGE,
    marker(),
    key("JO_Num", 7),
    label("JO_Intitule", 35),
    label("CG_Num", 13),
    *small("JO_Type"),
    *technical(),
    UniqueConstraint("JO_Num", name="UK_F_JOURNAUX_JO_Num"),
    sqlite_autoincrement=True,
)

F_ECRITUREC = Table(
    "F_ECRITUREC",
    SAGE,
    marker(),
    number_key("EC_No"),
    label("JO_Num", 7),
    *day("JM_Date"),
    *small("EC_Jour"),
    *day("EC_Date"),
    label("CG_Num", 13),
    label("CT_Num", 17),
    label("EC_Piece", 13),
    label("EC_RefPiece", 17),
    label("EC_Intitule", 69),
    *small("EC_Sens"),
    *amount("EC_Montant"),
    *day("EC_Echeance"),
    *small("EC_Lettre"),
    label("EC_Lettrage", 3),
    *small("N_Reglement"),
    *technical(),
    UniqueConstraint("EC_No", name="UK_F_ECRITUREC_EC_No"),
    Index("IX_F_ECRITUREC_CT_Num", "CT_Num"),
    Index("IX_F_ECRITUREC_CG_Num", "CG_Num"),
    sqlite_autoincrement=True,
)
