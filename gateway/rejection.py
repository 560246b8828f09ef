"""Why one transaction is not done: the code, field and words of its result, and the reading of transactions one by one."""

from __future__ import annotations

from lxml import etree

from contracts.codec import reader
from contracts.errors import ContractError
from contracts.fault_codes import RESULT_CODES
from contracts.fields import Record
from contracts.messages import EXECUTE_TRANSACTIONS, NAMESPACE, TRANSACTION, TRANSACTION_RESULT
from contracts.tables import TIERS
from contracts.validation import Violation, place_in, violations
from gateway.errors import GatewayProblem

REFUSED, STALE, DONE = "refused", "stale", "done"
_REMEDIES = {known.code: known.remedy for known in RESULT_CODES}


class Rejected(GatewayProblem):
    """The ERP's rules refuse one transaction; the remedy is that of the code. Raises KeyError for a code not documented."""

    def __init__(self, code: str, message: str, *, field: str = "") -> None:
        super().__init__(message, code=code, remedy=_REMEDIES[code], field=field)


def rejection(identity: str, problem: Rejected, *, key: str = "") -> Record:
    """The result that tells of it: a record of TRANSACTION_RESULT."""
    return TRANSACTION_RESULT.record(
        id=identity,
        status=REFUSED,
        key=key,
        error_code=problem.problem_code,
        field=problem.field,
        message=problem.message,
        remedy=problem.remedy,
    )


def read_transactions(body: etree._Element) -> Record:
    """A request of ExecuteTransactions, where a transaction that breaks the schema is replaced by the result that refuses it.

    One bad transaction never stops another (CRM-49). Raises ContractError for what is wrong outside of them, or with an id.
    """
    found = violations(body, EXECUTE_TRANSACTIONS.request)
    items = body.findall(f"{{{NAMESPACE}}}Transactions/{{{NAMESPACE}}}{TRANSACTION.name}")
    flaws: dict[etree._Element, Violation] = {}
    for flaw in found:
        item = next((one for one in (flaw.element, *flaw.element.iterancestors()) if one in items), None)
        if item is None or flaw.field == "Id":
            raise ContractError(f"{flaw.field}: {flaw.reason}", field=flaw.field)
        if not _only_long(item, flaw):
            flaws.setdefault(item, flaw)
    read = reader(TRANSACTION)
    return EXECUTE_TRANSACTIONS.request.record(
        transactions=[_refused(item, flaws[item]) if item in flaws else read(item) for item in items]
    )


def _only_long(item: etree._Element, flaw: Violation) -> bool:
    """Whether a value of the tiers is only too long: the rules measure it once it is as the ERP stores it, without blanks."""
    return "characters, at most" in flaw.reason and flaw.element.getparent() is not item


def _refused(item: etree._Element, flaw: Violation) -> Record:
    identity = item.findtext(f"{{{NAMESPACE}}}Id") or ""
    tiers = item.find(f"{{{NAMESPACE}}}{TIERS.name}")
    inside = tiers is not None and tiers in (flaw.element, *flaw.element.iterancestors())
    place = place_in(tiers, flaw.element) if inside and tiers is not None and tiers is not flaw.element else ""
    words = f"{place + ', ' if place else ''}{flaw.field}: {flaw.reason}"
    return rejection(identity, Rejected(_code_of(flaw, tiers), words, field=flaw.field))


def _code_of(flaw: Violation, tiers: etree._Element | None) -> str:
    if flaw.field == "Code" and flaw.element.getparent() is tiers:
        return "account_code_invalid"  # CRM-20
    return "invalid_record"


def is_rejection(item: Record) -> bool:
    """Whether this item of a request that was read is already refused."""
    return item.of is TRANSACTION_RESULT
