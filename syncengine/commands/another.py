"""Another ERP company in the same CRM base: what that means is said before it is done (CRM-62)."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from syncengine.commands.options import confirm
from syncengine.connection import same_company
from syncengine.integration_draft import IntegrationDraft
from syncengine.integration_record import IntegrationRecord

_WARNING = (
    "Multi-intégration : chaque tiers de chaque société Gestion Commerciale a sa propre fiche Société. Un client connu de deux "
    "sociétés a donc deux fiches dans le CRM, même si son code comptable est le même ; elles ne sont ni réunies ni comparées."
)
_SAME = (
    "L'intégration {name} désigne déjà cette société Gestion Commerciale ({company}, {url}) : chacun de ses tiers aurait deux "
    "fiches Société, toutes deux synchronisées avec lui."
)


def confirm_another(draft: IntegrationDraft, others: Sequence[IntegrationRecord], *, yes: bool) -> None:
    """Warn on standard error, and ask, when there is an integration already. Raises InputRefused (not_confirmed)."""
    if not others:
        return
    typer.echo(f"! {_WARNING}", err=True)
    for other in others:
        if same_company(other.draft.company, draft.company) and _place(other.draft.url) == _place(draft.url):
            typer.echo(f"! {_SAME.format(name=other.name, company=other.draft.company, url=other.draft.url)}", err=True)
    names = ", ".join(other.name for other in others)
    confirm(f"Créer une intégration de plus, à côté de {names} ?", yes=yes)


def _place(url: str) -> str:
    return url.rstrip("/").casefold()
