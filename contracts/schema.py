"""The contract as XSD and WSDL, written from the structures, and the validator built from it.

    python -m contracts.schema            writes wsdl/v1/contract.xsd and contract.wsdl
    python -m contracts.schema --check    exits 1 when the files differ from the structures

WS-I Basic Profile 1.1: SOAP 1.1 over HTTP, document/literal wrapped, qualified elements, one versioned namespace, no xsd:any.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from datetime import date
from importlib import resources
from pathlib import Path

from lxml import etree

from contracts.codec import escape
from contracts.fields import AMOUNT_MAX, Field, Kind, Many, Part, Struct
from contracts.messages import FAULT, NAMESPACE, OPERATIONS, Operation

XSD_FILE, WSDL_FILE = "contract.xsd", "contract.wsdl"
DEFAULT_ADDRESS = "http://127.0.0.1:8080/"

_PLAIN: dict[Kind, str] = {
    Kind.TEXT: "xs:string",
    Kind.CODE: "xs:string",
    Kind.FLAG: "xs:boolean",
    Kind.INTEGER: "xs:int",
    Kind.AMOUNT: "Amount",
    Kind.DATE: "Date",
    Kind.INSTANT: "xs:dateTime",
}

_BOUNDED = (
    ("Amount", "xs:decimal", -AMOUNT_MAX, AMOUNT_MAX),
    ("Date", "xs:date", date.min, date.max),
)
"""What XML schema allows and a database or a calendar does not is refused by the schema, so that one record is set aside."""

_compiled = threading.local()


def contract_file(name: str) -> Path:
    """The path of a file of the contract's folder."""
    return Path(str(resources.files("wsdl"))) / "v1" / name


def validator() -> etree.XMLSchema:
    """The XSD of the contract, compiled once in each thread: the errors of a shared one would mix with another thread's."""
    schema = getattr(_compiled, "schema", None)
    if isinstance(schema, etree.XMLSchema):
        return schema
    _compiled.schema = etree.XMLSchema(etree.parse(str(contract_file(XSD_FILE)), etree.XMLParser(no_network=True)))
    return validator()


