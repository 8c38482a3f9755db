"""Taking jobs in: the material goes into the shared storage, what is asked for is checked, and the engine is told."""

from __future__ import annotations

import logging
import stat
from dataclasses import replace
from pathlib import Path

from transcoder import profile as profiles
from transcoder.errors import InputError, TranscodeError, UsageError
from transcoder.jobs import sources
from transcoder.jobs.base import Job, Options, Source, Submission, seconds_of
from transcoder.jobs.config import JobsConfig
from transcoder.jobs.dispatch import Dispatcher
from transcoder.jobs.ledger import Ledger
from transcoder.jobs.material import BY_PATH
from transcoder.jobs.names import clean_name
from transcoder.jobs.objects import Objects
from transcoder.model import CaseFields, Override
from transcoder.storage.local import sha256_of

log = logging.getLogger("transcoder.jobs")


class Desk:
    """Where jobs are handed in."""

    def __init__(self, config: JobsConfig, ledger: Ledger, objects: Objects, dispatcher: Dispatcher) -> None:
        self._config, self._ledger, self._objects, self._dispatcher = config, ledger, objects, dispatcher

    def keep(self, file: Path, *, name: str, sha256: str) -> Source:
        """Put an uploaded file into the shared storage, under its hash: the same file twice is kept once.

        :param file: complete; it is the caller's afterwards as well.
        :param name: as the sender has it.
        :param sha256: computed while it arrived.
        """
        size = file.stat().st_size
        if size == 0:
            raise InputError("the file is empty", where=name, code="input-empty")
        while True:
            place = sources.place_of(self._ledger.engine, sha256)
            if self._objects.bytes_of(place) != size:
                self._objects.put(place, file)
            if sources.touch(self._ledger.engine, place):
                return Source(name=clean_name(name), bytes=size, sha256=sha256, place=place)
            self._objects.remove(place)  # given up and cleared while it arrived: nobody else would come by again

    def at_path(self, given: str) -> Source:
        """A source that lies under one of the allowed folders.

        :raises UsageError: where it does not, links followed (``path-not-allowed``).
        :raises InputError: where it is no regular file.
        """
        asked = Path(given)
        try:
            real = asked.resolve()
        except (OSError, RuntimeError, ValueError):  # links in a circle, or characters that no path has
            raise InputError("cannot be read", where=given[:200], code="input-unreadable") from None
        if not asked.is_absolute() or not any(real.is_relative_to(root.resolve()) for root in self._config.roots):
            raise UsageError(
                "not under a folder that sources may be named from", where=given[:200],
                hint="upload the file, or have TRANSCODER_SOURCE_ROOTS name its folder", code="path-not-allowed",
            )  # fmt: skip
        try:
            if not stat.S_ISREG(real.stat().st_mode):  # a pipe or a device would be read for ever
                raise InputError("not a regular file", where=given[:200], code="input-unreadable")
            return Source(
                name=clean_name(real.name), bytes=real.stat().st_size, sha256=sha256_of(real), place=f"{BY_PATH}{real}"
            )
        except OSError as error:
            raise InputError(error.strerror or str(error), where=given[:200], code="input-unreadable") from None

    def check(self, options: Options) -> str:
        """Hold what is asked for against what makes sense; the SHA-256 of the profile with its changes.

        :raises UsageError: with the field's name.
        """
        if options.profile not in profiles.shipped_names():
            raise UsageError(
                f"no profile is called {options.profile[:80]!r}",
                hint=f"there are: {', '.join(profiles.shipped_names())}", code="profile-unknown",
            )  # fmt: skip
        loaded = profiles.load(options.profile)
        if options.cap_bytes is not None:
            loaded = loaded.with_cap(options.cap_bytes)
        if options.max_parts is not None:
            loaded = loaded.with_max_parts(options.max_parts)
        case = CaseFields(
            urn=options.urn, exhibit=options.exhibit, operator=options.operator, description=options.description
        )
        if options.accept_degraded:
            Override(operator=case.operator or "", reason=options.reason or "")
        elif options.reason is not None:
            raise UsageError("a reason belongs to accept_degraded", code="usage")
        for text in (options.within_s, options.from_s, options.to_s):
            seconds_of(text)
        return loaded.sha256

    def submit(self, asked: Submission) -> tuple[Job, bool]:
        """Write a job down and tell the engine; see ``Ledger.submit``.

        An engine that cannot be told now is told later: the job is safe once it is written down.
        """
        asked = replace(asked, profile_sha256=self.check(asked.options))
        job, new = self._ledger.submit(asked)
        if new:
            self._tell(job)
        return job, new

    def run_again(self, job_id: str, request: str | None = None) -> Job:
        """See ``Ledger.run_again``."""
        job = self._ledger.run_again(job_id, request)
        self._tell(job)
        return job

    def _tell(self, job: Job) -> None:
        try:
            self._dispatcher.dispatch(job)
        except TranscodeError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the engine's database says, the job is written down
            log.warning("the engine is told later: %s", str(error).splitlines()[0], extra=job.known_as)


__all__ = ["Desk"]
