"""The field tables: every record that travels, with its ERP column, direction and requirement.

Sources: CRM-17, CRM-37..41, CRM-44..46, CRM-48 of the requirements; column names and lengths of the Sage 100 database.
Codes are strings: a set of values may grow without breaking a reader.
"""

from __future__ import annotations

from contracts.fields import Field, Flow, Kind, Many, Struct

CLIENT, SUPPLIER = "client", "supplier"
BILLING, DELIVERY = "billing", "delivery"
BILLING_KEY = "billing"  # the billing address is the tiers' own: it has no number in the ERP

_down = Flow.FROM_ERP

ADDRESS = Struct(
    "Address",
    (
        Field(
            name="Key",
            kind=Kind.CODE,
            length=17,
            erp="F_LIVRAISON.LI_No",
            req="CRM-38",
            label="Numéro",
            doc="'billing' for the tab Identification, else the number of the delivery address; empty in a creation",
        ),
        Field(name="Kind", length=10, required=True, req="CRM-38", label="Type", doc="billing | delivery"),
        Field(
            name="Main",
            kind=Kind.FLAG,
            erp="F_LIVRAISON.LI_Principal",
            flow=_down,
            req="CRM-38",
            label="Principale",
        ),
        Field(name="Title", length=35, erp="F_LIVRAISON.LI_Intitule", req="CRM-41", label="Intitulé"),
        Field(
            name="Street",
            length=35,
            erp="CT_Adresse|LI_Adresse",
            req="CRM-38",
            label="Numéro et libellé de voie",
        ),
        Field(name="Complement", length=35, erp="CT_Complement|LI_Complement", req="CRM-38", label="Complément"),
        Field(name="Postcode", length=9, erp="CT_CodePostal|LI_CodePostal", req="CRM-38", label="Code postal"),
        Field(name="Town", length=35, erp="CT_Ville|LI_Ville", req="CRM-38", label="Ville"),
        Field(name="Region", length=25, erp="CT_CodeRegion|LI_CodeRegion", req="CRM-38", label="Région"),
        Field(name="Country", length=35, erp="CT_Pays|LI_Pays", req="CRM-38", label="Pays"),
    ),
    "A billing address (tab Identification) or a delivery address (tab Livraison) of a tiers.",
)

CONTACT = Struct(
    "Contact",
    (
        Field(
            name="Key",
            kind=Kind.CODE,
            length=17,
            erp="F_CONTACTT.CT_No",
            req="CRM-44",
            label="Numéro",
            doc="the contact's number; empty in a creation",
        ),
        Field(
            name="Civility",
            length=5,
            erp="F_CONTACTT.CT_Civilite",
            req="CRM-45",
            label="Civilité",
            doc="M | MME | MLLE",
        ),
        Field(name="LastName", length=35, erp="F_CONTACTT.CT_Nom", required=True, req="CRM-45", label="Nom"),
        Field(name="FirstName", length=35, erp="F_CONTACTT.CT_Prenom", req="CRM-45", label="Prénom"),
        Field(name="Function", length=35, erp="F_CONTACTT.CT_Fonction", req="CRM-45", label="Fonction"),
        Field(
            name="Service",
            length=3,
            erp="F_CONTACTT.N_Service",
            req="CRM-45",
            label="Service",
            doc="a parameter of kind contact_service",
        ),
        Field(name="Phone", length=21, erp="F_CONTACTT.CT_Telephone", req="CRM-39", label="Téléphone"),
        Field(name="Mobile", length=21, erp="F_CONTACTT.CT_TelPortable", req="CRM-39", label="Portable"),
        Field(name="Fax", length=21, erp="F_CONTACTT.CT_Telecopie", req="CRM-39", label="Fax"),
        Field(name="Email", length=69, erp="F_CONTACTT.CT_EMail", req="CRM-39", label="E-mail"),
    ),
    "A contact of a tiers; the first of the list is the default contact (CRM-44).",
)

FREE_FIELD_VALUE = Struct(
    "FreeFieldValue",
    (
        Field(name="Name", length=64, required=True, flow=_down, req="CRM-46", label="Information libre"),
        Field(
            name="Value",
            flow=_down,
            req="CRM-46",
            label="Valeur",
            doc="text as it is; a date as YYYY-MM-DD; a date with time as YYYY-MM-DDThh:mm:ss, the ERP's local time; "
            "a number or amount with a decimal point; empty when none",
        ),
    ),
    "The value of one 'information libre'; its type is in the definition of the same name.",
)

