"""The engine's own settings: the environment (``SYNCENGINE_…``), then ``syncengine.toml`` in its home, then the defaults.

Settings of one integration are not here but in its record (CRM-16).
"""

from __future__ import annotations

import os
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from syncengine.errors import SettingsInvalid

PREFIX: Final = "SYNCENGINE_"
HOME_DEFAULT: Final = Path("syncengine-data")
FILE_NAME: Final = "syncengine.toml"


class SmtpSecurity(StrEnum):
    """How the line to the mail server is secured: from its first byte, once it is open, or not at all."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


class EngineSettings(BaseSettings):
    """Everything the engine needs to start. Secrets are masked in ``repr`` and in errors."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix=PREFIX)

    home: Path = HOME_DEFAULT
    database_url: SecretStr | None = None
    log_dir: Path | None = None
    log_bytes: Annotated[int, Field(ge=10_000)] = 10_000_000
    log_files: Annotated[int, Field(ge=1, le=100)] = 5
    key_file: Path | None = None
    key: SecretStr | None = None
    keyring: bool = False
    multi_integration: bool = False
    # The service: cycles at once, seconds between two looks for what is due, and what running cycles get when it stops
    concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    tick_s: Annotated[float, Field(ge=0.05, le=60)] = 0.5
    grace_s: Annotated[float, Field(ge=0, le=600)] = 30.0
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8750
    pool: Annotated[int | None, Field(ge=2, le=500)] = None

    # NEW-09: figures and alerts
    alert_grace_min: Annotated[int, Field(ge=0, le=1_440)] = 10
    smtp_host: str | None = None
    smtp_port: Annotated[int, Field(ge=1, le=65_535)] = 587
    smtp_security: SmtpSecurity = SmtpSecurity.STARTTLS
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    mail_from: str | None = None
    webhook_private_networks: bool = False
    otlp_endpoint: str | None = None
    metrics_integrations: Annotated[int, Field(ge=0, le=10_000)] = 500

    # Access
    public_url: Annotated[str, Field(pattern=r"^https?://[^/?#\s]+$")] | None = None
    trusted_proxies: tuple[str, ...] = ()
    session_idle_hours: Annotated[float, Field(gt=0, le=720)] = 12
    session_hours: Annotated[float, Field(gt=0, le=8_760)] = 168
    lockout_failures: Annotated[int, Field(ge=3, le=100)] = 5
    lockout_minutes: Annotated[float, Field(ge=1, le=1_440)] = 15
    sign_ins_per_minute: Annotated[int, Field(ge=1)] = 10
    requests_per_minute: Annotated[int, Field(ge=1)] = 3_000
    oidc_issuer: Annotated[str, Field(pattern=r"^https?://[^?#\s]+$")] | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None

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

    @property
    def database(self) -> str:
        """The URL of the CRM base, password included; a SQLite file in the home unless set."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.home / 'crm.db'}"

    @property
    def pool_size(self) -> int:
        """Connections kept open to the CRM base: for each cycle one that writes and one that reads or renews, and a few more."""
        return self.pool or 2 * self.concurrency + 5

    @property
    def logs(self) -> Path:
        """The folder of the log files."""
        return self.log_dir or self.home / "logs"

    @property
    def key_path(self) -> Path:
        """The file of the key of the stored passwords."""
        return self.key_file or self.home / "key"


def load_settings() -> EngineSettings:
    """Read and check the settings. Raises SettingsInvalid, which names each wrong key and repeats no value."""
    home = Path(os.environ.get(f"{PREFIX}HOME", HOME_DEFAULT))
    file = home / FILE_NAME
    return settings_from({"home": home} | _read(file), source=str(file))


def settings_from(values: dict[str, object], *, source: str = "settings") -> EngineSettings:
    """Check settings given as values; the environment takes precedence. Raises SettingsInvalid."""
    try:
        return EngineSettings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = [(".".join(map(str, item["loc"])), item["msg"]) for item in error.errors(include_input=False)]
        said = "; ".join(f"{key}: {message}" for key, message in wrong)
        raise SettingsInvalid(f"environment or {source}: {said}", field=wrong[0][0]) from None


def _read(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{file} cannot be read as TOML: {type(error).__name__}") from None
    except OSError as error:
        raise SettingsInvalid(f"{file} cannot be read: {error.strerror}") from None
