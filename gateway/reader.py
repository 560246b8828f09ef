"""Tiers with all their children, read in bulk and written as XML: what the change log compares and a page sends.

A batch of 500 tiers costs one query per table. A version is the 128-bit hash of exactly what is sent, itself and the free fields
without a value left out (CRM-46: a new definition alone is no change of every tiers), and the instant of the last write (a row
written again as it was is no change).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    TableClause,
    and_,
    func,
    select,
)

from contracts.messages import EntitySet
from contracts.tables import ADDRESS, BILLING, BILLING_KEY, CONTACT, DELIVERY, TIERS
from gateway.free_values import FreeFieldWriter
from gateway.ledger import DORMANT, OUT_OF_SCOPE, Found, chunked
from gateway.lists import Risk
from gateway.mapping import KINDS, Row, RowWriter, sources_in
from gateway.owned_rows import Latest, Owned, clock_of, instant, keep_latest
from gateway.probe import Probe
from gateway.sage import F_COMPTET, F_CONTACTT, F_LIVRAISON, F_REGLEMENTT
from gateway.settings import Synchronise
from gateway.terms import DAY_COLUMNS, TERM_COLUMNS, in_words, term_of

TITLE_LENGTH = 35
WORDS_KEPT = 1_000
_VERSION, _MODIFIED, _CHILDREN = (TIERS.index[name] for name in ("version", "modified", "free_fields"))
# Not columns of the tiers' own row: put at its end once they are known.
_WORDS = {"PaymentTerms": "terms", "RiskLabel": "risk_label", "RiskAction": "risk_action", "Title": "title"}


@dataclass(frozen=True, kw_only=True)
class Lists:
    """The ERP's lists whose words travel inside a tiers."""

    risks: Mapping[int, Risk]
    payment_methods: Mapping[int, str]


class Child(NamedTuple):
    """A child table: the query for the rows of some tiers, how a row is written, and where it tells its last write."""

    query: Owned
    writer: RowWriter
    item: str
    clock_at: int | None


class Children(NamedTuple):
    """The children of a batch of tiers by code, written, payment terms as rows; and the latest write among them."""

    contacts: Mapping[str, list[str]]
    deliveries: Mapping[str, list[str]]
    terms: Mapping[str, list[Row]]
    latest: Latest


def version_of(xml: str) -> str:
    """The version of a record sent as that XML."""
    return blake2b(xml.encode(), digest_size=16).hexdigest()


