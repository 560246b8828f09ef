"""What a demonstration base holds, counted while it is made."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class BadRecord:
    """A record made bad on purpose: the check that finds it, its table and key, and what is wrong."""

    check: str
    table: str
    key: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class BaseSummary:
    """Counts per kind. `clients` and `suppliers` add up to the tiers asked for; `dormant` are among them.

    `bad` lists every record made bad on purpose.
    """

    clients: int
    suppliers: int
    dormant: int
    employees: int
    others: int
    contacts: int
    deliveries: int
    representatives: int
    articles: int
    documents: int
    lines: int
    entries: int
    payments: int
    free_fields: int
    bad: tuple[BadRecord, ...]

    @property
    def tiers(self) -> int:
        """The tiers that take part in the synchronisation: clients and suppliers (CRM-05)."""
        return self.clients + self.suppliers


@dataclass(kw_only=True)
class Tally:
    """The counts while they grow."""

    clients: int = 0
    suppliers: int = 0
    dormant: int = 0
    employees: int = 0
    others: int = 0
    contacts: int = 0
    deliveries: int = 0
    documents: int = 0
    lines: int = 0
    entries: int = 0
    payments: int = 0
    bad: list[BadRecord] = field(default_factory=list)
