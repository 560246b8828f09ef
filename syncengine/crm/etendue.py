"""The link into Sage Etendue, where a quote or an order is entered for a Company (CRM-57)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.tables import CLIENT
from syncengine.core.refusals import refused
from syncengine.crm.companies import find_company
from syncengine.crm.generic_tiers import Tied, tied_to
from syncengine.crm.pairing import authorise, refuse_awaited
from syncengine.model import Account, Company, ErpState, Integration, Right

QUOTE: Final = "DE"
ORDER: Final = "BC"
_SCHEMES: Final = frozenset({"http", "https"})


@dataclass(frozen=True, kw_only=True)
class EntryLink:
    """Where a document of that type is entered for that tiers; ``generic``: it stands in for the Company's own (CRM-60)."""

    url: str
    type: str
    tiers: str
    generic: bool


def entry_link(session: Session, company_id: int, *, by: str | None) -> EntryLink:
    """The link for a Company: to a quote, or an order where the integration says so.

    Raises InputRefused: right_withdrawn, company_unknown, not_linked (and no generic tiers fits), creation_awaited, tiers_gone,
    not_a_client, etendue_off.
    """
    authorise(session, by, Right.ETENDUE_ENTRY)
    company = find_company(session, company_id)
    account = session.scalar(select(Account).where(Account.company_id == company.id, Account.is_main))
    generic = tied_to(session, company_id)
    if generic is not None:
        return _link(session, generic.integration_id, generic.erp_key, generic=True)
    own = _enterable(account, company, generic)
    return _link(session, own.integration_id, own.code or "", generic=False)


def _enterable(account: Account | None, company: Company, generic: Tied | None) -> Account:
    if account is None and generic is None:
        raise refused(
            "not_linked",
            "the company has no tiers, and no generic tiers stands in",
            record=company.name,
            remedy="'Créer le tiers' or 'Lier à un tiers déjà existant' gives it one.",
        )
    assert account is not None  # noqa: S101 - for the types: a generic one was answered before
    refuse_awaited(account)
    if account.erp_state is not ErpState.PRESENT:
        raise refused(
            "tiers_gone",
            "the tiers is deleted, dormant or out of scope in Sage 100",
            record=account.code,
            remedy="Wake it in Sage 100, or link the company to another tiers.",
        )
    if account.type != CLIENT:
        raise refused(
            "not_a_client", "the tiers is a supplier", record=account.code, remedy="Quotes and orders are for clients."
        )
    return account


def _link(session: Session, integration_id: int, code: str, *, generic: bool) -> EntryLink:
    integration = session.get_one(Integration, integration_id)
    base = _server(integration)
    kind = ORDER if integration.etendue_order else QUOTE
    place = f"{base}/{quote(integration.etendue_dossier.strip(), safe='')}/documents/new"
    return EntryLink(url=f"{place}?{urlencode({'type': kind, 'tiers': code})}", type=kind, tiers=code, generic=generic)


def _server(integration: Integration) -> str:
    """The address of Sage Etendue: a bare name is reached over TLS."""
    entered = integration.etendue_server.strip().rstrip("/")
    parts = urlsplit(entered if "://" in entered else f"https://{entered}")
    if not integration.etendue_enabled or parts.scheme not in _SCHEMES or not parts.netloc:
        raise refused(
            "etendue_off",
            "the Sage Etendue link is switched off, or has no address",
            record=integration.name,
            field="etendue_enabled",
            remedy="An administrator switches it on in the settings of the integration, with server and dossier.",
        )
    return parts.geturl()
