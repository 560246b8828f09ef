"""The base is released for exclusive work: no connection is left, everything is refused, and a restart changes nothing (CRM-58)."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, create_engine, text

from contracts.errors import BaseReleased, RemoteFault
from contracts.messages import EntitySet
from gateway.backend import SqlBackend
from gateway.errors import BaseInUse, ReleaseNotKept
from gateway.hold import Hold
from gateway.settings import load_settings
from tests.gateway.base import make_base
from tests.gateway.live import live_gateway, written_settings

OUT_OF_REACH = Path("/proc/nowhere/gateway.state")


@pytest.fixture
def base_url(database_url: str) -> str:
    """The small company, with nobody in it."""
    make_base(database_url).dispose()
    return database_url


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where the gateway keeps that the base is released."""
    return tmp_path / "gateway.state"


def _connections(url: str) -> int:
    """How many others are connected to the base."""
    if url.startswith("sqlite"):
        held = str(Path(url.removeprefix("sqlite:///")).resolve())
        return sum(str(file.resolve()).startswith(held) for file in Path("/proc/self/fd").iterdir())
    asking = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with asking.connect() as connection:
        found = int(connection.scalar(text(query)) or 0)
    asking.dispose()
    return found


@pytest.mark.req("CRM-58")
def test_a_released_base_is_left_alone_until_it_is_reconnected(base_url: str, state: Path) -> None:
    with live_gateway(base_url, state_file=state) as live, live.client() as client, ThreadPoolExecutor(1) as pool:
        page = client.get_change_log({EntitySet.TIERS: ""})
        cursors = {EntitySet.TIERS: page.change_sets[0].next_cursor}
        with live.client() as other:
            waiting = pool.submit(other.wait_for_changes, cursors, 30)
            in_use = _connections(base_url)
            since = client.release_base()
            for refused in (
                client.get_configuration,
                lambda: client.wait_for_changes(cursors, 0),
                lambda: client.execute([]),
            ):
                with pytest.raises(BaseReleased) as told:
                    refused()
                assert (told.value.problem_code, told.value.may_retry) == ("base_released", False)
            with pytest.raises(BaseReleased):
                waiting.result(5)
        again = client.release_base()
        health = requests.get(f"{live.url}healthz", timeout=20)
        left = _connections(base_url)
        with pytest.raises(BaseReleased):
            client.get_change_log(cursors)
        reconnected, twice = client.reconnect_base(), client.reconnect_base()
        after = client.get_change_log(cursors).change_sets[0]

    assert in_use > 0
    assert left == 0
    assert since is not None
    assert again == since
    assert (health.status_code, health.json()) == (200, {"status": "released"})
    assert (reconnected, twice) == (True, False)
    # The change log goes on where it was.
    assert (after.records, after.at_end) == ([], True)


@pytest.mark.req("CRM-58")
def test_a_restart_does_not_take_the_base_back(base_url: str, state: Path) -> None:
    with live_gateway(base_url, state_file=state) as live, live.client() as client:
        client.get_configuration()
        since = client.release_base()
    with live_gateway(base_url, state_file=state) as live, live.client() as client:
        with pytest.raises(BaseReleased) as told:
            client.get_configuration()
        left = _connections(base_url)
        kept = client.release_base()
        client.reconnect_base()
        client.get_configuration()

    assert left == 0
    assert kept == since
    assert f"{since:%Y-%m-%d %H:%M}" in told.value.message
    assert not state.exists()


