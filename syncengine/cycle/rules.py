"""The rules of a cycle as the CRM base holds them: settings of the integration, lists of the ERP, representatives."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from sqlalchemy import select

from syncengine.core.policies import Policies
from syncengine.core.replicate import Rules
from syncengine.cycle.gateway_options import untold
from syncengine.model import WORLD, ErpParameter, Integration, Representative, Territory
from syncengine.storage.bulk import Bulk, table_of


def load_rules(bulk: Bulk, integration: Integration, *, cycle_id: int) -> Rules:
    """What decides how tiers become Companies in this cycle (CRM-16, CRM-17, CRM-26, CRM-35)."""
    territory = table_of(Territory)
    world = bulk.connection.scalar(select(territory.c.id).where(territory.c.name == WORLD))
    return Rules(
        integration_id=integration.id,
        cycle_id=cycle_id,
        client_type=integration.client_company_type,
        supplier_type=integration.supplier_company_type,
        company_types=integration.company_types,
        territory_id=integration.default_territory_id or world,
        supplier_territory_id=integration.supplier_territory_id,
        manager_id=integration.default_manager_id,
        manager_rule=integration.manager_rule,
        parameters=_parameters(bulk, integration.id),
        representatives=representatives_of(bulk, integration.id),
        policies=Policies(chosen=integration.policies),
        clock_tolerance=timedelta(seconds=integration.clock_tolerance_s),
        untold=untold(integration.gateway_options),
        dormant_told=integration.gateway_options.get("dormant", True),
    )


def _parameters(bulk: Bulk, integration_id: int) -> dict[str, tuple[str, ...]]:
    table = table_of(ErpParameter)
    query = (
        select(table.c.kind, table.c.code)
        .where(table.c.integration_id == integration_id, table.c.active)
        .order_by(table.c.position)
    )
    codes: dict[str, list[str]] = defaultdict(list)
    for kind, code in bulk.connection.execute(query):
        codes[kind].append(code)
    return {kind: tuple(known) for kind, known in codes.items()}


def representatives_of(bulk: Bulk, integration_id: int) -> dict[str, int | None]:
    """The representatives there are, each with the CRM user it stands for (CRM-17)."""
    table = table_of(Representative)
    query = select(table.c.code, table.c.user_id).where(table.c.integration_id == integration_id, table.c.active)
    return {row.code: row.user_id for row in bulk.connection.execute(query)}
