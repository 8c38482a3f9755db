"""Content Credentials in words: what the report says about the manifests of a delivery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS = {
    "valid": "was valid, and its signer is trusted here",
    "untrusted": "was whole; its signer is not known here",
    "invalid": "did not hold",
    "malformed": "could not be read",
}
_OTHER = {"onvif-media-signing": "ONVIF Media Signing", "signed-video": "Signed Video"}


def sentence(section: Mapping[str, Any]) -> str:
    """The report's line about a certificate's ``credentials``."""
    files = section["files"]
    where = {carrier: [item for item in files if item["carrier"] == carrier] for carrier in ("embedded", "sidecar")}
    lacking = [item for item in files if item["carrier"] == "none"]
    said = []
    if where["embedded"]:
        said.append(f"a signed C2PA manifest in {_count(where['embedded'], files)}")
    if where["sidecar"]:
        said.append(f"a signed C2PA manifest beside {_count(where['sidecar'], files)} ({where['sidecar'][0]['store']})")
    if lacking:
        said.append(f"none in {_count(lacking, files)}: {lacking[0]['note']}")
    incoming = section["incoming"]
    if incoming is not None:
        by = f", signed by {incoming['signer']}," if incoming["signer"] else ""
        fate = "kept" if incoming["kept"] else "not kept"
        said.append(f"the source's own manifest{by} {_WORDS[incoming['state']]}; {fate}")
    said += [
        f"{_OTHER[item['kind']]} in the source's video, {item['before']}; {item['after']}" for item in section["other"]
    ]
    text = "; ".join(said)
    return text[:1].upper() + text[1:]


def _count(some: list[Any], everything: list[Any]) -> str:
    if len(everything) == 1:
        return "the file"
    return (
        f"each of the {len(everything)} files"
        if len(some) == len(everything)
        else f"{len(some)} of {len(everything)} files"
    )