@pytest.mark.req("CRM-58")
def test_a_base_that_does_not_answer_yet_stays_released(sqlite_url: str, state: Path, tmp_path: Path) -> None:
    make_base(sqlite_url).dispose()
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with live_gateway(sqlite_url, state_file=state) as live, live.client() as client:
        client.get_configuration()
        client.release_base()
        path.rename(tmp_path / "away.db")
        with pytest.raises(RemoteFault) as missing:
            client.reconnect_base()
        (tmp_path / "away.db").rename(path)
        with pytest.raises(BaseReleased):
            client.get_configuration()
        left = _connections(sqlite_url)
        # The exclusive work changed the base: it is looked at afresh.
        altered = sqlite3.connect(path)
        altered.execute("ALTER TABLE F_COMPTET DROP COLUMN CT_Site")
        altered.close()
        client.reconnect_base()
        client.get_records(EntitySet.TIERS, ["T001"])

    assert missing.value.problem_code == "database_missing"
    assert left == 0


@pytest.mark.req("CRM-58")
def test_what_cannot_be_kept_is_not_released(base_url: str) -> None:
    with live_gateway(base_url, state_file=OUT_OF_REACH) as live, live.client() as client:
        with pytest.raises(RemoteFault) as refused:
            client.release_base()
        client.get_configuration()

    assert refused.value.problem_code == "release_not_kept"


@pytest.mark.req("CRM-58")
def test_calls_under_way_are_finished_first() -> None:
    hold, done, closed = Hold(patience_s=10), threading.Event(), []

    def use() -> None:
        with hold.using():
            inside.set()
            # What works long looks at this between its steps.
            assert hold.leaving.wait(10)
            time.sleep(0.1)
            done.set()

    inside = threading.Event()
    at_work = threading.Thread(target=use)
    at_work.start()
    assert inside.wait(10)
    hold.release(lambda: closed.append(done.is_set()))
    at_work.join()

    assert closed == [True]


@pytest.mark.req("CRM-58")
def test_a_call_that_does_not_end_is_told_and_nobody_else_is_let_in() -> None:
    hold, closed = Hold(patience_s=0.05), []
    with hold.using(), pytest.raises(BaseInUse) as told:
        hold.release(lambda: closed.append(True))
    assert hold.released is not None
    assert (told.value.may_retry, closed) == (True, [])

    hold.release(lambda: closed.append(True))

    assert closed == [True]


@pytest.mark.req("CRM-58")
@pytest.mark.parametrize("content", ["", "[]", '{"released_since": "never"}'], ids=["empty", "list", "no instant"])
def test_a_damaged_file_still_says_released(state: Path, content: str) -> None:
    state.write_text(content, "utf-8")

    assert Hold(state).released is not None


@pytest.mark.req("CRM-58")
def test_a_file_that_cannot_be_removed_leaves_the_base_released(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hold, events = Hold(state), []
    hold.release(lambda: events.append("let go"))

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(ReleaseNotKept):
        hold.reconnect(lambda: events.append("tried"), lambda: events.append("let go again"))

    assert hold.released is not None
    assert events == ["let go", "tried", "let go again"]


@pytest.mark.req("CRM-58")
def test_a_full_comparison_makes_way(sqlite_url: str) -> None:
    base: Engine = make_base(sqlite_url)
    with live_gateway(base) as live, live.client() as client:
        client.get_change_log({EntitySet.TIERS: ""})
    hold = Hold()
    backend = SqlBackend(live.settings)
    log = backend._open().log
    hold.release(backend.close)

    # One that began before sees the wish and ends at once, with nothing compared.
    assert log.compare_all(hold.leaving) is False
    base.dispose()


def test_the_file_is_beside_the_settings_unless_named(tmp_path: Path, sqlite_url: str) -> None:
    base = make_base(sqlite_url)
    path = written_settings(base, tmp_path)
    by_itself = load_settings(path).state_file
    path.write_text(path.read_text("utf-8").replace("company", 'state_file = "elsewhere"\ncompany', 1), "utf-8")
    named = load_settings(path).state_file
    base.dispose()

    assert by_itself == path.with_suffix(".state")
    assert named == Path("elsewhere")


@pytest.fixture(autouse=True)
def _no_draft_left(state: Path) -> Iterator[None]:
    yield
    assert not list(state.parent.glob("*.draft"))
