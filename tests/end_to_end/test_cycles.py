"""What happens to a cycle from outside: stopped by hand, two at once, a gateway that dies and comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.passwords import hash_password
from syncengine import integrations
from syncengine.cycle.run import Report, utc_now
from syncengine.errors import ExitCode
from syncengine.model import CycleStatus, IntegrationState
from tests.crm import differences, dump
from tests.end_to_end.conftest import TIERS, Undisturbed
from tests.end_to_end.proxy import after, stalled
from tests.end_to_end.stand import HASTE, PAGE, Stand
from tests.gateway.live import COMPANY, PASSWORD, USER

READY_S = 30


@pytest.mark.guarantees
@pytest.mark.req("CRM-11", "CRM-58", "CRM-10", "CRM-52")
@pytest.mark.parametrize(
    ("change", "back", "code"),
    [
        ({"state": IntegrationState.INACTIVE}, {"state": IntegrationState.ACTIVE}, "integration_not_active"),
        ({"connected": False}, {"connected": True}, "integration_disconnected"),
    ],
)
def test_an_integration_stopped_in_the_middle_of_a_cycle(
    made: Stand, undisturbed: Undisturbed, change: dict[str, object], back: dict[str, object], code: str
) -> None:
    """G8: the cycle ends at its next page, no further one starts, and reconnecting resumes from there."""
    made.proxy.disturb(after(lambda: made.put(**change)), only=4)
    made.sync().told(code, ExitCode.REFUSED)
    made.failed(code)
    assert 0 < len(made.accounts) < TIERS
    made.whole(undisturbed.trees)

    cycles, calls = made.last_cycle().id, dict(made.proxy.calls)
    made.sync().told(code, ExitCode.REFUSED)
    assert (made.last_cycle().id, made.proxy.calls) == (cycles, calls)

    made.put(**back)
    assert made.sync().code == ExitCode.OK
    assert differences(undisturbed.dump, dump(made.engine.store)) == []


@pytest.mark.guarantees
@pytest.mark.req("CRM-10", "CRM-52")
def test_two_cycles_at_once(made: Stand, undisturbed: Undisturbed) -> None:
    """G4: the second is turned away, the first goes on."""
    reports: list[Report] = []
    made.proxy.disturb(stalled, only=4)
    first = threading.Thread(target=lambda: reports.append(made.cycle()))
    first.start()
    wait_for(lambda: made.proxy.calls.get("GetChangeLog", 0) >= 4)
    second = made.sync()
    made.proxy.calm()
    first.join(30)
    second.told("already_running", ExitCode.BUSY)
    assert [report.status for report in reports] == [CycleStatus.SUCCESS]
    assert differences(undisturbed.dump, dump(made.engine.store)) == []


@pytest.mark.guarantees
def test_stopping_a_cycle_does_not_wait_for_calls_to_be_repeated(made: Stand) -> None:
    """The call under way may end by itself; nobody waits for the pauses between repeats."""
    patient = type(HASTE)(attempts=4, first_s=60.0, longest_s=60.0)

    def deactivate() -> None:
        with made.engine.store.writing() as session:
            integrations.deactivate(session, made.integration_id, at=utc_now())

    made.proxy.disturb(after(deactivate), only=3)
    made.proxy.disturb(lambda _call: iter(()), since=4)
    began = time.monotonic()
    report = made.cycle(patience=patient)
    assert report.problem is not None
    assert report.problem.problem_code == "integration_not_active"
    assert time.monotonic() - began < 30


@pytest.mark.guarantees
@pytest.mark.req("CRM-10", "CRM-52")
@pytest.mark.parametrize("back", ["at once", "later"])
def test_a_gateway_killed_in_the_middle_and_started_again(
    made: Stand, undisturbed: Undisturbed, sage_file: Path, tmp_path: Path, back: str
) -> None:
    """G9: back before the engine gives up, nobody notices; back later, the next cycle goes on."""
    with gateway_process(tmp_path, sage_file) as first, gateway_process(tmp_path, sage_file) as second:
        made.proxy.target = first.url

        def kill() -> None:
            os.kill(first.pid, signal.SIGKILL)
            if back == "at once":
                made.proxy.target = second.url

        made.proxy.disturb(after(kill), only=4)
        ended = made.sync()
        if back == "at once":
            assert ended.code == ExitCode.OK
        else:
            ended.told("gateway_unreachable", ExitCode.UNREACHABLE)
            assert 0 < len(made.accounts) < TIERS
            made.proxy.target = second.url
            made.whole(undisturbed.trees)
            assert made.sync().code == ExitCode.OK
    assert differences(undisturbed.dump, dump(made.engine.store)) == []


@pytest.mark.req("CRM-10")
def test_the_command_ends_with_the_code_its_process_returns(made: Stand) -> None:
    """Once as the operating system sees it, without anything of this test in the process."""
    environment = {
        **os.environ,
        "SYNCENGINE_HOME": str(made.engine.settings.home),
        "SYNCENGINE_DATABASE_URL": made.engine.settings.database,
    }
    made.put(company="AUTRE SA")
    command = [sys.executable, "-c", "from syncengine.cli import main; main()", "sync"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.REFUSED
    assert done.stderr.splitlines()[0].startswith("company_mismatch: the gateway serves ")
    assert done.stderr.splitlines()[1].startswith("  → Correct the company name (raison sociale)")


class Process:
    """A gateway in a process of its own."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.url = f"http://127.0.0.1:{port}/"


@contextmanager
def gateway_process(folder: Path, sage_file: Path) -> Iterator[Process]:
    """A gateway over that base, to be killed."""
    name = f"gateway-{len(list(folder.glob('gateway-*.toml')))}"
    settings, ready = folder / f"{name}.toml", folder / f"{name}.port"
    settings.write_text(
        f'database = "{sage_file.as_posix()}"\ncompany = "{COMPANY}"\npage_size = {PAGE}\n'
        f'[[users]]\nname = "{USER}"\npassword_hash = "{hash_password(PASSWORD)}"\n',
        "utf-8",
    )
    command = [sys.executable, "-m", "gateway.cli", "serve", "--settings", str(settings), "--port", "0"]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([*command, "--ready-file", str(ready)], stdout=log, stderr=log)
    try:
        wait_for(lambda: ready.exists() or process.poll() is not None)
        yield Process(process.pid, int(ready.read_text("ascii")))
    finally:
        process.kill()
        process.wait()


def wait_for(condition: object) -> None:
    limit = time.monotonic() + READY_S
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < limit, "waited too long"
        time.sleep(0.02)
