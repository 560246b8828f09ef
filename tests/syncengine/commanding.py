"""Commands as a user runs them, in this process."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command ended: its exit code, what was on standard output and on standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What was printed with --json."""
        return json.loads(self.out)

    @property
    def problem(self) -> str:
        """The code of the problem on standard error."""
        return self.err.partition(":")[0]


class Run(Protocol):
    """Runs ``syncengine`` with these arguments."""

    def __call__(self, *arguments: str) -> Ran:
        """How it ended."""


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        """Yes."""
        return True
