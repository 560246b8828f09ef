"""The seam between what the contract asks and where it comes from: SQL here, the vendor's COM library on a later day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event, Lock
from typing import Protocol

import structlog
from sqlalchemy import Connection, Engine, text

from contracts.fields import Record
from contracts.messages import EntitySet
from gateway.changelog import ChangeLog, SetPage
from gateway.checks import CheckResult, run_checks
from gateway.company import Company, CompanyWatch
from gateway.configuration import configuration
from gateway.database import open_database, reading, writing
from gateway.errors import DatabaseProblem, DatabaseRefused
from gateway.heads import Heads, Places
from gateway.ledger import CHUNK, DELETED
from gateway.settings import GatewaySettings
from gateway.sidetables import create_side_tables, index_codes, index_modifications
from gateway.sweep import Clock, moment_of, utc_now
from gateway.views import VIEWS
from gateway.views.look import Look
from gateway.writing import Writing

log = structlog.get_logger("gateway")

COMPARE_PAUSE_S = 0.05
"""Between two steps of a full comparison: calls come first."""


class Backend(Protocol):
    """One Sage 100 company, read and written. Every method may raise DatabaseProblem and be called from any thread."""

    def configuration(self, operations: Iterable[str]) -> Record:
        """A record of CONFIGURATION."""

    def change_log(self, wanted: Sequence[tuple[EntitySet, str]], page_size: int) -> list[SetPage]:
        """The changes after these cursors. Raises CursorUnknown."""

    def places(self, wanted: Sequence[tuple[EntitySet, str]]) -> Places:
        """Where these cursors stand. Raises CursorUnknown."""

    def heads(self, *, scan: bool) -> Heads:
        """Where the change log ends, after a look at what is new in the ERP if wanted."""

    def records(self, entity: EntitySet, keys: Sequence[str]) -> SetPage:
        """These records as they are now."""

    def versions(self, entity: EntitySet, after: str, limit: int) -> tuple[list[tuple[str, str]], bool]:
        """The next keys with their versions, and whether these were the last."""

    def turnover(self, keys: Sequence[str]) -> list[str]:
        """The turnover of these tiers, of all when none is named, as XML."""

    def execute(self, transactions: Sequence[Record]) -> list[str]:
        """The results of these transactions, in the same order, as XML."""

    def view(self, request: Record) -> Record:
        """The response to the request of a live view. Raises CallRefused."""

    def findings(self) -> list[CheckResult]:
        """The result of every data check."""

    def ping(self) -> None:
        """Ask the database for a sign of life."""

    def compare_when_due(self, stop: Event) -> None:
        """Read everything again when the last time is too long ago."""

    def close(self) -> None:
        """Let go of the database: not a connection is left. The next call opens it again."""


@dataclass(frozen=True)
class _Opened:
    engine: Engine
    log: ChangeLog
    writing: Writing


class SqlBackend:
    """The company read by SQL. The database is opened with the first call, so that the gateway starts without it."""

    def __init__(self, settings: GatewaySettings, *, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._clock = clock
        self._watch = CompanyWatch(settings.synchronise, zone=settings.zone)
        self._lock = Lock()
        self._opened: _Opened | None = None

    def configuration(self, operations: Iterable[str]) -> Record:
        """A record of CONFIGURATION."""
        with reading(self._open().engine) as connection:
            return configuration(connection, self._company(connection), self._settings, operations)

    def change_log(self, wanted: Sequence[tuple[EntitySet, str]], page_size: int) -> list[SetPage]:
        """The changes after these cursors. Raises CursorUnknown."""
        return self._open().log.pages(wanted, page_size)

    def places(self, wanted: Sequence[tuple[EntitySet, str]]) -> Places:
        """Where these cursors stand. Raises CursorUnknown."""
        return self._open().log.places(wanted)

    def heads(self, *, scan: bool) -> Heads:
        """Where the change log ends, after a step of the scan if wanted (NEW-07)."""
        return self._open().log.heads(scan=scan)

    def records(self, entity: EntitySet, keys: Sequence[str]) -> SetPage:
        """These records as they are now; a tombstone for each that is not there or does not take part."""
        with reading(self._open().engine) as connection:
            now = moment_of(connection, self._clock, self._settings.zone).utc
            read = self._company(connection).reader(entity).read(connection, keys)
        gone = {key: read[key].reason if key in read else DELETED for key in keys}
        return SetPage(
            entity=entity,
            cursor="",
            at_end=True,
            remaining=0,
            records=[read[key].xml for key in keys if not gone[key]],
            tombstones=[(key, reason) for key, reason in gone.items() if reason],
            now=now,
        )

    def versions(self, entity: EntitySet, after: str, limit: int) -> tuple[list[tuple[str, str]], bool]:
        """The next keys with the versions of what is there now, read anew, and whether these were the last.

        What the change log has not noticed shows here: this is what a check of agreement relies on (CRM-09).
        """
        with reading(self._open().engine) as connection:
            reader = self._company(connection).reader(entity)
            while True:
                keys = reader.keys_after(connection, after, limit)
                found = reader.read(connection, keys)
                told = [(key, found[key].version) for key in keys if key in found and not found[key].reason]
                if told or len(keys) < limit:
                    return told, len(keys) < limit
                # The caller goes on after the last key told: there must be one.
                after = keys[-1]

    def turnover(self, keys: Sequence[str]) -> list[str]:
        """The turnover of these tiers, of all when none is named, as XML; who does not take part is left out."""
        with reading(self._open().engine) as connection:
            company = self._company(connection)
            wanted = list(keys) or list(_every_key(company, connection))
            found = company.turnover.read(connection, wanted)
        return [found[key].xml for key in wanted if not found[key].reason]

    def execute(self, transactions: Sequence[Record]) -> list[str]:
        """The results of these transactions, in the same order, as XML; what the options leave out is not updated (CRM-12)."""
        return self._open().writing.execute(transactions)

    def view(self, request: Record) -> Record:
        """The response to the request of a live view, read in one transaction (CRM-54). Raises CallRefused."""
        with reading(self._open().engine) as connection:
            today = moment_of(connection, self._clock, self._settings.zone).wall.date()
            look = Look(connection=connection, company=self._watch.look(connection, today), today=today)
            return VIEWS[request.of.name](look, request)

    def findings(self) -> list[CheckResult]:
        """The result of every data check (CRM-53)."""
        return run_checks(self._open().engine, zone=self._settings.time_zone)

    def ping(self) -> None:
        """Ask the database for a sign of life."""
        with reading(self._open().engine) as connection:
            connection.execute(text("SELECT 1"))

    def compare_when_due(self, stop: Event) -> None:
        """Read all tiers again when the last time is too long ago: some treatments change rows without a mark."""
        every = dt.timedelta(hours=self._settings.full_compare_hours)
        log = self._open().log
        if every and log.compare_due(every):
            log.compare_all(stop, pause_s=COMPARE_PAUSE_S)

    def compare_now(self) -> None:
        """Read all tiers again at once."""
        self._open().log.compare_all(Event())

    def close(self) -> None:
        """Let go of the database: not a connection is left (CRM-58). The next call opens it, and looks at it afresh."""
        with self._lock:
            if self._opened is not None:
                self._opened.engine.dispose()
                self._opened = None
        self._watch.forget()

    def _open(self) -> _Opened:
        with self._lock:
            if self._opened is None:
                self._opened = self._open_database()
            return self._opened

    def _open_database(self) -> _Opened:
        engine = open_database(self._settings.database.get_secret_value())
        try:
            # The base first: nothing is created in a database that is no Sage 100 company.
            with reading(engine) as connection:
                self._company(connection)
            with writing(engine) as connection:
                create_side_tables(connection)
            if self._settings.index_modifications:
                _index(engine)
        except DatabaseProblem:
            engine.dispose()
            raise
        zone, clock = self._settings.zone, self._clock
        return _Opened(
            engine,
            ChangeLog(engine, self._watch, zone=zone, clock=clock),
            Writing(engine, self._watch, options=self._settings.synchronise, zone=zone, clock=clock),
        )

    def _company(self, connection: Connection) -> Company:
        today = moment_of(connection, self._clock, self._settings.zone).wall.date()
        return self._watch.look(connection, today)


def _index(engine: Engine) -> None:
    try:
        with writing(engine) as connection:
            index_modifications(connection)
            index_codes(connection)
    except DatabaseRefused as problem:
        # A user without the right to create indexes is served all the same, only more slowly.
        log.warning(
            "no index on cbModification or the codes", reason=problem.message, remedy="let an administrator create it"
        )


def _every_key(company: Company, connection: Connection) -> Iterator[str]:
    """The codes of all tiers that take part, page by page."""
    after = ""
    while keys := company.tiers.keys_after(connection, after, CHUNK):
        yield from keys
        after = keys[-1]
