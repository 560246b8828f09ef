"""CRM-36: the rights on an Account are those on its Company."""

from __future__ import annotations

import pytest

from api import identity, openapi
from api.app import routed
from syncengine.access.scopes import Record, Scope, scopes_on

READING = frozenset({"get"})


@pytest.mark.req("CRM-36")
def test_what_a_company_takes_an_account_takes() -> None:
    assert scopes_on(Record.ACCOUNT) == scopes_on(Record.COMPANY)
    assert identity.reading(Record.ACCOUNT) is identity.reading(Record.COMPANY)
    assert identity.changing(Record.ACCOUNT) is identity.changing(Record.COMPANY)
    assert identity.reading(Record.ACCOUNT).scope is Scope.READ
    assert identity.changing(Record.ACCOUNT).scope is Scope.EDIT


@pytest.mark.req("CRM-36")
def test_every_operation_on_accounts_asks_what_those_on_companies_ask() -> None:
    paths = openapi.description(routed())["paths"]
    scopes = {
        (record, method in READING): {
            operation.get("x-scope")
            for path, methods in paths.items()
            if path.startswith(f"/api/v1/{record}")
            for verb, operation in methods.items()
            if (verb in READING) is (method in READING)
        }
        for record in ("accounts", "companies")
        for method in ("get", "post")
    }
    for reading in (True, False):
        assert scopes["accounts", reading] <= scopes["companies", reading]
