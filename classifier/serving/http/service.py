"""What the routes share: the models, the thread that scores, the counts."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.requests import Request

from classifier.serving.http.batching import Scorer
from classifier.serving.http.feedback import FeedbackFile
from classifier.serving.http.metrics import Metrics
from classifier.serving.http.problems import ProblemError
from classifier.serving.http.settings import Limits, ServiceSettings
from classifier.serving.http.shelf import Shelf, Shelved

__all__ = ["Service", "service_of"]

log = logging.getLogger("classifier.serving")


@dataclass(slots=True)
class Service:
    """One process's share of the service.

    Parameters
    ----------
    settings : ServiceSettings
    shelf : Shelf
    metrics : Metrics
    scorer : Scorer
    feedback : FeedbackFile or None
    under_way, streams : int
        Requests and streams of lines not yet answered.
    """

    settings: ServiceSettings
    shelf: Shelf
    metrics: Metrics
    scorer: Scorer
    feedback: FeedbackFile | None = None
    under_way: int = 0
    streams: int = 0
    _reload: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    def of(cls, settings: ServiceSettings) -> Service:
        """Return a service that is ready to answer.

        Raises
        ------
        ClassifierError
            When a model cannot be loaded, or the file of corrections cannot be written to.
        """
        metrics = Metrics()
        return cls(
            settings,
            Shelf(settings.sources),
            metrics,
            Scorer(settings.limits.together, metrics.batches.observe),
            FeedbackFile(settings.feedback) if settings.feedback else None,
        )

    @property
    def limits(self) -> Limits:
        """The limits it was started with."""
        return self.settings.limits

    def model(self, name: str | None) -> Shelved:
        """Return a model by name, the default one for none.

        Raises
        ------
        ProblemError
            404 when there is none.
        """
        found = self.shelf.find(name)
        if found is None:
            names = ", ".join(self.shelf.models)
            raise ProblemError(
                404, f"no model is named '{name:.60}'. There are: {names}.", field="model"
            )
        return found

    def close_stream(self) -> None:
        """Let another stream of lines in."""
        self.streams -= 1

    async def reload(self) -> None:
        """Load the models again, beside those in use."""
        async with self._reload:
            fine = await asyncio.to_thread(self.shelf.reload)
        self.metrics.reloads.labels("done" if fine else "failed").inc()

    @contextmanager
    def reloading_on_hangup(self) -> Iterator[None]:
        """Reload at SIGHUP while the block lasts, in a main thread where there are signals."""
        hangup = getattr(signal, "SIGHUP", None)
        if hangup is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        loop, tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()

        def begin() -> None:
            task = loop.create_task(self.reload())
            tasks.add(task)  # the loop alone would let a task be collected
            task.add_done_callback(tasks.discard)

        loop.add_signal_handler(hangup, begin)
        try:
            yield
        finally:
            loop.remove_signal_handler(hangup)


def service_of(request: Request) -> Service:
    """Return the service that a request came to."""
    service: Service = request.app.state.service
    return service
