"""The ERP side of the demonstration: a Sage 100 base, its gateway, and somebody at work in it.

Engine and gateway meet over HTTP only, so all of it is driven through the command ``sage-gateway``.
"""

from __future__ import annotations

import json
import os
import secrets as random_secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from pydantic import SecretStr

from contracts.errors import Unreachable
from syncengine.errors import SettingsInvalid

COMPANY: Final = "Société de démonstration"
USER: Final = "CRM"
READY_S: Final = 60.0
_UTF8: Final = {"PYTHONUTF8": "1"}


class GatewaySide:
    """The gateway's commands, its settings, and the gateway itself as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.base = folder / "sage100.db"
        self.settings = folder / "gateway.toml"
        self.password = SecretStr(random_secrets.token_urlsafe(12))

    def command(self, *arguments: str, stdin: str | None = None) -> str:
        """The output of a command of the gateway. Raises SettingsInvalid with its own words when it fails."""
        command = [*_program(), *arguments]
        done = subprocess.run(  # noqa: S603 - our own
            command, input=stdin, capture_output=True, encoding="utf-8", env=_environment(), check=False
        )
        if done.returncode:
            raise SettingsInvalid(f"sage-gateway {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def write_settings(self) -> None:
        """The gateway's settings file, as an integrator would write it."""
        hashed = self.command("hash-password", stdin=self.password.get_secret_value() + "\n").splitlines()[-1]
        self.settings.write_text(
            f'database = "{self.base.as_posix()}"\ncompany = "{COMPANY}"\nport = 0\n\n'
            f'[[users]]\nname = "{USER}"\npassword_hash = "{hashed}"\n',
            "utf-8",
        )

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The gateway as a process of its own, ended with the block; its address."""
        ready, log = self._folder / "gateway.port", self._folder / "gateway.log"
        ready.unlink(missing_ok=True)  # of the last time: its port is nobody's now
        command = [*_program(), "serve", "--settings", str(self.settings), "--ready-file", str(ready)]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603 - our own
        try:
            yield f"http://127.0.0.1:{_port(process, ready, log)}"
        finally:
            process.terminate()
            process.wait()

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """Somebody who works in Sage 100 until the block ends."""
        command = [*_program(), "demo-desk", str(self.base)]
        with subprocess.Popen(  # noqa: S603 - our own
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=_environment(),
        ) as process:
            yield Desk(process)


class Desk:
    """Works in Sage 100 and reads what is there, without the gateway that the engine calls."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def edit(self, codes: Iterable[str], **values: Any) -> None:
        """Change values of tiers, named as in the contract."""
        self._order(do="edit", codes=list(codes), values=values)

    def hire(self, last_name: str, first_name: str) -> str:
        """A representative comes; its code."""
        return str(self._order(do="hire", last_name=last_name, first_name=first_name)["code"])

    def dismiss(self, code: str) -> None:
        """A representative goes."""
        self._order(do="dismiss", code=code)

    def show(self, code: str) -> dict[str, Any]:
        """A tiers: ``tiers``, ``billing``, ``deliveries`` and ``contacts``, values by the contract's names; empty without one."""
        return self._order(do="show", code=code)

    def _order(self, **order: Any) -> dict[str, Any]:
        asks, answers = _pipe(self._process.stdin), _pipe(self._process.stdout)
        try:
            asks.write(json.dumps(order) + "\n")
            asks.flush()
        except OSError:
            answer = ""
        else:
            answer = answers.readline()
        if not answer:
            raise SettingsInvalid(f"sage-gateway demo-desk failed: {_pipe(self._process.stderr).read().strip()}")
        found: dict[str, Any] = json.loads(answer)
        return found


def _pipe(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise SettingsInvalid("sage-gateway demo-desk has no such pipe")
    return stream


def _environment() -> dict[str, str]:
    return {**os.environ, **_UTF8}


def _program() -> Sequence[str]:
    """``sage-gateway`` as installed beside this program."""
    beside = Path(sys.executable).with_name("sage-gateway.exe" if sys.platform == "win32" else "sage-gateway")
    found = str(beside) if beside.exists() else shutil.which("sage-gateway")
    if found is None:
        raise SettingsInvalid("the program sage-gateway is not installed", remedy="Install the whole package.")
    return (found,)


def _port(process: subprocess.Popen[bytes], ready: Path, log: Path) -> int:
    limit = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < limit:
        if ready.exists() and (text := ready.read_text("ascii").strip()):
            return int(text)
        time.sleep(0.05)
    raise Unreachable(f"the gateway did not start, see {log}")
