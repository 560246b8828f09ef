"""The reply of ExecuteTransactions, read so that one damaged result does not spoil the others."""

from __future__ import annotations

from typing import Final

from lxml import etree

from contracts.codec import reader
from contracts.errors import ContractError
from contracts.fields import Record
from contracts.messages import EXECUTE_TRANSACTIONS, NAMESPACE, TRANSACTION_RESULT
from contracts.validation import Violation, violations


def read_results(body: etree._Element) -> list[Record]:
    """The records of TRANSACTION_RESULT in an ExecuteTransactionsResponse, in its order.

    Where the tiers of a result breaks the contract the result stays, with its tiers 'not said': what was done is done. A result
    that is damaged itself is left out, as if it had never arrived: the same id asked again brings it again. Raises ContractError
    when the reply is damaged around the results, VersionMismatch.
    """
    damaged: set[etree._Element] = set()
    for violation in violations(body, EXECUTE_TRANSACTIONS.response):
        damaged.add(_around(violation))
    for element in damaged:
        parent = element.getparent()
        # A result that is left out takes its tiers with it.
        if parent is not None:
            parent.remove(element)
    return reader(EXECUTE_TRANSACTIONS.response)(body).many("results")


def _around(violation: Violation) -> etree._Element:
    """The tiers or else the result that a broken place is in."""
    place: etree._Element | None = violation.element
    while place is not None and not _is_whole(place):
        place = place.getparent()
    if place is None:
        raise ContractError(f"{violation.field}: {violation.reason}", field=violation.field)
    return place


def _is_whole(element: etree._Element) -> bool:
    parent = element.getparent()
    return element.tag == _RESULT or (element.tag == _TIERS and parent is not None and parent.tag == _RESULT)


_RESULT: Final = f"{{{NAMESPACE}}}{TRANSACTION_RESULT.name}"
_TIERS: Final = f"{{{NAMESPACE}}}Tiers"
