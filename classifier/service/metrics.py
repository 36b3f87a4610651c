"""What the service counts, for Prometheus."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import TypeVar

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

__all__ = ["CONTENT_TYPE_LATEST", "MULTIPROCESS", "Metrics"]


# prometheus-client's own name: the folder in which several processes add up their counts.
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# Times at which counts began would double the page, and nobody asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]
Kind = TypeVar("Kind", Counter, Histogram)


class Metrics:
    """The counts of one process, with those of its siblings where there are any.

    Counts with labels are called with their values, which are looked up once.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = _labelled(Counter(
            "classifier_requests", "Requests answered.", ("method", "path", "status"),
            registry=registry,
        ))  # fmt: skip
        self.seconds = _labelled(Histogram(
            "classifier_request_seconds", "From the headers to the end of the answer.", ("path",),
            buckets=SECONDS, registry=registry,
        ))  # fmt: skip
        self.under_way = Gauge(
            "classifier_requests_under_way", "Requests not yet answered.",
            multiprocess_mode="livesum", registry=registry,
        )  # fmt: skip
        self.articles = _labelled(Counter(
            "classifier_articles", "Articles scored.", ("model",), registry=registry
        ))  # fmt: skip
        self.tags = _labelled(Counter(
            "classifier_tags", "Labels given.", ("model", "label"), registry=registry
        ))  # fmt: skip
        self.unjudged = _labelled(Counter(
            "classifier_unjudged", "Articles that a model would not judge.", ("model",),
            registry=registry,
        ))  # fmt: skip
        self.stuck = Gauge(
            "classifier_stuck_threads", "Threads whose scoring has not ended in time.",
            multiprocess_mode="livesum", registry=registry,
        )  # fmt: skip
        self.reloads = _labelled(Counter(
            "classifier_reloads", "Reloads of the models.", ("outcome",), registry=registry
        ))  # fmt: skip

    def page(self) -> bytes:
        """Return the counts as Prometheus reads them."""
        if not os.environ.get(MULTIPROCESS):
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


def _labelled(metric: Kind) -> Callable[..., Kind]:
    return cache(metric.labels)
