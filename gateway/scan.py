"""One bounded step of the scan: finds what changed in the base and enters it in the ledger.

First every tiers is walked through in order of `cbMarq`; from then on tables are polled, and their rows counted: only when a count
is not what the ledger expects are keys compared, to find what was deleted. Turnover follows the tiers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Table, and_, func, select

from contracts.messages import EntitySet
from gateway.company import Company
from gateway.ledger import CHUNK, DELETED, Found, Ledger, Noted, chunked, ledger_keys, promised_keys
from gateway.sage import F_COMPTET, F_CONTACTT, F_DOCENTETE, F_DOCLIGNE, F_LIVRAISON, F_REGLEMENTT
from gateway.sidetables import GW_CHANGE, ScanState, Sweep
from gateway.sweep import Moment, sweep
from gateway.turnover import NOTHING, is_zero

TURNOVER_STEP = 3
"""A turnover is light: so many times more tiers are summed in one step."""
COMPARED = 5_000
"""Keys one comparison hands back at most; the rest follow with the next step."""
FRESH = 2_000
"""Records kept as they were just written, so that the page that follows need not read them again."""

CHILDREN = (F_CONTACTT, F_LIVRAISON, F_REGLEMENTT)
_COUNT_COLUMNS = (GW_CHANGE.c.first_count, GW_CHANGE.c.second_count, GW_CHANGE.c.third_count)
_INVOICES, _LAST_DOCUMENT = "invoices", "F_DOCENTETE.cbMarq"


class Scan:
    """One step in one transaction; `state` is what it moves on, `fresh` the records it wrote on the way."""

    def __init__(
        self, connection: Connection, company: Company, ledger: Ledger, state: ScanState, moment: Moment
    ) -> None:
        self._connection = connection
        self._company = company
        self._ledger = ledger
        self._moment = moment
        self._tiers_moved: list[str] = []
        self.state = state
        self.fresh: dict[tuple[EntitySet, str], Found] = {}

    def step(self, limit: int) -> None:
        """Short sets whole, then at most `limit` rows of each table."""
        self._short_set(EntitySet.FREE_FIELDS, self._company.free_fields.all(self._connection))
        self._short_set(EntitySet.REPRESENTATIVES, self._company.representatives.all(self._connection))
        self._tiers(limit)
        if self.state.turnover.done:
            self._note_turnover(self._tiers_moved)
        if self.state.tiers_settled:
            self._turnover(limit)

    def compare(self, position: int, limit: int) -> int | None:
        """Read on through all tiers after that `cbMarq`, whatever their `cbModification`; None when through."""
        rows = self._tiers_after(position, limit)
        self._note_tiers(code for _, code in rows)
        if len(rows) == limit:
            return int(rows[-1][0])
        self._find_lost(trust_counts=False)
        self.state.turnover.restart(self._company.turnover_profile, self._moment.to_text())
        self.state.compared = self._moment.utc.isoformat()
        return None

    def _short_set(self, entity: EntitySet, found: dict[str, Found]) -> None:
        self._note(entity, [*found, *ledger_keys(self._connection, entity)], found)

    # Tiers

    def _tiers(self, limit: int) -> None:
        walk, profile = self.state.tiers, self._company.tiers_profile
        if walk.profile != profile:
            walk.restart(profile, self._moment.to_text())
        if not walk.done:
            self._walk_tiers(limit)
            return
        self._note_tiers(promised_keys(self._connection, EntitySet.TIERS))
        for owner in self._owners():
            state = self.state.sweeps[owner.table.name]
            self._note_tiers(sweep(self._connection, owner, state, self._moment, limit))
        if self.state.tiers_settled:
            self._find_lost(trust_counts=True)

    def _walk_tiers(self, limit: int) -> None:
        walk = self.state.tiers
        rows = self._tiers_after(int(walk.position or 0), limit)
        self._note_tiers(code for _, code in rows)
        walk.walked += len(rows)
        if len(rows) == limit:
            walk.position = str(rows[-1][0])
            return
        for owner in self._owners():
            self.state.sweeps[owner.table.name] = Sweep(since=walk.since)
        self._find_lost(trust_counts=False)
        walk.done = True
        self.state.compared = self._moment.utc.isoformat()

    def _tiers_after(self, position: int, limit: int) -> Sequence[Any]:
        c = F_COMPTET.c
        query = select(c.cbMarq, c.CT_Num).where(c.cbMarq > position, c.CT_Num != "").order_by(c.cbMarq).limit(limit)
        return self._connection.execute(query).all()

    def _owners(self) -> list[Column[str]]:
        """The column naming the tiers in each table polled for tiers."""
        children = [table.c.CT_Num for table in self._company.tiers.children if table is not None]
        polled = [F_COMPTET.c.CT_Num, *children]
        return [owner for owner in polled if self._company.probe.has(owner.table.name, "cbModification")]

    def _note_tiers(self, codes: Iterable[str]) -> None:
        for piece in chunked(list(dict.fromkeys(code for code in codes if code))):
            noted = self._note(EntitySet.TIERS, piece, self._company.tiers.read(self._connection, piece))
            self._tiers_moved += noted.scope_changed
            self._count_on(F_COMPTET.name, noted.living)
            for table, moved in zip(CHILDREN, noted.counts, strict=True):
                self._count_on(table.name, moved)

    def _count_on(self, name: str, moved: int) -> None:
        if name in self.state.counts:
            self.state.counts[name] += moved

    def _find_lost(self, *, trust_counts: bool) -> None:
        """Compare keys where the number of rows is not the expected one, or everywhere."""
        self._find_lost_tiers(trust_counts=trust_counts)
        for position, table in enumerate(self._company.tiers.children):
            if table is None or (trust_counts and self._as_expected(table)):
                continue
            actual = self._count(table)
            lost = self._lost_children(table, position)
            self._note_tiers(lost)
            if len(lost) < COMPARED:
                self.state.counts[table.name] = actual

    def _find_lost_tiers(self, *, trust_counts: bool) -> None:
        """Codes of the ledger that are no longer in the base, then codes of the base the ledger lacks."""
        if trust_counts and self._as_expected(F_COMPTET):
            return
        actual = self._count(F_COMPTET)
        c, host = GW_CHANGE.c, F_COMPTET.c
        ours = and_(c.entity == EntitySet.TIERS.value, c.reason != DELETED)
        gone = select(c.record_key).outerjoin(F_COMPTET, host.CT_Num == c.record_key).where(ours, host.CT_Num.is_(None))
        missing = self.state.counts.get(F_COMPTET.name, 0) - actual
        if trust_counts and 0 < missing < COMPARED:
            # As many as are missing, and the search is over: on average it need not go through the whole base.
            self._note_tiers(list(self._connection.scalars(gone.limit(missing))))
            if self._as_expected(F_COMPTET):
                return
        lost = list(self._connection.scalars(gone.limit(COMPARED)))
        self._note_tiers(lost)
        if trust_counts and self._as_expected(F_COMPTET):
            return
        new = select(host.CT_Num).outerjoin(GW_CHANGE, and_(ours, c.record_key == host.CT_Num))
        lost += self._connection.scalars(new.where(c.record_key.is_(None), host.CT_Num != "").limit(COMPARED))
        self._note_tiers(lost)
        if len(lost) < COMPARED:
            self.state.counts[F_COMPTET.name] = actual

    def _as_expected(self, table: Table) -> bool:
        return self.state.counts.get(table.name) == self._count(table)

    def _count(self, table: Table) -> int:
        return self._connection.scalar(select(func.count()).select_from(table)) or 0

    def _lost_children(self, table: Table, position: int) -> list[str]:
        """Codes of the tiers that have another number of rows in that table than when they were last read."""
        c = GW_CHANGE.c
        held = select(table.c.CT_Num, func.count().label("held")).group_by(table.c.CT_Num).subquery()
        query = (
            select(c.record_key)
            .outerjoin(held, held.c.CT_Num == c.record_key)
            .where(
                c.entity == EntitySet.TIERS.value,
                c.reason != DELETED,
                func.coalesce(held.c.held, 0) != _COUNT_COLUMNS[position],
            )
            .limit(COMPARED)
        )
        return list(self._connection.scalars(query))

    # Turnover

    def _turnover(self, limit: int) -> None:
        walk, profile = self.state.turnover, self._company.turnover_profile
        if walk.profile != profile:
            walk.restart(profile, self._moment.to_text())
        if not walk.done:
            self._walk_turnover(limit)
            return
        for owner in self._document_owners():
            self._note_turnover(
                sweep(self._connection, owner, self.state.sweeps[owner.table.name], self._moment, limit)
            )
        if self.state.settled:
            self._find_lost_documents()

    def _walk_turnover(self, limit: int) -> None:
        walk = self.state.turnover
        limit = limit * TURNOVER_STEP
        keys = ledger_keys(self._connection, EntitySet.TIERS, after=walk.position, limit=limit)
        last = keys[-1] if len(keys) == limit else None
        self._note_turnover(keys)
        if last is not None:
            walk.position = last
            return
        for owner in self._document_owners():
            self.state.sweeps[owner.table.name] = Sweep(since=walk.since)
        if self._company.turnover.served:
            self._expect_documents()
        walk.done = True

    def _document_owners(self) -> list[Column[str]]:
        if not self._company.turnover.served:
            return []
        owners = [F_DOCENTETE.c.DO_Tiers, *([F_DOCLIGNE.c.CT_Num] if self._company.turnover.by_lines else [])]
        return [owner for owner in owners if self._company.probe.has(owner.table.name, "cbModification")]

    def _note_turnover(self, codes: Iterable[str]) -> None:
        for piece in chunked(list(dict.fromkeys(code for code in codes if code))):
            found = self._company.turnover.read(self._connection, piece)
            told = self._ledger.known(EntitySet.TURNOVER, piece)
            for key, one in list(found.items()):
                if key in told and told[key].seq:
                    continue
                if one.counts[0] == 0:
                    del found[key]
                elif one.reason == "" and is_zero(one):
                    found[key] = Found("", "", NOTHING, one.counts)
            noted = self._note(EntitySet.TURNOVER, piece, found)
            self._count_on(_INVOICES, noted.counts[0])

    def _find_lost_documents(self) -> None:
        """Sum again when invoices vanished; documents come and go, so their number alone is only the first hint."""
        if not self._company.turnover.served:
            return
        c, counts = F_DOCENTETE.c, self.state.counts
        newer = select(func.count()).select_from(F_DOCENTETE).where(c.cbMarq > counts[_LAST_DOCUMENT])
        expected = counts[F_DOCENTETE.name] + (self._connection.scalar(newer) or 0)
        if self._count(F_DOCENTETE) == expected:
            self._remember_documents(expected)
        elif self._company.turnover.count_invoices(self._connection) == counts[_INVOICES]:
            self._expect_documents()
        else:
            self.state.turnover.restart(self._company.turnover_profile, self._moment.to_text())

    def _expect_documents(self) -> None:
        self.state.counts[_INVOICES] = self._company.turnover.count_invoices(self._connection)
        self._remember_documents(self._count(F_DOCENTETE))

    def _remember_documents(self, count: int) -> None:
        last = self._connection.scalar(select(func.max(F_DOCENTETE.c.cbMarq))) or 0
        self.state.counts |= {F_DOCENTETE.name: count, _LAST_DOCUMENT: last}

    def _note(self, entity: EntitySet, keys: Iterable[str], found: dict[str, Found]) -> Noted:
        noted = self._ledger.note(entity, keys, found)
        if len(self.fresh) + CHUNK <= FRESH:
            self.fresh.update(((entity, key), one) for key, one in found.items() if one.reason == "")
        return noted
