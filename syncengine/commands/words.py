"""What states and codes are called in front of somebody who knows Sage 100."""

from __future__ import annotations

from typing import Final

from contracts.fields import Flow
from contracts.tables import BILLING, CLIENT, DELIVERY, SUPPLIER
from syncengine.core.likeness import Reason
from syncengine.core.plan import LineKind
from syncengine.model import (
    ConflictState,
    CycleKind,
    Drift,
    ErpState,
    LinkState,
    RecordStatus,
    Right,
    Side,
    SyncErrorState,
)

STATUSES: Final = {RecordStatus.ACTIVE: "Actif", RecordStatus.INACTIVE: "Inactif"}
TYPES: Final = {
    CLIENT: "Client",
    SUPPLIER: "Fournisseur",
    "prospect": "Prospect",
    "partner": "Partenaire",
    "competitor": "Concurrent",
}
LINKS: Final = {
    LinkState.LINKED: "lié à Sage 100",
    LinkState.TAKEN_OUT: "ne plus synchroniser",
    LinkState.VANISHED: "lié à un tiers absent de Sage 100",
}
ERP_STATES: Final = {
    ErpState.PRESENT: "présent",
    ErpState.DELETED: "supprimé",
    ErpState.OUT_OF_SCOPE: "ni client ni fournisseur",
    ErpState.DORMANT: "mis en sommeil",
    ErpState.AWAITED: "à créer",
}
ADDRESSES: Final = {BILLING: "Facturation", DELIVERY: "Livraison"}
FREE_TYPES: Final = {
    "text": "Texte",
    "date": "Date",
    "datetime": "Date et heure",
    "value": "Valeur",
    "amount": "Montant",
    "list": "Table",
}
RISK_ACTIONS: Final = {"deliver": "À livrer", "watch": "À surveiller", "block": "À bloquer"}
FLOWS: Final[dict[Flow | None, str]] = {Flow.BOTH: "ERP ↔ CRM", Flow.FROM_ERP: "ERP → CRM", None: "CRM"}
NO_TIERS: Final = "sans tiers"
SIDES: Final = {Side.CRM: "CRM", Side.ERP: "Sage 100"}
KINDS: Final = {
    CycleKind.FIRST: "première synchronisation",
    CycleKind.DIFFERENTIAL: "différentiel",
    CycleKind.RESYNC: "resynchronisation complète",
    CycleKind.FULL_SEND: "envoi complet",
    CycleKind.UNDO: "annulation d'un cycle",
}
LINES: Final = {
    LineKind.CREATE: "créer",
    LineKind.CHANGE: "modifier",
    LineKind.REMOVE: "supprimer",
    LineKind.REFUSE: "refusé",
    LineKind.CONFLICT: "conflit",
}
CONFLICTS: Final = {
    ConflictState.OPEN: "à trancher",
    ConflictState.RESOLVED: "tranché",
    ConflictState.WITHDRAWN: "sans objet",
}
ERRORS: Final = {
    SyncErrorState.OPEN: "en erreur",
    SyncErrorState.RETRY: "à réessayer",
    SyncErrorState.RESOLVED: "résolue",
    SyncErrorState.TAKEN_OUT: "ne plus synchroniser",
}
DRIFTS: Final = {
    Drift.VALUES: "valeurs différentes",
    Drift.ONLY_IN_ERP: "seulement dans Sage 100",
    Drift.ONLY_IN_CRM: "seulement dans le CRM",
}
RIGHTS: Final = {
    Right.CREATE_TIERS: "Créer le tiers",
    Right.BREAK_LINK: "Rompre le lien",
    Right.ETENDUE_ENTRY: "Saisie Sage Etendue",
    Right.REASSIGN: "Lier / réaffecter",
    Right.DISCONNECT: "Déconnecter / reconnecter",
    Right.REFRESH_TURNOVER: "Réactualiser CA",
}
REASONS: Final = {
    Reason.SIRET: "SIRET",
    Reason.SIREN: "SIREN",
    Reason.CODE: "code comptable",
    Reason.NAME: "nom",
    Reason.NAME_WORDS: "mots du nom",
    Reason.EMAIL: "e-mail",
    Reason.PHONE: "téléphone",
    Reason.PLACE: "adresse",
}
