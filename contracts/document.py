"""The generated parts of docs/contract.md: operations with a real exchange each, structures, and fault codes.

    python -m contracts.document                                              writes the tables anew, keeps the exchanges
    python -m contracts.document --url … --user … --password-file …           takes the exchanges from a running gateway too
    python -m contracts.document --check                                      exits 1 when the tables are not up to date

The text around them is written by hand. Each generated part stands between ``<!-- begin: name -->`` and ``<!-- end: name -->``.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from contracts.errors import Problem
from contracts.exchanges import Exchange, exchanges
from contracts.fault_codes import CALLER_CODES, GATEWAY_CODES, RESULT_CODES, FaultCode
from contracts.fields import Field, Flow, Kind, Many, Part, Struct
from contracts.messages import OPERATIONS, Operation
from contracts.schema import structures
from contracts.transport import GatewayTransport

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "contract.md"

_KINDS: Final[dict[Kind, str]] = {
    Kind.TEXT: "text",
    Kind.CODE: "code",
    Kind.FLAG: "flag",
    Kind.INTEGER: "integer",
    Kind.AMOUNT: "amount",
    Kind.DATE: "date",
    Kind.INSTANT: "instant",
}
_REQUIREMENT: Final = re.compile(r"\b(?:CRM|MOB|SPD|NEW)-\d\d\b")
_XML: Final = r"```xml\n(.*?)\n```"
_EXCHANGE: Final = re.compile(
    rf"^### (\w+)$(?:(?!^### ).)*?^Example request:\n\n{_XML}\n\nReply, HTTP (\d+):\n\n{_XML}$",
    re.MULTILINE | re.DOTALL,
)
_TABLE_HEAD: Final = (
    "| Element | Type | Length | Required | Direction | Sage 100 column | Requirement | Meaning |",
    "|---|---|---|---|---|---|---|---|",
)


def written(text: str, found: Mapping[str, Exchange]) -> str:
    """The document with its generated parts made anew. Raises ValueError when it lacks the place for one."""
    parts = {
        "operations": "\n".join(line for operation in OPERATIONS for line in _operation(operation, found)),
        "structures": "\n".join(line for struct in structures() for line in _structure(struct)),
        "gateway codes": "\n".join(_codes(GATEWAY_CODES)),
        "result codes": "\n".join(_codes(RESULT_CODES)),
        "caller codes": "\n".join(_codes(CALLER_CODES)),
    }
    for name, content in parts.items():
        begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        before, found_begin, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        if not found_begin or not found_end:
            raise ValueError(f"the document has no part {name!r}")
        text = f"{before}{begin}\n\n{content}\n\n{end}{after}"
    return text


def exchanges_in(text: str) -> dict[str, Exchange]:
    """The exchanges that a document shows, by operation."""
    return {
        name: Exchange(request=request, status=int(status), reply=reply)
        for name, request, status, reply in _EXCHANGE.findall(text)
    }


def _operation(operation: Operation, found: Mapping[str, Exchange]) -> Iterable[str]:
    yield from (
        f"### {operation.name}",
        "",
        operation.doc,
        "",
        "Request:" if operation.parts_in else "The request is empty.",
    )
    yield from _table(operation.parts_in)
    yield from ("", "Response:")
    yield from _table(operation.parts_out)
    exchange = found.get(operation.name)
    if exchange is not None:
        yield from ("", "Example request:", "", "```xml", exchange.request, "```", "")
        yield from (f"Reply, HTTP {exchange.status}:", "", "```xml", exchange.reply, "```")
    yield ""


def _structure(struct: Struct) -> Iterable[str]:
    yield from (f"### {struct.name}", "", struct.doc)
    yield from _table(struct.parts)
    yield ""


def _table(parts: Sequence[Part]) -> Iterable[str]:
    if parts:
        yield from ("", *_TABLE_HEAD)
        yield from map(_row, parts)


def _row(part: Part) -> str:
    if isinstance(part, Field):
        meaning = ": ".join(text for text in (part.label, part.doc) if text)
        length = "" if part.length is None else str(part.length)
        direction = "← ERP" if part.flow is Flow.FROM_ERP else "↔" if part.label else ""
        requirement = part.req or ", ".join(_REQUIREMENT.findall(part.doc))
        cells = (_KINDS[part.kind], length, _yes(part.required), direction, _code(part.erp), requirement, meaning)
    else:
        many = isinstance(part, Many)
        link = f"[{part.of.name}](#{part.of.name.lower()})"
        requirement = ", ".join(dict.fromkeys(_REQUIREMENT.findall(part.of.doc)))
        required = not isinstance(part, Many) and part.required
        cells = (f"list of {link}" if many else link, "", _yes(required), "", "", requirement, part.of.doc)
    return "| " + " | ".join([f"`{part.name}`", *(cell.replace("|", r"\|") for cell in cells)]) + " |"


def _yes(required: object) -> str:
    return "yes" if required else ""


def _code(column: str) -> str:
    return " ".join(f"`{name}`" for name in column.split("|") if name)


def _codes(codes: Sequence[FaultCode]) -> Iterable[str]:
    yield from ("| Code | Meaning | Again later? | What to do |", "|---|---|---|---|")
    for known in codes:
        yield f"| `{known.code}` | {known.meaning} | {'yes' if known.retry else 'no'} | {known.remedy} |"


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m contracts.document", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether the tables are up to date")
    parser.add_argument("--url", help="a gateway to take the exchanges from")
    parser.add_argument("--user", default="")
    parser.add_argument("--password-file", type=Path)
    parser.add_argument("--file", type=Path, default=DOCUMENT)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the document, or with ``--check`` say whether it is as the structures have it."""
    asked = _arguments(arguments)
    text = asked.file.read_text("utf-8")
    try:
        found = _asked_of(asked) if asked.url else exchanges_in(text)
    except Problem as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    new = written(text, found)
    if asked.check:
        if new != text:
            sys.stderr.write(f"{asked.file.name} is not what the structures say\n")
        return int(new != text)
    asked.file.write_text(new, "utf-8")
    return 0


def _asked_of(asked: argparse.Namespace) -> dict[str, Exchange]:
    password = asked.password_file.read_text("utf-8").rstrip("\r\n") if asked.password_file else ""
    transport = GatewayTransport(asked.url, asked.user, password, timeout_s=60)
    try:
        return exchanges(transport)
    finally:
        transport.session.close()


if __name__ == "__main__":
    sys.exit(main())
