"""File names in headers: read as browsers and libraries send them, written so that all of them keep every script."""

from __future__ import annotations

import email.utils
from email.message import Message
from typing import Any
from urllib.parse import quote

_ESCAPED = (("%22", '"'), ("%0D", "\r"), ("%0A", "\n"))
"""What browsers write for the three characters that would break the header; they leave the percent sign as it is."""
_ATTRIBUTE = "!#$&+-.^_`|~"


def named_in(disposition: bytes, plain: bytes | None) -> str | None:
    """The name in a part's Content-Disposition; None where the part is no file.

    Browsers send UTF-8 in ``filename``. Where ``filename*`` comes as well, ``filename`` is its remains in ASCII.

    :param plain: ``filename``, as the parser of forms has it.
    """
    extended = _extended(disposition) if b"*" in disposition else None
    if extended:
        return extended
    if plain is None:
        return extended
    try:
        text = plain.decode()
    except UnicodeDecodeError:
        text = plain.decode("latin-1")
    for written, char in _ESCAPED:
        text = text.replace(written, char)
    return text


def _extended(disposition: bytes) -> str | None:
    """``filename*`` (RFC 5987), also in pieces (RFC 2231)."""
    message = Message()
    message["content-disposition"] = disposition.decode("latin-1")
    try:
        given: list[tuple[str, Any]] = message.get_params([], header="content-disposition")
        for name, value in given:
            if name.lower() == "filename" and isinstance(value, tuple):
                return email.utils.collapse_rfc2231_value(value, errors="replace")
    except (ValueError, LookupError, TypeError):
        return None  # a header that says something else
    return None


def attachment(name: str) -> str:
    """Content-Disposition of a file that is to be saved, as RFC 6266 has it: in ASCII, and as it is."""
    plain = "".join(char if " " <= char <= "~" and char not in '"\\' else "_" for char in name)
    said = f'attachment; filename="{plain}"'
    return said if plain == name else f"{said}; filename*=UTF-8''{quote(name, safe=_ATTRIBUTE)}"


__all__ = ["attachment", "named_in"]
