"""Every reason to refuse an edit is explained once, and none that cannot come up."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import syncengine
from syncengine.core.refusals import REFUSALS, refused

FOLDER = Path(syncengine.__file__).parent


def nodes() -> Iterator[ast.AST]:
    """Every part of the engine's source, but for the page of refusals itself."""
    for file in FOLDER.rglob("*.py"):
        if file.name != "refusals.py":
            yield from ast.walk(ast.parse(file.read_text(encoding="utf-8")))


def test_the_codes_explained_are_those_that_can_come_up() -> None:
    calls = [node for node in nodes() if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    first = [call.args[0] for call in calls if ast.unparse(call.func) == "refused" and call.args]
    named = {node.value for node in nodes() if isinstance(node, ast.Constant)}

    assert {code.value for code in first if isinstance(code, ast.Constant)} <= REFUSALS.keys()
    assert REFUSALS.keys() - named == set()


def test_a_code_that_is_not_explained_cannot_be_raised() -> None:
    with pytest.raises(KeyError):
        refused("whatever", "x", remedy="x")
