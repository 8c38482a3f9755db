"""Exports follow the published shapes of the vocabularies they use, for every kind of delivery and any file name."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import authorities, deliveries, factories
from transcoder.app import export_record
from transcoder.certificate.keys import KeyPair
from transcoder.errors import CertificateError, StorageError
from transcoder.exports import case, premis
from transcoder.exports.events import Record
from transcoder.model import CaseFields, DeliveredFile, Verdict

DIGEST = "ab" * 32
HOSTILE = "a\x01b<&\"'\n$(x) \U0001f600.mp4"


def record(kind: str) -> Record:
    named = CaseFields(urn="01CC1234526", exhibit="AB/1", operator="PC 1 <Ünö>", description="shop\x0b, aisle 3")
    if kind == "refused":
        statement = factories.statement(
            case=named, subjects=[], chosen=factories.no_choice(), verdict=Verdict.REFUSED,
            refusal={"code": "cap-unreachable", "message": "no", "best_achieved": None, "smallest_cap": None},
        )  # fmt: skip
    elif kind == "parts":
        files = [DeliveredFile(role="part", path=Path(f"c_{n}.mp4"), bytes=9, sha256=f"{n:064x}") for n in range(3)]
        statement = factories.statement(case=named, subjects=files)
    else:
        statement = factories.statement(case=CaseFields() if kind == "nameless" else named)
        if kind == "hostile":
            statement["predicate"]["source"]["name"] = HOSTILE
            statement["predicate"]["files"][0]["name"] = HOSTILE
    return Record(statement, DIGEST)


KINDS = ("media", "nameless", "refused", "parts", "hostile")


@cache
def premis_schema() -> Any:
    etree = pytest.importorskip("lxml.etree")
    folder = Path(pytest.importorskip("eulxml").__file__).parent / "schema_data"
    return etree.XMLSchema(etree.parse(str(folder / "premis.xsd")))


@pytest.mark.parametrize("kind", KINDS)
def test_premis_follows_its_schema(kind: str) -> None:
    etree = pytest.importorskip("lxml.etree")
    schema = premis_schema()
    document = etree.fromstring(premis.export(record(kind)))
    assert schema.validate(document), schema.error_log
    space = {"p": premis.NAMESPACE}
    digests = [node.text for node in document.iterfind(".//p:messageDigest", space)]
    assert digests == [record(kind).master.sha256, *(file.sha256 for file in record(kind).files)]
    kinds = [node.text for node in document.iterfind(".//p:eventType", space)]
    assert ("migration" in kinds) == (kind != "refused")
    known = {node.text for node in document.iterfind(".//p:objectIdentifierValue", space)}
    known |= {node.text for node in document.iterfind(".//p:agentIdentifierValue", space)}
    for linked in ("linkingObjectIdentifierValue", "linkingAgentIdentifierValue", "relatedObjectIdentifierValue"):
        assert {node.text for node in document.iterfind(f".//p:{linked}", space)} <= known


def test_the_schema_finds_faults() -> None:
    etree = pytest.importorskip("lxml.etree")
    document = etree.fromstring(premis.export(record("media")).replace(b"eventDateTime", b"eventTime"))
    assert not premis_schema().validate(document)


@pytest.mark.parametrize("kind", KINDS)
def test_case_is_a_graph_whose_references_lead_somewhere(kind: str) -> None:
    document = json.loads(case.export(record(kind)))
    names: set[str] = set()
    references: set[str] = set()

    def walk(value: Any, key: str = "") -> None:
        if isinstance(value, dict):
            if "@id" in value:
                (names if "@type" in value else references).add(value["@id"])
            assert not value.get("@type") or ":" in value["@type"]
            for inner, item in value.items():
                walk(item, inner)
        elif isinstance(value, list):
            for item in value:
                walk(item, key)

    walk(document["@graph"])
    assert references <= names
    kinds = [node["@type"] for node in document["@graph"]]
    assert kinds.count("uco-observable:File") == 1 + len(record(kind).files)
    assert ("case-investigation:Investigation" in kinds) == (kind != "nameless")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ("parts", "hostile"))
def test_case_follows_the_shapes_of_its_ontology(kind: str, tmp_path: Path) -> None:
    validate = pytest.importorskip("case_utils.case_validate").validate
    good, bad = tmp_path / "good.jsonld", tmp_path / "bad.jsonld"
    good.write_bytes(case.export(record(kind)))
    result = validate(str(good), case_version="case-1.5.0")
    assert result.conforms, result.text
    assert not result.undefined_concepts
    bad.write_bytes(good.read_bytes().replace(b'"uco-types:hashMethod": "SHA256",', b""))
    assert not validate(str(bad), case_version="case-1.5.0").conforms


def test_the_same_certificate_gives_the_same_document() -> None:
    assert case.export(record("parts")) == case.export(record("parts"))
    assert premis.export(record("parts")) == premis.export(record("parts"))


@pytest.mark.parametrize("vocabulary", ["case", "premis"])
def test_only_what_verifies_is_exported_and_nothing_is_overwritten(
    vocabulary: str, pair: KeyPair, tmp_path: Path
) -> None:
    parcel = deliveries.make(tmp_path, pair)
    authority = tmp_path / "ca.pem"
    authorities.write_certificates(authority, *pair.chain)
    out = tmp_path / "record"
    written = export_record(parcel.certificate, vocabulary=vocabulary, out=out, ca=authority)
    assert deliveries.digest(parcel.master).encode() in written.read_bytes().lower()
    with pytest.raises(StorageError):
        export_record(parcel.certificate, vocabulary=vocabulary, out=out, ca=authority)
    parcel.media.write_bytes(b"another picture")
    with pytest.raises(CertificateError, match="step 5"):
        export_record(parcel.certificate, vocabulary=vocabulary, out=tmp_path / "other", ca=authority)
