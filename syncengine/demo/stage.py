"""What the acts of the demonstration share: both sides, the cycle between them, and what each side is found to hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from sqlalchemy import select

from contracts.tables import CLIENT
from syncengine.core.labels import label_of
from syncengine.crm.edits import edit_company
from syncengine.cycle.act import Act
from syncengine.cycle.run import DIFFERENTIAL, Order, Report, utc_now
from syncengine.demo.erp_side import Desk
from syncengine.desk.explanation import Explanation, explain
from syncengine.engine import Engine
from syncengine.errors import DemoFailed
from syncengine.model import Account, Company, Link, LinkState, RecordStatus
from syncengine.model.link import Entity
from syncengine.sync import synchronise
from syncengine.terminal import COLOURS, FIGURES, progress_bar, show_report

PERSON: Final = "commercial"
"""The login of whoever works in the CRM."""
EMPTY: Final = "—"


@dataclass(frozen=True, kw_only=True)
class Tiers:
    """One tiers of both sides: its code, its Company and its Account."""

    code: str
    company_id: int
    account_id: int
    name: str


@dataclass(kw_only=True)
class Stage:
    """Where the acts take place; ``reports`` are those of every cycle, in order, ``seen`` the codes that acts have used."""

    console: Console
    engine: Engine
    integration_id: int
    desk: Desk
    reports: list[Report] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def act(self) -> Act:
        """Somebody at work in the CRM, now."""
        return Act(at=utc_now(), by=PERSON)

    def cycle(self, order: Order = DIFFERENTIAL) -> Report:
        """Run a cycle and tell how it ended. Raises what stopped it."""
        report = self.try_cycle(order)
        self._tell_cycle(report)
        return _sound(report)

    def try_cycle(self, order: Order = DIFFERENTIAL) -> Report:
        """Run a cycle, whatever becomes of it."""
        report = synchronise(self.engine, self.integration_id, screen=False, order=order)
        self.reports.append(report)
        return report

    def long_cycle(self) -> Report:
        """``cycle`` with its progress, told at length."""
        with progress_bar(self.console) as watch:
            report = synchronise(self.engine, self.integration_id, watch=watch, screen=False)
        self.reports.append(report)
        show_report(self.console, report)
        return _sound(report)

    def _tell_cycle(self, report: Report) -> None:
        counts = {name: count for name, count in report.counts.as_dict().items() if count and name != "unchanged"}
        done = [f"{count} {FIGURES.get(name, name)}" for name, count in counts.items()]
        status = f"[{COLOURS.get(report.status, 'white')}]{report.status.label}[/]"
        self.told(f"{status} · cycle {report.cycle_id}:", ", ".join(done) or "nothing to do")

    def told(self, marked: str, text: str) -> None:
        """How a cycle ended: words with markup, and text as it is."""
        self.console.print(f"  {marked} {escape(text)}", highlight=False, soft_wrap=True)

    def tiers(self, count: int, *, kinds: Sequence[str] = (CLIENT,)) -> list[Tiers]:
        """That many linked and active tiers which no act has used yet; they are used from now on."""
        query = (
            select(Account.code, Company.id, Account.id, Company.name)
            .join(Company, Company.id == Account.company_id)
            .join(Link, (Link.local_id == Account.id) & (Link.entity == Entity.ACCOUNT.value))
            .where(Link.state == LinkState.LINKED, Company.status == RecordStatus.ACTIVE, Company.siret.is_not(None))
            .where(Account.code.not_in(self.seen), Account.type.in_(kinds))
            .order_by(Account.id)
            .limit(count)
        )
        with self.engine.store.reading() as session:
            rows = session.execute(query).all()
        found = [Tiers(code=row[0] or "", company_id=row[1], account_id=row[2], name=row[3] or "") for row in rows]
        self.expect("tiers to show this on", len(found), count)
        self.seen |= {one.code for one in found}
        return found

    def in_crm(self, one: Tiers, **values: str) -> None:
        """Somebody changes a Company in the CRM."""
        with self.engine.store.writing() as session:
            edit_company(session, one.company_id, values, self.act())
        self._tell_edit("CRM", one, values)

    def in_erp(self, one: Tiers, **values: str) -> None:
        """Somebody changes a tiers in Sage 100."""
        self.desk.edit([one.code], **values)
        self._tell_edit("Sage 100", one, values)

    def _tell_edit(self, side: str, one: Tiers, values: dict[str, str]) -> None:
        for attr, value in values.items():
            self.say(side, f"{one.code}: {label_of(attr)} → « {value} »")

    def crm_value(self, one: Tiers, attr: str) -> str | None:
        """What the CRM holds. Raises DemoFailed when its Company and its Account differ."""
        found = self.explained(one, attr)
        self.expect("in the fiche Tiers of the CRM", found.account_value, found.company_value, one=one, attr=attr)
        return found.company_value

    def erp_value(self, one: Tiers, attr: str) -> str | None:
        """What Sage 100 holds, read from its base."""
        found = self.desk.show(one.code)["tiers"].get(attr)
        return str(found) if found else None

    def explained(self, one: Tiers, attr: str) -> Explanation:
        """All that the CRM knows of a value."""
        with self.engine.store.reading() as session:
            return explain(session, one.company_id, attr)

    def hold(self, one: Tiers, attr: str, *, crm: str | None, erp: str | None) -> tuple[str, str]:
        """What the two sides hold, as text. Raises DemoFailed unless it is this."""
        found = (self.crm_value(one, attr), self.erp_value(one, attr))
        self.expect("in the CRM", found[0], crm, one=one, attr=attr)
        self.expect("in Sage 100", found[1], erp, one=one, attr=attr)
        return shown(found[0]), shown(found[1])

    def both_hold(self, one: Tiers, attr: str, value: str | None) -> tuple[str, str]:
        """``hold`` of the same value on both sides."""
        return self.hold(one, attr, crm=value, erp=value)

    def expect(self, what: str, found: Any, wanted: Any, *, one: Tiers | None = None, attr: str | None = None) -> None:
        """Raises DemoFailed unless what was found is what was wanted."""
        if found != wanted:
            record = None if one is None else one.code
            raise DemoFailed(f"{what}: {found!r} was found, {wanted!r} is due", record=record, field=attr)

    def begin(self, title: str) -> None:
        """The heading of an act."""
        self.console.rule(title)

    def say(self, side: str, text: str) -> None:
        """One thing that somebody does on a side."""
        self.told("•", f"{side:<8}  {text}")

    def command(self, text: str) -> None:
        """The command that does what the demonstration does next, through the same services."""
        self.told("[dim]$[/]", f"syncengine {text}")

    def confirm(self, text: str) -> None:
        """What was read back and found right."""
        self.told("[green]✓[/]", text)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Values side by side, as they are: a bracket in a name is no markup."""
        table = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
        for heading in headings:
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        self.console.print(Padding(table, (0, 0, 0, 1)))


def _sound(report: Report) -> Report:
    if report.problem is not None:
        raise report.problem
    return report


def shown(value: object) -> str:
    """A value as a table shows it."""
    return EMPTY if value in {None, ""} else str(value)
