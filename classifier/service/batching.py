"""Articles of many requests scored together, on one thread beside the event loop."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from classifier.article import Article
from classifier.model.model import Model
from classifier.model.prediction import Prediction

__all__ = ["Scorer"]


Value = TypeVar("Value")
Outcome = list[Prediction] | Exception


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    model: Model
    articles: Sequence[Article]
    thresholds: Mapping[str, float]
    answer: asyncio.Future[list[Prediction]]

    @property
    def kind(self) -> tuple[int, tuple[tuple[str, float], ...]]:
        """What jobs must share to be scored in one call."""
        return id(self.model), tuple(sorted(self.thresholds.items()))


@dataclass(slots=True)
class Scorer:
    """Scores whatever waits, up to `most` articles at a time, as soon as the thread is free.

    Nothing is held back for company: while a batch is being scored the next one gathers, so a
    lone request loses no time and a crowd is scored in large batches.

    Parameters
    ----------
    most : int
        Articles in one call of the model. Larger requests are cut, so that small ones get
        their turn in between.
    observe : callable of int
        Told the size of each batch.
    """

    most: int = 64
    observe: Callable[[int], object] = lambda size: None
    _waiting: deque[_Job] = field(default_factory=deque)
    _worker: asyncio.Task[None] | None = None
    _thread: ThreadPoolExecutor | None = None

    async def predict(
        self,
        model: Model,
        articles: Sequence[Article],
        *,
        thresholds: Mapping[str, float] | None = None,
    ) -> list[Prediction]:
        """Return one prediction an article, in order.

        Raises
        ------
        ModelError
            When a threshold names no label of the model.
        """
        said: list[Prediction] = []
        for start in range(0, len(articles), self.most):
            part = articles[start : start + self.most]
            said += await self._submitted(model, part, thresholds or {})
        return said

    def _submitted(
        self, model: Model, articles: Sequence[Article], thresholds: Mapping[str, float]
    ) -> asyncio.Future[list[Prediction]]:
        loop = asyncio.get_running_loop()
        job = _Job(model, articles, thresholds, loop.create_future())
        self._waiting.append(job)
        if self._worker is None:
            self._worker = loop.create_task(self._work())
        return job.answer

    async def run(self, function: Callable[[], Value]) -> Value:
        """Return what `function` does on the thread that scores."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="scorer")
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    def close(self) -> None:
        """Let the thread go; another one is made when there is work again."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    async def _work(self) -> None:
        try:
            while jobs := self._taken():
                self.observe(sum(len(job.articles) for job in jobs))
                outcomes = await self.run(partial(_scored, jobs))
                for job, outcome in zip(jobs, outcomes, strict=True):
                    _settle(job.answer, outcome)
        finally:
            self._worker = None

    def _taken(self) -> list[_Job]:
        jobs: list[_Job] = []
        size = 0
        while self._waiting and (not jobs or size + len(self._waiting[0].articles) <= self.most):
            job = self._waiting.popleft()
            # who asked may have gone
            if not job.answer.done():
                jobs.append(job)
                size += len(job.articles)
        return jobs


def _settle(answer: asyncio.Future[list[Prediction]], outcome: Outcome) -> None:
    if answer.done():
        return
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


def _scored(jobs: Sequence[_Job]) -> list[Outcome]:
    alike: dict[object, list[int]] = defaultdict(list)
    for i, job in enumerate(jobs):
        alike[job.kind].append(i)
    outcomes: dict[int, Outcome] = {}
    for places in alike.values():
        group = [jobs[i] for i in places]
        outcomes |= zip(places, _together(group), strict=True)
    return [outcomes[i] for i in range(len(jobs))]


def _together(jobs: Sequence[_Job]) -> list[Outcome]:
    """Score jobs of one kind in one call, or one by one where that fails."""
    articles = [article for job in jobs for article in job.articles]
    try:
        said = iter(jobs[0].model.predict(articles, thresholds=jobs[0].thresholds))
    except Exception as error:
        # one article's fault is not that of its neighbours
        return [error] if len(jobs) == 1 else [_together([job])[0] for job in jobs]
    return [[next(said) for _ in job.articles] for job in jobs]
