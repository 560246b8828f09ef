"""Writes docs/commands.md from the commands themselves: ``python -m syncengine.commands.document [--check]``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import typer.main

from syncengine.cli import app
from syncengine.errors import ExitCode

TARGET: Final = Path("docs/commands.md")
ALWAYS: Final = (ExitCode.OK, ExitCode.USAGE, ExitCode.CONFIGURATION, ExitCode.DATABASE, ExitCode.INTERRUPTED)
"""How any command may end."""

_PARTLY: Final = (ExitCode.WARNING,)
_GATEWAY: Final = (ExitCode.UNREACHABLE, ExitCode.REFUSED)
_CYCLE: Final = (ExitCode.WARNING, *_GATEWAY, ExitCode.BUSY)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How a command is shown: one example, and how it may end beyond ``ALWAYS``."""

    example: str
    also: tuple[ExitCode, ...] = ()


def _shown(example: str, *also: ExitCode) -> Shown:
    return Shown(example=f"syncengine {example}", also=also)


SHOWN: Final = {
    "sync": _shown("sync --dry-run", *_CYCLE),
    "resync": _shown("resync --from erp --dry-run", *_CYCLE),
    "undo": _shown("undo 42 --dry-run", *_CYCLE),
    "status": _shown("status"),
    "cycles": _shown("cycles --limit 5"),
    "serve": _shown("serve --port 8750"),
    "worker": _shown("worker --concurrency 8"),
    "demo": _shown("demo --tiers 500", *_CYCLE),
    "integration create": _shown("integration create --company 'BIJOU SA' --erp-user CRM --set interval_min=30"),
    "integration modify": _shown("integration modify --set code_mode=erp --set clock_tolerance_s=60"),
    "integration show": _shown("integration show"),
    "integration list": _shown("integration list"),
    "integration activate": _shown("integration activate"),
    "integration deactivate": _shown("integration deactivate"),
    "integration disconnect": _shown("integration disconnect --as claire", *_GATEWAY, ExitCode.BUSY),
    "integration reconnect": _shown("integration reconnect --as claire", *_GATEWAY),
    "integration test": _shown("integration test", *_GATEWAY),
    "integration check": _shown("integration check", ExitCode.WARNING, *_GATEWAY),
    "integration policy": _shown("integration policy contact.phone ask"),
    "integration guard": _shown("integration guard crm.change --count 200 --percent 10"),
    "plan list": _shown("plan list"),
    "plan show": _shown("plan show 7 --limit 50"),
    "errors list": _shown("errors list --side erp"),
    "errors show": _shown("errors show 12"),
    "errors retry": _shown("errors retry --all --code unknown_representative", *_PARTLY),
    "errors edit": _shown("errors edit 12 contacts/7/phone=0102030405"),
    "errors take-out": _shown("errors take-out --tiers CARAT", *_PARTLY),
    "errors put-back": _shown("errors put-back 12", *_PARTLY),
    "errors analysis": _shown("errors analysis 42"),
    "conflicts list": _shown("conflicts list --field contact.phone"),
    "conflicts show": _shown("conflicts show 3"),
    "conflicts resolve": _shown("conflicts resolve 3 4 --take crm", *_PARTLY),
    "audit status": _shown("audit status"),
    "audit list": _shown("audit list"),
    "audit run": _shown("audit run --whole", *_GATEWAY),
    "audit repair": _shown("audit repair 3 4", *_PARTLY),
    "journal cycle": _shown("journal cycle 42"),
    "journal company": _shown("journal company CARAT --limit 20"),
    "journal explain": _shown("journal explain CARAT contacts/7/phone"),
    "company list": _shown("company list bijou --free 'Origine=Salon'"),
    "company show": _shown("company show CARAT"),
    "company create": _shown("company create name='Carat SARL' company_type=client code=CARAT"),
    "company edit": _shown("company edit CARAT Standard=0102030405 responsable=claire"),
    "company delete": _shown("company delete id:12 --yes"),
    "company merge": _shown("company merge CARAT id:12 --yes"),
    "company create-tiers": _shown("company create-tiers CARAT --as claire", *_CYCLE),
    "company cancel-creation": _shown("company cancel-creation CARAT"),
    "company set-code": _shown("company set-code id:12 CARAT"),
    "company break-link": _shown("company break-link CARAT"),
    "company link": _shown("company link id:12 CARAT --yes"),
    "company reassign": _shown("company reassign CARAT id:12 --yes"),
    "company duplicates": _shown("company duplicates CARAT"),
    "company differences": _shown("company differences"),
    "company align-account": _shown("company align-account CARAT --yes"),
    "company align-company": _shown("company align-company CARAT --yes"),
    "company orphans": _shown("company orphans"),
    "company secondary": _shown("company secondary"),
    "company create-company": _shown("company create-company --all"),
    "contact add": _shown("contact add CARAT Nom=Martin Prénom=Ana Portable=0600000000"),
    "contact edit": _shown("contact edit 31 email=ana@carat.example"),
    "contact remove": _shown("contact remove 31"),
    "contact set-default": _shown("contact set-default 31"),
    "contact set-address": _shown("contact set-address 31 8"),
    "contact share-main-address": _shown("contact share-main-address 31"),
    "address add": _shown("address add CARAT title=Quai street='1 quai neuf' postcode=34200 town=Sète"),
    "address edit": _shown("address edit 8 complement='Bâtiment B'"),
    "address remove": _shown("address remove 8"),
    "address set-default": _shown("address set-default 8"),
    "fields": _shown("fields"),
    "fields define": _shown("fields define segment 'Segment de marché'"),
    "fields add-pair": _shown("fields add-pair segment"),
    "fields remove-pair": _shown("fields remove-pair segment"),
    "fields remove-struck": _shown("fields remove-struck"),
    "turnover refresh": _shown("turnover refresh CARAT", *_GATEWAY),
    "rights list": _shown("rights list"),
    "rights withdraw": _shown("rights withdraw claire break_link"),
    "rights grant": _shown("rights grant claire break_link"),
    "user list": _shown("user list --text martin"),
    "user create": _shown("user create claire --name 'Claire Martin' --types DE,BC,FA"),
    "user modify": _shown("user modify claire --no-active"),
    "user password": _shown("user password claire"),
    "user sessions": _shown("user sessions claire --end"),
    "user keys": _shown("user keys --of robot"),
    "user create-key": _shown("user create-key robot ETL --scope read --scope sync --days 365"),
    "user revoke-key": _shown("user revoke-key 3"),
    "user events": _shown("user events --subject user/3"),
    "alerts list": _shown("alerts list --all"),
    "alerts close": _shown("alerts close 7"),
    "alerts channels": _shown("alerts channels"),
    "alerts add-email": _shown("alerts add-email compta@societe.example"),
    "alerts add-webhook": _shown("alerts add-webhook https://supervision.example/sage"),
    "alerts modify": _shown("alerts modify 2 --new-secret"),
    "alerts remove": _shown("alerts remove 2"),
    "alerts test": _shown("alerts test 2", ExitCode.UNREACHABLE),
    "alerts deliveries": _shown("alerts deliveries --state waiting"),
    "logs list": _shown("logs list"),
    "logs show": _shown("logs show"),
    "db upgrade": _shown("db upgrade"),
    "db status": _shown("db status"),
    "key rotate": _shown("key rotate"),
}
"""Every command that does something, by its path."""


