"""PREMIS 3 (Library of Congress): objects, events and agents of a delivery, for archives and evidence stores."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from transcoder.exports.events import Event, File, Record

NAMESPACE = "http://www.loc.gov/premis/v3"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_EVENT_TYPES = {"authority": "eventType", "authorityURI": "http://id.loc.gov/vocabulary/preservation/eventType"}
_HASHES = {
    "authority": "cryptographicHashFunctions",
    "authorityURI": "http://id.loc.gov/vocabulary/preservation/cryptographicHashFunctions",
}

_ROLES = {"tool": "executing program", "operator": "implementer", "signer": "authorizer"}


def export(record: Record) -> bytes:
    """A PREMIS document in UTF-8.

    :param record: a verified statement.
    """
    Xml.register_namespace("premis", NAMESPACE)
    Xml.register_namespace("xsi", _INSTANCE)
    root = Xml.Element(_tag("premis"), {"version": "3.0"})
    events = record.events()
    for file in (record.master, *record.files):
        _object(root, record, file)
    for number, event in enumerate(events, start=1):
        _event(root, record, number, event)
    for role, name, kind, version in _agents(record):
        agent = _add(root, "agent")
        _identifier(agent, "agent", str(record.name("agent", role)))
        _add(agent, "agentName", name)
        _add(agent, "agentType", kind)
        if version:
            _add(agent, "agentVersion", version)
    Xml.indent(root)
    return bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _agents(record: Record) -> Sequence[tuple[str, str, str, str]]:
    """Role, name, type and version of whoever took part."""
    predicate = record.predicate
    agents = [
        ("tool", str(predicate["tool"]["name"]), "software", str(predicate["tool"]["version"])),
        ("signer", str(predicate["signer"]["subject"]), "organization", ""),
    ]
    return [*agents, ("operator", record.operator, "person", "")] if record.operator else agents


def _object(root: Xml.Element, record: Record, file: File) -> None:
    item = _add(root, "object")
    item.set(f"{{{_INSTANCE}}}type", "premis:file")
    _identifier(item, "object", _object_name(record, file))
    exhibit = record.predicate["case"].get("exhibit")
    if file.role == "master" and exhibit:
        _identifier(item, "object", exhibit, kind="exhibit reference")
    properties = _add(item, "significantProperties")
    _add(properties, "significantPropertiesType", "role in the delivery")
    _add(properties, "significantPropertiesValue", file.role)
    traits = _add(item, "objectCharacteristics")
    fixity = _add(traits, "fixity")
    _add(fixity, "messageDigestAlgorithm", "SHA-256", _HASHES)
    _add(fixity, "messageDigest", file.sha256)
    _add(traits, "size", str(file.bytes))
    designation = _add(_add(traits, "format"), "formatDesignation")
    _add(designation, "formatName", _format(record, file))
    _add(item, "originalName", _text(file.name))
    if file.role != "master":
        relation = _add(item, "relationship")
        _add(relation, "relationshipType", "derivation")
        _add(relation, "relationshipSubType", "has source")
        related = _add(relation, "relatedObjectIdentifier")
        _add(related, "relatedObjectIdentifierType", "UUID")
        _add(related, "relatedObjectIdentifierValue", _object_name(record, record.master))


def _event(root: Xml.Element, record: Record, number: int, event: Event) -> None:
    item = _add(root, "event")
    _identifier(item, "event", str(record.name("event", str(number))))
    _add(item, "eventType", event.kind, _EVENT_TYPES)
    _add(item, "eventDateTime", record.moment)
    _add(_add(item, "eventDetailInformation"), "eventDetail", event.detail)
    outcome = _add(item, "eventOutcomeInformation")
    _add(outcome, "eventOutcome", event.outcome)
    for role, *_ in _agents(record):
        if (role == "signer") != (event.kind == "digital signature generation") and role != "operator":
            continue
        agent = _add(item, "linkingAgentIdentifier")
        _add(agent, "linkingAgentIdentifierType", "UUID")
        _add(agent, "linkingAgentIdentifierValue", str(record.name("agent", role)))
        _add(
            agent, "linkingAgentRole", {"tool": "executing program", "operator": "implementer"}.get(role, "authorizer")
        )
    for files, role in ((event.objects, "source"), (event.results, "outcome")):
        for file in files:
            linked = _add(item, "linkingObjectIdentifier")
            _add(linked, "linkingObjectIdentifierType", "UUID")
            _add(linked, "linkingObjectIdentifierValue", _object_name(record, file))
            _add(linked, "linkingObjectRole", role)


def _object_name(record: Record, file: File) -> str:
    return str(record.name("object", file.role, file.name))


def _format(record: Record, file: File) -> str:
    if file.role == "master":
        return str(record.predicate["source"].get("container") or "unknown")
    return file.name.rpartition(".")[2] or "unknown"


def _identifier(parent: Xml.Element, of: str, value: str, *, kind: str = "UUID") -> None:
    item = _add(parent, f"{of}Identifier")
    _add(item, f"{of}IdentifierType", kind)
    _add(item, f"{of}IdentifierValue", value)


def _add(
    parent: Xml.Element, name: str, text: str | None = None, attributes: dict[str, str] | None = None
) -> Xml.Element:
    item = Xml.SubElement(parent, _tag(name), attributes or {})
    if text is not None:
        item.text = _text(text)
    return item


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _text(value: str) -> str:
    """Without what XML 1.0 cannot hold: a hostile file name must not make a document that nobody can read."""
    return _UNWRITABLE.sub("\ufffd", value)


_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
