"""Whatever is asked within the contract's words, no answer is a fault, and each is as the contract says."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.fuzzing import ask, operations
from tests.helpers.service import Bench, bench, sent


def test_answers_hold_against_the_contract(tmp_path: Path) -> None:
    served: Bench = bench(tmp_path, {"TRANSCODER_RATE_PER_MINUTE": "100000", "TRANSCODER_AUDIT": "off"})
    job = served.deliver(sent(served.client()).json()["id"]).id
    found, headers = operations(served)
    assert len(found) >= 19
    for operation in found:
        # Without a worker it is not ready, which is 503 by the contract; what is followed has ended.
        if operation.path != "/readyz":
            ask(operation, headers, job, examples=25)
