"""What one side says is what the other side reads."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from contracts.codec import escape, legible, reader, writer
from contracts.envelope import body_of, fault_message, message, parse
from contracts.errors import ContractError
from contracts.fields import ABSENT, Field, Kind, Record, Struct, Value
from contracts.messages import EXECUTE_TRANSACTIONS, FAULT, NAMESPACE, OPERATIONS, TRANSACTION
from contracts.schema import validator
from contracts.tables import TIERS
from contracts.validation import violations
from tests.contracts.strategies import FORBIDDEN, SAMPLES, as_read, instants, records, sample, texts, values

MESSAGES = [struct for operation in OPERATIONS for struct in (operation.request, operation.response)] + [FAULT]
EVERY_KIND = Struct("EveryKind", tuple(Field(name=kind.name.capitalize(), kind=kind) for kind in Kind))
PROPERTY = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def through_the_wire(record: Record) -> Record:
    body = body_of(parse(message(record)))
    assert validator().validate(body), validator().error_log
    return reader(record.of)(body)


@pytest.mark.req("CRM-02")
@pytest.mark.parametrize("struct", MESSAGES, ids=lambda struct: struct.name)
@PROPERTY
@given(data=st.data())
def test_every_message_arrives_as_it_was_sent_and_is_valid(struct: Struct, data: st.DataObject) -> None:
    record = data.draw(records(struct))

    assert through_the_wire(record) == as_read(record)


@pytest.mark.req("CRM-02")
@pytest.mark.parametrize("struct", MESSAGES, ids=lambda struct: struct.name)
def test_a_message_that_says_everything_arrives(struct: Struct) -> None:
    assert through_the_wire(sample(struct)) == sample(struct)


@PROPERTY
@given(record=records(EVERY_KIND))
def test_every_kind_of_value_arrives(record: Record) -> None:
    document = f'<x xmlns="{NAMESPACE}">{writer(EVERY_KIND)(record)}</x>'.encode()

    assert reader(EVERY_KIND)(parse(document)[0]) == as_read(record)


@pytest.mark.req("CRM-02")
def test_absent_emptied_and_valued_stay_three_different_things() -> None:
    sent = TIERS.record(type="client", name="n", siret=None, fax=ABSENT, phone="", email="a@b.fr", contacts=[])

    (tiers,) = parse(f'<x xmlns="{NAMESPACE}">{writer(TIERS)(sent)}</x>'.encode())
    read = reader(TIERS)(tiers)

    assert (read["siret"], read["phone"]) == (None, None)
    assert read["fax"] is ABSENT
    assert read["email"] == "a@b.fr"
    assert (read["contacts"], read["addresses"]) == ([], ABSENT)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in {Kind.TEXT, Kind.CODE}])
def test_an_emptied_typed_value_is_left_out_since_an_empty_element_would_be_invalid(kind: Kind) -> None:
    struct = Struct("Holder", (Field(name="Value", kind=kind),))

    assert writer(struct)(struct.record(value=None)) == "<Holder></Holder>"


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in {Kind.TEXT, Kind.CODE}])
def test_an_empty_typed_element_of_another_stack_reads_as_none(kind: Kind) -> None:
    struct = Struct("EmptyHolder", (Field(name="Value", kind=kind),))

    read = reader(struct)(parse(f'<EmptyHolder xmlns="{NAMESPACE}"><Value> </Value></EmptyHolder>'.encode()))

    assert read["value"] is None


@settings(deadline=None)
@given(text=st.text(st.characters() | st.sampled_from(FORBIDDEN)))
def test_characters_xml_cannot_hold_are_left_out_and_the_others_arrive(text: str) -> None:
    root = parse(f"<a>{escape(text)}</a>".encode())

    assert (root.text or "") == legible(text)
    assert set(text) - set(legible(text)) <= set(FORBIDDEN) | {chr(code) for code in range(0xD800, 0xE000)} | {
        chr(code) for code in range(32) if chr(code) not in "\t\n\r"
    }


@settings(deadline=None)
@given(text=texts(None))
def test_text_that_xml_can_hold_is_not_touched(text: str) -> None:
    assert legible(text) == text


@given(instant=instants())
def test_an_instant_is_sent_with_its_offset(instant: datetime) -> None:
    struct = Struct("Moment", (Field(name="At", kind=Kind.INSTANT),))

    text = writer(struct)(struct.record(at=instant))

    assert text.endswith("Z</At></Moment>")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-21T08:30:00Z", datetime(2026, 11, 21, 8, 30, tzinfo=UTC)),
        ("2026-11-21T08:30:00+02:00", datetime(2026, 11, 21, 6, 30, tzinfo=UTC)),
        ("2026-11-21T08:30:00", datetime(2026, 11, 21, 8, 30, tzinfo=UTC)),  # Mono
        ("2026-11-21T08:30:00.1234567Z", datetime(2026, 11, 21, 8, 30, 0, 123456, tzinfo=UTC)),
        ("2026-11-21T24:00:00Z", datetime(2026, 11, 22, tzinfo=UTC)),
        ("\n 2026-11-21T08:30:00Z ", datetime(2026, 11, 21, 8, 30, tzinfo=UTC)),
    ],
)
def test_instants_of_other_stacks_are_read(text: str, instant: datetime) -> None:
    assert read_one(Kind.INSTANT, text) == instant


@pytest.mark.parametrize("text", ["2026-11-21", "2026-11-21+02:00", "2026-11-21Z", " 2026-11-21-05:00 "])
def test_dates_of_other_stacks_are_read(text: str) -> None:
    assert read_one(Kind.DATE, text) == date(2026, 11, 21)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.DATE, "12026-01-01"),
        (Kind.DATE, "-0001-01-01"),
        (Kind.DATE, "oui"),
        (Kind.INSTANT, "0001-01-01T00:00:00+14:00"),
        (Kind.INSTANT, "hier"),
        (Kind.INTEGER, "douze"),
        (Kind.AMOUNT, "12,5"),
    ],
)
def test_a_value_that_cannot_be_read_is_a_typed_error_that_names_the_field(kind: Kind, text: str) -> None:
    with pytest.raises(ContractError) as caught:
        read_one(kind, text)

    assert caught.value.field == "Value"
    assert text in caught.value.message


def read_one(kind: Kind, text: str) -> object:
    struct = Struct(f"One{kind.name.capitalize()}", (Field(name="Value", kind=kind),))
    return reader(struct)(parse(f'<One xmlns="{NAMESPACE}"><Value>{text}</Value></One>'.encode()))["value"]


@pytest.mark.parametrize("value", [True, "x", Decimal("0.1"), datetime(2026, 1, 1, tzinfo=UTC)])
def test_typed_access_gives_the_neutral_value_for_another_type(value: bool | str | Decimal | datetime) -> None:
    record = EVERY_KIND.record(text=value if not isinstance(value, str) else None, date=value)

    assert record.text("text") == ""
    assert record.day("date") is None
    assert (record.amount("amount"), record.integer("integer"), record.flag("flag")) == (Decimal(0), 0, False)


@pytest.mark.req("CRM-02")
@settings(deadline=None)
@given(detail=records(FAULT))
def test_a_fault_says_whose_mistake_it_is_and_holds_the_whole_detail(detail: Record) -> None:
    fault = body_of(parse(fault_message(detail, client=True)))
    held = fault.find(f"detail/{{{NAMESPACE}}}{FAULT.name}")

    assert fault.findtext("faultcode") == "s:Client"
    assert held is not None
    assert validator().validate(held), validator().error_log
    assert reader(FAULT)(held) == as_read(detail)


@pytest.mark.parametrize("kind", list(Kind))
def test_prefixes_comments_and_cdata_of_other_stacks_change_nothing(kind: Kind) -> None:
    plain = writer(EVERY_KIND)(EVERY_KIND.record(**{kind.value: SAMPLES[kind]}))
    root = etree.fromstring(f'<x xmlns="{NAMESPACE}">{plain}</x>')
    leaf = root[0][0]
    prefixed = (
        f'<c:x xmlns:c="{NAMESPACE}"><!-- a --><c:EveryKind>\n<c:{etree.QName(leaf).localname}>'
        f"<!-- b --><![CDATA[{leaf.text}]]><?p i?></c:{etree.QName(leaf).localname}></c:EveryKind></c:x>"
    )

    assert reader(EVERY_KIND)(parse(prefixed.encode())[0]) == reader(EVERY_KIND)(root[0])


@settings(deadline=None)
@given(data=st.data())
def test_every_leaf_alone_is_valid_within_its_length(data: st.DataObject) -> None:
    field = data.draw(st.sampled_from([field for field in TIERS.fields if not field.required]))
    said: dict[str, Value] = {"type": "client", "name": "n", field.attr: data.draw(values(field))}
    transaction = TRANSACTION.record(id="1", action="create", tiers=TIERS.record(**said))
    request = EXECUTE_TRANSACTIONS.request

    assert violations(body_of(parse(message(request.record(transactions=[transaction])))), request) == []
