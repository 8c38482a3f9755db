"""Readers of ours and what is wrong with their input: a value or one error of ours, never anything else."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.targets import TARGETS, Bench, inputs
from transcoder.certificate.keys import KeyPair

_EXAMPLES = {"signed": 100, "packed_series": 60, "packed_regions": 60}
"""Fewer where each takes long."""

pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, pair: KeyPair) -> Bench:
    return Bench(tmp_path_factory.mktemp("fuzz"), pair)


@pytest.mark.parametrize("name", TARGETS)
def test_a_value_or_one_error(name: str, bench: Bench) -> None:
    @settings(max_examples=_EXAMPLES.get(name, 200), suppress_health_check=list(HealthCheck))
    @given(data=inputs(bench)[name])
    def run(data: bytes) -> None:
        TARGETS[name](bench, data)

    run()
