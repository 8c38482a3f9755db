"""Media-preserving evidence transcoding: a hard size cap, measured fidelity, a signed certificate.

    from transcoder import transcode, verify

    delivery = transcode("CCTV.avi", profile="cps-twif-1mb", out="delivery/")
    print(delivery.verdict, delivery.file("media").path)

Names are loaded on first use, so that importing the package (and ``transcoder --help``) stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from transcoder.version import __version__

if TYPE_CHECKING:
    from transcoder.app import join, plan, receive, transcode, verify
    from transcoder.certificate.verify import Verification
    from transcoder.errors import (
        Cancelled,
        CapUnreachable,
        CertificateError,
        EncodeError,
        FloorUnreachable,
        InputError,
        NoAcceptableEncoding,
        OutputMismatch,
        ProfileError,
        SandboxError,
        StorageError,
        TranscodeError,
        UsageError,
    )
    from transcoder.joining import Joined
    from transcoder.model import CaseFields, DeliveredFile, Delivery, Fidelity, Override, Progress, Verdict
    from transcoder.outlook import Forecast
    from transcoder.profile import Profile
    from transcoder.receiving import Received

_HOMES = {
    "transcoder.app": ("join", "plan", "receive", "transcode", "verify"),
    "transcoder.outlook": ("Forecast",),
    "transcoder.joining": ("Joined",),
    "transcoder.receiving": ("Received",),
    "transcoder.certificate.verify": ("Verification",),
    "transcoder.errors": (
        "Cancelled",
        "CapUnreachable",
        "CertificateError",
        "EncodeError",
        "FloorUnreachable",
        "InputError",
        "NoAcceptableEncoding",
        "OutputMismatch",
        "ProfileError",
        "SandboxError",
        "StorageError",
        "TranscodeError",
        "UsageError",
    ),
    "transcoder.model": ("CaseFields", "DeliveredFile", "Delivery", "Fidelity", "Override", "Progress", "Verdict"),
    "transcoder.profile": ("Profile",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Cancelled",
    "CapUnreachable",
    "CaseFields",
    "CertificateError",
    "DeliveredFile",
    "Delivery",
    "EncodeError",
    "Fidelity",
    "FloorUnreachable",
    "Forecast",
    "InputError",
    "Joined",
    "NoAcceptableEncoding",
    "OutputMismatch",
    "Override",
    "Profile",
    "ProfileError",
    "Progress",
    "Received",
    "SandboxError",
    "StorageError",
    "TranscodeError",
    "UsageError",
    "Verdict",
    "Verification",
    "__version__",
    "join",
    "plan",
    "receive",
    "transcode",
    "verify",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'transcoder' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
