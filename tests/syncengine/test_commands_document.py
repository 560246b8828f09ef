"""docs/commands.md says what the commands say, and its examples are ones they understand."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from syncengine.commands.document import ALWAYS, SHOWN, TARGET, commands, document
from syncengine.errors import ExitCode
from tests.syncengine.commanding import Run

ROOT = Path(__file__).parents[2]


def test_the_page_of_commands_is_as_the_commands_have_it() -> None:
    assert (ROOT / TARGET).read_text("utf-8") == document()


def test_every_command_is_shown_once_and_nothing_else_is() -> None:
    assert SHOWN.keys() == commands().keys()
    assert all(set(ALWAYS).isdisjoint(shown.also) for shown in SHOWN.values())


@pytest.mark.parametrize("path", SHOWN)
def test_an_example_is_one_the_command_understands(path: str) -> None:
    words = shlex.split(SHOWN[path].example)
    assert words[: 1 + len(path.split())] == ["syncengine", *path.split()]
    command = commands()[path]
    given = words[1 + len(path.split()) :]
    with command.make_context(path, given) as context:
        assert context.args == []


@pytest.mark.parametrize("path", [path for path in SHOWN if path not in {"demo", "logs show", "serve", "worker"}])
def test_a_command_prints_json_when_asked_to(path: str) -> None:
    assert "--json" in {name for param in commands()[path].params for name in param.opts}


def test_help_is_there_for_the_program_and_each_group(run: Run) -> None:
    assert run("--help").code == ExitCode.OK
    for group in {path.split()[0] for path in SHOWN}:
        assert run(group, "--help").code == ExitCode.OK
