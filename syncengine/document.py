"""Writes docs/errors.md from the error tree: ``python -m syncengine.document [--check]``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from contracts.errors import InvalidRecord, Problem, RemoteFault
from contracts.fault_codes import CALLER_CODES
from syncengine.core.refusals import REFUSALS
from syncengine.core.replicate import CHECKED
from syncengine.desk.error_sheet import Action
from syncengine.errors import DataProblem, ExitCode, exit_code

TARGET = Path("docs/errors.md")

_EXIT_WORDS = {
    ExitCode.OK: "done",
    ExitCode.WARNING: "done, with anomalies: records set aside (`syncengine errors list`), fields to be decided "
    "(`syncengine conflicts list`), or some of several orders refused",
    ExitCode.USAGE: "what was asked for is wrong or not allowed; nothing was written",
    ExitCode.CONFIGURATION: "a setting of the program or the key of the passwords",
    ExitCode.UNREACHABLE: "no answer from the gateway, or none that can be read",
    ExitCode.REFUSED: "the other side says no: password, company, version; the integration is not active; or a guard asks",
    ExitCode.DATABASE: "the CRM base",
    ExitCode.INTERRUPTED: "stopped by hand or by SIGTERM; the next run goes on from the last committed page",
    ExitCode.BUSY: "somebody else is at it; later the same succeeds",
}

_RECORDS = {
    "invalid_record": "the record breaks the contract: too long, not a number, a required value missing",
    "code_missing": "the tiers has no code",
    "name_missing": "the tiers has no name (Intitulé)",
    "duplicate_code": "two tiers have one code, capitals aside",
    "duplicate_child": "two contacts or addresses of the tiers have one number",
    "unknown_representative": "the representative is not in the ERP's list",
} | {f"unknown_{attr}": f"the {attr.replace('_', ' ')} is not in the ERP's list" for attr in CHECKED}

ORDERS: Final = {
    "company_ambiguous": "several Companies have that code; name one by its number",
    "free_field_unknown": "no information libre has that name",
    "not_confirmed": "what is not taken back easily was not confirmed: `--yes` where nobody can be asked",
    "unknown_policy": "there is no policy of that name (NEW-03)",
    "field_from_erp": "Sage 100 has the last word on the field: it has no policy (CRM-40)",
    "unknown_guard": "there is no guard of that name (NEW-06)",
    "guard_invalid": "a guard is a count and a percent",
    "plan_unknown": "there is no plan of that number (NEW-02)",
    "plan_of_another_kind": "the plan was made by another command (NEW-02)",
    "writes_unanswered": "a preview while writes have no answer: what they did is not known (NEW-02)",
    "cycle_unknown": "there is no cycle of that number",
    "cycle_running": "the cycle has not ended yet (NEW-04)",
    "conflict_unknown": "there is no conflict of that number (NEW-03)",
    "conflict_closed": "the conflict is decided already, or both sides came to agree",
    "conflict_moved_on": "the CRM's value has changed since the conflict was shown; it shows the new one now",
    "child_gone": "the contact or address was deleted in the CRM meanwhile",
    "error_unknown": "there is no record in error of that number (CRM-49)",
    "difference_unknown": "no audit found a difference of that number, or it is settled",
    "tiers_unknown": "no tiers of that code is in error or in the flow (CRM-50)",
} | {f"cannot_{action.value}": "the order is not possible for the record in error as it stands" for action in Action}


def document() -> str:
    """The page as it should be."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Errors"
    yield ""
    yield "Every error has a stable code, says what happened, to which record and field, and what to do. On screen (standard error)"
    yield "it reads `code: message [record …] [field …]`, then `→ remedy`; in the log of the integration it is one JSON line."
    yield "Written from the code by `python -m syncengine.document`."
    yield ""
    yield "## Exit codes of `syncengine`"
    yield ""
    yield "| code | meaning |"
    yield "|---:|---|"
    yield from (f"| {code.value} | {_EXIT_WORDS[code]} |" for code in ExitCode)
    yield ""
    yield "## What stops a command or a cycle"
    yield ""
    yield "| code | what happened | what to do | later by itself | exit |"
    yield "|---|---|---|---|---:|"
    yield from sorted(_row(kind) for kind in _kinds(Problem) if _stops(kind))
    yield ""
    yield "## What an order may be refused for"
    yield ""
    yield "Nothing is written then, and the command ends with exit code 2; of an order about several records those refused are"
    yield "named, the others are done, and it ends with 1. The message says which record and field, and what to do."
    yield ""
    yield "| code | meaning |"
    yield "|---|---|"
    yield from sorted(f"| `{code}` | {meaning} |" for code, meaning in (REFUSALS | ORDERS).items())
    yield ""
    yield "## What a call of the gateway may meet"
    yield ""
    yield "The gateway's own faults are in [contract.md](contract.md#faults)."
    yield ""
    yield "| code | meaning | what to do | later by itself |"
    yield "|---|---|---|---|"
    yield from (
        f"| `{met.code}` | {met.meaning} | {met.remedy} | {'yes' if met.retry else 'no'} |" for met in CALLER_CODES
    )
    yield ""
    yield "## What sets a record aside"
    yield ""
    yield "The others go on; `syncengine errors list` shows the record, its field and the remedy. Once Sage 100 is corrected"
    yield "the record arrives with the next cycle and the error is closed; `syncengine errors edit` corrects it here. What Sage 100"
    yield "refuses of what is sent has the codes of [contract.md](contract.md#faults)."
    yield ""
    yield "| code | meaning |"
    yield "|---|---|"
    yield from sorted(f"| `{code}` | {meaning} |" for code, meaning in _RECORDS.items())


def _stops(kind: type[Problem]) -> bool:
    """Whether the kind has a code of its own, and is about more than one record."""
    return "code" in vars(kind) and bool(kind.remedy_default) and not issubclass(kind, InvalidRecord | DataProblem)


def _kinds(kind: type[Problem]) -> Iterator[type[Problem]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith(("contracts.", "syncengine.")):
            yield child
            yield from _kinds(child)


def _row(kind: type[Problem]) -> str:
    first = (kind.__doc__ or "").strip().splitlines()[0]
    again = "yes" if kind.retry else "no"
    return f"| `{kind.code}` | {first} | {kind.remedy_default} | {again} | {_exit(kind).value} |"


def _exit(kind: type[Problem]) -> ExitCode:
    if issubclass(kind, RemoteFault):
        return exit_code(kind("", code=kind.code, may_retry=kind.retry))
    return exit_code(kind(""))


def main() -> int:
    """Write the page, or with ``--check`` say whether it is as the code has it."""
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.is_file() and TARGET.read_text("utf-8") == document() else 1
    TARGET.write_text(document(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
