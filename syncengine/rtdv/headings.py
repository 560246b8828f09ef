"""The columns of the live lists as their users call them, for files (CRM-54, CRM-55)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from contracts.fields import ABSENT, Record, Struct
from contracts.views import CUMULATED, DOCUMENT, DOCUMENT_LINE, ENTRY

HEADINGS: Final[Mapping[Struct, Mapping[str, str]]] = {
    CUMULATED: {
        "period_start": "Du",
        "period_end": "Au",
        "debit": "Débit",
        "credit": "Crédit",
        "balance": "Solde",
        "turnover": "CA HT",
        "turnover_with_tax": "CA TTC",
    },
    ENTRY: {
        "date": "Date",
        "journal": "Journal",
        "piece": "N° pièce",
        "reference": "Référence",
        "account": "Compte",
        "label": "Libellé",
        "debit": "Débit",
        "credit": "Crédit",
        "due_date": "Échéance",
        "payment_method": "Mode de règlement",
        "lettering": "Lettrage",
    },
    DOCUMENT: {
        "type": "Type",
        "number": "N° pièce",
        "date": "Date",
        "delivery_date": "Date de livraison",
        "reference": "Référence",
        "tiers": "Code tiers",
        "tiers_name": "Intitulé",
        "payer": "Tiers payeur",
        "representative": "Représentant",
        "status": "Statut",
        "closed": "Clôturé",
        "currency": "Devise",
        "total_before_tax": "Total HT",
        "total_with_tax": "Total TTC",
        "net_to_pay": "Net à payer",
        "settled": "Montant réglé",
        "heading1": "Entête 1",
        "heading2": "Entête 2",
        "heading3": "Entête 3",
        "heading4": "Entête 4",
    },
    DOCUMENT_LINE: {
        "type": "Type",
        "number": "N° pièce",
        "date": "Date",
        "article": "Référence article",
        "designation": "Désignation",
        "quantity": "Quantité",
        "unit_price": "Prix unitaire HT",
        "discount": "Remise",
        "amount_before_tax": "Montant HT",
        "amount_with_tax": "Montant TTC",
        "representative": "Représentant",
    },
}
"""Structure → field → heading."""


def table(struct: Struct, records: Iterable[Record]) -> tuple[list[str], Iterator[list[Any]]]:
    """Headings and rows of records of that structure."""
    headings = HEADINGS[struct]
    places = [struct.index[attr] for attr in headings]
    rows = ([None if (value := one.values[at]) is ABSENT else value for at in places] for one in records)
    return list(headings.values()), rows
