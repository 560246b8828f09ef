"""The live views: read in SQL at the moment of the call, one transaction each, and never synchronised (CRM-54, CRM-55)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from contracts.fields import Record
from contracts.messages import (
    VIEW_CUMULATED_FIGURES,
    VIEW_DOCUMENT,
    VIEW_DOCUMENT_LINES,
    VIEW_DOCUMENTS,
    VIEW_ENTRIES,
    VIEW_SOLVENCY,
)
from gateway.views.cumulated import view_cumulated_figures
from gateway.views.document import view_document
from gateway.views.documents import view_documents
from gateway.views.entries import view_entries
from gateway.views.lines import view_document_lines
from gateway.views.look import Look
from gateway.views.solvency import view_solvency

View: TypeAlias = Callable[[Look, Record], Record]

VIEWS: Mapping[str, View] = {
    VIEW_SOLVENCY.name: view_solvency,
    VIEW_CUMULATED_FIGURES.name: view_cumulated_figures,
    VIEW_ENTRIES.name: view_entries,
    VIEW_DOCUMENTS.name: view_documents,
    VIEW_DOCUMENT_LINES.name: view_document_lines,
    VIEW_DOCUMENT.name: view_document,
}
"""The function of each view: a look at the ERP and a request in, the response out. Raises CallRefused."""
