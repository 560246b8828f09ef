"""Values of the engine as answers: what a function returns is shown as it is declared there, once."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import ConfigDict, RootModel

Value = TypeVar("Value")


class Shown(RootModel[Value], Generic[Value]):
    """``Shown[CompanyView](view)`` is the body, ``response_model=CompanyView`` its description."""

    model_config = ConfigDict(frozen=True)
