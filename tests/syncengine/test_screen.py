"""What the command line prints into a file or a pipe."""

from __future__ import annotations

import pytest

from syncengine.screen import show_table


def test_a_table_that_is_piped_cuts_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    long = "F_COMPTET.CT_Intitule " * 20

    show_table(("ERP", "CRM"), [(long, "accounts.name [/b]")])

    printed = capsys.readouterr().out
    assert long.strip() in printed
    assert "accounts.name [/b]" in printed
