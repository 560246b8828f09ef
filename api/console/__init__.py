"""The console: server-rendered pages over the same functions as the REST API."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from api.console import (
    analysis,
    assets,
    audit,
    companies,
    company,
    company_form,
    company_orders,
    company_parts,
    conflicts,
    cycle_page,
    cycles,
    differences,
    error_record,
    errors,
    free_fields,
    integration,
    integration_settings,
    live_tabs,
    log_pages,
    mapping,
    orphans,
    overview,
    plans,
    records,
    runs,
    sign_in,
    undo,
)
from api.console.problem_screen import problem_screen

SCREENS: Final = (
    assets,
    sign_in,
    overview,
    integration_settings,
    integration,
    analysis,
    orphans,
    free_fields,
    mapping,
    log_pages,
    conflicts,
    cycle_page,
    cycles,
    differences,
    error_record,
    errors,
    plans,
    records,
    runs,
    undo,
    company_form,
    companies,
    company,
    company_orders,
    live_tabs,
    company_parts,
    audit,
)
"""The modules of the pages, each with a ``router``."""


def install(app: FastAPI) -> None:
    """Add the pages to the application, and make problems outside of the API pages."""
    routers = [module.router for module in SCREENS]
    for router in routers:
        app.include_router(router, include_in_schema=False)
    # The menu and the tabs show what there is.
    app.state.pages = frozenset(route.path for router in routers for route in router.routes)
    app.state.problem_page = problem_screen
