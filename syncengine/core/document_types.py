"""The types of sales document that the CRM shows and attaches (CRM-55, CRM-56), as their users call them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DOCUMENT_TYPES: Final[Mapping[str, str]] = {
    "DE": "Devis",
    "BC": "Bon de commande",
    "PL": "Préparation de livraison",
    "BL": "Bon de livraison",
    "BR": "Bon de retour",
    "BA": "Bon d'avoir financier",
    "FA": "Facture",
    "FC": "Facture comptabilisée",
}
