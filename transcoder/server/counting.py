"""Figures for Prometheus. Labels are routes, methods, statuses, states: never a job, a case, a name or an address."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from transcoder.jobs.figures import DURATIONS_S, figures
from transcoder.jobs.ledger import Ledger
from transcoder.jobs.workers import Workers
from transcoder.version import __version__

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0)


class _Queue(Collector):
    """Asks the database at each scrape: several API processes give the same figures then."""

    def __init__(self, ledger: Ledger, workers: Workers, dead_after_s: float) -> None:
        self._ledger, self._workers, self._dead_after_s = ledger, workers, dead_after_s

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: a registry asks for it when it is made, and the database need not answer then."""
        return []

    def collect(self) -> Iterable[Metric]:
        found = figures(self._ledger.engine)
        states = GaugeMetricFamily("transcoder_jobs", "Jobs by state; queued is the queue's depth.", labels=["state"])
        for state, number in found.states.items():
            states.add_metric([str(state)], number)
        yield states
        yield GaugeMetricFamily(
            "transcoder_queue_oldest_seconds", "Age of the oldest job that waits.", found.oldest_queued_s
        )
        yield GaugeMetricFamily("transcoder_job_attempts", "Attempts of all jobs that are kept.", found.attempts)
        took = HistogramMetricFamily("transcoder_job_duration_seconds", "From a job's first attempt to its end.")
        bounds = [(str(bound), float(count)) for bound, count in zip(DURATIONS_S, found.ended_within, strict=True)]
        took.add_metric([], [*bounds, ("+Inf", float(found.ended))], sum_value=found.ended_total_s)
        yield took
        alive = sum(worker.silent_s < self._dead_after_s for worker in self._workers.all())
        yield GaugeMetricFamily("transcoder_workers", "Workers that were heard lately.", alive)


class Counts:
    """What this process counts, and what the database knows.

    :param dead_after_s: a worker that was silent for so long does not count.
    """

    def __init__(self, ledger: Ledger, workers: Workers, dead_after_s: float) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        registry.register(_Queue(ledger, workers, dead_after_s))
        self._requests = Counter(
            "transcoder_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "transcoder_request_duration_seconds", "From a request's first line to its answer's last byte.",
            ("method", "route"), registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self._received = Counter("transcoder_received_bytes", "Bytes of request bodies.", registry=registry)
        self._sent = Counter("transcoder_sent_bytes", "Bytes of answers' bodies.", registry=registry)
        self._unlogged = Counter(
            "transcoder_audit_failures", "Accesses that could not be written to the audit log.", registry=registry
        )
        build = Gauge("transcoder_build_info", "Always 1.", ("version",), registry=registry)
        build.labels(__version__).set(1)

    def request(self, method: str, route: str, status: int, *, took_s: float, received: int, sent: int) -> None:
        """Count one request.

        :param route: its template; empty where the address is none of ours.
        :param received, sent: bytes of the bodies.
        """
        # Whoever asks makes up methods and addresses: they must not each become a series.
        method = method if route else "-"
        self._requests.labels(method, route or "-", str(status)).inc()
        self._seconds.labels(method, route or "-").observe(took_s)
        self._received.inc(received)
        self._sent.inc(sent)

    def unlogged(self) -> None:
        """Count an access that the audit log does not have."""
        self._unlogged.inc()

    def text(self) -> bytes:
        """As Prometheus reads it.

        :raises SQLAlchemyError: where the database does not answer.
        """
        return generate_latest(self._registry)


__all__ = ["Counts"]
