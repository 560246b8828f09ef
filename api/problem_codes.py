"""Every code a caller of the API may meet: its HTTP status and what it means, once for answers, OpenAPI and documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from contracts.errors import ContractError, Problem, RemoteFault, Unreachable
from contracts.fault_codes import CALLER_CODES, GATEWAY_CODES
from syncengine import errors
from syncengine.core.refusals import REFUSALS
from syncengine.document import ORDERS


@dataclass(frozen=True, kw_only=True)
class Code:
    """One code; ``remedy`` is what to do when the answer itself says nothing."""

    code: str
    status: int
    meaning: str
    remedy: str = ""


API_CODES: Final = (
    # Requests
    Code(code="not_found", status=404, meaning="There is nothing at this address, or nothing that you may see."),
    Code(code="method_not_allowed", status=405, meaning="The address knows other methods; Allow lists them."),
    Code(code="parameter_unknown", status=400, meaning="The query has a parameter that the operation does not know."),
    Code(code="parameter_invalid", status=400, meaning="A parameter or header has a value that it cannot have."),
    Code(code="cursor_invalid", status=400, meaning="The cursor was not given out by this list."),
    Code(code="body_malformed", status=400, meaning="The body is no JSON."),
    Code(code="body_invalid", status=422, meaning="The body breaks the schema; `errors` points to each place."),
    Code(code="body_too_large", status=413, meaning="The body is larger than the server reads."),
    Code(code="body_type_unsupported", status=415, meaning="The body is to be JSON: Content-Type: application/json."),
    Code(code="body_late", status=408, meaning="The body did not arrive in time."),
    # Access
    Code(code="not_signed_in", status=401, meaning="No session and no API key came along, or one that is over."),
    Code(code="scope_missing", status=403, meaning="The session or key may not do this."),
    Code(
        code="password_change_required",
        status=403,
        meaning="The password was handed over: it is to be changed before anything else.",
    ),
    Code(code="cross_site_refused", status=403, meaning="A page of another site sent the request."),
    Code(code="too_many_requests", status=429, meaning="Too many requests; Retry-After says when to go on."),
    # Concurrency
    Code(
        code="version_missing", status=428, meaning="A change names the version it is based on: If-Match with the ETag."
    ),
    Code(code="version_outdated", status=412, meaning="The record has changed since: read it again."),
    Code(
        code="count_changed",
        status=409,
        meaning="The order would be about another number of records than was counted: look again.",
    ),
    Code(
        code="idempotency_key_reused",
        status=422,
        meaning="The Idempotency-Key was used for another request.",
    ),
    # The server
    Code(code="overloaded", status=503, meaning="The answer took too long; the same request may succeed later."),
    Code(
        code="internal_error", status=500, meaning="The server made a mistake; it is in its log, under the request id."
    ),
)

_MISSING: Final = frozenset(
    {
        *("company_unknown", "contact_unknown", "address_unknown", "account_unknown", "plan_unknown", "cycle_unknown"),
        *("conflict_unknown", "error_unknown", "tiers_unknown", "pair_unknown", "integration_unknown"),
        *("run_unknown", "opportunity_unknown", "document_not_attached", "generic_tiers_unknown"),
        *("document_unknown", "alert_unknown", "channel_unknown"),
    }
)
_FORBIDDEN: Final = frozenset({"right_withdrawn", "document_type_withheld"})
_CONFLICTING: Final = frozenset(
    {
        *("company_linked", "company_in_use", "contact_in_use", "title_in_use", "custom_field_known", "pair_known"),
        *("transfer_never", "creation_awaited", "not_awaited", "already_linked", "not_linked", "company_inactive"),
        *("type_not_mapped", "code_in_use", "code_automatic", "code_locked", "sync_under_way", "conflicts_open"),
        *("tiers_gone", "has_company", "cycle_running", "conflict_closed", "conflict_moved_on", "child_gone"),
        *("writes_unanswered", "plan_of_another_kind", "login_in_use", "last_administrator", "billing_address"),
        *("settings_locked", "second_integration", "plan_outdated", "not_confirmed", "other_tiers_type"),
        *("not_a_client", "tiers_secondary", "tiers_taken_out", "direct_read_off"),
        *("cannot_retry", "cannot_edit_and_retry", "cannot_take_out", "cannot_put_back"),
        *("alert_closed", "channel_known", "territory_known"),
        *("document_of_another", "other_currency", "etendue_off"),
    }
)

_BY_CLASS: Final[tuple[tuple[type[Problem], int], ...]] = (
    (errors.SignInRefused, 401),
    (errors.IdentityProviderFailed, 502),
    (errors.InputRefused, 422),
    (errors.NotActive, 409),
    (errors.Disconnected, 409),
    (errors.CompanyMismatch, 409),
    (errors.DirectReadRefused, 502),
    (errors.GuardStopped, 409),
    (errors.AlreadyRunning, 409),
    (errors.DataProblem, 409),
    (errors.DatabaseProblem, 503),
    (errors.Retriable, 503),
    (Unreachable, 504),
    (ContractError, 502),
    (RemoteFault, 502),
)
"""The first class that fits; anything else is the server's own mistake."""


def status_of(problem: Problem) -> int:
    """The HTTP status of a problem: by its code, else by its class."""
    return _by_code(problem.problem_code) or _by_class(type(problem))


def _by_code(code: str) -> int | None:
    for codes, status in ((_MISSING, 404), (_FORBIDDEN, 403), (_CONFLICTING, 409)):
        if code in codes:
            return status
    return _api_statuses().get(code)


def _by_class(kind: type[Problem]) -> int:
    return next((status for known, status in _BY_CLASS if issubclass(kind, known)), 500)


@cache
def _api_statuses() -> Mapping[str, int]:
    return {code.code: code.status for code in API_CODES}


@cache
def codes() -> Mapping[str, Code]:
    """Every code there is, by name."""
    return {code.code: code for code in _all()}


def _all() -> Iterator[Code]:
    for fault in (*GATEWAY_CODES, *CALLER_CODES):
        status = _by_code(fault.code) or 502
        yield Code(code=fault.code, status=status, meaning=fault.meaning, remedy=fault.remedy)
    for name, meaning in (ORDERS | REFUSALS).items():
        yield Code(code=name, status=_by_code(name) or 422, meaning=_sentence(meaning))
    for kind in _kinds(Problem):
        meaning = (kind.__doc__ or "").strip().splitlines()[0]
        status = _by_code(kind.code) or _by_class(kind)
        yield Code(code=kind.code, status=status, meaning=meaning, remedy=kind.remedy_default)
    yield from API_CODES


def _kinds(kind: type[Problem]) -> Iterator[type[Problem]]:
    for child in kind.__subclasses__():
        if "code" in vars(child) and child.__module__.startswith(("contracts.", "syncengine.")):
            yield child
        yield from _kinds(child)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
