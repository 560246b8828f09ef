"""The ERP side of the test stand: a Sage 100 base, and its gateway as a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.crm import COMPANY, PASSWORD, USER
from benchmarks.memory import peak_mb
from gateway.database import open_database
from gateway.demo import build_base
from gateway.passwords import hash_password
from tests.postgresql import HASTE, PostgresqlServer

READY_S = 60


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """A running gateway."""

    url: str
    pid: int

    @property
    def peak_mb(self) -> float:
        """Its largest memory so far."""
        return peak_mb(self.pid)


@contextmanager
def databases(
    kind: str, folder: Path, *, options: tuple[str, ...] = HASTE
) -> Iterator[tuple[str, PostgresqlServer | None]]:
    """Where the CRM bases go: URLs of files, or of databases of a PostgreSQL of our own."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}", None
        return
    server = PostgresqlServer(options)
    try:
        yield "", server
    finally:
        server.stop()


def new_database(where: tuple[str, PostgresqlServer | None], name: str) -> str:
    """The URL of a CRM base that does not exist yet."""
    prefix, server = where
    return server.new_database() if server is not None else f"{prefix}/{name}.db"


def make_sage_base(folder: Path, tiers: int, *, documents_per_tiers: float = 2.0) -> str:
    """A demonstration base in an SQLite file; its URL."""
    url = f"sqlite:///{folder / f'sage-{tiers}.db'}"
    engine = open_database(url, create=True)
    build_base(engine, tiers=tiers, company=COMPANY, dirt=False, documents_per_tiers=documents_per_tiers)
    engine.dispose()
    return url


@contextmanager
def gateway(folder: Path, database: str) -> Iterator[Gateway]:
    """A gateway over that base, in a process of its own, on a free port of this machine."""
    settings, ready = folder / "gateway.toml", folder / "gateway.port"
    ready.unlink(missing_ok=True)
    settings.write_text(
        f'database = "{database}"\ncompany = "{COMPANY}"\n'
        f'[[users]]\nname = "{USER}"\npassword_hash = "{hash_password(PASSWORD)}"\n',
        "utf-8",
    )
    command = [sys.executable, "-m", "gateway.cli", "serve", "--settings", str(settings), "--port", "0"]
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen([*command, "--ready-file", str(ready)], stdout=log, stderr=log)
    try:
        yield Gateway(url=f"http://127.0.0.1:{await_port(process, ready, folder / 'gateway.log')}/", pid=process.pid)
    finally:
        process.terminate()
        process.wait(20)


def await_port(process: subprocess.Popen[bytes], ready: Path, log: Path) -> int:
    """The port that a gateway writes to its ready file. Raises RuntimeError with the end of its log when it does not start."""
    limit = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < limit:
        if ready.exists() and (text := ready.read_text("ascii").strip()):
            return int(text)
        time.sleep(0.05)
    raise RuntimeError(f"the gateway did not start: {log.read_text('utf-8', 'replace')[-2000:]}")
