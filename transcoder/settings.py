"""Settings from the environment. Only ``app`` reads them."""

from __future__ import annotations

from pathlib import Path

import platformdirs
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every setting, with the environment variable ``TRANSCODER_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix="TRANSCODER_")

    keys_dir: Path = Path(platformdirs.user_config_dir("transcoder")) / "keys"
    """Where the self-issued authority and key live when no others are named."""
    signer_key: Path | None = None
    """PEM file of an organisation's own private key (EC, P-256)."""
    signer_cert: Path | None = None
    """PEM file of its certificate."""
    signer_chain: Path | None = None
    """PEM file of the authorities above it."""
