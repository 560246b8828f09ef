"""Audits as a service runs them, and bases changed behind the backs of both sides."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, update

from gateway.sage import F_COMPTET
from syncengine.cycle.audit import Portion, PortionState, audit_portion
from syncengine.model import Base
from tests.syncengine.world import World


def portion(made: World) -> Portion:
    """The next portion, now."""
    return audit_portion(made.store, made.integration_id, made.around, at=made.now())


def whole_pass(made: World) -> list[Portion]:
    """Portions until a pass is complete; none of them is put off."""
    done = [portion(made)]
    while not done[-1].ended:
        assert done[-1].state is PortionState.DONE, done[-1].reason
        done.append(portion(made))
    return done


def tamper_crm(made: World, table: str, wanted: dict[str, Any], **values: Any) -> None:
    """Change rows of the CRM base by SQL: no mark, no journal."""
    of = Base.metadata.tables[table]
    with made.store.writing() as session:
        session.execute(update(of).where(*(of.c[name] == value for name, value in wanted.items())).values(**values))


def tamper_erp(made: World, code: str, table: Table = F_COMPTET, **values: Any) -> None:
    """Change rows of the Sage 100 base by SQL: cbModification stays as it is."""
    with made.erp() as connection:
        connection.execute(update(table).where(table.c.CT_Num == code).values(**values))


def standing(made: World) -> dict[str, tuple[str, Any]]:
    """What differs as far as audits know: kind and fields by code."""
    rows = made.rows("differences", settled_at=None)
    return {row["erp_key"]: (str(row["drift"]), row["fields"]) for row in rows}
