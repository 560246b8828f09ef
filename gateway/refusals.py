"""Why a call of the contract is refused; each becomes the typed detail of a SOAP fault.

GatewayProblem
└── CallRefused             the caller's mistake (SOAP 1.1 `Client`)
    ├── InvalidRequest      not as the contract has it: the field is named
    ├── UnknownOperation    the contract has no such operation
    ├── NotServed           the operation is in the contract, this gateway does not serve it
    ├── ContractRefused     another major version of the contract
    ├── UnknownTiers        no client or supplier of that code
    ├── UnknownDocument     no sales document of that type and number
    ├── CursorUnknown       the cursor is of another base, or from after a restored backup
    ├── CredentialsRefused  no user and password, or wrong ones (HTTP 401)
    └── TooLarge            the request is larger than the limit
"""

from __future__ import annotations

from contracts.messages import CONTRACT_VERSION
from gateway.errors import GatewayProblem


class CallRefused(GatewayProblem):
    """The call cannot be served as it is."""

    code = "call_refused"


class InvalidRequest(CallRefused):
    """The request is not as the contract has it."""

    code = "invalid_request"
    remedy_default = "Correct the field named; the contract is at ?wsdl."


class UnknownOperation(CallRefused):
    """The first element of the body is no operation of the contract."""

    code = "unknown_operation"
    remedy_default = f"Call an operation of contract {CONTRACT_VERSION}, in its namespace; the contract is at ?wsdl."


class NotServed(CallRefused):
    """The operation exists, but this gateway does not serve it."""

    code = "not_supported"
    remedy_default = "GetConfiguration lists the operations this gateway serves; a newer gateway may serve more."


class ContractRefused(CallRefused):
    """The caller speaks another major version of the contract."""

    code = "contract_version_unsupported"
    remedy_default = "Update the older of the two programs: engine and gateway must share a contract version."


class UnknownTiers(CallRefused):
    """The base has no client or supplier of that code."""

    code = "unknown_tiers"
    remedy_default = "Link the Company to another tiers, or create the tiers anew."


class UnknownDocument(CallRefused):
    """The base has no sales document of that type and number."""

    code = "unknown_document"
    remedy_default = "Read the list of documents again: an order that was delivered has another type and number."


class CursorUnknown(CallRefused):
    """The cursor was not given by this base."""

    code = "cursor_unknown"
    remedy_default = "Read the entity set again from the beginning: call with an empty cursor."


class CredentialsRefused(CallRefused):
    """No user and password were given, or wrong ones."""

    code = "credentials_refused"
    remedy_default = "Correct the ERP user and password of the integration, or the users of the gateway."


class TooLarge(CallRefused):
    """The request is larger than the gateway reads."""

    code = "request_too_large"
    remedy_default = "Send fewer records in one call."
