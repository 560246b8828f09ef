"""'Réactualiser CA': the figures as they are in the ERP now, without a cycle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from contracts.client import GatewayClient
from contracts.errors import Unreachable
from contracts.fields import Record
from gateway.demo.edits import edit_tiers
from gateway.sage import F_DOCENTETE
from syncengine import integrations
from syncengine.crm import turnover
from syncengine.crm.rights import withdraw
from syncengine.crm.turnover import Refreshed, refresh_turnover
from syncengine.cycle.run import Order
from syncengine.errors import Disconnected, InputRefused, IntegrationUnknown
from syncengine.model import CycleKind, Right, TurnoverMode, User
from syncengine.secrets import Secrets
from syncengine.settings import settings_from
from tests.crm import differences, dump
from tests.syncengine.conftest import NOW
from tests.syncengine.world import World, world


@pytest.fixture
def synchronised(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A small base after its first synchronisation."""
    with world(tmp_path, database_url, tiers=12, documents=4.0) as made:
        assert made.cycle().problem is None
        yield made


def figures(made: World) -> dict[str, tuple[Decimal, Decimal]]:
    """Turnover by code."""
    return {row["erp_key"]: (row["current_year"], row["previous_year"]) for row in made.rows("ca_realise")}


def refresh(made: World, codes: Sequence[str] | None = None, by: str | None = None) -> Refreshed:
    """The order, through the real gateway."""
    with made.gateway.client() as client:
        return refresh_turnover(made.store, client, made.integration_id, codes, at=made.now(), by=by)


@pytest.mark.req("CRM-48")
def test_figures_are_read_anew_without_a_cycle(synchronised: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnover, "BATCH", 5)
    before, cycles = figures(synchronised), len(synchronised.rows("cycles"))
    code = next(code for code, figure in before.items() if figure[0] > 0)
    with synchronised.erp() as erp:
        doubled = F_DOCENTETE.c.DO_TotalHT * 2
        erp.execute(update(F_DOCENTETE).where(F_DOCENTETE.c.DO_Tiers == code).values(DO_TotalHT=doubled))

    done = refresh(synchronised)

    after = figures(synchronised)
    assert after == before | {code: (before[code][0] * 2, before[code][1] * 2)}
    assert (done.asked, done.figures, done.gone) == (12, len(after), 0)
    assert len(synchronised.rows("cycles")) == cycles
    rows = synchronised.rows("ca_realise")
    assert all(row["account_id"] for row in rows)
    # The change log tells the same figure once more, and nothing changes by it.
    synchronised.cycle()
    assert figures(synchronised) == after


@pytest.mark.req("CRM-48")
def test_only_the_named_tiers_are_asked_for(synchronised: World) -> None:
    before = figures(synchronised)
    one, other = [code for code, figure in before.items() if figure[0] > 0][:2]
    with synchronised.erp() as erp:
        erp.execute(delete(F_DOCENTETE).where(F_DOCENTETE.c.DO_Tiers.in_((one, other))))
    nothing = (Decimal(0), Decimal(0))

    assert refresh(synchronised, [one, one]) == Refreshed(asked=1, figures=1, gone=0)

    assert figures(synchronised) == before | {one: nothing}
    assert refresh(synchronised).gone == 0
    assert figures(synchronised) == before | {one: nothing, other: nothing}


@pytest.mark.req("CRM-05", "CRM-48")
def test_a_tiers_that_takes_part_no_longer_has_no_figures(synchronised: World) -> None:
    code = next(iter(figures(synchronised)))
    with synchronised.erp() as erp:
        edit_tiers(erp, code, CT_Type=2)
    assert refresh(synchronised, [code]) == Refreshed(asked=1, figures=0, gone=1)
    assert code not in figures(synchronised)


@pytest.mark.req("CRM-48", "CRM-58", "CRM-61")
def test_who_may_not_what_is_not_there_and_a_released_base_are_refused_before_any_call(synchronised: World) -> None:
    with synchronised.store.writing() as session:
        session.add(User(login="claire", name="Claire", created_at=NOW))
        session.flush()
        withdraw(session, 1, Right.REFRESH_TURNOVER, at=NOW)
    before = dump(synchronised.store)
    with synchronised.gateway.client() as client:
        for by, codes, code in (("claire", None, "right_withdrawn"), (None, ["PERSONNE"], "account_unknown")):
            with pytest.raises(InputRefused) as refused:
                refresh_turnover(
                    synchronised.store, client, synchronised.integration_id, codes, at=synchronised.now(), by=by
                )
            assert (refused.value.problem_code, bool(refused.value.remedy)) == (code, True)
        with pytest.raises(IntegrationUnknown):
            refresh_turnover(synchronised.store, client, 999, at=synchronised.now())
        synchronised.set(connected=False)
        with pytest.raises(Disconnected):
            refresh_turnover(synchronised.store, client, synchronised.integration_id, at=synchronised.now())
        assert client.calls == 0
    assert differences(before, dump(synchronised.store)) == []


