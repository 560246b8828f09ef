"""The root of the one error tree, and what can go wrong on the wire.

    Problem                     every error of the product: code, message, remedy, record, field
    ├── ContractError           the other side answered something the contract does not allow, or the caller meant to
    │   ├── MalformedReply      not XML, cut off, HTML, DOCTYPE, too large
    │   ├── VersionMismatch     the other side speaks another version of the contract
    │   └── InvalidRecord       one record breaks the schema; the others are good
    ├── RemoteFault             the other side answered a typed fault
    │   ├── NotOffered          it does not serve the operation: it is older, or leaves it out
    │   └── BaseReleased        the ERP base is released for exclusive work (CRM-58)
    └── Unreachable             no answer: refused, timed out, connection lost

``contracts/fault_codes.py`` lists the codes.
The engine adds its own branch in ``syncengine/errors.py``, the gateway its own in ``gateway/errors.py``.
"""

from __future__ import annotations

from typing import ClassVar


class Problem(Exception):
    """An error with a stable code, what happened, to which record and field, and what to do next."""

    code: ClassVar[str] = "problem"
    remedy_default: ClassVar[str] = ""
    retry: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        remedy: str | None = None,
        record: str | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.problem_code = code or self.code
        self.remedy = self.remedy_default if remedy is None else remedy
        self.record = record
        self.field = field

    @property
    def may_retry(self) -> bool:
        """Whether the same call may succeed later without anybody changing anything."""
        return self.retry

    def __str__(self) -> str:
        where = "".join(
            f" [{name} {value}]"
            for name, value in (("record", self.record), ("field", self.field))
            if value is not None
        )
        remedy = f" — {self.remedy}" if self.remedy else ""
        return f"{self.problem_code}: {self.message}{where}{remedy}"


class ContractError(Problem):
    """The other side answered something the contract does not allow."""

    code = "contract_broken"
    remedy_default = "Check that the address is that of a Sage 100 gateway, and its version."


class MalformedReply(ContractError):
    """The document is not well-formed XML of the contract: cut off, HTML, with a DOCTYPE, or too large."""

    code = "malformed_reply"
    retry = True
    lasting: ClassVar[frozenset[str]] = frozenset({"not_a_gateway", "doctype_refused", "document_too_large"})

    @property
    def may_retry(self) -> bool:
        """Whether it may be an accident of the line; a wrong address or a page that is too large stays so."""
        return self.problem_code not in self.lasting


class VersionMismatch(ContractError):
    """The two sides do not speak the same version of the contract."""

    code = "contract_version_unsupported"
    remedy_default = "Update the older of the two programs: engine and gateway must share a contract version."


class InvalidRecord(ContractError):
    """One record breaks the schema of the contract."""

    code = "invalid_record"
    remedy_default = "Correct the field in Sage 100; the record arrives with the next cycle."


class RemoteFault(Problem):
    """The other side answered a typed fault; ``problem_code`` is the fault's own."""

    code = "remote_fault"
    remedy_default = (
        "Check that the address is that of a Sage 100 gateway; else look into the log of what answers there."
    )

    def __init__(
        self,
        message: str,
        *,
        code: str,
        remedy: str | None = None,
        record: str | None = None,
        field: str | None = None,
        may_retry: bool = False,
    ) -> None:
        super().__init__(message, code=code, remedy=remedy, record=record, field=field)
        self._may_retry = may_retry

    @property
    def may_retry(self) -> bool:
        """As the fault itself said."""
        return self._may_retry


class NotOffered(RemoteFault):
    """The other side does not serve the operation: it speaks an older minor version, or leaves it out."""


class BaseReleased(RemoteFault):
    """CRM-58: the ERP base is released for exclusive work; everything is refused until it is reconnected."""


class Unreachable(Problem):
    """The other side did not answer."""

    code = "gateway_unreachable"
    remedy_default = "Check that the gateway is started, the address, and the firewall; then run again."
    retry = True
