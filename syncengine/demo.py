"""The demonstration: a Sage 100 base, its gateway, a first synchronisation, a day's work in the ERP, a differential cycle.

Engine and gateway meet over HTTP only, so the gateway's side is driven through its command ``sage-gateway``.
"""

from __future__ import annotations

import json
import os
import secrets as random_secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import Unreachable
from syncengine import integrations
from syncengine.connection import Target, first_failure, run_connection_test
from syncengine.engine import Engine
from syncengine.errors import SettingsInvalid
from syncengine.integration_draft import IntegrationDraft
from syncengine.model import Account, Company, FreeFieldDefinition, JournalEntry, Link
from syncengine.run import Report, utc_now
from syncengine.secrets import Secrets
from syncengine.settings import settings_from
from syncengine.store import open_store
from syncengine.sync import synchronise
from syncengine.terminal import progress_bar, show_report

COMPANY: Final = "Société de démonstration"
USER: Final = "CRM"
READY_S: Final = 60.0
MARKER: Final = "made-by-syncengine-demo"


def run_demo(folder: Path, *, tiers: int, console: Console) -> list[Report]:
    """Run the whole demonstration in ``folder``, which is emptied first; the reports of its two cycles.

    Raises SettingsInvalid when the folder holds something else, and whatever stops a step.
    """
    _forget_environment()
    _empty(folder)
    gateway = _GatewaySide(folder)
    console.rule("1 · Sage 100 side: a base and its gateway")
    console.print(gateway.command("demo-base", str(gateway.base), "--tiers", str(tiers), "--company", COMPANY))
    gateway.write_settings()
    with gateway.serving() as url:
        console.print(f"gateway listening on {url}")
        engine = _open_engine(folder)
        try:
            console.rule("2 · CRM side: an integration, tested and activated")
            integration_id = _integration(engine, url, gateway.password, console)
            console.rule("3 · First synchronisation")
            first = _cycle(engine, integration_id, console)
            arrived, refused = first.counts.arrived, first.counts.refused
            console.print(
                f"  {arrived} arrived + {refused} refused with a reason = {arrived + refused} of {tiers} tiers in the ERP"
            )
            console.rule("4 · A day's work in the ERP")
            changes = json.loads(gateway.command("demo-changes", str(gateway.base), "--json"))
            for line in changes["lines"]:
                console.print(f"  • {line}")
            console.rule("5 · Differential synchronisation")
            second = _cycle(engine, integration_id, console)
            with engine.store.reading() as session:
                _show_changes(session, changes, second, console)
        finally:
            engine.store.close()
    _where_next(folder, console)
    return [first, second]


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


class _GatewaySide:
    """The ERP side of the demonstration, through its own command line."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.base = folder / "sage100.db"
        self.settings = folder / "gateway.toml"
        self.password = SecretStr(random_secrets.token_urlsafe(12))

    def command(self, *arguments: str, stdin: str | None = None) -> str:
        """The output of a command of the gateway. Raises SettingsInvalid with its own words when it fails."""
        command = [*_program(), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)  # noqa: S603 - our own
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
        command = [*_program(), "serve", "--settings", str(self.settings), "--ready-file", str(ready)]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603 - our own
        try:
            yield f"http://127.0.0.1:{_port(process, ready, log)}"
        finally:
            process.terminate()
            process.wait()


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


def _open_engine(folder: Path) -> Engine:
    settings = settings_from({"home": folder / "crm"})
    return Engine(settings=settings, store=open_store(settings.database), secrets=Secrets(settings))


def _integration(engine: Engine, url: str, password: SecretStr, console: Console) -> int:
    draft = IntegrationDraft(url=url, company=COMPANY, erp_user=USER, erp_password=password)
    target = Target(url=url, user=USER, password=password, company=COMPANY, timeout_s=draft.timeout_s)
    results = run_connection_test(target)
    for step in results:
        mark = {"ok": "[green]✓[/]", "failed": "[red]✗[/]"}.get(step.status.value, "–")
        console.print(f"  {mark} {step.name}" + (f" [dim]({step.detail})[/]" if step.detail else ""))
    if failed := first_failure(results):
        raise Unreachable(f"{failed.name}: {failed.detail}", remedy=failed.remedy)
    with engine.store.writing() as session:
        record = integrations.create(session, draft, secrets=engine.secrets, multi=False, at=utc_now())
        integrations.activate(session, record.id, at=utc_now())
    console.print(f"integration {record.name!r} activated")
    return record.id


def _cycle(engine: Engine, integration_id: int, console: Console) -> Report:
    with progress_bar(console) as watch:
        report = synchronise(engine, integration_id, watch=watch, screen=False)
    show_report(console, report)
    if report.problem is not None:
        raise report.problem
    return report


def _show_changes(session: Session, changes: dict[str, Any], report: Report, console: Console) -> None:
    """What each change of the ERP became in the CRM, read back from the CRM base."""
    table = Table(title="What happened on each side", title_justify="left")
    table.add_column("Sage 100")
    table.add_column("CRM")
    for what, code in (("edited", changes["edited"]), ("new", changes["created"]), ("deleted", changes["deleted"])):
        if code:
            table.add_row(f"{what} {code}", _company(session, code))
    names = session.scalars(select(FreeFieldDefinition.name).where(FreeFieldDefinition.name == changes["free_field"]))
    table.add_row(f"free field {changes['free_field']}", f"in the metadata: {', '.join(names) or 'no'}")
    for code in changes["valued"]:
        account = _account(session, code)
        value = (account.free_values or {}).get(changes["free_field"]) if account else None
        table.add_row(f"its value on {code}", str(value))
    console.print(table)
    lines = session.scalars(select(JournalEntry).where(JournalEntry.cycle_id == report.cycle_id).limit(12))
    journal = Table(title="Journal of the cycle: every value replaced, with the one before", title_justify="left")
    for heading in ("record", "field", "before", "after", "rule"):
        journal.add_column(heading, overflow="ellipsis", max_width=34)
    for line in lines:
        journal.add_row(f"{line.entity} {line.erp_key}", line.field, line.before or "", line.after or "", line.rule)
    console.print(journal)


def _account(session: Session, code: str) -> Account | None:
    query = select(Account).join(Link, (Link.local_id == Account.id) & (Link.entity == "account"))
    return session.scalar(query.where(Link.erp_key == code))


def _company(session: Session, code: str) -> str:
    account = _account(session, code)
    if account is None:
        return "not there"
    company = session.get(Company, account.company_id) if account.company_id else None
    name = company.name if company else account.name
    return f"{name} · {account.status.value} · in the ERP: {account.erp_state.value}"


def _where_next(folder: Path, console: Console) -> None:
    home = folder / "crm"
    console.rule("Where to look next")
    console.print(f"  CRM base      {home / 'crm.db'}")
    console.print(f"  Sage 100 base {folder / 'sage100.db'}")
    console.print(f"  log           {home / 'logs'}")
    console.print("  Try, with SYNCENGINE_HOME set to the folder of the CRM base:")
    console.print("    syncengine status · syncengine errors list · syncengine logs show")
    console.print("  and the data checks of the ERP base:")
    console.print(f"    sage-gateway check --database {folder / 'sage100.db'}")
