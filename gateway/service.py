"""The operations of the contract as this gateway serves them: a request record in, the response element out.

`SERVED` is the one table of what is served; the rest of the contract answers `not_supported`, and GetConfiguration lists its names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from contracts.codec import escape, instant_text, writer
from contracts.envelope import in_namespace
from contracts.fields import ABSENT, Record
from contracts.messages import (
    CHANGE_SET,
    CONTRACT_VERSION,
    EXECUTE_TRANSACTIONS,
    FINDING,
    GET_CHANGE_LOG,
    GET_CONFIGURATION,
    GET_RECORDS,
    GET_TURNOVER,
    GET_VERSIONS,
    NAMESPACE,
    PAGE_SIZE_MAX,
    RECONNECT_BASE,
    RECORD_VERSION,
    RECORDS_MAX,
    RELEASE_BASE,
    RUN_DIAGNOSTICS,
    SET_RECORDS,
    TRANSACTIONS_MAX,
    WAIT_FOR_CHANGES,
    WAIT_MAX_S,
    EntitySet,
    Operation,
)
from contracts.tables import TOMBSTONE
from gateway.backend import Backend
from gateway.changelog import SetPage
from gateway.checks import CheckResult
from gateway.heads import Heads, Places
from gateway.hold import Hold
from gateway.refusals import ContractRefused, InvalidRequest, NotServed
from gateway.views import VIEWS

MOST_SECONDS: Mapping[str, int] = {GET_CHANGE_LOG.name: 55, WAIT_FOR_CHANGES.name: WAIT_MAX_S}
"""How long a call of the operations that wait may be held."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The response element; and where the caller stands when there is no news and it asked to be kept until there is.

    ``news`` is the answer once there is some, where that is known beforehand; else the request is to be answered again.
    """

    xml: str
    waits_at: Places | None = None
    news: str | None = None


Serve: TypeAlias = "Callable[[Service, Record], Reply]"


class Service:
    """Serves the contract over one company. Blocking: to be called in a thread of its own."""

    def __init__(self, backend: Backend, hold: Hold, *, company: str, page_size: int) -> None:
        self._backend = backend
        self._hold = hold
        self._company = company
        self._page_size = page_size

    def answer(self, operation: Operation, request: Record) -> Reply:
        """The answer to a request that has passed the schema. Raises CallRefused, DatabaseProblem, BaseReleased."""
        serve = SERVED.get(operation.name)
        if serve is None:
            raise NotServed(f"this gateway does not serve {operation.name}")
        if operation in {RELEASE_BASE, RECONNECT_BASE}:
            return serve(self, request)
        with self._hold.using():
            return serve(self, request)

    def look(self) -> Heads:
        """Where the change log ends, after a look at what is new. Raises DatabaseProblem, BaseReleased."""
        with self._hold.using():
            return self._backend.heads(scan=True)

    def ping(self) -> None:
        """Ask the database for a sign of life. Raises DatabaseProblem, BaseReleased."""
        with self._hold.using():
            self._backend.ping()

    def compare_when_due(self) -> None:
        """Read everything again when it is time to; a release breaks it off. Raises DatabaseProblem, BaseReleased."""
        with self._hold.using():
            self._backend.compare_when_due(self._hold.leaving)

    def get_configuration(self, _request: Record) -> Reply:
        """CRM-06, CRM-12, CRM-15."""
        found = self._backend.configuration(SERVED)
        return _wrapped(GET_CONFIGURATION, writer(found.of)(found))

    def get_change_log(self, request: Record) -> Reply:
        """CRM-01: what changed after the cursors, and nothing else when nothing did: one call."""
        _check_version(request)
        seconds = wait_seconds(request)
        wanted = _wanted(request)
        pages = self._backend.change_log(wanted, self._size(request, PAGE_SIZE_MAX))
        head = f"<ContractVersion>{CONTRACT_VERSION}</ContractVersion><Company>{escape(self._company)}</Company>{_now(pages[0])}"
        sets = "".join(map(_change_set, pages))
        quiet = len(pages) == len(wanted) and all(page.at_end and not len(page) for page in pages)
        places = self._backend.places(wanted) if quiet and seconds else None
        return _wrapped(GET_CHANGE_LOG, f"{head}<ChangeSets>{sets}</ChangeSets>", waits_at=places)

    def wait_for_changes(self, request: Record) -> Reply:
        """NEW-07: whether there is something after the cursors; who waits leaves the looking to the watcher."""
        seconds = wait_seconds(request)
        places = self._backend.places(_wanted(request))
        changed = self._backend.heads(scan=not seconds).beyond(places)
        if changed or not seconds:
            return _changed(told=changed)
        return replace(_changed(told=False), waits_at=places, news=_changed(told=True).xml)

    def release_base(self, _request: Record) -> Reply:
        """CRM-58: not a connection to the base is left when this is answered."""
        since = self._hold.release(self._backend.close)
        return _wrapped(RELEASE_BASE, f"<Since>{instant_text(since)}</Since>")

    def reconnect_base(self, _request: Record) -> Reply:
        """CRM-58: the base is served again once it answers."""
        was = self._hold.reconnect(self._backend.ping, self._backend.close)
        return _wrapped(RECONNECT_BASE, f"<WasReleased>{'true' if was else 'false'}</WasReleased>")

    def get_records(self, request: Record) -> Reply:
        """Named records, whatever the cursor."""
        page = self._backend.records(_entity(request.text("name")), _keys(request))
        return _wrapped(GET_RECORDS, _change_set(page, _now(page)))

    def get_versions(self, request: Record) -> Reply:
        """Keys and versions, in order of key."""
        limit = self._size(request, PAGE_SIZE_MAX)
        entity = _entity(request.text("name"))
        versions, at_end = self._backend.versions(entity, request.text("after_key"), limit)
        write = writer(RECORD_VERSION)
        items = "".join(write(RECORD_VERSION.record(key=key, version=version)) for key, version in versions)
        return _wrapped(GET_VERSIONS, f"<Versions>{items}</Versions><AtEnd>{'true' if at_end else 'false'}</AtEnd>")

    def get_turnover(self, request: Record) -> Reply:
        """CRM-48, 'Réactualiser CA'."""
        items = "".join(self._backend.turnover(_keys(request)))
        return _wrapped(GET_TURNOVER, f"<Turnovers>{items}</Turnovers>")

    def execute_transactions(self, request: Record) -> Reply:
        """CRM-01: writes, each in a database transaction of its own."""
        wanted = request.many("transactions")
        if len(wanted) > TRANSACTIONS_MAX:
            words = f"{len(wanted)} transactions, at most {TRANSACTIONS_MAX} are allowed"
            raise InvalidRequest(words, field="Transactions")
        items = "".join(self._backend.execute(wanted))
        return _wrapped(EXECUTE_TRANSACTIONS, f"<Results>{items}</Results>")

    def run_diagnostics(self, _request: Record) -> Reply:
        """CRM-53."""
        items = "".join(map(_finding, self._backend.findings()))
        return _wrapped(RUN_DIAGNOSTICS, f"<Findings>{items}</Findings>")

    def view(self, request: Record) -> Reply:
        """CRM-54, CRM-55: the live view the request is one of."""
        found = self._backend.view(request)
        return Reply(xml=in_namespace(writer(found.of)(found)))

    def _size(self, request: Record, most: int) -> int:
        size = request["page_size"]
        if size is ABSENT or size is None:
            return self._page_size
        if not isinstance(size, int) or not 1 <= size <= most:
            raise InvalidRequest(f"the page size is {size}, 1 to {most} are allowed", field="PageSize")
        return size


SERVED: Mapping[str, Serve] = {
    GET_CONFIGURATION.name: Service.get_configuration,
    GET_CHANGE_LOG.name: Service.get_change_log,
    GET_RECORDS.name: Service.get_records,
    GET_VERSIONS.name: Service.get_versions,
    GET_TURNOVER.name: Service.get_turnover,
    EXECUTE_TRANSACTIONS.name: Service.execute_transactions,
    **dict.fromkeys(VIEWS, Service.view),
    RUN_DIAGNOSTICS.name: Service.run_diagnostics,
    WAIT_FOR_CHANGES.name: Service.wait_for_changes,
    RELEASE_BASE.name: Service.release_base,
    RECONNECT_BASE.name: Service.reconnect_base,
}


def wait_seconds(request: Record) -> int:
    """How long the caller wants to be kept when there is no news; 0 for operations that do not wait. Raises InvalidRequest."""
    most = MOST_SECONDS.get(request.of.name)
    if most is None:
        return 0
    seconds = request.integer("wait_seconds")
    if not 0 <= seconds <= most:
        raise InvalidRequest(f"the wait is {seconds} s, 0 to {most} are allowed", field="WaitSeconds")
    return seconds


def _wanted(request: Record) -> list[tuple[EntitySet, str]]:
    wanted = [(_entity(one.text("name")), one.text("cursor")) for one in request.many("entity_sets")]
    if not wanted:
        raise InvalidRequest("no entity set is asked for", field="EntitySets")
    return wanted


def _changed(*, told: bool) -> Reply:
    return _wrapped(WAIT_FOR_CHANGES, f"<Changed>{'true' if told else 'false'}</Changed>")


def _wrapped(operation: Operation, content: str, *, waits_at: Places | None = None) -> Reply:
    name = operation.response.name
    return Reply(xml=f'<{name} xmlns="{NAMESPACE}">{content}</{name}>', waits_at=waits_at)


def _check_version(request: Record) -> None:
    said = request.text("contract_version")
    if said and said.partition(".")[0] != CONTRACT_VERSION.partition(".")[0]:
        raise ContractRefused(
            f"the caller speaks contract {said}, this gateway {CONTRACT_VERSION}", field="ContractVersion"
        )


def _entity(name: str) -> EntitySet:
    try:
        return EntitySet(name)
    except ValueError:
        known = ", ".join(EntitySet)
        raise InvalidRequest(f"there is no entity set {name!r}: {known}", field="Name") from None


def _keys(request: Record) -> list[str]:
    keys = [one.text("key") for one in request.many("keys")]
    if len(keys) > RECORDS_MAX:
        raise InvalidRequest(f"{len(keys)} keys, at most {RECORDS_MAX} are allowed", field="Keys")
    return list(dict.fromkeys(keys))


def _records_part(entity: EntitySet) -> str:
    return CHANGE_SET.parts[CHANGE_SET.index[SET_RECORDS[entity]]].name


_PARTS = {entity: _records_part(entity) for entity in EntitySet}


def _now(page: SetPage) -> str:
    return f"<Now>{instant_text(page.now)}</Now>" if page.now else ""


def _change_set(page: SetPage, now: str = "") -> str:
    part = _PARTS[page.entity]
    return (
        f"<ChangeSet><Name>{page.entity.value}</Name><NextCursor>{page.cursor}</NextCursor>"
        f"<AtEnd>{'true' if page.at_end else 'false'}</AtEnd><Remaining>{page.remaining}</Remaining>{now}"
        f"<{part}>{''.join(page.records)}</{part}><Tombstones>{_tombstones(page.tombstones)}</Tombstones></ChangeSet>"
    )


def _tombstones(gone: Sequence[tuple[str, str]]) -> str:
    write = writer(TOMBSTONE)
    return "".join(write(TOMBSTONE.record(key=key, reason=reason)) for key, reason in gone)


def _finding(result: CheckResult) -> str:
    example = next(part for part in FINDING.parts if part.name == "Examples")
    items = [example.of.record(key=key) for key in result.examples]  # type: ignore[union-attr]
    return writer(FINDING)(
        FINDING.record(
            check=result.check,
            title=result.title,
            severity="ok" if result.passed else result.severity.value,
            count=result.count,
            remedy="" if result.passed else result.remedy,
            examples=items,
        )
    )
