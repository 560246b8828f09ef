"""The contract's files, as any SOAP stack reads them: up to date, valid, and within WS-I Basic Profile 1.1."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
import zeep
from lxml import etree

from contracts import schema
from contracts.envelope import parse
from contracts.fields import Many, One, Part, Struct
from contracts.messages import CONTRACT_VERSION, FAULT, NAMESPACE, OPERATIONS, Operation
from contracts.schema import WSDL_FILE, XSD_FILE, contract_file, validator

WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"
XS = "{http://www.w3.org/2001/XMLSchema}"


@pytest.fixture(scope="module")
def wsdl() -> etree._Element:
    return etree.fromstring(contract_file(WSDL_FILE).read_bytes())


@pytest.fixture(scope="module")
def xsd() -> etree._Element:
    return etree.fromstring(contract_file(XSD_FILE).read_bytes())


@pytest.mark.req("CRM-02")
@pytest.mark.parametrize(("name", "text"), [(XSD_FILE, schema.xsd()), (WSDL_FILE, schema.wsdl())])
def test_the_files_are_what_the_structures_say(name: str, text: str) -> None:
    assert contract_file(name).read_text("utf-8") == text


def test_the_check_tells_a_stale_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schema, "contract_file", lambda name: tmp_path / "v1" / name)
    monkeypatch.setattr("sys.argv", ["contracts.schema"])
    assert schema.main() == 0
    (tmp_path / "v1" / XSD_FILE).write_text("<old/>")

    monkeypatch.setattr("sys.argv", ["contracts.schema", "--check"])

    assert schema.main() == 1
    assert capsys.readouterr().err == f"wsdl/v1/{XSD_FILE} is not what the structures say\n"


@pytest.mark.parametrize("name", [XSD_FILE, WSDL_FILE])
def test_the_files_are_indented_as_they_are_nested(name: str) -> None:
    lines = contract_file(name).read_text("utf-8").splitlines()
    depth = 0
    for line in lines[2:]:
        tags = re.findall(r"<(/?)[\w:]+[^>]*?(/?)>", line)
        closes_first = line.lstrip().startswith("</")
        assert len(line) - len(line.lstrip()) == 2 * (depth - closes_first), line
        depth += sum(0 if alone else -1 if closing else 1 for closing, alone in tags)
    assert depth == 0


@pytest.mark.req("CRM-02")
def test_the_namespace_and_the_folder_carry_the_version(wsdl: etree._Element, xsd: etree._Element) -> None:
    assert f"urn:crm-sage100-sync:contract:{CONTRACT_VERSION.partition('.')[0]}.0" == NAMESPACE
    assert contract_file(XSD_FILE).parent.name == f"v{CONTRACT_VERSION.partition('.')[0]}"
    assert wsdl.get("targetNamespace") == xsd.get("targetNamespace") == NAMESPACE


@pytest.mark.req("CRM-02")
def test_every_element_is_qualified(xsd: etree._Element) -> None:
    assert xsd.get("elementFormDefault") == "qualified"
    assert not [element for element in xsd.iter(f"{XS}element") if element.get("form") is not None]


@pytest.mark.req("CRM-02")
def test_the_schema_has_nothing_that_a_soap_stack_stumbles_over(xsd: etree._Element) -> None:
    used = {etree.QName(element).localname for element in xsd.iter(etree.Element)}
    assert used == {
        *("schema", "simpleType", "restriction", "pattern", "maxLength", "minInclusive", "maxInclusive"),
        *("complexType", "sequence", "element", "annotation", "documentation"),
    }
    assert not xsd.xpath("//@nillable | //@ref | //@default | //@fixed | //@block | //@abstract")
    assert "anyType" not in contract_file(XSD_FILE).read_text("utf-8")


@pytest.mark.req("CRM-02")
def test_the_binding_is_document_literal_over_http(wsdl: etree._Element) -> None:
    (binding,) = wsdl.iter(f"{SOAP}binding")
    assert (binding.get("style"), binding.get("transport")) == ("document", "http://schemas.xmlsoap.org/soap/http")
    assert not [operation for operation in wsdl.iter(f"{SOAP}operation") if operation.get("style") == "rpc"]
    for tag in ("body", "fault"):
        parts = list(wsdl.iter(f"{SOAP}{tag}"))
        assert parts
        assert {part.get("use") for part in parts} == {"literal"}
        assert not [part for part in parts if part.get("namespace") or part.get("encodingStyle")]


@pytest.mark.req("CRM-02")
def test_each_message_has_one_part_that_names_a_global_element(wsdl: etree._Element, xsd: etree._Element) -> None:
    declared = {element.get("name") for element in xsd.findall(f"{XS}element")}
    messages = wsdl.findall(f"{WSDL}message")
    assert len(messages) == 2 * len(OPERATIONS) + 1
    assert len({message.get("name") for message in messages}) == len(messages)
    for message in messages:
        (part,) = message.findall(f"{WSDL}part")
        assert part.get("type") is None
        assert str(part.get("element")).removeprefix("tns:") in declared


@pytest.mark.req("CRM-02")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_each_operation_is_wrapped_addressed_and_declares_its_fault(wsdl: etree._Element, operation: Operation) -> None:
    (port,) = wsdl.findall(f"{WSDL}portType/{WSDL}operation[@name='{operation.name}']")
    (bound,) = wsdl.findall(f"{WSDL}binding/{WSDL}operation[@name='{operation.name}']")
    action = bound.find(f"{SOAP}operation")
    fault = bound.find(f"{WSDL}fault/{SOAP}fault")

    assert [child.get("message") for child in port.iterchildren(f"{WSDL}input", f"{WSDL}output", f"{WSDL}fault")] == [
        f"tns:{operation.name}",
        f"tns:{operation.name}Response",
        f"tns:{FAULT.name}",
    ]
    assert action is not None
    assert action.get("soapAction") == f"{NAMESPACE}:{operation.name}"
    assert fault is not None
    names = {fault.get("name"), bound.find(f"{WSDL}fault").get("name"), port.find(f"{WSDL}fault").get("name")}  # type: ignore[union-attr]
    assert names == {FAULT.name}


def test_the_wsdl_imports_nothing_but_the_schema_beside_it(wsdl: etree._Element) -> None:
    (embedded,) = wsdl.iter(f"{XS}schema")
    (imported,) = embedded

    assert list(wsdl.iter(f"{WSDL}import")) == []
    assert (imported.tag, imported.get("schemaLocation")) == (f"{XS}import", XSD_FILE)


def test_another_address_is_the_only_thing_that_changes() -> None:
    there = schema.wsdl("https://sage.example/?a=1&b=2")

    assert parse(there.encode()).find(f".//{SOAP}address").get("location") == "https://sage.example/?a=1&b=2"  # type: ignore[union-attr]
    assert there.replace("https://sage.example/?a=1&amp;b=2", schema.DEFAULT_ADDRESS) == schema.wsdl()


@pytest.mark.req("CRM-02")
def test_zeep_loads_it_in_strict_mode_with_every_operation() -> None:
    settings = zeep.Settings(strict=True, forbid_external=True)
    client = zeep.Client(str(contract_file(WSDL_FILE)), settings=settings)  # type: ignore[no-untyped-call]

    (port,) = client.wsdl.services["Sage100Gateway"].ports.values()

    assert sorted(port.binding.all()) == sorted(operation.name for operation in OPERATIONS)


def every_struct(parts: tuple[Part, ...]) -> list[Struct]:
    below = [part.of for part in parts if isinstance(part, One | Many)]
    return below + [found for struct in below for found in every_struct(struct.parts)]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_names_are_unique_in_the_wire_and_in_python(operation: Operation) -> None:
    for struct in [operation.request, operation.response, *every_struct((*operation.parts_in, *operation.parts_out))]:
        assert len({part.name for part in struct.parts}) == len({part.attr for part in struct.parts})
        assert len(struct.index) == len(struct.parts), struct.name


def test_each_thread_has_a_validator_so_that_errors_do_not_mix() -> None:
    others: list[etree.XMLSchema] = []
    thread = threading.Thread(target=lambda: others.append(validator()))
    thread.start()
    thread.join()

    assert validator() is validator()
    assert others[0] is not validator()
