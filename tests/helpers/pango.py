"""Whether this machine has Pango, which no Python package brings: PDFs of reports need it."""

from __future__ import annotations

import pytest

from transcoder.errors import UsageError
from transcoder.report import pdf

try:
    pdf.library()
except UsageError:
    PANGO = False
else:
    PANGO = True
needs_pango = pytest.mark.skipif(not PANGO, reason="Pango is not installed")
