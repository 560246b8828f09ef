"""``syncengine integration``: create, show, list, modify, activate, deactivate, disconnect, reconnect, test, check."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints

import typer
from pydantic import SecretStr, TypeAdapter, ValidationError

from syncengine import diagnosis, exclusive, integrations
from syncengine.commands.another import confirm_another
from syncengine.commands.options import As, AsJson, Name, Yes, acting
from syncengine.connection import StepResult, StepStatus, first_failure
from syncengine.core.guards import Guards
from syncengine.diagnosis import Severity
from syncengine.engine import opened
from syncengine.errors import ExitCode, InputRefused, IntegrationInvalid, exit_code
from syncengine.exclusive import Exclusive
from syncengine.integration_draft import IntegrationDraft
from syncengine.integration_record import IntegrationRecord
from syncengine.screen import show_facts, show_json, show_table

app = typer.Typer(no_args_is_help=True, help="The link between the CRM base and a Sage 100 company.")

_IDENTITY: Final = {"name", "url", "erp_user", "erp_password", "crm_user", "crm_password", "company"}
SETTINGS: Final = tuple(item.name for item in fields(IntegrationDraft) if item.name not in _IDENTITY)
"""What ``--set`` takes (CRM-16)."""
_MAPS: Final = frozenset({"company_types", "policies", "guards"})
"""Settings that are given as JSON."""

Url = Annotated[str | None, typer.Option(help="Address of the gateway: http://server:8080")]
ErpUser = Annotated[str | None, typer.Option(help="User of the gateway.")]
CrmUser = Annotated[str | None, typer.Option(help="User of the CRM base.")]
Company = Annotated[str | None, typer.Option(help="Raison sociale, as the gateway has it.")]
PasswordFile = Annotated[
    Path | None, typer.Option(help="File with the ERP password; else SYNCENGINE_ERP_PASSWORD, else asked for.")
]
CrmPasswordFile = Annotated[Path | None, typer.Option(help="File with the CRM password; else SYNCENGINE_CRM_PASSWORD.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=f"A setting: {', '.join(SETTINGS)}.")
]


@app.command()
def create(  # noqa: PLR0913 - one parameter per option
    *,
    name: Annotated[str | None, typer.Option(help="Letters, digits, spaces; Sage100 unless given.")] = None,
    url: Url = None,
    erp_user: ErpUser = None,
    crm_user: CrmUser = None,
    company: Company = None,
    password_file: PasswordFile = None,
    crm_password_file: CrmPasswordFile = None,
    settings: Settings = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Create an integration, deactivated. Passwords are never given on the command line."""
    said = _said(name=name, url=url, erp_user=erp_user, crm_user=crm_user, company=company)
    said |= _passwords(password_file, crm_password_file, ask=True) | parse_settings(settings or ())
    draft = IntegrationDraft(**said)
    with opened() as engine:
        if engine.settings.multi_integration:
            with engine.store.reading() as session:
                others = integrations.listed(session)
            confirm_another(draft, others, yes=yes)
        with engine.store.writing() as session:
            record = integrations.create(
                session,
                draft,
                secrets=engine.secrets,
                multi=engine.settings.multi_integration,
                at=engine.store.clock(),
            )
    _show(record, as_json=as_json)


