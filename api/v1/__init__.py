"""The REST API, version 1: one module per plural noun, each with its ``router``."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from api.v1 import api_keys, audit_events, session, sessions, users

ROUTERS: Final[tuple[APIRouter, ...]] = tuple(
    module.router for module in (api_keys, audit_events, session, sessions, users)
)
