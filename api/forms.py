"""What goes in and out as JSON: base classes of bodies and answers, and the types of their fields."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

ID_MAX: Final = 2**63 - 1


class Form(BaseModel):
    """A body that comes in: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """What goes out, made from the engine's values by attribute: ``View.model_validate(value)``."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


# No control characters but tabulator and line ends; what a field takes beyond that the engine checks.
Text = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
Line = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Secret = Annotated[SecretStr, Field(max_length=200)]
RecordId = Annotated[int, Path(ge=1, le=ID_MAX)]
"""An id in a path; what cannot be one is answered as one that is not there."""


def _in_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("beyond the calendar") from None


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""An instant with its time zone, in UTC from here on."""
