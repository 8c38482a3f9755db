"""What workers and the API are told; ``hosting`` reads it from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transcoder.jobs.posting import Allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsConfig:
    """Where jobs are kept and how they are run."""

    database_url: str = field(repr=False)
    """Of the list of jobs."""
    engine_url: str = field(repr=False)
    """Of the engine's own tables; with Postgres the same database."""
    storage: str
    """A folder or address that all workers see."""
    work: Path
    """This machine's own folder for attempts."""
    storage_options: Mapping[str, Any] = field(default_factory=dict)
    roots: tuple[Path, ...] = ()
    """Folders from which sources may be named by path."""
    concurrency: int = 1
    """Jobs that one worker does at a time: each uses two processors or so."""
    timeout_s: float = 6 * 3600.0
    """The longest that an attempt may take, unless the job says otherwise."""
    max_tries: int = 5
    """Attempts that ended with a fault of the machine, after which a job is given up."""
    max_falls: int = 12
    """Attempts that ended with their worker, after which a job is given up. More than of the others: five falls in a
    row also come to a job that merely runs where workers are killed every few seconds (two of 200 under 100 kills)."""
    first_pause_s: float = 2.0
    """Between the first two attempts; doubled each time."""
    beat_s: float = 2.0
    dead_after_s: float = 30.0
    """A worker that has not been heard for so long has its jobs given to others."""
    retention_s: float | None = None
    """Jobs that ended so long ago are removed with their files; None keeps everything."""
    webhooks: Allowed = field(default_factory=Allowed)
    """Whom webhooks may reach; nobody means that there are none."""

    @property
    def embedded(self) -> bool:
        """Whether all is in files of this machine."""
        return self.engine_url.startswith("sqlite")
