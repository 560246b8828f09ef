"""One page of the change log, read so that a bad record is set aside and the others arrive."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, cast

from lxml import etree

from contracts.codec import reader, writer
from contracts.envelope import other_version
from contracts.errors import ContractError, InvalidRecord
from contracts.fields import Record, Struct
from contracts.messages import (
    CHANGE_SET,
    CONTRACT_VERSION,
    GET_CHANGE_LOG,
    GET_RECORDS,
    NAMESPACE,
    SET_KEY,
    SET_RECORDS,
    EntitySet,
)
from contracts.validation import Violation, place_in, validated, violations

__all__ = ["Changes", "Page", "Rejected", "read_page", "read_records", "validated"]


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """A record that breaks the contract: its key as far as known, why, and the document to look at."""

    key: str
    error: InvalidRecord
    xml: str


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a page says of one entity set: records as they are now, tombstones, and records set aside.

    ``now`` is the ERP's clock as GetRecords tells it; of the change log it is the page that has it.
    """

    entity_set: EntitySet
    next_cursor: str
    at_end: bool
    remaining: int
    records: list[Record]
    tombstones: list[Record]
    rejected: list[Rejected] = field(default_factory=list)
    now: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """A reply of GetChangeLog; ``now`` is the clock of the ERP's database when it was read, None when it did not say."""

    company: str
    change_sets: tuple[Changes, ...]
    now: datetime | None = None


def read_page(body: etree._Element) -> Page:
    """The page in a GetChangeLogResponse; records that break the schema are set aside, unknown elements passed over.

    Raises VersionMismatch for another contract, ContractError when the page itself is not as the contract has it.
    """
    version = body.findtext(_VERSION)
    if version is not None and version.partition(".")[0] != CONTRACT_VERSION.partition(".")[0]:
        raise other_version(version)
    rejected = _set_aside(body, GET_CHANGE_LOG.response)
    whole = reader(GET_CHANGE_LOG.response)(body)
    sets = tuple(_changes(change_set, rejected) for change_set in whole.many("change_sets"))
    if len({changes.entity_set for changes in sets}) < len(sets):
        raise ContractError("the page holds an entity set twice", field="ChangeSets")
    return Page(company=whole.text("company"), change_sets=sets, now=whole.instant("now"))


def read_records(body: etree._Element) -> Changes:
    """The records in a GetRecordsResponse, as ``read_page`` reads them."""
    rejected = _set_aside(body, GET_RECORDS.response)
    change_set = reader(GET_RECORDS.response)(body).one("change_set")
    if change_set is None:
        raise ContractError("the reply holds no change set", field="ChangeSet")
    return _changes(change_set, rejected)


def _changes(change_set: Record, rejected: dict[EntitySet, list[Rejected]]) -> Changes:
    entity_set = _set_named(change_set.text("name"))
    attr = SET_RECORDS[entity_set]
    if any(change_set.many(other) for other in SET_RECORDS.values() if other != attr):
        raise ContractError(f"the change set {entity_set} holds records of another entity set", field="ChangeSet")
    refused = rejected.get(entity_set, [])
    return Changes(
        entity_set=entity_set,
        next_cursor=change_set.text("next_cursor"),
        at_end=change_set.flag("at_end"),
        remaining=change_set.integer("remaining"),
        records=_keyed(change_set.many(attr), SET_KEY[entity_set], refused),
        tombstones=_keyed(change_set.many("tombstones"), "key", refused),
        rejected=refused,
        now=change_set.instant("now"),
    )


def _set_named(name: str) -> EntitySet:
    try:
        return EntitySet(name)
    except ValueError:
        raise ContractError(f"the page holds an entity set that is not known: {name!r}", field="Name") from None


def _keyed(records: list[Record], attr: str, refused: list[Rejected]) -> list[Record]:
    """The records that have a key; the schema cannot ask for one, since a tiers to be created has none yet."""
    if not records:
        return records
    position = records[0].of.index[attr]
    if all(record.values[position] for record in records):
        return records
    name = records[0].of.parts[position].name
    for record in records:
        if not record.values[position]:
            error = InvalidRecord(f"{name}: the key is empty", record="", field=name)
            refused.append(Rejected(key="", error=error, xml=writer(record.of)(record)))
    return [record for record in records if record.values[position]]


def _set_aside(body: etree._Element, struct: Struct) -> dict[EntitySet, list[Rejected]]:
    """Take the records that break the schema out of the page. Raises ContractError when the page itself is broken."""
    reasons: dict[etree._Element, list[Violation]] = {}
    for violation in violations(body, struct):
        record = _record_around(violation.element)
        if record is None:
            raise ContractError(f"{violation.field}: {violation.reason}", field=violation.field)
        reasons.setdefault(record, []).append(violation)
    rejected: dict[EntitySet, list[Rejected]] = {}
    for record, found in reasons.items():
        entity_set, key = _identity(record)
        reason = "; ".join(_reason(record, violation) for violation in found)
        error = InvalidRecord(reason, record=key, field=found[0].field)
        xml = etree.tostring(record, encoding="unicode", with_tail=False)
        rejected.setdefault(entity_set, []).append(Rejected(key=key, error=error, xml=xml))
    for record in reasons:
        cast("etree._Element", record.getparent()).remove(record)
    return rejected


def _reason(record: etree._Element, violation: Violation) -> str:
    place = place_in(record, violation.element)
    return f"{violation.field}: {violation.reason}" + (f" ({place})" if place else "")


def _record_around(element: etree._Element) -> etree._Element | None:
    """The record or tombstone of a page that an element belongs to, None for the page's own elements."""
    record: etree._Element | None = element
    while record is not None:
        parent = record.getparent()
        above = None if parent is None else parent.getparent()
        if parent is not None and above is not None and above.tag == _CHANGE_SET and parent.tag in _KEY_OF_LIST:
            return record
        record = parent
    return None


def _identity(record: etree._Element) -> tuple[EntitySet, str]:
    """The entity set and the key of a record; the key is empty when it has none."""
    records = cast("etree._Element", record.getparent())
    change_set = cast("etree._Element", records.getparent())
    entity_set = _set_named(change_set.findtext(f"{{{NAMESPACE}}}Name") or "")
    if records.tag not in {_list_tag(SET_RECORDS[entity_set]), _list_tag("tombstones")}:
        raise ContractError(f"the change set {entity_set} holds records of another entity set", field="ChangeSet")
    return entity_set, record.findtext(_KEY_OF_LIST[str(records.tag)]) or ""


def _list_tag(attr: str) -> str:
    return f"{{{NAMESPACE}}}{CHANGE_SET.parts[CHANGE_SET.index[attr]].name}"


_VERSION: Final = f"{{{NAMESPACE}}}ContractVersion"
_CHANGE_SET: Final = f"{{{NAMESPACE}}}{CHANGE_SET.name}"
_KEY_OF_LIST: Final = {
    _list_tag(attr): f"{{{NAMESPACE}}}{SET_KEY[entity_set].capitalize()}" for entity_set, attr in SET_RECORDS.items()
} | {_list_tag("tombstones"): f"{{{NAMESPACE}}}Key"}
"""The lists of a change set, each with the key element of what it holds."""
