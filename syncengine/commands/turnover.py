"""``syncengine turnover``: 'Réactualiser CA' (CRM-48)."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from syncengine import integrations
from syncengine.commands.options import As, AsJson, OfIntegration, acting
from syncengine.crm.turnover import refresh_turnover
from syncengine.cycle.progress import Progress
from syncengine.engine import opened
from syncengine.screen import show_json
from syncengine.sync import gateway
from syncengine.terminal import progress_bar

app = typer.Typer(no_args_is_help=True, help="Turnover N and N-1 (CaRealise).")


@app.command()
def refresh(
    codes: Annotated[
        list[str] | None, typer.Argument(metavar="[CODE]...", help="These tiers; all unless given.")
    ] = None,
    *,
    integration: OfIntegration = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """'Réactualiser CA': read turnover in Sage 100 now, without a cycle."""
    with opened() as engine:
        with engine.store.reading() as session:
            act = acting(session, as_)
            of = integrations.find(session, integration).id
        with gateway(engine, of, screen=False) as client, progress_bar(Console(stderr=True)) as watch:
            done = refresh_turnover(
                *(engine.store, client, of, codes or None),
                at=act.at,
                by=act.by,
                watch=lambda asked, total: watch(Progress(phase="turnover", done=asked, total=total, refused=0)),
            )
    if as_json:
        show_json(done)
    else:
        typer.echo(f"{done.asked} tiers demandés, {done.figures} chiffres lus, {done.gone} retirés")
