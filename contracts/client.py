"""The SOAP client of the contract: zeep writes the call from the WSDL, our decoder reads the reply.

zeep's own objects are not used for replies: they lose what is not valid without a word (a date becomes None, ``oui`` becomes
False) and cost five to ten times the parse. See docs/decisions/002-decoder.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from types import TracebackType
from typing import Any, Self

import zeep.exceptions
from lxml import etree
from requests import Response
from zeep import Client, Settings
from zeep.transports import Transport
from zeep.wsdl import Document

from contracts.codec import instant_text, legible
from contracts.envelope import DOCUMENT_BYTES_MAX, body_of, parse, raise_fault
from contracts.errors import ContractError
from contracts.fields import ABSENT, Field, Kind, Many, One, Part, Record, Value
from contracts.messages import (
    CONTRACT_VERSION,
    EXECUTE_TRANSACTIONS,
    GET_CHANGE_LOG,
    GET_CONFIGURATION,
    GET_RECORDS,
    GET_TURNOVER,
    GET_VERSIONS,
    NAMESPACE,
    PAGE_SIZE_MAX,
    RECONNECT_BASE,
    RECORD_KEY,
    RELEASE_BASE,
    SET_REQUEST,
    WAIT_FOR_CHANGES,
    EntitySet,
    Operation,
)
from contracts.page import Changes, Page, read_page, read_records
from contracts.results import read_results
from contracts.schema import WSDL_FILE, contract_file
from contracts.transport import GatewayTransport
from contracts.validation import validated

_BINDING = f"{{{NAMESPACE}}}Sage100GatewaySoap"


class GatewayClient:
    """Calls one gateway. Not to be shared between threads, but for ``interrupt``; closing it ends its connections.

    ``timeout_s`` bounds each call as a whole, ``bytes_max`` its reply. Errors: Unreachable, RemoteFault (NotOffered where the
    gateway is older, BaseReleased), MalformedReply, ContractError, VersionMismatch.
    """

    def __init__(
        self, url: str, user: str, password: str, *, timeout_s: float = 60.0, bytes_max: int = DOCUMENT_BYTES_MAX
    ) -> None:
        self._transport = GatewayTransport(url, user, password, timeout_s=timeout_s, bytes_max=bytes_max)
        client = Client(_contract(), transport=self._transport, settings=_settings())  # type: ignore[no-untyped-call]
        self._service = client.create_service(_BINDING, self._transport.url)  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        return f"GatewayClient({self._transport.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._transport.session.close()

    def interrupt(self) -> None:
        """From another thread: cut the call under way, which then raises Unreachable; nothing happens without one."""
        self._transport.interrupt()

    @property
    def calls(self) -> int:
        """How many calls were made, retries included."""
        return int(self._transport.calls)

    def call(self, operation: Operation, request: Record | None = None) -> etree._Element:
        """The element in the body of the reply, faults raised; for replies to be read record by record."""
        return answer(self.reply(operation, request))

    def reply(self, operation: Operation, request: Record | None = None) -> bytes:
        """The bytes of the reply, not yet looked at."""
        arguments = {} if request is None else _arguments(request)
        try:
            response: Response = self._service[operation.name](**arguments)
        except zeep.exceptions.ValidationError as error:
            raise ContractError(
                f"the request is not complete: {error.message}",
                code="request_incomplete",
                remedy="Say what the message names; the program that made the request is at fault.",
            ) from None
        return response.content

    def ask(self, operation: Operation, request: Record | None = None) -> Record:
        """The reply as a record that is valid as a whole; for small calls."""
        return validated(self.call(operation, request), operation.response)

    def get_configuration(self) -> Record:
        """A record of CONFIGURATION: what is on the other side."""
        configuration = self.ask(GET_CONFIGURATION).one("configuration")
        if configuration is None:
            raise ContractError("the reply holds no configuration")
        return configuration

    def get_change_log(self, cursors: Mapping[EntitySet, str], *, page_size: int | None = None) -> Page:
        """The page of changes after these cursors, the sets in the order given; '' is the beginning."""
        return read_page(answer(self.change_log_reply(cursors, page_size=page_size)))

    def change_log_reply(self, cursors: Mapping[EntitySet, str], *, page_size: int | None = None) -> bytes:
        """The same reply as bytes, for a reader in another thread."""
        return self.reply(GET_CHANGE_LOG, change_log_request(cursors, page_size=page_size))

    def get_records(self, entity_set: EntitySet, keys: Iterable[str]) -> Changes:
        """Named records as they are now, at most 500; a tombstone for each that is not there."""
        request = GET_RECORDS.request.record(name=entity_set.value, keys=_keys(keys))
        return read_records(self.call(GET_RECORDS, request))

    def get_versions(
        self, after_key: str = "", *, entity_set: EntitySet = EntitySet.TIERS, page_size: int = PAGE_SIZE_MAX
    ) -> tuple[list[tuple[str, str]], bool]:
        """The next keys in the order of the ERP, each with the version of its content now, and whether these were the last."""
        request = GET_VERSIONS.request.record(name=entity_set.value, after_key=after_key, page_size=page_size)
        page = self.ask(GET_VERSIONS, request)
        return [(one.text("key"), one.text("version")) for one in page.many("versions")], page.flag("at_end")

    def get_turnover(self, keys: Iterable[str]) -> list[Record]:
        """Records of TURNOVER of these tiers, at most 500, computed now; of all when none is named."""
        return self.ask(GET_TURNOVER, GET_TURNOVER.request.record(keys=_keys(keys))).many("turnovers")

    def execute(self, transactions: Sequence[Record]) -> list[Record]:
        """The records of TRANSACTION_RESULT for these of TRANSACTION, at most 500, as ``read_results`` reads them."""
        request = EXECUTE_TRANSACTIONS.request.record(transactions=list(transactions))
        return read_results(self.call(EXECUTE_TRANSACTIONS, request))

    def wait_for_changes(self, cursors: Mapping[EntitySet, str], wait_s: int) -> bool:
        """Whether there is something after these cursors (NEW-07); held for so many seconds at most (60) while there is nothing.

        ``timeout_s`` comes on top of the wait. Raises NotOffered, and BaseReleased as soon as the base is.
        """
        request = WAIT_FOR_CHANGES.request.record(wait_seconds=wait_s, entity_sets=_set_requests(cursors))
        with self._transport.longer_by(wait_s):
            return self.ask(WAIT_FOR_CHANGES, request).flag("changed")

    def release_base(self) -> datetime | None:
        """Have the gateway close all its connections to the ERP base (CRM-58); since when it is released.

        Raises NotOffered; RemoteFault('base_in_use') when calls under way do not end: ask again, nothing new is served meanwhile.
        """
        return self.ask(RELEASE_BASE).instant("since")

    def reconnect_base(self) -> bool:
        """Have the gateway serve the ERP base again (CRM-58); False when it was not released.

        Raises NotOffered, and RemoteFault when the base does not answer: then it stays released.
        """
        return self.ask(RECONNECT_BASE).flag("was_released")


@cache
def _contract() -> Document:
    """The contract as zeep reads it: once in a process, for reading it takes longer than most calls."""
    return Document(str(contract_file(WSDL_FILE)), Transport(), settings=_settings())  # type: ignore[arg-type, no-untyped-call]


def _settings() -> Settings:
    return Settings(raw_response=True, forbid_entities=True, forbid_external=True)


def answer(document: bytes) -> etree._Element:
    """The element in the body of a reply; raises the fault it may hold."""
    body = body_of(parse(document))
    raise_fault(body)
    return body


def _keys(keys: Iterable[str]) -> list[Record]:
    return [RECORD_KEY.record(key=key) for key in keys]


def change_log_request(cursors: Mapping[EntitySet, str], *, page_size: int | None = None) -> Record:
    """The request of GetChangeLog for these cursors."""
    return GET_CHANGE_LOG.request.record(
        contract_version=CONTRACT_VERSION,
        page_size=ABSENT if page_size is None else page_size,
        entity_sets=_set_requests(cursors),
    )


def _set_requests(cursors: Mapping[EntitySet, str]) -> list[Record]:
    return [SET_REQUEST.record(name=name.value, cursor=cursor) for name, cursor in cursors.items()]


def _arguments(record: Record) -> dict[str, Any]:
    """A record as zeep takes it: names to values, what is not said left out."""
    return {
        part.name: _argument(value, part)
        for part, value in zip(record.of.parts, record.values, strict=True)
        if value is not ABSENT and not (value is None and _has_no_empty(part))
    }


def _has_no_empty(part: Part) -> bool:
    # zeep would write an emptied flag as false; like the writer, leave out what has no empty form.
    return not isinstance(part, Field) or part.kind not in {Kind.TEXT, Kind.CODE}


def _argument(value: Value, part: Part) -> Any:
    if isinstance(part, Many) and isinstance(value, list):
        return {part.of.name: [_arguments(item) for item in value]}
    if isinstance(part, One) and isinstance(value, Record):
        return _arguments(value)
    if isinstance(value, date):
        # zeep writes a year before 1000 without its zeros.
        return instant_text(value) if isinstance(value, datetime) else value.isoformat()
    # An emptied text is an empty element; None would be left out, which means 'not said'.
    return legible(value) if isinstance(value, str) else "" if value is None else value
