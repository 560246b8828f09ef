"""The two bases in trouble: full, locked, of another version, restored from a backup. Nothing half-written, nothing lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

import gateway.database
from gateway.database import open_database
from gateway.demo.edits import edit_tiers, insert_tiers
from syncengine.errors import DatabaseBusy, ExitCode
from syncengine.model import Account, CycleStatus, Link
from tests.crm import differences, dump, trees
from tests.end_to_end.conftest import TIERS, Undisturbed
from tests.end_to_end.disturbance import backup, full_disk, locked
from tests.end_to_end.proxy import after
from tests.end_to_end.stand import PAGE, Stand, stand
from tests.gateway.live import live_gateway

Disturbance = Callable[[Engine], AbstractContextManager[None]]


def recovers(made: Stand, undisturbed: Undisturbed) -> None:
    """Once the cause is gone the next cycle of the same process ends where an undisturbed run would."""
    made.proxy.calm()
    made.whole(undisturbed.trees)
    report = made.cycle()
    assert (report.problem, report.status) == (None, CycleStatus.SUCCESS)
    assert differences(undisturbed.dump, dump(made.engine.store)) == []


@pytest.mark.guarantees
@pytest.mark.req("CRM-10", "CRM-52")
@pytest.mark.parametrize("spare", [0, 6, 12])
def test_no_space_left_for_the_crm_base(made: Stand, undisturbed: Undisturbed, spare: int) -> None:
    """G8, G9: whatever page it is that no longer fits."""
    with full_disk(made.engine.store.engine, spare=spare):
        made.sync().told("disk_full", ExitCode.DATABASE)
        kept = made.accounts
        assert kept == set(made.codes[: len(kept)]) < set(made.codes)
        assert (made.last_cycle().counts or {}).get("arrived", 0) == len(kept)
        made.whole(undisturbed.trees)
    recovers(made, undisturbed)


@pytest.mark.guarantees
@pytest.mark.req("CRM-10", "CRM-52")
def test_a_crm_base_that_is_locked_from_the_start(made: Stand, undisturbed: Undisturbed) -> None:
    with locked(made.engine.store.engine):
        made.sync().told("database_locked", ExitCode.DATABASE)
    recovers(made, undisturbed)


@pytest.mark.guarantees
@pytest.mark.req("CRM-10", "CRM-52")
def test_a_crm_base_that_is_locked_in_the_middle(made: Stand, undisturbed: Undisturbed) -> None:
    """G9: even how the cycle ended cannot be recorded; the next one does it, and is not kept waiting by its lease."""
    with ExitStack() as held:
        made.proxy.disturb(after(once(lambda: held.enter_context(locked(made.engine.store.engine)))), since=5)
        made.sync().told("database_locked", ExitCode.DATABASE)
        assert 0 < len(made.accounts) < TIERS
        made.proxy.calm()
    recovers(made, undisturbed)


@pytest.mark.guarantees
@pytest.mark.req("CRM-10")
def test_a_service_whose_base_was_locked_goes_on_by_itself(made_on_both: Stand, undisturbed: Undisturbed) -> None:
    """G9, on both databases: the process lives on, and its next cycle takes its own lease back."""
    made = made_on_both
    with ExitStack() as held:
        made.proxy.disturb(
            after(once(lambda: held.enter_context(written_elsewhere(made.engine.store.engine)))), since=3
        )
        with pytest.raises(DatabaseBusy):
            made.cycle()
        made.proxy.calm()
    report = made.cycle()
    assert (report.problem, report.status) == (None, CycleStatus.SUCCESS)
    assert trees(made.engine.store) == undisturbed.trees


@contextmanager
def written_elsewhere(engine: Engine) -> Iterator[None]:
    """Somebody holds what every commit of a cycle needs."""
    if engine.dialect.name == "sqlite":
        with locked(engine):
            yield
        return
    with engine.connect() as connection, connection.begin():
        connection.execute(text("SELECT id FROM integrations FOR UPDATE"))
        yield


def once(action: Callable[[], object]) -> Callable[[], None]:
    """The action the first time, nothing after."""
    done: list[object] = []

    def act() -> None:
        if not done:
            done.append(action())

    return act


@pytest.mark.guarantees
@pytest.mark.req("CRM-10", "CRM-52")
@pytest.mark.parametrize(
    ("disturbance", "code", "exit_code"),
    [
        (locked, "database_unavailable", ExitCode.UNREACHABLE),
        (partial(full_disk, spare=0), "disk_full", ExitCode.REFUSED),
    ],
)
def test_trouble_with_the_erp_base(
    tmp_path: Path,
    sage_file: Path,
    undisturbed: Undisturbed,
    monkeypatch: pytest.MonkeyPatch,
    disturbance: Disturbance,
    code: str,
    exit_code: ExitCode,
) -> None:
    """The gateway tells in the contract's terms, and its own log of changes is not half-written either."""
    monkeypatch.setattr(gateway.database, "SQLITE_WAIT_MS", 200)
    with stand(tmp_path, sage_file) as made:
        with disturbance(made.sage):
            made.sync().told(code, exit_code)
        made.failed(code)
        assert made.accounts == set()
        recovers(made, undisturbed)