class TiersReader:
    """Reads tiers by code, as one base with its columns, options and lists has them."""

    entity = EntitySet.TIERS

    def __init__(self, probe: Probe, options: Synchronise, lists: Lists, zone: ZoneInfo) -> None:
        self._options = options
        self._zone = zone
        self._lists = lists
        self._words: dict[tuple[Any, ...], str] = {}
        self._contacts = self._child(probe, F_CONTACTT, "CT_No") if options.contacts else None
        self._deliveries = self._child(probe, F_LIVRAISON, "LI_No") if options.addresses else None
        self._terms, self._terms_clock_at = _term_query(probe)
        self._free = FreeFieldWriter([field for field in probe.free_fields_of(F_COMPTET.name) if field.readable])
        self._prepare_tiers(probe)

    @property
    def children(self) -> tuple[Table | None, ...]:
        """The child tables whose rows are counted, by position in `Found.counts`; None where one is not read."""
        read = (self._contacts, self._deliveries, self._terms)
        return tuple(
            None if query is None else table
            for table, query in zip((F_CONTACTT, F_LIVRAISON, F_REGLEMENTT), read, strict=True)
        )

    def _prepare_tiers(self, probe: Probe) -> None:
        host = probe.readable(F_COMPTET)
        sources = sources_in(TIERS.fields, F_COMPTET, phones=self._options.phones)
        del sources["Modified"]
        billing = sources_in(ADDRESS.fields, F_COMPTET)
        wanted = {place.partition(".")[2] for place in (*sources.values(), *billing.values())}
        columns = [name for name in (*sorted(wanted), "N_Risque") if name in host.c]
        at = {name: index for index, name in enumerate(columns)}
        self._code_at, self._type_at, self._name_at = at["CT_Num"], at["CT_Type"], at["CT_Intitule"]
        self._dormant_at, self._risk_at = at.get("CT_Sommeil"), at.get("N_Risque")
        self._columns = len(columns)
        said = [*columns, *_WORDS.values()]
        words = {name: word for name, word in _WORDS.items() if self._says(name)}
        self._head = RowWriter(TIERS.parts[:_VERSION], sources, said)
        self._body = RowWriter(TIERS.parts[_MODIFIED + 1 : _CHILDREN], sources | words, said)
        fixed = {"Key": BILLING_KEY, "Kind": BILLING}
        self._billing = RowWriter(ADDRESS.parts, billing | words, said, fixed)
        chosen = [*(host.c[name] for name in columns), *(host.c[name] for name in self._free.names)]
        clock = clock_of(host)
        self._clock_at = len(chosen) if clock else None
        self._query = Owned.of(select(*chosen, *clock), host)

    def _says(self, name: str) -> bool:
        if name == "PaymentTerms":
            return self._terms is not None
        return self._risk_at is not None or name == "Title"

    def _child(self, probe: Probe, model: Table, order: str) -> Child | None:
        if not probe.has(model.name):
            return None
        struct, fixed = (CONTACT, {}) if model is F_CONTACTT else (ADDRESS, {"Kind": DELIVERY})
        sources = sources_in(struct.fields, model, phones=self._options.phones)
        host = probe.readable(model)
        columns = [name for name in sorted({place.partition(".")[2] for place in sources.values()}) if name in host.c]
        writer = RowWriter(struct.parts, sources, ["CT_Num", *columns], fixed)
        clock = clock_of(host)
        query = _by_owner(host, [*(host.c[name] for name in columns), *clock], order)
        return Child(query, writer, f"<{struct.name}>%s</{struct.name}>", len(columns) + 1 if clock else None)

    def read(self, connection: Connection, keys: Sequence[str]) -> dict[str, Found]:
        """The tiers of these codes that are in the base, with their version, or why they do not take part."""
        found: dict[str, Found] = {}
        for piece in chunked(list(keys)):
            rows = self._query.rows(connection, piece)
            latest: Latest = {}
            children = Children(
                _written(connection, self._contacts, piece, latest),
                _written(connection, self._deliveries, piece, latest),
                self._read_terms(connection, piece, latest),
                latest,
            )
            for row in rows:
                found[row[self._code_at]] = self._found(row, children)
        return found

    def read_one(self, connection: Connection, code: str) -> Found | None:
        """The tiers of that code, if it is in the base."""
        return self.read(connection, [code]).get(code)

    def _found(self, row: Row, children: Children) -> Found:
        code = row[self._code_at]
        contacts, deliveries, terms = (mine.get(code, _NONE) for mine in children[:3])
        counts = (len(contacts), len(deliveries), len(terms))
        reason = self._reason(row)
        if reason:
            return Found("", "", reason, counts)
        words = self._in_words(row, terms)
        head, body = self._head.write(row), self._body.write(words)
        tail = self._lists_of(words, contacts, deliveries)
        free, told = self._free.write(row[self._columns : self._clock_at])
        version = version_of(f"{head}{body}{told}{tail}")
        own = f"{head}<Version>{version}</Version>{self._modified(row, children.latest.get(code))}{body}"
        return Found(version, f"<Tiers>{own}<FreeFields>{free}</FreeFields>{tail}</Tiers>", "", counts)

    def _modified(self, row: Row, latest: Any) -> str:
        """When the tiers or a child of it was written last, in UTC; nothing when no row tells."""
        own = None if self._clock_at is None else row[self._clock_at]
        at = own if latest is None or (own is not None and own > latest) else latest
        told = instant(at, self._zone) if at else ""
        return f"<Modified>{told}</Modified>" if told else ""

    def _reason(self, row: Row) -> str:
        if row[self._type_at] not in KINDS:  # CRM-05
            return OUT_OF_SCOPE
        dormant = self._dormant_at is not None and row[self._dormant_at]
        return DORMANT if dormant and not self._options.dormant else ""  # CRM-12

    def _in_words(self, row: Row, terms: list[Any]) -> Row:
        risk = self._lists.risks.get(row[self._risk_at]) if self._risk_at is not None else None
        told = self._terms_in_words(terms) if terms else ""
        # CRM-38: the title of the tab Identification is the tiers' own name.
        title = (row[self._name_at] or "")[:TITLE_LENGTH].rstrip()
        return (*row[: self._columns], told, risk.label if risk else "", risk.action if risk else "", title)

    def _terms_in_words(self, terms: list[Row]) -> str:
        # A company has a handful of terms, each on thousands of tiers.
        key = tuple(map(tuple, terms))
        told = self._words.get(key)
        if told is None:
            told = in_words([term_of(term) for term in terms], self._lists.payment_methods)
            if len(self._words) < WORDS_KEPT:
                self._words[key] = told
        return told

    def _lists_of(self, row: Row, contacts: list[str], deliveries: list[str]) -> str:
        addresses = ""
        if self._deliveries is not None:
            billing = f"<Address>{self._billing.write(row)}</Address>"
            addresses = f"<Addresses>{billing}{''.join(deliveries)}</Addresses>"
        if self._contacts is None:
            return addresses
        return f"{addresses}<Contacts>{''.join(contacts)}</Contacts>"

    def _read_terms(self, connection: Connection, keys: Sequence[str], latest: Latest) -> Mapping[str, list[Any]]:
        found: dict[str, list[Any]] = defaultdict(list)
        if self._terms is not None:
            rows = self._terms.rows(connection, keys)
            for row in rows:
                found[row[0]].append(row[1 : self._terms_clock_at])
            keep_latest(latest, rows, self._terms_clock_at)
        return found

    def keys_after(self, connection: Connection, after: str, limit: int) -> list[str]:
        """The codes of the tiers that take part, in the order of the database."""
        c = F_COMPTET.c
        taking_part: list[ColumnElement[bool]] = [c.CT_Type.in_(KINDS), c.CT_Num > after]
        if self._dormant_at is not None and not self._options.dormant:
            taking_part.append(func.coalesce(c.CT_Sommeil, 0) == 0)
        query = select(c.CT_Num).where(and_(*taking_part)).order_by(c.CT_Num).limit(limit)
        return list(connection.scalars(query))


_NONE: list[Any] = []


def _written(
    connection: Connection, child: Child | None, keys: Sequence[str], latest: Latest
) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    if child is not None:
        write, item = child.writer.write, child.item
        rows = child.query.rows(connection, keys)
        for row in rows:
            found[row[0]].append(item % write(row))
        keep_latest(latest, rows, child.clock_at)
    return found


def _by_owner(host: TableClause, columns: Sequence[ColumnElement[Any]], order: str) -> Owned:
    return Owned.of(select(host.c.CT_Num, *columns).order_by(host.c[order]), host)


def _term_query(probe: Probe) -> tuple[Owned | None, int | None]:
    """The query for payment terms, and where its rows tell their last write."""
    if not all(probe.has(F_REGLEMENTT.name, name) for name in TERM_COLUMNS):
        return None, None
    host = probe.readable(F_REGLEMENTT)
    names, clock = [*TERM_COLUMNS, *(name for name in DAY_COLUMNS if name in host.c)], clock_of(host)
    return _by_owner(host, [*(host.c[name] for name in names), *clock], "cbMarq"), len(names) + 1 if clock else None
