"""The codes a caller meets: those of the gateway's faults, of the results of writes, and those found out on the caller's side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class FaultCode:
    """One code: what it means, whether the same call may succeed later, and what to do next."""

    code: str
    meaning: str
    retry: bool = False
    remedy: str


GATEWAY_CODES: Final = (
    FaultCode(
        code="credentials_refused",
        meaning="No user and password were given, or wrong ones; the only fault with HTTP status 401.",
        remedy="Correct the ERP user and password of the integration, or the users of the gateway.",
    ),
    FaultCode(
        code="not_supported",
        meaning="The operation is in the contract, but this gateway does not serve it.",
        remedy="GetConfiguration lists the operations this gateway serves; a newer gateway may serve more.",
    ),
    FaultCode(
        code="unknown_operation",
        meaning="The first element of the body is no operation of the contract.",
        remedy="Call an operation of contract 1.1, in its namespace; the contract is at ?wsdl.",
    ),
    FaultCode(
        code="contract_version_unsupported",
        meaning="The two sides speak another major version of the contract.",
        remedy="Update the older of the two programs: engine and gateway must share a contract version.",
    ),
    FaultCode(
        code="invalid_request",
        meaning="The request is no SOAP 1.1, breaks the schema, or asks for what is not there; `Field` names the element.",
        remedy="Correct the field named; the contract is at ?wsdl.",
    ),
    FaultCode(
        code="header_not_understood",
        meaning="A SOAP header that must be understood is not known here.",
        remedy="Correct the field named; the contract is at ?wsdl.",
    ),
    FaultCode(
        code="doctype_refused",
        meaning="The document has a DOCTYPE.",
        remedy="Correct the field named; the contract is at ?wsdl.",
    ),
    FaultCode(
        code="request_too_large",
        meaning="The request is larger than the gateway reads, once unpacked.",
        remedy="Send fewer records in one call.",
    ),
    FaultCode(
        code="unknown_tiers",
        meaning="The ERP has no client or supplier of this code.",
        remedy="Link the Company to another tiers, or create the tiers anew.",
    ),
    FaultCode(
        code="unknown_document",
        meaning="The ERP has no sales document of this type and number.",
        remedy="Read the list of documents again: an order that was delivered has another type and number.",
    ),
    FaultCode(
        code="cursor_unknown",
        meaning="The cursor was not given by this base: it was replaced, or a backup was restored.",
        remedy="Read the entity set again from the beginning: call with an empty cursor.",
    ),
    FaultCode(
        code="base_released",
        meaning="The base is released for exclusive work in Sage 100 (CRM-58); only ReconnectBase ends that.",
        remedy="Reconnect Gestion Commerciale once the exclusive work is done.",
    ),
    FaultCode(
        code="base_in_use",
        meaning="ReleaseBase: calls under way still use the base. Nothing new is served meanwhile.",
        retry=True,
        remedy="Ask again in a moment; the base is released once the calls under way have ended.",
    ),
    FaultCode(
        code="release_not_kept",
        meaning="ReleaseBase: the gateway could not write down that the base is released, and a restart would forget it.",
        remedy="Let the gateway's account write the file that its setting state_file names, then ask again.",
    ),
    FaultCode(
        code="database_unavailable",
        meaning="The Sage 100 database does not answer, or somebody else holds it.",
        retry=True,
        remedy="As the fault says: start the database, or close the program that holds the base.",
    ),
    FaultCode(
        code="database_missing",
        meaning="There is no database where the gateway's settings say.",
        remedy="As the fault says.",
    ),
    FaultCode(
        code="database_refused",
        meaning="The database server rejected a statement.",
        remedy="Check the rights of the database user and the version of the base.",
    ),
    FaultCode(
        code="not_a_sage_base",
        meaning="The database lacks the tables of a Sage 100 company.",
        remedy="Name the database of the Sage 100 company, or make one with `sage-gateway demo-base`.",
    ),
    FaultCode(
        code="disk_full",
        meaning="There is no space left for the database.",
        remedy="Free some space on the disk of the database, then run again: nothing was half-written.",
    ),
    FaultCode(
        code="internal_error",
        meaning="Something nobody foresaw; the message holds the number under which the gateway's log has it.",
        remedy="Look into the gateway's log under this number, and report it.",
    ),
)

_CORRECT: Final = "Correct the field in the CRM; the next cycle sends it again."
_AGAIN: Final = "Read the tiers again, merge, and send a new transaction."
RESULT_CODES: Final = (
    FaultCode(
        code="stale",
        meaning="The tiers has moved on since the version the update is based on; the result holds it as it is now.",
        retry=True,
        remedy=_AGAIN,
    ),
    FaultCode(
        code="transaction_id_reused",
        meaning="The id was used before, for a transaction that says something else.",
        remedy="Give every transaction an id of its own; the program that made the request is at fault.",
    ),
    FaultCode(
        code="invalid_transaction",
        meaning="The transaction does not say what it must: an unknown action, an update without its base version, a key twice.",
        remedy="Correct the field named; the program that made the request is at fault.",
    ),
    FaultCode(
        code="invalid_record",
        meaning="The transaction breaks the schema; the other transactions of the call are treated.",
        remedy=_CORRECT,
    ),
    FaultCode(
        code="unknown_tiers",
        meaning="The ERP has no client or supplier of this code.",
        remedy="Link the Company to another tiers, or create the tiers anew.",
    ),
    FaultCode(
        code="unknown_child",
        meaning="The tiers has no contact or delivery address of this key.",
        remedy=_AGAIN,
    ),
    FaultCode(
        code="account_code_invalid",
        meaning="The code breaks the rules of CRM-20, or is left to an ERP that gives none (CRM-23).",
        remedy="Enter a code of at most 17 letters and digits, or switch the ERP's automatic codification on.",
    ),
    FaultCode(
        code="code_in_use",
        meaning="A tiers has this code already, whatever the case of its letters.",
        remedy="Choose another code, or link the Company to that tiers.",
    ),
    FaultCode(
        code="not_synchronised",
        meaning="The update says contacts, addresses or numbers that this gateway does not synchronise (CRM-12).",
        remedy="Leave the element out, or have the option switched on at the gateway; GetConfiguration tells the options.",
    ),
    FaultCode(code="field_required", meaning="The field is mandatory in the ERP and was sent empty.", remedy=_CORRECT),
    FaultCode(
        code="too_long",
        meaning="The value is longer than the ERP's column; cutting it would lose data unseen.",
        remedy="Shorten the value in the CRM; the next cycle sends it again.",
    ),
    FaultCode(
        code="read_only_field",
        meaning="The field belongs to the ERP and the value sent differs from the ERP's.",
        remedy="Change it in Sage 100; it arrives with the next cycle.",
    ),
    FaultCode(
        code="unknown_value",
        meaning="The value is in no list of the ERP: currency, category, language, service, civility, kind.",
        remedy="Choose a value of the list, or add it in Sage 100.",
    ),
    FaultCode(
        code="unknown_representative",
        meaning="The ERP has no representative of this number.",
        remedy="Choose another representative, or create it in Sage 100.",
    ),
    FaultCode(
        code="unknown_payer",
        meaning="The ERP has no client or supplier of the payer's code.",
        remedy="Correct the payer in Sage 100.",
    ),
    FaultCode(
        code="title_in_use",
        meaning="Another delivery address of the tiers has this title already (CRM-41).",
        remedy="Give the address another title, or none: then one is made.",
    ),
    FaultCode(
        code="contact_in_use",
        meaning="Another contact of the tiers has this name and first name already.",
        remedy="Merge the two contacts in the CRM, or tell their names apart.",
    ),
    FaultCode(
        code="address_in_use",
        meaning="The delivery address is named by documents of the ERP and cannot be deleted.",
        remedy="Keep the address in the CRM, or take it off the documents in Sage 100.",
    ),
    FaultCode(
        code="database_refused",
        meaning="The database server rejected the write.",
        remedy="Check the rights of the database user and the version of the base.",
    ),
)

_ADDRESS: Final = "Check that the address is that of a Sage 100 gateway, and its version."
CALLER_CODES: Final = (
    FaultCode(
        code="address_invalid",
        meaning="The address is none.",
        remedy="Write http://server:port or https://server:port.",
    ),
    FaultCode(
        code="gateway_unreachable",
        meaning="No answer: refused, name not known, connection lost, certificate not accepted, HTTP 429, 502, 503 or 504.",
        retry=True,
        remedy="Check that the gateway is started, the address, and the firewall; then run again.",
    ),
    FaultCode(
        code="gateway_timeout",
        meaning="The whole answer was not there in time.",
        retry=True,
        remedy="The call is made again; if it goes on, raise the integration's time-out or look at the ERP's server.",
    ),
    FaultCode(
        code="reply_cut_off",
        meaning="The answer ended before its end, or its packing is damaged.",
        retry=True,
        remedy="The page is asked for again; if it goes on, check the network and any proxy in between.",
    ),
    FaultCode(
        code="malformed_reply",
        meaning="The answer is empty, not well-formed, nested too deeply, or has no SOAP body.",
        retry=True,
        remedy=_ADDRESS,
    ),
    FaultCode(
        code="not_a_gateway",
        meaning="Something other than a gateway answers: a web page, a redirect, another HTTP status, no SOAP 1.1.",
        remedy=_ADDRESS,
    ),
    FaultCode(
        code="doctype_refused",
        meaning="The answer has a DOCTYPE.",
        remedy="Check that the address is that of a Sage 100 gateway and that no proxy answers in its place.",
    ),
    FaultCode(
        code="document_too_large",
        meaning="The answer is larger than the limit, once unpacked.",
        remedy="Set a smaller page size in the gateway's settings.",
    ),
    FaultCode(
        code="contract_broken",
        meaning="The answer is SOAP, but not as the contract has it; the field is named.",
        remedy=_ADDRESS,
    ),
    FaultCode(
        code="invalid_record",
        meaning="One record of a page breaks the schema; it is set aside, the others arrive.",
        remedy="Correct the field in Sage 100; the record arrives with the next cycle.",
    ),
    FaultCode(
        code="request_incomplete",
        meaning="The request lacks a required element; it was not sent.",
        remedy="Say what the message names; the program that made the request is at fault.",
    ),
    FaultCode(
        code="remote_fault",
        meaning="A SOAP fault without the contract's detail, of another service or a proxy; its own words are kept.",
        remedy="Check that the address is that of a Sage 100 gateway; else look into the log of what answers there.",
    ),
)
