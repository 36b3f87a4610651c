"""A client of the service: typed answers, batches, and patience where the service asks for it.

Needs the extra ``client``.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from classifier.article import Article
from classifier.errors import ClassifierError, needing
from classifier.fields import Articles, as_article, iter_articles
from classifier.model.prediction import Contribution, Prediction

if TYPE_CHECKING:
    import httpx

__all__ = [
    "Client",
    "ExplainedLabel",
    "ExplainedPrediction",
    "ServedModel",
    "ServiceError",
    "prediction_of",
]


class ServiceError(ClassifierError):
    """The service cannot be reached, or has answered with a problem.

    Parameters
    ----------
    detail : str
    status : int
        0 when there was no answer.
    problem : mapping
        The problem document, with ``field`` and ``limit`` where the service named them.
    """

    def __init__(
        self, detail: str, *, status: int = 0, problem: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.problem = status, dict(problem or {})


@dataclass(frozen=True, slots=True)
class ExplainedLabel:
    """Why a label was given or not: the contributions and the bias add up to the margin.

    Parameters
    ----------
    label : str
    probability : float
    cut : float or None
        Probability from which the label is given, ``None`` for never.
    margin, bias : float
    contributions : tuple of Contribution
        Every known term, the weightiest first.
    """

    label: str
    probability: float
    cut: float | None
    margin: float
    bias: float
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class ExplainedPrediction:
    """A prediction with its reasons.

    Parameters
    ----------
    prediction : Prediction
    text : str
        What the model read.
    labels : mapping of str to ExplainedLabel
    spans : tuple of (int, int, str)
        Start, end and term of every known word in `text`.
    """

    prediction: Prediction
    text: str
    labels: Mapping[str, ExplainedLabel]
    spans: tuple[tuple[int, int, str], ...]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """Return what POST /v1/explain answered."""
        return cls(
            prediction_of(answer["prediction"]),
            answer["text"],
            {label: _label_of(label, why) for label, why in answer["labels"].items()},
            tuple((start, end, term) for start, end, term in answer["spans"]),
        )


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model of the service.

    Parameters
    ----------
    name, signature, hash : str
    labels : tuple of str
    cuts : mapping of str to (float or None)
        Probabilities from which labels are given, ``None`` for never.
    versions : mapping of str to str
    card : str
        Markdown.
    models : tuple of str
        Names of all models, the default first.
    feedback : bool
        Whether corrections are taken.
    """

    name: str
    signature: str
    hash: str
    labels: tuple[str, ...]
    cuts: Mapping[str, float | None]
    versions: Mapping[str, str]
    card: str
    models: tuple[str, ...]
    feedback: bool

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """Return what GET /v1/model answered."""
        kept = {each.name: answer[each.name] for each in fields(cls)}
        return cls(**kept | {name: tuple(answer[name]) for name in ("labels", "models")})


def prediction_of(row: Mapping[str, Any]) -> Prediction:
    """Return a prediction as the service wrote it."""
    return Prediction(
        row["id"],
        tuple(row["tags"]),
        row["scores"],
        row["coverage"],
        row["model"],
        row.get("note", ""),
    )


def _label_of(label: str, why: Mapping[str, Any]) -> ExplainedLabel:
    terms = (Contribution(t["term"], t["count"], t["contribution"]) for t in why["terms"])
    return ExplainedLabel(
        label, why["probability"], why["cut"], why["margin"], why["bias"], tuple(terms)
    )


BATCH = 64
# Characters of one batch, which leaves room for what JSON escapes under the service's limit.
BATCH_CHARS = 1_000_000
AGAIN = frozenset({429, 502, 503, 504})
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0  # seconds


