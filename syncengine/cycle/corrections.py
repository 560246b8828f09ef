"""Values that somebody put in place of what the CRM could not take of a pulled tiers (CRM-49).

A correction is path → [value refused, value wanted]. It holds while the ERP still says the value that was refused: the tiers is
taken as corrected, and what differs from the ERP travels back to it like any other change of the CRM. It is somebody's decision:
no policy overrides it, and nobody is asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeAlias

from lxml import etree
from sqlalchemy import select

from contracts.codec import writer
from contracts.envelope import in_namespace, parse
from contracts.errors import InvalidRecord
from contracts.fields import Field, Flow, Kind, Record, Struct
from contracts.messages import NAMESPACE, EntitySet
from contracts.page import Changes, Rejected, read_records
from contracts.tables import TIERS
from syncengine.core.journal_text import value_of
from syncengine.core.labels import STRUCT_OF, label_of
from syncengine.core.snapshot import dump, load
from syncengine.cycle.conflict_log import with_values
from syncengine.cycle.overruling import Held, overrule
from syncengine.errors import InputRefused
from syncengine.model import Link, Side, SyncError
from syncengine.model.link import Entity
from syncengine.model.sync_error import STANDING
from syncengine.storage.bulk import Bulk, table_of

Corrections: TypeAlias = Mapping[str, tuple[str | None, str | None]]
"""Path → value refused and value wanted, as text."""


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """A tiers with its corrections in place, and what the ERP holds and the CRM takes there."""

    record: Record
    held: Held


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One value of a tiers' document: its path, what declares it, its text; of a child what refusals call it ('Contact 3')."""

    path: str
    field: Field
    text: str | None
    child: frozenset[str] = frozenset()


def document_of(xml: str) -> etree._Element:
    """The element of a record kept as ``writer`` or a page gave it."""
    return parse((xml if "xmlns" in xml.partition(">")[0] else in_namespace(xml)).encode())


def leaves_of(tiers: etree._Element) -> Iterator[Leaf]:
    """The values of a tiers with its addresses and contacts, in the order of the contract; empty ones included."""
    for part in TIERS.parts:
        if isinstance(part, Field):
            yield Leaf(path=part.attr, field=part, text=_text(tiers, part))
        elif part.attr in STRUCT_OF:
            for position, child in enumerate(tiers.iterfind(f"{_tag(part.name)}/{_tag(part.of.name)}"), 1):
                key = child.findtext(_tag("Key")) or ""
                names = frozenset((f"{part.of.name} {position}", f"{part.of.name} {key}"))
                yield from (
                    Leaf(path=f"{part.attr}/{key}/{field.attr}", field=field, text=_text(child, field), child=names)
                    for field in part.of.fields
                    if field.attr != "key"
                )


def corrected(xml: str, corrections: Corrections) -> Corrected:
    """The tiers as corrected. Raises InvalidRecord when it breaks the contract all the same."""
    tiers = document_of(xml)
    held: Held = {}
    for path, (refused, wanted) in corrections.items():
        place = _place(tiers, path)
        if place is None:
            continue
        element, struct, field = place
        if (_text(element, field) or None) == (refused or None):
            _put(element, struct, field, wanted)
            held[path] = value_of(path, refused), value_of(path, wanted)
    return Corrected(record=_read(tiers), held=held)


def check_corrections(xml: str, values: Mapping[str, str | None]) -> dict[str, list[str | None]]:
    """The corrections these values are, to be kept with the error. Raises InputRefused for one that cannot be."""
    tiers = document_of(xml)
    kept: dict[str, list[str | None]] = {}
    for path, wanted in values.items():
        place = _place(tiers, path)
        if place is None:
            raise _refused(path, "the record has no such field", "correction_unknown_field")
        element, _, field = place
        _check(path, field, wanted)
        kept[path] = [_text(element, field), wanted or None]
    return kept


def with_corrections(bulk: Bulk, changes: Changes, *, integration_id: int) -> tuple[Changes, dict[str, Held]]:
    """The tiers of a page with their corrections in place, and for each that has some what is held and wanted there, by key.

    A record that was set aside by the contract and is good now is among the records.
    """
    known = {} if changes.entity_set is not EntitySet.TIERS else corrections_of(bulk, integration_id=integration_id)
    if not known:
        return changes, {}
    held: dict[str, Held] = {}
    records: list[Record] = []
    rejected: list[Rejected] = []
    write = writer(TIERS)
    came = [(record.text("code"), record) for record in changes.records]
    records += [record for key, record in came if key not in known]
    rejected += [bad for bad in changes.rejected if bad.key not in known]
    waiting = [(key, write(record)) for key, record in came] + [(bad.key, bad.xml) for bad in changes.rejected]
    for key, xml in waiting:
        if key not in known:
            continue
        try:
            found = corrected(xml, known[key])
        except InvalidRecord as error:
            rejected.append(Rejected(key=key, error=error, xml=xml))
        else:
            records.append(found.record)
            held |= {key: found.held} if found.held else {}
    return replace(changes, records=records, rejected=rejected), held