@pytest.mark.guarantees
@pytest.mark.req("CRM-10")
def test_an_erp_base_that_is_locked_in_the_middle(
    tmp_path: Path, sage_file: Path, undisturbed: Undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.database, "SQLITE_WAIT_MS", 200)
    with stand(tmp_path, sage_file) as made:
        made.cycle()
        with made.erp() as connection:
            edit_tiers(connection, made.codes[0], CT_Intitule="Nouveau nom")
        cursors = made.cursors()
        with locked(made.sage):
            made.sync().told("database_unavailable", ExitCode.UNREACHABLE)
        assert made.cursors() == cursors
        assert made.cycle().counts.changed == 1


@pytest.mark.req("CRM-52")
def test_a_crm_base_of_a_newer_program(made: Stand) -> None:
    def version(number: str) -> None:
        with made.engine.store.writing() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :number"), {"number": number})

    with made.engine.store.reading() as session:
        ours = str(session.scalar(text("SELECT version_num FROM alembic_version")))
    version("9999")
    made.sync().told("database_newer", ExitCode.DATABASE)
    assert made.proxy.calls == {}
    version(ours)
    assert made.sync().code == ExitCode.OK


@pytest.mark.req("CRM-52")
def test_a_crm_base_that_is_no_database(made: Stand) -> None:
    made.engine.store.close()
    for file in made.engine.settings.home.parent.glob("crm.db*"):
        file.unlink()
    (made.engine.settings.home.parent / "crm.db").write_bytes(b"not a database" * 1000)
    made.sync().told("database_damaged", ExitCode.DATABASE)


@pytest.mark.guarantees
@pytest.mark.req("CRM-09", "CRM-29")
def test_another_copy_of_the_erp_base_is_read_from_the_beginning(
    made_on_both: Stand, undisturbed: Undisturbed, template: Path, tmp_path: Path
) -> None:
    """G4, G5: the cursors of the former copy mean nothing; nothing is doubled, nothing equal is written again."""
    made = made_on_both
    made.cycle()
    before = rewritten(made)
    other = open_database(f"sqlite:///{shutil.copy(template, tmp_path / 'other.db')}")
    with live_gateway(other, page_size=PAGE) as replacement:
        made.proxy.target = replacement.url
        report = made.cycle()
    other.dispose()
    assert (report.problem, report.status) == (None, CycleStatus.SUCCESS)
    assert (report.counts.arrived, report.counts.changed, report.counts.unchanged) == (0, 0, TIERS)
    assert trees(made.engine.store) == undisturbed.trees
    assert rewritten(made) == before


def rewritten(made: Stand) -> list[object]:
    with made.engine.store.reading() as session:
        accounts = session.query(Account.id, Account.updated_at).order_by(Account.id).all()
        links = session.query(Link.id, Link.erp_version, Link.base).order_by(Link.id).all()
    return [tuple(row) for row in (*accounts, *links)]


@pytest.mark.guarantees
@pytest.mark.req("CRM-29")
def test_an_erp_base_restored_from_a_backup_is_followed_back(
    made: Stand, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """G5: what was edited since the backup is undone in the CRM, with its value in the journal."""
    made.cycle()
    backup(made.sage, tmp_path / "backup.db")
    code = made.codes[3]
    for name in ("Premier nom", "Second nom"):
        with made.erp() as connection:
            edit_tiers(connection, code, CT_Intitule=name)
        made.cycle()
    restored = open_database(f"sqlite:///{tmp_path / 'backup.db'}")
    with live_gateway(restored, page_size=PAGE) as replacement:
        made.proxy.target = replacement.url
        report = made.cycle()
        assert (report.status, report.counts.arrived, report.counts.changed) == (CycleStatus.SUCCESS, 0, 1)
        assert trees(made.engine.store) == undisturbed.trees
        assert made.cycle().calls == 1
    restored.dispose()


@pytest.mark.guarantees
def test_a_base_restored_in_the_middle_of_a_cycle(made: Stand, template: Path, tmp_path: Path) -> None:
    """G8: the cursor of a page that came before means nothing any more; the whole is read once more."""
    made.cycle()
    with made.erp() as connection:
        for number in range(3 * PAGE):
            insert_tiers(connection, f"ZZ{number:03}", f"Client {number}")
    other = open_database(f"sqlite:///{shutil.copy(template, tmp_path / 'other.db')}")
    with live_gateway(other, page_size=PAGE) as replacement:

        def swap() -> None:
            made.proxy.target = replacement.url

        made.proxy.disturb(after(swap), since=3)
        report = made.cycle()
    other.dispose()
    assert (report.problem, report.status) == (None, CycleStatus.SUCCESS)
    assert report.counts.unchanged == TIERS
