"""What the routes share: the models, the thread that scores, the counts."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.requests import Request

from classifier.archive.score import model_folder
from classifier.errors import ModelError
from classifier.model.folder import load_model, read_card
from classifier.model.model import Model
from classifier.service.batching import Scorer
from classifier.service.corrections import FeedbackFile
from classifier.service.errors import ProblemError
from classifier.service.limits import Limits, ServiceSettings, Source
from classifier.service.metrics import Metrics

__all__ = ["Service", "Shelf", "Shelved", "service_of"]


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
