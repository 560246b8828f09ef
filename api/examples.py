"""The most useful calls of the API, made for real: what docs/api.md shows, and what a test makes again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import requests

_TOLD: Final = ("ETag", "Location")
_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One call with its answer; ``headers`` are those that matter, both ways."""

    title: str
    words: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    status: int
    answered: Mapping[str, str]
    answer: Any


@dataclass(kw_only=True)
class Caller:
    """Calls the API with a key, and keeps every exchange that has a title."""

    url: str
    key: str
    exchanges: list[Exchange] = field(default_factory=list)

    def call(
        self,
        title: str,
        words: str,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Exchange:
        """Make a call, and keep it."""
        given = dict(headers or {})
        sent = {**given, "Authorization": f"Bearer {self.key}"}
        answer = requests.request(method, f"{self.url}{path}", json=body, headers=sent, timeout=_TIMEOUT_S)
        told = {name: answer.headers[name] for name in _TOLD if name in answer.headers}
        made = Exchange(
            title=title,
            words=words,
            method=method,
            path=path,
            headers=given,
            body=body,
            status=answer.status_code,
            answered=told,
            answer=answer.json(),
        )
        self.exchanges.append(made)
        return made


def useful_calls(caller: Caller, integration_id: int, work: Callable[[int], object]) -> None:
    """The ten calls, in the order of a day; ``work`` is the worker that carries a run out."""
    of = f"/api/v1/integrations/{integration_id}"
    caller.call(
        "How does it stand?",
        "On time or late, how far behind (`lag_s`, seconds), when it goes on, and what waits for somebody.",
        "GET",
        f"{of}/status",
    )
    asked = caller.call(
        "Run a cycle",
        "The answer comes at once: a run to follow. With `dry_run` a plan is made, and nothing else is written.",
        "POST",
        f"{of}/cycles",
        body={"dry_run": False},
        headers={"Idempotency-Key": "nightly-2026-11-21"},
    )
    work(asked.answer["id"])
    caller.call(
        "Follow it",
        "By asking again, or as server-sent events from `/events`. The run names its cycle, or why none began.",
        "GET",
        asked.answered["Location"],
    )
    _errors(caller, of)
    _companies(caller)


def _errors(caller: Caller, of: str) -> None:
    caller.call(
        "What was refused, and why",
        "One line per record, with the side that refused it, the field and what to do. `retries`, `corrections` and "
        "`exclusions` are made of it.",
        "GET",
        f"{of}/sync_errors?limit=1",
    )


def _companies(caller: Caller) -> None:
    listed = caller.call(
        "Find a Company",
        "By words of name, code, SIRET or town (`text`), or by an information libre (`free`).",
        "GET",
        "/api/v1/companies?limit=1&status=active",
    )
    path = f"/api/v1/companies/{listed.answer['items'][0]['id']}"
    read = caller.call(
        "Read it",
        "With its tiers, and the ETag that a change has to name.",
        "GET",
        path,
    )
    caller.call(
        "Change it",
        "Only what is sent. What belongs to the tiers goes to Sage 100 with the next cycle.",
        "PATCH",
        path,
        body={"web_site": "www.bijou.example"},
        headers={"If-Match": read.answered["ETag"]},
    )
    made = caller.call(
        "Make a Company",
        "Sent twice with one `Idempotency-Key`, it is made once.",
        "POST",
        "/api/v1/companies",
        body={"name": "ATELIER DU LAC", "code": "ATELIERLAC", "company_type": "client"},
        headers={"Idempotency-Key": "web-form-4711"},
    )
    caller.call(
        "Create its tiers in Sage 100",
        "Ordered now, done by the next cycle; with `dry_run` it is only checked.",
        "POST",
        f"{made.answered['Location']}/tiers_creations",
        body={},
    )
    account = next(one for one in _accounts(caller) if one["type"] == "client")
    caller.call(
        "Look at a customer's solvency",
        "Read in Sage 100 at this moment, never stored. Amounts are decimal strings.",
        "GET",
        f"/api/v1/accounts/{account['id']}/solvency",
    )


def _accounts(caller: Caller) -> list[Any]:
    headers = {"Authorization": f"Bearer {caller.key}"}
    answer = requests.get(f"{caller.url}/api/v1/accounts?standing=main", headers=headers, timeout=_TIMEOUT_S)
    found: list[Any] = answer.json()["items"]
    return found
