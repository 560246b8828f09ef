"""The demonstration from beginning to end: two bases in a folder, one act after the other."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from rich.console import Console

from syncengine.cycle.run import Report
from syncengine.demo.creating import create_from_company
from syncengine.demo.erp_side import COMPANY, GatewaySide
from syncengine.demo.merging import conflict_decided, same_field, two_fields
from syncengine.demo.opening import day_in_the_erp, first_synchronisation, make_integration
from syncengine.demo.repairing import edit_refused
from syncengine.demo.serving import keep_serving
from syncengine.demo.stage import Stage
from syncengine.demo.trusting import cycle_undone, everything_compared, mass_edit_stopped
from syncengine.engine import Engine
from syncengine.errors import SettingsInvalid
from syncengine.secrets import Secrets
from syncengine.settings import settings_from
from syncengine.storage.store import open_store

MARKER: Final = "made-by-syncengine-demo"


def run_demo(folder: Path, *, tiers: int, console: Console, port: int | None = None) -> list[Report]:
    """Run the whole demonstration in ``folder``, which is emptied first; the reports of its cycles.

    With a ``port`` the console is served over both bases afterwards, until it is stopped.

    Raises SettingsInvalid when the folder holds something else, DemoFailed when a side does not hold what it should, and whatever
    stops a step.
    """
    _forget_environment()
    _empty(folder)
    erp = GatewaySide(folder)
    console.rule("1 · Sage 100 side: a base and its gateway")
    console.print(erp.command("demo-base", str(erp.base), "--tiers", str(tiers), "--company", COMPANY))
    erp.write_settings()
    with erp.serving() as url, erp.desk() as desk:
        console.print(f"gateway listening on {url}")
        engine = _open_engine(folder)
        try:
            console.rule("2 · CRM side: an integration, tested and activated")
            number = make_integration(engine, url, erp.password, console)
            stage = Stage(console=console, engine=engine, integration_id=number, desk=desk)
            _play(stage, erp, tiers)
            if port is not None:
                keep_serving(engine, console, port=port)
        finally:
            engine.lines.close()
            engine.store.close()
    _where_next(folder, console)
    return stage.reports


def _play(stage: Stage, erp: GatewaySide, tiers: int) -> None:
    first_synchronisation(stage, tiers)
    day_in_the_erp(stage, erp)
    stage.told("[dim]$[/]", "From here on, a line like this one is the command that does what happens next.")
    shared = two_fields(stage)
    same_field(stage)
    conflict_decided(stage)
    create_from_company(stage)
    edit_refused(stage)
    mass_edit_stopped(stage)
    cycle_undone(stage, shared)
    everything_compared(stage)


def _forget_environment() -> None:
    """A demonstration never touches the bases that the environment may name."""
    for name in [name for name in os.environ if name.startswith(("SYNCENGINE_", "SAGE_GATEWAY_"))]:
        del os.environ[name]


def _empty(folder: Path) -> None:
    """Start from nothing, without ever deleting a folder that the demonstration did not make."""
    if folder.exists():
        if any(folder.iterdir()) and not (folder / MARKER).exists():
            raise SettingsInvalid(
                f"{folder} holds something else than a demonstration", remedy="Name another folder.", field="folder"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()


def _open_engine(folder: Path) -> Engine:
    settings = settings_from({"home": folder / "crm"})
    return Engine(settings=settings, store=open_store(settings.database), secrets=Secrets(settings))


def _where_next(folder: Path, console: Console) -> None:
    home = folder / "crm"
    console.rule("Where to look next")
    console.print(f"  CRM base      {home / 'crm.db'}")
    console.print(f"  Sage 100 base {folder / 'sage100.db'}")
    console.print(f"  log           {home / 'logs'}")
    console.print("  Try, with SYNCENGINE_HOME set to the folder of the CRM base:")
    console.print("    syncengine status · syncengine cycles · syncengine errors list")
    console.print("    syncengine company list · syncengine company show CODE · syncengine journal company CODE")
    console.print("  and the data checks of the ERP base:")
    console.print(f"    sage-gateway check --database {folder / 'sage100.db'}")
