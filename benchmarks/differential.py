"""Both ways: 1,000 tiers changed on each side of two sizes of base; conflicts everywhere; a totality that finds nothing."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update

from benchmarks.crm import open_crm
from benchmarks.first_sync import again, run_engine
from benchmarks.stand import gateway, make_sage_base
from gateway.database import open_database, writing
from gateway.demo.edits import edit_tiers
from gateway.sage import F_COMPTET
from syncengine.cycle.run import utc_now
from syncengine.model import Account, Company, Integration, JournalEntry, Link

CHANGES, ROUNDS = 1_000, 3
NO_GUARDS = dict.fromkeys(("crm.change", "crm.deactivate", "erp.change", "erp.deactivate"))


def differential(*, small: int, large: int) -> dict[str, Any]:
    """Seconds of a cycle with 1,000 changes on each side of two sizes; conflicts on the small one, a totality on the large one."""
    sizes = {size: _measure(size, conflicts=size == small, totality=size == large) for size in (small, large)}
    of_small, of_large = sizes[small], sizes[large]
    return {
        "changes": 2 * CHANGES,
        "small": {"tiers": small, **of_small},
        "large": {"tiers": large, **of_large},
        "ratio": round(of_large["cycle_s"] / of_small["cycle_s"], 2),
        "changes_per_s": round(2 * CHANGES / of_large["cycle_s"]),
        "conflict_ratio": of_small["conflict_ratio"],
        "resync_ratio": of_large["resync_ratio"],
    }


def _measure(tiers: int, *, conflicts: bool, totality: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        sage = make_sage_base(folder, tiers, documents_per_tiers=0.1)
        stand = _Stand(folder, sage, f"sqlite:///{folder / 'crm.db'}")
        with gateway(folder, sage) as running:
            first = run_engine(folder, stand.crm, running.url)
            stand.set_up()
            rounds = [_round(stand, number, tiers) for number in range(ROUNDS)]
            figures: dict[str, Any] = {
                "first_sync_s": round(first["seconds"], 2),
                "cycle_s": round(statistics.median(rounds), 3),
                "all_cycles_s": [round(seconds, 3) for seconds in rounds],
                "ms_per_change": round(statistics.median(rounds) / (2 * CHANGES) * 1000, 3),
            }
            if conflicts:
                figures |= _conflicts(stand, tiers)
            if totality:
                figures |= _totality(stand, first["seconds"])
    return figures


class _Stand:
    """Both bases, and somebody who changes them."""

    def __init__(self, folder: Path, sage: str, crm: str) -> None:
        self.folder, self.sage, self.crm = folder, sage, crm

    def set_up(self) -> None:
        """What is measured is the cycle, not the plan that a guard would ask for."""
        self._write(update(Integration).values(guards=NO_GUARDS, policies={"account.contact_person": "ask"}))

    def cycle(self, *, full: bool = False) -> dict[str, Any]:
        """One cycle of the engine, in a process of its own."""
        return again(self.folder, self.crm, 1, full=full)

    def edit_erp(self, codes: list[str], **columns: Any) -> None:
        """Somebody changes these tiers in the ERP."""
        engine = open_database(self.sage)
        with writing(engine) as connection:
            for code in codes:
                edit_tiers(connection, code, **columns)
        engine.dispose()

    def edit_crm(self, codes: list[str], **columns: str) -> None:
        """Somebody changes these Companies in the CRM: what the edit service writes, in bulk."""
        chosen = select(Account.id).where(Account.code.in_(codes))
        owners = select(Account.company_id).where(Account.code.in_(codes))
        self._write(
            update(Account).where(Account.code.in_(codes)).values(**columns),
            update(Company).where(Company.id.in_(owners)).values(**columns),
            update(Link).where(Link.local_id.in_(chosen)).values(changed_at=utc_now()),
        )

    def codes(self) -> list[str]:
        """The clients, in order."""
        engine = open_database(self.sage)
        with writing(engine) as connection:
            clients = select(F_COMPTET.c.CT_Num).where(F_COMPTET.c.CT_Type == 0).order_by(F_COMPTET.c.CT_Num)
            found = list(connection.scalars(clients))
        engine.dispose()
        return found

    def journal(self) -> int:
        """How many lines it has."""
        store = open_crm(self.crm)
        with store.reading() as session:
            count = session.scalar(select(func.count(JournalEntry.id)))
        store.close()
        return int(count or 0)

    def _write(self, *statements: Any) -> None:
        store = open_crm(self.crm)
        with store.writing() as session:
            for statement in statements:
                session.execute(statement.execution_options(synchronize_session=False))
        store.close()


def _round(stand: _Stand, number: int, tiers: int) -> float:
    codes = stand.codes()
    step = len(codes) // (2 * CHANGES) or 1
    here, there = codes[::step][:CHANGES], codes[::step][CHANGES : 2 * CHANGES]
    stand.edit_erp(here, CT_Contact=f"ERP {number}")
    stand.edit_crm(there, web_site=f"www.round{number}.example")
    result = stand.cycle()
    counts = result["counts"]
    if (counts["changed"], counts["sent"]) != (len(here), len(there)) or not there:
        raise RuntimeError(f"{len(here)} and {len(there)} changes were made on {tiers} tiers, the cycle took {counts}")
    return float(result["seconds"])


def _conflicts(stand: _Stand, tiers: int) -> dict[str, Any]:
    """Every client changed in the ERP alone, then the same field on both sides, to be asked."""
    codes = stand.codes()
    stand.edit_erp(codes, CT_Contact="Seul")
    clean = stand.cycle()
    stand.edit_erp(codes, CT_Contact="ERP")
    for batch in (codes[at : at + 500] for at in range(0, len(codes), 500)):
        stand.edit_crm(batch, contact_person="CRM")
    clash = stand.cycle()
    if clean["counts"]["changed"] != len(codes) or clash["counts"]["parked"] != len(codes):
        raise RuntimeError(f"{len(codes)} of {tiers}: clean {clean['counts']}, conflicts {clash['counts']}")
    return {
        "clean_s": round(clean["seconds"], 2),
        "conflict_s": round(clash["seconds"], 2),
        "conflict_ratio": round(clash["seconds"] / clean["seconds"], 2),
    }


def _totality(stand: _Stand, first_s: float) -> dict[str, Any]:
    """A full resync of a base in which nothing differs."""
    stand.cycle()
    before = stand.journal()
    result = stand.cycle(full=True)
    written = {name: count for name, count in result["counts"].items() if count}
    if written or stand.journal() != before:
        raise RuntimeError(f"nothing had changed, the full resync wrote {written}")
    return {
        "resync_s": round(result["seconds"], 2),
        "resync_ratio": round(result["seconds"] / first_s, 2),
        "resync_peak_mb": round(result["peak_mb"], 1),
    }
