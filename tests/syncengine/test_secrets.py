"""Passwords at rest: encrypted, with a key from one of three places, and readable nowhere else (G10)."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from cryptography.fernet import Fernet
from keyring.backend import KeyringBackend
from pydantic import SecretStr
from sqlalchemy import select

from syncengine import integrations
from syncengine.errors import KeyMissing, KeyWrong
from syncengine.model import Integration
from syncengine.secrets import KeySource, Secrets, find_keys, rotate
from syncengine.settings import EngineSettings, settings_from
from syncengine.storage.store import Store, open_store
from tests.syncengine.conftest import NOW
from tests.syncengine.records import PASSWORD, draft

SECRET = SecretStr(PASSWORD)


class MemoryKeyring(KeyringBackend):
    """A keyring as a desktop has one; a double, since a server has none."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password


@pytest.fixture
def memory_keyring() -> Iterator[MemoryKeyring]:
    before = keyring.get_keyring()
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def test_the_first_password_makes_a_key_file_only_its_owner_reads(settings: EngineSettings, secrets: Secrets) -> None:
    assert not settings.key_path.exists()
    stored = secrets.encrypt(SECRET)
    assert PASSWORD not in stored
    assert stat.S_IMODE(settings.key_path.stat().st_mode) == 0o600
    assert [path.name for path in settings.key_path.parent.iterdir()] == ["key"]
    assert secrets.decrypt(stored) == SECRET


def test_a_key_from_the_environment_is_used_and_no_file_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCENGINE_KEY", Fernet.generate_key().decode())
    settings = settings_from({"home": tmp_path})
    secrets = Secrets(settings)
    assert secrets.decrypt(secrets.encrypt(SECRET)) == SECRET
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_goes_before_the_environment(settings: EngineSettings, secrets: Secrets) -> None:
    secrets.encrypt(SECRET)
    both = settings_from({"home": settings.home, "key": Fernet.generate_key().decode()})
    found = find_keys(both)
    assert found is not None
    assert found.source is KeySource.FILE


def test_the_keyring_keeps_the_key_when_switched_on(tmp_path: Path, memory_keyring: MemoryKeyring) -> None:
    settings = settings_from({"home": tmp_path, "keyring": True})
    secrets = Secrets(settings)
    assert secrets.decrypt(secrets.encrypt(SECRET)) == SECRET
    assert len(memory_keyring.held) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_is_gone_is_missing_not_replaced(settings: EngineSettings, secrets: Secrets) -> None:
    stored = secrets.encrypt(SECRET)
    settings.key_path.unlink()
    with pytest.raises(KeyMissing) as refused:
        secrets.decrypt(stored)
    assert refused.value.remedy
    assert not settings.key_path.exists()


def test_a_configured_key_file_that_is_absent_is_never_made(tmp_path: Path) -> None:
    settings = settings_from({"home": tmp_path, "key_file": tmp_path / "mounted" / "key"})
    with pytest.raises(KeyMissing):
        Secrets(settings).encrypt(SECRET)
    assert not settings.key_path.exists()


@pytest.mark.parametrize("other", [base64.urlsafe_b64encode(bytes(32)).decode(), "not-a-key"], ids=["another", "none"])
def test_another_key_is_wrong(settings: EngineSettings, secrets: Secrets, other: str) -> None:
    stored = secrets.encrypt(SECRET)
    settings.key_path.write_text(other)
    with pytest.raises(KeyWrong) as refused:
        secrets.decrypt(stored)
    assert PASSWORD not in str(refused.value)
    assert other not in str(refused.value)


def create(store: Store, secrets: Secrets) -> int:
    with store.writing() as session:
        entered = draft(crm_password=SecretStr("other"))
        return integrations.create(session, entered, secrets=secrets, multi=False, at=NOW).id


def stored_passwords(store: Store) -> tuple[str | None, str | None]:
    with store.reading() as session:
        row = session.scalars(select(Integration)).one()
        return row.erp_password, row.crm_password


def test_rotation_encrypts_again_and_forgets_the_old_key(
    store: Store, settings: EngineSettings, secrets: Secrets
) -> None:
    create(store, secrets)
    old_key, old = settings.key_path.read_text(), stored_passwords(store)

    assert rotate(store, settings) == 2

    new = stored_passwords(store)
    assert settings.key_path.read_text() != old_key
    assert len(settings.key_path.read_text().split()) == 1
    assert old[0] not in new
    assert [secrets.decrypt(value or "").get_secret_value() for value in new] == [PASSWORD, "other"]


def test_rotation_stopped_halfway_loses_nothing(store: Store, settings: EngineSettings, secrets: Secrets) -> None:
    create(store, secrets)
    # As after a kill between the two steps: the file has both keys, the base only knows the old one.
    old_key = settings.key_path.read_text()
    settings.key_path.write_text(f"{Fernet.generate_key().decode()}\n{old_key}")
    assert secrets.decrypt(stored_passwords(store)[0] or "") == SECRET
    rotate(store, settings)
    assert secrets.decrypt(stored_passwords(store)[0] or "") == SECRET


def test_rotation_with_a_wrong_key_changes_nothing(store: Store, settings: EngineSettings, secrets: Secrets) -> None:
    create(store, secrets)
    old_key, before = settings.key_path.read_text(), stored_passwords(store)
    settings.key_path.write_text(Fernet.generate_key().decode())
    with pytest.raises(KeyWrong):
        rotate(store, settings)
    assert stored_passwords(store) == before
    settings.key_path.write_text(old_key)
    assert secrets.decrypt(before[0] or "") == SECRET


@pytest.mark.guarantees
def test_no_secret_is_in_the_base_its_files_or_any_description(
    sqlite_url: str, settings: EngineSettings, secrets: Secrets
) -> None:
    """G10."""

    store = open_store(sqlite_url)
    create(store, secrets)
    with store.reading() as session:
        row = session.scalars(select(Integration)).one()
        record = integrations.get(session, row.id)
        told = f"{record!r} {row!r} {vars(row)!r} {secrets!r} {draft()!r} {find_keys(settings)!r}"
    key = settings.key_path.read_text().strip()
    folder = Path(sqlite_url.removeprefix("sqlite:///")).parent
    in_files = b"".join(path.read_bytes() for path in folder.glob("base.db*"))

    assert b"BIJOU SA" in in_files
    for secret in (PASSWORD, key):
        assert secret not in told
        assert secret.encode() not in in_files
    store.close()
