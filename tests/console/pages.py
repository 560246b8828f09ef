"""Every page there is, by its address over the demonstration: what axe looks at and screenshots are taken of.

``{id}`` stands for the integration. Add yours; one address per kind of page, with the filters that show most of it.
"""

from __future__ import annotations

from typing import Final

SIGNED_OUT: Final = ("/sign-in",)
PAGES: Final = (
    "/",
    "/password",
    "/nothing-here",
    "/integrations/new",
    "/integrations/{id}",
    "/integrations/{id}/settings",
    "/integrations/{id}/connection?run=1",
    "/integrations/{id}/analysis",
    "/integrations/{id}/orphans",
    "/integrations/{id}/orphans?kind=secondary",
    "/integrations/{id}/free-fields",
    "/integrations/{id}/mapping",
    "/integrations/{id}/logs",
    "/integrations/{id}/errors",
    "/integrations/{id}/errors/2",
    "/integrations/{id}/conflicts?state=all",
    "/integrations/{id}/conflicts/3",
    "/integrations/{id}/cycles",
    "/integrations/{id}/cycles/4",
    "/integrations/{id}/cycles/11",
    "/integrations/{id}/cycles/4/undo",
    "/integrations/{id}/plans",
    "/integrations/{id}/plans/1",
    "/integrations/{id}/differences",
    "/records?text=DIAS00015",
    "/records/115",
    "/records/9",
    "/records/9/field?name=representative",
    "/records/9/history",
    "/companies",
    "/companies/new",
    "/companies/1",
    "/companies/1/edit",
    "/companies/1/link?text=da",
    "/companies/1/contacts/1",
    "/companies/1/addresses/new",
    "/companies/1/solvency",
    "/companies/1/cumulated-figures",
    "/companies/1/entries",
    "/companies/1/documents?sort=date",
    "/companies/1/documents/DE/DE0000010",
    "/companies/1/sales-lines",
    "/companies/2/solvency",
    "/audit",
)
