"""What a person at a terminal sees of a cycle: a bar with count, rate and time left, then how it ended (CRM-10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from syncengine.cycle.progress import Progress
from syncengine.cycle.run import Report
from syncengine.model import CycleStatus

PHASES: Final = {
    "free_fields": "informations libres",
    "representatives": "représentants",
    "tiers": "tiers",
    "turnover": "chiffres d'affaires",
    "sending": "envoi à Sage 100",
}
COLOURS: Final = {CycleStatus.SUCCESS: "green", CycleStatus.WARNING: "yellow", CycleStatus.FAILURE: "red"}
FIGURES: Final = {
    "arrived": "new tiers",
    "changed": "changed tiers",
    "unchanged": "unchanged tiers",
    "vanished": "gone or asleep",
    "refused": "refused by the CRM, see `syncengine errors list`",
    "parked": "fields to be decided, see `syncengine conflicts list`",
    "decided": "fields both sides had changed, decided by their policy",
    "created_in_erp": "tiers created in Sage 100",
    "sent": "tiers changed in Sage 100",
    "stale": "merged again: Sage 100 had moved on",
    "refused_by_erp": "refused by Sage 100, see `syncengine errors list`",
    "undone": "values taken back",
    "left": "not taken back, see `syncengine undo CYCLE --dry-run`",
    "parameters": "parameters",
    "free_fields": "free fields",
    "representatives": "representatives",
    "turnover": "turnover figures",
}
QUIET_STEP: Final = 5_000
"""Records between two lines where no bar can be drawn."""


class _Rate(ProgressColumn):
    """Records per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s".replace(",", " "), style="cyan")


@contextmanager
def progress_bar(console: Console) -> Iterator[Callable[[Progress], None]]:
    """While the block runs, the function given shows the progress it is told: a bar, or lines where there is no terminal."""
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate())
    with Bar(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("connecting…", total=None)

        def show(progress: Progress) -> None:
            refused = f" ({progress.refused} refused)" if progress.refused else ""
            description = PHASES.get(progress.phase, progress.phase) + refused
            bar.update(task, description=description, completed=progress.done, total=progress.total)

        yield show


def _lines(console: Console) -> Callable[[Progress], None]:
    told = Progress(phase="", done=0, total=0, refused=0)

    def show(progress: Progress) -> None:
        nonlocal told
        if progress.done - told.done >= QUIET_STEP or (progress.done == progress.total and progress != told):
            told = progress
            console.print(f"{PHASES.get(progress.phase, progress.phase)}: {progress.done} of {progress.total}")

    return show


def show_report(console: Console, report: Report) -> None:
    """How a cycle ended: its status in the user's words, figures, and what to do about a failure."""
    colour = COLOURS.get(report.status, "white")
    console.print(f"[{colour}]{report.status.label}[/] · cycle {report.cycle_id} ({report.kind.value})")
    table = Table(show_header=False, box=None, padding=(0, 2))
    for name, count in report.counts.as_dict().items():
        if count:
            table.add_row(f"{count:>7}", FIGURES.get(name, name))
    if table.row_count:
        console.print(table)
    elif report.problem is None:
        console.print("  nothing to do: both sides are as they were")
