"""Log files: one per integration, JSON lines, no secrets (CRM-52, G10)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from syncengine.errors import InputRefused, SettingsInvalid
from syncengine.logs import integration_log, list_logs, log_name, read_log
from syncengine.settings import EngineSettings, settings_from
from tests.syncengine.records import PASSWORD


def lines(settings: EngineSettings, integration_id: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in read_log(settings, log_name(integration_id))]


@pytest.mark.req("CRM-52")
def test_each_integration_has_a_file_of_its_own_that_can_be_listed_and_read(settings: EngineSettings) -> None:
    for number in (1, 12):
        with integration_log(settings, number) as log:
            log.info("page_applied", done=500 * number, tiers="Société Été")
    assert [file.name for file in list_logs(settings, 1)] == ["integration-1.log"]
    assert list_logs(settings, 12)[0].size > 0
    assert list_logs(settings, 2) == []
    told = lines(settings, 12)
    assert [(line["event"], line["done"], line["tiers"], line["level"], line["integration"]) for line in told] == [
        ("page_applied", 6000, "Société Été", "info", 12)
    ]
    assert told[0]["timestamp"].endswith("Z")


@pytest.mark.req("CRM-52")
def test_what_other_modules_and_threads_log_during_the_cycle_is_in_the_file(settings: EngineSettings) -> None:
    elsewhere = structlog.get_logger("syncengine.cycle.pull")
    with integration_log(settings, 1), ThreadPoolExecutor(1) as threads:
        structlog.contextvars.bind_contextvars(cycle=7)
        elsewhere.info("cycle_started")
        structlog.contextvars.clear_contextvars()
        threads.submit(elsewhere.warning, "call_repeated", attempt=2).result()
    elsewhere.info("after the cycle")
    assert [(line["event"], line.get("cycle")) for line in lines(settings, 1)] == [
        ("cycle_started", 7),
        ("call_repeated", None),
    ]


def test_two_cycles_at_once_write_to_their_own_files(settings: EngineSettings) -> None:
    elsewhere = structlog.get_logger("syncengine.cycle.pull")
    with integration_log(settings, 1):
        elsewhere.info("of the first")
        with integration_log(settings, 2):
            elsewhere.info("of the second")
        elsewhere.info("of the first again")
    assert [line["event"] for line in lines(settings, 1)] == ["of the first", "of the first again"]
    assert [line["event"] for line in lines(settings, 2)] == ["of the second"]


def test_warnings_are_on_the_screen_too(settings: EngineSettings, capfd: pytest.CaptureFixture[str]) -> None:
    with integration_log(settings, 1) as log:
        log.info("only in the file")
        log.warning("call_repeated", reason="time-out")
    screen = capfd.readouterr()
    assert screen.out == ""
    assert "call_repeated" in screen.err
    assert "only in the file" not in screen.err


@pytest.mark.guarantees
def test_no_secret_reaches_the_file_or_the_screen(settings: EngineSettings, capfd: pytest.CaptureFixture[str]) -> None:
    """G10."""
    with integration_log(settings, 1, secrets=(SecretStr(PASSWORD),)) as log:
        log.warning("signing in", password="hidden-1", erp_password="hidden-2", user="crm", erp_key="C0001")
        log.warning("url", url=f"postgresql://crm:hidden-3@server/crm and {PASSWORD}", nested={"secret": "hidden-4"})
        text = f"in the text: {PASSWORD}"
        log.warning(text, given=SecretStr("hidden-5"), several=[PASSWORD])
        try:
            int(PASSWORD)
        except ValueError:
            log.exception("failed")
    told = capfd.readouterr().err + "\n".join(read_log(settings, log_name(1)))
    assert told.count("in the text") == 2
    assert "ValueError" in told
    assert "C0001" in told
    assert PASSWORD not in told
    assert "hidden" not in told


def test_a_log_file_that_grows_is_rotated(settings: EngineSettings) -> None:
    small = settings_from({"home": settings.home, "log_bytes": 10_000, "log_files": 2})
    with integration_log(small, 1) as log:
        for number in range(400):
            log.info("page_applied", number=number, text="x" * 50)
    names = [file.name for file in list_logs(small, 1)]
    assert names == ["integration-1.log", "integration-1.log.1", "integration-1.log.2"]
    assert all(file.size <= 10_000 for file in list_logs(small, 1))
    assert lines(small, 1)[-1]["number"] == 399


@pytest.mark.parametrize(
    "name", ["../crm.db", "/etc/hostname", "key", "integration-1.log/../../key", "integration-9.log"]
)
def test_only_log_files_can_be_read(settings: EngineSettings, name: str) -> None:
    with integration_log(settings, 1) as log:
        log.info("there")
    (settings.home / "key").write_text("hidden")
    with pytest.raises(InputRefused):
        next(read_log(settings, name))


def test_a_folder_that_cannot_be_written_to_is_a_settings_problem(settings: EngineSettings) -> None:
    settings.home.mkdir(parents=True)
    settings.logs.write_text("a file in the place of the folder")
    with pytest.raises(SettingsInvalid) as refused, integration_log(settings, 1):
        pass
    assert refused.value.field == "log_dir"
