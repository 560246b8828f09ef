"""The two short entity sets, read whole each time: definitions of free fields (CRM-46) and representatives (CRM-04, CRM-17)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from contracts.codec import writer
from contracts.fields import Record
from contracts.messages import EntitySet
from contracts.tables import FREE_FIELD, LIST_ITEM, REPRESENTATIVE
from gateway.free_fields import FreeField, FreeFieldKind, list_items
from gateway.ledger import Found
from gateway.mapping import RowWriter, sources_in
from gateway.probe import Probe
from gateway.reader import version_of
from gateway.sage import F_COLLABORATEUR, F_COMPTET, F_ENUMLIBRECPTA

TYPES = {
    FreeFieldKind.TEXT: "text",
    FreeFieldKind.DATE: "date",
    FreeFieldKind.MOMENT: "datetime",
    FreeFieldKind.VALUE: "value",
    FreeFieldKind.AMOUNT: "amount",
    FreeFieldKind.LIST: "list",
}


def _chosen(found: dict[str, Found], keys: Sequence[str]) -> dict[str, Found]:
    return {key: found[key] for key in keys if key in found}


def _after(keys: Iterable[str], after: str, limit: int) -> list[str]:
    return sorted(key for key in keys if key > after)[:limit]


class FreeFieldReader:
    """The definitions on the tiers whose values can be read; a deleted one, or one of unknown type, is not there."""

    entity = EntitySet.FREE_FIELDS

    def __init__(self, probe: Probe) -> None:
        self._fields = {field.name: field for field in probe.free_fields_of(F_COMPTET.name) if field.readable}
        self._has_lists = probe.has(F_ENUMLIBRECPTA.name)
        self._write = writer(FREE_FIELD)

    def all(self, connection: Connection) -> dict[str, Found]:
        """Every definition, by name."""
        found = {}
        for name, field in self._fields.items():
            xml = self._write(self._record(connection, field))
            found[name] = Found(version_of(xml), xml)
        return found

    def read(self, connection: Connection, keys: Sequence[str]) -> dict[str, Found]:
        """Those of these names that there are."""
        return _chosen(self.all(connection), keys)

    def keys_after(self, connection: Connection, after: str, limit: int) -> list[str]:
        """The names after one, in order."""
        return _after(self.all(connection), after, limit)

    def _record(self, connection: Connection, field: FreeField) -> Record:
        listed = field.kind is FreeFieldKind.LIST and self._has_lists
        items = list_items(connection, field.position) if listed else ()
        return FREE_FIELD.record(
            name=field.name,
            type=TYPES[FreeFieldKind(field.kind or 0)],
            length=field.length,
            position=field.position,
            computed=field.formula != "",
            items=[LIST_ITEM.record(value=item) for item in items],
        )


class RepresentativeReader:
    """The 'collaborateurs' of the ERP."""

    entity = EntitySet.REPRESENTATIVES

    def __init__(self, probe: Probe) -> None:
        host = probe.readable(F_COLLABORATEUR) if probe.has(F_COLLABORATEUR.name) else None
        self._host = host
        sources = sources_in(REPRESENTATIVE.fields, F_COLLABORATEUR)
        self._columns = [] if host is None else [column.name for column in host.columns]
        self._writer = RowWriter(REPRESENTATIVE.parts, sources, self._columns)

    def all(self, connection: Connection) -> dict[str, Found]:
        """Every representative, by number; number 0 is 'none'."""
        if self._host is None:
            return {}
        number = self._columns.index("CO_No")
        found = {}
        for row in connection.execute(select(self._host)):
            if row[number]:
                xml = f"<Representative>{self._writer.write(row)}</Representative>"
                found[str(row[number])] = Found(version_of(xml), xml)
        return found

    def read(self, connection: Connection, keys: Sequence[str]) -> dict[str, Found]:
        """Those of these numbers that there are."""
        return _chosen(self.all(connection), keys)

    def keys_after(self, connection: Connection, after: str, limit: int) -> list[str]:
        """The numbers after one, in the order of their text."""
        return _after(self.all(connection), after, limit)
