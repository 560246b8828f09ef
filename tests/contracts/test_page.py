"""A bad record of a page is set aside with its key, field and reason; the others arrive; a broken page is refused."""

from __future__ import annotations

import re
import threading
from decimal import Decimal

import pytest
from lxml import etree

from contracts.client import answer
from contracts.codec import writer
from contracts.envelope import envelope
from contracts.errors import ContractError, InvalidRecord, VersionMismatch
from contracts.fields import ABSENT, Record
from contracts.messages import (
    CONTRACT_VERSION,
    GET_CHANGE_LOG,
    GET_CONFIGURATION,
    GET_RECORDS,
    NAMESPACE,
    EntitySet,
)
from contracts.page import Changes, Rejected, read_page, read_records
from contracts.tables import FREE_FIELD, LIST_ITEM, REPRESENTATIVE, TIERS, TOMBSTONE, TURNOVER
from contracts.validation import validated
from tests.contracts.pages import body, change_set, document, page, tiers, whole

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
PAGE_OF_500 = [tiers(f"C{number:04d}") for number in range(499)]


def only(content: str) -> Changes:
    (changes,) = page(content).change_sets
    return changes


def with_bad_tiers(bad: str) -> str:
    """A page of 500 tiers whose 251st is the element given."""
    content = document(change_set(EntitySet.TIERS, [*PAGE_OF_500[:250], tiers("BAD"), *PAGE_OF_500[250:]]))
    good = writer(TIERS)(tiers("BAD"))
    assert content.count(good) == 1
    return content.replace(good, bad)


def spoilt(old: str, new: str) -> str:
    """The tiers BAD with one thing replaced."""
    good = writer(TIERS)(tiers("BAD"))
    assert old in good
    return good.replace(old, new, 1)


NAME = "<Name>Société BAD</Name>"
BAD_TIERS = [
    pytest.param(spoilt("Société BAD", "x" * 70), "Name", "70 characters, at most 69", id="too long"),
    pytest.param(spoilt(NAME, ""), "Name", "missing", id="required one missing"),
    pytest.param(spoilt(NAME, NAME * 2), "Name", "twice", id="twice"),
    pytest.param(
        spoilt(NAME + "<Dormant>", f"<Dormant>false</Dormant>{NAME}<Dormant>"), "Dormant", "wrong place", id="order"
    ),
    pytest.param(spoilt("<Dormant>false", "<Dormant>oui"), "Dormant", "'oui' is no boolean", id="flag"),
    pytest.param(spoilt("Société BAD", "<b>gras</b>"), "Name", "elements where a value", id="markup in a value"),
    pytest.param(spoilt("<Tiers>", "<Tiers>texte"), "Tiers", "text between", id="text between elements"),
    pytest.param(spoilt("<Name>", f'<Name {XSI} xsi:nil="true">'), "Name", "nil", id="nil"),
    pytest.param(spoilt("Nom 2", "y" * 36), "LastName", "at most 35 are allowed (Contact 2)", id="in a contact"),
    pytest.param(spoilt("<Key>billing", "<Key>bil ling"), "Key", "letters and digits (Address 1)", id="in an address"),
    pytest.param(spoilt("Chiffre clé", "c" * 65), "Name", "(FreeFieldValue 1)", id="in a free field"),
    pytest.param(
        spoilt("Société BAD", "x" * 70).replace("01234567890123", "9" * 16),
        "Name",
        "Name: 70 characters, at most 69 are allowed; Siret: 16 characters, at most 15 are allowed",
        id="two errors",
    ),
]


@pytest.mark.guarantees
@pytest.mark.req("CRM-49")
@pytest.mark.parametrize(("bad", "field", "reason"), BAD_TIERS)
def test_one_bad_record_in_a_page_of_500_is_set_aside_and_499_arrive(bad: str, field: str, reason: str) -> None:
    changes = only(with_bad_tiers(bad))

    (rejected,) = changes.rejected
    assert changes.records == PAGE_OF_500
    assert (rejected.key, rejected.error.record, rejected.error.field) == ("BAD", "BAD", field)
    assert reason in rejected.error.message
    assert NAMESPACE not in rejected.error.message
    assert etree.fromstring(rejected.xml).findtext(f"{{{NAMESPACE}}}Code") == "BAD"


@pytest.mark.guarantees
@pytest.mark.req("CRM-49")
@pytest.mark.parametrize("code", ["A" * 18, "A B", "été", "A\nB"])
def test_a_code_that_is_none_is_set_aside_under_itself(code: str) -> None:
    (rejected,) = only(with_bad_tiers(spoilt("<Code>BAD", f"<Code>{code}"))).rejected

    assert (rejected.key, rejected.error.field) == (code, "Code")
    assert rejected.error.message == f"Code: {code!r} is not at most 17 letters and digits"


