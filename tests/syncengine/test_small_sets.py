"""A full resync reads the small sets whole: what the ERP no longer has is gone, though no change log told so (CRM-09)."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert

from syncengine.cycle.run import Order
from syncengine.model import Base
from tests.syncengine.world import world


@pytest.mark.req("CRM-09", "CRM-19")
def test_what_the_erp_never_told_of_is_no_longer_taken_for_present(tmp_path: Path, database_url: str) -> None:
    with world(tmp_path, database_url) as made:
        made.cycle()
        representatives, fields = (
            Base.metadata.tables["representatives"],
            Base.metadata.tables["free_field_definitions"],
        )
        with made.store.writing() as session:
            own = {"integration_id": made.integration_id}
            session.execute(insert(representatives).values(**own, code="9999", last_name="Parti", active=True))
            session.execute(insert(fields).values(**own, name="Disparue", type="text", state="replicated"))

        report = made.cycle(Order(full=True))

        assert report.problem is None
        (gone,) = made.rows("representatives", code="9999")
        (struck,) = made.rows("free_field_definitions", name="Disparue")
        assert (gone["active"], struck["state"]) == (False, "no_longer_replicated")
        assert all(row["active"] for row in made.rows("representatives") if row["code"] != "9999")
        again = made.cycle(Order(full=True))
        assert set(again.counts.as_dict().values()) == {0}
