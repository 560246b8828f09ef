"""The CRM side of the test stand: a base with an active integration. Imports nothing of the ERP side: its memory is measured."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import SecretStr

from syncengine.cycle.run import utc_now
from syncengine.integration_draft import IntegrationDraft
from syncengine.integrations import activate, create
from syncengine.secrets import Secrets
from syncengine.settings import EngineSettings, settings_from
from syncengine.storage.store import Store, open_store

COMPANY, USER, PASSWORD = "Société de mesure", "bench", "bench-password"


def engine_settings(folder: Path, database: str) -> EngineSettings:
    """Settings of an engine with its CRM base at that URL."""
    os.environ.pop("SYNCENGINE_DATABASE_URL", None)
    return settings_from({"home": folder / "engine", "database_url": database})


def integration_for(url: str, store: Store, settings: EngineSettings) -> int:
    """An active integration with the gateway at that address; its id."""
    draft = IntegrationDraft(url=url, company=COMPANY, erp_user=USER, erp_password=SecretStr(PASSWORD), timeout_s=600)
    with store.writing() as session:
        record = create(session, draft, secrets=Secrets(settings), multi=False, at=utc_now())
        activate(session, record.id, at=utc_now())
    return record.id


def open_crm(database: str) -> Store:
    """The CRM base at that URL, made when it is empty."""
    return open_store(database)
