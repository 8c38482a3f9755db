"""CASE/UCO (Cyber-investigation Analysis Standard Expression) as JSON-LD: files, tool, people and what was done."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from transcoder.exports.events import Event, File, Record

_UCO, _CASE = "https://ontology.unifiedcyberontology.org/uco/", "https://ontology.caseontology.org/case/"
_CONTEXT = {
    "case-investigation": f"{_CASE}investigation/",
    **{f"uco-{name}": f"{_UCO}{name}/" for name in ("action", "core", "identity", "observable", "tool", "types")},
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
Node = dict[str, Any]


def export(record: Record) -> bytes:
    """A CASE document (JSON-LD) in UTF-8.

    :param record: a verified statement.
    """
    graph = _Graph(record)
    master = graph.file(record.master)
    files = {file.name: graph.file(file) for file in record.files}
    for file in record.files:
        graph.derived(files[file.name], master, file.name)
    agents = graph.agents()
    names = {record.master: master, **{file: files[file.name] for file in record.files}}
    steps = [graph.action(number, event, names, agents) for number, event in enumerate(record.events(), start=1)]
    graph.provenance(master, list(files.values()))
    graph.investigation([master, *files.values(), *steps])
    document = {"@context": _CONTEXT, "@graph": graph.nodes}
    return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"


class _Graph:
    """Nodes in the order in which they were added."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self.nodes: list[Node] = []

    def _add(self, kind: str, *name: str, **properties: Any) -> str:
        node = self._node(kind, *name, **properties)
        self.nodes.append(node)
        return str(node["@id"])

    def _node(self, kind: str, *name: str, **properties: Any) -> Node:
        given = {_term(key): value for key, value in properties.items() if value not in (None, "", [])}
        return {"@id": f"urn:uuid:{self._record.name(kind, *name)}", "@type": kind, **given}

    def file(self, file: File) -> str:
        """A file with its size and hash."""
        key = (file.role, file.name)
        digest = self._node("uco-types:Hash", *key, uco_types__hashMethod="SHA256",
                            uco_types__hashValue={"@type": "xsd:hexBinary", "@value": file.sha256.upper()})  # fmt: skip
        named = self._node("uco-observable:FileFacet", *key, uco_observable__fileName=file.name,
                           uco_observable__sizeInBytes=file.bytes)  # fmt: skip
        held = self._node("uco-observable:ContentDataFacet", *key, uco_observable__hash=[digest],
                          uco_observable__sizeInBytes=file.bytes)  # fmt: skip
        return self._add("uco-observable:File", *key, uco_core__tag=[file.role], uco_core__hasFacet=[named, held])

    def derived(self, file: str, master: str, name: str) -> None:
        """That a file was made from the master."""
        kind = "Copied_From" if self._record.predicate["verdict"] == "identical" else "Derived_From"
        self._add("uco-observable:ObservableRelationship", name, uco_core__source=_refer([file]),
                  uco_core__target=_refer([master])[0], uco_core__kindOfRelationship=kind,
                  uco_core__isDirectional=True)  # fmt: skip

    def agents(self) -> dict[str, str]:
        """Tool, signer and operator."""
        predicate = self._record.predicate
        tool, signer = predicate["tool"], predicate["signer"]
        found = {
            "tool": self._add("uco-tool:Tool", "tool", uco_core__name=tool["name"], uco_tool__version=tool["version"],
                              uco_tool__toolType="evidence transcoding"),
            "signer": self._add("uco-identity:Organization", "signer", uco_core__name=signer["subject"],
                                uco_core__description=[f"signing certificate, sha256 {signer['certificate_sha256']}"
                                                       + (", self-issued" if signer["self_issued"] else "")]),
        }  # fmt: skip
        if self._record.operator:
            found["operator"] = self._add("uco-identity:Person", "operator", uco_core__name=self._record.operator)
        return found

    def action(self, number: int, event: Event, names: dict[File, str], agents: dict[str, str]) -> str:
        """One step of the work."""
        signing = event.kind == "digital signature generation"
        performer = agents["signer"] if signing else agents.get("operator", agents["signer"])
        return self._add(
            "case-investigation:InvestigativeAction", str(number),
            uco_core__name=event.kind,
            uco_core__description=[f"{event.outcome}: {event.detail}"],
            uco_action__endTime={"@type": "xsd:dateTime", "@value": self._record.moment},
            uco_action__performer=_refer([performer])[0],
            uco_action__instrument=_refer([agents["tool"]]),
            uco_action__object=_refer(names[file] for file in event.objects),
            uco_action__result=_refer(names[file] for file in event.results),
        )  # fmt: skip

    def provenance(self, master: str, files: Sequence[str]) -> None:
        """Under which exhibit reference they go."""
        case = self._record.predicate["case"]
        for key, objects in (("master", [master]), ("delivery", files)):
            if objects:
                exhibit = case.get("exhibit", "")
                numbers: dict[str, Any] = {"case_investigation__exhibitNumber": exhibit} if key == "master" else {
                    "case_investigation__rootExhibitNumber": [exhibit] if exhibit else []
                }  # fmt: skip
                text = [case["description"]] if key == "master" and case.get("description") else [
                    str(self._record.predicate["notice"])
                ]  # fmt: skip
                self._add("case-investigation:ProvenanceRecord", key, uco_core__description=text,
                          uco_core__object=_refer(objects), **numbers)  # fmt: skip

    def investigation(self, objects: Sequence[str]) -> None:
        """The case they belong to, where it is named."""
        urn = self._record.predicate["case"].get("urn")
        if urn:
            self._add("case-investigation:Investigation", "case", uco_core__name=urn, uco_core__object=_refer(objects))


def _term(name: str) -> str:
    """``uco_core__name`` is how Python spells ``uco-core:name``."""
    space, _, term = name.partition("__")
    return f"{space.replace('_', '-')}:{term}"


def _refer(names: Iterable[str]) -> list[Node]:
    return [{"@id": name} for name in names]
