"""Templates and the files beside them; everything that comes from outside is escaped."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from transcoder.report.charts import clock
from transcoder.server.pages import words
from transcoder.version import __version__

if TYPE_CHECKING:
    import jinja2

PACKAGE = "transcoder.server.pages"


@lru_cache
def address(name: str) -> str:
    """Where a file of ``static`` is had; with its hash, so that a browser keeps it until it changes."""
    content = resources.files(PACKAGE).joinpath("static", name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:16]}"


def size(count: int) -> str:
    """Bytes as people read them; exact below 10,000."""
    if count < 10_000:
        return f"{count:,} bytes"
    factor, unit = (1e3, "kB") if count < 999e3 else (1e6, "MB") if count < 999e6 else (1e9, "GB")
    shown = count / factor
    text = f"{shown:.{0 if shown >= 100 else 1 if shown >= 10 else 2}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {unit}"


def moment(seconds: float | None) -> Markup:
    """A time of day; a script says it in the reader's own time zone."""
    if seconds is None:
        return Markup("")
    when = datetime.fromtimestamp(seconds, UTC)
    shown = f"{when.day} {when:%b %Y, %H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(when.isoformat(timespec="seconds"), shown)


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """The templates of all pages."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader(PACKAGE, "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"size": size, "moment": moment, "clock": clock}
    made.globals |= {"static": address, "words": words, "version": __version__}
    return made


def render(name: str, **context: Any) -> str:
    """A page's text."""
    return environment().get_template(name).render(**context)


__all__ = ["address", "environment", "moment", "render", "size"]
