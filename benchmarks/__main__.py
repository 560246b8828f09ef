"""`python -m benchmarks NAME [--json]`: the product's figures, each against a floor or the usual way in the same run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.differential import differential
from benchmarks.first_sync import first_sync
from benchmarks.fleet.parts import Part, Wanted, measure
from benchmarks.kills import kills
from benchmarks.live import live
from benchmarks.pull import pull
from benchmarks.register import register
from benchmarks.soak.run import soak

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command("first-sync")
def first_sync_command(
    tiers: Annotated[int, typer.Option(help="Clients and suppliers in the ERP base.")] = 20_000,
    store: Annotated[str, typer.Option(help="sqlite or postgresql.")] = "sqlite",
    *,
    as_json: Json = False,
) -> None:
    """The first synchronisation against the floor and against zeep + session.merge."""
    _show(first_sync(tiers=tiers, store=store), as_json=as_json)


@app.command("pull")
def pull_command(
    small: Annotated[int, typer.Option(help="Tiers of the smaller base.")] = 10_000,
    large: Annotated[int, typer.Option(help="Tiers of the larger base.")] = 100_000,
    *,
    as_json: Json = False,
) -> None:
    """A differential pull of 100 changes on two sizes of base."""
    _show(pull(small=small, large=large), as_json=as_json)


@app.command("differential")
def differential_command(
    small: Annotated[int, typer.Option(help="Tiers of the smaller base.")] = 10_000,
    large: Annotated[int, typer.Option(help="Tiers of the larger base.")] = 100_000,
    *,
    as_json: Json = False,
) -> None:
    """1,000 tiers changed on each side of two sizes of base, conflicts everywhere, and a totality without difference."""
    _show(differential(small=small, large=large), as_json=as_json)


@app.command("kills")
def kills_command(
    tiers: Annotated[int, typer.Option(help="Clients and suppliers in the ERP base.")] = 20_000,
    count: Annotated[int, typer.Option(help="How many runs are killed.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the random moments.")] = 1,
    *,
    as_json: Json = False,
) -> None:
    """First synchronisations killed at random moments and started again, compared with an undisturbed one."""
    _show(kills(tiers=tiers, count=count, seed=seed), as_json=as_json)


@app.command("live")
def live_command(
    tiers: Annotated[int, typer.Option(help="Clients and suppliers in the ERP base that is asked live.")] = 2_000,
    companies: Annotated[int, typer.Option(help="Companies of the CRM base whose lists are read; 0: none.")] = 100_000,
    clients: Annotated[int, typer.Option(help="Who asks at once.")] = 16,
    store: Annotated[str, typer.Option(help="For the lists: sqlite, postgresql, or both by default.")] = "",
    *,
    as_json: Json = False,
) -> None:
    """Live queries through the API against the bare SOAP call, and lists of the API over a large base."""
    stores = (store,) if store else ("sqlite", "postgresql")
    _show(live(tiers=tiers, companies=companies, clients=clients, stores=stores), as_json=as_json)


@app.command("register")
def register_command(
    file: Annotated[Path, typer.Argument(help="A register extract, as `sage-gateway load-companies` takes it.")],
    *,
    as_json: Json = False,
) -> None:
    """A register extract loaded, synchronised, and every row accounted for."""
    _show(register(file), as_json=as_json)


@app.command("fleet")
def fleet_command(  # noqa: PLR0913, PLR0917 - one option each
    integrations: Annotated[int, typer.Option(min=1, help="Each with an ERP base and a gateway of its own.")] = 1_000,
    workers: Annotated[int, typer.Option(min=1, help="Processes of `syncengine worker`.")] = 2,
    part: Annotated[list[Part] | None, typer.Option(help="What to measure; all unless given.")] = None,
    store: Annotated[str, typer.Option(help="sqlite or postgresql.")] = "postgresql",
    tiers: Annotated[int, typer.Option(min=20, help="Clients and suppliers in each ERP base.")] = 200,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Cycles at once in each process.")] = 2,
    kills: Annotated[int, typer.Option(min=1, help="How often a worker is killed, and how often frozen.")] = 3,
    changes: Annotated[int, typer.Option(min=1, help="Changes each way in live mode.")] = 100,
    idle: Annotated[int, typer.Option(min=1_000, help="Integrations with nothing to do.")] = 100_000,
    *,
    as_json: Json = False,
) -> None:
    """Many integrations at once: cycles per second, lateness, workers killed and frozen, live mode, the cost of idle ones."""
    wanted = Wanted(
        integrations=integrations,
        tiers=tiers,
        store=store,
        workers=workers,
        concurrency=concurrency,
        kills=kills,
        changes=changes,
        idle=idle,
        parts=part or list(Part),
    )
    _show(measure(wanted), as_json=as_json)


@app.command("soak")
def soak_command(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long both sides are edited.")] = 60,
    tiers: Annotated[int, typer.Option(min=20, help="Clients and suppliers in the ERP base at first.")] = 200,
    store: Annotated[str, typer.Option(help="sqlite or postgresql.")] = "sqlite",
    *,
    live: Annotated[bool, typer.Option(help="Live mode; without it somebody asks for a cycle each minute.")] = True,
    as_json: Json = False,
) -> None:
    """`syncengine serve` while both sides are edited at random: figures scraped, at the end both sides compared."""
    _show(soak(minutes=minutes, tiers=tiers, store=store, live=live), as_json=as_json)


def _show(figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(figures, ensure_ascii=False))
        return
    width = max(map(len, figures))
    for name, value in figures.items():
        typer.echo(f"{name:<{width}}  {value}")


if __name__ == "__main__":
    app()
