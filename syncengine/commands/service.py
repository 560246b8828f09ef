"""``syncengine serve`` and ``worker``: the engine works by itself, on one machine or on many."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from syncengine.access import first_admin
from syncengine.engine import Engine, opened
from syncengine.errors import ExitCode

Concurrency = Annotated[
    int | None, typer.Option(min=1, max=64, help="Cycles at once; unless given, the setting concurrency.")
]
Host = Annotated[
    str | None, typer.Option(help="Address to answer health checks and metrics on; unless given, the setting host.")
]
Port = Annotated[int | None, typer.Option(min=0, max=65_535, help="Port for them; 0: the system chooses one.")]


def serve(*, host: Host = None, port: Port = None, concurrency: Concurrency = None) -> None:
    """Run everything that goes on by itself: due cycles, alerts, console, API, health checks and metrics; until stopped.

    The first time it makes an administrator, and shows the one-time password once.
    """
    with opened(host=host, port=port, concurrency=concurrency) as engine:
        _welcome(engine)
        _run(engine, port=engine.settings.port, whole=True)


def worker(*, concurrency: Concurrency = None, host: Host = None, port: Port = None) -> None:
    """Run due cycles beside `serve`, on as many hosts as wanted over one PostgreSQL base; health checks only with --port."""
    with opened(host=host, concurrency=concurrency) as engine:
        _run(engine, port=port, whole=False)


def _welcome(engine: Engine) -> None:
    with engine.store.writing() as session:
        made = first_admin.ensure(session, engine.store.clock())
    if made is not None:
        typer.echo(
            f"first sign-in: {made.login}, one-time password {made.password.get_secret_value()} (shown only now)"
        )


def _run(engine: Engine, *, port: int | None, whole: bool) -> None:
    from syncengine.service.serve import Options, Service  # noqa: PLC0415 - a second that no other command should take

    settings = engine.settings
    options = Options(
        concurrency=settings.concurrency,
        tick_s=settings.tick_s,
        grace_s=settings.grace_s,
        host=settings.host,
        port=port,
        whole=whole,
    )
    if Service(engine, options).run():
        # Threads of cycles that did not come to their next page would be waited for; their leases run out by themselves.
        sys.stderr.flush()
        os._exit(ExitCode.INTERRUPTED)
