"""The contract of the API as a file: ``python -m tests.helpers.contract docs/openapi.json``."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.helpers.service import bench
from transcoder.server.application import create


def contract() -> str:
    with tempfile.TemporaryDirectory() as home:
        document = create(bench(Path(home)).service).openapi()
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(contract(), encoding="utf-8")
