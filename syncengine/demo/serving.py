"""The demonstration left running: console, API and schedules over its two bases, until it is stopped."""

from __future__ import annotations

from typing import Final

from rich.console import Console

from syncengine.access import first_admin
from syncengine.engine import Engine
from syncengine.service.serve import Options, Service

HOST: Final = "127.0.0.1"


def keep_serving(engine: Engine, console: Console, *, port: int) -> None:
    """Serve on loopback, with the address, a user and a one-time password shown; ends with Ctrl-C. Raises CannotListen."""
    settings = engine.settings
    options = Options(
        concurrency=settings.concurrency, tick_s=settings.tick_s, grace_s=settings.grace_s, host=HOST, port=port
    )
    service = Service(engine, options)
    with engine.store.writing() as session:
        made = first_admin.ensure(session, engine.store.clock())
    console.rule("The console")
    console.print(f"  address   {service.address}/", highlight=False)
    if made is not None:
        console.print(f"  user      {made.login}", highlight=False)
        console.print(
            f"  password  {made.password.get_secret_value()}  (to be changed at the first sign-in)", highlight=False
        )
    console.print("  Ctrl-C ends it.")
    service.run()