def commands() -> dict[str, Any]:
    """Every command that does something, by its path, as typer knows it."""
    return dict(_walk("", typer.main.get_command(app)))


def _walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None or (path and command.invoke_without_command):
        yield path, command
    for name, part in (inner or {}).items():
        yield from _walk(f"{path} {name}".strip(), part)


def document() -> str:
    """The page as it should be."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from _HEAD.splitlines()
    for group, found in groupby(commands().items(), lambda item: _group(item[0])):
        yield f"## {group}"
        yield ""
        for path, command in found:
            yield from _command(path, command)


def _group(path: str) -> str:
    first, _, rest = path.partition(" ")
    return f"syncengine {first}" if rest or first == "fields" else "Cycles, and how everything stands"


def _command(path: str, command: Any) -> Iterator[str]:
    shown = SHOWN[path]
    yield f"### syncengine {path}"
    yield ""
    yield command.help
    yield ""
    yield f"    {shown.example}"
    yield ""
    records = [record for param in command.params if (record := _record(path, command, param))]
    if records:
        yield "| argument or option | |"
        yield "|---|---|"
        yield from (f"| `{_cell(name)}` | {_cell(words)} |" for name, words in records)
        yield ""
    yield f"Exit codes: {_codes({*ALWAYS, *shown.also})}."
    yield ""


def _record(path: str, command: Any, param: Any) -> tuple[str, str] | None:
    if param.name == "help":
        return None
    context = command.context_class(command, info_name=path)
    name, words = param.get_help_record(context) or (param.name, "")
    return name, words


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _codes(codes: Iterable[ExitCode]) -> str:
    return ", ".join(str(code.value) for code in sorted(codes))


_HEAD: Final = f"""\
# Commands

What `syncengine` can be told to do: each command with an example and its exit codes. Written from the commands themselves by
`python -m syncengine.commands.document`; `syncengine COMMAND --help` says the same.

- **Exit codes** are explained in [errors.md](errors.md). Any command may end with {_codes(ALWAYS)}; what else is told with it.
  A problem is told on standard error: its code, what happened, to which record and field, then `→` what to do.
- **`--json`** prints the answer for a program; lists that are paged come as `items` and `after`, and `--after` takes that value.
- **A company** goes by its code comptable, or by its number in the CRM: `id:12`. Contacts and addresses go by the number that
  `company show` prints; errors, conflicts, plans and cycles by that of their lists.
- **`FIELD=VALUE`** takes the names of the contract (`short_name`, `ShortName`) and the words of Sage 100 (`Abrégé`), capitals and
  accents aside; nothing after `=` empties the field. `custom.NAME` or `comp_NAME` is a field of the CRM's own.
- **`--as LOGIN`** says who acts: the journal keeps it, and the rights of that user count (CRM-61). Without it the operator acts.
- What is not taken back easily asks first; where nobody can be asked, it wants **`--yes`**.

"""


def main() -> int:
    """Write the page, or with ``--check`` say whether it is as the commands have it."""
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.is_file() and TARGET.read_text("utf-8") == document() else 1
    TARGET.write_text(document(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
