"""What the routes share: the models, the threads that score, the counts for Prometheus."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from queue import SimpleQueue
from typing import Any, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request

from classifier.article import Article
from classifier.errors import ModelError
from classifier.model.folder import load_model, model_folder, read_card
from classifier.model.model import Model
from classifier.model.prediction import Prediction
from classifier.service.corrections import FeedbackFile
from classifier.service.errors import ProblemError
from classifier.service.limits import Limits, ServiceSettings, Source

__all__ = ["MULTIPROCESS", "Metrics", "Scorer", "Service", "Shelf", "Shelved", "service_of"]


PIECE = 64  # articles scored before the next question gets its turn
# Characters that are scored at once, without a thread: 0.1 ms as a rule, 10 ms for the worst found.
SHORT = 10_000
RETRY_SECONDS = 1
Value = TypeVar("Value")
log = logging.getLogger("classifier.service")


@dataclass(frozen=True, slots=True)
class Shelved:
    """A model that is served.

    Parameters
    ----------
    name : str
        What requests call it.
    model : Model
    source : Source
    card : str
        Markdown for people, empty when the folder has none.
    """

    name: str
    model: Model
    source: Source
    card: str = field(default="", repr=False)


class Shelf:
    """The models by name; a reload replaces all of the mapping at once.

    Parameters
    ----------
    sources : sequence of Source
        The first is the default model.

    Raises
    ------
    ModelError
        When a folder holds no sound model, or two have the same name.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.models: Mapping[str, Shelved] = _by_name(map(_loaded, sources))

    @property
    def default(self) -> Shelved:
        """The model that answers when a request names none."""
        return next(iter(self.models.values()))

    def find(self, name: str | None) -> Shelved | None:
        """Return the model of that name, the default for none."""
        return self.default if name is None else self.models.get(name)

    def reload(self) -> bool:
        """Load every folder again and return whether all went well.

        What cannot be loaded stays as it was, and the log says why. Requests under way keep
        the model they began with.
        """
        renewed = [_renewed(each) for each in self.models.values()]
        try:
            models = _by_name(new or old for new, old in renewed)
        except ModelError as error:
            log.error("reload: %s All models stay as they were.", error)
            return False
        self.models = models
        log.info("reload: serving %s", ", ".join(each.model.signature for each in models.values()))
        return all(new for new, _ in renewed)


def _renewed(old: Shelved) -> tuple[Shelved | None, Shelved]:
    try:
        return _loaded(old.source), old
    # whatever it is, the models in use stay, and the reload has failed
    except Exception as error:
        log.error("reload: %s stays as it was: %s", old.model.signature, error)
        return None, old


def _loaded(source: Source) -> Shelved:
    folder = model_folder(source.folder)
    model = load_model(folder)
    return Shelved(source.name or model.name, model, source, read_card(folder))


def _by_name(shelved: Iterable[Shelved]) -> dict[str, Shelved]:
    models: dict[str, Shelved] = {}
    for each in shelved:
        if each.name in models:
            raise ModelError(
                f"two models are named '{each.name}' ({models[each.name].source.folder} and "
                f"{each.source.folder}). Name one of them: --model NAME=DIR."
            )
        models[each.name] = each
    return models


