"""What the client sends is valid by the contract and says what was meant; any SOAP stack reads what is answered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
import zeep
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from zeep.helpers import serialize_object

from contracts.client import GatewayClient, answer, change_log_request
from contracts.codec import reader
from contracts.envelope import message
from contracts.errors import ContractError
from contracts.fields import Many, Record
from contracts.messages import (
    CHANGE_SET,
    EXECUTE_TRANSACTIONS,
    GET_CHANGE_LOG,
    GET_RECORDS,
    NAMESPACE,
    OPERATIONS,
    TRANSACTION,
    VIEW_ENTRIES,
    EntitySet,
    Operation,
)
from contracts.schema import WSDL_FILE, contract_file
from contracts.tables import CONTACT, TIERS
from contracts.validation import violations
from tests.contracts.misbehaving import MisbehavingServer, http, sends
from tests.contracts.strategies import as_read, records, sample

OK = sends(http(b"<a/>"))
PROPERTY = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.fixture(scope="module")
def server() -> Iterator[MisbehavingServer]:
    with MisbehavingServer(OK) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: MisbehavingServer) -> Iterator[GatewayClient]:
    with GatewayClient(server.url, "erp", "secret") as running:
        yield running


def sent(client: GatewayClient, server: MisbehavingServer, operation: Operation, request: Record) -> Record:
    """The request as it arrived."""
    client.reply(operation, request)
    body = answer(server.requests.pop().split(b"\r\n\r\n", 1)[1])
    assert violations(body, operation.request) == []
    return reader(operation.request)(body)


@pytest.mark.req("CRM-02")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@PROPERTY
@given(data=st.data())
def test_every_request_arrives_as_it_was_meant(
    client: GatewayClient, server: MisbehavingServer, operation: Operation, data: st.DataObject
) -> None:
    request = data.draw(records(operation.request))

    assert sent(client, server, operation, request) == as_read(request)


@pytest.mark.req("CRM-02")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_request_that_says_everything_arrives(
    client: GatewayClient, server: MisbehavingServer, operation: Operation
) -> None:
    assert sent(client, server, operation, sample(operation.request)) == sample(operation.request)


def transaction_of(tiers: Record) -> Record:
    transaction = TRANSACTION.record(id="1", action="update", tiers=tiers)
    return EXECUTE_TRANSACTIONS.request.record(transactions=[transaction])


@pytest.mark.guarantees
@pytest.mark.req("CRM-02")
def test_an_emptied_flag_is_not_sent_as_false(client: GatewayClient, server: MisbehavingServer) -> None:
    request = transaction_of(TIERS.record(type="client", name="n", dormant=None, siret=None))

    (transaction,) = sent(client, server, EXECUTE_TRANSACTIONS, request).many("transactions")

    assert transaction.one("tiers") == TIERS.record(type="client", name="n", siret=None)


def test_characters_xml_cannot_hold_are_left_out(client: GatewayClient, server: MisbehavingServer) -> None:
    request = transaction_of(
        TIERS.record(type="client", name="a\x00b\x1f\ud800c\r\n", contacts=[CONTACT.record(last_name="\x0b")])
    )

    (transaction,) = sent(client, server, EXECUTE_TRANSACTIONS, request).many("transactions")

    assert transaction.one("tiers") == TIERS.record(
        type="client", name="abc\r\n", contacts=[CONTACT.record(last_name=None)]
    )


def test_a_request_without_what_is_required_is_a_typed_error(client: GatewayClient) -> None:
    with pytest.raises(ContractError, match="Missing element Name") as caught:
        client.reply(EXECUTE_TRANSACTIONS, transaction_of(TIERS.record(type="client")))

    assert caught.value.problem_code == "request_incomplete"


def test_the_change_log_is_asked_for_in_the_order_given(client: GatewayClient, server: MisbehavingServer) -> None:
    cursors = {EntitySet.TIERS: "e-4-0", EntitySet.FREE_FIELDS: ""}

    request = sent(client, server, GET_CHANGE_LOG, change_log_request(cursors, page_size=500))

    assert [(wanted.text("name"), wanted["cursor"]) for wanted in request.many("entity_sets")] == [
        ("tiers", "e-4-0"),
        ("free_fields", None),
    ]
    assert (request.text("contract_version"), request.integer("page_size")) == ("1.1", 500)


def test_named_records_are_asked_for_by_key() -> None:
    with (
        MisbehavingServer(sends(http(message(sample_records())))) as server,
        GatewayClient(server.url, "erp", "secret") as client,
    ):
        changes = client.get_records(EntitySet.TIERS, ["A", "B"])
    request = reader(GET_RECORDS.request)(answer(server.requests[0].split(b"\r\n\r\n", 1)[1]))

    assert [key.text("key") for key in request.many("keys")] == ["A", "B"]
    assert [record.text("code") for record in changes.records] == ["A"]


def sample_records() -> Record:
    tiers = TIERS.record(code="A", type="client", name="n")
    changes = CHANGE_SET.record(name="tiers", next_cursor="e-1-0", at_end=True, tiers_list=[tiers])
    return GET_RECORDS.response.record(change_set=changes)


@pytest.mark.req("CRM-02")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_zeep_reads_every_reply_as_any_other_stack_would(operation: Operation) -> None:
    reply = message(sample(operation.response))
    strict = zeep.Settings(strict=True, forbid_external=True)
    plain = zeep.Client(str(contract_file(WSDL_FILE)), settings=strict)  # type: ignore[no-untyped-call]
    with MisbehavingServer(sends(http(reply))) as server:
        service = plain.create_service(f"{{{NAMESPACE}}}Sage100GatewaySoap", server.url)  # type: ignore[no-untyped-call]
        result = service[operation.name](**required(operation))
        plain.transport.session.close()

    serialized = serialize_object(result, dict)  # type: ignore[no-untyped-call]
    assert unwrapped(operation, serialized) == zeeped(sample(operation.response))


def unwrapped(operation: Operation, result: object) -> object:
    """The parts of the reply; zeep takes the only part, and the only list in it, out of their wrappers."""
    first, *others = operation.response.parts
    if others:
        return result
    return {first.name: {first.of.name: result} if isinstance(first, Many) else result}


def required(operation: Operation) -> dict[str, str]:
    return {part.name: "A1" for part in operation.request.fields if part.required}


def zeeped(record: Record) -> dict[str, object]:
    """The record as zeep's objects have it: wrappers hold their items under the items' name."""
    told: dict[str, object] = {}
    for part, value in zip(record.of.parts, record.values, strict=True):
        if isinstance(value, list):
            told[part.name] = {value[0].of.name: [zeeped(item) for item in value]}
        else:
            told[part.name] = zeeped(value) if isinstance(value, Record) else value
    return told


def test_an_entry_keeps_its_types_on_the_way() -> None:
    (_, entries) = VIEW_ENTRIES.response.parts
    entry = entries.of.record(key=7, date=date(1753, 1, 1), debit=Decimal("0.000001"))  # type: ignore[union-attr]
    body = answer(message(VIEW_ENTRIES.response.record(total=1, entries=[entry])))

    assert etree.QName(body).localname == "ViewEntriesResponse"
    assert reader(VIEW_ENTRIES.response)(body).many("entries") == [entry]
