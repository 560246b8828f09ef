"""Logs: one file of JSON lines per integration (CRM-52), plain lines on the screen, secrets in neither (G10)."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from io import SEEK_END
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final, cast

import structlog
from pydantic import SecretStr
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.types import EventDict, Processor, WrappedLogger

from contracts.errors import Problem
from syncengine.errors import InputRefused, SettingsInvalid
from syncengine.settings import EngineSettings

MASK: Final = "***"
ENGINE_LOG: Final = "syncengine.log"
PART_BYTES: Final = 500_000
PIECE_BYTES: Final = 65_536
_SECRET_NAME: Final = re.compile(r"password|passwd|secret|authorization|mot_de_passe|credential", re.IGNORECASE)
_URL_PASSWORD: Final = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")
_LOG_NAME: Final = re.compile(r"integration-(\d+)\.log(\.\d+)?")


@dataclass(frozen=True, kw_only=True)
class LogFile:
    """One log file of an integration; size in bytes."""

    name: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, kw_only=True)
class LogPart:
    """Some lines of a log file; ``end`` is the place behind them, None at the end of the file."""

    lines: tuple[str, ...]
    end: int | None


class Redactor:
    """A structlog processor that masks what is named like a secret, and the given secrets wherever they stand."""

    def __init__(self, *secrets: SecretStr) -> None:
        self._known = tuple(value for secret in secrets if len(value := secret.get_secret_value()) > 3)

    def __call__(self, _logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        """The event with its secrets masked."""
        return {key: self._clean(key, value) for key, value in event.items()}

    def _clean(self, key: str, value: Any) -> Any:
        if isinstance(value, SecretStr) or _SECRET_NAME.search(key):
            return MASK
        if isinstance(value, dict):
            return {name: self._clean(str(name), inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean("", inner) for inner in value]
        if isinstance(value, bool | int | float | None):
            return value
        return self._masked(str(value))

    def _masked(self, text: str) -> str:
        for known in self._known:
            text = text.replace(known, MASK)
        return _URL_PASSWORD.sub(rf"\1{MASK}@", text)


def log_name(integration_id: int) -> str:
    """The name of the log file of an integration."""
    return f"integration-{integration_id}.log"


@contextmanager
def integration_log(
    settings: EngineSettings, integration_id: int, *, secrets: tuple[SecretStr, ...] = (), screen: bool = True
) -> Iterator[BoundLogger]:
    """While the block runs, all that is logged goes to the integration's file, warnings and errors to standard error too.

    Anything that asks ``structlog.get_logger()`` takes part, in this thread and in those it starts. ``secrets`` are masked
    wherever they stand. Raises SettingsInvalid when the folder cannot be written to.
    """
    configure()
    redactor = Redactor(*secrets)
    handlers: list[logging.Handler] = [_file_handler(settings, log_name(integration_id), redactor)]
    if screen:
        handlers.append(_screen_handler(redactor))
    sink = _sink(f"syncengine.{integration_id}", handlers)
    _open_sinks.append(sink)
    before = _current_sink.set(sink)
    try:
        yield cast("BoundLogger", structlog.get_logger().bind(integration=integration_id))
    finally:
        _current_sink.reset(before)
        _open_sinks.remove(sink)
        for handler in handlers:
            handler.close()


@contextmanager
def service_log(settings: EngineSettings) -> Iterator[None]:
    """While the block runs, what the service tells of itself goes to ``syncengine.log`` and to standard error, cycles apart.

    Raises SettingsInvalid when the folder cannot be written to.
    """
    configure()
    redactor = Redactor()
    handlers = [_file_handler(settings, ENGINE_LOG, redactor), _screen_handler(redactor, logging.INFO)]
    before = _current_sink.set(_sink("syncengine.service", handlers))
    try:
        yield
    finally:
        _current_sink.reset(before)
        for handler in handlers:
            handler.close()


def record(settings: EngineSettings, problem: Problem) -> None:
    """Keep in ``syncengine.log`` what prevented a command before any integration was known; unwritable, it is left at that."""
    configure()
    with suppress(SettingsInvalid):
        handler = _file_handler(settings, ENGINE_LOG, Redactor())
        before = _current_sink.set(_sink("syncengine.engine", [handler]))
        try:
            told = {"code": problem.problem_code, "reason": problem.message, "remedy": problem.remedy}
            structlog.get_logger().error("not_started", **told)
        finally:
            _current_sink.reset(before)
            handler.close()


def configure() -> None:
    """Send what ``structlog.get_logger()`` is told to the log of the integration at work, else to standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=BoundLogger,
        logger_factory=lambda *_: _Router(),
    )


