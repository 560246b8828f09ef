"""The program's own settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncengine.errors import SettingsInvalid
from syncengine.settings import load_settings, settings_from


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SYNCENGINE_HOME", str(tmp_path))
    return tmp_path


def test_without_anything_set_all_is_in_the_home(home: Path) -> None:
    settings = load_settings()
    assert settings.database == f"sqlite:///{home / 'crm.db'}"
    assert (settings.logs, settings.key_path) == (home / "logs", home / "key")


@pytest.mark.req("CRM-62")
def test_one_integration_is_the_default_and_several_can_be_switched_on(home: Path) -> None:
    assert load_settings().multi_integration is False
    (home / "syncengine.toml").write_text("multi_integration = true\n")
    assert load_settings().multi_integration is True


def test_the_environment_goes_before_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "syncengine.toml").write_text('database_url = "sqlite:///file.db"\nlog_files = 3\n')
    monkeypatch.setenv("SYNCENGINE_DATABASE_URL", "sqlite:///environment.db")
    settings = load_settings()
    assert settings.database == "sqlite:///environment.db"
    assert settings.log_files == 3


@pytest.mark.parametrize(
    "line", ['databse_url = "hidden-word"', 'log_files = "hidden-word"', "log_files = hidden-word"]
)
def test_a_wrong_setting_is_named_and_its_value_is_not_repeated(home: Path, line: str) -> None:
    (home / "syncengine.toml").write_text(line)
    with pytest.raises(SettingsInvalid) as refused:
        load_settings()
    assert "hidden-word" not in str(refused.value)
    assert refused.value.field in {"databse_url", "log_files", None}


@pytest.mark.parametrize(
    ("name", "value"),
    [("concurrency", 0), ("concurrency", 65), ("tick_s", 0.01), ("grace_s", -1), ("port", 65_536), ("pool", 1)],
)
def test_a_setting_of_the_service_out_of_range_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        settings_from({name: value})
    assert refused.value.field == name


def test_there_are_connections_for_every_cycle_that_may_run_at_once() -> None:
    assert settings_from({"concurrency": 64}).pool_size == 133
    assert settings_from({"concurrency": 64, "pool": 80}).pool_size == 80


def test_secrets_are_masked_when_settings_are_shown() -> None:
    settings = settings_from({"database_url": "postgresql://crm:hidden-word@server/crm", "key": "hidden-key"})
    assert "hidden" not in repr(settings)
    assert "hidden" not in str(settings.model_dump())
