"""The gateway over the base of a test, and the engine's client; each module has its own `base`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from contracts.client import GatewayClient
from tests.gateway.live import LiveGateway, live_gateway


@pytest.fixture
def gateway(base: Engine) -> Iterator[LiveGateway]:
    """The gateway over the module's base."""
    with live_gateway(base) as live:
        yield live


@pytest.fixture
def client(gateway: LiveGateway) -> Iterator[GatewayClient]:
    """The engine's client, signed in."""
    with gateway.client() as signed_in:
        yield signed_in
