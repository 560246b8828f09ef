"""Where a message breaks the schema of the contract, said in plain words; what a newer peer adds is passed over."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, cast

from lxml import etree

from contracts.codec import reader
from contracts.envelope import FAMILY, other_version
from contracts.errors import ContractError
from contracts.fields import Field, Kind, Many, One, Part, Record, Struct
from contracts.messages import NAMESPACE
from contracts.schema import validator

_STEP: Final = re.compile(r"(?:([\w.-]+):)?(\*|[\w.-]+)(?:\[(\d+)\])?")
_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_EMPTIABLE: Final = frozenset({Kind.TEXT, Kind.CODE})

_INCOMPLETE: Final = re.compile(r"Missing child element|This element is not expected")
_WORDS: Final = tuple(
    (re.compile(pattern, re.DOTALL), words)
    for pattern, words in (
        (
            r"has a length of '(\d+)'; this exceeds the allowed maximum length of '(\d+)'",
            "{} characters, at most {} are allowed",
        ),
        (
            r"The value '(.*)' is not accepted by the pattern '\[0-9A-Za-z\]\{0,(\d+)\}'",
            "{!r} is not at most {} letters and digits",
        ),
        (r"The value '(.*)' is (less|greater) than the \w+ value allowed \('(.*)'\)", "{!r} is {} than {}"),
        (r": '(.*)' is not a valid value of the (?:atomic|local atomic|union) type '(?:xs:)?(\w+)'", "{!r} is no {}"),
        (r"This element is not expected", "the element is there twice or in the wrong place"),
        (r"Element content is not allowed", "elements where a value is expected"),
        (r"Character content other than whitespace", "text between the elements"),
        (r"The element is not 'nillable'", "nil is not allowed: an emptied element is empty"),
    )
)


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One place that breaks the schema: the element it is in, the field's wire name, and what is wrong with it."""

    element: etree._Element
    field: str
    reason: str


def validated(body: etree._Element, struct: Struct) -> Record:
    """A whole message that must be good as it is. Raises ContractError naming the element, VersionMismatch."""
    found = violations(body, struct)
    if found:
        raise ContractError(f"{found[0].field}: {found[0].reason}", field=found[0].field)
    return reader(struct)(body)


def violations(body: etree._Element, struct: Struct) -> list[Violation]:
    """The places that break the schema, one for each element, once what the structures do not name is taken out.

    Raises ContractError for another message, VersionMismatch for one of another contract.
    """
    _require_message(body, struct)
    schema = validator()
    if schema.validate(body):
        return []
    prune(body, struct)
    if schema.validate(body):
        return []
    found: dict[etree._Element, Violation] = {}
    for entry in cast("Iterable[etree._LogEntry]", schema.error_log):
        violation = _violation(body, struct, _element_at(body, entry.path or ""), entry.message)
        found.setdefault(violation.element, violation)
    return list(found.values())


def prune(element: etree._Element, struct: Struct) -> None:
    """Take out of the tree what a newer or a looser peer may send: elements and attributes the structures do not name.

    An empty element of a type that has no empty value goes too: some SOAP stacks send one for 'none', which is 'not said' here.
    """
    parts = {f"{{{NAMESPACE}}}{part.name}": part for part in struct.parts}
    _prune_attributes(element)
    for child in list(element):
        part = parts.get(child.tag)
        if part is None or _says_nothing(child, part):
            element.remove(child)
            continue
        _prune_attributes(child)
        if isinstance(part, One):
            prune(child, part.of)
        elif isinstance(part, Many):
            _prune_list(child, part)


def _prune_list(wrapper: etree._Element, part: Many) -> None:
    tag = f"{{{NAMESPACE}}}{part.of.name}"
    for item in list(wrapper):
        if item.tag == tag:
            prune(item, part.of)
        else:
            wrapper.remove(item)


def _prune_attributes(element: etree._Element) -> None:
    # A nil says something, and the contract has no word for it: it stays, and is refused.
    for name in element.keys():  # noqa: SIM118 - an element iterates over its children
        if name != _NIL or element.get(name) in {"false", "0"}:
            del element.attrib[name]


def _says_nothing(child: etree._Element, part: Part) -> bool:
    typed = isinstance(part, Field) and part.kind not in _EMPTIABLE
    return typed and len(child) == 0 and not (child.text or "").strip() and child.get(_NIL) is None


def _require_message(body: etree._Element, struct: Struct) -> None:
    name = etree.QName(body)
    namespace = name.namespace or ""
    if namespace == NAMESPACE and name.localname == struct.name:
        return
    if namespace != NAMESPACE and namespace.startswith(FAMILY):
        raise other_version(namespace.removeprefix(FAMILY))
    raise ContractError(f"the message is {name.localname}, not {struct.name}")


def _element_at(body: etree._Element, path: str) -> etree._Element:
    """The element of a path such as ``/*/*[3]/c:ChangeSet[2]``, or the nearest one above it that is there."""
    element = body
    for step in path.split("/")[2:]:
        match = _STEP.fullmatch(step)
        child = _child(element, *match.groups()) if match else None
        if child is None:
            return element
        element = child
    return element


def _child(element: etree._Element, prefix: str | None, name: str, position: str | None) -> etree._Element | None:
    """libxml2 counts all children for ``*``, which is an unprefixed name in a namespace, else those of the same name."""
    wanted = int(position or 1)
    alike = (
        child for child in element if name == "*" or (etree.QName(child).localname == name and child.prefix == prefix)
    )
    return next((child for number, child in enumerate(alike, 1) if number == wanted), None)


def _violation(body: etree._Element, struct: Struct, element: etree._Element, message: str) -> Violation:
    text = re.sub(r"\{urn:[^}]*\}", "", message)
    if _INCOMPLETE.search(text):
        above = element if "Missing" in text else element.getparent()
        missing = None if above is None else _missing_from(above, _struct_at(body, struct, above))
        if above is not None and missing is not None:
            return Violation(element=above, field=missing, reason="the element is missing")
    return Violation(element=element, field=etree.QName(element).localname, reason=_plain(text))


def _struct_at(body: etree._Element, struct: Struct, element: etree._Element) -> Struct | None:
    """The structure of an element of a message, found by the names on the way to it; None for a value."""
    path = [element, *element.iterancestors()]
    names = iter([etree.QName(step).localname for step in reversed(path[: path.index(body)])])
    for name in names:
        part = next((part for part in struct.parts if part.name == name), None)
        if part is None or isinstance(part, Field):
            return None
        struct = part.of
        if isinstance(part, Many):
            next(names, None)
    return struct


def _missing_from(element: etree._Element, struct: Struct | None) -> str | None:
    """The first required part that an element lacks."""
    parts = () if struct is None else struct.parts
    required = (part.name for part in parts if not isinstance(part, Many) and part.required)
    return next((name for name in required if element.find(f"{{{NAMESPACE}}}{name}") is None), None)


def _plain(text: str) -> str:
    """A validator's message in plain words."""
    for pattern, words in _WORDS:
        match = pattern.search(text)
        if match:
            return words.format(*match.groups())
    return text


def place_in(record: etree._Element, element: etree._Element) -> str:
    """In which item of a list of its record an element is: ``Contact 3``; empty for the record's own elements."""
    path = [element, *element.iterancestors()]
    depth = path.index(record)
    if depth < 2:
        return ""
    wrapper, item = path[depth - 1], path[depth - 2]
    return f"{etree.QName(item).localname} {wrapper.index(item) + 1}"