def keep_corrections(bulk: Bulk, held: Mapping[str, Held], *, integration_id: int, now: datetime) -> None:
    """Once such tiers are taken: agreed is what the ERP holds, so that the corrected values are the CRM's own, and sent."""
    if not held:
        return
    of_tiers = {"integration_id": integration_id, "entity": Entity.ACCOUNT.value}
    # One that was refused all the same is still in error: neither side took anything of it.
    refused = corrections_of(bulk, integration_id=integration_id)
    links = list(bulk.rows(Link, "erp_key", held.keys() - refused.keys(), **of_tiers))
    overrule(bulk, links, {link["id"]: held[link["erp_key"]] for link in links}, now=now)
    moment = bulk.instant(now)
    bulk.update(
        Link, {link["id"]: {"base": _agreed(link, held[link["erp_key"]]), "changed_at": moment} for link in links}
    )


def _agreed(link: Mapping[str, Any], held: Held) -> str:
    return dump(with_values(load(link["base"]), {path: value for path, (value, _) in held.items()}))


def corrections_of(bulk: Bulk, *, integration_id: int) -> dict[str, Corrections]:
    """The corrections that wait for their tiers, by its key."""
    table = table_of(SyncError)
    query = select(table.c.erp_key, table.c.corrections).where(
        table.c.integration_id == integration_id,
        table.c.entity == Entity.ACCOUNT.value,
        table.c.side == Side.CRM.value,
        table.c.state.in_(STANDING),
        table.c.corrections.is_not(None),
    )
    return {
        row.erp_key: {path: (refused, wanted) for path, (refused, wanted) in row.corrections.items()}
        for row in bulk.connection.execute(query)
    }


def _check(path: str, field: Field, wanted: str | None) -> None:
    if field.flow is Flow.FROM_ERP or field.attr in _FIXED:
        raise _refused(path, "it can be changed in Sage 100 only", "correction_read_only")
    if field.required and not (wanted or "").strip():
        raise _refused(path, "it must have a value", "correction_empty")
    if field.kind is Kind.FLAG and wanted not in {"true", "false"}:
        raise _refused(path, f"{wanted!r} is neither true nor false", "correction_invalid")
    if field.length is not None and len(wanted or "") > field.length:
        raise _refused(path, f"{len(wanted or '')} characters, at most {field.length}", "correction_too_long")


_FIXED: Final = frozenset({"code", "type", "kind"})


def _refused(path: str, why: str, code: str) -> InputRefused:
    return InputRefused(
        f"{label_of(path)}: {why}",
        code=code,
        field=path,
        remedy="See the fields of the record: `syncengine errors show`.",
    )


def _place(tiers: etree._Element, path: str) -> tuple[etree._Element, Struct, Field] | None:
    """The element a path's value belongs to, with what declares it; None for a child or field that is not there."""
    name, _, rest = path.partition("/")
    struct = STRUCT_OF.get(name)
    if struct is None:
        return _declared(tiers, TIERS, path)
    key, _, attr = rest.partition("/")
    wrapper = TIERS.parts[TIERS.index[name]].name
    for child in tiers.iterfind(f"{_tag(wrapper)}/{_tag(struct.name)}"):
        if (child.findtext(_tag("Key")) or "") == key:
            return _declared(child, struct, attr)
    return None


def _declared(element: etree._Element, struct: Struct, attr: str) -> tuple[etree._Element, Struct, Field] | None:
    field = next((field for field in struct.fields if field.attr == attr), None)
    return None if field is None else (element, struct, field)


def _put(element: etree._Element, struct: Struct, field: Field, value: str | None) -> None:
    """Set a value where the contract wants it: the elements of a structure have an order."""
    found = element.find(_tag(field.name))
    if found is None:
        found = etree.SubElement(element, _tag(field.name))
        order = {_tag(part.name): place for place, part in enumerate(struct.parts)}
        element[:] = sorted(element, key=lambda child: order.get(str(child.tag), len(order)))
    found.text = value or None


def _read(tiers: etree._Element) -> Record:
    body = parse(in_namespace(_PAGE).encode())
    body[0][-1].append(tiers)
    read = read_records(body)
    if read.rejected:
        raise read.rejected[0].error
    return read.records[0]


_PAGE: Final = (
    "<GetRecordsResponse><ChangeSet><Name>tiers</Name><NextCursor/><AtEnd>true</AtEnd><TiersList/></ChangeSet>"
    "</GetRecordsResponse>"
)


def _text(element: etree._Element, field: Field) -> str | None:
    return element.findtext(_tag(field.name)) or None


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