@pytest.mark.guarantees
@pytest.mark.req("CRM-49")
@pytest.mark.parametrize("code", ["<Code/>", "<Code></Code>", ""])
def test_a_record_without_a_key_is_set_aside_with_an_empty_one(code: str) -> None:
    changes = only(with_bad_tiers(spoilt("<Code>BAD</Code>", code)))

    (rejected,) = changes.rejected
    assert changes.records == PAGE_OF_500
    assert (rejected.key, rejected.error.field, rejected.error.message) == ("", "Code", "Code: the key is empty")
    assert "Société BAD" in rejected.xml


def test_a_bad_record_without_a_key_is_told_for_what_is_wrong_with_it() -> None:
    changes = only(with_bad_tiers(spoilt("<Code>BAD</Code>", "").replace("Société BAD", "x" * 70)))

    assert [(bad.key, bad.error.field) for bad in changes.rejected] == [("", "Name")]
    assert changes.records == PAGE_OF_500


@pytest.mark.guarantees
def test_any_number_of_bad_records_is_set_aside() -> None:
    records = [tiers(f"C{number}") for number in range(300)]
    content = document(change_set(EntitySet.TIERS, records))
    for number in range(0, 300, 2):
        content = content.replace(f"<Name>Société C{number}<", f"<Name>{'x' * 80}<")

    changes = only(content)

    assert changes.records == records[1::2]
    assert [bad.key for bad in changes.rejected] == [f"C{number}" for number in range(0, 300, 2)]


FREE = FREE_FIELD.record(name="K", type="list", length=20, items=[LIST_ITEM.record(value="a")])
PERSON = REPRESENTATIVE.record(code="K", last_name="Nom")
FIGURES = TURNOVER.record(code="K", current_year=Decimal(1), previous_year=Decimal(2))
ONE_OF_EACH = [
    pytest.param(EntitySet.FREE_FIELDS, FREE, "<Length>20", "<Length>vingt", "Length", id="free field"),
    pytest.param(EntitySet.REPRESENTATIVES, PERSON, "<LastName>Nom</LastName>", "", "LastName", id="representative"),
    pytest.param(EntitySet.TIERS, tiers("K"), "<Type>client", f"<Type>{'c' * 11}", "Type", id="tiers"),
    pytest.param(EntitySet.TURNOVER, FIGURES, "<CurrentYear>1<", "<CurrentYear>1,5<", "CurrentYear", id="turnover"),
]


@pytest.mark.guarantees
@pytest.mark.req("CRM-49")
@pytest.mark.parametrize(("entity_set", "good", "old", "new", "field"), ONE_OF_EACH)
def test_a_bad_record_of_any_entity_set_is_set_aside(
    entity_set: EntitySet, good: Record, old: str, new: str, field: str
) -> None:
    content = document(change_set(entity_set, [good, good])).replace(old, new, 1)

    changes = only(content)

    assert changes.records == [good]
    assert [(bad.key, bad.error.field) for bad in changes.rejected] == [("K", field)]
    assert changes.entity_set is entity_set


@pytest.mark.guarantees
@pytest.mark.parametrize(
    ("old", "new"), [("<CurrentYear>1<", "<CurrentYear>9000000000001<"), ("<CurrentYear>1<", "<CurrentYear>NaN<")]
)
def test_an_amount_no_database_holds_is_a_bad_record(old: str, new: str) -> None:
    changes = only(document(change_set(EntitySet.TURNOVER, [FIGURES])).replace(old, new))

    assert changes.records == []
    assert [bad.error.field for bad in changes.rejected] == ["CurrentYear"]


@pytest.mark.guarantees
@pytest.mark.parametrize(("key", "kept"), [("K" * 65, "K" * 65), ("", "")])
def test_a_bad_tombstone_is_set_aside_too(key: str, kept: str) -> None:
    stones = [TOMBSTONE.record(key="GONE", reason="deleted"), TOMBSTONE.record(key=key, reason="deleted")]

    changes = only(document(change_set(EntitySet.TIERS, [tiers("K")], tombstones=stones)))

    assert changes.tombstones == stones[:1]
    assert changes.records == [tiers("K")]
    assert [(bad.key, bad.error.field) for bad in changes.rejected] == [(kept, "Key")]


