"""The audit log in the console: what was done is listed, for administrators alone."""

from __future__ import annotations

from fastapi import FastAPI

from syncengine.engine import Engine
from tests.api.clients import person
from tests.api.conftest import clock, crm_on_sqlite, lone_app, lone_engine, quick_hashes, settings

__all__ = ["clock", "crm_on_sqlite", "lone_app", "lone_engine", "quick_hashes", "settings"]


def test_what_was_done_is_listed_filtered_and_exported(lone_app: FastAPI, lone_engine: Engine) -> None:
    """Given two Companies that claire made, when an administrator looks, then both stand there, newest first."""
    claire = person(lone_app, "claire")
    for name in ("Un", "Deux"):
        made = claire.post("/companies", data={"name": name, "company_type": "client"})
        assert made.status_code == 303
    assert claire.get("/audit").status_code == 403

    admin = person(lone_app, "admin", administrator=True)
    shown = admin.get("/audit").text
    assert shown.index("company/2") < shown.index("company/1")
    assert "company/2" not in admin.get("/audit", params={"subject": "company/1"}).text
    assert "company/1" not in admin.get("/audit", params={"limit": 1}).text
    assert "company.created" not in admin.get("/audit", params={"day": "2020-01-01"}).text
    lines = admin.get("/audit", params={"actor": "claire", "format": "csv"}).text.splitlines()
    assert len(lines) == 3
    assert admin.get("/audit", params={"actor": "a\x00"}).status_code == 422
    assert admin.get("/audit", params={"day": "hier"}).status_code == 400
    hostile = admin.get("/audit", params={"actor": "<script>alert(1)</script>"}).text
    assert "<script>alert" not in hostile