_STATISTICS = tuple(
    Field(
        name=f"Statistic{number:02d}",
        length=21,
        erp=f"F_COMPTET.CT_Statistique{number:02d}",
        flow=_down,
        req="CRM-40",
        label=f"Champ statistique {number}",
    )
    for number in range(1, 11)
)

TIERS = Struct(
    "Tiers",
    (
        Field(
            name="Code",
            kind=Kind.CODE,
            length=17,
            erp="F_COMPTET.CT_Num",
            req="CRM-20",
            label="Code comptable",
        ),
        Field(name="Version", length=32, flow=_down, label="Version", doc="changes whenever the record changes"),
        Field(
            name="Modified",
            kind=Kind.INSTANT,
            erp="cbModification",
            flow=_down,
            req="NEW-03",
            label="Modifié le",
            doc="latest cbModification of the tiers and its children, UTC, by the clock of the ERP's database; absent when "
            "unknown; no part of the version: a row written again as it was is no change",
        ),
        Field(
            name="Type",
            length=10,
            required=True,
            erp="F_COMPTET.CT_Type",
            req="CRM-05",
            label="Type",
            doc="client | supplier",
        ),
        Field(name="Name", length=69, required=True, erp="F_COMPTET.CT_Intitule", req="CRM-37", label="Intitulé"),
        Field(name="ShortName", length=7, erp="F_COMPTET.CT_Raccourci", req="CRM-37", label="Abrégé"),
        Field(name="ContactPerson", length=35, erp="F_COMPTET.CT_Contact", req="CRM-37", label="Interlocuteur"),
        Field(name="WebSite", length=69, erp="F_COMPTET.CT_Site", req="CRM-37", label="Site Web"),
        Field(name="Dormant", kind=Kind.FLAG, erp="F_COMPTET.CT_Sommeil", req="CRM-37", label="Mis en sommeil"),
        Field(name="NafCode", length=7, erp="F_COMPTET.CT_Ape", req="CRM-37", label="Code NAF"),
        Field(name="Siret", length=15, erp="F_COMPTET.CT_Siret", req="CRM-37", label="SIRET"),
        Field(
            name="Currency",
            length=3,
            erp="F_COMPTET.N_Devise",
            req="CRM-37",
            label="Devise",
            doc="parameter currency",
        ),
        Field(
            name="AccountingCategory",
            length=3,
            erp="F_COMPTET.N_CatCompta",
            req="CRM-37",
            label="Catégorie comptable",
            doc="parameter accounting_category",
        ),
        Field(
            name="PriceCategory",
            length=3,
            erp="F_COMPTET.N_CatTarif",
            req="CRM-37",
            label="Catégorie tarifaire",
            doc="parameter price_category",
        ),
        Field(
            name="Language",
            length=3,
            erp="F_COMPTET.CT_Langue",
            req="CRM-37",
            label="Langue",
            doc="parameter language",
        ),
        Field(
            name="Representative",
            length=11,
            erp="F_COMPTET.CO_No",
            req="CRM-17",
            label="Représentant",
            doc="code of a representative; empty when none",
        ),
        Field(name="Phone", length=21, erp="F_COMPTET.CT_Telephone", req="CRM-39", label="Standard"),
        Field(name="Fax", length=21, erp="F_COMPTET.CT_Telecopie", req="CRM-39", label="Fax"),
        Field(name="Email", length=69, erp="F_COMPTET.CT_EMail", req="CRM-39", label="E-mail (Information)"),
        Field(
            name="CollectiveAccount",
            length=13,
            erp="F_COMPTET.CG_NumPrinc",
            flow=_down,
            req="CRM-40",
            label="Compte collectif",
        ),
        Field(
            name="Payer",
            length=17,
            erp="F_COMPTET.CT_NumPayeur",
            flow=_down,
            req="CRM-40",
            label="Tiers payeur",
        ),
        Field(
            name="PaymentTerms",
            length=255,
            erp="F_REGLEMENTT",
            flow=_down,
            req="CRM-40",
            label="Conditions de paiement",
            doc="in words, as the ERP prints them",
        ),
        Field(
            name="RiskLabel",
            length=35,
            erp="P_CRISQUE.R_Intitule",
            flow=_down,
            req="CRM-40",
            label="Libellé code risque",
        ),
        Field(
            name="RiskAction",
            length=10,
            erp="P_CRISQUE.R_Type",
            flow=_down,
            req="CRM-40",
            label="Code action risque",
            doc="deliver | watch | block",
        ),
        *_STATISTICS,
        Many(name="FreeFields", of=FREE_FIELD_VALUE),
        Many(name="Addresses", of=ADDRESS),
        Many(name="Contacts", of=CONTACT),
    ),
    "A client or supplier with all its children; it travels whole.",
)

