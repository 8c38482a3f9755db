"""Settings from the environment. Only ``app`` reads them.

A few paths and words need no framework: pydantic-settings took a third of a second of every start.
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
_TSA_TIMEOUT_S = 10.0


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
    """PEM file of its certificate, or of that of a key elsewhere."""
    signer_chain: Path | None = None
    """PEM file of the authorities above it."""
    signer_command: str | None = None
    """A program with its arguments that signs a SHA-256."""
    pkcs11_module: Path | None = None
    """A vendor's PKCS#11 library, where the key is in hardware."""
    pkcs11_token: str | None = None
    """Label of the token in it."""
    pkcs11_key: str | None = None
    """Label of the key on the token."""
    pkcs11_pin: str | None = field(default=None, repr=False)
    """The token's PIN; ``pkcs11_pin_file`` is the safer place."""
    pkcs11_pin_file: Path | None = None
    """A file with the PIN as its first line."""
    tsa_url: str | None = field(default=None, repr=False)
    """A time-stamping authority's address."""
    tsa_ca: Path | None = None
    """PEM file of the authorities above it."""
    tsa_timeout_s: float = _TSA_TIMEOUT_S
    """How long it may take to answer."""
    trust_dir: Path | None = None
    """Folder of authorities and revocation lists that verifying goes by."""
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

        def text(name: str) -> str | None:
            return environment.get(PREFIX + name) or None

        def path(name: str) -> Path | None:
            value = text(name)
            return Path(value) if value else None

        limits = {name: value for name in LIMIT_NAMES if (value := environment.get(f"{PREFIX}SANDBOX_{name.upper()}"))}
        cache = path("CACHE_DIR") or Path(platformdirs.user_cache_dir("transcoder"))
        return cls(
            keys_dir=path("KEYS_DIR") or Path(platformdirs.user_config_dir("transcoder")) / "keys",
            signer_key=path("SIGNER_KEY"),
            signer_cert=path("SIGNER_CERT"),
            signer_chain=path("SIGNER_CHAIN"),
            signer_command=text("SIGNER_COMMAND"),
            pkcs11_module=path("PKCS11_MODULE"),
            pkcs11_token=text("PKCS11_TOKEN"),
            pkcs11_key=text("PKCS11_KEY"),
            pkcs11_pin=text("PKCS11_PIN"),
            pkcs11_pin_file=path("PKCS11_PIN_FILE"),
            tsa_url=text("TSA_URL"),
            tsa_ca=path("TSA_CA"),
            tsa_timeout_s=_seconds(text("TSA_TIMEOUT_S")),
            trust_dir=path("TRUST_DIR") or Path(platformdirs.user_config_dir("transcoder")) / "trust",
            home=_home(environment),
            audit=_switch(environment.get(f"{PREFIX}AUDIT") or "on"),
            sandbox=Policy.from_text(environment.get(f"{PREFIX}SANDBOX", ""), limits, cache),
        )


def _seconds(value: str | None) -> float:
    if value is None:
        return _TSA_TIMEOUT_S
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 300:
        raise UsageError("must be a number of seconds, more than 0 and at most 300", where="TRANSCODER_TSA_TIMEOUT_S")
    return seconds


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise UsageError(f"neither on nor off: {text[:40]}", where=f"{PREFIX}AUDIT", code="usage")
    return text == "on"
