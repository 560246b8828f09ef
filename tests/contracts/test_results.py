"""The reply of ExecuteTransactions: a damaged tiers costs its result nothing but the tiers, a damaged result only itself."""

from __future__ import annotations

import pytest

from contracts.codec import writer
from contracts.errors import ContractError
from contracts.fields import ABSENT, Record
from contracts.messages import EXECUTE_TRANSACTIONS, TRANSACTION_RESULT
from contracts.results import read_results
from tests.contracts.pages import body, tiers

RESPONSE = EXECUTE_TRANSACTIONS.response


def result(number: int) -> Record:
    """The result of a transaction that was done."""
    code = f"T{number}"
    return TRANSACTION_RESULT.record(id=f"id-{number}", status="done", key=code, version="v1", tiers=tiers(code))


RESULTS = [result(number) for number in range(3)]
REPLY = writer(RESPONSE)(RESPONSE.record(results=RESULTS))


def test_results_come_in_their_order() -> None:
    assert read_results(body(REPLY)) == RESULTS


@pytest.mark.req("CRM-33")
@pytest.mark.parametrize(
    ("whole", "broken"),
    [
        ("<Name>Société T1</Name>", f"<Name>{'x' * 70}</Name>"),
        ("<Name>Société T1</Name>", ""),
        ("<Code>T1</Code>", "<Code>T1</Code><Modified>hier</Modified>"),
        ("<Code>T1</Code>", "<Code>T 1</Code>"),
    ],
    ids=["too long", "missing", "no instant", "no code"],
)
def test_a_result_whose_tiers_is_damaged_stays_without_it(whole: str, broken: str) -> None:
    read = read_results(body(REPLY.replace(whole, broken)))

    assert [read[0], read[2]] == [RESULTS[0], RESULTS[2]]
    assert (read[1].text("id"), read[1].text("status"), read[1].text("version")) == ("id-1", "done", "v1")
    assert read[1]["tiers"] is ABSENT


@pytest.mark.req("CRM-33")
def test_a_child_that_is_damaged_damages_its_tiers() -> None:
    first, second, third = REPLY.split("<TransactionResult>")[1:]
    second = second.replace("<LastName>Nom 2</LastName>", "")
    head = REPLY.split("<TransactionResult>")[0]

    read = read_results(body("<TransactionResult>".join([head, first, second, third])))

    assert [record["tiers"] is ABSENT for record in read] == [False, True, False]


@pytest.mark.req("CRM-33")
@pytest.mark.parametrize("broken", ["", f"<Id>{'x' * 37}</Id>"])
def test_a_result_that_is_damaged_itself_is_left_out(broken: str) -> None:
    read = read_results(body(REPLY.replace("<Id>id-1</Id>", broken).replace("Société T1", "x" * 70)))

    assert read == [RESULTS[0], RESULTS[2]]


def test_a_reply_that_is_damaged_around_its_results_is_refused() -> None:
    with pytest.raises(ContractError) as refused:
        read_results(body(REPLY.replace("<Results>", "<Results/><Results>")))

    assert refused.value.field == "Results"
