"""Scopes: what a caller may do at all; a person's withdrawn rights (CRM-61) apply beneath."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from syncengine.core.refusals import refused


class Scope(StrEnum):
    """One kind of thing a caller may do."""

    READ = "read"  # look at everything but users, keys and the audit log
    SYNC = "sync"  # start cycles, retry, resolve
    EDIT = "edit"  # companies, contacts, opportunities
    ADMIN = "admin"  # integrations, users, keys, alerts


PERSON: Final = frozenset({Scope.READ, Scope.SYNC, Scope.EDIT})
"""What everybody who signs in may do; administrators may all."""


class Record(StrEnum):
    """What the CRM keeps, as far as rights go."""

    COMPANY = "company"
    ACCOUNT = "account"
    OPPORTUNITY = "opportunity"


@dataclass(frozen=True, kw_only=True)
class RecordScopes:
    """What reading and changing records of a kind takes."""

    reading: Scope
    changing: Scope


_OWN: Final[Mapping[Record, RecordScopes]] = {
    Record.COMPANY: RecordScopes(reading=Scope.READ, changing=Scope.EDIT),
    Record.OPPORTUNITY: RecordScopes(reading=Scope.READ, changing=Scope.EDIT),
}
_FOLLOWS: Final = {Record.ACCOUNT: Record.COMPANY}  # CRM-36


def scopes_on(record: Record) -> RecordScopes:
    """What a kind of record takes; those on an Account are those on its Company (CRM-36)."""
    return _OWN[_FOLLOWS.get(record, record)]


def scopes_of(*, administrator: bool) -> frozenset[Scope]:
    """What a person may do."""
    return frozenset(Scope) if administrator else PERSON


def parse_scopes(texts: Iterable[str]) -> frozenset[Scope]:
    """Scopes by name. Raises InputRefused (unknown_value) for one there is not, or for none."""
    given = list(texts)
    found = frozenset(scope for scope in Scope if scope.value in given)
    if not given or len(found) != len(set(given)):
        raise refused(
            "unknown_value", "these are not scopes", field="scopes", remedy=f"Choose from {', '.join(Scope)}."
        )
    return found
