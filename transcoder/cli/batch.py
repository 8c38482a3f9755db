"""Many sources in one call: some at a time, each with its own outcome, stopped together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from transcoder.cli import exits
from transcoder.errors import Cancelled, NoAcceptableEncoding, TranscodeError
from transcoder.model import Delivery, Progress, ProgressCallback


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one source: a delivery, or an error (a refusal has both)."""

    source: Path
    delivery: Delivery | None
    error: TranscodeError | None

    @property
    def exit_code(self) -> int:
        """The exit code this source alone would give."""
        return exits.DELIVERED if self.error is None else exits.code_for(self.error)

    def to_dict(self) -> dict[str, object]:
        """The JSON object of this source."""
        described: dict[str, object] = {"source": {"path": str(self.source)}, "verdict": None}
        if self.delivery is not None:
            described = self.delivery.to_dict()
        return described | ({"error": self.error.diagnostics()} if self.error is not None else {})


def _nothing() -> None:
    pass


Work = Callable[[Path, ProgressCallback], Delivery]


def run(
    sources: Sequence[Path], work: Work, progress: ProgressCallback, *, jobs: int, soon: Callable[[], None] = _nothing
) -> Iterator[Outcome]:
    """Deliver all sources, at most ``jobs`` at a time, and yield outcomes as they come.

    Threads suffice: decoders, encoders and the SSIM kernel release the interpreter's lock. When the caller
    stops (Ctrl-C), every running job is told at its next frame and cleans up behind itself.

    :param soon: called, maybe often, while a source comes to its end and another one waits for it.
    """
    stop = threading.Event()

    def watched(event: Progress) -> None:
        if stop.is_set():
            raise Cancelled("stopped on request; nothing of this source was left", where=event.source)
        progress(event)

    def one(source: Path, ending: Callable[[], None] = _nothing) -> Outcome:
        def heard(event: Progress) -> None:
            watched(event)
            if event.phase == "measure":
                ending()

        try:
            return Outcome(source, work(source, heard), None)
        except NoAcceptableEncoding as error:
            refusal = error.delivery
            return Outcome(source, refusal if isinstance(refusal, Delivery) else None, error)
        except TranscodeError as error:
            return Outcome(source, None, error)
        except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback reaches a user
            kind = type(error).__name__
            fault = TranscodeError(
                f"internal fault ({kind}: {error})",
                where=str(source),
                hint="please report this with the file's name and this line; nothing was delivered",
            )
            fault.__cause__ = error
            return Outcome(source, None, fault)

    if jobs == 1:
        last = len(sources) - 1
        for number, source in enumerate(sources):
            yield one(source, soon if number < last else _nothing)
        return
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        waiting: set[Future[Outcome]] = {pool.submit(one, source) for source in sources}
        try:
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
