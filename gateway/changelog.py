"""The change log: pages of what changed after a cursor, set after set, found by a scan that runs with each call.

A cursor is `epoch-seq-left-scans`: whose log it is, the last number dealt with, how many changes were then known to remain, and
how many scans the log had seen, which tells a cursor from a future that a restored backup has undone. It is opaque to the caller.
A number is given once, under the scan lock, and committed with its row.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event, Lock
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, func, select

from contracts.messages import EntitySet
from gateway.company import Company, CompanyWatch
from gateway.database import reading, writing
from gateway.errors import DatabaseRefused
from gateway.heads import Heads, Places, read_last
from gateway.ledger import Change, Found, Ledger, changes_after, count_after
from gateway.refusals import CursorUnknown
from gateway.sage import F_COMPTET
from gateway.scan import FRESH, Scan
from gateway.sidetables import ScanState, Standing, lock_standing, read_standing, renew_epoch, store_standing
from gateway.sweep import Clock, moment_of, utc_now

STEP_LEAST, STEP_MOST = 500, 2_000
PATIENCE_S = 1.5
"""How long one call goes on scanning to fill its page before it answers with what there is."""
COUNTED = 5_000
"""Up to here the remaining changes are counted; beyond, what the cursor carries is counted down."""


@dataclass(frozen=True, kw_only=True)
class SetPage:
    """What a page says of one entity set; records are XML as it is sent, tombstones are key and reason."""

    entity: EntitySet
    cursor: str
    at_end: bool
    remaining: int
    records: list[str]
    tombstones: list[tuple[str, str]]
    now: dt.datetime | None = None
    """The clock of the base when the page was read, UTC."""

    def __len__(self) -> int:
        return len(self.records) + len(self.tombstones)


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """A place in the log of one entity set."""

    seq: int = 0
    left: int | None = None
    scans: int = 0

    @classmethod
    def parse(cls, text: str, standing: Standing) -> Cursor:
        """The cursor a caller hands back, empty for the beginning. Raises CursorUnknown."""
        if not text:
            return cls()
        epoch, *numbers = text.split("-")
        if epoch != standing.epoch or len(numbers) != 3 or not all(number.isdecimal() for number in numbers):
            raise CursorUnknown("the cursor was not given by this base", field="Cursor")
        seq, left, scans = map(int, numbers)
        return cls(seq=seq, left=left, scans=scans)

    def text(self, epoch: str) -> str:
        """As it is handed out."""
        return f"{epoch}-{self.seq}-{self.left or 0}-{self.scans}"


class ChangeLog:
    """The change log of one base; safe to share between threads and processes."""

    def __init__(self, engine: Engine, watch: CompanyWatch, *, zone: ZoneInfo, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._watch = watch
        self._zone = zone
        self._clock = clock
        self._lock = Lock()
        self._scan_began = 0.0
        self._walking = False
        self._fresh: Mapping[tuple[EntitySet, str], Found] = {}

    def pages(self, wanted: Sequence[tuple[EntitySet, str]], page_size: int) -> list[SetPage]:
        """The changes after these cursors, `page_size` records at most over all sets; a set not reached is left out.

        Raises CursorUnknown, DatabaseProblem.
        """
        self._refuse_undone(wanted)
        until = time.monotonic() + PATIENCE_S
        step = min(max(page_size, STEP_LEAST), STEP_MOST)
        # While the base is walked through, what was found before may fill the page already.
        pages = self._read(wanted, page_size) if self._walking else []
        while sum(map(len, pages)) < page_size:
            settled = self.scan(step)
            pages = self._read(wanted, page_size)
            complete = len(pages) == len(wanted) and all(page.at_end for page in pages)
            if settled or complete or any(map(len, pages)) or time.monotonic() > until:
                break
        return pages

    def places(self, wanted: Sequence[tuple[EntitySet, str]]) -> Places:
        """Where these cursors stand. Raises CursorUnknown, DatabaseProblem."""
        standing, places = self._refuse_undone(wanted)
        return Places(
            epoch=standing.epoch, last={entity: place.seq for (entity, _), place in zip(wanted, places, strict=True)}
        )

    def heads(self, *, scan: bool) -> Heads:
        """Where the log ends; after a step of the scan, or as far as it has come. Raises DatabaseProblem."""
        if scan:
            self.scan(STEP_MOST)
        with self._looking_again(), reading(self._engine) as connection:
            return Heads(epoch=read_standing(connection).epoch, last=read_last(connection))

    def _refuse_undone(self, wanted: Sequence[tuple[EntitySet, str]]) -> tuple[Standing, list[Cursor]]:
        """Refuse cursors given after the backup that this base was restored from: their numbers mean something else now.

        Seen before this call's own scan is counted. The log then takes another identity, for cursors of other callers too.
        """
        with self._looking_again(), reading(self._engine) as connection:
            standing = read_standing(connection)
        places = [Cursor.parse(cursor, standing) for _, cursor in wanted]
        if all(place.scans <= standing.scans and place.seq <= standing.seq for place in places):
            return standing, places
        with self._lock, writing(self._engine) as connection:
            renew_epoch(connection, standing.epoch)
        raise CursorUnknown("the cursor is ahead of this base: was a backup restored?", field="Cursor")

    def scan(self, limit: int = STEP_LEAST) -> bool:
        """One bounded, committed step of the scan; whether all that is in the base is now in the log."""
        asked = time.monotonic()
        with self._lock:
            if self._scan_began > asked and not self._walking:
                # A scan that began after the question has answered it.
                return True
            self._scan_began = time.monotonic()
            with self._scanning() as scan:
                scan.step(limit)
            self._walking = not scan.state.settled
            self._keep(scan.fresh)
            return not self._walking

    def compare_all(self, stop: Event, *, pause_s: float = 0.0) -> bool:
        """Read every tiers again, for what changed without a mark; False when stopped midway."""
        position: int | None = 0
        while position is not None:
            if stop.wait(pause_s):
                return False
            with self._lock, self._scanning() as scan:
                position = scan.compare(position, STEP_LEAST)
        while not self.scan():
            if stop.wait(pause_s):
                return False
        return True

    def compare_due(self, every: dt.timedelta) -> bool:
        """Whether the last full comparison, or the first walk, is longer ago than that."""
        with reading(self._engine) as connection:
            compared = ScanState.from_json(read_standing(connection).scan).compared
        return compared != "" and self._clock() - dt.datetime.fromisoformat(compared) >= every

    @contextmanager
    def _scanning(self) -> Iterator[Scan]:
        with self._looking_again(), writing(self._engine) as connection:
            standing = lock_standing(connection)
            moment = moment_of(connection, self._clock, self._zone)
            company = self._watch.look(connection, moment.wall.date())
            ledger = Ledger(connection, standing.seq)
            scan = Scan(connection, company, ledger, ScanState.from_json(standing.scan), moment)
            yield scan
            store_standing(connection, ledger.seq, scan.state.to_json())

    @contextmanager
    def _looking_again(self) -> Iterator[None]:
        try:
            yield
        except DatabaseRefused:
            self._watch.forget()
            raise

    def _keep(self, fresh: Mapping[tuple[EntitySet, str], Found]) -> None:
        # During the walk the end of one step's records goes into the page after the next step.
        more = self._walking and len(self._fresh) + len(fresh) <= 2 * FRESH
        self._fresh = {**self._fresh, **fresh} if more else fresh

    def _read(self, wanted: Sequence[tuple[EntitySet, str]], page_size: int) -> list[SetPage]:
        with self._looking_again(), reading(self._engine) as connection:
            standing = read_standing(connection)
            state = ScanState.from_json(standing.scan)
            moment = moment_of(connection, self._clock, self._zone)
            company = self._watch.last(connection, moment.wall.date())
            pages: list[SetPage] = []
            room = page_size
            for entity, cursor in wanted:
                place = Cursor.parse(cursor, standing)
                page = self._set_page(connection, company, standing, state, entity, place, room)
                pages.append(replace(page, now=moment.utc))
                room -= len(page)
                if not page.at_end or room <= 0:
                    break
            for _, cursor in wanted[len(pages) :]:
                Cursor.parse(cursor, standing)
            return pages

    def _set_page(
        self,
        connection: Connection,
        company: Company,
        standing: Standing,
        state: ScanState,
        entity: EntitySet,
        place: Cursor,
        room: int,
    ) -> SetPage:
        changes = changes_after(connection, entity, place.seq, room)
        settled = _settled(state, entity)
        complete = len(changes) < room
        last = changes[-1].seq if changes else place.seq
        left = 0 if complete else _left(connection, entity, last, place, len(changes))
        # A cursor that has not moved stays the same text.
        scans = standing.scans if changes or not place.scans else place.scans
        records, tombstones = self._contents(connection, company, entity, changes)
        return SetPage(
            entity=entity,
            cursor=Cursor(seq=last, left=left, scans=scans).text(standing.epoch),
            at_end=complete and settled,
            remaining=left + (_unwalked(connection, state) if entity is EntitySet.TIERS else 0),
            records=records,
            tombstones=tombstones,
        )

    def _contents(
        self, connection: Connection, company: Company, entity: EntitySet, changes: Sequence[Change]
    ) -> tuple[list[str], list[tuple[str, str]]]:
        fresh = self._fresh
        found: dict[str, Found] = {}
        for change in changes:
            kept = fresh.get((entity, change.key))
            if kept is not None and kept.version == change.version:
                found[change.key] = kept
        unread = [change.key for change in changes if change.reason == "" and change.key not in found]
        found.update(company.reader(entity).read(connection, unread) if unread else {})
        records: list[str] = []
        tombstones: list[tuple[str, str]] = []
        for change in changes:
            one = found.get(change.key)
            reason = change.reason or (one.reason if one else "deleted")
            if one is not None and not reason:
                records.append(one.xml)
            elif entity is not EntitySet.TURNOVER:
                # The turnover of a tiers that goes away goes with it, without a word of its own.
                tombstones.append((change.key, reason))
        return records, tombstones


def _settled(state: ScanState, entity: EntitySet) -> bool:
    if entity is EntitySet.TIERS:
        return state.tiers_settled
    return state.settled if entity is EntitySet.TURNOVER else True


def _left(connection: Connection, entity: EntitySet, last: int, place: Cursor, served: int) -> int:
    if place.left is not None and place.left - served > COUNTED:
        return place.left - served
    return count_after(connection, entity, last)


def _unwalked(connection: Connection, state: ScanState) -> int:
    if state.tiers.done:
        return 0
    held = connection.scalar(select(func.count()).select_from(F_COMPTET)) or 0
    return max(held - state.tiers.walked, 0)
