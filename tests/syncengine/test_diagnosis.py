"""``syncengine integration check``: the data of Sage 100 looked at before a first synchronisation (CRM-53)."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from gateway.sage import F_COMPTET
from syncengine.errors import ExitCode
from syncengine.secrets import Secrets
from syncengine.settings import settings_from
from tests.gateway.live import PASSWORD
from tests.syncengine.commanding import Run
from tests.syncengine.world import world


@pytest.mark.req("CRM-53")
def test_each_check_is_told_with_how_to_correct_it_and_a_blocking_one_ends_with_a_warning(
    tmp_path: Path, database_url: str, run: Run
) -> None:
    with world(tmp_path, database_url, tiers=4, documents=0) as made:
        made.set(erp_password=Secrets(settings_from({"home": tmp_path / "engine"})).encrypt(SecretStr(PASSWORD)))
        clean = run("integration", "check", "--json")
        assert {one["severity"] for one in clean.json} <= {"ok", "warning"}
        assert clean.code == ExitCode.OK
        with made.erp() as erp:
            erp.execute(update(F_COMPTET).values(CT_Intitule=""))
        found = {one["check"]: one for one in run("integration", "check", "--json").json if one["severity"] != "ok"}
        told = run("integration", "check")
        assert any(one["count"] == 4 and len(one["examples"]) == 4 for one in found.values())
        for one in found.values():
            assert f"{one['title']}: {one['count']}" in told.out
            assert f"→ {one['remedy']}" in told.out
        blocking = any(one["severity"] == "blocking" for one in found.values())
        assert told.code == (ExitCode.WARNING if blocking else ExitCode.OK)
        assert blocking
