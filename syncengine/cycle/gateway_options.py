"""Which kinds of value the gateway tells (CRM-12): seeing that they moved, and reading again what was left out meanwhile.

A version covers only what is told. So when a kind is told again, no tiers counts as read until it was, whatever its version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from sqlalchemy import Select, bindparam, select, update

from contracts.fields import ABSENT, Record
from syncengine.model import Link, LinkState, Side, SyncError
from syncengine.model.link import Entity
from syncengine.model.sync_error import STANDING
from syncengine.storage.bulk import Bulk, table_of

UNREAD: Final = "?"
"""In place of the version of a tiers that must be read again; the gateway gives no such version, and finds it stale."""
_UNTOLD: Final = {
    "contacts": ("contacts",),
    "addresses": ("addresses",),
    "phones": ("phone", "fax", "contacts/phone", "contacts/mobile", "contacts/fax"),
}
_SEEN_BY: Final = ("addresses", "contacts", "phone")
"""One element of each kind, which a tiers has whenever its kind is told."""


class OptionsMoved(Exception):
    """The gateway tells other kinds than it said: nothing of the page is taken before the configuration is read again."""


def untold(options: Mapping[str, Any]) -> frozenset[str]:
    """What the gateway does not tell (CRM-12): nothing of it is taken, and nothing sent over what is not known."""
    return frozenset(name for option, names in _UNTOLD.items() if not options.get(option, True) for name in names)


def contradict(records: Iterable[Record], silent: AbstractSet[str]) -> bool:
    """Whether tiers of the change log say what is not told, or lack what is."""
    return any((record[name] is not ABSENT) == (name in silent) for record in records for name in _SEEN_BY)


def read_again(bulk: Bulk, *, integration_id: int) -> None:
    """No tiers counts as read, in the transaction that makes a kind told again: it may have been taken without that kind."""
    table = table_of(Link)
    bulk.connection.execute(
        update(table)
        .where(table.c.integration_id == integration_id, table.c.entity == Entity.ACCOUNT.value)
        .values(erp_version=UNREAD)
    )


def unread(integration_id: int) -> Select[tuple[str]]:
    """The tiers to ask for because they do not count as read; one in error is asked for with the errors."""
    link, error = table_of(Link), table_of(SyncError)
    in_error = select(error.c.erp_key).where(
        error.c.integration_id == integration_id,
        error.c.entity == Entity.ACCOUNT.value,
        error.c.side == Side.CRM.value,
        error.c.state.in_(STANDING),
    )
    return select(link.c.erp_key).where(
        link.c.integration_id == integration_id,
        link.c.entity == Entity.ACCOUNT.value,
        link.c.state == LinkState.LINKED.value,
        # Said in the statement itself: databases then use the index of just these.
        link.c.erp_version == bindparam("unread", UNREAD, literal_execute=True),
        link.c.erp_key.not_in(in_error),
    )
