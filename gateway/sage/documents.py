"""Commercial documents with their lines and due dates, payments, articles and families."""

from __future__ import annotations

from sqlalchemy import Index, Table, UniqueConstraint

from gateway.sage.columns import (
    SAGE,
    amount,
    day,
    key,
    label,
    labels,
    marker,
    number,
    number_key,
    small,
    technical,
)

F_DOCENTETE = Table(
    "F_DOCENTETE",
    SAGE,
    marker(),
    *small("DO_Domaine", "DO_Type"),
    key("DO_Piece", 13),
    *day("DO_Date", "DO_DateLivr"),
    label("DO_Ref", 17),
    label("DO_Tiers", 17),
    *number("CO_No", "LI_No"),
    *small("DO_Devise"),
    *amount("DO_Cours"),
    label("CT_NumPayeur", 17),
    *small("DO_Tarif", "DO_Statut", "DO_Cloture", "DO_Provenance"),
    *amount("DO_TotalHT", "DO_TotalHTNet", "DO_TotalTTC", "DO_NetAPayer", "DO_MontantRegle"),
    *labels("DO_Coord{:02}", 4, 25),
    *technical(),
    UniqueConstraint("DO_Type", "DO_Piece", name="UK_F_DOCENTETE_Type_Piece"),
    Index("IX_F_DOCENTETE_DO_Tiers", "DO_Tiers", "DO_Domaine", "DO_Date"),
    sqlite_autoincrement=True,
)

F_DOCLIGNE = Table(
    "F_DOCLIGNE",
    SAGE,
    marker(),
    number_key("DL_No"),
    *small("DO_Domaine", "DO_Type"),
    key("DO_Piece", 13),
    *day("DO_Date"),
    label("CT_Num", 17),
    label("AR_Ref", 19),
    label("DL_Design", 69),
    *number("DL_Ligne"),
    *amount("DL_Qte", "DL_QteBC", "DL_QteBL", "DL_QtePL"),
    label("DL_PieceBC", 13),
    label("DL_PieceBL", 13),
    *day("DL_DateBC", "DL_DateBL"),
    *amount("DL_PrixUnitaire", "DL_PUTTC", "DL_MontantHT", "DL_MontantTTC"),
    *amount("DL_Remise01REM_Valeur", "DL_Remise02REM_Valeur", "DL_Remise03REM_Valeur"),
    *small("DL_Remise01REM_Type", "DL_Remise02REM_Type", "DL_Remise03REM_Type"),
    *amount("DL_Taxe1", "DL_Taxe2", "DL_Taxe3"),
    *small("DL_Valorise"),
    *number("CO_No"),
    *technical(),
    UniqueConstraint("DL_No", name="UK_F_DOCLIGNE_DL_No"),
    Index("IX_F_DOCLIGNE_Type_Piece", "DO_Type", "DO_Piece"),
    Index("IX_F_DOCLIGNE_CT_Num", "CT_Num"),
    sqlite_autoincrement=True,
)

F_DOCREGL = Table(
    "F_DOCREGL",
    SAGE,
    marker(),
    number_key("DR_No"),
    *small("DO_Domaine", "DO_Type"),
    key("DO_Piece", 13),
    *small("DR_TypeRegl"),
    *day("DR_Date"),
    label("DR_Libelle", 35),
    *amount("DR_Pourcent", "DR_Montant"),
    *small("DR_Equil", "DR_Regle", "N_Reglement"),
    *technical(),
    UniqueConstraint("DR_No", name="UK_F_DOCREGL_DR_No"),
    Index("IX_F_DOCREGL_Type_Piece", "DO_Type", "DO_Piece"),
    sqlite_autoincrement=True,
)

F_CREGLEMENT = Table(
    "F_CREGLEMENT",
    SAGE,
    marker(),
    number_key("RG_No"),
    label("CT_NumPayeur", 17),
    *day("RG_Date"),
    label("RG_Reference", 17),
    label("RG_Libelle", 35),
    *amount("RG_Montant"),
    *small("N_Reglement", "RG_Impute", "RG_Compta"),
    *number("EC_No"),
    label("JO_Num", 7),
    label("CG_Num", 13),
    *small("N_Devise"),
    *technical(),
    UniqueConstraint("RG_No", name="UK_F_CREGLEMENT_RG_No"),
    Index("IX_F_CREGLEMENT_CT_NumPayeur", "CT_NumPayeur"),
    sqlite_autoincrement=True,
)

F_REGLECH = Table(
    "F_REGLECH",
    SAGE,
    marker(),
    number_key("RG_No"),
    number_key("DR_No"),
    *small("DO_Domaine", "DO_Type"),
    label("DO_Piece", 13),
    *amount("RC_Montant"),
    *technical(),
    UniqueConstraint("RG_No", "DR_No", name="UK_F_REGLECH_RG_No_DR_No"),
    sqlite_autoincrement=True,
)

F_FAMILLE = Table(
    "F_FAMILLE",
    SAGE,
    marker(),
    key("FA_CodeFamille", 11),
    label("FA_Intitule", 69),
    *technical(),
    UniqueConstraint("FA_CodeFamille", name="UK_F_FAMILLE_FA_CodeFamille"),
    sqlite_autoincrement=True,
)

F_ARTICLE = Table(
    "F_ARTICLE",
    SAGE,
    marker(),
    key("AR_Ref", 19),
    label("AR_Design", 69),
    label("FA_CodeFamille", 11),
    *amount("AR_PrixVen"),
    *small("AR_Sommeil"),
    *technical(),
    UniqueConstraint("AR_Ref", name="UK_F_ARTICLE_AR_Ref"),
    sqlite_autoincrement=True,
)
