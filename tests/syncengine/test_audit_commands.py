"""``syncengine audit``: agreement, differences, the order to repair, as a user gives it (CRM-09)."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from syncengine.secrets import Secrets
from syncengine.settings import settings_from
from tests.gateway.live import PASSWORD
from tests.syncengine.auditing import tamper_crm
from tests.syncengine.commanding import Run
from tests.syncengine.world import world


@pytest.mark.req("CRM-09", "CRM-33")
def test_differences_are_measured_listed_and_repaired_from_the_command_line(
    tmp_path: Path, database_url: str, run: Run
) -> None:
    with world(tmp_path, database_url, tiers=4, documents=0) as made:
        made.set(erp_password=Secrets(settings_from({"home": tmp_path / "engine"})).encrypt(SecretStr(PASSWORD)))
        assert made.cycle().problem is None
        assert "not measured yet" in run("audit", "status").out
        code = made.rows("accounts")[0]["code"]
        tamper_crm(made, "accounts", {"code": code}, web_site="www.script.fr")

        ran = run("audit", "run", "--whole")

        assert (ran.err, ran.out.strip()) == ("", "4 tiers comparés, 0 en attente, 1 différences trouvées, 0 levées")
        status = run("audit", "status", "--json").json
        assert (status["share"], status["compared"], status["differing"]) == ("75.00", 4, 1)
        assert "agreement        75.00 %" in run("audit", "status").out
        (item,) = run("audit", "list", "--json").json["items"]
        assert (item["code"], item["drift"], item["fields"][0]["path"]) == (code, "values", "web_site")
        listed = run("audit", "list").out
        assert f"{item['id']}  {code}" in listed
        assert "valeurs différentes" in listed
        assert "CRM www.script.fr" in listed

        refused = run("audit", "repair", "999")
        assert (refused.code, refused.problem) == (2, "difference_unknown")
        assert run("audit", "repair").problem == "input_refused"
        assert run("audit", "repair", str(item["id"])).out.strip() == "1 à réconcilier au prochain cycle"
        assert made.cycle().counts.sent == 1
        assert run("audit", "run", "--json").json[0]["settled"] == 1
        assert run("audit", "list", "--json").json["items"] == []
        assert len(run("audit", "list", "--settled", "--json").json["items"]) == 1
        assert run("audit", "status", "--json").json["share"] == "100.00"
        made.set(connected=False)
        assert run("audit", "run").problem == "integration_disconnected"