class Scorer:
    """Scores in threads of their own, each question for a limited time.

    Work on files is done by others of its kind: a disk or a lock may keep it waiting for ever.

    A thread whose work does not end in time is given up and another takes its place. It cannot be
    stopped and takes time of the processor until its work ends, so the number of them is limited.
    No thread keeps the process from ending.

    Parameters
    ----------
    seconds : float or None
        For a question, from when it is asked; ``None`` for as long as it takes.
    threads : int
        That score at once.
    most_stuck : int
        Threads that are replaced.
    observe : callable of int
        Told how many threads are stuck whenever it changes.
    """

    def __init__(
        self,
        seconds: float | None = 30.0,
        *,
        threads: int = 2,
        most_stuck: int = 4,
        observe: Callable[[int], object] = lambda n_stuck: None,
    ) -> None:
        self.seconds = seconds
        self._threads, self._most_stuck, self._observe = threads, most_stuck, observe
        self._places = asyncio.Semaphore(threads)
        self._jobs: SimpleQueue[tuple[Callable[[], object], asyncio.Future[Any]] | None] = (
            SimpleQueue()
        )
        self._n_idle = 0
        self.n_stuck = 0

    @property
    def all_stuck(self) -> bool:
        """Whether no thread is left that could answer."""
        return self.n_stuck >= self._threads + self._most_stuck

    async def predict(
        self,
        model: Model,
        articles: Sequence[Article],
        *,
        thresholds: Mapping[str, float] | None = None,
    ) -> list[Prediction]:
        """Return one prediction an article, in order; small questions get their turn in between.

        Raises
        ------
        ModelError
            When a threshold names no label of the model.
        TimeoutError
            When it takes too long.
        """
        if len(articles) <= PIECE and not self._places.locked() and _are_short(articles):
            return model.predict(articles, thresholds=thresholds)
        predictions: list[Prediction] = []
        async with asyncio.timeout(self.seconds):
            for start in range(0, len(articles), PIECE):
                piece = articles[start : start + PIECE]
                predictions += await self._done(
                    partial(model.predict, piece, thresholds=thresholds)
                )
        return predictions

    async def run(self, function: Callable[[], Value]) -> Value:
        """Return what `function` does on a thread that scores.

        Raises
        ------
        TimeoutError
            When it takes too long.
        """
        async with asyncio.timeout(self.seconds):
            return await self._done(function)

    def close(self) -> None:
        """Let the threads go that have nothing to do; others are started when there is work."""
        while self._n_idle:
            self._n_idle -= 1
            self._jobs.put(None)

    async def _done(self, function: Callable[[], Value]) -> Value:
        await self._places.acquire()
        answer = asyncio.get_running_loop().create_future()
        self._jobs.put((function, answer))
        if self._n_idle:
            self._n_idle -= 1
        else:
            threading.Thread(target=self._work, daemon=True).start()
        try:
            value: Value = await answer
        except asyncio.CancelledError:
            if answer.cancelled():  # else the thread has ended in this very moment
                if self.n_stuck < self._most_stuck:
                    self._places.release()
                self._count_stuck(+1)
            raise
        return value

    def _work(self) -> None:
        while job := self._jobs.get():
            function, answer = job
            value, error = None, None
            try:
                value = function()
            except Exception as raised:
                error = raised
            # the loop has ended where nobody waits any more
            with suppress(RuntimeError):
                answer.get_loop().call_soon_threadsafe(self._settle, answer, value, error)

    def _settle(self, answer: asyncio.Future[Any], value: object, error: Exception | None) -> None:
        """Hand over what a thread found, and its place unless another has taken it."""
        self._n_idle += 1
        if not answer.cancelled():
            self._places.release()
            if error is None:
                answer.set_result(value)
            else:
                answer.set_exception(error)
            return
        if self.n_stuck > self._most_stuck:
            self._places.release()
        self._count_stuck(-1)

    def _count_stuck(self, more: int) -> None:
        self.n_stuck += more
        self._observe(self.n_stuck)


def _are_short(articles: Sequence[Article]) -> bool:
    """Return whether scoring takes less than handing over to a thread, or a few ms at worst."""
    return sum(len(each.text) + len(each.title) for each in articles) <= SHORT


