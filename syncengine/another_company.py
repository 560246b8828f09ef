"""Another ERP company in the same CRM base: what that means, said before it is done (CRM-62)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from syncengine.connection import same_company
from syncengine.integration_draft import IntegrationDraft
from syncengine.integration_record import IntegrationRecord

_ANOTHER: Final = (
    "Multi-intégration : chaque tiers de chaque société Gestion Commerciale a sa propre fiche Société. Un client connu de deux "
    "sociétés a donc deux fiches dans le CRM, même si son code comptable est le même ; elles ne sont ni réunies ni comparées."
)
_SAME: Final = (
    "L'intégration {name} désigne déjà cette société Gestion Commerciale ({company}, {url}) : chacun de ses tiers aurait deux "
    "fiches Société, toutes deux synchronisées avec lui."
)


def warnings(draft: IntegrationDraft, others: Sequence[IntegrationRecord]) -> list[str]:
    """What somebody should know who makes an integration beside others; nothing for the first one."""
    if not others:
        return []
    return [_ANOTHER, *(_told(other) for other in others if _is_same(other, draft))]


def _is_same(other: IntegrationRecord, draft: IntegrationDraft) -> bool:
    return same_company(other.draft.company, draft.company) and _place(other.draft.url) == _place(draft.url)


def _told(other: IntegrationRecord) -> str:
    return _SAME.format(name=other.name, company=other.draft.company, url=other.draft.url)


def _place(url: str) -> str:
    return url.strip().rstrip("/").casefold()