class Client:
    """Asks a service; a context manager.

    Busy answers (429, 503 and those of proxies) and broken connections are tried again after
    pauses that double, or as long as the service says; nothing the service does is harmed by
    being asked twice.

    Parameters
    ----------
    url : str
        Such as ``http://127.0.0.1:8000``.
    token : str
        What the service asks for, empty for none.
    model : str
        Name of the model to ask, empty for the service's default.
    retries : int
        Times to try again.
    seconds : float
        To wait for each answer.
    transport : httpx.BaseTransport, optional
        Another way to the service.

    Examples
    --------
    >>> with Client("http://127.0.0.1:8000") as client:  # doctest: +SKIP
    ...     for prediction in client.predict_stream(articles):
    ...         print(prediction.id, prediction.tags)
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        model: str = "",
        retries: int = 5,
        seconds: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        with needing("client", "the client needs httpx"):
            import httpx
        self._httpx, self._model, self._retries = httpx, model, retries
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=url, headers=headers, timeout=seconds, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def predict(
        self,
        articles: Articles,
        *,
        point: str = "balanced",
        thresholds: Mapping[str, float] | None = None,
    ) -> list[Prediction]:
        """Return one prediction an article, in order, as `Model.predict` does.

        Parameters
        ----------
        articles : iterable of Article, str or mapping
        point : {"balanced", "precise", "complete"}
            Working point: which of the model's cuts decide.
        thresholds : mapping of str to float, optional
            Probabilities from which labels are given, instead of the cuts.

        Raises
        ------
        ServiceError
            When the service refuses, or cannot be reached after all retries.
        """
        return list(self.predict_stream(articles, point=point, thresholds=thresholds))

    def predict_stream(
        self,
        articles: Articles,
        *,
        point: str = "balanced",
        thresholds: Mapping[str, float] | None = None,
    ) -> Iterator[Prediction]:
        """Yield one prediction an article, holding no more than a batch of them."""
        for batch in _batches(articles):
            body = {"articles": [_row(each) for each in batch], **_cuts(point, thresholds)}
            answer = self._post("/v1/predict", body)
            yield from map(prediction_of, answer["predictions"])

    def explain(
        self,
        article: Article | str | Mapping[str, Any],
        *,
        point: str = "balanced",
        thresholds: Mapping[str, float] | None = None,
    ) -> ExplainedPrediction:
        """Return the prediction of one article with its reasons."""
        body = {**_row(as_article(article)), **_cuts(point, thresholds)}
        answer = self._post("/v1/explain", body)
        return ExplainedPrediction.of(answer)

    def model(self) -> ServedModel:
        """Return what the service tells of the model."""
        answer = self._ask("GET", "/v1/model", params={"model": self._model} if self._model else {})
        return ServedModel.of(answer)

    def models(self) -> tuple[str, ...]:
        """Return the names of all models, the default first."""
        return tuple(each["name"] for each in self._ask("GET", "/v1/models")["models"])

    def feedback(
        self,
        article: Article | str | Mapping[str, Any],
        labels: Sequence[str],
        *,
        negative: Sequence[str] | None = None,
    ) -> None:
        """Save what labels an article has, where the service takes corrections.

        Parameters
        ----------
        article : Article or str
        labels : sequence of str
        negative : sequence of str, optional
            Labels that it has not; all others when left out.
        """
        body: dict[str, object] = {**_row(as_article(article)), "labels": list(labels)}
        self._post(
            "/v1/feedback", body | ({} if negative is None else {"negative": list(negative)})
        )

    def _post(self, path: str, body: Mapping[str, object]) -> Any:
        named = {"model": self._model} if self._model else {}
        return self._ask("POST", path, json={**body, **named})

    def _ask(self, method: str, path: str, **content: Any) -> Any:
        for attempt in range(self._retries + 1):
            answer, reason = None, ""
            try:
                answer = self._http.request(method, path, **content)
            except self._httpx.TransportError as error:
                reason = str(error) or type(error).__name__
            if answer is not None and answer.status_code not in AGAIN:
                return _checked(answer)
            if attempt < self._retries:
                time.sleep(_pause(attempt, answer))
        if answer is not None:
            return _checked(answer)
        raise ServiceError(
            f"{self._http.base_url} cannot be reached ({reason}), tried {self._retries + 1} "
            "times. Is the service running there?"
        )


def _batches(articles: Articles) -> Iterator[list[Article]]:
    batch: list[Article] = []
    size = 0
    for article in iter_articles(articles):
        length = len(article.text) + len(article.title)
        if batch and (len(batch) == BATCH or size + length > BATCH_CHARS):
            yield batch
            batch, size = [], 0
        batch.append(article)
        size += length
    if batch:
        yield batch


def _cuts(point: str, thresholds: Mapping[str, float] | None) -> dict[str, object]:
    # a service that knows no working points takes no field of that name
    named = {} if point == "balanced" else {"point": point}
    return {"thresholds": dict(thresholds or {}), **named}


def _row(article: Article) -> dict[str, object]:
    named = {"id": article.id, "title": article.title}
    row = {"text": article.text} | {name: value for name, value in named.items() if value}
    return {name: _whole(value) for name, value in row.items()}


def _whole(text: str) -> str:
    """Return `text` with half characters, which JSON cannot carry, as the text rules read them."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _checked(answer: httpx.Response) -> Any:
    """Return what an answer holds, or raise the problem it tells of."""
    try:
        content = answer.json()
    except ValueError:
        content = None
    if answer.is_success and isinstance(content, dict):
        return content
    problem = content if isinstance(content, dict) else {}
    detail = problem.get("detail", "no answer of this service: is the address right?")
    raise ServiceError(
        f"{answer.request.url}: {answer.status_code} {detail}",
        status=answer.status_code,
        problem=problem,
    )


def _pause(attempt: int, answer: httpx.Response | None) -> float:
    """Return seconds to wait: what the service says, else doubling with some chance."""
    said = answer.headers.get("retry-after", "") if answer is not None else ""
    if said.isdecimal():
        return min(float(said), LONGEST_PAUSE)
    # chance keeps clients that failed together from coming back together
    return random.uniform(0.5, 1.0) * min(FIRST_PAUSE * float(2**attempt), LONGEST_PAUSE)
