"""The connection test: each step named, stopping at the first that fails, with what to do (CRM-53)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final
from urllib.parse import SplitResult, urlsplit

import requests
from pydantic import SecretStr

from contracts.client import GatewayClient
from contracts.errors import ContractError, MalformedReply, Problem, RemoteFault, Unreachable, VersionMismatch
from contracts.fields import Record
from contracts.messages import CONTRACT_VERSION
from syncengine.errors import CompanyMismatch, IntegrationInvalid

CREDENTIALS_REFUSED: Final = "credentials_refused"
_REMEDY: Final = "Look into the log of the gateway."


class StepStatus(StrEnum):
    """What became of a step."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """One step: its stable code, its name in plain words, what was found; how to go on, and the problem, when it failed."""

    code: str
    name: str
    status: StepStatus
    detail: str = ""
    remedy: str = ""
    problem: Problem | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is to be reached; ``company`` is the raison sociale of the integration."""

    url: str
    user: str
    password: SecretStr
    company: str
    timeout_s: float


def run_connection_test(target: Target) -> list[StepResult]:
    """Try the connection step by step; the steps after the first failure are skipped. Raises nothing of the wire."""
    trial = _Trial(target)
    results: list[StepResult] = []
    failed = False
    for code, name, step in trial.steps:
        result = StepResult(code=code, name=name, status=StepStatus.SKIPPED) if failed else _tried(code, name, step)
        failed = failed or result.status is StepStatus.FAILED
        results.append(result)
    return results


def first_failure(results: list[StepResult]) -> StepResult | None:
    """The step that failed, if one did."""
    return next((result for result in results if result.status is StepStatus.FAILED), None)


def same_company(ours: str, theirs: str) -> bool:
    """Whether two company names are one: capitals and the number of spaces do not count (CRM-14)."""
    return " ".join(ours.split()).casefold() == " ".join(theirs.split()).casefold()


def speaks_our_contract(version: str | None) -> bool | None:
    """Whether a gateway that speaks that version of the contract can be called (CRM-15); None while none was seen."""
    return None if version is None else _major(version) == _major(CONTRACT_VERSION)


def _tried(code: str, name: str, step: Callable[[], str]) -> StepResult:
    try:
        return StepResult(code=code, name=name, status=StepStatus.OK, detail=step())
    except Problem as problem:
        told = {"detail": problem.message, "remedy": problem.remedy or _REMEDY}
        return StepResult(code=code, name=name, status=StepStatus.FAILED, problem=problem, **told)


class _Trial:
    """One run of the test. Each step answers what it found, or raises the Problem it met."""

    def __init__(self, target: Target) -> None:
        self._target = target

    @property
    def steps(self) -> tuple[tuple[str, str, Callable[[], str]], ...]:
        return (
            ("address", "the address is valid", self._check_address),
            ("name", "the name of the server is known", self._resolve),
            ("port", "the port of the server answers", self._connect),
            ("http", "a web server answers at the address", self._ask_http),
            ("gateway", "the web server is a Sage 100 gateway", self._recognise),
            ("credentials", "the user and the password are accepted", self._sign_in),
            ("contract", "both sides speak the same version of the contract", self._compare_versions),
            ("base", "the gateway reads the Sage 100 base", self._read_base),
            ("company", "the company is the one of the integration", self._compare_companies),
        )

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self._target.url)

    @property
    def _host(self) -> tuple[str, int]:
        standard = 443 if self._parts.scheme == "https" else 80
        return self._parts.hostname or "", self._parts.port or standard

    def _check_address(self) -> str:
        try:
            host, port = self._host
        except ValueError:
            host, port = "", 0
        if self._parts.scheme not in {"http", "https"} or not host or not port:
            raise IntegrationInvalid(f"{self._target.url!r} is no address", remedy="Write http://server:port.")
        return f"{host}, port {port}"

    def _resolve(self) -> str:
        host, port = self._host
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            raise Unreachable(
                f"the name {host} is not known", remedy="Correct the name of the server, or have it added to the DNS."
            ) from None
        return ", ".join(sorted({str(address[4][0]) for address in found}))

    def _connect(self) -> str:
        host, port = self._host
        try:
            socket.create_connection((host, port), timeout=self._target.timeout_s).close()
        except TimeoutError:
            raise Unreachable(
                f"port {port} of {host} does not answer", remedy="Open the port in the firewall of the server."
            ) from None
        except OSError as error:
            raise Unreachable(
                f"port {port} of {host} refuses: {error.strerror or type(error).__name__}",
                remedy="Start the gateway, and check its port.",
            ) from None
        return f"port {port} is open"

    def _ask_http(self) -> str:
        try:
            with requests.get(
                self._target.url, timeout=self._target.timeout_s, stream=True, allow_redirects=False
            ) as answer:
                return f"HTTP {answer.status_code}"
        except requests.exceptions.SSLError:
            raise Unreachable(
                "the certificate of the server is not accepted",
                remedy="Install a valid certificate on the server, or add its issuer to the trusted ones.",
            ) from None
        except requests.exceptions.RequestException as error:
            raise Unreachable(
                f"what answers is not a web server: {type(error).__name__}",
                remedy="Check the port, and whether the address begins with http:// or https://.",
            ) from None

    def _recognise(self) -> str:
        if isinstance(self._answer, MalformedReply | Unreachable):
            raise self._answer
        if isinstance(self._answer, RemoteFault) and self._answer.problem_code == RemoteFault.code:
            # A fault without the contract's detail is some other web service's.
            raise ContractError(f"another web service answers: {self._answer.message}", code="not_a_gateway")
        return "it answers in the terms of the contract"

    def _sign_in(self) -> str:
        if isinstance(self._answer, RemoteFault) and self._answer.problem_code == CREDENTIALS_REFUSED:
            raise self._answer
        return f"signed in as {self._target.user}"

    def _compare_versions(self) -> str:
        if isinstance(self._answer, RemoteFault) and self._answer.problem_code != VersionMismatch.code:
            return f"its fault is one of contract {CONTRACT_VERSION}"
        theirs = self._configuration.text("contract_version")
        if not speaks_our_contract(theirs):
            raise VersionMismatch(f"the gateway speaks contract {theirs}, this engine {CONTRACT_VERSION}")
        return f"contract {theirs}, gateway {self._configuration.text('gateway_version')}"

    def _read_base(self) -> str:
        # Codification, fiscal years and parameters of the answer were read from the ERP base for it.
        configuration = self._configuration
        product = " ".join(configuration.text(name) for name in ("product", "product_version")).strip()
        return f"{product}: {len(configuration.many('parameters'))} parameters read"

    def _compare_companies(self) -> str:
        theirs = self._configuration.text("company")
        if not same_company(self._target.company, theirs):
            raise CompanyMismatch(f"the gateway serves {theirs!r}, the integration names {self._target.company!r}")
        return theirs

    @property
    def _configuration(self) -> Record:
        if isinstance(self._answer, Problem):
            raise self._answer
        return self._answer

    @cached_property
    def _answer(self) -> Record | Problem:
        """The gateway's configuration, or the problem met when asking for it; asked once for all the steps it shows."""
        target = self._target
        try:
            with GatewayClient(
                target.url, target.user, target.password.get_secret_value(), timeout_s=target.timeout_s
            ) as client:
                return client.get_configuration()
        except Problem as problem:
            return problem


def _major(version: str) -> str:
    return version.split(".", 1)[0]
