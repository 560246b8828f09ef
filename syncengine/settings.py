"""The engine's own settings: the environment (``SYNCENGINE_…``), then ``syncengine.toml`` in its home, then the defaults.

Settings of one integration are not here but in its record (CRM-16).
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from syncengine.errors import SettingsInvalid

PREFIX: Final = "SYNCENGINE_"
HOME_DEFAULT: Final = Path("syncengine-data")
FILE_NAME: Final = "syncengine.toml"


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
