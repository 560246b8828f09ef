"""``syncengine integration policy`` and ``guard``: who wins, and how much one cycle may do (NEW-03, NEW-06)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final

import typer

from syncengine import integrations
from syncengine.commands.options import AsJson, OfIntegration, now
from syncengine.core.guards import DEFAULTS, Guards
from syncengine.core.policies import Policy
from syncengine.engine import opened
from syncengine.errors import InputRefused
from syncengine.integration_draft import IntegrationDraft
from syncengine.screen import show_json, show_table

app = typer.Typer()

ALL: Final = "all"
"""The policy of every field that has none of its own; it goes by the empty name."""
DEFAULT: Final = "default"


@app.command()
def policy(
    field: Annotated[
        str | None, typer.Argument(help="all, account, address, contact, or one field: contact.phone.")
    ] = None,
    chosen: Annotated[
        str | None, typer.Argument(metavar="POLICY", help=f"{', '.join(Policy)}; or default: as if none were chosen.")
    ] = None,
    *,
    integration: OfIntegration = None,
    as_json: AsJson = False,
) -> None:
    """Show or choose who wins where both sides changed a value. Chosen only while the integration is deactivated."""
    if field is not None and chosen is None:
        raise InputRefused("no policy is given", remedy=f"Choose one of {', '.join(Policy)}, or default.")
    if field is None or chosen is None:
        policies = _entered(integration).policies
    else:
        own = {} if chosen == DEFAULT else {"" if field == ALL else field: chosen}
        policies = _changed(integration, "policies", "" if field == ALL else field, own).policies
    if as_json:
        show_json(policies)
    else:
        shown = {"": Policy.ERP_WINS.value, **policies}
        show_table(("FIELD", "POLICY", ""), ((one or ALL, code, Policy(code).label) for one, code in shown.items()))


@app.command()
def guard(
    name: Annotated[str | None, typer.Argument(metavar="GUARD", help=f"One of {', '.join(DEFAULTS)}.")] = None,
    *,
    count: Annotated[int | None, typer.Option(help="Stop beyond that many tiers …")] = None,
    percent: Annotated[
        float | None, typer.Option(help="… that are also more than this share of the linked ones.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Let any number pass.")] = False,
    default: Annotated[bool, typer.Option("--default", help="As it is when nothing is set.")] = False,
    integration: OfIntegration = None,
    as_json: AsJson = False,
) -> None:
    """Show or set how much one cycle may do before somebody must agree. Set only while the integration is deactivated."""
    given = {key: value for key, value in (("count", count), ("percent", percent)) if value is not None}
    ways = bool(given) + off + default
    if ways != (0 if name is None else 1):
        remedy = "Give a guard with --count and --percent, --off, or --default."
        raise InputRefused("a guard is set in one way", remedy=remedy)
    if name is None:
        draft = _entered(integration)
    else:
        draft = _changed(integration, "guards", name, {} if default else {name: None if off else given})
    limits = Guards.read(draft.guards).limits
    if as_json:
        show_json(limits)
    else:
        show_table(("GUARD", "STOPS BEYOND"), ((one, str(limit or "off")) for one, limit in limits.items()))


def _entered(integration: str | None) -> IntegrationDraft:
    with opened() as engine, engine.store.reading() as session:
        return integrations.find(session, integration).draft


def _changed(integration: str | None, setting: str, name: str, own: dict[str, Any]) -> IntegrationDraft:
    """The draft once one name of a setting is what is given; without a value it has its default."""
    with opened() as engine, engine.store.writing() as session:
        record = integrations.find(session, integration)
        others = {key: value for key, value in getattr(record.draft, setting).items() if key != name}
        entered: dict[str, Any] = {setting: others | own}
        draft = replace(record.draft, **entered)
        return integrations.modify(session, record.id, draft, secrets=engine.secrets, at=now()).draft
