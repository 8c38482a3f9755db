"""The spine: one source in, one certified delivery out. Reads like a table of contents.

Everything that opens media happens in a child (``making``); here are the source's hash, the key and the store.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transcoder import crediting, recording, spare
from transcoder.audit.base import Sent
from transcoder.audit.base import job as audited
from transcoder.certificate.trusted import as_trust
from transcoder.credentials.notary import chain_pem
from transcoder.crediting import EMBED
from transcoder.errors import (
    CapUnreachable,
    EncodeError,
    FloorUnreachable,
    InputError,
    NoAcceptableEncoding,
    OutputMismatch,
)
from transcoder.made import Made, Order
from transcoder.media.ahead import meanwhile
from transcoder.model import Delivery, Progress, SourceInfo, Verdict
from transcoder.naming import confirm_stem, delivery_stem, safe_stem
from transcoder.parts import volumes
from transcoder.parts.volumes import Volume
from transcoder.request import Request, Services
from transcoder.sandbox import parent
from transcoder.sandbox.parent import Task, Worker
from transcoder.sandbox.started import Started
from transcoder.sharing import answering, no_chunks
from transcoder.storage import local
from transcoder.storage.base import Admitted

if TYPE_CHECKING:
    from transcoder.packet import Packet

Tick = Callable[[str, int, int | None], None]
MAKE: Task[Made] = Task("transcoder.making:make", Made, spare.MODULES, measures=True)


def transcode(request: Request, services: Services, child: Started | None = None) -> Delivery:
    """Deliver one source under a profile.

    :param child: one that was started already; see ``spare``.
    :returns: the published delivery.
    :raises InputError: where the source is unusable; nothing is written.
    :raises NoAcceptableEncoding: a refusal; its ``delivery`` attribute names the signed refusal that was written.
    :raises StorageError: where the delivery or its entry in the audit log cannot be written; nothing is left.
    """
    started = time.monotonic()
    tick = _ticker(request)
    with (
        audited(services.audit, "apply", recording.asked(request)) as entry,
        parent.worker(MAKE, services.sandbox, child) as worker,
        ExitStack() as later,
    ):
        admitted = local.admit(request.source, tick)
        sent = recording.sent_before(request, admitted, services)
        entry.begin(recording.admitted(admitted))
        master = SourceInfo(
            path=request.source, bytes=admitted.bytes, sha256=admitted.sha256, container="", stream=request.stream
        )
        expected = delivery_stem(master, request.profile)
        if request.clip is None:
            _reserve(expected, services)

        embedder: list[Worker] = []

        def note(name: str, value: Any) -> None:
            if name == "stem" and not embedder:  # the other child has loaded what it needs, and leaves a processor
                embedder.append(later.enter_context(parent.worker(EMBED, services.sandbox)))
            if name == "stem" and request.clip is not None:  # a clip's is known only when its frames are
                _reserve(confirm_stem(str(value), expected, clipped=True), services)

        with services.store.workspace() as work:
            (work / "made").mkdir()
            later.enter_context(meanwhile(_load_packet))
            try:
                answer = worker.run(
                    {"order": _order(request, services, admitted, started)},
                    name=request.source.name,
                    read=[request.source, *([request.regions] if request.regions is not None else [])],
                    work=work / "made",
                    tick=tick,
                    note=note,
                    ask=answering(request.chunks, work / "made") if request.chunks is not None else no_chunks,
                    source_bytes=admitted.bytes,
                )
            except (InputError, EncodeError, OutputMismatch, OSError):
                local.confirm_unchanged(admitted, tick)  # what looks damaged may be half of another file
                raise
            made: Made = answer.value
            confirm_stem(made.stem, expected, clipped=request.clip is not None)
            original = _volumes(request, master, made, work, tick)
            local.confirm_unchanged(admitted, tick)
            from transcoder import packet as packets

            (work / "credited").mkdir()
            credited = crediting.credit(
                embedder[0] if embedder else None, made, packets.confirm(made, work / "made", request.profile),
                master, request, services, work / "credited", tick,
            )  # fmt: skip
            packet = packets.certify(made, credited, original, answer.layers, master, request, services, work)
            entry.end(recording.came_of_it(made, packet, request, services))  # nothing leaves unlogged
            published = services.store.publish(packet.files)
            entry.done()

    return _result(made, request, admitted, packet, published, time.monotonic() - started, sent)


def _load_packet() -> None:
    """Load what the end of a job needs, while the child has its job and this process waits."""
    with suppress(Exception):  # met again where it is needed
        from transcoder import packet

        packet.prepare()


def _reserve(stem: str, services: Services) -> None:
    services.store.reserve([f"{stem}.{ending}" for ending in ("certificate.json", "refusal.json")])


def _order(request: Request, services: Services, admitted: Admitted, started: float) -> Order:
    stills = request.stills
    return Order(
        source=request.source,
        sha256=admitted.sha256,
        profile=request.profile,
        case=request.case,
        override=request.override,
        regions=request.regions,
        within_s=request.within_s,
        stills=request.profile.evidence_stills if stills is None else stills,
        stream=request.stream,
        clip=request.clip,
        began=started,
        signer=services.signer.identity,
        issued_at=services.now(),
        chain_pem=chain_pem(services.signer.certificates),
        trusted_pem=chain_pem(as_trust(services.anchors).anchors),
    )


def _volumes(request: Request, source: SourceInfo, made: Made, work: Path, tick: Tick) -> Sequence[Volume]:
    """The original in volumes where it is wanted, also beside a refusal; not where the delivery is the original."""
    wanted = request.with_original or request.profile.originals
    if not wanted or made.verdict is Verdict.IDENTICAL:
        return ()
    folder = work / "volumes"
    folder.mkdir()
    suffix = re.sub(r"[^\w.]+", "_", source.path.suffix)
    cap = request.profile.payload_cap_bytes
    return volumes.cut(source.path, folder, name=f"{safe_stem(source)}{suffix}", max_bytes=cap, tick=tick)


def _result(
    made: Made, request: Request, admitted: Admitted, packet: Packet, published: Mapping[str, Path], seconds: float,
    sent: Sent | None,
) -> Delivery:  # fmt: skip
    refused = made.refused
    delivery = Delivery(
        source=replace(made.source, path=request.source, bytes=admitted.bytes, sha256=admitted.sha256),
        profile=request.profile.name,
        verdict=made.verdict,
        rung=made.rung,
        files=tuple(replace(item, path=published[item.path.name]) for item in packet.described),
        fidelity=made.fidelity,
        rejected=made.rejected,
        statement=packet.statement,
        seconds=seconds,
        refusal=refused.described if refused else None,
        already_sent=sent.to_dict() if sent is not None else None,
    )
    if refused is not None:
        kind: type[NoAcceptableEncoding] = FloorUnreachable if refused.floor else CapUnreachable
        error = kind(refused.message, where=delivery.source.name, hint=refused.hint)
        error.delivery = delivery
        raise error
    return delivery


def _ticker(request: Request) -> Tick:
    units = {"hash": "bytes", "confirm": "bytes", "encode": "frames", "measure": "frames", "credentials": "files"}
    name = str(request.source)

    def tick(phase: str, done: int, total: int | None) -> None:
        request.progress(Progress(source=name, phase=phase, done=done, total=total, unit=units.get(phase, "frames")))

    return tick
