"""What the service counts, for Prometheus."""

from __future__ import annotations

import os
from collections.abc import Iterable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from classifier.model.prediction import Prediction

__all__ = ["CONTENT_TYPE_LATEST", "MULTIPROCESS", "Metrics"]


# prometheus-client's own name: the folder in which several processes add up their counts.
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# Times at which counts began would double the page, and nobody asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The counts of one process, with those of its siblings where there are any."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "classifier_requests", "Requests answered.", ("method", "path", "status"),
            registry=registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "classifier_request_seconds", "From the headers to the end of the answer.", ("path",),
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self.under_way = Gauge(
            "classifier_requests_under_way", "Requests not yet answered.",
            multiprocess_mode="livesum", registry=registry,
        )  # fmt: skip
        self.articles = Counter(
            "classifier_articles", "Articles scored.", ("model",), registry=registry
        )
        self.tags = Counter(
            "classifier_tags", "Labels given.", ("model", "label"), registry=registry
        )
        self.unjudged = Counter(
            "classifier_unjudged", "Articles that a model would not judge.", ("model",),
            registry=registry,
        )  # fmt: skip
        self.stuck = Gauge(
            "classifier_stuck_threads", "Threads whose scoring has not ended in time.",
            multiprocess_mode="livesum", registry=registry,
        )  # fmt: skip
        self.reloads = Counter(
            "classifier_reloads", "Reloads of the models.", ("outcome",), registry=registry
        )

    def answered(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one request; `path` must be one of few."""
        known = method if method in METHODS else "other"
        self.requests.labels(known, path, str(status)).inc()
        self.seconds.labels(path).observe(seconds)

    def predicted(self, name: str, said: Iterable[Prediction]) -> None:
        """Count what a model said."""
        for prediction in said:
            self.articles.labels(name).inc()
            if prediction.note:
                self.unjudged.labels(name).inc()
            for label in prediction.tags:
                self.tags.labels(name, label).inc()

    def page(self) -> bytes:
        """Return the counts as Prometheus reads them."""
        if not os.environ.get(MULTIPROCESS):
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
