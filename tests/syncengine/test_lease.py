"""One process at a time runs the cycles of an integration."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta

import psutil
import pytest
from sqlalchemy import update

from syncengine.cycle import lease as leases
from syncengine.cycle.lease import LEASE_TIME, Lease
from syncengine.errors import AlreadyRunning, ExitCode, IntegrationUnknown, LeaseLost, exit_code
from syncengine.model import Integration
from syncengine.storage.store import Store
from tests.syncengine.conftest import NOW
from tests.syncengine.records import integration


@pytest.fixture
def integration_id(store: Store) -> int:
    with store.writing() as session:
        return integration(session).id


@pytest.fixture
def other_process() -> Iterator[psutil.Process]:
    """Another living process of this host."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield psutil.Process(process.pid)
    process.kill()
    process.communicate()


def hold(store: Store, integration_id: int, owner: str) -> None:
    with store.writing() as session:
        until = NOW + LEASE_TIME
        session.execute(
            update(Integration).where(Integration.id == integration_id).values(lease_owner=owner, lease_until=until)
        )


def take(store: Store, integration_id: int, **later: int) -> Lease:
    with store.writing() as session:
        return leases.take(session, integration_id, at=NOW + timedelta(**later))


def owner(process: psutil.Process, host: str | None = None) -> str:
    return f"{host or socket.gethostname()} {process.pid} {process.create_time():.2f}"


def test_a_lease_that_is_held_is_refused_to_others(
    store: Store, integration_id: int, other_process: psutil.Process
) -> None:
    hold(store, integration_id, owner(other_process))
    with pytest.raises(AlreadyRunning) as refused:
        take(store, integration_id)
    assert refused.value.record == "Sage100"
    assert exit_code(refused.value) is ExitCode.BUSY


def test_the_lease_of_a_dead_process_of_this_host_is_taken_at_once(
    store: Store, integration_id: int, other_process: psutil.Process
) -> None:
    hold(store, integration_id, owner(other_process))
    other_process.kill()
    other_process.wait()
    assert take(store, integration_id).token == 1


def test_a_process_number_used_again_does_not_pass_for_its_former_owner(store: Store, integration_id: int) -> None:
    started = psutil.Process().create_time() - 3600
    hold(store, integration_id, f"{socket.gethostname()} {os.getpid()} {started:.2f}")
    assert take(store, integration_id).token == 1


def test_the_lease_of_another_host_is_taken_only_when_it_has_expired(
    store: Store, integration_id: int, other_process: psutil.Process
) -> None:
    hold(store, integration_id, owner(other_process, "another-host"))
    other_process.kill()
    other_process.wait()
    with pytest.raises(AlreadyRunning):
        take(store, integration_id)
    assert take(store, integration_id, minutes=3).token == 1


def test_one_that_was_overtaken_can_commit_nothing(store: Store, integration_id: int) -> None:
    slow = take(store, integration_id)
    fast = take(store, integration_id, minutes=3)
    assert fast.token == slow.token + 1

    def commit_late() -> None:
        with store.writing() as session:
            session.execute(update(Integration).values(company="written by the slow one"))
            leases.renew(session, slow, at=NOW)

    with pytest.raises(LeaseLost):
        commit_late()
    with store.reading() as session:
        assert session.get_one(Integration, integration_id).company == "BIJOU SA"
    with store.writing() as session:
        leases.release(session, slow)
        assert leases.renew(session, fast, at=NOW).token == fast.token


def test_renewing_prolongs_and_releasing_frees(store: Store, integration_id: int) -> None:
    lease = take(store, integration_id)
    with store.writing() as session:
        renewed = leases.renew(session, lease, at=NOW + timedelta(minutes=1))
    assert renewed.until == lease.until + timedelta(minutes=1)
    with store.writing() as session:
        leases.release(session, renewed)
    assert take(store, integration_id).token == lease.token + 1


def test_of_many_that_ask_at_once_one_gets_it(store: Store, integration_id: int) -> None:
    taken: list[int] = []
    refused: list[str] = []

    def ask() -> None:
        try:
            taken.append(take(store, integration_id).token)
        except AlreadyRunning as problem:
            refused.append(problem.problem_code)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (taken, refused) == ([1], ["already_running"] * 5)


def test_an_integration_that_is_not_there_has_no_lease(store: Store) -> None:
    with pytest.raises(IntegrationUnknown):
        take(store, 4711)
