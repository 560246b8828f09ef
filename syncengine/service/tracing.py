"""Traces sent to where the settings say, by OpenTelemetry's protocol over HTTP; the extra ``traces`` brings the sender (NEW-09)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Final

from opentelemetry import trace

from syncengine.errors import SettingsInvalid
from syncengine.settings import EngineSettings

SERVICE: Final = "syncengine"
_PATH: Final = "/v1/traces"


@contextmanager
def traces_sent(settings: EngineSettings) -> Iterator[None]:
    """While the block runs, the cycles of this process are traced; what is left is sent at its end. Once in a process.

    Nothing happens while ``otlp_endpoint`` is not set. Raises SettingsInvalid when the extra is not installed.
    """
    if settings.otlp_endpoint is None:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - an extra
    except ImportError:
        raise SettingsInvalid(
            "otlp_endpoint is set, but the extra `traces` is not installed",
            field="otlp_endpoint",
            remedy="Install crm-sage100-sync[traces], or leave the setting out.",
        ) from None
    resource = Resource.create({"service.name": SERVICE, "service.version": version("crm-sage100-sync")})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint(settings.otlp_endpoint))))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


def endpoint(address: str) -> str:
    """Where traces are posted to, given the collector's address with or without the path."""
    base = address.rstrip("/")
    return base if base.endswith(_PATH) else base + _PATH