@pytest.mark.guarantees
def test_bad_records_of_several_sets_are_told_with_their_set() -> None:
    sets = [
        change_set(EntitySet.REPRESENTATIVES, [REPRESENTATIVE.record(code="1", last_name="x" * 36)], at_end=True),
        change_set(EntitySet.TIERS, [tiers("A"), tiers("B")], at_end=False, remaining=41),
    ]

    first, second = page(document(*sets).replace("Société B", "x" * 70)).change_sets

    assert [bad.key for bad in first.rejected] == ["1"]
    assert [bad.key for bad in second.rejected] == ["B"]
    assert (first.at_end, second.at_end, second.remaining, second.next_cursor) == (True, False, 41, "e-9-0")


@pytest.mark.guarantees
def test_the_bad_record_is_found_whatever_prefixes_the_gateway_uses() -> None:
    content = with_bad_tiers(spoilt("Nom 2", "y" * 36))
    start, rest = re.sub(r"<(/?)", r"<\1c:", content).split(">", 1)

    (changes,) = read_page(answer(envelope(f'{start} xmlns:c="{NAMESPACE}">{rest}'))).change_sets

    assert changes.records == PAGE_OF_500
    assert [(bad.key, bad.error.field) for bad in changes.rejected] == [("BAD", "LastName")]


NEW = '<New><Deep a="1">x</Deep></New>'
NEWER = [
    pytest.param("<ContractVersion>", NEW + "<ContractVersion>", id="in the message"),
    pytest.param("<ChangeSets>", "<ChangeSets>" + NEW, id="among the change sets"),
    pytest.param("<AtEnd>", NEW + "<AtEnd>", id="in a change set"),
    pytest.param("<TiersList>", "<TiersList>" + NEW, id="among the records"),
    pytest.param("<Type>", NEW + "<Type>", id="in a record"),
    pytest.param("<Contacts>", "<Contacts>" + NEW, id="among the contacts"),
    pytest.param("<LastName>", NEW + "<LastName>", id="in a contact"),
    pytest.param("<FreeFieldValue>", NEW + "<FreeFieldValue>", id="among the free fields"),
    pytest.param("<Town>", NEW + "<Town>", id="in an address"),
    pytest.param("</Contacts></Tiers>", "</Contacts>" + NEW + "</Tiers>", id="after the children"),
    pytest.param("<Name>Soci", '<Name lang="fr">Soci', id="an attribute of a value"),
    pytest.param("<Contact>", '<Contact id="1">', id="an attribute of a record"),
    pytest.param("<Name>Soci", f'<Name {XSI} xsi:type="string">Soci', id="a type that says nothing"),
    pytest.param("<Type>", '<o:Type xmlns:o="urn:other">x</o:Type><Type>', id="of another namespace"),
    pytest.param("<Siret>", "<!-- note --><Siret>", id="a comment"),
]


@pytest.mark.req("CRM-02")
@pytest.mark.parametrize(("old", "new"), NEWER)
def test_what_a_newer_gateway_adds_is_passed_over(old: str, new: str) -> None:
    records = [tiers("A"), tiers("B")]
    content = document(change_set(EntitySet.TIERS, records))
    assert old in content

    changes = only(content.replace(old, new))

    assert changes.records == records
    assert changes.rejected == []


@pytest.mark.guarantees
@pytest.mark.parametrize(("old", "new"), NEWER)
def test_beside_what_a_newer_gateway_adds_a_bad_record_is_still_found(old: str, new: str) -> None:
    content = document(change_set(EntitySet.TIERS, [tiers("A"), tiers("B"), tiers("C")]))

    changes = only(content.replace("Société B", "x" * 70).replace(old, new))

    assert changes.records == [tiers("A"), tiers("C")]
    assert [(bad.key, bad.error.field) for bad in changes.rejected] == [("B", "Name")]


@pytest.mark.req("CRM-02")
def test_an_empty_typed_element_means_none() -> None:
    content = document(change_set(EntitySet.TIERS, [tiers("A")]))

    (record,) = only(content.replace("<Dormant>false</Dormant>", "<Dormant/>")).records

    assert record["dormant"] is ABSENT
    assert record.text("name") == "Société A"


