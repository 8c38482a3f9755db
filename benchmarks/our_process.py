"""Our tool the way its users start it: one process that encodes, measures every frame, signs and reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXIT_DELIVERED, EXIT_REFUSED = 0, 3


@dataclass(frozen=True, slots=True)
class Applied:
    """What one ``transcoder apply`` came to."""

    media: Path | None
    rung: str
    verdict: str
    refused_for: str

    @property
    def remark(self) -> str:
        """What the table says beside the figures."""
        if self.media is None:
            return f"refused, signed: {self.refused_for}"
        return self.verdict if self.rung == "re-encode" else f"{self.verdict}, {self.rung}"


def apply(source: Path, out: Path, *, cap_bytes: int, keys_dir: Path, accept_degraded: bool = False) -> Applied:
    """Deliver one source under the default profile with another cap.

    :param accept_degraded: also deliver below a floor, so that there is something to score.
    :raises RuntimeError: where it neither delivers nor refuses.
    """
    command = [sys.executable, "-m", "transcoder", "apply", str(source)]
    command += ["--cap", str(cap_bytes), "--out", str(out), "--json", "--progress", "none"]
    if accept_degraded:
        command += ["--accept-degraded", "--operator", "benchmark", "--reason", "to be scored beside its peers"]
    environment = {**os.environ, "TRANSCODER_KEYS_DIR": str(keys_dir)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    try:
        result: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        result = {}
    if not result.get("verdict"):
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"transcoder exits with {done.returncode}: {last}")
    media = [Path(item["path"]) for item in result["files"] if item["role"] in ("media", "still", "part")]
    refusal = result.get("refusal") or {}
    return Applied(media[0] if media else None, result["rung"], result["verdict"], str(refusal.get("message", "")))
