"""Passwords at rest: encrypted with a key that is kept outside the base (G10).

The key comes from a file, else the environment (``SYNCENGINE_KEY``), else the system's keyring when switched on. Where none of
them is configured, a file readable only by its owner is made on first use. A source holds one or more keys, the newest first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import keyring
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from keyring.errors import KeyringError
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from syncengine.errors import KeyMissing, KeyWrong, SettingsInvalid
from syncengine.model import AlertChannel, Base, Integration
from syncengine.settings import EngineSettings
from syncengine.storage.store import Store

KEYRING_SERVICE: Final = "syncengine"
KEYRING_NAME: Final = "key"
_ENCRYPTED: Final[dict[type[Base], tuple[str, ...]]] = {
    Integration: ("erp_password", "crm_password", "sql_url"),
    AlertChannel: ("secret",),
}
"""The columns that hold encrypted texts."""


class KeySource(StrEnum):
    """Where a key was found."""

    FILE = "file"
    ENVIRONMENT = "environment"
    KEYRING = "keyring"


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The keys of one source, the newest first."""

    source: KeySource
    values: tuple[str, ...] = field(repr=False)


class Secrets:
    """Encrypts and decrypts passwords. Raises KeyMissing, KeyWrong."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings

    def __repr__(self) -> str:
        return "Secrets()"

    def encrypt(self, secret: SecretStr) -> str:
        """The text to store. Makes the key when there is none and none is configured."""
        keys = find_keys(self._settings) or _make_key(self._settings)
        return _fernet(keys).encrypt(secret.get_secret_value().encode()).decode("ascii")

    def decrypt(self, stored: str) -> SecretStr:
        """The password behind a stored text."""
        keys = find_keys(self._settings)
        if keys is None:
            raise KeyMissing(f"the key of the stored passwords is not in {self._settings.key_path}")
        try:
            return SecretStr(_fernet(keys).decrypt(stored).decode())
        except InvalidToken:
            raise KeyWrong(f"the key ({keys.source}) does not open the stored passwords") from None


def find_keys(settings: EngineSettings) -> Keys | None:
    """The keys of the first source that has any."""
    for source, found in (
        (KeySource.FILE, _from_file(settings.key_path)),
        (KeySource.ENVIRONMENT, settings.key.get_secret_value() if settings.key else ""),
        (KeySource.KEYRING, _from_keyring() if settings.keyring else ""),
    ):
        values = tuple(found.replace(",", " ").split())
        if values:
            return Keys(source=source, values=values)
    return None


def rotate(store: Store, settings: EngineSettings) -> int:
    """Encrypt every stored password with a new key and forget the older ones; returns how many.

    A key from the environment is not ours to change: there the first of several becomes the one in use.
    Stopped halfway, the source holds both keys, and rotating again finishes. Raises KeyMissing, KeyWrong.
    """
    keys = find_keys(settings)
    if keys is None:
        raise KeyMissing("there is no key to rotate", remedy="Nothing to do: a key is made with the first password.")
    if keys.source is not KeySource.ENVIRONMENT:
        keys = Keys(source=keys.source, values=(Fernet.generate_key().decode("ascii"), *keys.values))
        _keep(keys, settings)
    with store.writing() as session:
        count = _encrypt_again(session, _fernet(keys))
    if keys.source is not KeySource.ENVIRONMENT:
        _keep(Keys(source=keys.source, values=keys.values[:1]), settings)
    return count


def _encrypt_again(session: Session, fernet: MultiFernet) -> int:
    count = 0
    for kind, columns in _ENCRYPTED.items():
        for row in session.scalars(select(kind)):
            for column in columns:
                stored = getattr(row, column)
                if stored is not None:
                    setattr(row, column, _rotated(fernet, stored))
                    count += 1
    return count


def _rotated(fernet: MultiFernet, stored: str) -> str:
    try:
        return fernet.rotate(stored).decode("ascii")
    except InvalidToken:
        raise KeyWrong("a stored password was encrypted with another key; nothing was changed") from None


def _fernet(keys: Keys) -> MultiFernet:
    try:
        return MultiFernet([Fernet(value) for value in keys.values])
    except ValueError:
        raise KeyWrong(f"the key ({keys.source}) is not 32 bytes in URL-safe base64") from None


def _from_file(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise KeyMissing(f"the key file {path} cannot be read: {type(error).__name__}") from None


def _from_keyring() -> str:
    try:
        return keyring.get_password(KEYRING_SERVICE, KEYRING_NAME) or ""
    except KeyringError as error:
        raise KeyMissing(f"the system's keyring cannot be read: {type(error).__name__}") from None


def _make_key(settings: EngineSettings) -> Keys:
    if settings.key_file is not None:
        raise KeyMissing(f"the key file {settings.key_file} that is configured does not exist")
    source = KeySource.KEYRING if settings.keyring else KeySource.FILE
    keys = Keys(source=source, values=(Fernet.generate_key().decode("ascii"),))
    _keep(keys, settings)
    return keys


def _keep(keys: Keys, settings: EngineSettings) -> None:
    text = "\n".join(keys.values)
    try:
        if keys.source is KeySource.KEYRING:
            keyring.set_password(KEYRING_SERVICE, KEYRING_NAME, text)
        else:
            _write_file(settings.key_path, text)
    except (OSError, KeyringError) as error:
        raise SettingsInvalid(f"the key cannot be kept ({keys.source}): {type(error).__name__}", field="key") from None


def _write_file(path: Path, text: str) -> None:
    """All or nothing, and never readable by others, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
