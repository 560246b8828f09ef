"""A line to the gateway that misbehaves as told: real calls over HTTP that get lost, cut, doubled, or come late."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from contracts.client import GatewayClient
from contracts.errors import Unreachable
from contracts.fields import Record
from contracts.messages import EXECUTE_TRANSACTIONS, GET_CHANGE_LOG, GET_CONFIGURATION, GET_RECORDS, Operation
from syncengine.cycle.pull import Patience
from syncengine.cycle.run import Surroundings
from tests.gateway.live import LiveGateway
from tests.syncengine.world import World

Send = Callable[[Operation, Record | None], bytes]
ATTEMPTS = 3
"""How often the engine makes a call here, without pauses worth the name."""


class Trouble(StrEnum):
    """What a call meets."""

    LOST = "it never reaches the ERP"
    UNANSWERED = "it works, and the answer is lost"
    CUT = "it works, and the answer is cut off"
    DOUBLED = "it arrives twice, the second answer counts"
    LATE = "it does not arrive, until long after its retry"


@dataclass(kw_only=True)
class Line:
    """What the next calls of each operation meet, in turn; ``meanwhile`` is what happens just before writes reach the ERP."""

    troubles: dict[str, deque[Trouble]] = field(default_factory=lambda: defaultdict(deque))
    meanwhile: deque[Callable[[list[Record]], None]] = field(default_factory=deque)
    late: list[tuple[Operation, Record | None]] = field(default_factory=list)

    def expect(self, operation: str, *troubles: Trouble) -> None:
        """The next calls of that operation meet these."""
        self.troubles[operation].extend(troubles)

    def clear(self) -> bool:
        """Forget troubles that met no call; whether there were any."""
        left = any(self.troubles.values()) or bool(self.meanwhile)
        self.troubles.clear()
        self.meanwhile.clear()
        return left

    def carry(self, operation: Operation, request: Record | None, send: Send) -> bytes:
        """One call over this line. Raises Unreachable; the answer may be cut off."""
        if operation is EXECUTE_TRANSACTIONS and request is not None and self.meanwhile:
            self.meanwhile.popleft()(request.many("transactions"))
        waiting = self.troubles[operation.name]
        trouble = waiting.popleft() if waiting else None
        if trouble is Trouble.LATE:
            self.late.append((operation, request))
        if trouble in (Trouble.LOST, Trouble.LATE):
            raise Unreachable("the line is down")
        if trouble is Trouble.DOUBLED:
            send(operation, request)
        reply = send(operation, request)
        if trouble is Trouble.UNANSWERED:
            raise Unreachable("no answer", code="gateway_timeout")
        return reply[: len(reply) // 2] if trouble is Trouble.CUT else reply

    def deliver(self, client: GatewayClient) -> int:
        """What was late arrives, and nobody waits for its answer; how many calls that were."""
        late, self.late = self.late, []
        for operation, request in late:
            client.reply(operation, request)
        return len(late)


class UnreliableClient(GatewayClient):
    """The engine's client over such a line."""

    def __init__(self, gateway: LiveGateway, line: Line) -> None:
        super().__init__(gateway.url, gateway.user, gateway.password, timeout_s=30.0)
        self._line = line

    def reply(self, operation: Operation, request: Record | None = None) -> bytes:
        """The bytes of the reply, if it comes."""
        return self._line.carry(operation, request, super().reply)


@dataclass(kw_only=True)
class UnreliableWorld(World):
    """Both sides with such a line between them."""

    line: Line = field(default_factory=Line)

    @property
    def around(self) -> Surroundings:
        """As in any world, over the line."""
        return replace(
            super().around,
            connect=lambda _integration: UnreliableClient(self.gateway, self.line),
            patience=Patience(attempts=ATTEMPTS, first_s=0.001, longest_s=0.001),
        )


OPERATIONS = tuple(one.name for one in (GET_CONFIGURATION, GET_CHANGE_LOG, GET_RECORDS, EXECUTE_TRANSACTIONS))
"""Those a cycle calls."""