REPRESENTATIVE = Struct(
    "Representative",
    (
        Field(
            name="Code",
            kind=Kind.CODE,
            length=11,
            required=True,
            erp="F_COLLABORATEUR.CO_No",
            label="Numéro",
            flow=_down,
        ),
        Field(name="LastName", length=35, required=True, erp="F_COLLABORATEUR.CO_Nom", label="Nom", flow=_down),
        Field(name="FirstName", length=35, erp="F_COLLABORATEUR.CO_Prenom", label="Prénom", flow=_down),
        Field(name="Function", length=35, erp="F_COLLABORATEUR.CO_Fonction", label="Fonction", flow=_down),
        Field(name="Service", length=35, erp="F_COLLABORATEUR.CO_Service", label="Service", flow=_down),
        Field(name="Email", length=69, erp="F_COLLABORATEUR.CO_EMail", label="E-mail", flow=_down),
        Field(name="Number", length=11, erp="F_COLLABORATEUR.CO_Matricule", label="Matricule", flow=_down),
    ),
    "A 'collaborateur' of the ERP (CRM-04, CRM-17).",
)

LIST_ITEM = Struct(
    "ListItem",
    (Field(name="Value", length=255, required=True, flow=_down, doc="as it can be chosen"),),
    "One allowed value of a list.",
)

FREE_FIELD = Struct(
    "FreeField",
    (
        Field(name="Name", length=64, required=True, erp="cbSysLibre.CB_Name", label="Nom", flow=_down),
        Field(
            name="Type",
            length=10,
            required=True,
            erp="cbSysLibre.CB_Type",
            label="Type",
            doc="text | date | datetime | value | amount | list",
            flow=_down,
        ),
        Field(name="Length", kind=Kind.INTEGER, erp="cbSysLibre.CB_Len", label="Longueur", flow=_down),
        Field(name="Position", kind=Kind.INTEGER, erp="cbSysLibre.CB_Pos", label="Position", flow=_down),
        Field(name="Computed", kind=Kind.FLAG, erp="cbSysLibre.CB_Formule", label="Calculée", flow=_down),
        Many(name="Items", of=LIST_ITEM),
    ),
    "The definition of an 'information libre' of the tiers (CRM-46).",
)

TURNOVER = Struct(
    "Turnover",
    (
        Field(
            name="Code",
            kind=Kind.CODE,
            length=17,
            required=True,
            erp="F_COMPTET.CT_Num",
            label="Code comptable",
            flow=_down,
        ),
        Field(
            name="CurrentYear",
            kind=Kind.AMOUNT,
            required=True,
            req="CRM-40, CRM-48",
            label="CA N",
            doc="before tax, company currency",
            flow=_down,
        ),
        Field(
            name="PreviousYear",
            kind=Kind.AMOUNT,
            required=True,
            req="CRM-40, CRM-48",
            label="CA N-1",
            doc="before tax, company currency",
            flow=_down,
        ),
    ),
    "Turnover of the current fiscal year and of the one before (CRM-48).",
)

PARAMETER = Struct(
    "Parameter",
    (
        Field(
            name="Kind",
            length=30,
            required=True,
            doc="accounting_category | price_category | contact_service | currency | language | risk | payment_method | statistic",
            flow=_down,
        ),
        Field(name="Code", length=11, required=True, doc="as the records carry it", flow=_down),
        Field(name="Label", length=69, required=True, flow=_down, doc="as the ERP names it"),
        Field(name="IsoCode", length=3, doc="of a currency", flow=_down),
        Field(name="Action", length=10, doc="of a risk code: deliver | watch | block", flow=_down),
    ),
    "One value of a list kept in the ERP (CRM-06).",
)

TOMBSTONE = Struct(
    "Tombstone",
    (
        Field(name="Key", length=64, required=True, flow=_down, doc="of the record that is gone"),
        Field(name="Reason", length=20, required=True, doc="deleted | out_of_scope | dormant", flow=_down),
    ),
    "A record that is no longer there, or no longer takes part (CRM-05, CRM-12, CRM-32).",
)

__all__ = [
    "ADDRESS",
    "BILLING",
    "BILLING_KEY",
    "CLIENT",
    "CONTACT",
    "DELIVERY",
    "FREE_FIELD",
    "FREE_FIELD_VALUE",
    "LIST_ITEM",
    "PARAMETER",
    "REPRESENTATIVE",
    "SUPPLIER",
    "TIERS",
    "TOMBSTONE",
    "TURNOVER",
]
