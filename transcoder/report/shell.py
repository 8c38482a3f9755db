"""The page around what it says: its template, style and script, and the policy that allows these alone."""

from __future__ import annotations

import base64
import hashlib
import re
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from transcoder.model import exact_clock
from transcoder.report import custody
from transcoder.report.charts import clock

if TYPE_CHECKING:
    import jinja2

_ROLES = {
    "media": "Film",
    "still": "Picture",
    "evidence": "Picture taken from the film",
    "crop": "Lossless cut-out",
}


def policy(style: str, script: str) -> str:
    """Nothing from anywhere but this very style and script, pictures inside the page, and files that a person opens."""
    rules = ["default-src 'none'", "img-src data:", f"style-src '{_hash(style)}'"]
    if script:
        rules += [f"script-src '{_hash(script)}'", "media-src 'self' blob:"]
    return "; ".join((*rules, "base-uri 'none'", "form-action 'none'"))


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


@lru_cache
def asset(name: str) -> str:
    """A stylesheet or script of the page."""
    from importlib import resources

    from markupsafe import Markup

    # The package's own text, not anybody's: it goes in as it is.
    return Markup(resources.files("transcoder.report").joinpath("templates", name).read_text("utf-8"))  # noqa: S704


@lru_cache(maxsize=1)
def template() -> jinja2.Template:
    """The page's template, with the filters that make values readable."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("transcoder.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = clock
    environment.filters["milliseconds"] = lambda fraction: f"{float(Fraction(fraction)) * 1000:.3g} ms"
    environment.filters["role"] = lambda role: _ROLES.get(role, role.capitalize())
    environment.filters["rung"] = custody.rung
    environment.filters["grouped"] = lambda text: re.sub(r"\b\d{5,}\b", lambda found: f"{int(found[0]):,}", text)
    environment.filters["exact_clock"] = lambda fraction: exact_clock(Fraction(fraction))
    environment.filters["bytes"] = lambda number: f"{number:,} bytes"
    environment.filters["score"] = lambda number: f"{number:.4f}"
    return environment.get_template("report.html.j2")