BROKEN = [
    pytest.param("<Company>BIJOU SA</Company>", "", "Company", id="a required element missing"),
    pytest.param("<AtEnd>true", "<AtEnd>peut-être", "AtEnd", id="a flag that is none"),
    pytest.param("<NextCursor>e-9-0</NextCursor>", "", "NextCursor", id="no cursor"),
    pytest.param("<NextCursor>", f"<NextCursor>{'9' * 65}", "NextCursor", id="a cursor too long"),
    pytest.param("<Remaining>0", "<Remaining>99999999999", "Remaining", id="a number too large"),
    pytest.param("<Name>tiers", "<Name>invoices", "Name", id="a set that is not known"),
    pytest.param("<Name>tiers", "<Name>turnover", "ChangeSet", id="records in another set's list"),
    pytest.param(f"<ContractVersion>{CONTRACT_VERSION}</ContractVersion>", "", "ContractVersion", id="no version"),
    pytest.param("<TiersList>", "<TiersList/><TiersList>", "TiersList", id="a list twice"),
]


@pytest.mark.guarantees
@pytest.mark.parametrize("spoil", [False, True], ids=["records good", "one record bad"])
@pytest.mark.parametrize(("old", "new", "field"), BROKEN)
def test_a_page_that_is_broken_itself_is_refused_whole(old: str, new: str, field: str, spoil: bool) -> None:
    content = document(change_set(EntitySet.TIERS, [tiers("A")])).replace(old, new)

    with pytest.raises(ContractError) as caught:
        page(content.replace("Société A", "x" * 70) if spoil else content)

    assert caught.value.field == field
    assert caught.value.problem_code == "contract_broken"
    assert caught.value.remedy
    assert not isinstance(caught.value, InvalidRecord)


def test_a_set_told_twice_is_refused() -> None:
    twice = [change_set(EntitySet.TIERS, [tiers("A")]), change_set(EntitySet.TIERS, [tiers("B")])]

    with pytest.raises(ContractError, match="twice"):
        page(document(*twice))


@pytest.mark.req("CRM-02")
@pytest.mark.parametrize("version", ["2.0", "0.9", "10.0", ""])
def test_another_major_version_is_told_before_anything_else(version: str) -> None:
    content = document(version=version).replace("<Company>BIJOU SA</Company>", "")

    with pytest.raises(VersionMismatch) as caught:
        page(content)

    assert caught.value.problem_code == "contract_version_unsupported"
    assert (version or "?") in caught.value.message
    assert not caught.value.may_retry


@pytest.mark.req("CRM-02")
def test_a_minor_version_is_read() -> None:
    assert page(document(version="1.7")).company == "BIJOU SA"


@pytest.mark.req("CRM-02")
def test_the_namespace_of_another_version_is_a_version_mismatch() -> None:
    with pytest.raises(VersionMismatch, match=r"contract 2\.0"):
        read_page(body(document(), namespace=NAMESPACE.replace("1.0", "2.0")))


@pytest.mark.parametrize(
    "wrong",
    [
        whole(GET_CONFIGURATION.request.record()),
        whole(GET_CHANGE_LOG.request.record()),
        body(document(), namespace="urn:another-service"),
    ],
    ids=["another response", "the request", "another namespace"],
)
def test_another_message_is_refused(wrong: etree._Element) -> None:
    with pytest.raises(ContractError, match=r"the message is \w+, not GetChangeLogResponse"):
        read_page(wrong)


@pytest.mark.guarantees
def test_named_records_are_read_as_those_of_a_page() -> None:
    stones = [TOMBSTONE.record(key="GONE", reason="deleted")]
    reply = writer(GET_RECORDS.response)(
        GET_RECORDS.response.record(change_set=change_set(EntitySet.TIERS, [tiers("A"), tiers("B")], tombstones=stones))
    )

    changes = read_records(body(reply.replace("Société B", "x" * 70)))

    assert (changes.records, changes.tombstones) == ([tiers("A")], stones)
    assert [(type(bad), bad.key, bad.error.field) for bad in changes.rejected] == [(Rejected, "B", "Name")]


def test_a_small_message_must_be_good_as_a_whole() -> None:
    with pytest.raises(ContractError, match="Configuration: the element is missing") as caught:
        validated(whole(GET_CONFIGURATION.response.record()), GET_CONFIGURATION.response)

    assert caught.value.field == "Configuration"


@pytest.mark.guarantees
def test_pages_read_in_several_threads_at_once_do_not_mix_up_their_errors() -> None:
    found: dict[int, list[str]] = {}

    def read(number: int) -> None:
        content = document(change_set(EntitySet.TIERS, [tiers(f"C{n}") for n in range(40)]))
        for _ in range(5):
            spoilt_page = content.replace(f"Société C{number}<", f"{'x' * 80}<")
            found.setdefault(number, []).extend(bad.key for bad in only(spoilt_page).rejected)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == {number: [f"C{number}"] * 5 for number in range(4)}
