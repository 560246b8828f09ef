"""``syncengine``: the command line. Exit codes: ``syncengine.errors.ExitCode``."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer

from contracts.errors import Problem
from syncengine.commands import (
    alerts,
    alignment,
    audit,
    children,
    companies,
    conflicts,
    errors,
    fields,
    integration,
    journal,
    machine,
    orphans,
    plans,
    rights,
    rules,
    service,
    status,
    sync,
    tiers,
    turnover,
    users,
)
from syncengine.errors import ExitCode, Interrupted, exit_code
from syncengine.screen import show_problem

_STOPPED_BY_KEYBOARD: Final = 130  # how typer ends after Ctrl-C

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Two-way synchronisation between the CRM and Sage 100.",
)
for _command in (
    *(sync.sync, sync.resync, sync.undo, status.status, journal.cycles),
    *(service.serve, service.worker, sync.demo),
):
    app.command(_command.__name__)(_command)
for _name, _group in (
    ("integration", integration.app),
    ("plan", plans.app),
    ("errors", errors.app),
    ("conflicts", conflicts.app),
    ("audit", audit.app),
    ("journal", journal.app),
    ("company", companies.app),
    ("contact", children.contacts),
    ("address", children.addresses),
    ("fields", fields.app),
    ("turnover", turnover.app),
    ("rights", rights.app),
    ("user", users.app),
    ("alerts", alerts.app),
    ("logs", machine.log_files),
    ("db", machine.database),
    ("key", machine.key),
):
    app.add_typer(_group, name=_name)
for _part in (tiers.app, alignment.app, orphans.app):
    companies.app.add_typer(_part)
integration.app.add_typer(rules.app)


def main() -> None:
    """Run a command and end with its exit code; a problem is told on standard error with its remedy."""
    try:
        with _stoppable():
            app()
    except Problem as problem:
        show_problem(problem)
        sys.exit(exit_code(problem))
    except SystemExit as end:
        if end.code != _STOPPED_BY_KEYBOARD:
            raise
        show_problem(Interrupted("stopped by hand"))
        sys.exit(ExitCode.INTERRUPTED)


@contextmanager
def _stoppable() -> Iterator[None]:
    """A service manager stops a program with SIGTERM: it ends as after Ctrl-C, with its cycle recorded as interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
