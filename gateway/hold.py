"""The hold on the base: who uses it at the moment, and whether it is released for exclusive work (CRM-58).

A release is kept in a file, not in the base: an exclusive job may replace the base, and may end with a restart of the server.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Event, Lock
from typing import Final

from gateway.errors import BaseInUse, BaseReleased, ReleaseNotKept
from gateway.sweep import Clock, utc_now

PATIENCE_S: Final = 20.0
"""How long a release waits for the calls under way."""


class Hold:
    """Safe to share between threads. Without a file a release ends with the process."""

    def __init__(self, file: Path | None = None, *, clock: Clock = utc_now, patience_s: float = PATIENCE_S) -> None:
        self._file = file
        self._clock = clock
        self._patience_s = patience_s
        self._changing = Lock()
        self._calls = Condition()
        self._using = 0
        self._released = None if file is None else _read(file)
        self.leaving = Event()
        """Set while the base is to be let go of, or the gateway stops: long work ends at its next step."""

    @property
    def released(self) -> dt.datetime | None:
        """Since when the base is released; None when it is not."""
        return self._released

    @contextmanager
    def using(self) -> Iterator[None]:
        """Use the base while the block runs. Raises BaseReleased."""
        with self._calls:
            if self._released is not None:
                raise BaseReleased(f"the base is released for exclusive work since {self._released:%Y-%m-%d %H:%M} UTC")
            self._using += 1
        try:
            yield
        finally:
            with self._calls:
                self._using -= 1
                self._calls.notify_all()

    def release(self, let_go: Callable[[], None]) -> dt.datetime:
        """Admit no more calls, wait for those under way, then ``let_go``; since when it is released.

        Raises ReleaseNotKept (nothing has changed) and BaseInUse: nobody is admitted, asking again waits again.
        """
        with self._changing:
            since = self._released or self._clock().astimezone(dt.UTC).replace(microsecond=0)
            if self._released is None:
                self._keep(since)
            with self._calls:
                self._released = since
                self.leaving.set()
                if not self._calls.wait_for(lambda: self._using == 0, self._patience_s):
                    raise BaseInUse(f"{self._using} calls under way still use the base")
            let_go()
            return since

    def reconnect(self, try_out: Callable[[], None], let_go: Callable[[], None]) -> bool:
        """Admit calls again once ``try_out`` finds that the base answers; False when it was not released.

        Raises what ``try_out`` raises, and ReleaseNotKept: then it stays released.
        """
        with self._changing:
            if self._released is None:
                return False
            try:
                try_out()
                self._forget()
            except Exception:
                let_go()
                raise
            self.leaving.clear()
            self._released = None
            return True

    def _keep(self, since: dt.datetime) -> None:
        if self._file is None:
            return
        draft = self._file.with_name(f"{self._file.name}.draft")
        try:
            with draft.open("w", encoding="utf-8") as written:
                json.dump({"released_since": since.isoformat()}, written)
                written.flush()
                # The server may be switched off for the exclusive work.
                os.fsync(written.fileno())
            draft.replace(self._file)
        except OSError as error:
            raise ReleaseNotKept(f"the release cannot be kept in a file: {error.strerror}") from None

    def _forget(self) -> None:
        try:
            if self._file is not None:
                self._file.unlink(missing_ok=True)
        except OSError as error:
            raise ReleaseNotKept(f"the file of the release cannot be removed: {error.strerror}") from None


def _read(file: Path) -> dt.datetime | None:
    """Since when that file says the base is released; whatever it holds, that it is there says that it is."""
    try:
        return dt.datetime.fromisoformat(json.loads(file.read_text("utf-8"))["released_since"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return dt.datetime.fromtimestamp(file.stat().st_mtime, dt.UTC)