def xsd() -> str:
    """The XML schema of the whole contract."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!-- Written by contracts/schema.py from the field tables; not to be edited. -->",
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="{NAMESPACE}" targetNamespace="{NAMESPACE}"'
        ' elementFormDefault="qualified">',
        *_simple_types(),
    ]
    for struct in structures():
        lines += _complex_type(struct)
    for operation in OPERATIONS:
        for message in (operation.request, operation.response):
            lines += [f'  <xs:element name="{message.name}">', *_body(message, "    "), "  </xs:element>"]
    lines += [f'  <xs:element name="{FAULT.name}" type="{FAULT.name}"/>', "</xs:schema>", ""]
    return "\n".join(lines)


def structures() -> list[Struct]:
    """Every structure below the messages, parents before children."""
    found: dict[str, Struct] = {}

    def visit(struct: Struct) -> None:
        if found.setdefault(struct.name, struct) is not struct:
            raise ValueError(f"two structures are named {struct.name}")
        descend(struct.parts)

    def descend(parts: tuple[Part, ...]) -> None:
        for part in parts:
            if not isinstance(part, Field):
                visit(part.of)

    for operation in OPERATIONS:
        descend(operation.parts_in)
        descend(operation.parts_out)
    visit(FAULT)
    return list(found.values())


def _simple_types() -> Iterator[str]:
    fields = [field for message in _messages() for field in message.fields]
    fields += [field for struct in structures() for field in struct.fields]
    limited = {(field.kind, field.length) for field in fields if field.length is not None}
    for name, base, least, most in _BOUNDED:
        yield f'  <xs:simpleType name="{name}">'
        yield f'    <xs:restriction base="{base}">'
        yield f'      <xs:minInclusive value="{least}"/><xs:maxInclusive value="{most}"/>'
        yield "    </xs:restriction>"
        yield "  </xs:simpleType>"
    for kind, length in sorted(limited, key=lambda pair: (pair[0], pair[1] or 0)):
        facet = (
            f'<xs:pattern value="[0-9A-Za-z]{{0,{length}}}"/>'
            if kind is Kind.CODE
            else f'<xs:maxLength value="{length}"/>'
        )
        yield f'  <xs:simpleType name="{_limited_name(kind, length)}">'
        yield f'    <xs:restriction base="xs:string">{facet}</xs:restriction>'
        yield "  </xs:simpleType>"


def _messages() -> Iterator[Struct]:
    for operation in OPERATIONS:
        yield operation.request
        yield operation.response


def _limited_name(kind: Kind, length: int | None) -> str:
    return f"{'Code' if kind is Kind.CODE else 'Text'}{length}"


def _type_of(field: Field) -> str:
    return _PLAIN[field.kind] if field.length is None else _limited_name(field.kind, field.length)


def _complex_type(struct: Struct) -> Iterator[str]:
    inner = list(_body(struct, "  "))
    inner[0] = inner[0].replace("<xs:complexType>", f'<xs:complexType name="{struct.name}">')
    if struct.doc:
        inner.insert(1, f"    <xs:annotation><xs:documentation>{escape(struct.doc)}</xs:documentation></xs:annotation>")
    yield from inner


def _body(struct: Struct, indent: str) -> Iterator[str]:
    yield f"{indent}<xs:complexType>"
    yield f"{indent}  <xs:sequence>"
    for part in struct.parts:
        yield from _element(part, indent + "    ")
    yield f"{indent}  </xs:sequence>"
    yield f"{indent}</xs:complexType>"


def _element(part: Part, indent: str) -> Iterator[str]:
    if isinstance(part, Many):
        yield f'{indent}<xs:element name="{part.name}" minOccurs="0">'
        yield f"{indent}  <xs:complexType>"
        yield f"{indent}    <xs:sequence>"
        yield f'{indent}      <xs:element name="{part.of.name}" type="{part.of.name}" minOccurs="0" maxOccurs="unbounded"/>'
        yield f"{indent}    </xs:sequence>"
        yield f"{indent}  </xs:complexType>"
        yield f"{indent}</xs:element>"
        return
    optional = "" if part.required else ' minOccurs="0"'
    type_name = _type_of(part) if isinstance(part, Field) else part.of.name
    told = _told(part) if isinstance(part, Field) else ""
    opening = f'{indent}<xs:element name="{part.name}" type="{type_name}"{optional}'
    if not told:
        yield f"{opening}/>"
        return
    yield f"{opening}>"
    yield f"{indent}  <xs:annotation><xs:documentation>{escape(told)}</xs:documentation></xs:annotation>"
    yield f"{indent}</xs:element>"


def _told(field: Field) -> str:
    return " · ".join(text for text in (field.label, field.doc, field.erp, field.req) if text)


def wsdl(address: str = DEFAULT_ADDRESS) -> str:
    """The WSDL of the service at that address; it imports the XSD beside it."""
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<!-- Written by contracts/schema.py from the operations; not to be edited. -->\n"
        '<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"'
        f' xmlns:tns="{NAMESPACE}" targetNamespace="{NAMESPACE}" name="Sage100Gateway">\n'
        '  <wsdl:types>\n    <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
        f'<xs:import namespace="{NAMESPACE}" schemaLocation="{XSD_FILE}"/></xs:schema>\n  </wsdl:types>\n'
    )
    messages = "".join(_wsdl_messages(operation) for operation in OPERATIONS) + _message(
        FAULT.name, FAULT.name, "fault"
    )
    port_type = "".join(_port_operation(operation) for operation in OPERATIONS)
    binding = "".join(_binding_operation(operation) for operation in OPERATIONS)
    return (
        f"{head}{messages}"
        f'  <wsdl:portType name="Sage100Gateway">\n{port_type}  </wsdl:portType>\n'
        '  <wsdl:binding name="Sage100GatewaySoap" type="tns:Sage100Gateway">\n'
        '    <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>\n'
        f"{binding}  </wsdl:binding>\n"
        '  <wsdl:service name="Sage100Gateway">\n    <wsdl:port name="Sage100Gateway" binding="tns:Sage100GatewaySoap">'
        f'<soap:address location="{escape(address)}"/></wsdl:port>\n  </wsdl:service>\n</wsdl:definitions>\n'
    )


def _wsdl_messages(operation: Operation) -> str:
    return _message(operation.request.name, operation.request.name, "parameters") + _message(
        operation.response.name, operation.response.name, "parameters"
    )


def _message(name: str, element: str, part: str) -> str:
    return f'  <wsdl:message name="{name}"><wsdl:part name="{part}" element="tns:{element}"/></wsdl:message>\n'


def _port_operation(operation: Operation) -> str:
    return (
        f'    <wsdl:operation name="{operation.name}">\n'
        f"      <wsdl:documentation>{escape(operation.doc)}</wsdl:documentation>\n"
        f'      <wsdl:input message="tns:{operation.request.name}"/>\n'
        f'      <wsdl:output message="tns:{operation.response.name}"/>\n'
        f'      <wsdl:fault name="{FAULT.name}" message="tns:{FAULT.name}"/>\n'
        "    </wsdl:operation>\n"
    )


def _binding_operation(operation: Operation) -> str:
    return (
        f'    <wsdl:operation name="{operation.name}">\n'
        f'      <soap:operation soapAction="{NAMESPACE}:{operation.name}"/>\n'
        '      <wsdl:input><soap:body use="literal"/></wsdl:input>\n'
        '      <wsdl:output><soap:body use="literal"/></wsdl:output>\n'
        f'      <wsdl:fault name="{FAULT.name}"><soap:fault name="{FAULT.name}" use="literal"/></wsdl:fault>\n'
        "    </wsdl:operation>\n"
    )


def main() -> int:
    """Write the contract's files, or with ``--check`` say whether they are as the structures have them."""
    check = "--check" in sys.argv[1:]
    stale = [
        name
        for name, text in ((XSD_FILE, xsd()), (WSDL_FILE, wsdl()))
        if not contract_file(name).is_file() or contract_file(name).read_text("utf-8") != text
    ]
    if check:
        sys.stderr.writelines(f"wsdl/v1/{name} is not what the structures say\n" for name in stale)
        return 1 if stale else 0
    contract_file(XSD_FILE).parent.mkdir(exist_ok=True)
    contract_file(XSD_FILE).write_text(xsd(), "utf-8")
    contract_file(WSDL_FILE).write_text(wsdl(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
