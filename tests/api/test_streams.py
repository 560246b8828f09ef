"""Server-sent events pass through everything that stands around a route: at once, unpacked, and HEAD does not wait for the end."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.sse import EventSourceResponse, ServerSentEvent

from tests.api.serving import served


def test_events_arrive_one_by_one(lone_app: FastAPI) -> None:
    seen = threading.Event()

    @lone_app.get("/api/v1/ticks", response_class=EventSourceResponse)
    def ticks() -> Iterator[ServerSentEvent]:
        yield ServerSentEvent(data={"n": 1}, id="1")
        assert seen.wait(10)
        yield ServerSentEvent(data={"n": 2}, id="2", event="end")

    with served(lone_app) as url:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
        connection.request("GET", "/api/v1/ticks", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert answer.headers["content-encoding"] is None
        assert answer.headers["x-content-type-options"] == "nosniff"
        first = [answer.readline() for _ in range(3)]
        seen.set()
        rest = answer.read()
        connection.close()
        assert sorted(first) == [b"\n", b'data: {"n": 1}\n', b"id: 1\n"]
        assert b"event: end" in rest

        seen.clear()
        connection.request("HEAD", "/api/v1/ticks")
        answer = connection.getresponse()
        told = answer.status, answer.read()
        seen.set()
        connection.close()
        assert told == (200, b"")
