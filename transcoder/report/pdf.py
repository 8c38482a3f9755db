"""The report as a PDF for case files: the very same page, laid out on A4 by WeasyPrint.

WeasyPrint was chosen over libraries that draw (fpdf2, ReportLab) because it takes the page as it is: one text in one
order, checked once. It writes tagged PDF/UA, so that screen readers find headings and the words of pictures, and
embeds the machine's fonts letter by letter, other scripts included. It needs Pango, which is no Python package.
"""

from __future__ import annotations

import io
import logging
import mimetypes
from typing import Any

from transcoder.errors import CapUnreachable, UsageError

_QUALITIES = ((None, None), (70, 150), (45, 96))
"""JPEG quality and dots per inch of the pictures, until the document fits."""


def make(page: str, *, max_bytes: int) -> bytes:
    """The document of at most ``max_bytes``.

    :param page: from ``html.page`` with ``paper=True``.
    :raises UsageError: where this machine lacks the library that lays out text.
    :raises CapUnreachable: where it does not fit, with pictures as small as they get.
    """
    weasyprint = library()
    # It warns of every rule that is meant for screens.
    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)
    document = weasyprint.HTML(string=page, url_fetcher=_fetcher(), base_url=None)
    size = 0
    for quality, dots in _QUALITIES:
        out = io.BytesIO()
        document.write_pdf(out, pdf_variant="pdf/ua-1", jpeg_quality=quality, dpi=dots, optimize_images=False)
        size = out.tell()
        if size <= max_bytes:
            return out.getvalue()
    raise CapUnreachable(
        f"the PDF takes {size} bytes, over the cap of {max_bytes}",
        hint="the HTML report fits, and prints from any browser",
    )


def library() -> Any:
    """WeasyPrint, loaded without what its loading changes for others.

    :raises UsageError: where this machine lacks Pango.
    """
    from PIL import ImageFile

    # Lists of file types that this machine may hold: the sandbox refuses them, and the page has one type of picture.
    mimetypes.knownfiles = []
    strict = ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        import weasyprint
    except OSError as error:
        raise UsageError(
            f"a PDF needs the Pango library, which is not installed ({error})",
            hint="install it (Debian: libpango-1.0-0 and libpangoft2-1.0-0), or print the HTML report from a browser",
            code="pdf-unavailable",
        ) from None
    finally:
        # It takes cut pictures for whole ones from then on, in the whole process.
        ImageFile.LOAD_TRUNCATED_IMAGES = strict
    return weasyprint


def _fetcher() -> Any:
    """Pictures inside the page, and nothing else: no file, no address."""
    from weasyprint.urls import URLFetcher

    return URLFetcher(allowed_protocols=("data",), allow_redirects=False)
