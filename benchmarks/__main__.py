"""`python -m benchmarks NAME [--json]`: the product's figures, each against a floor or the usual way in the same run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.differential import differential
from benchmarks.first_sync import first_sync
from benchmarks.kills import kills
from benchmarks.pull import pull
from benchmarks.register import register

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


@app.command("register")
def register_command(
    file: Annotated[Path, typer.Argument(help="A register extract, as `sage-gateway load-companies` takes it.")],
    *,
    as_json: Json = False,
) -> None:
    """A register extract loaded, synchronised, and every row accounted for."""
    _show(register(file), as_json=as_json)


def _show(figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(figures, ensure_ascii=False))
        return
    width = max(map(len, figures))
    for name, value in figures.items():
        typer.echo(f"{name:<{width}}  {value}")


if __name__ == "__main__":
    app()
