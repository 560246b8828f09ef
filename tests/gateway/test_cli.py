"""The command line: what it prints, and the exit code of each way to fail."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import Exit, main
from gateway.company_rows import COLUMNS
from gateway.passwords import verify_password


class Shell:
    """Runs the command line in an empty folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def run(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        self._monkeypatch.setattr("sys.argv", ["sage-gateway", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), said.out, said.err

    def json(self, *words: str) -> Any:
        """The object a successful command prints."""
        code, out, err = self.run(*words, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SAGE_GATEWAY_DATABASE", raising=False)
    return Shell(monkeypatch, capsys)


def test_a_base_is_made_changed_and_checked(shell: Shell) -> None:
    made = shell.json("demo-base", "base.db", "--tiers", "12", "--no-dirt", "--company", "Essai SA")
    assert made["clients"] + made["suppliers"] == 12
    changed = shell.json("demo-changes", "base.db")
    assert changed["created"] == "NOUVEAUTES"
    results = shell.json("check", "--database", "base.db")["checks"]
    assert [result["check"] for result in results if result["count"]] == []


def test_texts_say_the_same_for_people(shell: Shell) -> None:
    code, out, err = shell.run("demo-base", "base.db", "--tiers", "25")
    assert (code, "clients" in out, "tiers" in err) == (0, True, True)
    code, out, _ = shell.run("demo-changes", "base.db")
    assert (code, "Nouveau tiers NOUVEAUTES" in out) == (0, True)


@pytest.mark.req("CRM-53")
def test_blocking_findings_are_shown_with_their_remedy_and_an_exit_code(shell: Shell) -> None:
    shell.json("demo-base", "base.db", "--tiers", "30", "--documents", "0")
    code, out, _ = shell.run("check", "--database", "base.db")
    assert code == Exit.BLOCKING
    assert "bloquant" in out
    assert re.search("[a-z]+00011", out)
    assert "→ Traitement" in out


def test_warnings_alone_do_not_block(shell: Shell) -> None:
    csv = Path("companies.csv")
    csv.write_text(",".join(COLUMNS) + "\n73282932000075,Alpha" + "," * 10 + "\n")
    shell.json("load-companies", "companies.csv", "--database", "base.db")
    code, out, _ = shell.run("check", "--database", "base.db")
    assert (code, "à vérifier" in out) == (Exit.DONE, True)


def test_companies_are_loaded_with_a_report(shell: Shell) -> None:
    csv = Path("companies.csv")
    csv.write_text(",".join(COLUMNS) + "\n" + ",Alpha,,88.99B" + "," * 8 + "\n" + "," * 11 + "\n")
    words = ("load-companies", "companies.csv", "--database", "base.db", "--report", "report.csv")
    summary = shell.json(*words)
    assert (summary["read"], summary["loaded"], summary["adjusted"], summary["refused"]) == (2, 1, 1, 1)
    lines = Path("report.csv").read_text("utf-8-sig").splitlines()
    assert lines[1:] == ["2;adjusted;naf_normalised;Alpha;ALPHA;naf;88.99B;8899B", "3;refused;no_name;;;name;;"]
    assert shell.json(*words)["already_there"] == 1


def test_the_database_may_come_from_the_settings_file(shell: Shell) -> None:
    shell.json("demo-base", "base.db", "--tiers", "3", "--documents", "0")
    Path("gateway.toml").write_text('database = "base.db"\ncompany = "Essai SA"\n')
    code, _, _ = shell.run("check")
    assert code == Exit.DONE


@pytest.mark.parametrize(
    ("words", "exit_code", "problem"),
    [
        (("check",), Exit.SETTINGS, "settings_invalid"),
        (("check", "--database", "none.db"), Exit.DATABASE, "database_missing"),
        (("check", "--database", "letter.txt"), Exit.DATABASE, "not_a_sage_base"),
        (("check", "--database", "postgresql://a:s3cret@127.0.0.1:1/b"), Exit.DATABASE, "database_unreachable"),
        (("demo-base", "no/such/folder/base.db", "--tiers", "3"), Exit.DATABASE, "database_missing"),
        (("demo-base", "base.db", "--tiers", "1"), Exit.INPUT, "input_invalid"),
        (("load-companies", "none.csv", "--database", "base.db"), Exit.INPUT, "input_invalid"),
        (("load-companies", "letter.txt", "--database", "base.db"), Exit.INPUT, "input_invalid"),
    ],
)
def test_each_failure_says_what_happened_and_what_to_do(
    shell: Shell, words: tuple[str, ...], exit_code: Exit, problem: str
) -> None:
    Path("letter.txt").write_text("Madame, Monsieur,\n" * 50)
    code, out, err = shell.run(*words)
    assert code == exit_code
    assert f"{problem}: " in err
    assert "→ " in err
    assert "s3cret" not in out + err
    assert "Traceback" not in err


def test_a_base_in_use_is_not_overwritten(shell: Shell) -> None:
    shell.json("demo-base", "base.db", "--tiers", "3", "--documents", "0")
    code, _, err = shell.run("demo-base", "base.db", "--tiers", "3")
    assert (code, "base_not_empty" in err) == (Exit.INPUT, True)


def test_a_wrong_command_line_is_told_apart(shell: Shell) -> None:
    code, _, err = shell.run("demo-base", "--tiers", "many")
    assert (code, "Usage" in err) == (Exit.USAGE, True)


def test_a_password_is_hashed_without_being_shown(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("mot de passe\n"))
    code, out, _ = shell.run("hash-password")
    assert (code, "mot de passe" in out) == (Exit.DONE, False)
    assert verify_password("mot de passe", out.strip())
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert shell.run("hash-password")[0] == Exit.INPUT
