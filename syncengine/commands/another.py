"""Another ERP company in the same CRM base: what that means is said before it is done (CRM-62)."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from syncengine.another_company import warnings
from syncengine.commands.options import confirm
from syncengine.integration_draft import IntegrationDraft
from syncengine.integration_record import IntegrationRecord


def confirm_another(draft: IntegrationDraft, others: Sequence[IntegrationRecord], *, yes: bool) -> None:
    """Warn on standard error, and ask, when there is an integration already. Raises InputRefused (not_confirmed)."""
    told = warnings(draft, others)
    if not told:
        return
    for warning in told:
        typer.echo(f"! {warning}", err=True)
    names = ", ".join(other.name for other in others)
    confirm(f"Créer une intégration de plus, à côté de {names} ?", yes=yes)