@app.command()
def modify(  # noqa: PLR0913 - one parameter per option
    name: Name = None,
    *,
    rename: Annotated[str | None, typer.Option(help="The new name.")] = None,
    url: Url = None,
    erp_user: ErpUser = None,
    crm_user: CrmUser = None,
    company: Company = None,
    password_file: PasswordFile = None,
    crm_password_file: CrmPasswordFile = None,
    ask_password: Annotated[bool, typer.Option("--ask-password", help="Ask for a new ERP password.")] = False,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given and leave the rest; only while the integration is deactivated."""
    said = _said(name=rename, url=url, erp_user=erp_user, crm_user=crm_user, company=company)
    said |= _passwords(password_file, crm_password_file, ask=ask_password) | parse_settings(settings or ())
    with opened() as engine, engine.store.writing() as session:
        found = integrations.find(session, name)
        draft = replace(found.draft, **said)
        record = integrations.modify(session, found.id, draft, secrets=engine.secrets, at=engine.store.clock())
    _show(record, as_json=as_json)


@app.command()
def show(name: Name = None, *, as_json: AsJson = False) -> None:
    """Show one integration; passwords are never shown."""
    with opened() as engine, engine.store.reading() as session:
        record = integrations.find(session, name)
    _show(record, as_json=as_json)


@app.command("list")
def list_all(*, as_json: AsJson = False) -> None:
    """List the integrations."""
    with opened() as engine, engine.store.reading() as session:
        records = integrations.listed(session)
    if as_json:
        show_json(records)
        return
    show_table(
        ("NAME", "STATE", "COMPANY", "URL", "DUE"),
        [(item.name, item.state, item.draft.company, item.draft.url, item.due_at) for item in records],
    )


@app.command()
def activate(name: Name = None, *, as_json: AsJson = False) -> None:
    """Let cycles run."""
    with opened() as engine, engine.store.writing() as session:
        found = integrations.find(session, name)
        record = integrations.activate(session, found.id, at=engine.store.clock())
    _show(record, as_json=as_json)


@app.command()
def deactivate(name: Name = None, *, as_json: AsJson = False) -> None:
    """Stop cycles, so that settings can be changed."""
    with opened() as engine, engine.store.writing() as session:
        found = integrations.find(session, name)
        record = integrations.deactivate(session, found.id, at=engine.store.clock())
    _show(record, as_json=as_json)


@app.command()
def disconnect(name: Name = None, *, as_: As = None, as_json: AsJson = False) -> None:
    """'Déconnecter Gestion Commerciale': release the ERP base for exclusive work; nothing is synchronised or read meanwhile."""
    with opened() as engine:
        with engine.store.reading() as session:
            found, by = integrations.find(session, name), acting(session, as_).by
        done = exclusive.disconnect(engine, found.id, by=by)
    _show_exclusive(done, as_json=as_json)
    if not done.gateway_obeyed:
        typer.echo(
            "  → The gateway is older and keeps its connections: stop it before work that needs the base alone.",
            err=True,
        )


@app.command()
def reconnect(name: Name = None, *, as_: As = None, as_json: AsJson = False) -> None:
    """'Reconnecter Gestion Commerciale': use the ERP base again; an active integration synchronises at once."""
    with opened() as engine:
        with engine.store.reading() as session:
            found, by = integrations.find(session, name), acting(session, as_).by
        done = exclusive.reconnect(engine, found.id, by=by)
    _show_exclusive(done, as_json=as_json)


@app.command("test")
def try_connection(name: Name = None, *, as_json: AsJson = False) -> None:
    """Test the connection, step by step."""
    with opened() as engine:
        with engine.store.reading() as session:
            found = integrations.find(session, name)
        results = diagnosis.try_connection(engine, found.id)
    _show_steps(results, as_json=as_json)
    failed = first_failure(results)
    if failed is not None and failed.problem is not None:
        raise typer.Exit(exit_code(failed.problem))


@app.command("check")
def check_erp(name: Name = None, *, as_json: AsJson = False) -> None:
    """Have the gateway check the data of Sage 100 before a first synchronisation: what is wrong, and how to correct it there."""
    with opened() as engine:
        with engine.store.reading() as session:
            found = integrations.find(session, name)
        findings = diagnosis.check_erp_data(engine, found.id)
    if as_json:
        show_json(findings)
    else:
        for finding in findings:
            typer.echo(f"{finding.severity:<9} {finding.title}: {finding.count} {', '.join(finding.examples)}")
            if finding.remedy and finding.severity is not Severity.OK:
                typer.echo(f"{'':<9} → {finding.remedy}")
    if any(finding.severity is Severity.BLOCKING for finding in findings):
        raise typer.Exit(ExitCode.WARNING)


def parse_settings(given: Iterable[str]) -> dict[str, Any]:
    """The values of ``--set NAME=VALUE``, typed as the draft has them. Raises InputRefused, IntegrationInvalid."""
    types = get_type_hints(IntegrationDraft)
    values: dict[str, Any] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if name not in SETTINGS or not equals:
            raise InputRefused(f"--set takes NAME=VALUE, not {item!r}", remedy=f"The names: {', '.join(SETTINGS)}.")
        values[name] = _typed(name, text, TypeAdapter(types[name]))
    return values


def _typed(name: str, text: str, adapter: TypeAdapter[Any]) -> Any:
    try:
        if not text:
            return adapter.validate_python(None if _takes_none(adapter) else "")
        return adapter.validate_json(text) if name in _MAPS else adapter.validate_strings(text)
    except ValidationError as error:
        raise IntegrationInvalid(f"{text!r}: {error.errors()[0]['msg']}", field=name) from None


def _takes_none(adapter: TypeAdapter[Any]) -> bool:
    try:
        return adapter.validate_python(None) is None
    except ValidationError:
        return False


def _said(**options: str | None) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _passwords(erp_file: Path | None, crm_file: Path | None, *, ask: bool) -> dict[str, Any]:
    erp = _password(erp_file, "SYNCENGINE_ERP_PASSWORD")
    if erp is None and ask and sys.stdin.isatty():
        erp = SecretStr(typer.prompt("ERP password", hide_input=True, err=True))
    found = {"erp_password": erp, "crm_password": _password(crm_file, "SYNCENGINE_CRM_PASSWORD")}
    return {name: password for name, password in found.items() if password is not None}


def _password(file: Path | None, variable: str) -> SecretStr | None:
    if file is not None:
        try:
            return SecretStr(file.read_text("utf-8").rstrip("\r\n"))
        except (OSError, UnicodeDecodeError) as error:
            raise InputRefused(f"the password file {file} cannot be read: {type(error).__name__}") from None
    value = os.environ.get(variable)
    return SecretStr(value) if value else None


def _show(record: IntegrationRecord, *, as_json: bool) -> None:
    if as_json:
        show_json(record)
        return
    hidden = {"erp_password": record.has_erp_password, "crm_password": record.has_crm_password}
    entered = {item.name: getattr(record.draft, item.name) for item in fields(record.draft)}
    shown = {name: ("set" if hidden[name] else "not set") if name in hidden else entered[name] for name in entered}
    shown["policies"] = {name or "all": chosen for name, chosen in record.draft.policies.items()}
    shown["guards"] = {
        name: str(Guards.read(record.draft.guards).limits[name] or "off") for name in record.draft.guards
    }
    facts = {"gateway_version": record.gateway_version, "connected": record.connected, "due_at": record.due_at}
    show_facts({"state": record.state, **shown, **facts})


def _show_exclusive(done: Exclusive, *, as_json: bool) -> None:
    if as_json:
        show_json(done)
    else:
        _show(done.integration, as_json=False)


def _show_steps(results: list[StepResult], *, as_json: bool) -> None:
    if as_json:
        show_json(results)
        return
    marks = {StepStatus.OK: "ok", StepStatus.FAILED: "FAILED", StepStatus.SKIPPED: "-"}
    for result in results:
        typer.echo(f"{marks[result.status]:<7} {result.name}{f': {result.detail}' if result.detail else ''}")
        if result.remedy:
            typer.echo(f"{'':<7} → {result.remedy}")