# prometheus-client's own name: the folder in which several processes add up their counts.
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# Times at which counts began would double the page, and nobody asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The counts of one process, with those of its siblings where there are any.

    Counts with labels are called with their values, which are looked up once.
    """

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()

        def counter(name: str, says: str, *labels: str) -> Callable[..., Counter]:
            return cache(Counter(f"classifier_{name}", says, labels, registry=registry).labels)

        def gauge(name: str, says: str) -> Gauge:
            return Gauge(f"classifier_{name}", says, multiprocess_mode="livesum", registry=registry)

        self.requests = counter("requests", "Requests answered.", "method", "path", "status")
        seconds = Histogram(
            "classifier_request_seconds", "From the headers to the end of the answer.", ("path",),
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self.seconds: Callable[..., Histogram] = cache(seconds.labels)
        self.under_way = gauge("requests_under_way", "Requests not yet answered.")
        self.articles = counter("articles", "Articles scored.", "model")
        self.tags = counter("tags", "Labels given.", "model", "label")
        self.unjudged = counter("unjudged", "Articles that a model would not judge.", "model")
        self.stuck = gauge("stuck_threads", "Threads whose scoring has not ended in time.")
        self.reloads = counter("reloads", "Reloads of the models.", "outcome")

    def page(self) -> bytes:
        """Return the counts as Prometheus reads them."""
        if not os.environ.get(MULTIPROCESS):
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


@dataclass(slots=True)
class Service:
    """One process's share of the service.

    Parameters
    ----------
    settings : ServiceSettings
    shelf : Shelf
    metrics : Metrics
    scorer, writer, loader : Scorer
        The threads that score, that save corrections and that load models.
    feedback : FeedbackFile or None
    under_way, streams : int
        Requests whose body is there, and streams of lines, that are not yet answered.
    n_bytes : int
        Of bodies that are coming in.
    """

    settings: ServiceSettings
    shelf: Shelf
    metrics: Metrics
    scorer: Scorer
    writer: Scorer
    loader: Scorer
    feedback: FeedbackFile | None = None
    under_way: int = 0
    streams: int = 0
    n_bytes: int = 0
    _reload: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    def of(cls, settings: ServiceSettings) -> Service:
        """Return a service that is ready to answer.

        Raises
        ------
        ClassifierError
            When a model cannot be loaded, or the file of corrections cannot be written to.
        """
        metrics, seconds = Metrics(), settings.limits.answer_seconds
        return cls(
            settings,
            Shelf(settings.sources),
            metrics,
            Scorer(seconds, observe=metrics.stuck.set),
            Scorer(seconds, threads=1, most_stuck=0),
            Scorer(None, threads=1, most_stuck=0),
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

    def refusal(self) -> ProblemError | None:
        """Return why no more work is taken at the moment, ``None`` when it is."""
        most = self.limits.requests
        if self.scorer.all_stuck:
            return ProblemError(
                503,
                f"{self.scorer.n_stuck} articles have been scored for more than "
                f"{self.limits.answer_seconds:g} seconds each, which is as many as are waited for. "
                "Restart the service if it stays so.",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        if self.under_way < most:
            return None
        return ProblemError(
            503,
            f"{most} requests are under way, which is as many as are taken. Try again.",
            headers={"Retry-After": str(RETRY_SECONDS)},
            limit=most,
        )

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count a request whose body has come while it is answered.

        Raises
        ------
        ProblemError
            503 when no more work is taken.
        """
        if refusal := self.refusal():
            raise refusal
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

    def count(self, name: str, said: Sequence[Prediction]) -> None:
        """Count what a model said."""
        self.metrics.articles(name).inc(len(said))
        for prediction in said:
            if prediction.note:
                self.metrics.unjudged(name).inc()
            for label in prediction.tags:
                self.metrics.tags(name, label).inc()

    def close_stream(self) -> None:
        """Let another stream of lines in."""
        self.streams -= 1

    def close(self) -> None:
        """Let all threads go that are not stuck."""
        for each in (self.scorer, self.writer, self.loader):
            each.close()

    async def reload(self) -> None:
        """Load the models again, beside those in use."""
        async with self._reload:
            fine = await self.loader.run(self.shelf.reload)
        self.metrics.reloads("done" if fine else "failed").inc()

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