@pytest.mark.req("CRM-48")
@pytest.mark.parametrize("mode", [TurnoverMode.DAILY, TurnoverMode.BY_HAND])
def test_beside_the_cycles_turnover_is_read_once_a_day_or_only_by_hand(
    synchronised: World, tmp_path: Path, mode: TurnoverMode
) -> None:
    made, before = synchronised, figures(synchronised)
    made.set(turnover_mode=mode, turnover_at=made.now().time().replace(microsecond=0), zone="UTC")
    with made.erp() as erp:
        erp.execute(update(F_DOCENTETE).values(DO_TotalHT=F_DOCENTETE.c.DO_TotalHT * 2))

    kinds = [made.cycle().kind, made.cycle(Order(full=True)).kind, made.cycle().kind]

    assert kinds == [CycleKind.DIFFERENTIAL, CycleKind.RESYNC, CycleKind.DIFFERENTIAL]
    assert figures(made) == before
    refresh(made)
    doubled = figures(made)
    assert doubled == {code: (now * 2, then * 2) for code, (now, then) in before.items()}
    (row,) = made.rows("integrations")
    if mode is TurnoverMode.DAILY:
        assert timedelta(hours=23) < row["turnover_due_at"] - row["turnover_refreshed_at"] <= timedelta(days=1)
    else:
        assert row["turnover_due_at"] is None

    # With each cycle again: it tells what the cycles have not told meanwhile.
    with made.erp() as erp:
        erp.execute(update(F_DOCENTETE).values(DO_TotalHT=F_DOCENTETE.c.DO_TotalHT / 2))
    switch_to_each_cycle(made, tmp_path)
    assert made.cycle().kind is CycleKind.DIFFERENTIAL
    assert figures(made) == before


def switch_to_each_cycle(made: World, folder: Path) -> None:
    """As somebody does it."""
    secrets = Secrets(settings_from({"home": folder / "engine"}))
    with made.store.writing() as session:
        integrations.deactivate(session, made.integration_id, at=made.now())
        draft = integrations.get(session, made.integration_id).draft
        each = replace(draft, turnover_mode=TurnoverMode.EACH_CYCLE)
        integrations.modify(session, made.integration_id, each, secrets=secrets, at=made.now())
        integrations.activate(session, made.integration_id, at=made.now())


@pytest.mark.req("CRM-13", "CRM-48")
def test_a_first_synchronisation_without_turnover_ends_as_one(tmp_path: Path, sqlite_url: str) -> None:
    with world(tmp_path, sqlite_url, tiers=3, documents=4.0) as made:
        made.set(turnover_mode=TurnoverMode.BY_HAND)
        assert [made.cycle().kind, made.cycle().kind] == [CycleKind.FIRST, CycleKind.DIFFERENTIAL]
        assert made.rows("ca_realise") == []


@pytest.mark.req("CRM-48")
def test_what_was_read_before_the_gateway_went_silent_stays(
    synchronised: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turnover, "BATCH", 4)
    seen: list[tuple[int, int]] = []
    asked = GatewayClient.get_turnover

    def once(client: GatewayClient, keys: Sequence[str]) -> list[Record]:
        if seen:
            raise Unreachable("no answer")
        return asked(client, keys)

    monkeypatch.setattr(GatewayClient, "get_turnover", once)
    later = synchronised.now() + timedelta(hours=1)
    with synchronised.gateway.client() as client, pytest.raises(Unreachable):
        refresh_turnover(
            synchronised.store, client, synchronised.integration_id, at=later, watch=lambda *done: seen.append(done)
        )
    assert seen == [(4, 12)]
    first = {row["erp_key"] for row in sorted(synchronised.rows("links"), key=lambda row: row["erp_key"])[:4]}
    rows = synchronised.rows("ca_realise")
    assert {row["erp_key"] for row in rows if row["updated_at"] == later} == first & {row["erp_key"] for row in rows}
    assert first & {row["erp_key"] for row in rows}
