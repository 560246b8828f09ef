"""Direct read mode: figures of many tiers summed in the ERP database itself, mixed with the CRM, and nothing ever written there."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, text, update
from sqlalchemy.exc import DBAPIError

from gateway.database import writing
from gateway.sage import P_DOSSIER
from syncengine import exclusive, integrations
from syncengine.errors import DirectReadRefused, Disconnected, ErpUnreachable, InputRefused, IntegrationInvalid
from syncengine.model import Company
from syncengine.rtdv import direct, erp_base, infos_flash
from syncengine.rtdv.direct import CompanyFilter, Figure, GroupBy
from syncengine.rtdv.erp_base import Deadline
from syncengine.rtdv.infos_flash import InfosFlash
from tests.gateway.base import make_base
from tests.gateway.view_world import TODAY, add_document, add_entry, add_line
from tests.syncengine.live_world import CODE, Looking, looking
from tests.syncengine.records import draft


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def erp(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """T001 and T002; the open years are 2025 and 2026, today is 2026-05-04.

    T001  N    FA 100.10 + FC 40.25 − credit note 20 (written −20) − return 10 (written 10)     110.35
          N-1  FC 7, on the last day of 2025                                                      7.00
          order book: BC 300; BC 500 is closed. Invoices: 5, the last one on 2026-04-02
          balance 60 + 25 − 10 = 75; overdue: 60 since April and 25 without due date, of March = 85
          left out: a quote, a purchase, an entry of 2024, a lettered one that makes zero
    T002  N    FA 1000
    """
    engine = make_base(request.getfixturevalue(f"{request.param}_url"))
    with writing(engine) as connection:
        write(connection)
    yield engine
    engine.dispose()


def write(connection: Connection) -> None:
    april = dt.date(2026, 4, 1)
    add_document(connection, "FA", "FA1", april, DO_TotalHT=Decimal("100.10"))
    add_document(connection, "FC", "FC1", dt.date(2026, 1, 1), DO_TotalHT=Decimal("40.25"))
    add_document(connection, "FC", "FC2", april, DO_TotalHT=-20, DO_Provenance=2)
    add_document(connection, "FA", "FA2", dt.date(2026, 4, 2), DO_TotalHT=10, DO_Provenance=1)
    add_document(connection, "FC", "FC3", dt.date(2025, 12, 31), DO_TotalHT=7)
    add_document(connection, "BC", "BC1", april, DO_TotalHT=300)
    add_document(connection, "BC", "BC2", april, DO_TotalHT=500, DO_Cloture=1)
    add_document(connection, "DE", "DE1", april, DO_TotalHT=900)
    add_document(connection, "FA", "AC1", april, DO_TotalHT=900, DO_Domaine=1)
    add_document(connection, "FA", "FA9", april, DO_TotalHT=1000, DO_Tiers="T002")
    for piece, amounts in (("FA1", ("60.10", "40")), ("FC1", ("40.25",)), ("FC2", ("-20",)), ("FA2", ("10",))):
        for amount in amounts:
            add_line(connection, piece[:2], piece, DL_MontantHT=Decimal(amount))
    add_entry(connection, dt.date(2026, 3, 1), 60, due=april)
    add_entry(connection, dt.date(2026, 3, 15), 25, due=None)
    add_entry(connection, dt.date(2026, 3, 1), -10, due=dt.date(2026, 6, 1))
    add_entry(connection, dt.date(2026, 2, 1), 500, due=april, EC_Lettre=1)
    add_entry(connection, dt.date(2026, 2, 1), -500, due=april, EC_Lettre=1)
    add_entry(connection, dt.date(2024, 12, 31), 7000, due=april)


def address(engine: Engine) -> SecretStr:
    return SecretStr(engine.url.render_as_string(hide_password=False))


T001 = InfosFlash(
    turnover_current=Decimal("110.35"),
    turnover_previous=Decimal("7.00"),
    invoices=5,
    last_invoice_on=dt.date(2026, 4, 2),
    order_book=Decimal("300.00"),
    orders=1,
    balance=Decimal("75.00"),
    overdue=Decimal("85.00"),
    credit_limit=Decimal("0.00"),
)


@pytest.mark.req("CRM-59", "CRM-48")
def test_figures_of_many_tiers_are_what_was_added_up_by_hand(erp: Engine) -> None:
    with erp_base.looking(address(erp), Deadline()) as connection:
        every = infos_flash.read(connection, TODAY)
        named = infos_flash.read(connection, TODAY, ["T001", "T002", "NOBODY"])

    assert every["T001"] == named["T001"] == T001
    assert named["T002"].turnover_current == Decimal("1000.00")
    assert (named["T002"].invoices, named["T002"].balance) == (1, Decimal(0))
    assert "NOBODY" not in named
    assert every.keys() >= {"T001", "T002", "T005"}
    assert "SAL001" not in every


@pytest.mark.req("CRM-59")
def test_an_older_base_is_summed_from_its_lines(erp: Engine) -> None:
    with writing(erp) as connection:
        for name in ("DO_TotalHT", "DO_TotalHTNet"):
            connection.execute(text(f'ALTER TABLE "F_DOCENTETE" DROP COLUMN "{name}"'))
        connection.execute(P_DOSSIER.delete())

    with erp_base.looking(address(erp), Deadline()) as connection:
        found = infos_flash.read(connection, TODAY, ["T001"])["T001"]
    # Without fiscal years there is neither N nor N-1, and all entries count; FC3 and the orders have no lines.
    assert list(map(int, (found.turnover_current, found.turnover_previous, found.balance))) == [0, 0, 7075]
    assert (found.invoices, found.order_book) == (4, Decimal(0))


@pytest.mark.req("CRM-59")
def test_nothing_can_be_written_and_no_connection_stays(erp: Engine) -> None:
    with erp_base.looking(address(erp), Deadline()) as connection:
        with pytest.raises(DBAPIError):
            connection.execute(text('UPDATE "F_COMPTET" SET "CT_Ville" = \'Paris\''))
        connection.rollback()
        if erp.dialect.name == "postgresql":
            with pytest.raises(DBAPIError):
                connection.execute(text('CREATE TABLE "Z" (a int)'))
    if erp.dialect.name == "postgresql":
        with erp.connect() as connection:
            sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'syncengine' AND datname = '{}'"
            sessions = sessions.format(erp.url.database)
            assert connection.execute(text(sessions)).scalar() == 0
    with writing(erp) as connection:
        towns = set(connection.execute(text('SELECT "CT_Ville" FROM "F_COMPTET" WHERE "CT_Type" = 0')).scalars())
    assert towns == {"Lyon"}


@pytest.mark.req("CRM-59")
def test_a_look_that_takes_too_long_is_broken_off(erp: Engine) -> None:
    endless = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "postgresql": "SELECT pg_sleep(60)",
    }[erp.dialect.name]
    began = time.monotonic()
    with pytest.raises(ErpUnreachable), erp_base.looking(address(erp), Deadline(0.3)) as connection:
        connection.execute(text(endless))
    assert time.monotonic() - began < 10

    late = Deadline(0)
    with pytest.raises(ErpUnreachable), erp_base.looking(address(erp), late) as connection:
        pytest.fail("nothing is asked after the time is up")


@pytest.mark.req("CRM-59")
def test_a_base_that_is_not_there_or_is_none_of_sage(tmp_path: Path) -> None:
    for name, problem in (("absent.db", ErpUnreachable), ("other.db", DirectReadRefused)):
        if name == "other.db":
            (tmp_path / name).touch()
        with (
            pytest.raises(problem) as met,
            erp_base.looking(SecretStr(f"sqlite:///{tmp_path / name}"), Deadline()) as connection,
        ):
            infos_flash.read(connection, TODAY)
        assert str(tmp_path) not in met.value.message
    assert not (tmp_path / "absent.db").exists()


@pytest.fixture
def live(tmp_path: Path, database_url: str) -> Iterator[Looking]:
    """The client written by hand, read directly, too."""
    with looking(tmp_path, database_url) as made:
        connect(made)
        yield made


def connect(made: Looking) -> None:
    url = SecretStr(made.world.sage.url.render_as_string(hide_password=False))
    made.world.set(sql_url=made.engine.secrets.encrypt(url))


@pytest.mark.req("CRM-59")
def test_erp_figures_and_what_the_crm_knows_stand_in_one_report(live: Looking) -> None:
    with live.engine.store.writing() as session:
        session.execute(update(Company).where(Company.id == live.company_id).values(company_type="prospect"))
    integration_id = live.world.integration_id

    whole = direct.infos_flash_report(live.engine, integration_id, limit=100)
    line = next(line for line in whole.lines if line.code == CODE)
    assert (line.name, line.company_type, line.territory) == ("Client à la main", "prospect", "Monde")
    assert (line.figures.turnover_current, line.figures.turnover_previous) == (Decimal("140.75"), Decimal("7.00"))
    assert list(map(int, (line.figures.order_book, line.figures.balance, line.figures.overdue))) == [300, 50, 60]
    assert line.figures.credit_limit == 1000
    assert whole.currency == "EUR"

    # Page by page it is the same report.
    pages, after = [], 0
    while page := direct.infos_flash_report(live.engine, integration_id, limit=2, after_id=after).lines:
        pages += page
        after = page[-1].company_id
    assert pages == whole.lines
    clients = [row for row in live.world.rows("accounts") if row["type"] == "client" and row["is_main"]]
    assert {line.code for line in pages} == {row["code"] for row in clients}

    ranked = sorted(pages, key=lambda one: (-one.figures.order_book, one.company_id))
    assert direct.top_report(live.engine, integration_id, Figure.ORDER_BOOK, limit=2, offset=1).lines == ranked[1:3]
    only = CompanyFilter(company_type="prospect")
    assert direct.infos_flash_report(live.engine, integration_id, only, limit=100).lines == [line]

    groups = {group.name: group for group in direct.totals(live.engine, integration_id, GroupBy.COMPANY_TYPE)}
    assert groups["prospect"].figures == line.figures
    assert groups["client"].companies == len(clients) - 1
    everyone = direct.totals(live.engine, integration_id, GroupBy.TERRITORY)
    assert sum(group.figures.order_book for group in everyone) == sum(one.figures.order_book for one in pages)


@pytest.mark.req("CRM-58", "CRM-59")
def test_disconnecting_waits_for_what_is_read_directly_and_lets_nothing_more_in(
    live: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    done = exclusive.disconnect(live.engine, live.world.integration_id)
    assert done.gateway_obeyed
    assert erp_base.LONGEST_S - 5 < max(waited) <= erp_base.LONGEST_S

    with pytest.raises(Disconnected):
        direct.infos_flash_report(live.engine, live.world.integration_id, limit=1)


@pytest.mark.req("CRM-59")
def test_without_an_address_nothing_is_read_directly(live: Looking) -> None:
    live.world.set(sql_url=None)
    with pytest.raises(InputRefused) as off:
        direct.infos_flash_report(live.engine, live.world.integration_id, limit=1)
    assert off.value.problem_code == "direct_read_off"


@pytest.mark.req("CRM-59", "CRM-18")
def test_the_address_is_entered_like_a_password(live: Looking) -> None:
    integration_id, at = live.world.integration_id, live.world.now()
    secret = SecretStr("mssql://lecteur:tr0p-secret@serveur/BIJOU")
    with live.engine.store.writing() as session:
        integrations.deactivate(session, integration_id, at=at)
        entered = draft(url=live.world.gateway.url, company="Société de démonstration", sql_url=secret)
        record = integrations.modify(session, integration_id, entered, secrets=live.engine.secrets, at=at)
        assert record.has_sql_url
        assert "tr0p-secret" not in repr(record)
    assert "tr0p" not in live.world.rows("integrations")[0]["sql_url"]

    with live.engine.store.writing() as session:
        for wrong in ("oracle://a:tr0p-secret@b/c", "mssql://serveur", "nothing"):
            entered = draft(company="Société de démonstration", sql_url=SecretStr(wrong))
            with pytest.raises(IntegrationInvalid) as refused:
                integrations.modify(session, integration_id, entered, secrets=live.engine.secrets, at=at)
            assert refused.value.field == "sql_url"
            assert "tr0p-secret" not in str(refused.value)
        for given, stands in ((None, True), (SecretStr(" "), False)):
            entered = draft(company="Société de démonstration", sql_url=given)
            record = integrations.modify(session, integration_id, entered, secrets=live.engine.secrets, at=at)
            assert record.has_sql_url is stands
