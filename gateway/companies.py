"""Loading a file of companies into a Sage 100 base, each row as a client tiers.

Rules:
- A row goes in with values fitted to the base (`gateway.company_rows`), under a code made from its name (CRM-20).
- It is refused without a name, with another number of fields than the header, or when it repeats an earlier
  row of the file exactly. A SIRET met before is loaded, since an establishment may be listed under two names,
  and noted as a likely duplicate.
- A row already in the base (same SIRET and name; without SIRET same name, postcode and address) is left alone,
  as often as the base holds it: running the load again, or after an interruption, adds what is missing.
- Every 500 rows are one transaction; a row the database refuses does not take the others with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, select

from gateway.clock import DEFAULT_ZONE, wall_clock
from gateway.codes import CodeBook
from gateway.company_file import read_rows
from gateway.company_rows import FittedRow, SourceRow, fit_row, identity_of
from gateway.database import is_empty, reading, writing
from gateway.demo.edits import next_number
from gateway.demo.parameters import write_parameters
from gateway.errors import DatabaseRefused
from gateway.load_report import Finding, LoadSummary, LoadTally, Outcome, Reason
from gateway.probe import probe
from gateway.sage import F_COMPTET, F_COMPTETG, F_LIVRAISON, SAGE
from gateway.sage.defaults import NewTiers, new_tiers

CHUNK = 500
UNLIMITED = 1_000_000
Report = Callable[[Finding], None]


def load_companies(
    engine: Engine, path: Path, *, company: str, report: Report, zone: str = DEFAULT_ZONE
) -> LoadSummary:
    """Load the file; every row adjusted, noted or refused goes to `report`, after its chunk is committed.

    In an empty database the tables and parameters of `company` are made first. Raises InputInvalid for the file,
    DatabaseProblem for the database; the chunks before it stay loaded.
    """
    rows = read_rows(path)
    # Reading the first row checks the file before anything is written.
    first = tuple(islice(rows, 1))
    _prepare(engine, company, zone)
    loader = _Loader(engine, report, zone)
    for chunk in _chunks(chain(first, rows)):
        loader.load(chunk)
    return loader.tally.summary()


def _prepare(engine: Engine, company: str, zone: str) -> None:
    if is_empty(engine):
        with writing(engine) as connection:
            SAGE.create_all(connection)
            write_parameters(connection, company, wall_clock(zone))


def _chunks(rows: Iterable[SourceRow | Finding]) -> Iterator[list[SourceRow | Finding]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk


class _Loader:
    """Loads chunk after chunk, remembering codes, SIRETs and the tiers that were there before."""

    def __init__(self, engine: Engine, report: Report, zone: str) -> None:
        self._engine, self._report, self._zone = engine, report, zone
        self._probe = probe(engine)
        self._present: Counter[int] = Counter()
        self._sirets: dict[str, str] = {}
        self._codes = CodeBook(self._remember())
        self.tally = LoadTally()

    def load(self, chunk: list[SourceRow | Finding]) -> None:
        """Load one chunk in one transaction, or row by row when the database refuses one of them."""
        self.tally.read += len(chunk)
        findings = [item for item in chunk if isinstance(item, Finding)]
        rows = [fit_row(item, self._length) for item in chunk if isinstance(item, SourceRow)]
        accepted = [row for row in rows if self._accepts(row)]
        for row in accepted:
            self._give_code(row)
        try:
            self._write(accepted)
        except DatabaseRefused:
            self._write_one_by_one(accepted)
        findings += [finding for row in rows for finding in row.told()]
        self._count(rows, findings)

    def _remember(self) -> Iterator[str]:
        tiers = F_COMPTET.c
        columns = (tiers.CT_Num, tiers.CT_Intitule, tiers.CT_Siret, tiers.CT_CodePostal, tiers.CT_Adresse)
        with reading(self._engine) as connection:
            for row in connection.execute(select(*columns)).mappings():
                values = {name: row[name] or "" for name in row}
                self._present[hash(identity_of(values))] += 1
                self._sirets.setdefault(values["CT_Siret"], values["CT_Num"])
                yield values["CT_Num"]

    def _length(self, column: str) -> int:
        table = F_LIVRAISON if column.startswith("LI_") else F_COMPTET
        # A column this version lacks is not written: any length will do.
        known = self._probe.has(table.name, column)
        return (self._probe.length(table.name, column) if known else None) or UNLIMITED

    def _accepts(self, row: FittedRow) -> bool:
        """Whether to create this tiers; a refusal or 'already there' is told in its findings."""
        if not row.name:
            row.findings.clear()
            row.tell(Outcome.REFUSED, Reason.NO_NAME, "name", "", "")
            return False
        identity = hash(row.identity)
        if self._present[identity] > 0:
            self._present[identity] -= 1
            row.findings.clear()
            row.tell(Outcome.ALREADY_THERE, Reason.ALREADY_THERE, "", "", "")
            return False
        return True

    def _give_code(self, row: FittedRow) -> None:
        row.code = self._codes.next_code(row.name)
        siret = row.columns["CT_Siret"]
        if siret and siret in self._sirets:
            row.tell(Outcome.NOTED, Reason.LIKELY_DUPLICATE, "siret", siret, self._sirets[siret])
        self._sirets.setdefault(siret, row.code)

    def _write(self, rows: list[FittedRow]) -> None:
        if rows:
            with writing(self._engine) as connection:
                self._insert(connection, rows)

    def _write_one_by_one(self, rows: list[FittedRow]) -> None:
        for row in rows:
            try:
                self._write([row])
            except DatabaseRefused as problem:
                row.findings.clear()
                row.tell(Outcome.REFUSED, Reason.DATABASE_REFUSED, "", problem.message, "")

    def _insert(self, connection: Connection, rows: list[FittedRow]) -> None:
        at = wall_clock(self._zone)
        made = [new_tiers(row.code, at=at, name=row.columns["CT_Intitule"], **_others(row)) for row in rows]
        number = next_number(connection, F_LIVRAISON.c.LI_No)
        deliveries = [
            _delivery(new, row, number + offset) for offset, (new, row) in enumerate(zip(made, rows, strict=True))
        ]
        self._insert_rows(connection, F_COMPTET, [new.tiers for new in made])
        self._insert_rows(connection, F_COMPTETG, [new.account for new in made])
        self._insert_rows(connection, F_LIVRAISON, deliveries)

    def _insert_rows(self, connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
        """Insert what this version of the base has columns for."""
        present = {known.name for known in self._probe.columns(table)}
        kept = [{name: value for name, value in row.items() if name in present} for row in rows]
        connection.execute(table.insert(), kept)

    def _count(self, rows: list[FittedRow], findings: list[Finding]) -> None:
        tally = self.tally
        outcomes = Counter(finding.outcome for finding in findings)
        tally.refused += outcomes[Outcome.REFUSED]
        tally.already_there += outcomes[Outcome.ALREADY_THERE]
        loaded = [row for row in rows if row.loaded]
        tally.loaded += len(loaded)
        tally.adjusted += sum(row.adjusted for row in loaded)
        tally.reasons.update(finding.reason for finding in findings)
        for finding in sorted(findings, key=lambda finding: finding.line):
            self._report(finding)


def _others(row: FittedRow) -> dict[str, Any]:
    return {name: value for name, value in row.columns.items() if name != "CT_Intitule"}


def _delivery(new: NewTiers, row: FittedRow, number: int) -> dict[str, Any]:
    title = row.delivery_title or new.delivery["LI_Intitule"]
    return {**new.delivery, "LI_No": number, "LI_Intitule": title}