class _Router:
    """Hands each call to the logger of the integration at work."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_sink_at_work(), name)


_current_sink: ContextVar[logging.Logger | None] = ContextVar("integration_log", default=None)
_open_sinks: list[logging.Logger] = []


def _sink_at_work() -> logging.Logger:
    sink = _current_sink.get()
    if sink is None and len(_open_sinks) == 1:
        # A thread started by the only cycle at work: context variables do not follow into an executor's threads.
        return _open_sinks[0]
    return sink or _sink("syncengine", [_screen_handler(Redactor())])


def _sink(name: str, handlers: list[logging.Handler]) -> logging.Logger:
    logger = logging.Logger(name, logging.INFO)  # private: it ends with its file
    for handler in handlers:
        logger.addHandler(handler)
    return logger


def _file_handler(settings: EngineSettings, name: str, redactor: Redactor) -> logging.Handler:
    try:
        settings.logs.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            settings.logs / name,
            maxBytes=settings.log_bytes,
            backupCount=settings.log_files,
            encoding="utf-8",
        )
    except OSError as error:
        raise SettingsInvalid(f"cannot write logs to {settings.logs}: {error.strerror}", field="log_dir") from None
    handler.setFormatter(_formatter(redactor, structlog.processors.JSONRenderer(ensure_ascii=False)))
    return handler


def _screen_handler(redactor: Redactor, level: int = logging.WARNING) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(level)
    handler.setFormatter(_formatter(redactor, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())))
    return handler


def _formatter(redactor: Redactor, renderer: Processor) -> ProcessorFormatter:
    return ProcessorFormatter(processors=[ProcessorFormatter.remove_processors_meta, redactor, renderer])


def _owner(name: str) -> int | None:
    match = _LOG_NAME.fullmatch(name)
    return int(match.group(1)) if match else None


def list_logs(settings: EngineSettings, integration_id: int) -> list[LogFile]:
    """The log files of an integration, the current one first."""
    if not settings.logs.is_dir():
        return []
    found = [path for path in settings.logs.iterdir() if _owner(path.name) == integration_id]
    return [_log_file(path) for path in sorted(found, key=lambda path: (len(path.name), path.name))]


def read_log(settings: EngineSettings, name: str) -> Iterator[str]:
    """The lines of a log file, oldest first. Raises InputRefused for a name that is no log file's."""
    with _path(settings, name).open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            yield line.rstrip("\n")


def read_part(settings: EngineSettings, name: str, *, offset: int = 0, limit: int = 200) -> LogPart:
    """Some lines of a log file, from a place that a part before ended at. Raises InputRefused for a name that is no log file's.

    A part has at most half a million bytes, whatever the number of lines; a longer line comes in pieces.
    """
    lines: list[str] = []
    with _path(settings, name).open("rb") as file:
        file.seek(min(max(offset, 0), file.seek(0, SEEK_END)))
        left = PART_BYTES
        while len(lines) < limit and left > 0 and (line := file.readline(left)):
            lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
            left -= len(line)
        end = file.tell()
        more = bool(file.read(1))
    return LogPart(lines=tuple(lines), end=end if more else None)


def read_bytes(settings: EngineSettings, name: str) -> Iterator[bytes]:
    """A log file as it is, a piece at a time. Raises InputRefused for a name that is no log file's."""
    return _pieces(_path(settings, name))


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _path(settings: EngineSettings, name: str) -> Path:
    path = settings.logs / name
    if _owner(name) is None or not path.is_file():
        raise InputRefused(f"there is no log file {name!r}", remedy="See `syncengine logs list`.", field="name")
    return path


def _log_file(path: Path) -> LogFile:
    facts = path.stat()
    return LogFile(name=path.name, size=facts.st_size, modified_at=datetime.fromtimestamp(facts.st_mtime, UTC))
