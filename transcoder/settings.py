"""Settings from the environment. Only ``app`` reads them.

Four paths need no framework: pydantic-settings took a third of a second of every start.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from transcoder.errors import UsageError
from transcoder.sandbox.limits import DEFAULT_POLICY, LIMIT_NAMES, Policy

PREFIX = "TRANSCODER_"


def _home(environment: Mapping[str, str] = os.environ) -> Path:
    return Path(environment.get(f"{PREFIX}HOME") or platformdirs.user_data_dir("transcoder"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting; the environment variable is ``TRANSCODER_`` and the name in capitals."""

    keys_dir: Path
    """Where the self-issued authority and key live when no others are named."""
    signer_key: Path | None = None
    """PEM file of an organisation's own private key (EC, P-256)."""
    signer_cert: Path | None = None
    """PEM file of its certificate."""
    signer_chain: Path | None = None
    """PEM file of the authorities above it."""
    home: Path = field(default_factory=_home)
    """Where the tool keeps what it must remember: the audit log is the folder ``audit`` in it."""
    audit: bool = True
    """``TRANSCODER_AUDIT=off`` does without an audit log."""
    sandbox: Policy = DEFAULT_POLICY
    """``TRANSCODER_SANDBOX`` is its mode, ``TRANSCODER_SANDBOX_CPU_S`` and so on are its limits."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """The settings of this process; an empty variable counts as unset.

        :raises UsageError: where one has no such value.
        """

        def path(name: str) -> Path | None:
            value = environment.get(PREFIX + name)
            return Path(value) if value else None

        limits = {name: value for name in LIMIT_NAMES if (value := environment.get(f"{PREFIX}SANDBOX_{name.upper()}"))}
        cache = path("CACHE_DIR") or Path(platformdirs.user_cache_dir("transcoder"))
        return cls(
            keys_dir=path("KEYS_DIR") or Path(platformdirs.user_config_dir("transcoder")) / "keys",
            signer_key=path("SIGNER_KEY"),
            signer_cert=path("SIGNER_CERT"),
            signer_chain=path("SIGNER_CHAIN"),
            home=_home(environment),
            audit=_switch(environment.get(f"{PREFIX}AUDIT") or "on"),
            sandbox=Policy.from_text(environment.get(f"{PREFIX}SANDBOX", ""), limits, cache),
        )


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise UsageError(f"neither on nor off: {text[:40]}", where=f"{PREFIX}AUDIT", code="usage")
    return text == "on"
