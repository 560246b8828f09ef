"""The tiers, their contacts, delivery addresses, payment terms, collective accounts; the representatives."""

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

STATISTICS = 10
"""How many statistics fields (`CT_Statistique01`..) a tiers has."""

F_COMPTET = Table(
    "F_COMPTET",
    SAGE,
    marker(),
    key("CT_Num", 17),
    label("CT_Intitule", 69),
    *small("CT_Type"),
    label("CG_NumPrinc", 13),
    label("CT_Qualite", 17),
    label("CT_Classement", 17),
    label("CT_Raccourci", 7),
    label("CT_Contact", 35),
    label("CT_Commentaire", 35),
    label("CT_Adresse", 35),
    label("CT_Complement", 35),
    label("CT_CodePostal", 9),
    label("CT_Ville", 35),
    label("CT_CodeRegion", 25),
    label("CT_Pays", 35),
    label("CT_Telephone", 21),
    label("CT_Telecopie", 21),
    label("CT_EMail", 69),
    label("CT_Site", 69),
    label("CT_Ape", 7),
    label("CT_Siret", 15),
    label("CT_Identifiant", 25),
    *labels("CT_Statistique{:02}", STATISTICS, 21),
    *amount("CT_Encours", "CT_Assurance"),
    *small("N_Risque", "CT_ControlEnc"),
    label("CT_NumPayeur", 17),
    label("CT_NumCentrale", 17),
    *number("CO_No", "DE_No", "MR_No"),
    *small("N_Devise", "N_CatTarif", "N_CatCompta", "N_Period", "N_Expedition", "N_Condition"),
    *small("CT_Langue", "CT_Facture", "CT_Lettrage", "CT_Saut", "CT_Sommeil"),
    *amount("CT_Taux01", "CT_Taux02", "CT_Taux03", "CT_Taux04"),
    *day("CT_DateCreate"),
    *technical(),
    UniqueConstraint("CT_Num", name="UK_F_COMPTET_CT_Num"),
    sqlite_autoincrement=True,
)

F_COMPTETG = Table(
    "F_COMPTETG",
    SAGE,
    marker(),
    key("CT_Num", 17),
    key("CG_Num", 13),
    *technical(),
    UniqueConstraint("CT_Num", "CG_Num", name="UK_F_COMPTETG_CT_Num_CG_Num"),
    sqlite_autoincrement=True,
)

F_CONTACTT = Table(
    "F_CONTACTT",
    SAGE,
    marker(),
    number_key("CT_No"),
    key("CT_Num", 17),
    label("CT_Nom", 35),
    label("CT_Prenom", 35),
    *small("N_Service"),
    label("CT_Fonction", 35),
    label("CT_Telephone", 21),
    label("CT_TelPortable", 21),
    label("CT_Telecopie", 21),
    label("CT_EMail", 69),
    *small("CT_Civilite", "N_Contact"),
    *technical(),
    UniqueConstraint("CT_No", name="UK_F_CONTACTT_CT_No"),
    # Its leading column also serves the reading of one tiers' contacts.
    UniqueConstraint("CT_Num", "CT_Nom", "CT_Prenom", name="UK_F_CONTACTT_CT_Num_Nom_Prenom"),
    sqlite_autoincrement=True,
)

F_LIVRAISON = Table(
    "F_LIVRAISON",
    SAGE,
    marker(),
    number_key("LI_No"),
    key("CT_Num", 17),
    label("LI_Intitule", 35),
    label("LI_Adresse", 35),
    label("LI_Complement", 35),
    label("LI_CodePostal", 9),
    label("LI_Ville", 35),
    label("LI_CodeRegion", 25),
    label("LI_Pays", 35),
    label("LI_Contact", 35),
    label("LI_Telephone", 21),
    label("LI_Telecopie", 21),
    label("LI_EMail", 69),
    *small("N_Expedition", "N_Condition", "LI_Principal"),
    *technical(),
    UniqueConstraint("LI_No", name="UK_F_LIVRAISON_LI_No"),
    Index("IX_F_LIVRAISON_CT_Num", "CT_Num"),
    sqlite_autoincrement=True,
)

F_REGLEMENTT = Table(
    "F_REGLEMENTT",
    SAGE,
    marker(),
    key("CT_Num", 17),
    *small("N_Reglement", "RT_NbJour", "RT_Condition"),
    *small("RT_JourTb01", "RT_JourTb02", "RT_JourTb03", "RT_JourTb04", "RT_JourTb05", "RT_JourTb06"),
    *small("RT_TRepart"),
    *amount("RT_VRepart"),
    *technical(),
    Index("IX_F_REGLEMENTT_CT_Num", "CT_Num"),
    sqlite_autoincrement=True,
)

F_COLLABORATEUR = Table(
    "F_COLLABORATEUR",
    SAGE,
    marker(),
    number_key("CO_No"),
    label("CO_Nom", 35),
    label("CO_Prenom", 35),
    label("CO_Fonction", 35),
    label("CO_Service", 35),
    *small("CO_Vendeur", "CO_Caissier", "CO_Acheteur"),
    label("CO_EMail", 69),
    label("CO_Matricule", 11),
    *technical(),
    UniqueConstraint("CO_No", name="UK_F_COLLABORATEUR_CO_No"),
    UniqueConstraint("CO_Nom", "CO_Prenom", name="UK_F_COLLABORATEUR_Nom_Prenom"),
    sqlite_autoincrement=True,
)
