"""What the gateway knows of the base at this moment: its columns, lists and years, and the readers made for them.

Columns and definitions can change under a running gateway; each transaction looks again, and prepares the readers anew only when
something they depend on has moved.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from contracts.messages import CONTRACT_VERSION, EntitySet
from contracts.tables import ADDRESS, CONTACT, TIERS
from gateway.catalogue import FreeFieldReader, RepresentativeReader
from gateway.ledger import Found
from gateway.lists import FiscalYear, fiscal_years, payment_methods, risks
from gateway.probe import Probe, probe_connection
from gateway.reader import Lists, TiersReader
from gateway.sage import CB_SYSLIBRE, F_DOCENTETE
from gateway.settings import Synchronise
from gateway.turnover import TurnoverReader, Years, years_at


class SetReader(Protocol):
    """Reads the records of one entity set."""

    def read(self, connection: Connection, keys: Sequence[str]) -> dict[str, Found]:
        """The records of these keys as they are now."""

    def keys_after(self, connection: Connection, after: str, limit: int) -> list[str]:
        """The next keys in order."""


@dataclass(frozen=True, kw_only=True)
class Company:
    """The base as it is now. A profile changes when every record of the set must be read again."""

    probe: Probe
    lists: Lists
    years: Years
    fiscal_years: tuple[FiscalYear, ...]
    free_fields: FreeFieldReader
    representatives: RepresentativeReader
    tiers: TiersReader
    turnover: TurnoverReader
    tiers_profile: str
    turnover_profile: str

    def reader(self, entity: EntitySet) -> SetReader:
        """The reader of an entity set."""
        readers: Mapping[EntitySet, SetReader] = {
            EntitySet.FREE_FIELDS: self.free_fields,
            EntitySet.REPRESENTATIVES: self.representatives,
            EntitySet.TIERS: self.tiers,
            EntitySet.TURNOVER: self.turnover,
        }
        return readers[entity]


class CompanyWatch:
    """Looks at the base and hands out the present `Company`; safe to share between threads."""

    def __init__(self, options: Synchronise, *, zone: ZoneInfo) -> None:
        self._options = options
        self._zone = zone
        self._lock = Lock()
        self._probe: Probe | None = None
        self._definitions: tuple[Any, ...] = ()
        self._company: Company | None = None

    def forget(self) -> None:
        """Look at the columns afresh next time: a statement failed, the base may have been altered."""
        with self._lock:
            self._probe = None

    def last(self, connection: Connection, today: dt.date) -> Company:
        """The company as it was last looked at: a page follows a scan that just did."""
        return self._company or self.look(connection, today)

    def look(self, connection: Connection, today: dt.date) -> Company:
        """The company as this connection sees it today. Raises NotSage."""
        with self._lock:
            probe = self._present_probe(connection)
            lists = Lists(risks=risks(connection, probe), payment_methods=payment_methods(connection, probe))
            calendar = fiscal_years(connection, probe)
            years = years_at(calendar, today)
            known = self._company
            if known is None or (known.probe, known.lists, known.years) != (probe, lists, years):
                known = self._prepared(probe, lists, calendar, years)
                self._company = known
            return known

    def _present_probe(self, connection: Connection) -> Probe:
        probe = self._probe
        if probe is not None and probe.has(CB_SYSLIBRE.name):
            definitions = _definitions(connection)
            incomplete = any(field.kind and not field.present for field in probe.free_fields)
            if definitions == self._definitions and not incomplete:
                return probe
        if probe is None or probe.has(CB_SYSLIBRE.name):
            probe = probe_connection(connection)
            self._definitions = _definitions(connection) if probe.has(CB_SYSLIBRE.name) else ()
            self._probe = probe
        return probe

    def _prepared(self, probe: Probe, lists: Lists, calendar: tuple[FiscalYear, ...], years: Years) -> Company:
        return Company(
            probe=probe,
            lists=lists,
            years=years,
            fiscal_years=calendar,
            free_fields=FreeFieldReader(probe),
            representatives=RepresentativeReader(probe),
            tiers=TiersReader(probe, self._options, lists, self._zone),
            turnover=TurnoverReader(probe, self._options, years),
            tiers_profile=_profile(_shape(), probe.lengths, probe.free_fields, self._options, lists),
            turnover_profile=_profile(CONTRACT_VERSION, years, self._options, probe.lengths.get(F_DOCENTETE.name, {})),
        )


def _definitions(connection: Connection) -> tuple[Any, ...]:
    return tuple(
        tuple(row)
        for row in connection.execute(select(CB_SYSLIBRE.c.CB_Name, CB_SYSLIBRE.c.CB_Type, CB_SYSLIBRE.c.CB_File))
    )


def _shape() -> str:
    return CONTRACT_VERSION + "|".join(part.name for struct in (TIERS, ADDRESS, CONTACT) for part in struct.parts)


def _profile(*parts: object) -> str:
    return blake2b("\n".join(map(_stable, parts)).encode(), digest_size=12).hexdigest()


def _stable(part: object) -> str:
    """A text that is the same in every process: mappings in order of key."""
    if isinstance(part, Mapping):
        return str(sorted((str(key), _stable(value)) for key, value in part.items()))
    if isinstance(part, Lists):
        return _stable(part.risks) + _stable(part.payment_methods)
    return repr(part)
