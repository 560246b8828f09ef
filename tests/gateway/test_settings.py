"""The gateway's settings file and the passwords in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import SettingsInvalid
from gateway.passwords import hash_password, verify_password
from gateway.settings import load_settings

GOOD = """
database = "mssql://sa:s3cret@server/BIJOU"
company = "Bijou SA"
page_size = 250

[synchronise]
dormant = false

[[users]]
name = "crm"
password_hash = "{hashed}"
"""


@pytest.fixture
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SAGE_GATEWAY_DATABASE", raising=False)
    return tmp_path / "gateway.toml"


@pytest.mark.req("CRM-12")
def test_a_good_file_is_read_with_its_defaults(settings_file: Path) -> None:
    settings_file.write_text(GOOD.format(hashed=hash_password("mot de passe")), "utf-8")
    settings = load_settings(settings_file)
    assert settings.database.get_secret_value() == "mssql://sa:s3cret@server/BIJOU"
    assert (settings.page_size, settings.host, settings.port) == (250, "127.0.0.1", 8080)
    assert settings.zone.key == "Europe/Paris"
    chosen = settings.synchronise
    assert (chosen.contacts, chosen.addresses, chosen.phones, chosen.dormant) == (True, True, True, False)


def test_no_secret_shows(settings_file: Path) -> None:
    hashed = hash_password("mot de passe")
    settings_file.write_text(GOOD.format(hashed=hashed), "utf-8")
    shown = repr(load_settings(settings_file))
    assert "s3cret" not in shown
    assert hashed not in shown


@pytest.mark.parametrize(
    ("text", "key", "advice"),
    [
        ('company = "A"', "database", "is missing"),
        ('database = "x.db"', "company", "is missing"),
        ('database = "x.db"\ncompany = "A"\npage_size = 5000', "page_size", "less than or equal to 2000"),
        ('database = "x.db"\ncompany = "A"\ncolour = "blue"', "colour", "unknown"),
        ('database = "x.db"\ncompany = "A"\ntime_zone = "Paris"', "time_zone", "Europe/Paris"),
        ('database = "oracle://a:s3cret@b/c"\ncompany = "A"', "database", "no support"),
        ('database = "x.db"\ncompany = "A"\nusers = [{name = "a", password_hash = "s3cret"}]', "users.0", "hash"),
        ('database = "x.db"\ncompany = "A"\n[synchronise]\ndormant = "peut-être"', "synchronise.dormant", "bool"),
    ],
)
def test_a_wrong_key_is_named_with_what_to_do(settings_file: Path, text: str, key: str, advice: str) -> None:
    settings_file.write_text(text, "utf-8")
    with pytest.raises(SettingsInvalid, match=advice) as refused:
        load_settings(settings_file)
    assert key in refused.value.message
    assert "s3cret" not in str(refused.value)


def test_a_missing_or_broken_file_is_told(settings_file: Path) -> None:
    with pytest.raises(SettingsInvalid, match="no settings file"):
        load_settings(settings_file)
    settings_file.write_text("database = ", "utf-8")
    with pytest.raises(SettingsInvalid, match="TOML"):
        load_settings(settings_file)


def test_the_environment_wins_over_the_file(settings_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings_file.write_text('database = "file.db"\ncompany = "A"', "utf-8")
    monkeypatch.setenv("SAGE_GATEWAY_DATABASE", "other.db")
    assert load_settings(settings_file).database.get_secret_value() == "other.db"


def test_a_password_is_recognised_and_nothing_else_is() -> None:
    hashed = hash_password("été 2026")
    assert verify_password("été 2026", hashed)
    assert not verify_password("ete 2026", hashed)
    assert hash_password("été 2026") != hashed
    for broken in ("", "scrypt$x", "scrypt$16384$8$1$!$!", hashed.replace("scrypt", "plain"), hashed[:-8]):
        assert not verify_password("été 2026", broken)
