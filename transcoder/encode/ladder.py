"""The ladder: which rungs apply to a source under a profile, least harm first, and why others do not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import groupby, takewhile

from transcoder.encode.av1 import Av1
from transcoder.encode.base import EncodeJob, Encoder
from transcoder.encode.h264 import H264
from transcoder.encode.hevc import Hevc
from transcoder.encode.rewrap import Rewrap
from transcoder.encode.still import LossyStill
from transcoder.encode.still_lossless import LosslessStill
from transcoder.encode.still_rungs import still_rungs
from transcoder.encode.unchanged import Unchanged
from transcoder.encode.video_rungs import video_rungs
from transcoder.model import RegionKind, Rung, RungName, SourceInfo
from transcoder.profile import Profile

ENCODERS: Mapping[str, Callable[[EncodeJob], Encoder]] = {
    "copy": Unchanged,
    "page": Unchanged,
    "remux": Rewrap,
    "jpeg-recode": LosslessStill,
    "png-recode": LosslessStill,
    "h264": H264,
    "hevc": Hevc,
    "av1": Av1,
    "jpeg": LossyStill,
    "webp": LossyStill,
    "avif": LossyStill,
}

_LOSSY = frozenset((RungName.RE_ENCODE, RungName.SPLIT, RungName.REDUCE))


@dataclass(frozen=True, slots=True)
class Plan:
    """Rungs to try in order, and the ones that do not apply with the reason."""

    rungs: tuple[Rung, ...]
    skipped: tuple[tuple[RungName, str], ...]

    @property
    def gentle(self) -> tuple[Rung, ...]:
        """The leading rungs that change no sample: they need no regions."""
        return tuple(takewhile(lambda rung: rung.name not in _LOSSY, self.rungs))

    @property
    def whole(self) -> tuple[Rung, ...]:
        """The lossy rungs that put everything into one file and give nothing up beside detail."""
        return tuple(rung for rung in self.rungs if rung.name is RungName.RE_ENCODE)

    @property
    def lossy(self) -> tuple[tuple[RungName, tuple[Rung, ...]], ...]:
        """The lossy rungs by name, in the profile's order."""
        rest = groupby(self.rungs[len(self.gentle) :], key=lambda rung: rung.name)
        return tuple((name, tuple(rungs)) for name, rungs in rest)

    @property
    def parts(self) -> Rung | None:
        """The rung that makes several files, where it applies."""
        return next((rung for rung in self.rungs if rung.name is RungName.SPLIT), None)

    def followed_by(self, later: Plan) -> Plan:
        """What changes no sample from this plan, and everything else from one that was made for less room."""
        return Plan(
            (*self.gentle, *later.rungs[len(later.gentle) :]),
            (*(item for item in self.skipped if item[0] not in _LOSSY),
             *(item for item in later.skipped if item[0] in _LOSSY)),
        )  # fmt: skip


def plan_ladder(
    source: SourceInfo, profile: Profile, cap_bytes: int, kinds: Collection[RegionKind] | None = None
) -> Plan:
    """The ladder for one source.

    :param cap_bytes: the largest file allowed on disk.
    :param kinds: what was found in it, by which the lossy rungs are weighed; None where nobody looked.
    """
    rungs: list[Rung] = []
    skipped: list[tuple[RungName, str]] = []
    planner = still_rungs if source.still is not None else video_rungs
    for item in planner(source, profile, cap_bytes, kinds):
        if isinstance(item, Rung):
            rungs.append(item)
        else:
            skipped.append(item)
    allowed = profile.fallback
    skipped += [(rung.name, "the profile does not list this rung") for rung in rungs if rung.name not in allowed]
    # Least harm first, in the profile's own order; rungs of one name keep their order of preference.
    rungs = sorted((rung for rung in rungs if rung.name in allowed), key=lambda rung: allowed.index(rung.name))
    return Plan(tuple(rungs), tuple(skipped))
