"""The gateway's own settings: one TOML file, checked before anything starts.

Environment variables prefixed `SAGE_GATEWAY_` take precedence over the file, so that the database URL with
its password need not be written down: `SAGE_GATEWAY_DATABASE=mssql://…`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.clock import DEFAULT_ZONE
from gateway.database import database_url
from gateway.errors import DatabaseProblem, SettingsInvalid

DEFAULT_FILE = Path("gateway.toml")
MAX_PAGE_SIZE = 2000
PREFIX = "SAGE_GATEWAY_"


class User(BaseModel):
    """Somebody allowed to call the gateway; the password is kept as `gateway.passwords` hashes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    password_hash: SecretStr

    @field_validator("password_hash")
    @classmethod
    def _is_a_hash(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith("scrypt$"):
            raise ValueError("not a hash: make one with `sage-gateway hash-password`")
        return value


class Synchronise(BaseModel):
    """CRM-12: what the gateway hands to the CRM; all four are proposed on a first installation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contacts: bool = True
    addresses: bool = True
    phones: bool = True
    dormant: bool = True


class GatewaySettings(BaseSettings):
    """Everything the gateway needs to start. `time_zone` is that of the database server's clock."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__")

    database: SecretStr
    company: Annotated[str, Field(min_length=1, max_length=35)]
    users: tuple[User, ...] = ()
    synchronise: Synchronise = Synchronise()
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = 500
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    time_zone: str = DEFAULT_ZONE
    # An index on cbModification where Sage 100 has none: without it every poll reads whole tables.
    index_modifications: bool = True
    # Every so many hours all tiers are read again: some treatments change rows without a mark. 0: never.
    full_compare_hours: Annotated[int, Field(ge=0, le=744)] = 24
    # Keeps across restarts that the base is released (CRM-58); None: beside the settings file, where there is one.
    state_file: Path | None = None
    ssl_certificate: Path | None = None
    ssl_key: Path | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first, then what the file said."""
        return env_settings, init_settings

    @field_validator("database")
    @classmethod
    def _is_a_url(cls, value: SecretStr) -> SecretStr:
        try:
            database_url(value.get_secret_value())
        except DatabaseProblem as problem:
            raise ValueError(problem.message) from None
        return value

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("not a time zone: write one such as Europe/Paris") from None
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the database server's clock."""
        return ZoneInfo(self.time_zone)


def load_settings(path: Path = DEFAULT_FILE) -> GatewaySettings:
    """Read and check the settings. Raises SettingsInvalid naming each wrong key and what to do about it."""
    beside: dict[str, object] = {"state_file": path.absolute().with_suffix(".state")}
    return settings_from(beside | _read(path), source=str(path))


def settings_from(values: dict[str, object], *, source: str = "settings") -> GatewaySettings:
    """Check settings given as values. Raises SettingsInvalid, which never repeats a value."""
    try:
        return GatewaySettings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        found = [(".".join(map(str, item["loc"])), _advice(item["type"], item["msg"])) for item in error.errors()]
        said = "; ".join(f"{key}: {advice}" for key, advice in found)
        raise SettingsInvalid(f"{source}: {said}", field=found[0][0]) from None


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        advice = "Write it (see docs/gateway.md) or name another with --settings."
        raise SettingsInvalid(f"there is no settings file {path}", remedy=advice) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsInvalid(f"{path} cannot be read as TOML: {error}") from error


def _advice(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing, add it"
    if kind == "extra_forbidden":
        return "is unknown, remove it or correct its name"
    return message.removeprefix("Value error, ").removeprefix("Input ")
